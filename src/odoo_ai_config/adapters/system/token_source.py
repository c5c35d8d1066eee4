"""
The machine's randomness.
"""

from __future__ import annotations

import secrets

from odoo_ai_config.application.ports.token_source import TokenSource


class SystemTokenSource(TokenSource):
    """
    Tokens from the operating system's cryptographic generator.
    """

    def token(self, size: int) -> str:
        return secrets.token_urlsafe(size)
