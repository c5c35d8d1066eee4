"""
Decide where a Chatwoot message goes.
"""

from __future__ import annotations

from attrs import frozen

from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.channels.routing import IncomingMessage, Route
from odoo_ai_config.domain.tenants import TenantErasedError


@frozen(eq=False)
class ResolveRoute:
    """
    Route a message by the mapping as it is now.
    """

    channels: ChannelDirectory
    standings: Standings

    async def __call__(
        self, message: IncomingMessage, *, caller: ApiKey, explain: bool = False
    ) -> Route:
        """
        The route; with *explain*, also the verdict of every rule.

        A caller that is bound to a tenant learns nothing about other tenants.

        Raises:
            TenantForbiddenError: The message goes to a tenant that *caller* may not see.
            TenantSuspendedError: It goes to a tenant that is suspended.
            TenantErasedError: The channel was one of a tenant that is erased.
        """
        caller.require(Scope.CONFIG_READ)
        table = await self.channels.table_for(message, explaining=explain)
        route = table.explain(message, tenant=caller.tenant) if explain else table.resolve(message)
        if route.owner is not None:
            caller.require_tenant(route.owner.tenant)
            await self.standings.require_served(route.owner.tenant)
        gone = await self.standings.erased_owner(message, route)
        if gone is not None:
            raise TenantErasedError(gone)
        return route
