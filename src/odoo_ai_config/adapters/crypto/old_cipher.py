"""
Opens Fernet tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from odoo_ai_config.application.ports.old_cipher import OldCipher
from odoo_ai_config.domain.credentials.secrets import SecretText


class FernetOldCipher(OldCipher):
    """
    Tries each of *keys*, which are base64 of 32 bytes.
    """

    def __init__(self, keys: Sequence[SecretText]) -> None:
        self._fernet = MultiFernet([Fernet(key.reveal()) for key in keys]) if keys else None

    def open(self, token: bytes) -> SecretText | None:
        if self._fernet is None:
            return None
        try:
            return SecretText(self._fernet.decrypt(token).decode())
        except (InvalidToken, UnicodeDecodeError):
            return None
