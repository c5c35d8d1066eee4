"""
What documents a tenant has, and how they came about.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import BusinessDomain, DocumentKey, TenantId


@frozen
class ListDocuments:
    """
    The documents of a tenant, and the revisions of a document.
    """

    store: ConfigStore

    async def __call__(
        self, tenant: TenantId, *, caller: ApiKey, domain: BusinessDomain | None = None
    ) -> Sequence[Revision]:
        """
        The newest revision of each living document of *tenant*.

        Raises:
            ScopeMissingError: *caller* may not read documents.
            TenantForbiddenError: *caller* is bound to another tenant.
            StoreUnavailableError: The store is away.
        """
        caller.require(Scope.CONFIG_READ)
        caller.require_tenant(tenant)
        return await self.store.documents(tenant, domain)

    async def history(
        self, key: DocumentKey, *, caller: ApiKey, before: int | None = None, limit: int = 100
    ) -> Sequence[Revision]:
        """
        At most *limit* revisions below version *before*, newest first, deletions included.

        Raises:
            ScopeMissingError: *caller* may not read documents.
            TenantForbiddenError: *caller* is bound to another tenant.
            StoreUnavailableError: The store is away.
        """
        caller.require(Scope.CONFIG_READ)
        caller.require_tenant(key.tenant)
        return await self.store.history(key, before=before, limit=limit)
