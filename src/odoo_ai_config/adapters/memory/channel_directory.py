"""
The mapping of channels in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from odoo_ai_config.adapters.memory.state import MemoryAdapter
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.domain.channels.history import HistoryPlace, MappingChange
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
        histories = self.state.mapping_histories
        return {key: histories[key][-1] for key in keys if key in histories}

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

    async def accounts(self, *, limit: int) -> Sequence[ChatwootId]:
        return self.state.routing.accounts(limit)

    async def rivals_of(self, claim: ChannelClaim) -> Rivals:
        return self.state.routing.rivals_of(claim)

    # The whole table bears on every message.
    async def table_for(
        self,
        *messages: IncomingMessage,  # noqa: ARG002
        supposing: ChannelMapping | None = None,  # noqa: ARG002
        explaining: bool = False,  # noqa: ARG002
        numbers: bool = False,  # noqa: ARG002
    ) -> RoutingTable:
        return self.state.routing

    async def revision(self, key: ChannelKey, version: int) -> MappingRevision | None:
        history = self.state.mapping_histories.get(key, ())
        return next((revision for revision in history if revision.version == version), None)

    async def history(
        self,
        *,
        key: ChannelKey | None = None,
        tenant: TenantId | None = None,
        after: HistoryPlace | None = None,
        limit: int = 100,
    ) -> Sequence[MappingChange]:
        changes = (
            change
            for channel, history in self.state.mapping_histories.items()
            if key in {None, channel}
            for change in _changes(history)
            if (tenant is None or change.change.concerns(tenant))
            and (after is None or change.place.rank < after.rank)
        )
        return sorted(changes, key=lambda change: change.place.rank, reverse=True)[:limit]

    async def changed_since(
        self,
        moment: datetime,
        *,
        tenant: TenantId | None = None,
        after: ChannelKey | None = None,
        limit: int = 100,
    ) -> Sequence[MappingRevision]:
        found = (
            history[-1]
            for key, history in self.state.mapping_histories.items()
            if history[-1].updated_at > moment
            and (after is None or str(key) > str(after))
            and (tenant is None or any(one.mapping.owner.tenant == tenant for one in history))
        )
        return sorted(found, key=_place)[:limit]

    async def at(
        self, moment: datetime, keys: Sequence[ChannelKey]
    ) -> Mapping[ChannelKey, MappingRevision]:
        found: dict[ChannelKey, MappingRevision] = {}
        for key in keys:
            for revision in self.state.mapping_histories.get(key, ()):
                if revision.updated_at <= moment:
                    found[key] = revision
        return found


def _changes(history: Sequence[MappingRevision]) -> Iterator[MappingChange]:
    replaced = None
    for revision in history:
        yield MappingChange.of(revision, replaced)
        replaced = revision


def _place(revision: MappingRevision) -> str:
    return str(revision.mapping.key)
