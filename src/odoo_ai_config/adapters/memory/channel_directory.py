"""
The mapping of channels in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from odoo_ai_config.adapters.memory.state import MemoryAdapter
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.domain.channels.mapping import (
    ChannelClaim,
    ChannelKey,
    ChannelMapping,
    MappingRevision,
    Rivals,
)
from odoo_ai_config.domain.channels.routing import IncomingMessage, RoutingTable
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId


class MemoryChannelDirectory(MemoryAdapter, ChannelDirectory):
    """
    Hands out the live routing table itself, which every commit keeps up to date.
    """

    async def current(self, keys: Sequence[ChannelKey]) -> Mapping[ChannelKey, MappingRevision]:
        mappings = self.state.mappings
        return {key: mappings[key] for key in keys if key in mappings}

    async def mappings(self, tenant: TenantId | None = None) -> Sequence[MappingRevision]:
        if tenant is not None:
            return await self.mappings_of((tenant,))
        return sorted(self.state.mappings.values(), key=_place)

    async def mappings_of(self, tenants: Collection[TenantId]) -> Sequence[MappingRevision]:
        found = (
            revision
            for revision in self.state.mappings.values()
            if revision.mapping.owner.tenant in tenants
        )
        return sorted(found, key=_place)

    async def tenants_in(self, account: ChatwootId, *, limit: int) -> Sequence[TenantId]:
        mappings = (revision.mapping for revision in self.state.mappings.values())
        found = {m.owner.tenant for m in mappings if m.active and m.key.account == account}
        return sorted(found)[:limit]

    async def rivals_of(self, claim: ChannelClaim) -> Rivals:
        return self.state.routing.rivals_of(claim)

    # The whole table bears on every message.
    async def table_for(
        self,
        *messages: IncomingMessage,  # noqa: ARG002
        supposing: ChannelMapping | None = None,  # noqa: ARG002
        explaining: bool = False,  # noqa: ARG002
    ) -> RoutingTable:
        return self.state.routing


def _place(revision: MappingRevision) -> str:
    return str(revision.mapping.key)
