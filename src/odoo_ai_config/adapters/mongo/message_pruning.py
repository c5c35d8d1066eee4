"""
What retention removes of the inbox, in short steps.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from odoo_ai_config.adapters.mongo.database import MongoDatabase, Record
from odoo_ai_config.adapters.mongo.documents import instant_record, owner_from
from odoo_ai_config.adapters.mongo.pruning import batches
from odoo_ai_config.adapters.mongo.transaction import Session, in_transaction
from odoo_ai_config.domain.identifiers import TenantDomain
from odoo_ai_config.domain.messages.inbox import OPEN, STUCK, TEXT_PURPOSES, Stage

_FINISHED: Final = [stage.value for stage in Stage if stage not in OPEN | STUCK]


async def prune_messages(database: MongoDatabase, before: datetime) -> int:
    """
    Remove finished messages last written *before*, and the records of emptied conversations.
    """
    removed = 0
    finished = {
        "stage": {"$in": _FINISHED},
        "updated_at": {"$lt": instant_record(before)},
    }
    async for batch in batches(database, "messages", finished, ["conversation"]):
        names = [message["_id"] for message in batch]
        result = await database["messages"].delete_many({"_id": {"$in": names}})
        removed += result.deleted_count
        conversations = {message["conversation"] for message in batch} - {None}
        await _forget_empty(database, sorted(conversations))
    return removed


async def prune_texts(database: MongoDatabase) -> None:
    """
    Remove the sealed texts whose message is not there or belongs to somebody else now.
    """
    texts = {"purpose": {"$in": list(TEXT_PURPOSES)}}
    async for batch in batches(database, "secrets", texts, ["tenant", "domain", "ref"]):
        if _orphans(batch, await _holders(database, batch)):
            await _remove_orphans(database, batch)


async def _forget_empty(database: MongoDatabase, conversations: Sequence[str]) -> None:
    # In one snapshot: whoever accepts a message has written to its conversation and collides.
    async def forget(session: Session) -> None:
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
        await in_transaction(database.client, forget)


async def _remove_orphans(database: MongoDatabase, texts: Sequence[Record]) -> None:
    # In one snapshot: a commit that gives a message back to the holder of an old text has
    # touched that text and collides.
    async def remove(session: Session) -> None:
        orphans = _orphans(texts, await _holders(database, texts, session))
        await database["secrets"].delete_many({"_id": {"$in": orphans}}, session=session)

    await in_transaction(database.client, remove)


async def _holders(
    database: MongoDatabase, texts: Sequence[Record], session: Session | None = None
) -> Mapping[str, TenantDomain]:
    cursor = database["messages"].find(
        {"_id": {"$in": sorted({text["ref"] for text in texts})}}, ["holder"], session=session
    )
    return {record["_id"]: owner_from(record["holder"]) for record in await cursor.to_list(None)}


def _orphans(texts: Collection[Record], holders: Mapping[str, TenantDomain]) -> list[str]:
    return [text["_id"] for text in texts if holders.get(text["ref"]) != owner_from(text)]
