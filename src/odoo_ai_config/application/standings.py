"""
Whether anything of a tenant may be served.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.tenant_store import TenantStore
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.channels.mapping import ChannelKey
from odoo_ai_config.domain.channels.routing import IncomingMessage, Route, Rule
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.tenants import CLOSED, Standing, require_served

# Neither the channel nor the account belongs to somebody.
_OF_NOBODY: Final = frozenset({Rule.FALLBACK, Rule.UNRESOLVED})


@frozen(eq=False)
class Standings:
    """
    Asks where tenants stand, before something of them is served.
    """

    tenants: TenantStore
    channels: ChannelDirectory

    async def require_served(self, tenant: TenantId) -> None:
        """
        Refuse to serve anything of *tenant* unless it is active.

        Raises:
            TenantSuspendedError, TenantErasedError: It is not.
        """
        require_served(tenant, await self.tenants.standing(tenant))

    async def require_caller_served(self, caller: ApiKey) -> None:
        """
        Refuse to serve anything to a key that is bound to a tenant which is not active.

        Raises:
            TenantSuspendedError, TenantErasedError: It is not.
        """
        if caller.tenant is not None:
            await self.require_served(caller.tenant)

    async def is_served(self, tenant: TenantId) -> bool:
        """
        Whether *tenant* is active.
        """
        return await self.tenants.standing(tenant) is Standing.ACTIVE

    async def erased_owner(self, message: IncomingMessage, route: Route) -> TenantId | None:
        """
        The erased tenant that had the channel of *message*, which takes *route* now; mostly None.

        Nobody else gets its messages because it has left, unless the channel was given away or
        the account has one other owner.
        """
        if route.matched_by not in _OF_NOBODY or message.account is None:
            return None
        keys = [ChannelKey(message.account)]
        if message.inbox is not None:
            keys.append(ChannelKey(message.account, message.inbox))
        found = await self.channels.current(keys)
        for revision in found.values():
            owner = revision.mapping.owner.tenant
            if await self.tenants.standing(owner) in CLOSED:
                return owner
        return None
