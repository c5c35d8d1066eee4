from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from odoo_ai_config.adapters.sqlite.database import SqliteDatabase, open_sqlite
from odoo_ai_config.adapters.sqlite.shelf import Shelf
from odoo_ai_config.application.errors import DeliveryRecordedError, StoreUnavailableError
from odoo_ai_config.domain.changes import Changeset, DeliveryId
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import ChatwootId, DocumentKey, TenantId
from tests.contract.samples import delivery, everything, key, mapping, owner, revision, tenant_key
from tests.contract.sqlite_stores import stores_over
from tests.contract.stores import Stores

MESSAGE = IncomingMessage(ChatwootId("1"), ChatwootId("1"))


@pytest.fixture
def readings(database: SqliteDatabase) -> list[str]:
    """
    What the readers' connections execute.
    """
    executed: list[str] = []
    for idle in database._reader._idle:
        idle.get().set_trace_callback(executed.append)
    return executed


def deny_commits(database: SqliteDatabase) -> None:
    """
    Make the next commit fail; the connection is replaced after that.
    """
    database._writer._connection.get().set_authorizer(
        lambda action, operation, *_: (
            sqlite3.SQLITE_DENY
            if (action, operation) == (sqlite3.SQLITE_TRANSACTION, "COMMIT")
            else sqlite3.SQLITE_OK
        )
    )


async def test_own_commits_are_not_read_back(stores: Stores, readings: list[str]) -> None:
    await stores.config.commit(everything())
    # A push of a collection asks for what an earlier one has left.
    readings.clear()
    await stores.config.current([key()])
    await stores.config.delivery(DeliveryId("caller", "d1"))
    await stores.channels.current([mapping().mapping.key])
    await stores.secrets.active_key(TenantId("acme"))
    await stores.api_keys.api_key("api-key-of-acme")
    assert readings == []


async def test_what_was_read_is_not_read_again_not_even_if_it_is_not_there(
    path: Path, readings: list[str], stores: Stores
) -> None:
    with open_sqlite(path) as other:
        await stores_over(other).config.commit(Changeset(revisions=(revision(),)))
    for _ in range(3):
        assert await stores.config.current([key()]) == {key(): revision()}
        assert await stores.config.current([key("other")]) == {}
    assert sum("FROM revisions" in statement for statement in readings) == 2


async def test_asking_for_what_is_not_there_does_not_fill_the_memory(
    database: SqliteDatabase, stores: Stores
) -> None:
    shelf = database.rows.revisions
    shelf.capacity = 10_000
    for number in range(50):
        await stores.config.current([key(f"unknown{number}")])
    assert 0 < len(shelf.entries) < 10


async def test_refused_commit_leaves_what_is_known(stores: Stores, readings: list[str]) -> None:
    await stores.config.commit(Changeset(revisions=(revision(),)))
    refused = Changeset(revisions=(revision(version=2),), delivery=delivery())
    await stores.config.commit(Changeset(delivery=delivery()))
    with pytest.raises(DeliveryRecordedError):
        await stores.config.commit(refused)
    assert await stores.config.current([key()]) == {key(): revision()}
    assert readings == []


async def test_lookups_at_one_time_share_a_snapshot(stores: Stores, readings: list[str]) -> None:
    await asyncio.gather(*(stores.config.current([key(f"t{n}")]) for n in range(50)))
    assert readings.count("BEGIN") == 1


async def test_lookup_that_cannot_be_made_disturbs_no_other(stores: Stores) -> None:
    await stores.config.commit(Changeset(delivery=delivery()))
    outcomes = await asyncio.gather(
        stores.config.delivery(DeliveryId("caller", "\ud800")),
        stores.config.delivery(DeliveryId("caller", "unknown")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [UnicodeEncodeError, type(None)]


async def test_slow_reader_does_not_bring_back_what_was_overwritten_meanwhile(
    database: SqliteDatabase, stores: Stores, path: Path
) -> None:
    with open_sqlite(path) as other:
        await stores_over(other).config.commit(Changeset(revisions=(revision(),)))
    shelf = database.rows.revisions
    select, has_read, may_go_on = shelf.select, threading.Event(), threading.Event()

    def hesitate(connection: sqlite3.Connection, where: DocumentKey) -> Revision | None:
        found = select(connection, where)
        has_read.set()
        may_go_on.wait()
        return found

    shelf.select = hesitate
    slow = asyncio.create_task(stores.config.current([key()]))
    await asyncio.to_thread(has_read.wait)
    await stores.config.commit(Changeset(revisions=(revision(version=2),)))
    may_go_on.set()
    assert await slow == {key(): revision()}
    assert await stores.config.current([key()]) == {key(): revision(version=2)}


async def test_nobody_is_given_a_row_whose_commit_is_under_way(
    database: SqliteDatabase, stores: Stores
) -> None:
    await stores.config.commit(Changeset(revisions=(revision(),)))
    rows = database.rows
    found: list[object] = []

    def look(statement: str) -> None:
        if statement == "COMMIT":
            found.append(rows.find(rows.revisions, [key()]))

    database._writer._connection.get().set_trace_callback(look)
    await stores.config.commit(Changeset(revisions=(revision(version=2),)))
    assert found == [None]
    assert rows.find(rows.revisions, [key()]) == {key(): revision(version=2)}


async def test_nothing_is_believed_after_a_commit_that_failed_half_way(
    database: SqliteDatabase, stores: Stores, readings: list[str]
) -> None:
    await stores.config.commit(Changeset(revisions=(revision(),), mappings=(mapping(),)))
    await stores.channels.table_for(MESSAGE)
    deny_commits(database)
    moved = mapping(version=2, tenant="other")
    with pytest.raises(StoreUnavailableError):
        await stores.config.commit(Changeset(revisions=(revision(version=2),), mappings=(moved,)))
    readings.clear()
    assert await stores.config.current([key()]) == {key(): revision()}
    assert readings != []
    table = await stores.channels.table_for(MESSAGE)
    assert table.resolve(MESSAGE).owner == owner()
    await stores.config.commit(Changeset(mappings=(moved,)))
    table = await stores.channels.table_for(MESSAGE)
    assert table.resolve(MESSAGE).owner == owner("other")


async def test_commit_of_others_in_the_place_of_a_failed_one_is_noticed(
    database: SqliteDatabase, stores: Stores, path: Path
) -> None:
    await stores.config.commit(Changeset(revisions=(revision(),)))
    deny_commits(database)
    with pytest.raises(StoreUnavailableError):
        await stores.config.commit(Changeset(revisions=(revision(key("other")),)))
    assert await stores.config.current([key()]) == {key(): revision()}
    with open_sqlite(path) as other:
        # Takes the number that the failed commit would have had.
        await stores_over(other).config.commit(Changeset(revisions=(revision(version=2),)))
    assert await stores.config.current([key()]) == {key(): revision(version=2)}


async def test_rotated_key_of_a_tenant_is_the_active_one_at_once(stores: Stores) -> None:
    first, second = tenant_key(), tenant_key(key_id="k2")
    await stores.config.commit(Changeset(new_tenant_key=first))
    assert await stores.secrets.add_key(second, successor_of=first)
    assert await stores.secrets.active_key(first.tenant) == second


async def test_routing_table_follows_own_commits_without_reading(
    stores: Stores, readings: list[str]
) -> None:
    await stores.channels.table_for(MESSAGE)
    readings.clear()
    for version in range(1, 5):
        moved = mapping(version=version, tenant=f"t{version}")
        await stores.config.commit(Changeset(mappings=(moved,)))
        table = await stores.channels.table_for(MESSAGE)
        assert table.resolve(MESSAGE).owner == owner(f"t{version}")
    assert readings == []


async def test_routing_table_reads_what_is_too_much_to_remember(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odoo_ai_config.adapters.sqlite.current_rows._LONGEST_TAIL", 3)
    await stores.channels.table_for(MESSAGE)
    for number in range(10):
        await stores.config.commit(Changeset(mappings=(mapping(str(number)),)))
    table = await stores.channels.table_for(MESSAGE)
    assert len(table) == 10


async def test_reading_of_the_routing_table_outlives_a_caller_who_gives_up(
    stores: Stores, path: Path
) -> None:
    with open_sqlite(path) as other:
        await stores_over(other).config.commit(Changeset(mappings=(mapping(),)))
    impatient = asyncio.create_task(stores.channels.table_for(MESSAGE))
    patient = asyncio.create_task(stores.channels.table_for(MESSAGE))
    # As far as the reading, which takes two thread switches.
    while not impatient.done():
        await asyncio.sleep(0)
        impatient.cancel()
    assert (await patient).resolve(MESSAGE).owner == owner()


def shelf_of(capacity: int) -> Shelf[str, str]:
    return Shelf(lambda _connection, _key: None, capacity, lambda value: len(value or ""))


def test_shelf_forgets_what_was_used_least_recently() -> None:
    shelf = shelf_of(6)
    for name in ("a", "b", "c"):
        shelf.keep(name, "xx", 1)
    shelf.find(["a"])
    shelf.keep("d", "xx", 1)
    assert [name for name in "abcd" if shelf.find([name]) is not None] == ["a", "c", "d"]


def test_shelf_never_holds_more_than_its_capacity() -> None:
    shelf = shelf_of(5)
    shelf.keep("large", "x" * 6, 1)
    assert shelf.find(["large"]) is None
    assert shelf.weight == 0


def test_row_read_before_a_newer_one_was_forgotten_is_not_taken_in() -> None:
    shelf = shelf_of(2)
    shelf.replace("a", "n2", 2)
    # Pushes out the row that commit 2 wrote.
    shelf.keep("b", "xx", 2)
    shelf.keep("a", "o1", 1)
    assert shelf.find(["a"]) is None
    shelf.keep("a", "n2", 2)
    assert shelf.find(["a"]) == {"a": "n2"}


def test_row_read_before_it_was_changed_unseen_is_not_taken_in() -> None:
    shelf = shelf_of(10)
    shelf.drop("a", 5)
    shelf.keep("a", "old", 4)
    assert shelf.find(["a"]) is None


def test_row_in_doubt_is_neither_given_nor_taken_in() -> None:
    shelf = shelf_of(10)
    shelf.keep("a", "old", 1)
    shelf.doubt("a", 2)
    assert shelf.find(["a"]) is None
    shelf.keep("a", "old", 1)
    assert shelf.find(["a"]) is None
    shelf.replace("a", "new", 2)
    assert shelf.find(["a"]) == {"a": "new"}
