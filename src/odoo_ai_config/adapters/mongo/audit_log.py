"""
The audit trail in MongoDB.
"""

from __future__ import annotations

from collections.abc import Sequence

from odoo_ai_config.adapters.mongo.database import MongoDatabase
from odoo_ai_config.adapters.mongo.documents import audit_from
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.domain.changes import AuditEntry
from odoo_ai_config.domain.identifiers import TenantId


class MongoAuditLog(AuditLog):
    """
    Entries by their time; among those of one microsecond by when they were written.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._entries = database["audit"]

    @translated
    async def entries(
        self, *, tenant: TenantId | None = None, limit: int = 100
    ) -> Sequence[AuditEntry]:
        if limit < 1:
            return []
        wanted = {} if tenant is None else {"tenant": tenant.value}
        cursor = self._entries.find(wanted).sort([("at", -1), ("_id", -1)]).limit(limit)
        return [audit_from(record) for record in await cursor.to_list(None)]
