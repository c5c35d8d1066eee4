"""
Pushes of collections that are too large for one transaction.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

import pytest

from odoo_ai_config.adapters.sqlite import large_pushes
from odoo_ai_config.adapters.sqlite.database import SqliteDatabase, open_sqlite
from odoo_ai_config.adapters.sqlite.writer import Transaction, Write
from odoo_ai_config.application.errors import StoreUnavailableError
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.collections import (
    CollectionChange,
    CollectionSync,
    Item,
    Position,
    change_after,
)
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.errors import RevisionConflictError
from tests.contract.samples import AT, DAY, collection_key, item, request_record
from tests.contract.sqlite_stores import stores_over
from tests.contract.stores import Stores

T = TypeVar("T")

KEY = collection_key()
NAMES = [f"{number:02}" for number in range(10)]


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_pushes, "SLICE_ITEMS", 3)


async def change_to(stores: Stores, *items: Item, day: int = 0) -> CollectionChange:
    """
    The change that replaces a collection with *items*.
    """
    head = await stores.collections.head(KEY)
    digests = await stores.collections.digests(KEY)
    sync = CollectionSync(items, whole=True)
    change, _ = change_after(head, digests, sync, key=KEY, at=AT + day * DAY)
    assert change is not None
    return change


async def put(stores: Stores, *items: Item, day: int = 0) -> None:
    await stores.config.commit(Changeset(collections=(await change_to(stores, *items, day=day),)))


async def contents(stores: Stores) -> dict[str, object]:
    """
    The content of the collections, by every way of reading.
    """
    page = await stores.collections.page(KEY, Position(0, 0), limit=100)
    assert page is not None
    there = {state.id: state.item for state in page.states if state.item is not None}
    assert page.head == await stores.collections.head(KEY)
    assert page.head.size == len(there)
    assert {state.version for state in page.states} == {page.head.version}
    digests = {id_: one.digest for id_, one in there.items()}
    assert await stores.collections.digests(KEY) == digests
    ids = [*NAMES, "gone", "new"]
    assert await stores.collections.digests(KEY, ids) == digests
    assert await stores.collections.items(KEY, ids) == there
    return {id_: one.body for id_, one in there.items()}


def leftovers(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("pushes", "pushed_items")
        ]


class Dying(SqliteDatabase):
    """
    A database whose process dies after some writes.
    """

    writes_left = 1000

    async def write(self, write: Write[T], *, long: bool = False) -> T:
        if not self.writes_left:
            raise StoreUnavailableError
        self.writes_left -= 1
        return await super().write(write, long=long)


async def cut_off(path: Path, writes: int) -> bool:
    """
    Push with only this many *writes*; return whether that was enough.
    """
    dying = Dying(path)
    dying.open()
    try:
        stores = stores_over(dying)
        await put(stores, *(item(name, version=1) for name in NAMES), item("gone"))
        dying.writes_left = writes
        change = await change_to(stores, *(item(name, version=2) for name in NAMES), day=1)
        with suppress(StoreUnavailableError):
            await stores.config.commit(Changeset(collections=(change,)))
        return dying.writes_left > 0
    finally:
        dying.close()


async def test_push_that_is_cut_off_anywhere_is_there_as_a_whole_or_not(
    tmp_path: Path, small_slices: None
) -> None:
    old = {name: {"version": 1} for name in NAMES} | {"gone": {}}
    new = {name: {"version": 2} for name in NAMES}
    seen = []
    for writes in range(1000):
        path = tmp_path / f"{writes}.db"
        finished = await cut_off(path, writes)
        with open_sqlite(path) as database:
            stores = stores_over(database)
            found = await contents(stores)
            assert found in (old, new)
            seen.append(found == new)
            if writes % 2:
                # The next push continues from there, before or after the clean-up.
                await put(stores, *(item(name, version=3) for name in NAMES[:2]), day=2)
                there = await stores.collections.items(KEY, [*NAMES, "gone"])
                assert list(there) == NAMES[:2]
                assert {one.text for one in there.values()} == {item(version=3).text}
            await stores.config.prune(RetentionPolicy(), now=AT + 3 * DAY)
            if not writes % 2:
                assert await contents(stores) == found
        assert leftovers(path) == [0, 0]
        if finished:
            break
    # It takes the beginning, four slices, the head, four slices and the end.
    assert writes == 12
    assert seen == [False] * 6 + [True] * 7


async def test_push_under_way_is_not_taken_for_one_that_was_given_up(
    stores: Stores, path: Path, small_slices: None
) -> None:
    await put(stores, item("gone"))
    database = Dying(path)
    database.open()
    change = await change_to(stores, *map(item, NAMES), day=1)
    database.writes_left = 3
    with pytest.raises(StoreUnavailableError):
        await stores_over(database).config.commit(Changeset(collections=(change,)))
    database.close()
    await stores.config.prune(RetentionPolicy(), now=AT + DAY)
    assert leftovers(path) == [1, 6]
    await stores.config.prune(RetentionPolicy(), now=AT + 2 * DAY)
    assert leftovers(path) == [0, 0]


async def test_push_whose_items_were_forgotten_is_decided_anew(
    stores: Stores, path: Path, database: SqliteDatabase, small_slices: None
) -> None:
    change = await change_to(stores, *map(item, NAMES))
    pushing = asyncio.create_task(stores.config.commit(Changeset(collections=(change,))))
    while leftovers(path)[1] < 3:
        await asyncio.sleep(0)
    with closing(sqlite3.connect(path, timeout=5)) as other:
        other.execute("DELETE FROM pushed_items")
        other.execute("DELETE FROM pushes")
        other.commit()
    with pytest.raises(RevisionConflictError):
        await pushing
    assert await stores.collections.head(KEY) is None


async def test_others_go_between_the_slices_of_a_push(
    stores: Stores, database: SqliteDatabase, small_slices: None
) -> None:
    statements: list[str] = []
    database._writer._connection.get().set_trace_callback(statements.append)
    change = await change_to(stores, *map(item, NAMES))
    pushing = asyncio.create_task(stores.config.commit(Changeset(collections=(change,))))
    through = 0
    while not pushing.done():
        await stores.config.commit(
            Changeset(idempotency_record=request_record(f"other {through}"))
        )
        through += 1
    await pushing
    assert through >= 4
    transactions = "".join(statements).split("BEGIN")
    assert max(one.count("INSERT INTO pushed_items") for one in transactions) == 1


async def test_short_writes_go_before_long_ones(database: SqliteDatabase) -> None:
    done: list[str] = []
    loop = asyncio.get_running_loop()
    handed_in = asyncio.Event()

    def hold_up(_transaction: Transaction) -> None:
        asyncio.run_coroutine_threadsafe(handed_in.wait(), loop).result()

    def note(what: str) -> Write[None]:
        return lambda _transaction: done.append(what)

    writes = [asyncio.create_task(database.write(hold_up))]
    for what, long in (("long 1", True), ("long 2", True), ("short 1", False), ("short 2", False)):
        writes.append(asyncio.create_task(database.write(note(what), long=long)))
        # Each in its own loop iteration.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    handed_in.set()
    await asyncio.gather(*writes)
    assert done == ["short 1", "short 2", "long 1", "long 2"]


async def test_long_write_is_answered_although_one_that_goes_before_it_breaks_down(
    database: SqliteDatabase,
) -> None:
    loop = asyncio.get_running_loop()
    begun, handed_in = asyncio.Event(), asyncio.Event()

    def hold_up(_transaction: Transaction) -> None:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(handed_in.wait(), loop).result()

    def break_down(_transaction: Transaction) -> None:
        raise MemoryError

    def name(what: str) -> Write[str]:
        return lambda _transaction: what

    async def handed(write: Write[T], *, long: bool = False) -> asyncio.Task[T]:
        task = asyncio.create_task(database.write(write, long=long))
        # Each in its own loop iteration.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return task

    first = await handed(hold_up)
    await begun.wait()
    long = await handed(name("long"), long=True)
    broken = await handed(break_down)
    handed_in.set()
    await first
    with pytest.raises(StoreUnavailableError):
        await broken
    async with asyncio.timeout(5):
        assert await database.write(name("longer"), long=True) == "longer"
        assert await long == "long"
