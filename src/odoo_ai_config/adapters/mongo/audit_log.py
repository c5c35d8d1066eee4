"""
The audit trail in MongoDB.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bson import ObjectId

from odoo_ai_config.adapters.mongo.database import MongoDatabase, Record
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.records import read_all, read_one, to_instant
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.domain.changes import AuditEntry, AuditId
from odoo_ai_config.domain.identifiers import TenantId


class MongoAuditLog(AuditLog):
    """
    Each entry is a record.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._entries = database["audit"]

    @translated
    async def entries(
        self,
        *,
        tenant: TenantId | None = None,
        after: AuditId | None = None,
        before: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[AuditEntry]:
        if limit < 1:
            return []
        wanted: Record = {} if tenant is None else {"tenant": tenant.value}
        at: Record = {}
        if before is not None:
            at["$lt"] = to_instant(before)
        if after is not None:
            last = await self._entries.find_one({"_id": _object_id(after)}, ["at"])
            if last is None:
                return []
            # Where the alternatives end in the index: they alone would not bound it.
            at["$lte"] = last["at"]
            older: Record = {"at": {"$lt": last["at"]}}
            wanted["$or"] = [older, {"at": last["at"], "_id": {"$lt": last["_id"]}}]
        if at:
            wanted["at"] = at
        cursor = self._entries.find(wanted).sort([("at", -1), ("_id", -1)]).limit(limit)
        return await read_all(cursor, AuditEntry)

    @translated
    async def entry(self, id_: AuditId) -> AuditEntry | None:
        return await read_one(self._entries, {"_id": _object_id(id_)}, AuditEntry)


def _object_id(id_: AuditId) -> ObjectId | None:
    return ObjectId(id_.value) if ObjectId.is_valid(id_.value) else None
