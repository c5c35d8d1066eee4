"""
Decide where a Chatwoot message goes.
"""

from __future__ import annotations

from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.channels.routing import IncomingMessage, Route

# Very many may share an account or a number.
MOST_OWNERS: Final = 50


@frozen(eq=False)
class ResolveRoute:
    """
    Route a message by the mapping as it is now.
    """

    channels: ChannelDirectory

    async def __call__(
        self, message: IncomingMessage, *, caller: ApiKey, explain: bool = False
    ) -> Route:
        """
        The route; with *explain*, also the verdict of every rule with its first `MOST_OWNERS`.

        A caller that is bound to a tenant learns nothing about other tenants.

        Raises:
            TenantForbiddenError: The message goes to a tenant that *caller* may not see.
        """
        caller.require(Scope.CONFIG_READ)
        table = await self.channels.table_for(message, explaining=explain)
        route = table.explain(message) if explain else table.resolve(message)
        if route.owner is not None:
            caller.require_tenant(route.owner.tenant)
        steps = []
        for step in route.considered:
            seen = [owner for owner in step.owners if caller.tenant in {None, owner.tenant}]
            steps.append(evolve(step, owners=tuple(seen[:MOST_OWNERS])))
        return evolve(route, considered=tuple(steps)) if steps else route
