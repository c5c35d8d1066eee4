"""
Who did what.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from attrs import frozen

from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditEntry, AuditId, change_audit
from odoo_ai_config.domain.channels.history import HistoryPlace
from odoo_ai_config.domain.identifiers import TenantId


@frozen(eq=False)
class ReadAuditTrail:
    """
    The audit trail, for operators of the whole hub.

    It has the history of the mapping in it. Changes of channels are stored once, there: an event
    does not pay for another entry, and retention removes both at once.

    An entry about one tenant may name another: the one to which a channel moved.
    """

    audit: AuditLog
    channels: ChannelDirectory

    async def __call__(
        self,
        *,
        caller: ApiKey,
        tenant: TenantId | None = None,
        after: AuditId | None = None,
        limit: int = 50,
    ) -> Sequence[AuditEntry]:
        """
        At most *limit* entries behind *after*, newest first, of *tenant* or of all.
        """
        caller.require(Scope.ADMIN)
        caller.require_unbound()
        # The stored entries come before the changes of channels of the same microsecond.
        place, before = None, None
        if after is not None:
            place = after.place
            if place is None:
                last = await self.audit.entry(after)
                if last is None:
                    return []
                place = HistoryPlace.before(last.at + timedelta.resolution)
            else:
                before, after = place.at, None
        entries, changes = await asyncio.gather(
            self.audit.entries(tenant=tenant, after=after, before=before, limit=limit),
            self.channels.history(tenant=tenant, after=place, limit=limit),
        )
        found = [*entries, *(change_audit(change, tenant) for change in changes)]
        return sorted(found, key=lambda entry: entry.at, reverse=True)[:limit]
