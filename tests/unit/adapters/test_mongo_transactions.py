"""
Transactions in MongoDB, with a driver that fails as it is told and a clock that jumps.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pymongo.errors import (
    AutoReconnect,
    InvalidOperation,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from odoo_ai_config.adapters.mongo.database import CALL_SECONDS, MongoDatabase
from odoo_ai_config.adapters.mongo.deadlines import within
from odoo_ai_config.adapters.mongo.transaction import in_transaction
from odoo_ai_config.application.errors import ContentionError
from tests.jumping_loop import run_without_waiting

TRANSIENT = "TransientTransactionError"
UNKNOWN = "UnknownTransactionCommitResult"
RETRYABLE = "RetryableWriteError"
OVERLOADED = "SystemOverloadedError"


def labelled(error: PyMongoError, *labels: str) -> PyMongoError:
    for label in labels:
        error._add_error_label(label)
    return error


class FailingSession:
    """
    A session whose writes and commits fail while *until* is ahead, each time with a new error.
    """

    def __init__(
        self,
        *,
        write: Callable[[], PyMongoError] | None = None,
        commit: Callable[[], PyMongoError] | None = None,
        until: float = float("inf"),
    ) -> None:
        self._write = write
        self._commit = commit
        self._until = until
        self.begun = self.written = self.commits = self.aborted = 0
        self.ended = self.in_transaction = False

    async def _fail(self, error: Callable[[], PyMongoError] | None) -> None:
        if error is not None and asyncio.get_running_loop().time() < self._until:
            raise error()

    async def start_transaction(self, **_options: object) -> None:
        if self.in_transaction:
            raise InvalidOperation("Transaction already in progress")
        self.in_transaction = True
        self.begun += 1

    async def write(self) -> str:
        await self._fail(self._write)
        self.written += 1
        return "written"

    async def commit_transaction(self) -> None:
        self.commits += 1
        # As the drivers do it: a commit that fails can be repeated, or another transaction begun.
        self.in_transaction = False
        await self._fail(self._commit)

    async def abort_transaction(self) -> None:
        self.aborted += 1
        self.in_transaction = False

    async def end_session(self) -> None:
        self.ended = True


def failing(place: str, error: Callable[[], PyMongoError]) -> FailingSession:
    return FailingSession(write=error) if place == "write" else FailingSession(commit=error)


async def transacted(session: FailingSession) -> str:
    client = SimpleNamespace(start_session=lambda **_options: session)
    database = cast("MongoDatabase", SimpleNamespace(client=client, call_seconds=CALL_SECONDS))

    async def work(_session: Any) -> str:
        return await session.write()

    return await in_transaction(database, work)


def transient() -> PyMongoError:
    return labelled(OperationFailure("", 246), TRANSIENT)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(lambda: labelled(OperationFailure("", 246), TRANSIENT), id="snapshot"),
        pytest.param(lambda: labelled(OperationFailure("", 112), TRANSIENT), id="collision"),
        pytest.param(lambda: labelled(OperationFailure("", 11602), RETRYABLE), id="stepped_down"),
        pytest.param(lambda: labelled(OperationFailure("", 462), OVERLOADED), id="overloaded"),
        pytest.param(lambda: labelled(AutoReconnect(""), TRANSIENT), id="connection_closed"),
    ],
)
def test_labels_for_twelve_seconds_end_in_success(error: Callable[[], PyMongoError]) -> None:
    session = FailingSession(write=error, until=12.0)
    assert run_without_waiting(transacted(session)) == "written"
    # Backoff: no hundreds of attempts against a server that struggles.
    assert 24 <= session.begun <= 200
    assert session.aborted == session.begun - 1
    assert session.written == session.commits == 1
    assert session.ended


@pytest.mark.parametrize("code", [64, 50, 91, 11602])
def test_unknown_result_for_twelve_seconds_repeats_the_commit_only(code: int) -> None:
    session = FailingSession(
        commit=lambda: labelled(OperationFailure("", code), UNKNOWN, RETRYABLE), until=12.0
    )
    assert run_without_waiting(transacted(session)) == "written"
    assert (session.begun, session.written, session.aborted) == (1, 1, 0)
    assert 24 <= session.commits <= 200


def test_commit_that_the_server_has_forgotten_restarts_the_transaction() -> None:
    session = FailingSession(commit=transient, until=0.01)
    assert run_without_waiting(transacted(session)) == "written"
    assert session.begun == session.written == session.commits > 1


@pytest.mark.parametrize(
    "silence", [ServerSelectionTimeoutError, NetworkTimeout], ids=lambda cls: cls.__name__
)
@pytest.mark.parametrize("place", ["write", "commit"])
def test_server_that_does_not_answer_is_asked_once(
    silence: type[PyMongoError], place: str
) -> None:
    labels = (TRANSIENT, RETRYABLE) if place == "write" else (UNKNOWN, RETRYABLE)
    session = failing(place, lambda: labelled(silence(""), *labels))
    with pytest.raises(silence):
        run_without_waiting(transacted(session))
    assert session.begun == 1
    assert session.ended


@pytest.mark.parametrize(("code", "told"), [(246, OperationFailure), (112, ContentionError)])
def test_transaction_whose_abort_is_not_answered_is_the_last_one(
    code: int, told: type[Exception]
) -> None:
    class Unanswered(FailingSession):
        async def abort_transaction(self) -> None:
            await asyncio.Event().wait()

    session = Unanswered(write=lambda: labelled(OperationFailure("", code), TRANSIENT))
    with pytest.raises(told):
        run_without_waiting(transacted(session))
    assert session.begun == 1
    assert session.ended


def test_labels_without_end_end_as_the_last_error() -> None:
    session = FailingSession(write=transient)
    with pytest.raises(OperationFailure):
        run_without_waiting(transacted(session))
    assert session.begun == session.aborted > 24


def test_collisions_without_end_are_contention() -> None:
    session = FailingSession(write=lambda: OperationFailure("", 112))
    with pytest.raises(ContentionError):
        run_without_waiting(transacted(session))


@pytest.mark.parametrize("place", ["write", "commit"])
def test_caller_that_gives_up_ends_the_attempts(
    place: str, caplog: pytest.LogCaptureFixture
) -> None:
    error = transient if place == "write" else lambda: labelled(OperationFailure("", 64), UNKNOWN)
    session = failing(place, error)

    async def impatient() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(4):
                await transacted(session)
        return asyncio.get_running_loop().time()

    assert run_without_waiting(impatient()) == pytest.approx(4, abs=0.01)
    assert session.ended
    # asyncio tells of an error that nobody asks for when its task is removed.
    gc.collect()
    assert caplog.records == []


def test_error_without_a_label_is_not_repeated() -> None:
    session = FailingSession(write=lambda: OperationFailure("", 2))
    with pytest.raises(OperationFailure):
        run_without_waiting(transacted(session))
    assert session.begun == 1


def test_server_that_is_frozen_costs_one_deadline_and_the_end_of_the_session() -> None:
    class Frozen(FailingSession):
        async def write(self) -> str:
            return await within(CALL_SECONDS, asyncio.Event().wait)  # type: ignore[arg-type]

        async def abort_transaction(self) -> None:
            await asyncio.Event().wait()

        async def end_session(self) -> None:
            await asyncio.Event().wait()

    async def refused_at() -> float:
        with pytest.raises(NetworkTimeout):
            await transacted(Frozen())
        return asyncio.get_running_loop().time()

    assert run_without_waiting(refused_at()) == pytest.approx(3.4)
