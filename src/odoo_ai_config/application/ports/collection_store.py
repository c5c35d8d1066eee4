"""
Where the items of collections are read. Written through `ConfigStore.commit`.
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
        Where the collection is at, at a cost that does not depend on its size; None for none.
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
        The digest of each item that is there, by id: of all of them, or of those in *ids*.

        They are as of the last commit that was acknowledged before the call, or as of later
        ones. Who commits what follows from them asks for the head first, so that a change in
        between is noticed.
        """

    @abstractmethod
    async def items(self, key: CollectionKey, ids: Sequence[str]) -> Mapping[str, Item]:
        """
        Those of *ids* that are there; as fresh as `digests`.
        """

    @abstractmethod
    async def page(
        self, key: CollectionKey, position: Position, *, limit: int
    ) -> CollectionPage | None:
        """
        What a reader at *position* is to be told next, all of one moment; None for no collection.

        At most *limit* states, and fewer where their texts are long together: no more after
        `PAGE_CHARACTERS` are reached. What was removed up to the version that the reader set
        out from is left out.
        """
