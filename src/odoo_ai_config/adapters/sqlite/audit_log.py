"""
The audit trail in SQLite.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import frozen

from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.row_layout import microseconds
from odoo_ai_config.adapters.sqlite.rows import AUDIT
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.domain.changes import AuditEntry, AuditId
from odoo_ai_config.domain.identifiers import TenantId

_ENTRIES: Final = (
    f"SELECT {AUDIT.columns} FROM audit {{which}} ORDER BY at DESC, id DESC LIMIT :limit"
)
_ENTRY: Final = f"SELECT {AUDIT.columns} FROM audit WHERE id = ?"
_OF_TENANT: Final = "tenant = :tenant"
_BEHIND: Final = "(at, id) < (SELECT at, id FROM audit WHERE id = :after)"
_BEFORE: Final = "at < :before"


@frozen(eq=False)
class SqliteAuditLog(AuditLog):
    """
    Entries in one table, which numbers them.
    """

    database: SqliteDatabase

    async def entries(
        self,
        *,
        tenant: TenantId | None = None,
        after: AuditId | None = None,
        before: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[AuditEntry]:
        values: dict[str, str | int] = {"limit": limit}
        conditions: list[str] = []
        if tenant is not None:
            values["tenant"] = tenant.value
            conditions.append(_OF_TENANT)
        if after is not None:
            values["after"] = after.value
            conditions.append(_BEHIND)
        if before is not None:
            values["before"] = microseconds(before)
            conditions.append(_BEFORE)
        which = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        statement = _ENTRIES.format(which=which)
        return await self.database.select(statement, values, AUDIT.of)

    async def entry(self, id_: AuditId) -> AuditEntry | None:
        return await self.database.select_one(_ENTRY, (id_.value,), AUDIT.of)
