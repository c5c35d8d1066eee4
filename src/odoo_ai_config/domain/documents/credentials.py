"""
The ``credentials`` document, which names sealed values, and the references to them in others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

from attrs import frozen

from odoo_ai_config.domain.credentials.old_values import (
    OLD_MARK,
    OpenToken,
    is_encrypted,
    never_opens,
    require_opened,
)
from odoo_ai_config.domain.credentials.secrets import (
    MASK,
    Fingerprint,
    SealContext,
    SecretText,
)
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import Revision, content_of
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import REF_SUFFIX, CredentialRef, TenantId
from odoo_ai_config.domain.json_types import (
    Json,
    JsonObject,
    Place,
    ReadOnlyJsonObject,
    shown_place,
)

# What an old version shows in place of a value that was deleted. Writing it removes the reference.
ERASED: Final = f"{MASK}erased"
# The replaced service wrote these for an empty field of Odoo.
_EMPTY: Final = frozenset({OLD_MARK, f"{OLD_MARK}False"})


def with_fingerprints(tenant: TenantId, fingerprints: dict[str, Fingerprint]) -> Document:
    """
    A credentials document with exactly *fingerprints*.
    """
    sealed: JsonObject = {ref: mark.mask for ref, mark in fingerprints.items()}
    return Document.of({"account_id": str(tenant), "credentials": sealed})


@frozen
class GivenCredentials:
    """
    What a credentials document that somebody wrote says.

    Args:
        plain: The values that it gives.
        sealed: The values that it names by their fingerprints.
        removed: The references that it removes.
        unmarked: The references of *plain* whose values lost the mark of the replaced service.
    """

    plain: Mapping[CredentialRef, SecretText]
    sealed: Mapping[CredentialRef, Fingerprint]
    removed: frozenset[str] = frozenset()
    unmarked: frozenset[str] = frozenset()

    def left_out(self, known: Mapping[str, Fingerprint]) -> dict[CredentialRef, Fingerprint]:
        """
        The values of *known* about which it says nothing.
        """
        said = {*map(str, self.plain), *map(str, self.sealed), *self.removed}
        return {CredentialRef(ref): mark for ref, mark in known.items() if ref not in said}


def given_credentials(
    body: ReadOnlyJsonObject, open_token: OpenToken = never_opens
) -> GivenCredentials:
    """
    What the credentials document *body*, which somebody wrote, says.

    ``null``, ``false``, ``""`` and `ERASED` remove a reference. The replaced service put ``ENC:``
    before values that it did not encrypt; the mark is dropped, and says nothing if it stands
    alone.

    Raises:
        InvalidValueError: It has other members than ``account_id`` and ``credentials``, or the
            credentials are not references and texts.
        EncryptedValueError: The replaced server encrypted a value that *open_token* does not open.
    """
    values = body.get("credentials")
    if values is None:
        values = {}
    if not isinstance(values, dict) or set(body) - {"account_id", "credentials"}:
        raise InvalidValueError("credentials", "credentials")
    plain: dict[CredentialRef, SecretText] = {}
    sealed: dict[CredentialRef, Fingerprint] = {}
    removed, unmarked = set(), set()
    for name, value in values.items():
        if value is None or value is False or value in ("", ERASED):
            removed.add(name)
            continue
        if not isinstance(value, str):
            raise InvalidValueError("credentials", "credentials")
        if value in _EMPTY:
            continue
        ref = CredentialRef(name)
        mark = Fingerprint.from_mask(value)
        if mark is not None:
            sealed[ref] = mark
        elif value.startswith(OLD_MARK) and not is_encrypted(value):
            unmarked.add(name)
            plain[ref] = SecretText(value.removeprefix(OLD_MARK))
        else:
            plain[ref] = require_opened(value, f"credentials.{name}", open_token)
    return GivenCredentials(plain, sealed, frozenset(removed), frozenset(unmarked))


def fingerprints_in(document: Document | None) -> dict[str, Fingerprint]:
    """
    The fingerprints in a credentials document, by reference.
    """
    return {} if document is None else dict(_fingerprints_in(document))


# One write asks for the same document several times.
@lru_cache(maxsize=256)
def _fingerprints_in(document: Document) -> Mapping[str, Fingerprint]:
    sealed = document.body.get("credentials")
    if not isinstance(sealed, dict):
        return {}
    marks = {
        ref: Fingerprint.from_mask(text) for ref, text in sealed.items() if isinstance(text, str)
    }
    return {ref: mark for ref, mark in marks.items() if mark is not None}


def erased_by(before: Revision | None, after: Revision | None) -> tuple[SealContext, ...]:
    """
    The places whose values go when *after* replaces *before*, both of one credentials document.

    They are those of the references that *after* no longer has; none if it is None.
    """
    if before is None or after is None:
        return ()
    owner, left = after.key.owner, fingerprints_in(content_of(after))
    gone = fingerprints_in(content_of(before)).keys() - left.keys()
    return tuple(SealContext(owner, CredentialRef(ref)) for ref in sorted(gone))


def kept_values(
    history: Iterable[Revision], *, deleted_after: datetime
) -> frozenset[tuple[str, Fingerprint]]:
    """
    The values that a credentials document with *history*, newest first, keeps.

    Those of a reference that was deleted stay if that was after *deleted_after*.
    """
    kept: set[tuple[str, Fingerprint]] = set()
    known: dict[str, bool] = {}
    newer_at: datetime | None = None
    for revision in history:
        stays = newer_at is None or newer_at > deleted_after
        for ref, mark in fingerprints_in(content_of(revision)).items():
            if known.setdefault(ref, stays):
                kept.add((ref, mark))
        newer_at = revision.updated_at
    return frozenset(kept)


def erased_in(
    document: Document, stored: Mapping[CredentialRef, Collection[Fingerprint]]
) -> frozenset[str]:
    """
    The references of a credentials *document* whose values are not *stored* any more.
    """
    return frozenset(
        ref
        for ref, mark in fingerprints_in(document).items()
        if mark not in stored.get(CredentialRef(ref), ())
    )


def showing_erased(document: Document, erased: Collection[str]) -> Document:
    """
    A credentials *document* with `ERASED` for the values of the references *erased*.
    """
    body = document.body
    named = body.get("credentials")
    if not erased or not isinstance(named, dict):
        return document
    return Document.of({**body, "credentials": named | dict.fromkeys(erased, ERASED)})


def resealed(
    document: Document, fingerprints: Mapping[tuple[str, Fingerprint], Fingerprint]
) -> Document:
    """
    A ``credentials`` *document* that names values by their new *fingerprints*.

    *fingerprints* has them by reference and fingerprint before. Values that are gone stay named
    as they were.
    """
    named = fingerprints_in(document)
    body = document.body
    values = body.get("credentials")
    if not named or not isinstance(values, dict):
        return document
    for ref, mark in named.items():
        values[ref] = fingerprints.get((ref, mark), mark).mask
    return document.with_body(body)


@frozen
class NamedReference:
    """
    A place in a config document that names a sealed value.
    """

    place: Place
    ref: str

    @property
    def path(self) -> str:
        """
        The place, for an answer or a page.
        """
        return shown_place(self.place)


def references_in(config: ReadOnlyJsonObject) -> tuple[NamedReference, ...]:
    """
    Every ``*_ref`` in the config's integrations, with its place.
    """
    found: list[NamedReference] = []
    _gather_references(config.get("integrations"), ("integrations",), found)
    return tuple(found)


def references_named_in(bodies: Iterable[ReadOnlyJsonObject]) -> frozenset[str]:
    """
    The text of every ``*_ref`` in *bodies*, wherever it is.
    """
    found: list[NamedReference] = []
    for body in bodies:
        _gather_references(dict(body), (), found)
    return frozenset(reference.ref for reference in found)


def _gather_references(value: Json, at: Place, found: list[NamedReference]) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, str):
                if inner and name.endswith(REF_SUFFIX):
                    found.append(NamedReference((*at, name), inner))
            else:
                _gather_references(inner, (*at, name), found)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _gather_references(inner, (*at, number), found)
