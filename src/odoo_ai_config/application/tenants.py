"""
List the tenants that the hub knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from attrs import frozen

from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.errors import TenantNotFoundError
from odoo_ai_config.domain.identifiers import HUB, TenantId


@frozen
class TenantOverview:
    """
    A tenant and the newest revision of each of its living documents.
    """

    tenant: TenantId
    documents: tuple[Revision, ...]


@frozen(eq=False)
class ListTenants:
    """
    The tenants that a caller may see, with their documents.
    """

    store: ConfigStore

    async def __call__(
        self, *, caller: ApiKey, after: TenantId | None = None, limit: int = 50
    ) -> Sequence[TenantOverview]:
        """
        At most *limit* tenants following *after*; a bound caller sees only its own.

        The hub's own tenant is left out.
        """
        caller.require(Scope.CONFIG_READ)
        if caller.tenant is not None:
            own = await self._overview(caller.tenant)
            seen = after is not None and after >= caller.tenant
            return [own] if own.documents and not seen else []
        # One more than asked for, because the hub's own may be among them.
        found = await self.store.tenants(after=after, limit=limit + 1)
        tenants = [tenant for tenant in found if tenant != HUB][:limit]
        return await asyncio.gather(*(self._overview(tenant) for tenant in tenants))

    async def one(self, tenant: TenantId, *, caller: ApiKey) -> TenantOverview:
        """
        One tenant.

        Raises:
            TenantNotFoundError: It has no document.
        """
        caller.require(Scope.CONFIG_READ, tenant)
        overview = await self._overview(tenant)
        if not overview.documents:
            raise TenantNotFoundError
        return overview

    async def _overview(self, tenant: TenantId) -> TenantOverview:
        return TenantOverview(tenant, tuple(await self.store.documents(tenant)))
