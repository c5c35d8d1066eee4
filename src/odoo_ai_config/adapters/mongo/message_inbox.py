"""
Received messages in MongoDB.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from pymongo import ASCENDING, DESCENDING, ReturnDocument, UpdateOne

from odoo_ai_config.adapters.mongo.database import MongoDatabase, Record
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.pruning import batches, prune_messages, prune_texts
from odoo_ai_config.adapters.mongo.records import (
    from_instant,
    from_record,
    read_all,
    read_one,
    to_instant,
)
from odoo_ai_config.application.ports.message_inbox import ClaimLimits, MessageInbox, StageCount
from odoo_ai_config.domain.conversations.state import ConversationKey
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import (
    CLOCK_SLACK,
    HUB_NOTICE,
    OPEN,
    STUCK,
    InboxMessage,
    MessageId,
    Origin,
    Stage,
)

# True of every text, and of nothing else.
_IS_TEXT: Final[Record] = {"$gte": ""}
_EVERY_STAGE: Final = [stage.value for stage in Stage]
_STUCK: Final = [stage.value for stage in STUCK]


class MongoMessageInbox(MessageInbox):
    """
    Claims a head by one update of its record, which only one caller can make.

    Only heads are in the index `ready`, by tenant and time; the messages behind them are not.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._messages = database["messages"]
        # The tenant that had the last turn.
        self._served = ""

    @translated
    async def claim(
        self, claim_limits: ClaimLimits, *, now: datetime, until: datetime
    ) -> Sequence[InboxMessage]:
        if claim_limits.total < 1:
            return []
        due = [tenant for tenant, at in (await self._first_due()).items() if at <= now]
        free = {
            tenant: claim_limits.per_tenant - claim_limits.in_hand.get(TenantId(tenant), 0)
            for tenant in due
        }
        turns = deque(sorted((tenant for tenant in due if free[tenant] > 0), key=self._turn))
        taken: list[InboxMessage] = []
        while turns and len(taken) < claim_limits.total:
            room = min(len(turns), claim_limits.total - len(taken))
            served = [turns.popleft() for _ in range(room)]
            heads = await asyncio.gather(*(self._take(tenant, now, until) for tenant in served))
            for tenant, head in zip(served, heads, strict=True):
                if head is None:
                    continue
                taken.append(head)
                self._served = tenant
                free[tenant] -= 1
                if free[tenant] > 0:
                    turns.append(tenant)
        return taken

    @translated
    async def next_due(self, *, beside: Collection[TenantId] = ()) -> datetime | None:
        others = {tenant.value for tenant in beside}
        first = await self._first_due()
        return min((at for tenant, at in first.items() if tenant not in others), default=None)

    @translated
    async def recall(self, *, now: datetime) -> int:
        ahead: Record = {
            "stage": {"$in": [stage.value for stage in OPEN]},
            "updated_at": {"$gt": to_instant(now + CLOCK_SLACK)},
            "$expr": {"$gte": ["$due_at", "$updated_at"]},
        }
        recalled = 0
        async for batch in batches(self._database, "messages", ahead, ["due_at", "updated_at"]):
            result = await self._messages.bulk_write(
                [
                    UpdateOne(
                        # Skips what was written in the meantime.
                        record,
                        {
                            "$inc": {"due_at": to_instant(now) - record["updated_at"]},
                            "$set": {"updated_at": to_instant(now)},
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
        return await read_one(self._messages, {"_id": message_id.value}, InboxMessage)

    @translated
    async def received(self, origin: Origin) -> InboxMessage | None:
        return await read_one(self._messages, {"marks": {"$in": list(origin.marks)}}, InboxMessage)

    @translated
    async def of_conversation(self, key: ConversationKey, *, limit: int) -> Sequence[InboxMessage]:
        wanted = _of(key) | {"$or": [{"body": _IS_TEXT}, {"answer": _IS_TEXT}]}
        cursor = self._messages.find(wanted).sort("arrival", DESCENDING).limit(limit)
        return await read_all(cursor, InboxMessage)

    @translated
    async def answers_since(self, key: ConversationKey, since: datetime, *, limit: int) -> int:
        wanted = _of(key) | {
            "stage": Stage.DONE.value,
            "answer": _IS_TEXT,
            "updated_at": {"$gt": to_instant(since)},
        }
        return await self._messages.count_documents(wanted, limit=limit)

    @translated
    async def untold(
        self, since: datetime, *, after: InboxMessage | None = None, limit: int
    ) -> Sequence[InboxMessage]:
        # A version that did not tell people wrote no `told_at`, which is the same as None.
        wanted: Record = {
            "stage": {"$in": _STUCK},
            "updated_at": {"$gte": to_instant(since)},
            "told_at": None,
            "origin.event": {"$ne": HUB_NOTICE},
        }
        if after is not None:
            last = to_instant(after.updated_at)
            wanted["updated_at"] = {"$gte": last}
            wanted["$or"] = [
                {"updated_at": {"$gt": last}},
                {"updated_at": last, "_id": {"$gt": after.id.value}},
            ]
        order = [("updated_at", ASCENDING), ("_id", ASCENDING)]
        return await read_all(self._messages.find(wanted).sort(order).limit(limit), InboxMessage)

    @translated
    async def page(
        self,
        stages: Collection[Stage],
        *,
        tenant: TenantId | None = None,
        after: MessageId | None = None,
        limit: int,
        oldest_first: bool = False,
    ) -> Sequence[InboxMessage]:
        if limit < 1:
            return []
        wanted: Record = {"stage": {"$in": [stage.value for stage in stages]}}
        if tenant is not None:
            wanted["holder.tenant"] = tenant.value
        if after is not None:
            last = await self._messages.find_one({"_id": after.value}, ["arrival"])
            if last is None:
                return []
            wanted["arrival"] = {"$gt" if oldest_first else "$lt": last["arrival"]}
        order = ASCENDING if oldest_first else DESCENDING
        cursor = self._messages.find(wanted).sort("arrival", order).limit(limit)
        return await read_all(cursor, InboxMessage)

    @translated
    async def census(self) -> Mapping[Stage, StageCount]:
        groups = await self._database.aggregated(
            "messages",
            [
                # True of all messages; with it only an index is read.
                {"$match": {"stage": {"$in": _EVERY_STAGE}}},
                {
                    "$group": {
                        "_id": "$stage",
                        "count": {"$sum": 1},
                        "oldest": {"$min": "$received_at"},
                    }
                },
            ],
        )
        return {
            Stage(group["_id"]): StageCount(group["count"], from_instant(group["oldest"]))
            for group in groups
        }

    @translated
    async def prune(self, *, before: datetime) -> int:
        removed = await prune_messages(self._database, before)
        await prune_texts(self._database)
        return removed

    async def _first_due(self) -> dict[str, datetime]:
        # In the order of the index: the server reads the first of each group and skips the rest.
        groups = await self._database.aggregated(
            "messages",
            [
                {"$match": {"ready": {"$gte": ""}}},
                {"$sort": {"ready": 1, "due_at": 1}},
                {"$group": {"_id": "$ready", "due_at": {"$first": "$due_at"}}},
            ],
        )
        return {group["_id"]: from_instant(group["due_at"]) for group in groups}

    async def _take(self, tenant: str, now: datetime, until: datetime) -> InboxMessage | None:
        record = await self._messages.find_one_and_update(
            {"ready": tenant, "due_at": {"$lte": to_instant(now)}},
            {"$set": {"due_at": to_instant(until)}, "$inc": {"revision": 1, "claims": 1}},
            sort=[("due_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return from_record(record, InboxMessage) if record else None

    def _turn(self, tenant: str) -> tuple[bool, str]:
        # Tenants after the one that was served last, then from the beginning.
        return tenant <= self._served, tenant


def _of(key: ConversationKey) -> Record:
    return {
        "origin.account": key.account.value,
        "origin.conversation": key.id.value,
        "origin.event": {"$ne": HUB_NOTICE},
    }
