"""
Received messages in MongoDB.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

from pymongo import ASCENDING, DESCENDING, ReturnDocument, UpdateOne

from odoo_ai_config.adapters.mongo.channel_directory import naming
from odoo_ai_config.adapters.mongo.database import IS_TEXT, MongoDatabase, Record
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.lease import alone
from odoo_ai_config.adapters.mongo.pruning import batches, prune_messages
from odoo_ai_config.adapters.mongo.read_ahead import (
    Places,
    ReadAhead,
    answers_in,
    reading_in,
    told_in,
)
from odoo_ai_config.adapters.mongo.records import (
    from_instant,
    message_from,
    to_instant,
    to_record,
)
from odoo_ai_config.application.ports.message_inbox import (
    Census,
    ClaimLimits,
    MessageInbox,
    StageCount,
)
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.conversations.state import ConversationKey
from odoo_ai_config.domain.credentials.secrets import Fingerprint
from odoo_ai_config.domain.events import names_of_events
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import (
    CLOCK_SLACK,
    HUB_EVENT,
    HUB_NOTICE,
    OPEN,
    STUCK,
    InboxMessage,
    MessageId,
    Origin,
    Stage,
)
from odoo_ai_config.domain.subscriptions import SubscriptionId

# The most heads of one look: 10 KB.
_LOOK: Final = 100
_STUCK: Final = [stage.value for stage in STUCK]


class MongoMessageInbox(MessageInbox):
    """
    Claims a head by one update of its record, which only one caller can make.

    Only heads are in the index `due`, by time; the messages behind them are not. So a look costs
    as much as it finds, however many messages and tenants wait.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._messages = database["messages"]
        # The tenant that had the last turn.
        self._served = ""
        self._ahead = ReadAhead(database)

    @asynccontextmanager
    async def receiving(
        self, origin: Origin, incoming: IncomingMessage | None, *, now: datetime
    ) -> AsyncIterator[InboxMessage | None]:
        if incoming is None or incoming.account is None:
            yield None
            return
        habit = self._ahead.habit(
            "receiving", origin.event, str(origin.account), str(origin.inbox)
        )
        # What comes with a message changes it.
        habit.parts.add("states")
        wanted = naming([incoming])
        places: Places = {"mappings": ("mappings", [{"$match": wanted}])}
        conversation = None
        if origin.conversation is not None:
            conversation = str(ConversationKey(incoming.account, origin.conversation))
        if origin.marks:
            places["first"] = ("marks", _marked(origin))
        async with self._ahead.reading(
            habit, now, conversation=conversation, places=places, mappings_wanted=wanted
        ) as reading:
            first = await self._messages_from(reading.found.get("first", ()))
            yield first[0] if first else None

    @asynccontextmanager
    async def delivering(self, message: InboxMessage, *, now: datetime) -> AsyncIterator[None]:
        habit = self._ahead.habit(
            message.stage.value, str(message.holder), str(message.origin.account)
        )
        async with self._ahead.reading(
            habit, now, conversation=message.conversation, message=message
        ):
            yield

    @translated
    async def claim(
        self, claim_limits: ClaimLimits, *, now: datetime, until: datetime
    ) -> Sequence[InboxMessage]:
        free: dict[str, int] = defaultdict(lambda: claim_limits.per_tenant)
        for tenant, count in claim_limits.in_hand.items():
            free[tenant.value] -= count
        ahead = await self._database.clock.ahead(now)
        instant = to_instant(now + ahead)
        taken: list[InboxMessage] = []
        more = True
        while more and len(taken) < claim_limits.total:
            heads = await self._seen_or_heads([name for name, count in free.items() if count < 1])
            due = [head for head in heads if head["due_at"] <= instant]
            chosen = self._turns(due, free, claim_limits.total - len(taken))
            found = await asyncio.gather(
                *(self._take(head, until, ahead) for head in chosen), return_exceptions=True
            )
            errors = [one for one in found if isinstance(one, BaseException)]
            for head, message in zip(chosen, found, strict=True):
                if isinstance(message, InboxMessage):
                    taken.append(message)
                    free[head["ready"]] -= 1
            if errors and not taken:
                raise errors[0]
            # Others were faster; or there are more of these tenants, or tenants behind them.
            more = None in found or (len(due) == _LOOK and bool(chosen))
            # What is taken must not be lost with what is not.
            more = more and not errors
        return taken

    @translated
    async def next_due(self, *, beside: Collection[TenantId] = ()) -> datetime | None:
        names = sorted(tenant.value for tenant in beside)
        heads = await self._heads(beside=names)
        # Whoever asks goes on to claim what is due, and need not look again.
        self._database.heads_seen = (names, heads)
        ahead = await self._database.clock.ahead()
        return from_instant(heads[0]["due_at"]) - ahead if heads else None

    @translated
    async def recall(self, *, now: datetime) -> int:
        instant = to_instant(now + await self._database.clock.ahead(now))
        early: Record = {
            "stage": {"$in": [stage.value for stage in OPEN]},
            "updated_at": {"$gt": instant + CLOCK_SLACK // timedelta(microseconds=1)},
            "$expr": {"$gte": ["$due_at", "$updated_at"]},
        }
        recalled = 0
        fields = ["conversation", "due_at", "updated_at"]
        async for batch in batches(self._database, "messages", early, fields):
            result = await self._messages.bulk_write(
                [
                    UpdateOne(
                        # Skips what was written in the meantime.
                        record,
                        {
                            "$inc": {"due_at": instant - record["updated_at"]},
                            "$set": {"updated_at": instant},
                        },
                    )
                    for record in batch
                ],
                ordered=False,
            )
            recalled += result.modified_count
        return recalled

    @translated
    async def find(self, message_id: MessageId) -> InboxMessage | None:
        return await self._first([{"$match": {"_id": message_id.value}}])

    @translated
    async def received(self, origin: Origin) -> InboxMessage | None:
        return await self._first(_marked(origin), over="marks")

    @translated
    async def of_conversation(self, key: ConversationKey, *, limit: int) -> Sequence[InboxMessage]:
        reading = reading_in(self._database)
        known = None if reading is None else reading.messages(str(key), limit)
        if known is not None:
            return await self._messages_from(known)
        return await self._found(told_in(str(key)), [("arrival", DESCENDING)], limit)

    @translated
    async def answers_since(self, key: ConversationKey, since: datetime, *, limit: int) -> int:
        later = since + await self._database.clock.ahead()
        reading = reading_in(self._database)
        known = None if reading is None else reading.answers_since(str(key), later, limit)
        if known is not None:
            return known
        wanted = answers_in(str(key), to_instant(later))
        return await self._messages.count_documents(wanted, limit=limit)

    @translated
    async def untold(
        self, since: datetime, *, after: InboxMessage | None = None, limit: int
    ) -> Sequence[InboxMessage]:
        ahead = await self._database.clock.ahead()
        # A version that did not tell people wrote no `told_at`, which is the same as None.
        wanted: Record = {
            "stage": {"$in": _STUCK},
            "updated_at": {"$gte": to_instant(since + ahead)},
            "told_at": None,
            "origin.event": {"$nin": [HUB_NOTICE, HUB_EVENT]},
        }
        if after is not None:
            last = to_instant(after.updated_at + ahead)
            wanted["updated_at"] = {"$gte": last}
            wanted["$or"] = [
                {"updated_at": {"$gt": last}},
                {"updated_at": last, "_id": {"$gt": after.id.value}},
            ]
        order = [("updated_at", ASCENDING), ("_id", ASCENDING)]
        return await self._found(wanted, order, limit)

    @translated
    async def page(
        self,
        stages: Collection[Stage],
        *,
        tenant: TenantId | None = None,
        events: SubscriptionId | bool = True,
        after: MessageId | None = None,
        limit: int,
        oldest_first: bool = False,
    ) -> Sequence[InboxMessage]:
        if limit < 1:
            return []
        wanted: Record = {"stage": {"$in": [stage.value for stage in stages]}}
        if tenant is not None:
            wanted["holder.tenant"] = tenant.value
        if not events:
            wanted["origin.event"] = {"$ne": HUB_EVENT}
        elif isinstance(events, SubscriptionId):
            first, beyond = names_of_events(events)
            wanted["origin.event"] = HUB_EVENT
            wanted["origin.delivery"] = {"$gte": first, "$lt": beyond}
        if after is not None:
            last = await self._messages.find_one({"_id": after.value}, ["arrival"])
            if last is None:
                return []
            wanted["arrival"] = {"$gt" if oldest_first else "$lt": last["arrival"]}
        order = ASCENDING if oldest_first else DESCENDING
        return await self._found(wanted, [("arrival", order)], limit)

    @translated
    async def of_persons(
        self,
        persons: Collection[Fingerprint],
        *,
        after: MessageId | None = None,
        limit: int,
    ) -> Sequence[InboxMessage]:
        wanted: Record = {"persons": {"$in": [person.value for person in persons]}}
        if after is not None:
            last = await self._messages.find_one({"_id": after.value}, ["arrival"])
            if last is None:
                return []
            wanted["arrival"] = {"$gt": last["arrival"]}
        return await self._found(wanted, [("arrival", ASCENDING)], limit)

    @translated
    async def unnamed(self, *, limit: int) -> Sequence[InboxMessage]:
        # Nothing is the same as None.
        return await self._found({"persons": None, "body": IS_TEXT}, [], limit)

    @translated
    async def name(self, message: InboxMessage, persons: Sequence[Fingerprint]) -> bool:
        result = await self._messages.update_one(
            {
                "_id": message.id.value,
                "conversation": message.conversation,
                "holder": to_record(message.holder),
                "body": message.body and message.body.value,
                "persons": None,
            },
            {"$set": {"persons": [person.value for person in persons]}},
        )
        return result.matched_count == 1

    @translated
    async def census(self) -> Census:
        groups = await self._database.aggregated(
            "messages",
            [
                {"$match": {"stage": {"$in": [stage.value for stage in OPEN | STUCK]}}},
                {
                    "$group": {
                        "_id": {
                            "stage": "$stage",
                            "of_events": {"$eq": ["$origin.event", HUB_EVENT]},
                        },
                        "count": {"$sum": 1},
                        "oldest": {"$min": "$received_at"},
                    }
                },
            ],
        )
        return Census.of(
            (
                group["_id"]["of_events"],
                Stage(group["_id"]["stage"]),
                StageCount(group["count"], from_instant(group["oldest"])),
            )
            for group in groups
        )

    @translated
    async def prune(
        self, *, before: datetime, own: Mapping[TenantId, datetime] | None = None
    ) -> int:
        database = self._database
        return await alone(
            database, "pruning of messages", lambda: prune_messages(database, before, own or {}), 0
        )

    async def _first(
        self, pipeline: Sequence[Record], *, over: str = "messages"
    ) -> InboxMessage | None:
        found = await self._database.aggregated(over, [*pipeline, {"$unset": "sealed"}])
        return (await self._messages_from(found))[0] if found else None

    async def _found(
        self, wanted: Record, order: Sequence[tuple[str, int]], limit: int
    ) -> list[InboxMessage]:
        cursor = self._messages.find(wanted, {"sealed": False}).limit(limit)
        if order:
            cursor = cursor.sort(order)
        return await self._messages_from(await cursor.to_list(None))

    async def _messages_from(self, records: Sequence[Record]) -> list[InboxMessage]:
        ahead = await self._database.clock.ahead()
        return [message_from(record, ahead=ahead) for record in records]

    async def _seen_or_heads(self, beside: Sequence[str]) -> list[Record]:
        seen, self._database.heads_seen = self._database.heads_seen, None
        if seen is not None and seen[0] == sorted(beside):
            return seen[1]
        return await self._heads(beside=beside)

    async def _heads(self, *, beside: Sequence[str]) -> list[Record]:
        """
        The heads that are due first, of tenants other than *beside*.
        """
        wanted: Record = {"ready": IS_TEXT | ({"$nin": beside} if beside else {})}
        fields = ["due_at", "ready", "conversation"]
        cursor = self._messages.find(wanted, fields).sort("due_at", ASCENDING).limit(_LOOK)
        return await cursor.to_list(None)

    def _turns(self, due: Sequence[Record], free: Mapping[str, int], most: int) -> list[Record]:
        """
        At most *most* of the heads that are *due*, one of each tenant in turn.
        """
        by_tenant: dict[str, deque[Record]] = defaultdict(deque)
        for head in due:
            mine = by_tenant[head["ready"]]
            if len(mine) < free[head["ready"]]:
                mine.append(head)
        # Tenants after the one that was served last, then from the beginning.
        tenants = (tenant for tenant, mine in by_tenant.items() if mine)
        turns = deque(sorted(tenants, key=lambda tenant: (tenant <= self._served, tenant)))
        chosen: list[Record] = []
        while turns and len(chosen) < most:
            tenant = turns.popleft()
            chosen.append(by_tenant[tenant].popleft())
            self._served = tenant
            if by_tenant[tenant]:
                turns.append(tenant)
        return chosen

    async def _take(self, head: Record, until: datetime, ahead: timedelta) -> InboxMessage | None:
        # A head that is no longer as it was seen was taken by another process.
        record: Record | None = await self._messages.find_one_and_update(
            head,
            {"$set": {"due_at": to_instant(until + ahead)}, "$inc": {"revision": 1, "claims": 1}},
            return_document=ReturnDocument.AFTER,
        )
        return None if record is None else message_from(record, ahead=ahead)


def _marked(origin: Origin) -> list[Record]:
    named = {"from": "messages", "localField": "message", "foreignField": "_id", "as": "of"}
    return [
        {"$match": {"_id": {"$in": list(origin.marks)}}},
        {"$limit": 1},
        {"$lookup": named},
        {"$unwind": "$of"},
        {"$replaceWith": "$of"},
    ]
