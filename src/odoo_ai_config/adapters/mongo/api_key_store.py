"""
API keys in MongoDB.
"""

from __future__ import annotations

from collections.abc import Sequence

from odoo_ai_config.adapters.mongo.database import MongoDatabase
from odoo_ai_config.adapters.mongo.documents import api_key_from
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.domain.access import ApiKey


class MongoApiKeyStore(ApiKeyStore):
    """
    Asks the database for the same key at most every two seconds.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._keys = database["api_keys"]
        self._recent = database.recent_api_keys

    @translated
    async def api_key(self, key_id: str) -> ApiKey | None:
        recent = self._recent.get(key_id)
        if recent is not None:
            return recent
        reading = self._recent.begin()
        record = await self._keys.find_one({"_id": key_id})
        if record is None:
            return None
        key = api_key_from(record)
        self._recent.remember(key, reading)
        return key

    @translated
    async def api_keys(self) -> Sequence[ApiKey]:
        cursor = self._keys.find().sort([("created_at", 1), ("_id", 1)])
        return [api_key_from(record) for record in await cursor.to_list(None)]
