"""
The audit trail in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from odoo_ai_config.adapters.memory.state import MemoryAdapter
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.domain.changes import AuditEntry, AuditId
from odoo_ai_config.domain.identifiers import TenantId


class MemoryAuditLog(MemoryAdapter, AuditLog):
    """
    Reads the entries that commits brought.
    """

    async def entries(
        self,
        *,
        tenant: TenantId | None = None,
        after: AuditId | None = None,
        before: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[AuditEntry]:
        written_last = reversed(self.state.audit)
        newest_first = iter(sorted(written_last, key=lambda entry: entry.at, reverse=True))
        if after is not None:
            # Skips to that entry, or to the end if it is not there.
            next((entry for entry in newest_first if entry.id == after), None)
        found = (
            entry
            for entry in newest_first
            if tenant in {None, entry.tenant} and (before is None or entry.at < before)
        )
        return list(islice(found, limit))

    async def entry(self, id_: AuditId) -> AuditEntry | None:
        return next((entry for entry in self.state.audit if entry.id == id_), None)
