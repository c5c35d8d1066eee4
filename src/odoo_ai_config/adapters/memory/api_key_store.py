"""
API keys in memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from odoo_ai_config.adapters.memory.state import MemoryState
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.domain.access import ApiKey


@frozen
class MemoryApiKeyStore(ApiKeyStore):
    """
    Reads the keys that commits brought.
    """

    state: MemoryState

    async def api_key(self, key_id: str) -> ApiKey | None:
        self.state.require_presence()
        return self.state.api_keys.get(key_id)

    async def api_keys(self) -> Sequence[ApiKey]:
        self.state.require_presence()
        return sorted(self.state.api_keys.values(), key=lambda key: (key.created_at, key.id))
