"""
Values that the replaced server encrypted: a mark and a Fernet token.

Only an adapter knows Fernet. Here a token is recognised, and opened by whatever opens it.
"""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.errors import EncryptedValueError
from odoo_ai_config.domain.identifiers import REF_SUFFIX
from odoo_ai_config.domain.json_types import Json, Place, ReadOnlyJsonObject, shown_place

# Opens a Fernet token; None if it does not open.
OpenToken: TypeAlias = Callable[[bytes], SecretText | None]

# The replaced server wrote it before its secrets, encrypted or not.
OLD_MARK: Final = "ENC:"
_MARKS: Final = re.compile(f"(?:{OLD_MARK})++", re.IGNORECASE)
# Version, time and initialisation vector; at least one block; the authentication code.
_FERNET_FRAME: Final = 1 + 8 + 16 + 32
_FERNET_BLOCK: Final = 16
_FERNET_VERSION: Final = 0x80
# Its version and the first bytes of its time, which are zero until 2106. Behind the mark no
# password begins like this, so a token with such a beginning is a damaged one.
_BEGINNINGS: Final = ("gAAAA", "Z0FBQU")


def never_opens(_token: bytes) -> None:
    """
    Open nothing: the operator has no key of the replaced server.
    """


def is_encrypted(text: str) -> bool:
    """
    Whether *text* is ciphertext of the replaced server: `OLD_MARK` and a Fernet token.

    Its programs wrote the token as it is, or in base64 once more, and the mark sometimes twice. A
    damaged token counts too. Any other text that begins with the mark may be a password.
    """
    return _token_in(text) is not None


def _token_in(text: str) -> bytes | None:
    # Nearly every text is decided here.
    if text[:1] not in "eE" and not text[:1].isspace():
        return None
    marked = text.lstrip()
    if marked[: len(OLD_MARK)].upper() != OLD_MARK:
        return None
    # Mail and YAML break long lines, and a program that wrote the mark before a value that had it
    # already wrote it twice.
    written = _MARKS.sub("", "".join(marked.split()), count=1)
    token = _decoded(written)
    for raw in (token, _decoded(token.decode("latin-1"))):
        if _is_fernet(raw):
            return urlsafe_b64encode(raw)
    return b"" if written.startswith(_BEGINNINGS) else None


def _decoded(text: str) -> bytes:
    # A copied token may have lost its padding.
    bare = text.rstrip("=")
    try:
        return urlsafe_b64decode(bare.encode("ascii") + b"=" * (-len(bare) % 4))
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

    Such a text does not open, or is in a list or a reference, where no reference replaces it.

    Raises:
        EncryptedValueError: For the first such text, with its place below *at*.
    """
    parts: Iterable[tuple[str | int, Json]]
    parts = enumerate(value) if isinstance(value, list) else value.items()
    for step, part in parts:
        if isinstance(part, str):
            if is_encrypted(part):
                sealable = isinstance(step, str) and not step.endswith(REF_SUFFIX)
                place = shown_place((*at, step))
                require_opened(part, place, open_token if sealable else never_opens)
        elif isinstance(part, dict | list):
            require_all_opened(part, (*at, step), open_token=open_token)
