"""
Which values are secrets: by their names, or by the form of their texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Final
from unicodedata import combining, normalize

from odoo_ai_config.domain.credentials.old_values import FIRST_TWO, is_encrypted
from odoo_ai_config.domain.json_types import Json

# A word in a name means a secret if it has one of these endings, or is one of these words.
_KEY_OWNERS: Final = frozenset(
    """
    access account api app auth client encryption hmac license master private secret service
    session shared signing webhook
    """.split()  # noqa: SIM905
)
_SECRET_ENDINGS: Final = (
    *"password passwd passphrase passcode pwd secret token authorization".split(),  # noqa: SIM905
    *("contrasena", "otpseed", *(f"{owner}key" for owner in _KEY_OWNERS)),
)
_SECRET_WORDS: Final = frozenset({"senha", "segredo", "bearer", "jwt"})
_LAST_WORDS: Final = frozenset({"pass", "pw"})
_KEYS: Final = frozenset({"key", "chave", "clave"})
_CHAVES: Final = frozenset(
    "api acesso acceso mestra maestra privada secreta".split()  # noqa: SIM905
)
_SEED_OWNERS: Final = frozenset({"otp", "totp"})
# A text with such a name is a secret. An object is not: it holds the settings of an "auth".
_LAST_WORDS_OF_TEXTS: Final = frozenset({"auth", "cookie", "credential"})
_NAMES_OF_TEXTS: Final = frozenset({"clave", "pin"})
# A name with such an ending describes a secret, or says where it is.
_TELLING: Final = frozenset(
    """
    algorithm arn at attempt budget count day enabled endpoint env expiration expire expired expiry
    field file format header hint hour id in label length lifetime limit location max min minute
    name path pattern policy policie prefix ref regex required rotation rule second size suffix ttl
    type uri url usage used user username validity variable
    arquivo campo dica expira limite nome obrigatoria politica prefixo tamanho tipo validade
    """.split()  # noqa: SIM905
)
# A name with such a beginning counts secrets, or says whether there is one.
_COUNTING: Final = frozenset(
    """
    allow can count disable enable forgot has hide is max min no num show total use uses
    """.split()  # noqa: SIM905
)
LONGEST_NAME: Final = 128
# Two members can stand for one: {"name": "X-Api-Key", "value": ...}.
_PAIR_NAMES: Final = ("name", "key", "header", "nome", "chave", "Name", "Key")
PAIR_VALUES: Final = frozenset({"value", "valor", "Value"})
# A longer one is a sentence.
_MOST_PAIR_WORDS: Final = 4

_WORD_ENDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS: Final = re.compile(r"[\W_]+")

# Texts with such a form are secrets under any name.
_TOKEN: Final = re.compile(
    r"\s*(?:(?:Bearer|Basic)\s+[\w.+/=~-]{16}"
    r"|-----BEGIN [A-Z ]{0,32}PRIVATE KEY"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\."
    r"|(?:sk|rk|pk_live)[-_][\w-]{16}|whsec_[\w+/=]{16}|oa[ac]_[\w-]{16}|hf_\w{16}|glpat-[\w-]{16}"
    r"|gh[oprsu]_\w{16}|github_pat_\w{16}|xox[abeprs]-[\w-]{8}|AIza[\w-]{24}|ya29\.[\w-]{16}"
    r"|SG\.[\w-]{16}|EAA\w{24}|APP_USR-[\w-]{8}|A[KS]IA[A-Z0-9]{16}\b)",
    re.ASCII,
)
TOKEN_BEGINNINGS: Final = FIRST_TWO.union(
    "Be Ba -- ey sk rk pk wh oa hf gl gh gi xo AI ya SG EA AP AK AS".split()  # noqa: SIM905
)
# Each matches in linear time, however long the text is.
_AUTHORITY: Final = re.compile(r"://([^\s/?#]*)")
_REST: Final = re.compile(r"://(\S*)")
_PARAMETER: Final = re.compile(r"[?&#]([\w.-]{1,64})=[^&#\s]", re.ASCII)
# Settings for a program or a person: "DB_PASSWORD=x", "Server=h;Password=x", "--token x".
MOST_ASSIGNMENTS: Final = 64
_LONGEST_ASSIGNED: Final = 64
_NOT_ASSIGNED: Final = re.compile(r"[^\w.-]")
_QUOTES: Final = " \"'"
# A value with such a beginning is empty, or a placeholder.
_NO_VALUE: Final = "${<%*;&,)\r\n"
_WEB: Final = ("http", "https", "ws", "wss", "ftp")
_LONGEST_SCHEME: Final = 8


def is_secret_name(name: str) -> bool:
    """
    Whether *name* names a secret: ``smtpPassword``, ``API-KEY``, ``senha_do_banco``.

    A name that describes a secret does not: ``token_count``, ``password_policy``, ``secret_ref``.
    In a long name only the two ends count.
    """
    return _is_secret_name(name if len(name) <= LONGEST_NAME else _ends(name))


def is_name_of_secret_text(name: str) -> bool:
    """
    Whether a text called *name* is a secret: also ``auth``, ``cookie`` and the like.

    An object with such a name may hold settings.
    """
    return _is_name_of_secret_text(name if len(name) <= LONGEST_NAME else _ends(name))


def names_secret(members: Mapping[str, Json]) -> bool:
    """
    Whether one of *members* has the name of a secret as its value.
    """
    return any(
        isinstance(name := members.get(member), str)
        and name.count(" ") < _MOST_PAIR_WORDS
        and is_name_of_secret_text(name)
        for member in _PAIR_NAMES
    )


def tells_about(name: str) -> bool:
    """
    Whether *name*, inside a secret, only describes it.
    """
    return _singular(_words(name if len(name) <= LONGEST_NAME else _ends(name))[-1]) in _TELLING


def _ends(name: str) -> str:
    # So a long name costs no more than others, and does not fill the caches.
    return f"{name[: LONGEST_NAME // 2]} {name[-LONGEST_NAME // 2 :]}"


# Nearly all names repeat.
@lru_cache(maxsize=4096)
def _is_secret_name(name: str) -> bool:
    said = _says_secret(_words(name))
    # "pAsSwOrD" does not split into words.
    return bool(_says_secret(_SEPARATORS.split(_folded(name).lower())) if said is None else said)


@lru_cache(maxsize=4096)
def _is_name_of_secret_text(name: str) -> bool:
    words = [word for part in _words(name) if (word := part.rstrip("0123456789"))]
    if words and words[0] not in _COUNTING:
        last = _singular(words[-1])
        if last in _LAST_WORDS_OF_TEXTS or (len(words) == 1 and last in _NAMES_OF_TEXTS):
            return True
    return _is_secret_name(name)


def _words(name: str) -> list[str]:
    return _SEPARATORS.split(_WORD_ENDS.sub(" ", _folded(name)).lower())


def _folded(name: str) -> str:
    """
    *name* without accents, and with full-width letters as usual ones.
    """
    if name.isascii():
        return name
    return "".join(char for char in normalize("NFKD", name) if not combining(char))


def _says_secret(parts: list[str]) -> bool | None:
    """
    Whether these words name a secret; None if no word is about secrets.
    """
    words = [word for part in parts if (word := part.rstrip("0123456789"))]
    if not any(_is_secret_word(words, place) for place in range(len(words))):
        return None
    return _singular(words[-1]) not in _TELLING and words[0] not in _COUNTING


def _is_secret_word(words: list[str], place: int) -> bool:
    word = _singular(words[place])
    before = words[place - 1] if place else ""
    if word == "seed":
        return before in _SEED_OWNERS
    if word in _KEYS:
        return before in _KEY_OWNERS or not _CHAVES.isdisjoint(words[place + 1 :])
    if word in _LAST_WORDS:
        return place == len(words) - 1
    return word in _SECRET_WORDS or word.endswith(_SECRET_ENDINGS)


def _singular(word: str) -> str:
    return word.removesuffix("s") if word not in _LAST_WORDS else word


def is_secret_text(text: str) -> bool:
    """
    Whether *text* has the form of a secret: a URL with a password, a well-known kind of token.
    """
    if "://" in text and ("@" in text or "=" in text) and _has_secret_in_url(text):
        return True
    # Most texts have none of these beginnings.
    begins = text[:2] in TOKEN_BEGINNINGS or text[:1].isspace()
    return (begins and begins_like_token(text)) or is_encrypted(text)


def assigns_secret(text: str) -> bool:
    """
    Whether *text* assigns a value to a secret: ``export TOKEN=x``, ``--token x``.

    Only the first `MOST_ASSIGNMENTS` are checked.
    """
    if text.startswith("--"):
        option, _, value = text.partition(" ")
        if value.strip() and is_secret_option(option):
            return True
    return "=" in text and any(
        _is_assigned(before, after)
        for before, after in pairwise(text.split("=", MOST_ASSIGNMENTS))
    )


def _is_assigned(before: str, after: str) -> bool:
    if after[:2].lstrip(_QUOTES)[:1] in _NO_VALUE:
        return False
    return is_name_of_secret_text(
        _NOT_ASSIGNED.split(before[-_LONGEST_ASSIGNED:].rstrip(_QUOTES))[-1]
    )


def is_secret_option(text: str) -> bool:
    """
    Whether *text* is an option like ``--token``, so that a secret follows it in a list.
    """
    return (
        text.startswith("--")
        and "=" not in text
        and " " not in text
        and is_name_of_secret_text(text.removeprefix("--"))
    )


def begins_like_token(text: str) -> bool:
    """
    Whether *text* begins like a well-known kind of token or key.
    """
    return _TOKEN.match(text) is not None


def _has_secret_in_url(text: str) -> bool:
    if any(map(_has_password, _AUTHORITY.findall(text))):
        return True
    for found in _REST.finditer(text):
        # People often leave the password of a database unescaped.
        scheme = text[max(0, found.start() - _LONGEST_SCHEME) : found.start()].lower()
        if _has_password(found[1]) and not scheme.endswith(_WEB):
            return True
    return any(map(is_name_of_secret_text, _PARAMETER.findall(text)))


def _has_password(authority: str) -> bool:
    return bool(authority.rpartition("@")[0].partition(":")[2])
