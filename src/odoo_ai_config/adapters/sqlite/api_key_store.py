"""
API keys in SQLite.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.lookups import find_api_key
from odoo_ai_config.adapters.sqlite.rows import API_KEYS
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.domain.access import ApiKey

_API_KEYS: Final = f"SELECT {API_KEYS.columns} FROM api_keys ORDER BY created_at, id"


@frozen(eq=False)
class SqliteApiKeyStore(ApiKeyStore):
    """
    A revocation by any process is seen at once.
    """

    database: SqliteDatabase

    async def api_key(self, key_id: str) -> ApiKey | None:
        return (await self.database.find(find_api_key, (key_id,))).get(key_id)

    async def api_keys(self) -> Sequence[ApiKey]:
        return await self.database.select(_API_KEYS, (), API_KEYS.of)
