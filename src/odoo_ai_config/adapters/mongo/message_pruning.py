"""
What retention removes from the inbox, in short steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from odoo_ai_config.adapters.mongo.database import MongoDatabase, Record, Session
from odoo_ai_config.adapters.mongo.pruning import batches
from odoo_ai_config.adapters.mongo.records import to_instant
from odoo_ai_config.adapters.mongo.transaction import in_transaction
from odoo_ai_config.domain.messages.inbox import OPEN, STUCK, TEXT_PURPOSES, Stage

_FINISHED: Final = [stage.value for stage in Stage if stage not in OPEN | STUCK]


async def prune_messages(database: MongoDatabase, before: datetime) -> int:
    """
    Remove finished messages last written *before*, and the records of emptied conversations.
    """
    removed = 0
    finished = {"stage": {"$in": _FINISHED}, "updated_at": {"$lt": to_instant(before)}}
    async for batch in batches(database, "messages", finished, ["conversation"]):
        ids = [message["_id"] for message in batch]
        result = await database["messages"].delete_many({"_id": {"$in": ids}})
        removed += result.deleted_count
        conversations = {message["conversation"] for message in batch} - {None}
        await _remove_empty(database, sorted(conversations))
    return removed


async def prune_texts(database: MongoDatabase) -> None:
    """
    Remove the sealed texts whose message is gone or now belongs to another tenant.
    """
    texts = {"purpose": {"$in": list(TEXT_PURPOSES)}}
    async for batch in batches(database, "secrets", texts, ["tenant", "domain", "ref"]):
        if await _orphans(database, batch):
            await _remove_orphans(database, batch)


async def _remove_empty(database: MongoDatabase, conversations: Sequence[str]) -> None:
    # In one snapshot: a commit that accepts a message writes to its conversation and collides.
    async def remove(session: Session) -> None:
        groups = await database.aggregated(
            "messages",
            [
                {"$match": {"conversation": {"$in": conversations}}},
                {"$group": {"_id": "$conversation"}},
            ],
            session,
        )
        empty = set(conversations) - {group["_id"] for group in groups}
        await database["conversations"].delete_many(
            {"_id": {"$in": sorted(empty)}}, session=session
        )

    if conversations:
        await in_transaction(database.client, remove)


async def _remove_orphans(database: MongoDatabase, texts: Sequence[Record]) -> None:
    # In one snapshot: a commit that gives a message back to the holder of an old text writes to
    # that text and collides.
    async def remove(session: Session) -> None:
        orphans = await _orphans(database, texts, session)
        await database["secrets"].delete_many({"_id": {"$in": orphans}}, session=session)

    await in_transaction(database.client, remove)


async def _orphans(
    database: MongoDatabase, texts: Sequence[Record], session: Session | None = None
) -> list[str]:
    messages = database["messages"].find(
        {"_id": {"$in": sorted({text["ref"] for text in texts})}}, ["holder"], session=session
    )
    holders = {message["_id"]: message["holder"] async for message in messages}
    return [
        text["_id"]
        for text in texts
        if holders.get(text["ref"]) != {"tenant": text["tenant"], "domain": text["domain"]}
    ]
