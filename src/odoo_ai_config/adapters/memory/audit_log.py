"""
The audit trail in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import merge
from itertools import islice

from odoo_ai_config.adapters.memory.state import MemoryAdapter
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.domain.audit import LinkedEntry, TrailEnd, Voucher, linked
from odoo_ai_config.domain.identifiers import TenantId


class MemoryAuditLog(MemoryAdapter, AuditLog):
    """
    Links the entries that commits brought.
    """

    async def entries(
        self, *, tenant: TenantId | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[LinkedEntry]:
        found = (
            one
            for one in reversed(self.state.trail)
            if tenant in {None, one.entry.tenant} and (before is None or one.number < before)
        )
        return list(islice(found, limit))

    async def chain(self, *, after: int = 0, limit: int = 1000) -> Sequence[LinkedEntry]:
        return list(islice((one for one in self.state.trail if one.number > after), limit))

    async def end(self) -> tuple[TrailEnd, Voucher | None]:
        return self.state.trail_end, self.state.voucher

    async def link(self, vouch: Callable[[TrailEnd], Voucher], *, limit: int = 250) -> int:
        state = self.state
        pending = state.audit_of_revisions, state.audit
        some = list(islice(merge(*pending, key=lambda entry: entry.at), limit))
        if some:
            added = list(linked(state.trail_end, some))
            state.voucher = vouch(added[-1].end)
            state.trail += added
            for entries in pending:
                del entries[: sum(any(entry is one for one in some) for entry in entries)]
        return len(some)
