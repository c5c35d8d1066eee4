"""
The guarantees of every CollectionStore, and of commits that change collections.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

import pytest
from attrs import evolve
from hypothesis import HealthCheck, assume, given, settings

from odoo_ai_config.application.errors import RequestRecordedError
from odoo_ai_config.application.ports.config_store import PruneReport
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.collections import (
    PAGE_CHARACTERS,
    CollectionChange,
    CollectionHead,
    CollectionKey,
    CollectionName,
    CollectionPage,
    CollectionSync,
    Item,
    ItemState,
    Position,
    change_after,
    position_at,
)
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.errors import CursorExpiredError, RevisionConflictError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.outcomes import ItemCounts
from tests import strategies
from tests.contract.samples import AT, DAY, collection_key, item, pushed, request_record
from tests.contract.stores import StoreContract, Stores

KEY = collection_key()
ACME = TenantId("acme")


async def push(
    stores: Stores,
    *items: Item,
    key: CollectionKey = KEY,
    removed: Iterable[str] = (),
    whole: bool = False,
    day: int = 0,
) -> CollectionChange | None:
    """
    Push as a use case does, without its retries.
    """
    sync = CollectionSync(items, tuple(removed), whole=whole)
    head = await stores.collections.head(key)
    digests = await stores.collections.digests(key)
    change, _ = change_after(head, digests, sync, key=key, at=AT + day * DAY)
    if change is not None:
        await stores.config.commit(Changeset(collections=(change,)))
    return change


async def page(
    stores: Stores, position: Position | None = None, *, limit: int = 100
) -> CollectionPage:
    head = await stores.collections.head(KEY)
    assert head is not None
    found = await stores.collections.page(KEY, position or position_at(None, head), limit=limit)
    assert found is not None
    return found


async def told_since(stores: Stores, version: int) -> list[tuple[str, int, bool]]:
    found = await page(stores, Position(version, version))
    return [(state.id, state.version, state.item is not None) for state in found.states]


class CollectionStoreContract(StoreContract):
    async def test_nothing_was_pushed_at_first(self, stores: Stores) -> None:
        assert await stores.collections.head(KEY) is None
        assert await stores.collections.heads(ACME) == []
        assert await stores.collections.digests(KEY) == {}
        assert await stores.collections.digests(KEY, ["1"]) == {}
        assert await stores.collections.items(KEY, ["1"]) == {}
        assert await stores.collections.page(KEY, Position(0, 0), limit=5) is None

    async def test_pushed_items_are_there(self, stores: Stores) -> None:
        shirt, shoe = item("1", name="Camisa"), item("SKU 2/3", name="Tênis \U0001f45f")
        change = await push(stores, shirt, shoe)
        assert change is not None
        assert change.head == CollectionHead(KEY, 1, 2, AT, AT)
        assert await stores.collections.head(KEY) == change.head
        assert await stores.collections.heads(ACME) == [change.head]
        assert await stores.collections.digests(KEY) == {
            "1": shirt.digest,
            "SKU 2/3": shoe.digest,
        }
        assert await stores.collections.items(KEY, ["SKU 2/3", "9"]) == {"SKU 2/3": shoe}
        assert await page(stores) == CollectionPage(
            change.head, (ItemState("1", 1, shirt), ItemState("SKU 2/3", 1, shoe)), complete=True
        )

    async def test_empty_collection_is_one(self, stores: Stores) -> None:
        change = await push(stores, whole=True)
        assert change is not None
        assert await page(stores) == CollectionPage(change.head, (), complete=True)

    async def test_only_what_changed_is_told_to_who_was_there(self, stores: Stores) -> None:
        await push(stores, *(item(name) for name in "abcd"))
        await push(stores, item("b", price=2), removed=["d"], day=1)
        await push(stores, item("e"), item("a", price=3), removed=["c"], day=2)
        assert await told_since(stores, 3) == []
        assert await told_since(stores, 2) == [("a", 3, True), ("c", 3, False), ("e", 3, True)]
        assert await told_since(stores, 1) == [
            ("b", 2, True),
            ("d", 2, False),
            ("a", 3, True),
            ("c", 3, False),
            ("e", 3, True),
        ]
        head = await stores.collections.head(KEY)
        assert head == CollectionHead(KEY, 3, 3, AT, AT + 2 * DAY)

    async def test_who_reads_from_the_beginning_is_told_of_nothing_that_is_gone(
        self, stores: Stores
    ) -> None:
        await push(stores, item("a"), item("b"))
        await push(stores, removed=["a"])
        found = await page(stores)
        assert [state.id for state in found.states] == ["b"]
        assert await stores.collections.digests(KEY) == {"b": item("b").digest}
        assert await stores.collections.digests(KEY, ["a", "b"]) == {"b": item("b").digest}
        assert await stores.collections.items(KEY, ["a"]) == {}

    async def test_item_that_came_back_is_there_again(self, stores: Stores) -> None:
        await push(stores, item("a"), item("b"))
        await push(stores, removed=["a"])
        await push(stores, item("a", again=True))
        assert await told_since(stores, 1) == [("a", 3, True)]
        assert await stores.collections.items(KEY, ["a"]) == {"a": item("a", again=True)}
        await push(stores, removed=["a"])
        assert await told_since(stores, 2) == [("a", 4, False)]

    async def test_pages_follow_one_another_to_the_end(self, stores: Stores) -> None:
        names = [f"{number:02}" for number in range(7)]
        await push(stores, *map(item, reversed(names)))
        await push(stores, item("03", later=True))
        read: list[str] = []
        position, sizes = None, []
        for _ in range(10):
            found = await page(stores, position, limit=3)
            read += [state.id for state in found.states]
            sizes.append(len(found.states))
            position = found.position_after(position or position_at(None, found.head))
            if found.complete:
                break
        assert read == ["00", "01", "02", "04", "05", "06", "03"]
        assert sizes == [3, 3, 1]
        assert position == Position(2, 2)

    @pytest.mark.parametrize(("limit", "complete"), [(1, False), (2, True), (3, True)])
    async def test_page_knows_whether_it_is_the_last(
        self, stores: Stores, limit: int, complete: bool
    ) -> None:
        await push(stores, item("a"), item("b"))
        assert (await page(stores, limit=limit)).complete is complete

    async def test_reader_on_the_way_misses_nothing_of_what_happens_meanwhile(
        self, stores: Stores
    ) -> None:
        await push(stores, *(item(name) for name in "abcd"))
        first = await page(stores, limit=2)
        assert [state.id for state in first.states] == ["a", "b"]
        await push(stores, item("c", new=True), item("e"), removed=["a", "d"])
        rest = await page(stores, first.position_after(position_at(None, first.head)))
        assert [(state.id, state.item is None) for state in rest.states] == [
            ("a", True),
            ("c", False),
            ("d", True),
            ("e", False),
        ]

    async def test_long_texts_make_short_pages(self, stores: Stores) -> None:
        long = "x" * (2**20 - 100)
        await push(stores, *(item(f"{number:02}", text=long) for number in range(12)))
        found = await page(stores, limit=12)
        assert not found.complete
        assert len(found.states) == PAGE_CHARACTERS // len(long) + 1
        rest = await page(stores, found.position_after(position_at(None, found.head)))
        assert rest.complete
        assert len(found.states) + len(rest.states) == 12

    @pytest.mark.parametrize("version", [0, 1, 3, 9])
    async def test_only_the_successor_is_taken(self, stores: Stores, version: int) -> None:
        change = await push(stores, item("a"))
        assert change is not None
        other = CollectionChange(evolve(change.head, version=version), (item("b"),), ("a",))
        with pytest.raises(RevisionConflictError):
            await stores.config.commit(
                Changeset(collections=(other,), idempotency_record=request_record())
            )
        assert await stores.collections.head(KEY) == change.head
        assert set(await stores.collections.digests(KEY)) == {"a"}
        assert await stores.config.idempotency_record(request_record().claim.id) is None

    async def test_second_version_of_nothing_is_refused(self, stores: Stores) -> None:
        head = CollectionHead(KEY, 2, 1, AT, AT)
        with pytest.raises(RevisionConflictError):
            await stores.config.commit(
                Changeset(collections=(CollectionChange(head, (item("a"),)),))
            )
        assert await stores.collections.head(KEY) is None
        assert await stores.collections.digests(KEY) == {}

    async def test_push_and_its_record_are_one(self, stores: Stores) -> None:
        record = request_record()
        counted = evolve(record, outcome=evolve(record.outcome, items=ItemCounts(5, 1, 2, 3, 4)))
        await stores.config.commit(
            Changeset(collections=(pushed(item("a")),), idempotency_record=counted)
        )
        assert await stores.config.idempotency_record(counted.claim.id) == counted
        again = pushed(item("b"), key=collection_key(name="scheduling_rules"))
        with pytest.raises(RequestRecordedError):
            await stores.config.commit(Changeset(collections=(again,), idempotency_record=counted))
        assert [head.key for head in await stores.collections.heads(ACME)] == [KEY]

    async def test_collections_do_not_see_each_other(self, stores: Stores) -> None:
        others = [
            collection_key("acme", "business_rules"),
            collection_key("acm", "products_informations"),
            collection_key("acme2"),
        ]
        for number, key in enumerate([KEY, *others]):
            await push(stores, item("a", of=number), key=key)
        await push(stores, removed=["a"], key=others[0])
        assert [head.key for head in await stores.collections.heads(ACME)] == [others[0], KEY]
        everybody = {other.tenant for other in others} | {ACME}
        heads = await stores.collections.heads(*everybody)
        assert [head.key for head in heads] == sorted({*others, KEY})
        assert await stores.collections.heads() == []
        assert await stores.collections.items(KEY, ["a"]) == {"a": item("a", of=0)}
        assert await stores.collections.items(others[2], ["a"]) == {"a": item("a", of=3)}
        assert len((await page(stores)).states) == 1

    async def test_ids_of_one_collection_may_look_like_the_place_of_another(
        self, stores: Stores
    ) -> None:
        await push(stores, item("b/c"), key=collection_key("t", "a"))
        await push(stores, item("c"), key=collection_key("t", "b"))
        assert await stores.collections.items(collection_key("t", "a"), ["c"]) == {}
        assert set(await stores.collections.digests(collection_key("t", "a"))) == {"b/c"}

    async def test_one_of_many_writers_at_a_time_wins(self, stores: Stores) -> None:
        changes = [pushed(item(str(number))) for number in range(6)]
        outcomes = await asyncio.gather(
            *(stores.config.commit(Changeset(collections=(change,))) for change in changes),
            return_exceptions=True,
        )
        won = [number for number, outcome in enumerate(outcomes) if outcome is None]
        assert len(won) == 1
        assert {type(outcome) for outcome in outcomes if outcome is not None} == {
            RevisionConflictError
        }
        assert list(await stores.collections.digests(KEY)) == [str(won[0])]

    async def test_writers_through_two_instances_lose_nothing(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        async def write(through: Stores, number: int) -> int:
            tries = 0
            while True:
                tries += 1
                try:
                    await push(through, item(str(number)))
                except RevisionConflictError:
                    continue
                return tries

        pairs = zip((stores, second_stores) * 4, range(8), strict=True)
        await asyncio.gather(*(write(through, number) for through, number in pairs))
        for through in (stores, second_stores):
            head = await through.collections.head(KEY)
            assert head is not None
            assert (head.version, head.size) == (8, 8)
            assert set(await through.collections.digests(KEY)) == set(map(str, range(8)))

    async def test_reader_never_sees_half_a_push(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        names = [str(number) for number in range(40)]
        await push(stores, *(item(name, version=1) for name in names), whole=True)

        async def write() -> None:
            for version in range(2, 8):
                await push(stores, *(item(name, version=version) for name in names), whole=True)

        writing = asyncio.create_task(write())
        seen = set()
        while not writing.done():
            found = await second_stores.collections.page(KEY, Position(0, 0), limit=100)
            assert found is not None
            (version,) = {state.version for state in found.states}
            bodies = [state.item.body for state in found.states if state.item is not None]
            assert bodies == [{"version": version}] * len(names)
            assert found.head.version == version
            seen.add(version)
            # Not every store yields to the event loop.
            await asyncio.sleep(0)
        await writing
        assert seen <= set(range(1, 8))

    async def test_other_instance_sees_a_push_at_once(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        assert await stores.collections.head(KEY) is None
        for version in (1, 2):
            await push(second_stores, item("a", version=version))
            head = await stores.collections.head(KEY)
            assert head is not None
            assert head.version == version
            assert await stores.collections.items(KEY, ["a"]) == {"a": item("a", version=version)}

    @pytest.mark.bulk
    async def test_thousands_of_items_are_one_push(self, stores: Stores) -> None:
        names = [f"{number:05}" for number in range(2_345)]
        await push(stores, *(item(name, name=name) for name in names))
        head = await stores.collections.head(KEY)
        assert head is not None
        assert (head.version, head.size) == (1, 2_345)
        assert sorted(await stores.collections.digests(KEY)) == names
        assert len(await stores.collections.digests(KEY, names[:1_234])) == 1_234
        assert len(await stores.collections.items(KEY, names[:123])) == 123
        assert [state.id for state in (await page(stores, limit=777)).states] == names[:777]
        await push(stores, item("new"), whole=True)
        assert list(await stores.collections.digests(KEY)) == ["new"]
        assert (
            await told_since(stores, 1)
            == [
                *((name, 2, False) for name in names),
                ("new", 2, True),
            ][:100]
        )

    @pytest.mark.bulk
    async def test_large_push_blocks_no_other_work_and_becomes_visible_at_once(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        names = [f"{number:05}" for number in range(1_200)]
        await push(stores, *(item(name, version=1) for name in names), item("gone"))

        async def write() -> None:
            await push(stores, *(item(name, version=2) for name in names), whole=True)

        writing = asyncio.create_task(write())
        others = 0
        while not writing.done():
            # Other work gets through at every stage.
            await second_stores.config.commit(
                Changeset(idempotency_record=request_record(f"meanwhile {others}"))
            )
            others += 1
            found = await second_stores.collections.page(KEY, Position(0, 0), limit=2_000)
            assert found is not None
            version = found.head.version
            assert {state.version for state in found.states} == {version}
            there = [state for state in found.states if state.item is not None]
            assert len(there) == len(names) + (version == 1)
            digests = await second_stores.collections.digests(KEY)
            told = await second_stores.collections.head(KEY)
            assert told is not None
            # It may have become visible between the two readings, but not before.
            assert told.version == 2 or "gone" in digests
            await asyncio.sleep(0)
        await writing
        assert others > 0
        assert set(await second_stores.collections.digests(KEY)) == set(names)
        assert await stores.collections.items(KEY, ["00007", "gone"]) == {
            "00007": item("00007", version=2)
        }
        # A later push overwrites it.
        await push(second_stores, item("00007", version=3), removed=["00008"])
        assert await told_since(stores, 2) == [("00007", 3, True), ("00008", 3, False)]
        assert len(await stores.collections.digests(KEY)) == len(names) - 1

    async def test_only_one_of_two_large_pushes_at_a_time_is_taken(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        rivals = [
            pushed(*(item(f"{number:05}", of=of) for number in range(1_200))) for of in (1, 2)
        ]
        outcomes = await asyncio.gather(
            *(
                through.config.commit(Changeset(collections=(change,)))
                for through, change in zip((stores, second_stores), rivals, strict=True)
            ),
            return_exceptions=True,
        )
        assert Counter(map(type, outcomes)) == {type(None): 1, RevisionConflictError: 1}
        winner = rivals[outcomes.index(None)]
        assert await stores.collections.digests(KEY) == {
            one.id: one.digest for one in winner.items
        }

    async def test_large_push_that_is_given_up_leaves_nothing_or_all(self, stores: Stores) -> None:
        names = [f"{number:05}" for number in range(1_200)]
        await push(stores, item("old"))
        old, new = {"old"}, {"old", *names}
        giving_up = asyncio.create_task(push(stores, *map(item, names)))
        for _ in range(20):
            await asyncio.sleep(0.001)
        giving_up.cancel()
        await asyncio.gather(giving_up, return_exceptions=True)
        for _ in range(2):
            found = await page(stores, limit=2_000)
            assert {state.id for state in found.states} in (old, new)
            assert found.head.size == len(found.states)
            await stores.config.prune(RetentionPolicy(), now=AT + DAY)

    @settings(
        suppress_health_check=[
            HealthCheck.too_slow,
            # Collections of earlier examples stay.
            HealthCheck.function_scoped_fixture,
            # The same test runs for every technology.
            HealthCheck.differing_executors,
        ]
    )
    @given(change=strategies.first_changes())
    async def test_any_item_comes_back_as_it_was(
        self, stores: Stores, change: CollectionChange
    ) -> None:
        key = change.head.key
        assume(await stores.collections.head(key) is None)
        await stores.config.commit(Changeset(collections=(change,)))
        ids = [pushed_item.id for pushed_item in change.items]
        assert await stores.collections.head(key) == change.head
        assert await stores.collections.items(key, ids) == {
            pushed_item.id: pushed_item for pushed_item in change.items
        }
        found = await stores.collections.page(key, Position(1, 0), limit=100)
        assert found is not None
        assert [state.id for state in found.states] == sorted(ids)


class CollectionPruneContract(StoreContract):
    async def fill(self, stores: Stores) -> None:
        """
        Remove a, b and c with the versions 2, 3 and 4, a day apart.
        """
        await push(stores, *(item(name) for name in "abcde"))
        for day, name in enumerate("abc", start=1):
            await push(stores, removed=[name], day=day)

    async def floor(self, stores: Stores) -> int:
        head = await stores.collections.head(KEY)
        assert head is not None
        return head.compaction_floor

    @pytest.mark.parametrize(
        ("policy", "left"),
        [
            (RetentionPolicy(), ["a", "b", "c"]),
            (RetentionPolicy(keep=3), ["a", "b", "c"]),
            (RetentionPolicy(keep=2), ["b", "c"]),
            (RetentionPolicy(keep=1), ["c"]),
            (RetentionPolicy(max_age=2 * DAY), ["b", "c"]),
            (RetentionPolicy(max_age=DAY), ["c"]),
            (RetentionPolicy(keep=2, max_age=DAY), ["c"]),
            (RetentionPolicy(keep=1, max_age=9 * DAY), ["c"]),
        ],
        ids=str,
    )
    async def test_old_traces_go(
        self, stores: Stores, policy: RetentionPolicy, left: list[str]
    ) -> None:
        await self.fill(stores)
        report = await stores.config.prune(policy, now=AT + 3.5 * DAY)
        assert report == PruneReport(tombstones=3 - len(left))
        position = Position(await self.floor(stores), 1)
        found = await page(stores, position)
        assert [state.id for state in found.states if state.item is None] == left
        assert position.since == {3: 0, 2: 2, 1: 3}[len(left)]
        assert set(await stores.collections.digests(KEY)) == {"d", "e"}
        assert await stores.config.prune(policy, now=AT + 3.5 * DAY) == PruneReport()

    async def test_reader_who_could_miss_a_trace_is_sent_back(self, stores: Stores) -> None:
        await self.fill(stores)
        head = await stores.collections.head(KEY)
        assert head is not None
        cursors = {version: Position(version, version).cursor(head) for version in range(1, 5)}
        await stores.config.prune(RetentionPolicy(keep=2), now=AT)
        head = await stores.collections.head(KEY)
        assert head is not None
        with pytest.raises(CursorExpiredError):
            position_at(cursors[1], head)
        for version in (2, 3, 4):
            assert position_at(cursors[version], head) == Position(version, version)

    async def test_push_leaves_the_floor_where_it_is(self, stores: Stores) -> None:
        await self.fill(stores)
        await stores.config.prune(RetentionPolicy(keep=2), now=AT)
        await push(stores, item("f"))
        assert await self.floor(stores) == 2

    async def test_item_that_came_back_is_not_pruned(self, stores: Stores) -> None:
        await self.fill(stores)
        await push(stores, item("a"), day=5)
        policy = RetentionPolicy(keep=1, max_age=DAY)
        assert await stores.config.prune(policy, now=AT + 99 * DAY) == PruneReport(tombstones=2)
        assert set(await stores.collections.digests(KEY)) == {"a", "d", "e"}

    async def test_each_collection_keeps_its_own_traces(self, stores: Stores) -> None:
        await self.fill(stores)
        other = collection_key(name=str(CollectionName("business_rules")))
        await push(stores, item("a"), item("b"), key=other)
        await push(stores, removed=["a"], key=other)
        report = await stores.config.prune(RetentionPolicy(keep=2), now=AT)
        assert report == PruneReport(tombstones=1)
        head = await stores.collections.head(other)
        assert head is not None
        assert head.compaction_floor == 0

    @pytest.mark.bulk
    async def test_many_traces_go_too(self, stores: Stores) -> None:
        names = [str(number) for number in range(1_100)]
        await push(stores, *map(item, names))
        await push(stores, whole=True)
        await push(stores, item("x"))
        report = await stores.config.prune(RetentionPolicy(keep=1), now=AT)
        assert report == PruneReport(tombstones=1_100)
        assert await self.floor(stores) == 2
