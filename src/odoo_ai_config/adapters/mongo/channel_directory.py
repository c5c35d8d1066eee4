"""
The mapping of channels in MongoDB.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from odoo_ai_config.adapters.mongo.database import MongoDatabase, Record
from odoo_ai_config.adapters.mongo.documents import mapping_from
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.mapping import ChannelKey, MappingRevision
from odoo_ai_config.domain.phone import comparable, digits_of
from odoo_ai_config.domain.routing import IncomingMessage, RoutingTable


class MongoChannelDirectory(ChannelDirectory):
    """
    Asks for the few mappings that bear on a message, each by an index.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._mappings = database["mappings"]

    @translated
    async def current(self, keys: Sequence[ChannelKey]) -> Mapping[ChannelKey, MappingRevision]:
        cursor = self._mappings.find({"_id": {"$in": [str(key) for key in keys]}})
        found = [mapping_from(record) for record in await cursor.to_list(None)]
        return {revision.mapping.key: revision for revision in found}

    @translated
    async def mappings(self, tenant: TenantId | None = None) -> Sequence[MappingRevision]:
        wanted = {} if tenant is None else {"owner.tenant": tenant.value}
        cursor = self._mappings.find(wanted).sort("_id", 1)
        return [mapping_from(record) for record in await cursor.to_list(None)]

    @translated
    async def table_for(self, message: IncomingMessage) -> RoutingTable:
        named, fallbacks = await asyncio.gather(
            self._named_by(message), self._records_of_lowest_fallback()
        )
        # Numbers count only in the accounts where their owners have a channel.
        strangers = {record["owner"]["tenant"] for record in named if record["numbers"]}
        strangers -= _present(named, message)
        presence = await self._presence(message, strangers) if strangers else []
        by_key = {record["_id"]: record for record in (*named, *fallbacks, *presence)}
        return RoutingTable(mapping_from(record).mapping for record in by_key.values())

    async def _named_by(self, message: IncomingMessage) -> list[Record]:
        channels = [ChannelKey(message.account)]
        if message.inbox is not None:
            channels += [
                ChannelKey(message.account, message.inbox),
                ChannelKey(inbox=message.inbox),
            ]
        # Each reason says all of itself, so that each finds its own index.
        reasons: list[Record] = [
            {"_id": {"$in": [str(channel) for channel in channels]}, "active": True}
        ]
        digits = digits_of(message.number)
        if digits is not None:
            reasons.append({"numbers.comparable": comparable(digits), "active": True})
        cursor = self._mappings.find({"$or": reasons})
        return await cursor.to_list(None)

    async def _records_of_lowest_fallback(self) -> list[Record]:
        order = [("sequence", 1), ("owner.tenant", 1), ("owner.domain", 1), ("_id", 1)]
        cursor = self._mappings.find({"active": True, "fallback": True}).sort(order).limit(1)
        return await cursor.to_list(None)

    async def _presence(self, message: IncomingMessage, tenants: Iterable[str]) -> list[Record]:
        groups = await self._database.aggregated(
            "mappings",
            [
                {
                    "$match": {
                        "active": True,
                        "account": message.account.value,
                        "owner.tenant": {"$in": sorted(tenants)},
                    }
                },
                {"$group": {"_id": "$owner.tenant", "any": {"$first": "$$ROOT"}}},
            ],
        )
        return [group["any"] for group in groups]


def _present(records: Iterable[Record], message: IncomingMessage) -> set[str]:
    return {
        record["owner"]["tenant"]
        for record in records
        if record["account"] == message.account.value
    }
