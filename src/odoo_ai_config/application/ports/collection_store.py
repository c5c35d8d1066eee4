"""
Reads the items of collections. `ConfigStore.commit` writes them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

from odoo_ai_config.domain.collections import (
    CollectionHead,
    CollectionKey,
    CollectionPage,
    Item,
    Position,
)
from odoo_ai_config.domain.identifiers import TenantId


class CollectionStore(Protocol):
    """
    Collections by tenant and name.

    Every method raises `StoreUnavailableError` while the store is away.
    """

    @abstractmethod
    async def head(self, key: CollectionKey) -> CollectionHead | None:
        """
        The head of the collection, at a cost that does not depend on its size.
        """

    @abstractmethod
    async def heads(self, *tenants: TenantId) -> Sequence[CollectionHead]:
        """
        Every collection of any of *tenants*, by tenant and name.
        """

    @abstractmethod
    async def digests(
        self, key: CollectionKey, ids: Sequence[str] | None = None
    ) -> Mapping[str, str]:
        """
        The digest of each item, by id: of all items, or of those in *ids*.

        They include every commit acknowledged before the call, and perhaps later ones. A writer
        reads the head first, so that its commit is refused if anything changed in between.
        """

    @abstractmethod
    async def items(self, key: CollectionKey, ids: Sequence[str]) -> Mapping[str, Item]:
        """
        The items with these *ids*, as fresh as `digests`.
        """

    @abstractmethod
    async def page(
        self, key: CollectionKey, position: Position, *, limit: int
    ) -> CollectionPage | None:
        """
        The changes after *position*, a consistent snapshot; None if there is no collection.

        At most *limit* states, and fewer if their texts are long: the page ends when
        `PAGE_CHARACTERS` are reached. Removals up to the reader's first version are left out.
        """
