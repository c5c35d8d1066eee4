"""
Collections in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from odoo_ai_config.adapters.memory.state import MemoryAdapter
from odoo_ai_config.application.ports.collection_store import CollectionStore
from odoo_ai_config.domain.collections import (
    CollectionHead,
    CollectionKey,
    CollectionPage,
    Item,
    ItemState,
    Position,
)
from odoo_ai_config.domain.identifiers import TenantId


class MemoryCollectionStore(MemoryAdapter, CollectionStore):
    """
    Reads the collections that commits brought.
    """

    async def head(self, key: CollectionKey) -> CollectionHead | None:
        kept = self.state.collections.get(key)
        return None if kept is None else kept.head

    async def heads(self, *tenants: TenantId) -> Sequence[CollectionHead]:
        heads = [kept.head for kept in self.state.collections.values()]
        return sorted(
            (head for head in heads if head.key.tenant in tenants), key=lambda head: head.key
        )

    async def digests(
        self, key: CollectionKey, ids: Sequence[str] | None = None
    ) -> Mapping[str, str]:
        items = await self.items(key, list(self._states(key)) if ids is None else ids)
        return {id_: item.digest for id_, item in items.items()}

    async def items(self, key: CollectionKey, ids: Sequence[str]) -> Mapping[str, Item]:
        states = self._states(key)
        found = (states[id_].item for id_ in ids if id_ in states)
        return {item.id: item for item in found if item is not None}

    async def page(
        self, key: CollectionKey, position: Position, *, limit: int
    ) -> CollectionPage | None:
        kept = self.state.collections.get(key)
        if kept is None:
            return None
        following = sorted(
            (
                state
                for state in kept.states.values()
                if (state.version, state.id) > position.start
                and (state.item is not None or state.version > position.since)
            ),
            key=lambda state: (state.version, state.id),
        )
        return CollectionPage.of(kept.head, following, limit=limit)

    def _states(self, key: CollectionKey) -> dict[str, ItemState]:
        kept = self.state.collections.get(key)
        return {} if kept is None else kept.states
