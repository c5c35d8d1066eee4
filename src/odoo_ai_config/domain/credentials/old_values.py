"""
Values that the replaced server encrypted: Fernet tokens, with or without a mark before them.

Only an adapter knows Fernet. Here a token is recognised, and opened by whatever opens it.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.errors import EncryptedValueError
from odoo_ai_config.domain.identifiers import REF_SUFFIX
from odoo_ai_config.domain.json_types import Json, Place, ReadOnlyJsonObject, shown_place

# Opens a Fernet token; None if it does not open.
OpenToken: TypeAlias = Callable[[bytes], SecretText | None]

# The replaced server wrote it before its secrets, encrypted or not.
OLD_MARK: Final = "ENC:"
# Marks, and what Python writes around bytes.
_WRAPPING: Final = re.compile(rf"""(?:{OLD_MARK}|b?['"]|\s)*+""", re.IGNORECASE)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]++=*+", re.ASCII)
_QUOTES: Final = "'\""
# Version, time and initialisation vector; at least one block; the authentication code.
_FERNET_FRAME: Final = 1 + 8 + 16 + 32
_FERNET_BLOCK: Final = 16
_FERNET_VERSION: Final = 0x80
_URL_SAFE: Final = str.maketrans("-_", "+/")
# Base64 in base64: a program may encode once more what another one encoded.
_MOST_LAYERS: Final = 4
# No token is shorter, even without its padding.
_SHORTEST: Final = -(-(_FERNET_FRAME + _FERNET_BLOCK) * 4 // 3)


def _beginnings() -> Iterator[str]:
    # The version and the first bytes of the time, which are zero until 2106.
    for wrapping in ("", "'", '"', "b'", 'b"', OLD_MARK, f"{OLD_MARK}b'"):
        text = f"{wrapping}gAAAA"
        for _ in range(_MOST_LAYERS - 1):
            text = urlsafe_b64encode(text.encode())[: len(text) * 8 // 6].decode()
            yield text


# How the text of a token begins, a damaged one too. Behind the mark no password does.
_BEGINNINGS: Final = ("gAAAA", *_beginnings())
_LONGEST_BEGINNING: Final = max(map(len, _BEGINNINGS))
# The first two characters of a text that is encrypted, unless it begins with a space or a quote.
FIRST_TWO: Final = frozenset(
    {text[:2] for text in _BEGINNINGS} | {"EN", "En", "eN", "en", "b'", 'b"'}
)


def never_opens(_token: bytes) -> None:
    """
    Open nothing: the operator has no key of the replaced server.
    """


def is_encrypted(text: str) -> bool:
    """
    Whether *text* is ciphertext of the replaced server: a Fernet token.

    Its programs wrote `OLD_MARK` before it, sometimes twice, or not at all, and the token as it
    is, in base64 once more, or as Python shows bytes (``b'...'``). A damaged token counts too; a
    bare one if it is as long as a token and nothing but base64. Any other text may be a password.
    """
    return _token_in(text) is not None


def _token_in(text: str) -> bytes | None:
    # Nearly every text is decided here.
    if text[:2] not in FIRST_TWO and text[:1] not in _QUOTES and not text[:1].isspace():
        return None
    wrapping = _wrapping(text)
    marked = OLD_MARK in wrapping.upper()
    if not marked and len(text) < _SHORTEST:
        return None
    # Mail and YAML break long lines.
    start = "".join(text[len(wrapping) :][: 2 * _LONGEST_BEGINNING].split())
    begins = start.startswith(_BEGINNINGS)
    if not marked and not begins:
        return None
    inner = written = _unwrapped(text)
    for _ in range(_MOST_LAYERS):
        raw = _decoded(written)
        if _is_fernet(raw):
            return urlsafe_b64encode(raw)
        written = _unwrapped(raw.decode("latin-1"))
    damaged = begins and (marked or _BASE64.fullmatch(inner) is not None)
    return b"" if damaged else None


def _unwrapped(text: str) -> str:
    joined = "".join(text.split())
    return joined[len(_wrapping(joined)) :].rstrip(_QUOTES)


def _wrapping(text: str) -> str:
    found = _WRAPPING.match(text)
    return "" if found is None else found[0]


def _decoded(text: str) -> bytes:
    # A copied token may have lost its padding.
    bare = text.rstrip("=").translate(_URL_SAFE)
    try:
        return b64decode(bare.encode("ascii") + b"=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return b""


def _is_fernet(token: bytes) -> bool:
    blocks = len(token) - _FERNET_FRAME
    return blocks > 0 and blocks % _FERNET_BLOCK == 0 and token[0] == _FERNET_VERSION


def opened(text: str, open_token: OpenToken) -> SecretText | None:
    """
    The secret that *text* is, or that is encrypted in it; None if it does not open.

    Empty text and more ciphertext count as not opened: neither is a password.
    """
    token = _token_in(text)
    if token is None:
        return SecretText(text)
    secret = open_token(token) if token else None
    if secret is None or not secret.reveal() or is_encrypted(secret.reveal()):
        return None
    return secret


def require_opened(text: str, where: str, open_token: OpenToken = never_opens) -> SecretText:
    """
    What `opened` returns. The hub must not seal ciphertext as if it were the secret.

    Raises:
        EncryptedValueError: *text*, at *where*, is encrypted and does not open.
    """
    secret = opened(text, open_token)
    if secret is None:
        raise EncryptedValueError(where)
    return secret


def require_all_opened(
    value: ReadOnlyJsonObject | list[Json],
    at: Place = (),
    *,
    open_token: OpenToken = never_opens,
) -> None:
    """
    Refuse new data if the replaced server encrypted a text in it that cannot be sealed.

    Such a text does not open, or is in a list, a reference or a name, where no reference replaces
    it.

    Raises:
        EncryptedValueError: For the first such text, with its place below *at*.
    """
    parts: Iterable[tuple[str | int, Json]]
    parts = enumerate(value) if isinstance(value, list) else value.items()
    for step, part in parts:
        if isinstance(step, str) and is_encrypted(step):
            raise EncryptedValueError(shown_place((*at, step)))
        if isinstance(part, str):
            if is_encrypted(part):
                sealable = isinstance(step, str) and not step.endswith(REF_SUFFIX)
                place = shown_place((*at, step))
                require_opened(part, place, open_token if sealable else never_opens)
        elif isinstance(part, dict | list):
            require_all_opened(part, (*at, step), open_token=open_token)
