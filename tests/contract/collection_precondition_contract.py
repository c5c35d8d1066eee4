"""
What a push that names a state promises on every store: it succeeds that state, or does nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest
from attrs import field, frozen

from odoo_ai_config.application.collections import SyncCollection
from odoo_ai_config.application.ports.collection_store import CollectionStore
from odoo_ai_config.domain.collections import (
    CollectionHead,
    CollectionKey,
    CollectionPage,
    CollectionSync,
    Item,
    Position,
)
from odoo_ai_config.domain.errors import PreconditionFailedError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.outcomes import Outcome
from tests.contract.samples import AT, collection_key, item
from tests.contract.stores import StoreContract, Stores
from tests.stand_ins.clock import ManualClock
from tests.unit.application.memory_hub import ANYBODY

KEY = collection_key()
WRITERS = 8


@frozen(eq=False)
class Overtaken(CollectionStore):
    """
    A store in which another writer is faster: it writes after each first read of a head.
    """

    store: CollectionStore
    overtake: Callable[[], Awaitable[object]]
    left: list[int] = field(factory=lambda: [1])

    async def head(self, key: CollectionKey) -> CollectionHead | None:
        head = await self.store.head(key)
        if self.left.pop():
            await self.overtake()
        self.left.append(0)
        return head

    async def heads(self, *tenants: TenantId) -> Sequence[CollectionHead]:
        return await self.store.heads(*tenants)

    async def digests(
        self, key: CollectionKey, ids: Sequence[str] | None = None
    ) -> Mapping[str, str]:
        return await self.store.digests(key, ids)

    async def items(self, key: CollectionKey, ids: Sequence[str]) -> Mapping[str, Item]:
        return await self.store.items(key, ids)

    async def page(
        self, key: CollectionKey, position: Position, *, limit: int
    ) -> CollectionPage | None:
        return await self.store.page(key, position, limit=limit)


async def push(
    stores: Stores,
    id_: str,
    *,
    collections: CollectionStore | None = None,
    expected: Callable[[CollectionHead | None], bool] = lambda _: True,
    whole: bool = False,
) -> Outcome:
    use_case = SyncCollection(stores.config, collections or stores.collections, ManualClock(AT))
    sync = CollectionSync((item(id_),), whole=whole)
    return await use_case(KEY, sync, caller=ANYBODY, expected=expected)


async def ids(stores: Stores) -> set[str]:
    return {*await stores.collections.digests(KEY)}


def at(version: int) -> Callable[[CollectionHead | None], bool]:
    return lambda head: version == (0 if head is None else head.version)


class CollectionPreconditionContract(StoreContract):
    @pytest.mark.parametrize("version", [0, 1])
    async def test_push_overtaken_by_another_is_refused_and_leaves_no_trace(
        self, stores: Stores, version: int
    ) -> None:
        if version:
            await push(stores, "first")
        overtaken = Overtaken(stores.collections, lambda: push(stores, "faster"))
        with pytest.raises(PreconditionFailedError) as refused:
            await push(stores, "slower", collections=overtaken, expected=at(version), whole=True)
        assert refused.value.current == version + 1
        assert await ids(stores) == {"faster"} | ({"first"} if version else set())

    async def test_without_a_precondition_it_is_done_after_the_other(self, stores: Stores) -> None:
        overtaken = Overtaken(stores.collections, lambda: push(stores, "faster"))
        outcome = await push(stores, "slower", collections=overtaken)
        assert outcome.versions == {str(KEY.name): 2}
        assert await ids(stores) == {"faster", "slower"}

    async def test_push_that_would_change_nothing_is_refused_too(self, stores: Stores) -> None:
        await push(stores, "first")
        await push(stores, "second")
        with pytest.raises(PreconditionFailedError):
            await push(stores, "first", expected=at(1))

    async def test_one_of_many_writers_succeeds_the_same_state(self, stores: Stores) -> None:
        await push(stores, "first")
        done = await asyncio.gather(
            *(push(stores, f"of-{number}", expected=at(1)) for number in range(WRITERS)),
            return_exceptions=True,
        )
        assert sum(isinstance(one, Outcome) for one in done) == 1
        refused = [one for one in done if isinstance(one, PreconditionFailedError)]
        assert [error.current for error in refused] == [2] * (WRITERS - 1)
        assert len(await ids(stores)) == 2

    async def test_one_of_two_processes_succeeds_the_same_state(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        await push(stores, "first")
        overtaken = Overtaken(stores.collections, lambda: push(second_stores, "faster"))
        with pytest.raises(PreconditionFailedError):
            await push(stores, "slower", collections=overtaken, expected=at(1))
        assert await ids(stores) == {"first", "faster"}
