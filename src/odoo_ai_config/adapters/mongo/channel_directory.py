"""
The mapping of channels in MongoDB.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

from odoo_ai_config.adapters.mongo.database import MongoDatabase, Record
from odoo_ai_config.adapters.mongo.documents import mapping_from
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId
from odoo_ai_config.domain.mapping import ChannelKey, ChannelMapping, MappingRevision
from odoo_ai_config.domain.phone import comparable, digits_of
from odoo_ai_config.domain.routing import IncomingMessage, RoutingTable

# An account and a tenant.
_Pair: TypeAlias = tuple[str, str]


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
        return await self._revisions({} if tenant is None else _owned((tenant,)))

    @translated
    async def mappings_of(self, tenants: Collection[TenantId]) -> Sequence[MappingRevision]:
        return await self._revisions(_owned(tenants))

    @translated
    async def tenants_in(self, account: ChatwootId, *, limit: int) -> Sequence[TenantId]:
        groups = await self._database.aggregated(
            "mappings",
            [
                {"$match": {"active": True, "account": account.value}},
                {"$group": {"_id": "$owner.tenant"}},
                {"$sort": {"_id": 1}},
                {"$limit": limit},
            ],
        )
        return [TenantId(group["_id"]) for group in groups]

    @translated
    async def table_for(
        self, *messages: IncomingMessage, supposing: ChannelMapping | None = None
    ) -> RoutingTable:
        # One that is supposed to change may take the place of the lowest fallback.
        spare = 0 if supposing is None else 1
        named, fallbacks = await asyncio.gather(
            self._named_by(messages, supposing), self._records_of_lowest_fallbacks(1 + spare)
        )
        strangers = _strangers(named, messages, supposing)
        presence = await self._presence(strangers, supposing) if strangers else []
        by_key = {record["_id"]: record for record in (*named, *fallbacks, *presence)}
        return RoutingTable(mapping_from(record).mapping for record in by_key.values())

    async def _revisions(self, wanted: Record) -> list[MappingRevision]:
        cursor = self._mappings.find(wanted).sort("_id", 1)
        return [mapping_from(record) for record in await cursor.to_list(None)]

    async def _named_by(
        self, messages: Iterable[IncomingMessage], supposing: ChannelMapping | None
    ) -> list[Record]:
        channels: set[ChannelKey] = set() if supposing is None else {supposing.key}
        numbers: set[str] = set()
        for message in messages:
            channels.update(_channels(message))
            digits = digits_of(message.number)
            if digits is not None:
                numbers.add(comparable(digits))
        # Each reason says all of itself, so that each finds its own index.
        reasons: list[Record] = [
            {"_id": {"$in": sorted(str(channel) for channel in channels)}, "active": True}
        ]
        if numbers:
            reasons.append({"numbers.comparable": {"$in": sorted(numbers)}, "active": True})
        cursor = self._mappings.find({"$or": reasons})
        return await cursor.to_list(None)

    async def _records_of_lowest_fallbacks(self, count: int) -> list[Record]:
        order = [("sequence", 1), ("owner.tenant", 1), ("owner.domain", 1), ("_id", 1)]
        cursor = self._mappings.find({"active": True, "fallback": True}).sort(order).limit(count)
        return await cursor.to_list(None)

    async def _presence(
        self, strangers: Collection[_Pair], supposing: ChannelMapping | None
    ) -> list[Record]:
        wanted: Record = {
            "active": True,
            "account": {"$in": sorted({account for account, _ in strangers})},
            "owner.tenant": {"$in": sorted({tenant for _, tenant in strangers})},
        }
        if supposing is not None:
            wanted["_id"] = {"$ne": str(supposing.key)}
        group = {"account": "$account", "tenant": "$owner.tenant"}
        groups = await self._database.aggregated(
            "mappings",
            [{"$match": wanted}, {"$group": {"_id": group, "any": {"$first": "$$ROOT"}}}],
        )
        return [group["any"] for group in groups]


def _owned(tenants: Collection[TenantId]) -> Record:
    return {"owner.tenant": {"$in": sorted(tenant.value for tenant in tenants)}}


def _channels(message: IncomingMessage) -> Iterable[ChannelKey]:
    if message.account is not None:
        yield ChannelKey(message.account)
    if message.inbox is not None:
        yield ChannelKey(inbox=message.inbox)
    if message.account is not None and message.inbox is not None:
        yield ChannelKey(message.account, message.inbox)


def _strangers(
    named: Iterable[Record],
    messages: Iterable[IncomingMessage],
    supposing: ChannelMapping | None,
) -> set[_Pair]:
    """
    Accounts and tenants with numbers, where it is not known whether the one is in the other.

    Numbers count only in the accounts where their owners have a channel.
    """
    changing = None if supposing is None else str(supposing.key)
    tenants = {record["owner"]["tenant"] for record in named if record["numbers"]}
    if supposing is not None:
        tenants.add(supposing.owner.tenant.value)
    accounts = {message.account.value for message in messages if message.account is not None}
    present = {
        (record["account"], record["owner"]["tenant"])
        for record in named
        # The one that is supposed to change may be there no more.
        if record["_id"] != changing
    }
    return {(account, tenant) for account in accounts for tenant in tenants} - present
