"""
The mapping of channels in MongoDB.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from pymongo import UpdateOne

from odoo_ai_config.adapters.mongo.database import LOST, MongoDatabase, Record, Session
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.read_ahead import reading_in
from odoo_ai_config.adapters.mongo.records import (
    from_record,
    read_all,
    read_one,
    replaced_id,
    to_instant,
)
from odoo_ai_config.adapters.mongo.uses import TOUCH
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.domain.channels.history import HistoryPlace, MappingChange, place_of
from odoo_ai_config.domain.channels.mapping import (
    ChannelClaim,
    ChannelKey,
    ChannelMapping,
    MappingRevision,
    Rivals,
)
from odoo_ai_config.domain.channels.phone import comparable, sender_of
from odoo_ai_config.domain.channels.routing import IncomingMessage, RoutingTable, Rule
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId

_BY_CHANNEL: Final = frozenset({Rule.INBOX, Rule.ACCOUNT})
_BY_SEQUENCE: Final = (("sequence", 1), ("owner.tenant", 1), ("owner.domain", 1), ("_id", 1))

_SHARES: Final = 1024
# The largest integer of BSON, which no version reaches.
_BEYOND_VERSIONS: Final = 2**63 - 1
_AT_ONCE: Final = 1000
# The server merges so many ranges of an index, and sorts in memory if there are more.
_MERGED: Final = 100
# The field that has the name of the channel in each of the two collections.
_CHANNEL: Final = {"mappings": "_id", "mapping_revisions": "channel"}


class MongoChannelDirectory(ChannelDirectory):
    """
    Reads only the mappings that matter to a message, each by an index.

    If no channel decides, these are as many as the account has owners and tenants.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._mappings = database["mappings"]
        self._replaced = database["mapping_revisions"]

    @translated
    async def current(self, keys: Sequence[ChannelKey]) -> Mapping[ChannelKey, MappingRevision]:
        cursor = self._mappings.find({"_id": {"$in": [str(key) for key in keys]}})
        found = await read_all(cursor, MappingRevision)
        return {revision.mapping.key: revision for revision in found}

    @translated
    async def mappings(self, tenant: TenantId | None = None) -> Sequence[MappingRevision]:
        return await self._revisions({} if tenant is None else {"owner.tenant": tenant.value})

    @translated
    async def mappings_of(self, tenants: Collection[TenantId]) -> Sequence[MappingRevision]:
        names = sorted(tenant.value for tenant in tenants)
        found: list[MappingRevision] = []
        for start in range(0, len(names), _MERGED):
            some = {"owner.tenant": {"$in": names[start : start + _MERGED]}}
            found += await self._revisions(some)
        # Quick: it consists of few sorted parts.
        return sorted(found, key=lambda one: str(one.mapping.key))

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
    async def accounts(self, *, limit: int) -> Sequence[ChatwootId]:
        groups = await self._database.aggregated(
            "mappings",
            [
                {"$match": {"active": True, "account": {"$type": "string"}}},
                {"$group": {"_id": "$account"}},
                {"$sort": {"_id": 1}},
                {"$limit": limit},
            ],
        )
        return [ChatwootId(group["_id"]) for group in groups]

    @translated
    async def rivals_of(self, claim: ChannelClaim) -> Rivals:
        return await rivals_of(self._database, claim)

    @translated
    async def table_for(
        self,
        *messages: IncomingMessage,
        supposing: ChannelMapping | None = None,
        explaining: bool = False,
        numbers: bool = False,
    ) -> RoutingTable:
        named = await self._named_by(messages, supposing)
        if supposing is None and not explaining and not numbers:
            table = _table_of(named)
            if all(table.resolve(message).matched_by in _BY_CHANNEL for message in messages):
                return table
        # The supposed mapping may be the lowest fallback now.
        count = 1 if supposing is None else 2
        common, presence = await asyncio.gather(
            self._lowest_fallbacks(count), self._presence(messages, supposing)
        )
        tenants = {record["owner"]["tenant"] for record in presence}
        if numbers:
            wanted = {"active": True, "numbers.comparable": {"$exists": True}}
            wanted["owner.tenant"] = {"$in": sorted(tenants)}
            presence += await self._mappings.find(wanted).to_list(None)
        if supposing is not None:
            tenants.add(supposing.owner.tenant.value)
        own = await self._lowest_fallbacks_of(tenants, supposing) if tenants else []
        # The named ones come last: they include the supposed mapping as it is stored.
        return _table_of([*common, *presence, *own, *named])

    @translated
    async def revision(self, key: ChannelKey, version: int) -> MappingRevision | None:
        if not 1 <= version <= _BEYOND_VERSIONS:
            return None
        for name, channel in _CHANNEL.items():
            wanted = {channel: str(key), "version": version}
            found = await read_one(self._database[name], wanted, MappingRevision)
            if found is not None:
                return found
        return None

    @translated
    async def history(
        self,
        *,
        key: ChannelKey | None = None,
        tenant: TenantId | None = None,
        after: HistoryPlace | None = None,
        limit: int = 100,
    ) -> Sequence[MappingChange]:
        if limit < 1:
            return []
        found: dict[HistoryPlace, MappingRevision] = {}
        # The newest ones first: one that is replaced in between is found twice, and not missed.
        for name, channel in _CHANNEL.items():
            wanted: Record = {} if tenant is None else {"owner.tenant": tenant.value}
            wanted |= {} if key is None else {channel: str(key)}
            wanted |= {} if after is None else _behind(after, "updated_at", channel)
            order = [("updated_at", -1), (channel, -1)]
            # The newest one of a channel is one.
            order += [] if channel == "_id" else [("version", -1)]
            cursor = self._database[name].find(wanted).sort(order).limit(limit)
            found |= {place_of(one): one for one in await read_all(cursor, MappingRevision)}
        lost = [] if tenant is None else await self._lost(tenant, key, after, limit)
        found |= {place_of(one): one for one in await self._successors(lost)}
        newest = sorted(found, key=lambda place: place.rank, reverse=True)[:limit]
        before = [replaced_id(str(place.key), place.version - 1) for place in newest]
        cursor = self._replaced.find({"_id": {"$in": before}})
        replaced = {
            (one.mapping.key, one.version + 1): one
            # The lost ones are known, even if they are pruned in between.
            for one in (*lost, *await read_all(cursor, MappingRevision))
        }
        return [
            MappingChange.of(found[place], replaced.get((place.key, place.version)))
            for place in newest
        ]

    @translated
    async def changed_since(
        self,
        moment: datetime,
        *,
        tenant: TenantId | None = None,
        after: ChannelKey | None = None,
        limit: int = 100,
    ) -> Sequence[MappingRevision]:
        if limit < 1:
            return []
        start = "" if after is None else str(after)
        wanted: Record = {"updated_at": {"$gt": to_instant(moment)}, "_id": {"$gt": start}}
        wanted |= {} if tenant is None else {"owner.tenant": tenant.value}
        cursor = self._mappings.find(wanted).sort("_id", 1).limit(limit)
        found = await read_all(cursor, MappingRevision)
        if tenant is not None:
            found += await self._lost_and_changed(tenant, moment, start, limit)
        channels = {str(one.mapping.key): one for one in found}
        return [channels[name] for name in sorted(channels)[:limit]]

    @translated
    async def at(
        self, moment: datetime, keys: Sequence[ChannelKey]
    ) -> Mapping[ChannelKey, MappingRevision]:
        by_then = {"$lte": to_instant(moment)}
        found: dict[ChannelKey, MappingRevision] = {}
        for start in range(0, len(keys), _AT_ONCE):
            names = [str(key) for key in keys[start : start + _AT_ONCE]]
            newest = self._mappings.find({"_id": {"$in": names}, "updated_at": by_then})
            older = await self._database.aggregated(
                "mapping_revisions",
                [
                    {"$match": {"channel": {"$in": names}, "updated_at": by_then}},
                    {"$sort": {"channel": 1, "version": 1}},
                    {"$group": {"_id": "$channel", "last": {"$last": "$$ROOT"}}},
                ],
            )
            last = [from_record(group["last"], MappingRevision) for group in older]
            for revision in (*last, *await read_all(newest, MappingRevision)):
                found[revision.mapping.key] = revision
        return found

    async def _lost(
        self, tenant: TenantId, key: ChannelKey | None, after: HistoryPlace | None, limit: int
    ) -> list[MappingRevision]:
        """
        The last revisions before others took the channel from *tenant*, those taken last first.

        *after* is a place of the revisions that replaced them.
        """
        wanted: Record = {"owner.tenant": tenant.value, **LOST}
        wanted |= {} if key is None else {"channel": str(key)}
        if after is not None:
            replaced = HistoryPlace(after.at, after.key, after.version - 1)
            wanted |= _behind(replaced, "lost_at", "channel")
        order = [("lost_at", -1), ("channel", -1), ("version", -1)]
        return await read_all(
            self._replaced.find(wanted).sort(order).limit(limit), MappingRevision
        )

    async def _successors(self, replaced: Sequence[MappingRevision]) -> list[MappingRevision]:
        wanted = {(one.mapping.key, one.version + 1) for one in replaced}
        if not wanted:
            return []
        channels = {str(key) for key, _ in wanted}
        ids = [replaced_id(str(key), version) for key, version in wanted]
        # The newest ones first, as in the history.
        newest = self._mappings.find({"_id": {"$in": sorted(channels)}})
        found = await read_all(newest, MappingRevision)
        found += await read_all(self._replaced.find({"_id": {"$in": ids}}), MappingRevision)
        return [one for one in found if (one.mapping.key, one.version) in wanted]

    async def _lost_and_changed(
        self, tenant: TenantId, moment: datetime, start: str, limit: int
    ) -> list[MappingRevision]:
        """
        The next *limit* channels that *tenant* once lost and that changed after *moment*.
        """
        found: list[MappingRevision] = []
        while len(found) < limit:
            lost: Record = {"owner.tenant": tenant.value, **LOST, "channel": {"$gt": start}}
            cursor = self._replaced.find(lost, ["channel"]).sort("channel", 1).limit(_AT_ONCE)
            names = [record["channel"] for record in await cursor.to_list(None)]
            if not names:
                break
            start = names[-1]
            changed: Record = {"updated_at": {"$gt": to_instant(moment)}}
            changed["_id"] = {"$in": sorted({*names})}
            found += await read_all(self._mappings.find(changed).sort("_id", 1), MappingRevision)
        return found[:limit]

    async def _revisions(self, wanted: Record) -> list[MappingRevision]:
        cursor = self._mappings.find(wanted).sort("_id", 1)
        return await read_all(cursor, MappingRevision)

    async def _named_by(
        self, messages: Iterable[IncomingMessage], supposing: ChannelMapping | None
    ) -> Sequence[Record]:
        wanted = naming(messages, supposing)
        reading = reading_in(self._database)
        known = None if reading is None else reading.mappings(wanted)
        return await self._mappings.find(wanted).to_list(None) if known is None else known

    async def _lowest_fallbacks(self, count: int) -> list[Record]:
        cursor = self._mappings.find({"active": True, "fallback": True})
        return await cursor.sort(_BY_SEQUENCE).limit(count).to_list(None)

    async def _presence(
        self, messages: Iterable[IncomingMessage], supposing: ChannelMapping | None
    ) -> list[Record]:
        """
        The first channel of each owner in each account of *messages*, other than *supposing*.
        """
        accounts = {message.account.value for message in messages if message.account is not None}
        if not accounts:
            return []
        group = {"account": "$account", "tenant": "$owner.tenant", "domain": "$owner.domain"}
        wanted: Record = {"active": True, "account": {"$in": sorted(accounts)}}
        return await self._first_of_each(group, wanted, supposing)

    async def _lowest_fallbacks_of(
        self, tenants: Collection[str], supposing: ChannelMapping | None
    ) -> list[Record]:
        wanted: Record = {
            "active": True,
            "fallback": True,
            "owner.tenant": {"$in": sorted(tenants)},
        }
        return await self._first_of_each("$owner.tenant", wanted, supposing)

    async def _first_of_each(
        self, group: str | Record, wanted: Record, supposing: ChannelMapping | None
    ) -> list[Record]:
        others = {} if supposing is None else {"_id": {"$ne": str(supposing.key)}}
        groups = await self._database.aggregated(
            "mappings",
            [
                {"$match": {**wanted, **others}},
                {"$sort": dict(_BY_SEQUENCE)},
                {"$group": {"_id": group, "first": {"$first": "$$ROOT"}}},
            ],
        )
        return [group["first"] for group in groups]


def naming(messages: Iterable[IncomingMessage], supposing: ChannelMapping | None = None) -> Record:
    """
    The mappings that have a channel or a number of *messages*, or the key of *supposing*.
    """
    channels: set[ChannelKey] = set() if supposing is None else {supposing.key}
    numbers: set[str] = set()
    for message in messages:
        channels.update(_channels(message))
        sender = sender_of(message.number)
        if sender is not None:
            numbers.add(comparable(sender))
    # Each alternative is complete, so that each uses its own index.
    reasons: list[Record] = [
        {"_id": {"$in": sorted(str(channel) for channel in channels)}, "active": True}
    ]
    if numbers:
        reasons.append({"numbers.comparable": {"$in": sorted(numbers)}, "active": True})
    return {"$or": reasons}


def _table_of(records: Iterable[Record]) -> RoutingTable:
    return RoutingTable.of(from_record(record, MappingRevision) for record in records)


def _behind(place: HistoryPlace, time: str, channel: str) -> Record:
    # *time* and *channel* are the fields that have them.
    at = to_instant(place.at)
    return {
        # Where the alternatives end in the index: they alone would not bound it.
        time: {"$lte": at},
        "$or": [
            {time: {"$lt": at}},
            {time: at, channel: {"$lt": str(place.key)}},
            {time: at, channel: str(place.key), "version": {"$lt": place.version}},
        ],
    }


def _channels(message: IncomingMessage) -> Iterable[ChannelKey]:
    if message.account is not None:
        yield ChannelKey(message.account)
    if message.inbox is not None:
        yield ChannelKey(inbox=message.inbox)
    if message.account is not None and message.inbox is not None:
        yield ChannelKey(message.account, message.inbox)


async def rivals_of(
    database: MongoDatabase, claim: ChannelClaim, session: Session | None = None
) -> Rivals:
    """
    The rivals of *claim* that *session* sees.
    """
    tenant = claim.tenant.value
    account = None if claim.account is None else claim.account.value
    own: Record = {"active": True, "owner.tenant": tenant}
    others: Record = {"active": True, "owner.tenant": {"$ne": tenant}}

    async def exists(wanted: Record) -> bool:
        return await database["mappings"].find_one(wanted, session=session) is not None

    async def beside(numbers: Collection[str], accounts: Collection[str]) -> list[str]:
        # Other tenants that have one of the numbers and a channel in one of the accounts.
        if not numbers or not accounts:
            return []
        called = others | {"numbers.comparable": {"$in": sorted(numbers)}}
        holders = await database.distinct("mappings", "$owner.tenant", called, session)
        there: Record = {
            "active": True,
            "account": {"$in": sorted(accounts)},
            "owner.tenant": {"$in": holders},
        }
        return await database.distinct("mappings", "$owner.tenant", there, session)

    present = account is not None and await exists(own | {"account": account})
    shared = account is not None and await exists(others | {"account": account})
    found: list[str] = []
    fallback = False
    if claim.numbers:
        places = await database.distinct("mappings", "$account", own, session)
        found += await beside(claim.numbers, {*places, account} - {None})
    if account is not None and shared and not present:
        cursor = database["mappings"].find(own, ["numbers.comparable"], session=session)
        known = {number["comparable"] async for record in cursor for number in record["numbers"]}
        found += await beside(known, {account})
        fallback = await exists(own | {"fallback": True})
    holder = TenantId(min(found)) if found else None
    return Rivals(present, shared, holder, fallback)


def claim_writes(claim: ChannelClaim) -> list[UpdateOne]:
    """
    Writes that make two commits collide if they claim the same account or number.

    They go to a fixed set of records, so that numbers and accounts leave none behind.
    """
    places = [*sorted(claim.numbers), *([] if claim.account is None else [f"/{claim.account}"])]
    shares = {zlib.crc32(place.encode()) % _SHARES for place in places}
    return [UpdateOne({"_id": share}, TOUCH, upsert=True) for share in sorted(shares)]
