"""
Collections in MongoDB: their heads in one collection of the database, their items in another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from odoo_ai_config.adapters.mongo.database import IS_TEXT, MongoDatabase, Record, Session
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.records import (
    from_record,
    item_place,
    item_state_from,
    read_all,
    read_one,
)
from odoo_ai_config.adapters.mongo.transaction import chunks, in_transaction
from odoo_ai_config.application.ports.collection_store import CollectionStore
from odoo_ai_config.domain.collections import (
    PAGE_CHARACTERS,
    CollectionHead,
    CollectionKey,
    CollectionPage,
    Item,
    ItemState,
    Position,
)
from odoo_ai_config.domain.identifiers import TenantId

# The index that has all that is compared, whatever its name.
_DIGESTS: Final = [("collection", 1), ("id", 1), ("digest", 1)]


class MongoCollectionStore(CollectionStore):
    """
    Each item is a record of its own, however large the collection.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._heads = database["collections"]
        self._items = database["items"]

    @translated
    async def head(self, key: CollectionKey) -> CollectionHead | None:
        return await read_one(self._heads, {"_id": str(key)}, CollectionHead)

    @translated
    async def heads(self, *tenants: TenantId) -> Sequence[CollectionHead]:
        wanted = {"tenant": {"$in": sorted(tenant.value for tenant in tenants)}}
        cursor = self._heads.find(wanted).sort([("tenant", 1), ("name", 1)])
        return await read_all(cursor, CollectionHead)

    @translated
    async def digests(
        self, key: CollectionKey, ids: Sequence[str] | None = None
    ) -> Mapping[str, str]:
        # All of it is in one index. Only tombstones have no digest.
        there: Record = {"collection": str(key), "digest": IS_TEXT}
        some: Iterable[Record] = (
            [{}] if ids is None else ({"id": {"$in": [*chunk]}} for chunk in chunks(ids))
        )
        digests: dict[str, str] = {}
        for wanted in some:
            cursor = self._items.find(
                there | wanted, {"_id": False, "id": True, "digest": True}, hint=_DIGESTS
            )
            digests |= {record["id"]: record["digest"] for record in await cursor.to_list(None)}
        return digests

    @translated
    async def items(self, key: CollectionKey, ids: Sequence[str]) -> Mapping[str, Item]:
        found: dict[str, Item] = {}
        for some in chunks(ids):
            # Without the collection: its index would lead to all of its items.
            places = [item_place(key, id_) for id_ in some]
            cursor = self._items.find({"_id": {"$in": places}, "digest": IS_TEXT})
            found |= {record["id"]: from_record(record, Item) async for record in cursor}
        return found

    @translated
    async def page(
        self, key: CollectionKey, position: Position, *, limit: int
    ) -> CollectionPage | None:
        async def read(session: Session) -> CollectionPage | None:
            head = await read_one(self._heads, {"_id": str(key)}, CollectionHead, session)
            if head is None:
                return None
            following = await self._following(key, position, limit, session)
            return CollectionPage.of(head, following, limit=limit)

        # In one snapshot, so that no half of a push is seen.
        return await in_transaction(self._database, read)

    async def _following(
        self, key: CollectionKey, position: Position, limit: int, session: Session
    ) -> list[ItemState]:
        version, id_ = position.start
        cursor = (
            self._items.find(
                {
                    "collection": str(key),
                    # Where the alternatives begin in the index: they alone would not bound it.
                    "version": {"$gte": version},
                    "$or": [
                        {"version": version, "id": {"$gt": id_}},
                        {"version": {"$gt": version}},
                    ],
                    "$nor": [{"text": None, "version": {"$lte": position.since}}],
                },
                session=session,
            )
            .sort([("version", 1), ("id", 1)])
            .limit(limit + 1)
        )
        states: list[ItemState] = []
        characters = 0
        try:
            async for record in cursor:
                states.append(item_state_from(record))
                if characters >= PAGE_CHARACTERS:
                    # One state beyond the page shows that there are more.
                    break
                characters += len(record["text"] or "")
        finally:
            await cursor.close()
        return states
