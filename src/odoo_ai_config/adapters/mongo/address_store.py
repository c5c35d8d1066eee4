"""
Secret addresses in MongoDB.
"""

from __future__ import annotations

from collections.abc import Sequence

from odoo_ai_config.adapters.mongo.database import MongoDatabase, Record
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.records import read_all, read_one
from odoo_ai_config.application.ports.address_store import AddressStore
from odoo_ai_config.domain.addresses import Address
from odoo_ai_config.domain.identifiers import TenantId


class MongoAddressStore(AddressStore):
    """
    Reads from the database each time, so that a revocation by any process is seen at once.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._addresses = database["addresses"]

    @translated
    async def address(self, address_id: str) -> Address | None:
        return await read_one(self._addresses, {"_id": address_id}, Address)

    @translated
    async def addresses(
        self, *, tenant: TenantId | None = None, after: str | None = None, limit: int = 100
    ) -> Sequence[Address]:
        wanted: Record = {"_id": {"$gt": after or ""}}
        if tenant is not None:
            wanted["tenant"] = tenant.value
        cursor = self._addresses.find(wanted).sort([("_id", 1)]).limit(limit)
        return await read_all(cursor, Address)

    @translated
    async def revoked_ids(self) -> frozenset[str]:
        revoked = await self._addresses.find({"revoked_at": {"$gt": 0}}, {"_id": 1}).to_list(None)
        return frozenset(record["_id"] for record in revoked)
