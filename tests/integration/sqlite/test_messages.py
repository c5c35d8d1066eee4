from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from odoo_ai_config.adapters.sqlite import schema
from odoo_ai_config.adapters.sqlite.database import SqliteDatabase, open_sqlite
from odoo_ai_config.adapters.sqlite.lookups import find_revision
from odoo_ai_config.adapters.sqlite.message_rows import MESSAGE_COLUMNS, message_row
from odoo_ai_config.application.ports.message_inbox import ClaimLimits
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import InboxMessage
from tests.contract.samples import (
    AT,
    DAY,
    answer_to,
    everything,
    fingerprint,
    key,
    message,
    revision,
    secret,
    text_of,
)
from tests.contract.sqlite_stores import stores_over
from tests.contract.stores import Stores

MANY = 1500
PLENTY = ClaimLimits(total=10, per_tenant=10, in_hand={})


async def test_messages_of_another_process_keep_the_configuration_in_the_cache(
    path: Path, database: SqliteDatabase, stores: Stores
) -> None:
    await stores.config.commit(everything())
    known = database.cache.known
    with open_sqlite(path) as elsewhere:
        other = stores_over(elsewhere)
        new = message("message-1", "another")
        await other.config.commit(Changeset(messages=(new,), secrets=(text_of(new),)))
        for taken in await other.inbox.claim(PLENTY, now=AT, until=AT + DAY):
            answered = taken.answered(fingerprint(2), at=AT)
            await other.config.commit(
                Changeset(messages=(answered,), secrets=(answer_to(answered),))
            )
            await other.config.commit(Changeset(messages=(answered.done(at=AT),)))
        assert await other.inbox.prune(before=AT + DAY) == 2
        assert await stores.config.current([key()]) == {key(): revision()}
    assert database.cache.known == known
    assert database.cache.find(find_revision, [key()]) == {key(): revision()}


async def test_message_that_comes_with_something_else_is_heard_of(
    path: Path, stores: Stores
) -> None:
    await stores.config.commit(everything())
    with open_sqlite(path) as elsewhere:
        await stores_over(elsewhere).config.commit(
            Changeset(messages=(message(),), revisions=(revision(version=2),))
        )
    assert await stores.config.current([key()]) == {key(): revision(version=2)}


async def steps_of(database: SqliteDatabase, work: Callable[[], Awaitable[object]]) -> int:
    """
    The number of SQLite's virtual machine instructions for *work*.
    """
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    connections = [idle.get() for idle in database._reader._idle]
    connections.append(database._writer._connection.get())
    for connection in connections:
        connection.set_progress_handler(count, 1)
    await work()
    for connection in connections:
        connection.set_progress_handler(None, 0)
    return steps


def waiting_alone(number: int) -> InboxMessage:
    return message(f"message-{number}", f"alone-{number}", minute=number)


def waiting_in_line(number: int) -> InboxMessage:
    return message(f"message-{number}", "busy", minute=number)


def put_off(number: int) -> InboxMessage:
    return message(f"message-{number}", f"alone-{number}", minute=100_000)


@pytest.mark.parametrize("waiting", [waiting_alone, waiting_in_line, put_off])
async def test_nothing_costs_more_the_more_messages_wait(
    database: SqliteDatabase, stores: Stores, waiting: Callable[[int], InboxMessage]
) -> None:
    async def put(*messages: InboxMessage) -> None:
        await stores.config.commit(Changeset(messages=messages))

    async def costs(name: str) -> list[int]:
        new = message(f"message-{name}", "busy", minute=-1)
        hands: list[InboxMessage] = []

        async def claim() -> None:
            claim_limits = ClaimLimits(3, 3, {TenantId("busy"): 3})
            hands.extend(await stores.inbox.claim(claim_limits, now=AT + DAY, until=AT + 2 * DAY))

        cost = [
            await steps_of(database, lambda: put(new)),
            await steps_of(database, claim),
            await steps_of(database, stores.inbox.next_due),
            await steps_of(database, lambda: stores.inbox.page({new.stage}, limit=3)),
        ]
        cost.append(await steps_of(database, lambda: put(*(one.done(at=AT) for one in hands))))
        return cost

    for number in range(10):
        await put(waiting(number))
    few = await costs("first")
    await put(*(waiting(number) for number in range(10, MANY)))
    many = await costs("second")
    assert all(after <= 1.3 * before for before, after in zip(few, many, strict=True))


async def test_pruning_of_credentials_does_not_walk_through_the_texts_of_messages(
    database: SqliteDatabase, stores: Stores
) -> None:
    async def put(*messages: InboxMessage) -> None:
        texts = tuple(map(text_of, messages))
        await stores.config.commit(Changeset(messages=messages, secrets=texts))

    async def prune() -> int:
        return await steps_of(
            database, lambda: stores.config.prune(RetentionPolicy(), now=AT + DAY)
        )

    await stores.config.commit(everything())
    await put(*(waiting_alone(number) for number in range(10)))
    few = await prune()
    await put(*(waiting_alone(number) for number in range(10, MANY)))
    assert await prune() <= 1.3 * few


# The third version was the first with messages.
@pytest.mark.parametrize("version", range(3, len(schema._MIGRATIONS)))
async def test_message_of_an_earlier_version_has_the_defaults_of_later_columns(
    path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "_MIGRATIONS", schema._MIGRATIONS[:version])
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            schema.migrate(connection)
            known = connection.execute("SELECT name FROM pragma_table_info('messages')")
            columns = {name for (name,) in known}
            names = f"{MESSAGE_COLUMNS}, lane".split(", ")
            today = dict(zip(names, message_row(message()), strict=True))
            then = {name: value for name, value in today.items() if name in columns}
            then |= {"number": 1, "head": 1}
            connection.execute(
                f"INSERT INTO messages ({', '.join(then)}) VALUES ({', '.join('?' * len(then))})",
                [*then.values()],
            )
    with open_sqlite(path) as database:
        inbox = stores_over(database).inbox
        assert await inbox.find(message().id) == message()
        assert await inbox.claim(ClaimLimits(1, 1, {}), now=AT, until=AT + DAY) == [
            message().taken(until=AT + DAY)
        ]


async def test_file_of_an_earlier_version_keeps_its_sealed_values(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "_MIGRATIONS", schema._MIGRATIONS[:1])
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            schema.migrate(connection)
            connection.execute(
                "INSERT INTO secrets VALUES (?, ?, ?, ?, ?, ?, ?)",
                ("acme", "default", "odoo", "credential", f"{1:032x}", "k1", b"\x00sealed\xff"),
            )
    with open_sqlite(path) as database:
        stores = stores_over(database)
        assert await stores.secrets.sealed(secret().context, secret().fingerprint) == secret()
        await stores.config.commit(Changeset(messages=(message(),)))
        assert await stores.inbox.find(message().id) == message()
