"""
API keys in MongoDB.
"""

from __future__ import annotations

from collections.abc import Sequence

from odoo_ai_config.adapters.mongo.database import MongoDatabase
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.records import read_all, read_one
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.domain.access import ApiKey


class MongoApiKeyStore(ApiKeyStore):
    """
    Reads the same key from the database at most every two seconds.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._keys = database["api_keys"]
        self._cache = database.api_keys

    @translated
    async def api_key(self, key_id: str) -> ApiKey | None:
        key = self._cache.get(key_id)
        if key is None:
            read_at = self._cache.now()
            key = await read_one(self._keys, {"_id": key_id}, ApiKey)
            if key is not None:
                self._cache.remember(key_id, key, read_at=read_at)
        return key

    @translated
    async def api_keys(self) -> Sequence[ApiKey]:
        cursor = self._keys.find().sort([("created_at", 1), ("_id", 1)])
        return await read_all(cursor, ApiKey)
