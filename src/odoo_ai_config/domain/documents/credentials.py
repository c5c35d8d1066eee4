"""
The ``credentials`` document, which names sealed values, and the references to them in others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SecretText
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import REF_SUFFIX, CredentialRef, TenantId
from odoo_ai_config.domain.json_types import (
    Json,
    JsonObject,
    Place,
    ReadOnlyJsonObject,
    shown_place,
)

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

    ``null``, ``false`` and ``""`` remove a reference. The replaced service put ``ENC:`` before
    values that it did not encrypt; the mark is dropped, and says nothing if it stands alone.

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
        if value is None or value is False or value == "":
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
