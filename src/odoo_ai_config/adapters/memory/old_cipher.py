"""
Opens the tokens that a test says it opens.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from odoo_ai_config.application.ports.old_cipher import OldCipher
from odoo_ai_config.domain.credentials.secrets import SecretText


@frozen
class MemoryOldCipher(OldCipher):
    """
    Knows the text in each token.
    """

    texts: Mapping[bytes, str] = field(factory=dict, repr=False)

    def open(self, token: bytes) -> SecretText | None:
        text = self.texts.get(token)
        return None if text is None else SecretText(text)
