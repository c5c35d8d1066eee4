"""
Taking secrets out of a document into which somebody wrote them in clear.

A member is a secret by its name, or by the form of its text. A reference replaces it:
``password: ...`` becomes ``password_ref: config:integrations.smtp.password``. The reference is
made of the place, so the same document gets the same references each time it is sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from attrs import define, field, frozen

from odoo_ai_config.domain.credentials.old_values import (
    OpenToken,
    is_encrypted,
    never_opens,
    opened,
)
from odoo_ai_config.domain.credentials.secret_names import (
    LONGEST_NAME,
    PAIR_VALUES,
    TOKEN_BEGINNINGS,
    assigns_secret,
    begins_like_token,
    is_name_of_secret_text,
    is_secret_name,
    is_secret_option,
    is_secret_text,
    names_secret,
    tells_about,
)
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SecretText
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import CREWS, REF_SUFFIX, CredentialRef, DocumentKind
from odoo_ai_config.domain.json_types import (
    Json,
    JsonObject,
    Place,
    ReadOnlyJsonObject,
    shown_place,
)
from odoo_ai_config.domain.outcomes import MOST_NOTICES, Notice

# Of one document, without those of a `credentials` document. Real settings have fewer.
MOST_SECRETS: Final = 200
# A shorter secret that occurs elsewhere may be an ordinary word ("admin").
SHORTEST_REPEATED: Final = 8

# Values of an "auth" that are not secrets.
_WAYS: Final = frozenset(
    """
    none optional required
    api_key apikey basic bearer digest header hmac jwt ldap login ntlm oauth oauth2 oidc plain saml
    token
    """.split()  # noqa: SIM905
)
_NOT_IN_REF: Final = re.compile(r"[^A-Za-z0-9_@-]")
_LONGEST_REF: Final = 256
_DIGEST_BYTES: Final = 6
# Other code refuses a document with half a surrogate pair.
_ENCODING: Final = ("utf-8", "surrogatepass")
_SEVERAL: Final[Place] = ()


@frozen
class TakenOut:
    """
    A document's data without the secrets that were in it.

    Args:
        body: The data, with references in place of secrets.
        plain: The secrets that were in clear, by their new references.
        sealed: The values that were written as ``sealed:<fingerprint>``, by their references.
        notices: Places that look like a secret but cannot be sealed; at most `MOST_NOTICES`.
        changed: Whether *body* differs from the given data. It may differ without `anything` to
            seal: a reference is removed if its place now has a plain value that is no secret.
    """

    body: ReadOnlyJsonObject = field(repr=False)
    plain: Mapping[CredentialRef, SecretText] = field(factory=dict)
    sealed: Mapping[CredentialRef, Fingerprint] = field(factory=dict)
    notices: tuple[Notice, ...] = ()
    changed: bool = False

    @property
    def anything(self) -> bool:
        """
        Whether there was something to seal.
        """
        return bool(self.plain or self.sealed)


def taken_out(
    kind: DocumentKind, body: ReadOnlyJsonObject, open_token: OpenToken = never_opens
) -> TakenOut:
    """
    Take every secret out of *body*, the data of a document of *kind*.

    Taking out twice changes nothing. A place loses its reference if it now has a plain value that
    is no secret. Ciphertext of the replaced server is opened by *open_token*. If it does not open,
    it stays, with a notice: `require_all_opened` refuses it in new data.

    Raises:
        InvalidValueError: There are more than `MOST_SECRETS` secrets.
    """
    if not _is_suspicious(body):
        return TakenOut(body)
    walk = _Walk(kind, body, open_token)
    cleaned = walk.object(body, _Spot(), inside=False)
    notices = tuple(walk.notices)
    return TakenOut(cleaned, walk.plain, walk.sealed, notices, changed=cleaned != body)


def _is_suspicious(members: ReadOnlyJsonObject) -> bool:
    """
    Whether *members* may hold a secret, or a reference and a plain value for the same name.
    """
    # For nearly every document this is the whole work, so it is written for speed.
    for name, value in members.items():
        if (len(name) > LONGEST_NAME or _matters(name)) and _is_suspicious_name(name, members):
            return True
        if value.__class__ is str:
            if (
                "=" in value or "://" in value or value[:2] in TOKEN_BEGINNINGS or value[:1] <= "'"
            ) and (is_secret_text(value) or _assigns(name, value)):
                return True
        elif value.__class__ is dict:
            if _is_suspicious(value):
                return True
        elif value.__class__ is list and any(map(_is_suspicious_item, value)):
            return True
    return False


@lru_cache(maxsize=4096)
def _matters(name: str) -> bool:
    return (
        name.endswith(REF_SUFFIX)
        or is_name_of_secret_text(name)
        or name in PAIR_VALUES
        or "://" in name
    )


def _is_suspicious_name(name: str, members: ReadOnlyJsonObject) -> bool:
    if name.endswith(REF_SUFFIX):
        return name.removesuffix(REF_SUFFIX) in members
    return is_name_of_secret_text(name) or _is_paired(name, members) or _has_secret_in_itself(name)


def _has_secret_in_itself(name: str) -> bool:
    return "://" in name and is_secret_text(name)


def _assigns(name: str, value: str) -> bool:
    # Not in references: the second one with the same text ends in "=2".
    return not name.endswith(REF_SUFFIX) and assigns_secret(value)


def _is_argument(before: Json, value: str) -> bool:
    """
    Whether *value* is the secret of the option *before* it in a list of arguments.
    """
    return (
        isinstance(before, str)
        and is_secret_option(before)
        and not value.startswith("-")
        and bool(value.strip())
    )


def _is_paired(name: str, members: ReadOnlyJsonObject) -> bool:
    return name in PAIR_VALUES and names_secret(members)


def _is_suspicious_item(value: Json) -> bool:
    if isinstance(value, dict):
        return _is_suspicious(value)
    if isinstance(value, list):
        return any(map(_is_suspicious_item, value))
    if not isinstance(value, str):
        return False
    return is_secret_text(value) or (
        ("=" in value or value[:2] == "--") and (assigns_secret(value) or is_secret_option(value))
    )


def _is_reference(name: str, value: Json) -> bool:
    return name.endswith(REF_SUFFIX) and isinstance(value, str)


def _says(name: str, *, inside: bool) -> bool:
    """
    Whether a text called *name* is a secret.

    *Inside* a secret every text is one, except a text that describes it.
    """
    return is_name_of_secret_text(name) or (inside and not tells_about(name))


def _holds(name: str, *, inside: bool) -> bool:
    """
    Whether all texts in an object or list called *name* are secrets, except descriptions.
    """
    return is_secret_name(name) or (inside and not tells_about(name))


def _paired(members: ReadOnlyJsonObject, step: str | int = "") -> frozenset[str]:
    """
    The names of *members* whose value is a secret because another member, or *step*, says so.

    *step* is the name of the whole object.
    """
    if PAIR_VALUES.isdisjoint(members):
        return frozenset()
    named = names_secret(members) or is_name_of_secret_text(str(step))
    return PAIR_VALUES if named else frozenset()


@frozen
class _Reference:
    """
    A reference under construction: its text up to the longest length, and its whole digest.
    """

    text: str
    digest: blake2b = field(factory=lambda: blake2b(digest_size=_DIGEST_BYTES))

    def to(self, more: str) -> _Reference:
        digest = self.digest.copy()
        digest.update(more.encode())
        return _Reference((self.text + more)[: _LONGEST_REF + 1], digest)


@define(eq=False)
class _Spot:
    """
    The place of an object or a list.

    Its texts are only made when they are needed: names may be as long as a body, and as many.

    Args:
        item: The value at the place, if *above* is a list.
        inside: Whether the place is inside a secret.
    """

    above: _Spot | None = None
    step: str | int = ""
    item: Json = field(default=None, repr=False)
    inside: bool = False
    reference: _Reference | None = None

    def place(self, *below: str | int) -> Place:
        return below if self.above is None else self.above.place(self.step, *below)


class _Walk:
    def __init__(
        self, kind: DocumentKind, body: ReadOnlyJsonObject, open_token: OpenToken
    ) -> None:
        self.plain: dict[CredentialRef, SecretText] = {}
        self.sealed: dict[CredentialRef, Fingerprint] = {}
        self.notices: list[Notice] = []
        self._kind = kind
        self._open_token = open_token
        # What opened of the ciphertext of the replaced server.
        self._opened: dict[str, SecretText | None] = {}
        # The references in the document, and the one place that may use each of them.
        self._holders: dict[str, Place] = {}
        # The secrets in clear. They are secrets in every other place, too.
        self._secrets: set[str] = set()
        self._gather(body, (), inside=False)
        self._identities: dict[int, str] = {}

    def object(self, given: ReadOnlyJsonObject, at: _Spot, *, inside: bool) -> JsonObject:
        """
        *given* with references in place of secrets; *inside* if it is in a secret.
        """
        paired = _paired(given, at.step)
        refs = {
            f"{name}{REF_SUFFIX}": self._sealed(at, name, value)
            for name, value in given.items()
            if isinstance(value, str)
            and self._is_sealable(name, value, inside=inside or name in paired)
        }
        cleaned: JsonObject = {}
        for name, value in given.items():
            if _has_secret_in_itself(name):
                self._notice(at, name)
            if refs and f"{name}{REF_SUFFIX}" in refs:
                # A reference that is already there keeps its place.
                if f"{name}{REF_SUFFIX}" not in given:
                    cleaned[f"{name}{REF_SUFFIX}"] = refs[f"{name}{REF_SUFFIX}"]
            elif name in refs:
                cleaned[name] = refs[name]
            elif not self._is_left_behind(given, at, name, value):
                cleaned[name] = self._value(name, value, at, inside=inside or name in paired)
        return cleaned

    def _value(self, name: str, value: Json, at: _Spot, *, inside: bool) -> Json:
        secret = _says(name, inside=inside)
        if isinstance(value, dict):
            return self.object(value, _Spot(at, name), inside=_holds(name, inside=inside))
        if isinstance(value, list):
            if secret and any(inner and isinstance(inner, str | int | float) for inner in value):
                self._notice(at, name)
            return self._list(value, _Spot(at, name), inside=_holds(name, inside=inside))
        if isinstance(value, str):
            # It is part of prose, in a reference, read by the hub itself, or encrypted.
            if self._is_secret(value) or _assigns(name, value):
                self._notice(at, name)
        elif (
            secret and value and value is not True and not name.rstrip("0123456789").endswith("s")
        ):
            self._notice(at, name)
        return value

    def _list(self, given: list[Json], at: _Spot, *, inside: bool) -> list[Json]:
        cleaned: list[Json] = []
        for number, value in enumerate(given):
            if isinstance(value, dict):
                spot = _Spot(at, number, value, inside)
                cleaned.append(self.object(value, spot, inside=inside))
            elif isinstance(value, list):
                cleaned.append(self._list(value, _Spot(at, number, value, inside), inside=inside))
            else:
                cleaned.append(value)
                before = given[number - 1] if number else None
                if (
                    not inside
                    and isinstance(value, str)
                    and (
                        self._is_secret(value)
                        or assigns_secret(value)
                        or _is_argument(before, value)
                    )
                ):
                    self._notice(at, number)
        return cleaned

    def _is_sealable(self, name: str, value: str, *, inside: bool) -> bool:
        if not value.strip() or name.endswith(REF_SUFFIX):
            return False
        if is_encrypted(value):
            return self._open(value) is not None
        if _says(name, inside=inside):
            return inside or is_secret_name(name) or value.strip().lower() not in _WAYS
        is_prose = any(map(str.isspace, value.strip())) and not begins_like_token(value)
        # The hub itself must read the URL of a crew.
        is_read = self._kind == CREWS and name == "url"
        if not is_prose and not is_read and is_secret_text(value):
            return True
        # Descriptions, and everything about a crew, must stay readable.
        is_setting = self._kind == CREWS or tells_about(name) or len(value) < SHORTEST_REPEATED
        return not is_setting and value in self._secrets

    def _open(self, text: str) -> SecretText | None:
        if text not in self._opened:
            self._opened[text] = opened(text, self._open_token)
        return self._opened[text]

    def _is_secret(self, text: str) -> bool:
        return is_secret_text(text) or text in self._secrets

    def _is_left_behind(
        self, given: ReadOnlyJsonObject, at: _Spot, name: str, value: Json
    ) -> bool:
        """
        Whether *name* refers to a value that is no longer a secret: a URL without its password.
        """
        plain_name = name.removesuffix(REF_SUFFIX)
        if not _is_reference(name, value) or not given.get(plain_name):
            return False
        return str(value).partition("=")[0] == self._reference(at, plain_name)

    def _sealed(self, at: _Spot, name: str, value: str) -> str:
        if len(self.plain) + len(self.sealed) >= MOST_SECRETS:
            raise InvalidValueError("document", "too_many_to_seal")
        holder = at.place(f"{name}{REF_SUFFIX}")
        base = text = self._reference(at, name)
        number = 1
        while self._holders.setdefault(text, holder) != holder:
            number += 1
            text = f"{base}={number}"
        ref = CredentialRef(text)
        mark = Fingerprint.from_mask(value)
        if mark is None:
            self.plain[ref] = self._opened.get(value) or SecretText(value)
        else:
            self.sealed[ref] = mark
        return text

    def _reference(self, at: _Spot, name: str) -> str:
        found = self._reference_to(at).to(_spelled(name))
        if len(found.text) <= _LONGEST_REF:
            return found.text
        return f"{self._kind}:~{found.digest.hexdigest()}"

    def _reference_to(self, at: _Spot) -> _Reference:
        """
        The first part of the references to everything in *at*.
        """
        if at.reference is None:
            if at.above is None:
                at.reference = _Reference("").to(f"{self._kind}:")
            elif isinstance(at.step, str):
                at.reference = self._reference_to(at.above).to(f"{_spelled(at.step)}.")
            else:
                # The identity of an item is its other content and not its position: when
                # items change places, each must keep its own reference.
                identity = self._identity(at.item, inside=at.inside)
                at.reference = self._reference_to(at.above).to(f"@{identity}.")
        return at.reference

    def _identity(self, value: Json, *, inside: bool) -> str:
        """
        Distinguishes an item of a list from the others. Made of nothing that may be secret.
        """
        if isinstance(value, dict | list):
            known = self._identities.get(id(value))
            if known is None:
                known = self._identities[id(value)] = _digest(
                    *self._identifying(value, inside=inside)
                )
            return known
        if isinstance(value, str) and (inside or self._is_secret(value)):
            return ""
        return _digest(json.dumps(value))

    def _identifying(self, value: JsonObject | list[Json], *, inside: bool) -> Iterable[str]:
        if isinstance(value, list):
            return (self._identity(inner, inside=inside) for inner in value)
        paired = _paired(value)
        return (
            f"{name}={self._identity(inner, inside=False)}"
            for name, inner in value.items()
            if not name.endswith(REF_SUFFIX) and not _says(name, inside=inside or name in paired)
        )

    def _notice(self, at: _Spot, step: str | int) -> None:
        if len(self.notices) < MOST_NOTICES:
            self.notices.append(Notice("unsealed_secret", shown_place(at.place(step))))

    def _gather(self, value: ReadOnlyJsonObject | list[Json], at: Place, *, inside: bool) -> None:
        if isinstance(value, list):
            for number, inner in enumerate(value):
                if isinstance(inner, dict | list):
                    self._gather(inner, (*at, number), inside=inside)
            return
        paired = _paired(value, at[-1] if at else "")
        for name, inner in value.items():
            within = inside or name in paired
            if isinstance(inner, dict | list):
                self._gather(inner, (*at, name), inside=_holds(name, inside=within))
            elif isinstance(inner, str):
                self._gather_text(name, inner, (*at, name), inside=within)

    def _gather_text(self, name: str, text: str, place: Place, *, inside: bool) -> None:
        if _is_reference(name, text):
            if text.startswith(f"{self._kind}:"):
                holder = self._holders.setdefault(text, place)
                self._holders[text] = place if holder is place else _SEVERAL
        elif self._is_sealable(name, text, inside=inside) and not Fingerprint.from_mask(text):
            self._secrets.add(text)
            inside_it = self._opened.get(text)
            if inside_it is not None:
                self._secrets.add(inside_it.reveal())


def _spelled(step: str) -> str:
    """
    *step* in the characters that a reference may have.
    """
    return _NOT_IN_REF.sub(
        lambda char: "".join(f"~{byte:02x}" for byte in char[0].encode(*_ENCODING)), step
    )


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(*_ENCODING), digest_size=_DIGEST_BYTES).hexdigest()
