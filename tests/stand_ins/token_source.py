"""
Predictable tokens for tests.
"""

from __future__ import annotations

import base64

from attrs import define

from odoo_ai_config.application.ports.token_source import TokenSource


@define
class CountingTokenSource(TokenSource):
    """
    Counts instead of drawing random tokens: distinct, repeatable, not secret. For tests only.
    """

    drawn: int = 0

    def token(self, size: int) -> str:
        self.drawn += 1
        number = self.drawn.to_bytes(size, "big")
        return base64.urlsafe_b64encode(number).rstrip(b"=").decode("ascii")
