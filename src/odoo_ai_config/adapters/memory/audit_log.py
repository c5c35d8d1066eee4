"""
The audit trail in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
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
        self, *, tenant: TenantId | None = None, after: AuditId | None = None, limit: int = 100
    ) -> Sequence[AuditEntry]:
        newest_first = reversed(self.state.audit)
        if after is not None:
            # Skips to that entry, or to the end if it is not there.
            next((entry for entry in newest_first if entry.id == after), None)
        found = (entry for entry in newest_first if tenant in {None, entry.tenant})
        return list(islice(found, limit))
