from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from odoo_ai_config.adapters.sqlite.database import SqliteDatabase, open_sqlite
from odoo_ai_config.adapters.sqlite.writer import Transaction
from odoo_ai_config.application.errors import RequestRecordedError, StoreUnavailableError
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.errors import RevisionConflictError
from tests.contract.samples import AT, everything, key, request_record, revision
from tests.contract.snapshot import snapshot_of
from tests.contract.sqlite_stores import stores_over
from tests.contract.stores import Stores


@pytest.fixture
def statements(database: SqliteDatabase) -> list[str]:
    """
    The statements of the writer's connection.
    """
    executed: list[str] = []
    database._writer._connection.get().set_trace_callback(executed.append)
    return executed


def document(number: int, version: int = 1) -> Changeset:
    return Changeset(revisions=(revision(key(f"t{number}"), version),))


async def test_commits_at_one_time_share_a_transaction(
    stores: Stores, statements: list[str]
) -> None:
    await asyncio.gather(*(stores.config.commit(document(n)) for n in range(50)))
    assert statements.count("COMMIT") == 1
    assert len(await stores.config.tenants()) == 50


async def test_commits_during_a_transaction_share_the_next(
    stores: Stores, database: SqliteDatabase, statements: list[str]
) -> None:
    # The first commit waits until all others are submitted.
    loop = asyncio.get_running_loop()
    begun, handed_in = asyncio.Event(), asyncio.Event()

    def hold_up(transaction: Transaction) -> None:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(handed_in.wait(), loop).result()
        transaction.connection.execute("UPDATE sequence SET value = value")

    first = asyncio.create_task(database.write(hold_up))
    await begun.wait()
    others = []
    for number in range(10):
        others.append(asyncio.create_task(stores.config.commit(document(number))))
        # Each in its own loop iteration.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    handed_in.set()
    await asyncio.gather(first, *others)
    assert statements.count("COMMIT") == 2


async def test_refused_commit_disturbs_no_other_in_its_transaction(
    stores: Stores, statements: list[str]
) -> None:
    await stores.config.commit(document(0))
    await stores.config.commit(Changeset(idempotency_record=request_record("known")))
    statements.clear()
    half_wrong = Changeset(revisions=(revision(key("t1")), revision(key("t0"), 3)))
    repeated = Changeset(
        revisions=(revision(key("t2")),), idempotency_record=request_record("known")
    )
    surrogate = Revision(key("t3"), 1, Document('{"a":"\ud800"}'), AT, AT, "writer")
    outcomes = await asyncio.gather(
        stores.config.commit(document(10)),
        stores.config.commit(half_wrong),
        stores.config.commit(repeated),
        stores.config.commit(Changeset(revisions=(surrogate,))),
        stores.config.commit(document(11)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        RevisionConflictError,
        RequestRecordedError,
        UnicodeEncodeError,
        type(None),
    ]
    assert statements.count("COMMIT") == 1
    assert [str(tenant) for tenant in await stores.config.tenants()] == ["t0", "t10", "t11"]
    # The refused ones can be written once they are corrected.
    await asyncio.gather(*(stores.config.commit(document(n)) for n in (1, 2, 3)))


async def test_refusal_that_wrote_nothing_makes_no_other_run_again(
    stores: Stores, statements: list[str]
) -> None:
    outcomes = await asyncio.gather(
        stores.config.commit(document(1)),
        stores.config.commit(document(2, version=2)),
        stores.config.commit(document(3)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        RevisionConflictError,
        type(None),
    ]
    assert statements.count("BEGIN IMMEDIATE") == 1
    assert "SAVEPOINT job" not in statements


async def test_transaction_of_refusals_only_is_not_committed(
    stores: Stores, statements: list[str]
) -> None:
    with pytest.raises(RevisionConflictError):
        await stores.config.commit(document(1, version=2))
    assert statements.count("COMMIT") == 0
    assert statements.count("ROLLBACK") == 1


async def test_failed_transaction_fails_all_who_share_it(
    stores: Stores, database: SqliteDatabase
) -> None:
    await stores.config.commit(everything())
    before = await snapshot_of(stores, everything())

    def deny(action: int, operation: str | None, *_: object) -> int:
        commits = action == sqlite3.SQLITE_TRANSACTION and operation == "COMMIT"
        return sqlite3.SQLITE_DENY if commits else sqlite3.SQLITE_OK

    database._writer._connection.get().set_authorizer(deny)
    following = Changeset(revisions=(revision(version=2),))
    outcomes = await asyncio.gather(
        stores.config.commit(following),
        stores.config.commit(document(1)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailableError] * 2
    assert await snapshot_of(stores, everything(), document(1)) == before
    await stores.config.commit(following)
    assert await stores.config.current([key()]) == {key(): revision(version=2)}


async def test_unexpected_error_fails_its_transaction_and_no_later_one(
    stores: Stores, database: SqliteDatabase
) -> None:
    def break_down(_transaction: Transaction) -> None:
        raise LookupError

    outcomes = await asyncio.gather(
        stores.config.commit(document(1)), database.write(break_down), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailableError] * 2
    await stores.config.commit(document(1))


async def test_commit_of_a_cancelled_caller_is_made_and_disturbs_no_other(
    stores: Stores,
) -> None:
    tasks = [asyncio.create_task(stores.config.commit(document(n))) for n in range(10)]
    # Submitted, but not yet answered.
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [
        asyncio.CancelledError,
        type(None),
    ] * 5
    assert len(await stores.config.tenants()) == 10


async def test_close_commits_what_was_handed_in_and_answers_it(path: Path) -> None:
    with open_sqlite(path) as database:
        stores = stores_over(database)
        tasks = [asyncio.create_task(stores.config.commit(document(n))) for n in range(10)]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    with open_sqlite(path) as database:
        assert len(await stores_over(database).config.tenants()) == 10


async def test_closed_database_is_unavailable(path: Path) -> None:
    with open_sqlite(path) as database:
        stores = stores_over(database)
    with pytest.raises(StoreUnavailableError):
        await stores.config.commit(document(1))
    with pytest.raises(StoreUnavailableError):
        await stores.config.current([key()])


def test_database_may_move_on_to_another_event_loop(path: Path) -> None:
    with open_sqlite(path) as database:
        stores = stores_over(database)
        for number in range(3):
            asyncio.run(stores.config.commit(document(number)))
            assert len(asyncio.run(stores.config.tenants())) == number + 1
