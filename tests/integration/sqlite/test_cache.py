from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from pathlib import Path

import pytest
from attrs import evolve

from odoo_ai_config.adapters.sqlite.cache import UNKNOWN_ROW, RowCache
from odoo_ai_config.adapters.sqlite.database import SqliteDatabase, open_sqlite
from odoo_ai_config.adapters.sqlite.lookups import find_revision
from odoo_ai_config.adapters.sqlite.row_layout import Row
from odoo_ai_config.adapters.sqlite.rows import REVISIONS
from odoo_ai_config.application.errors import RequestRecordedError, StoreUnavailableError
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId
from tests.contract.samples import (
    everything,
    key,
    mapping,
    owner,
    request_record,
    revision,
    tenant_key,
)
from tests.contract.sqlite_stores import stores_over
from tests.contract.stores import Stores

MESSAGE = IncomingMessage(ChatwootId("1"), ChatwootId("1"))


@pytest.fixture
def readings(database: SqliteDatabase) -> list[str]:
    """
    The statements of the readers' connections.
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
    # A push of a collection looks for the rest of an earlier one.
    readings.clear()
    await stores.config.current([key()])
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
    cache = database.cache
    cache._capacity = 10_000
    for number in range(50):
        await stores.config.current([key(f"unknown{number}")])
    assert 0 < len(cache._rows) < 10


async def test_refused_commit_leaves_what_is_known(stores: Stores, readings: list[str]) -> None:
    await stores.config.commit(Changeset(revisions=(revision(),)))
    refused = Changeset(revisions=(revision(version=2),), idempotency_record=request_record())
    await stores.config.commit(Changeset(idempotency_record=request_record()))
    with pytest.raises(RequestRecordedError):
        await stores.config.commit(refused)
    assert await stores.config.current([key()]) == {key(): revision()}
    assert readings == []


async def test_lookups_at_one_time_share_a_snapshot(stores: Stores, readings: list[str]) -> None:
    await asyncio.gather(*(stores.config.current([key(f"t{n}")]) for n in range(50)))
    assert readings.count("BEGIN") == 1


async def test_lookup_that_cannot_be_made_disturbs_no_other(stores: Stores) -> None:
    outcomes = await asyncio.gather(
        stores.api_keys.api_key("\ud800"),
        stores.api_keys.api_key("unknown"),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [UnicodeEncodeError, type(None)]


async def test_slow_reader_does_not_bring_back_what_was_overwritten_meanwhile(
    monkeypatch: pytest.MonkeyPatch, stores: Stores, path: Path
) -> None:
    with open_sqlite(path) as other:
        await stores_over(other).config.commit(Changeset(revisions=(revision(),)))
    has_read, may_go_on = threading.Event(), threading.Event()

    def hesitate(row: Row) -> Revision:
        has_read.set()
        may_go_on.wait()
        return made(row)

    made = REVISIONS.of
    monkeypatch.setattr(REVISIONS, "of", hesitate)
    slow = asyncio.create_task(stores.config.current([key()]))
    await asyncio.to_thread(has_read.wait)
    await stores.config.commit(Changeset(revisions=(revision(version=2),)))
    may_go_on.set()
    assert await slow == {key(): revision()}
    assert await stores.config.current([key()]) == {key(): revision(version=2)}


async def test_no_reader_gets_a_row_of_an_unfinished_commit(
    database: SqliteDatabase, stores: Stores
) -> None:
    await stores.config.commit(Changeset(revisions=(revision(),)))
    cache = database.cache
    found: list[object] = []

    def look(statement: str) -> None:
        if statement == "COMMIT":
            found.append(cache.find(find_revision, [key()]))

    database._writer._connection.get().set_trace_callback(look)
    await stores.config.commit(Changeset(revisions=(revision(version=2),)))
    assert found == [None]
    assert cache.find(find_revision, [key()]) == {key(): revision(version=2)}


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
    database: SqliteDatabase, stores: Stores
) -> None:
    database.cache.own_commits = deque(maxlen=3)
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
    # Until the read, which takes two thread switches.
    while not impatient.done():
        await asyncio.sleep(0)
        impatient.cancel()
    assert (await patient).resolve(MESSAGE).owner == owner()


def lookup(_connection: sqlite3.Connection, _key: str) -> str | None:
    """
    A lookup whose rows the test puts into the cache itself.
    """


def cache_of(rows: int) -> RowCache:
    cache = RowCache(capacity=rows * 1024)
    cache.observe(1)
    return cache


def keep(cache: RowCache, number: int, **rows: str) -> None:
    cache.keep(lookup, rows, number)


def found(cache: RowCache, *keys: str) -> dict[str, str] | None:
    return cache.find(lookup, keys)


def commit(cache: RowCache, number: int, **rows: object) -> None:
    cache.announce(number, {(lookup, key): row for key, row in rows.items()})
    cache.committed(())


def test_row_used_least_recently_leaves_first() -> None:
    cache = cache_of(3)
    keep(cache, 1, a="1", b="1", c="1")
    found(cache, "a")
    keep(cache, 1, d="1")
    assert [name for name in "abcd" if found(cache, name) is not None] == ["a", "c", "d"]


async def test_document_weighs_as_much_as_its_text() -> None:
    cache = RowCache(capacity=2000)
    cache.observe(1)
    large = evolve(revision(), document=Document('{"text": "%s"}' % ("x" * 1000)))
    cache.keep(find_revision, {key(): large}, 1)
    assert cache.find(find_revision, [key()]) is None
    cache.keep(find_revision, {key(): revision()}, 1)
    assert cache.find(find_revision, [key()]) == {key(): revision()}


def test_row_read_before_a_commit_is_not_taken_in_after_it() -> None:
    cache = cache_of(9)
    commit(cache, 2, a="new")
    keep(cache, 1, a="old", b="old")
    assert (found(cache, "a"), found(cache, "b")) == ({"a": "new"}, None)


def test_row_that_was_changed_unseen_is_read_again() -> None:
    cache = cache_of(9)
    keep(cache, 1, a="old")
    commit(cache, 2, a=UNKNOWN_ROW)
    keep(cache, 1, a="old")
    assert found(cache, "a") is None
    keep(cache, 2, a="new")
    assert found(cache, "a") == {"a": "new"}


def test_row_of_a_commit_under_way_is_neither_given_nor_taken_in() -> None:
    cache = cache_of(9)
    keep(cache, 1, a="old", b="other")
    cache.announce(2, {(lookup, "a"): "new"})
    assert (found(cache, "a"), found(cache, "b")) == (None, {"b": "other"})
    # The database has one change number or the other.
    keep(cache, 1, a="old")
    keep(cache, 2, a="new", c="another")
    cache.observe(2)
    assert (found(cache, "a"), found(cache, "c")) == (None, {"c": "another"})
    cache.committed(())
    assert found(cache, "a", "b", "c") == {"a": "new", "b": "other", "c": "another"}


def test_commit_of_another_process_empties_the_cache() -> None:
    cache = cache_of(9)
    keep(cache, 1, a="old")
    cache.observe(2)
    assert found(cache, "a") is None
    keep(cache, 1, a="old")
    assert found(cache, "a") is None


def test_commit_of_another_process_right_behind_an_own_one_empties_the_cache() -> None:
    cache = cache_of(9)
    cache.announce(2, {(lookup, "a"): "old"})
    cache.observe(3)
    keep(cache, 3, b="new")
    cache.committed(())
    assert (found(cache, "a"), found(cache, "b")) == (None, {"b": "new"})
    assert cache.known == 3


def test_nothing_is_known_after_an_announced_commit_failed() -> None:
    cache = cache_of(9)
    keep(cache, 1, a="old")
    cache.failed()
    assert found(cache, "a") == {"a": "old"}
    cache.announce(2, {(lookup, "b"): "new"})
    cache.failed()
    keep(cache, 2, b="new")
    assert (found(cache, "a"), found(cache, "b")) == (None, None)
    cache.observe(1)
    keep(cache, 1, a="old")
    assert found(cache, "a") == {"a": "old"}
