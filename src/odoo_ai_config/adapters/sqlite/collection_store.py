"""
Collections in SQLite.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.item_rows import (
    all_digests,
    digests_of,
    states_following,
    states_of,
)
from odoo_ai_config.adapters.sqlite.lookups import find_collection
from odoo_ai_config.adapters.sqlite.rows import COLLECTIONS, json_values
from odoo_ai_config.application.ports.collection_store import CollectionStore
from odoo_ai_config.domain.collections import (
    CollectionHead,
    CollectionKey,
    CollectionPage,
    Item,
    Position,
)
from odoo_ai_config.domain.identifiers import TenantId

_HEADS: Final = (
    f"SELECT {COLLECTIONS.columns} FROM collections "
    "WHERE tenant IN (SELECT value FROM json_each(?)) ORDER BY tenant, name"
)


@frozen(eq=False)
class SqliteCollectionStore(CollectionStore):
    """
    Heads are read from memory where that is safe; each other reading is one snapshot.
    """

    database: SqliteDatabase

    async def head(self, key: CollectionKey) -> CollectionHead | None:
        return (await self.database.find(find_collection, (key,))).get(key)

    async def heads(self, *tenants: TenantId) -> Sequence[CollectionHead]:
        return await self.database.select(_HEADS, (json_values(tenants),), COLLECTIONS.of)

    async def digests(
        self, key: CollectionKey, ids: Sequence[str] | None = None
    ) -> Mapping[str, str]:
        if ids is None:
            return await self.database.read(lambda connection: all_digests(connection, key))
        return await self.database.read(lambda connection: digests_of(connection, key, ids))

    async def items(self, key: CollectionKey, ids: Sequence[str]) -> Mapping[str, Item]:
        states = await self.database.read(lambda connection: list(states_of(connection, key, ids)))
        return {state.id: state.item for state in states if state.item is not None}

    async def page(
        self, key: CollectionKey, position: Position, *, limit: int
    ) -> CollectionPage | None:
        def select(connection: sqlite3.Connection) -> CollectionPage | None:
            head = find_collection(connection, key)
            if head is None:
                return None
            following = states_following(connection, head, position)
            return CollectionPage.of(head, following, limit=limit)

        return await self.database.read(select)
