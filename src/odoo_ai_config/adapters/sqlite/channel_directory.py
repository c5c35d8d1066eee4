"""
The mapping of channels in SQLite.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from attrs import frozen

from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.lookups import find_mapping
from odoo_ai_config.adapters.sqlite.rows import MAPPING_COLUMNS, json_values, mapping_revision_of
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

_ALL: Final = f"SELECT {MAPPING_COLUMNS} FROM mappings ORDER BY key"
_OF_TENANTS: Final = (
    f"SELECT {MAPPING_COLUMNS} FROM mappings "
    "WHERE tenant IN (SELECT value FROM json_each(?)) ORDER BY key"
)
_TENANTS_IN: Final = (
    "SELECT DISTINCT tenant FROM mappings WHERE active AND key > ? AND key < ? "
    "ORDER BY tenant LIMIT ?"
)


@frozen(eq=False)
class SqliteChannelDirectory(ChannelDirectory):
    """
    Routes by the table that `SqliteDatabase` keeps in memory.
    """

    database: SqliteDatabase

    async def current(self, keys: Sequence[ChannelKey]) -> Mapping[ChannelKey, MappingRevision]:
        return await self.database.find(find_mapping, keys)

    async def mappings(self, tenant: TenantId | None = None) -> Sequence[MappingRevision]:
        if tenant is not None:
            return await self.mappings_of((tenant,))
        return await self.database.select(_ALL, (), mapping_revision_of)

    async def mappings_of(self, tenants: Collection[TenantId]) -> Sequence[MappingRevision]:
        return await self.database.select(
            _OF_TENANTS, (json_values(tenants),), mapping_revision_of
        )

    async def tenants_in(self, account: ChatwootId, *, limit: int) -> Sequence[TenantId]:
        # Keys are in order, and "0" is what follows "/".
        start = f"channel/{account}"
        which = f"{start}/", f"{start}0", limit
        return await self.database.select(_TENANTS_IN, which, lambda row: TenantId(*row))

    async def rivals_of(self, claim: ChannelClaim) -> Rivals:
        table, _ = await self.database.routing.table()
        return table.rivals_of(claim)

    # The whole table bears on every message.
    async def table_for(
        self,
        *messages: IncomingMessage,  # noqa: ARG002
        supposing: ChannelMapping | None = None,  # noqa: ARG002
        explaining: bool = False,  # noqa: ARG002
    ) -> RoutingTable:
        table, _ = await self.database.routing.table()
        return table
