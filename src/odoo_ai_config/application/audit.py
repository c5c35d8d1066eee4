"""
Who did what.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditEntry, AuditId
from odoo_ai_config.domain.identifiers import TenantId


@frozen(eq=False)
class ReadAuditTrail:
    """
    The audit trail, for operators of the whole hub.

    An entry about one tenant may name another: the one to which a channel moved.
    """

    audit: AuditLog

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
        return await self.audit.entries(tenant=tenant, after=after, limit=limit)
