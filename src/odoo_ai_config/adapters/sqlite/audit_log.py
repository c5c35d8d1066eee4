"""
The audit trail in SQLite.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.rows import AUDIT_COLUMNS, audit_entry_of
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.domain.changes import AuditEntry
from odoo_ai_config.domain.identifiers import TenantId

_ENTRIES: Final = f"SELECT {AUDIT_COLUMNS} FROM audit ORDER BY id DESC LIMIT ?"
_ENTRIES_OF: Final = (
    f"SELECT {AUDIT_COLUMNS} FROM audit WHERE tenant = ?2 ORDER BY id DESC LIMIT ?1"
)


@frozen
class SqliteAuditLog(AuditLog):
    """
    Entries in the order of their commits.
    """

    database: SqliteDatabase

    async def entries(
        self, *, tenant: TenantId | None = None, limit: int = 100
    ) -> Sequence[AuditEntry]:
        statement = _ENTRIES if tenant is None else _ENTRIES_OF
        which = (limit,) if tenant is None else (limit, tenant.value)
        return await self.database.read(
            lambda connection: [
                audit_entry_of(row) for row in connection.execute(statement, which)
            ]
        )
