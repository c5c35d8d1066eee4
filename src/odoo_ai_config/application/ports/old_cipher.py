"""
Opens what the replaced server encrypted.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from odoo_ai_config.domain.credentials.secrets import SecretText


class OldCipher(Protocol):
    """
    The keys of the replaced server, if the operator has them.
    """

    @abstractmethod
    def open(self, token: bytes) -> SecretText | None:
        """
        The text in a Fernet *token*; None if no key opens it, or if there is no text in it.
        """
