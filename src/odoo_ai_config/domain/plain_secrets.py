"""
Secrets that somebody wrote in clear into a document: how they are known, and taken out of it.

A member whose name says secret, or whose text is one by its form, gives way to a reference:
``password: ...`` becomes ``password_ref: config:integrations.smtp.password``. The reference is
made of the place, so that the same document names the same references whenever it is sent.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.credentials import Fingerprint, SecretText
from odoo_ai_config.domain.errors import EncryptedValueError, InvalidValueError
from odoo_ai_config.domain.identifiers import CREWS, CredentialRef, DocumentKind
from odoo_ai_config.domain.json_types import Json, JsonObject, ReadOnlyJsonObject
from odoo_ai_config.domain.outcomes import Notice

# More than any settings have; sealing them is work for one request.
MOST_SECRETS: Final = 200
REF_SUFFIX: Final = "_ref"

# What makes a word of a name say secret: at its end, or as the whole word.
_KEY_OWNERS: Final = (
    "access",
    "account",
    "api",
    "app",
    "auth",
    "client",
    "encryption",
    "master",
    "private",
    "secret",
    "service",
    "shared",
    "signing",
    "webhook",
)
SECRET_ENDINGS: Final = (
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "token",
    "authorization",
    *(f"{owner}key" for owner in _KEY_OWNERS),
)
_SECRET_WORDS: Final = frozenset({"senha", "segredo", "bearer", "jwt"})
_LAST_WORDS: Final = frozenset({"pass", "pw"})
_KEYS: Final = frozenset({"key", "chave"})
_CHAVES: Final = frozenset({"api", "acesso", "mestra", "privada", "secreta"})
# A name that ends so tells something about a secret, or where it is, and is none.
_TELLING: Final = frozenset(
    {
        "algorithm",
        "arn",
        "at",
        "attempt",
        "budget",
        "count",
        "day",
        "enabled",
        "endpoint",
        "env",
        "expiration",
        "expire",
        "expired",
        "expiry",
        "field",
        "file",
        "format",
        "header",
        "hint",
        "hour",
        "id",
        "in",
        "label",
        "length",
        "lifetime",
        "limit",
        "location",
        "max",
        "min",
        "minute",
        "name",
        "path",
        "pattern",
        "policy",
        "policie",
        "prefix",
        "ref",
        "regex",
        "required",
        "rotation",
        "rule",
        "second",
        "size",
        "suffix",
        "ttl",
        "type",
        "uri",
        "url",
        "usage",
        "used",
        "user",
        "username",
        "validity",
        "variable",
        "arquivo",
        "campo",
        "dica",
        "expira",
        "limite",
        "nome",
        "obrigatoria",
        "politica",
        "prefixo",
        "tamanho",
        "tipo",
        "validade",
    }
)
# A name that begins so is about how many there are, or whether there is one.
_COUNTING: Final = frozenset(
    {
        "allow",
        "can",
        "count",
        "disable",
        "enable",
        "forgot",
        "has",
        "hide",
        "is",
        "max",
        "min",
        "no",
        "num",
        "show",
        "total",
        "use",
        "uses",
    }
)
_LONGEST_NAME: Final = 128
_MOST_NAMES: Final = 32
_SEVERAL: Final = ""

_WORD_ENDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS: Final = re.compile(r"[\W_]+")
_NOT_IN_REF: Final = re.compile(r"[^A-Za-z0-9_@-]")
_LONGEST_REF: Final = 256
# A document with half a surrogate pair is refused elsewhere.
_ENCODING: Final = ("utf-8", "surrogatepass")

# Texts that are secrets by their form alone, whatever they are called.
_TOKEN: Final = re.compile(
    r"\s*(?:(?:Bearer|Basic)\s+[\w.+/=~-]{16}"
    r"|-----BEGIN [A-Z ]{0,32}PRIVATE KEY"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\."
    r"|(?:sk|rk|pk_live)[-_][\w-]{16}|whsec_[\w+/=]{16}|oac_[\w-]{16}|hf_\w{16}|glpat-[\w-]{16}"
    r"|gh[oprsu]_\w{16}|github_pat_\w{16}|xox[abeprs]-[\w-]{8}|AIza[\w-]{24}|ya29\.[\w-]{16}"
    r"|SG\.[\w-]{16}|EAA\w{24}|APP_USR-[\w-]{8})",
    re.ASCII,
)
_BEGINNINGS: Final = frozenset(
    "Be Ba -- ey sk rk pk wh oa hf gl gh gi xo AI ya SG EA AP EN".split()  # noqa: SIM905
)
# Each is read in one go, however long the text is.
_AUTHORITY: Final = re.compile(r"://([^\s/?#]*)")
_REST: Final = re.compile(r"://(\S*)")
_PARAMETER: Final = re.compile(r"[?&#]([\w.-]{1,64})=[^&#\s]", re.ASCII)
_WEB: Final = ("http", "https", "ws", "wss", "ftp")
_LONGEST_SCHEME: Final = 8

_OLD_MARK: Final = "ENC:"
# Version, time and initialisation vector; at least one block; the authentication code.
_FERNET_FRAME: Final = 1 + 8 + 16 + 32
_FERNET_BLOCK: Final = 16
_FERNET_VERSION: Final = 0x80


def is_encrypted(text: str) -> bool:
    """
    Whether *text* is ``ENC:`` and a Fernet token: ciphertext of the replaced server.

    Anything else that begins with ``ENC:`` may be a password.
    """
    if not text.startswith(_OLD_MARK):
        return False
    try:
        token = urlsafe_b64decode(text[len(_OLD_MARK) :].strip().encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        return False
    blocks = len(token) - _FERNET_FRAME
    return blocks > 0 and blocks % _FERNET_BLOCK == 0 and token[0] == _FERNET_VERSION


def require_open(text: str, where: str) -> None:
    """
    Refuse what the replaced server encrypted: it would be sealed as if it were the secret.

    Raises:
        EncryptedValueError: *text*, which is at *where*, is such a value.
    """
    if is_encrypted(text):
        raise EncryptedValueError(where)


def is_secret_name(name: str) -> bool:
    """
    Whether what is called *name* is a secret: ``smtpPassword``, ``API-KEY``, ``senha_do_banco``.

    What tells something about one is none: ``token_count``, ``password_policy``, ``secret_ref``.
    """
    return (
        _is_secret_name(name) if len(name) <= _LONGEST_NAME else _is_secret_name.__wrapped__(name)
    )


# Nearly all names come again and again.
@lru_cache(maxsize=4096)
def _is_secret_name(name: str) -> bool:
    said = _says_secret(_words(name))
    # "pAsSwOrD" has no words to be told apart.
    return bool(_says_secret(_SEPARATORS.split(name.lower())) if said is None else said)


def _words(name: str) -> list[str]:
    return _SEPARATORS.split(_WORD_ENDS.sub(" ", name).lower())


def _says_secret(parts: list[str]) -> bool | None:
    """
    Whether the name of these words is a secret's; None if no word has to do with one.
    """
    words = [word for part in parts if (word := part.rstrip("0123456789"))]
    if not any(_is_secret_word(words, place) for place in range(len(words))):
        return None
    return _singular(words[-1]) not in _TELLING and words[0] not in _COUNTING


def _is_secret_word(words: list[str], place: int) -> bool:
    word = _singular(words[place])
    if word in _KEYS:
        before = words[place - 1] if place else ""
        return before in _KEY_OWNERS or not _CHAVES.isdisjoint(words[place + 1 :])
    if word in _LAST_WORDS:
        return place == len(words) - 1
    return word in _SECRET_WORDS or word.endswith(SECRET_ENDINGS)


def _singular(word: str) -> str:
    return word.removesuffix("s") if word not in _LAST_WORDS else word


def is_secret_text(text: str) -> bool:
    """
    Whether *text* holds a secret by its form: a URL with a password, a well-known kind of token.
    """
    if "://" in text and ("@" in text or "=" in text) and _has_secret_in_url(text):
        return True
    # Most texts begin like none of them.
    begins = text[:2] in _BEGINNINGS or text[:1].isspace()
    return begins and (_TOKEN.match(text) is not None or is_encrypted(text))


def _has_secret_in_url(text: str) -> bool:
    if any(map(_has_password, _AUTHORITY.findall(text))):
        return True
    for found in _REST.finditer(text):
        # Passwords of databases are often not escaped.
        scheme = text[max(0, found.start() - _LONGEST_SCHEME) : found.start()].lower()
        if _has_password(found[1]) and not scheme.endswith(_WEB):
            return True
    return any(map(is_secret_name, _PARAMETER.findall(text)))


def _has_password(authority: str) -> bool:
    return bool(authority.rpartition("@")[0].partition(":")[2])


@frozen
class TakenOut:
    """
    A document's data without the secrets that were in it.

    Args:
        body: The data, with references in place of secrets.
        plain: What was in clear, by the reference that is in its place.
        sealed: What was written as ``sealed:<fingerprint>``, by its reference.
        notices: Places that look like a secret and hold what cannot be sealed.
    """

    body: ReadOnlyJsonObject = field(repr=False)
    plain: Mapping[CredentialRef, SecretText] = field(factory=dict)
    sealed: Mapping[CredentialRef, Fingerprint] = field(factory=dict)
    notices: tuple[Notice, ...] = ()

    @property
    def anything(self) -> bool:
        """
        Whether there was something to seal.
        """
        return bool(self.plain or self.sealed)


def taken_out(kind: DocumentKind, body: ReadOnlyJsonObject) -> TakenOut:
    """
    Take every secret out of *body*, which is that of a document of *kind*.

    Doing it again changes nothing. A place that had a secret before and says something else in
    clear by now loses its reference.

    Raises:
        EncryptedValueError: A secret is one that the replaced server encrypted.
        InvalidValueError: There are more than `MOST_SECRETS`.
    """
    if not _is_suspicious(body):
        return TakenOut(body)
    walk = _Walk(kind, body)
    cleaned = walk.object(body, _Place(), inside=False)
    return TakenOut(cleaned, walk.plain, walk.sealed, tuple(walk.notices))


def _is_suspicious(members: ReadOnlyJsonObject) -> bool:
    # Of nearly every document this is all that is done, so it takes the shortest way.
    names = tuple(members)
    if _say_secret(names) if len(names) <= _MOST_NAMES else _say_secret.__wrapped__(names):
        return True
    for value in members.values():
        if value.__class__ is str:
            if ("://" in value or value[:2] in _BEGINNINGS or value[:1] <= " ") and is_secret_text(
                value
            ):
                return True
        elif value.__class__ is dict:
            if _is_suspicious(value):
                return True
        elif value.__class__ is list and any(map(_is_any_suspicious, value)):
            return True
    return False


# Documents of one kind have the same names in the same order.
@lru_cache(maxsize=128)
def _say_secret(names: tuple[str, ...]) -> bool:
    """
    Whether one of *names* is a secret's, or refers to what has its own name beside it.
    """
    known = frozenset(names)
    return any(
        name.removesuffix(REF_SUFFIX) in known
        if name.endswith(REF_SUFFIX)
        else is_secret_name(name)
        for name in names
    )


def _is_any_suspicious(value: Json) -> bool:
    if isinstance(value, dict):
        return _is_suspicious(value)
    if isinstance(value, list):
        return any(map(_is_any_suspicious, value))
    return isinstance(value, str) and is_secret_text(value)


def _is_reference(name: str, value: Json) -> bool:
    return name.endswith(REF_SUFFIX) and isinstance(value, str)


def _says(name: str, *, inside: bool) -> bool:
    """
    Whether what is called *name* is a secret; *inside* one, all is but what tells about it.
    """
    return is_secret_name(name) or (inside and _singular(_words(name)[-1]) not in _TELLING)


@frozen
class _Place:
    """
    Where a value is: as people are told, and as references name it.
    """

    shown: str = ""
    named: tuple[str, ...] = ()

    def member(self, name: str) -> _Place:
        return _Place(f"{self.shown}.{name}" if self.shown else name, (*self.named, name))

    def item(self, number: int, identity: str) -> _Place:
        return _Place(f"{self.shown}[{number}]", (*self.named, identity))


class _Walk:
    def __init__(self, kind: DocumentKind, body: ReadOnlyJsonObject) -> None:
        self.plain: dict[CredentialRef, SecretText] = {}
        self.sealed: dict[CredentialRef, Fingerprint] = {}
        self.notices: list[Notice] = []
        self._kind = kind
        # What the document refers to already, by reference: the place has it, and no other.
        self._holders: dict[str, str] = {}
        for ref, holder in _references(body, _Place()):
            self._holders[ref] = holder if ref not in self._holders else _SEVERAL
        self._identities: dict[int, str] = {}

    def object(self, given: ReadOnlyJsonObject, at: _Place, *, inside: bool) -> JsonObject:
        """
        *given* with references; *inside* something that is called a secret.
        """
        refs = {
            f"{name}{REF_SUFFIX}": self._reference(at, name, value)
            for name, value in given.items()
            if isinstance(value, str) and self._is_sealable(at, name, value, inside=inside)
        }
        cleaned: JsonObject = {}
        for name, value in given.items():
            if f"{name}{REF_SUFFIX}" in refs:
                # A reference that is there keeps its place.
                if f"{name}{REF_SUFFIX}" not in given:
                    cleaned[f"{name}{REF_SUFFIX}"] = refs[f"{name}{REF_SUFFIX}"]
            elif name in refs:
                cleaned[name] = refs[name]
            elif not self._is_left_behind(given, at, name, value):
                cleaned[name] = self._value(name, value, at.member(name), inside=inside)
        return cleaned

    def _value(self, name: str, value: Json, at: _Place, *, inside: bool) -> Json:
        secret = _says(name, inside=inside)
        if isinstance(value, dict):
            return self.object(value, at, inside=secret)
        if isinstance(value, list):
            if secret and any(inner and isinstance(inner, str | int | float) for inner in value):
                self._notice(at)
            return self._list(value, at, inside=secret)
        if isinstance(value, str):
            # Within prose, in a reference, or in what the hub reads itself.
            if is_secret_text(value):
                self._notice(at)
        elif (
            secret and value and value is not True and not name.rstrip("0123456789").endswith("s")
        ):
            self._notice(at)
        return value

    def _list(self, given: list[Json], at: _Place, *, inside: bool) -> list[Json]:
        cleaned: list[Json] = []
        for number, value in enumerate(given):
            if not inside and not _is_any_suspicious(value):
                cleaned.append(value)
                continue
            # An item is known by what else it says, wherever in the list it is: the reference of
            # one must not become another's when they change places.
            place = at.item(number, f"@{self._identity(value, inside=inside)}")
            if isinstance(value, dict):
                cleaned.append(self.object(value, place, inside=inside))
            elif isinstance(value, list):
                cleaned.append(self._list(value, place, inside=inside))
            else:
                cleaned.append(value)
                if isinstance(value, str):
                    require_open(value, place.shown)
                    if not inside:
                        self._notice(place)
        return cleaned

    def _is_sealable(self, at: _Place, name: str, value: str, *, inside: bool) -> bool:
        if not value.strip() or name.endswith(REF_SUFFIX):
            return False
        require_open(value, at.member(name).shown)
        if _says(name, inside=inside):
            return True
        is_prose = any(map(str.isspace, value.strip())) and _TOKEN.match(value) is None
        # Where a crew is called is for the hub to read.
        is_read = self._kind == CREWS and name == "url"
        return not is_prose and not is_read and is_secret_text(value)

    def _is_left_behind(
        self, given: ReadOnlyJsonObject, at: _Place, name: str, value: Json
    ) -> bool:
        """
        Whether *name* refers to what is no secret any more: a URL that lost its password.
        """
        plain_name = name.removesuffix(REF_SUFFIX)
        if not _is_reference(name, value) or not given.get(plain_name):
            return False
        return str(value).partition("=")[0] == self._reference_to(at.member(plain_name))

    def _reference(self, at: _Place, name: str, value: str) -> str:
        if len(self.plain) + len(self.sealed) >= MOST_SECRETS:
            raise InvalidValueError("document", "too_many_to_seal")
        holder = at.member(f"{name}{REF_SUFFIX}").shown
        base = text = self._reference_to(at.member(name))
        number = 1
        while self._holders.setdefault(text, holder) != holder:
            number += 1
            text = f"{base}={number}"
        ref = CredentialRef(text)
        mark = Fingerprint.from_mask(value)
        if mark is None:
            self.plain[ref] = SecretText(value)
        else:
            self.sealed[ref] = mark
        return text

    def _reference_to(self, at: _Place) -> str:
        text = f"{self._kind}:{'.'.join(map(_spelled, at.named))}"
        if len(text) <= _LONGEST_REF:
            return text
        return f"{self._kind}:~{_digest(text)}"

    def _identity(self, value: Json, *, inside: bool) -> str:
        """
        What tells an item of a list from others, made of nothing that may be secret.
        """
        if isinstance(value, dict):
            known = self._identities.get(id(value))
            if known is None:
                known = self._identities[id(value)] = _digest(
                    *(
                        f"{name}={self._identity(inner, inside=False)}"
                        for name, inner in value.items()
                        if not name.endswith(REF_SUFFIX) and not _says(name, inside=inside)
                    )
                )
            return known
        if isinstance(value, list):
            known = self._identities.get(id(value))
            if known is None:
                known = self._identities[id(value)] = _digest(
                    *(self._identity(inner, inside=inside) for inner in value)
                )
            return known
        if isinstance(value, str) and (inside or is_secret_text(value)):
            return ""
        return _digest(json.dumps(value))

    def _notice(self, at: _Place) -> None:
        self.notices.append(Notice("unsealed_secret", at.shown))


def _references(value: Json | ReadOnlyJsonObject, at: _Place) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _references(inner, at.item(number, ""))
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if _is_reference(name, inner):
                yield str(inner), at.member(name).shown
            else:
                yield from _references(inner, at.member(name))


def _spelled(step: str) -> str:
    """
    *step* in letters that a reference may have.
    """
    return _NOT_IN_REF.sub(
        lambda char: "".join(f"~{byte:02x}" for byte in char[0].encode(*_ENCODING)), step
    )


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(*_ENCODING), digest_size=6).hexdigest()
