"""
Decide where a Chatwoot message goes, or let a reader decide it.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.channels.known_routes import RouteLimits
from odoo_ai_config.domain.channels.mapping import MappingRevision, state_of
from odoo_ai_config.domain.channels.routing import IncomingMessage, Route
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.tenants import CLOSED, Standing, TenantErasedError


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


@frozen(eq=False)
class ReadKnownRoutes:
    """
    What a reader needs to route messages by itself, as `ResolveRoute` does.
    """

    channels: ChannelDirectory
    standings: Standings

    async def __call__(self, *, caller: ApiKey) -> tuple[RouteLimits, Sequence[MappingRevision]]:
        """
        The active mappings that *caller* may see, by the texts of their keys.

        Also the limits of what they decide.

        Raises:
            TenantSuspendedError, TenantErasedError: The tenant that *caller* is bound to is not
                active.
        """
        caller.require(Scope.CONFIG_READ)
        await self.standings.require_caller_served(caller)
        revisions = await self.channels.mappings(caller.tenant)
        if caller.tenant is not None:
            shared = await self._shared(revisions)
            limits = RouteLimits(whole=False, shared=shared)
            return limits, [one for one in revisions if one.mapping.active]
        unusual = await self.standings.tenants.unusual()
        standing = {tenant: known.standing for tenant, known in unusual.items()}
        closed = {tenant for tenant, its in standing.items() if its in CLOSED}

        def limited() -> tuple[RouteLimits, Sequence[MappingRevision]]:
            left = {one.mapping.key for one in revisions if one.mapping.owner.tenant in closed}
            unserved = {tenant for tenant, its in standing.items() if its is not Standing.ACTIVE}
            limits = RouteLimits(
                whole=True,
                unserved=frozenset(unserved),
                left=frozenset(left),
                version=state_of(revisions),
            )
            return limits, [one for one in revisions if one.mapping.active]

        return await run_off_loop(limited, cost=ENTRY * len(revisions))

    async def _shared(self, revisions: Sequence[MappingRevision]) -> frozenset[ChatwootId]:
        keys = (one.mapping.key for one in revisions if one.mapping.active)
        accounts = {key.account for key in keys if key.account is not None}
        present = {
            account: await self.channels.tenants_in(account, limit=2) for account in accounts
        }
        return frozenset(account for account, found in present.items() if len(found) > 1)
