"""
API keys in memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from odoo_ai_config.adapters.memory.state import MemoryAdapter
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.domain.access import ApiKey


class MemoryApiKeyStore(MemoryAdapter, ApiKeyStore):
    """
    Reads the keys that commits brought.
    """

    async def api_key(self, key_id: str) -> ApiKey | None:
        return self.state.api_keys.get(key_id)

    async def api_keys(self) -> Sequence[ApiKey]:
        return sorted(self.state.api_keys.values(), key=lambda key: (key.created_at, key.id))
