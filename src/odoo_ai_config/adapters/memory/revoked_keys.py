"""
Revoked keys beside a store that forgets everything.
"""

from __future__ import annotations

from collections.abc import Collection

from odoo_ai_config.application.ports.revoked_keys import RevokedKeys


class MemoryRevokedKeys(RevokedKeys):
    """
    A set of ids.
    """

    def __init__(self) -> None:
        self._ids: set[str] = set()

    async def note(self, key_ids: Collection[str]) -> None:
        self._ids.update(key_ids)

    async def noted(self) -> frozenset[str]:
        return frozenset(self._ids)
