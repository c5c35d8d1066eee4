"""
What the audit trail has of what tests did.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from odoo_ai_config.adapters.memory.secret_vault import MemorySecretVault
from odoo_ai_config.application.audit import LinkAuditTrail
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.application.ports.config_store import PruneReport
from odoo_ai_config.domain.changes import AuditAction, AuditEntry
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.identifiers import TenantId
from tests.contract.stores import Stores

_OF_REVISIONS = {
    AuditAction.DOCUMENT_CHANGED,
    AuditAction.DOCUMENT_DELETED,
    AuditAction.CHANNEL_CHANGED,
}


async def trail(audit: AuditLog, *, tenant: TenantId | None = None) -> list[AuditEntry]:
    """
    Link what is pending, and return all entries, newest first.
    """
    await LinkAuditTrail(audit, MemorySecretVault())()
    return [one.entry for one in await audit.entries(tenant=tenant, limit=100_000)]


async def acts(audit: AuditLog, *, tenant: TenantId | None = None) -> list[AuditEntry]:
    """
    The same without the entries that stores make from revisions.
    """
    found = await trail(audit, tenant=tenant)
    return [entry for entry in found if entry.action not in _OF_REVISIONS]


async def pruned(
    stores: Stores,
    policy: RetentionPolicy,
    *,
    now: datetime,
    own: Mapping[TenantId, RetentionPolicy] | None = None,
) -> PruneReport:
    """
    Prune what no pending entry of the audit trail needs any more.
    """
    await trail(stores.audit)
    return await stores.config.prune(policy, now=now, own=own or {})
