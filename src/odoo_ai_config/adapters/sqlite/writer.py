"""
The one thread that writes, and how it puts many writes into one durable transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Generic, TypeAlias, TypeVar

from attrs import field, frozen

from odoo_ai_config.adapters.sqlite.connection import (
    DatabaseFile,
    FileConnection,
    sequence,
    store_failures,
)
from odoo_ai_config.adapters.sqlite.current_rows import CurrentRows, Effect
from odoo_ai_config.application.errors import ApplicationError, StoreUnavailableError
from odoo_ai_config.domain.errors import DomainError
from odoo_ai_config.domain.mapping import ChannelMapping

T = TypeVar("T")

_CACHE_KIB: Final = 16 * 1024
# What one write may end with while the others go on: a refusal, or a value that SQLite cannot
# hold (a lone surrogate, an integer beyond 64 bits).
_REFUSALS: Final = (DomainError, ApplicationError, ValueError, OverflowError)


@frozen(eq=False)
class Transaction:
    """
    The transaction that writes are part of, and what is to be known of it after the commit.

    Args:
        changes: Lines of the change log: what, key, version, time.
        mappings: New states of channels.
        effects: New states of rows.
    """

    connection: sqlite3.Connection
    changes: list[tuple[str, str, int, int]] = field(factory=list)
    mappings: list[ChannelMapping] = field(factory=list)
    effects: list[Effect] = field(factory=list)


Write: TypeAlias = Callable[[Transaction], T]


@frozen(eq=False)
class Job(Generic[T]):
    """
    A write, and whoever waits for it.
    """

    write: Write[T]
    waiter: asyncio.Future[T]


@frozen(eq=False)
class Answer:
    """
    What becomes of a waiter.
    """

    waiter: asyncio.Future[Any]
    result: object = None
    error: Exception | None = None

    def give(self) -> None:
        """
        Let the waiter go on, unless it has given up; runs on its event loop.
        """
        if self.waiter.done():
            return
        if self.error is None:
            self.waiter.set_result(self.result)
        else:
            self.waiter.set_exception(self.error)


class GroupWriter:
    """
    Commits everything that was handed in meanwhile at the price of one commit.

    A commit waits for the disk, and a transaction of fifty changesets waits no longer than
    that of one. Writes that are handed in during one turn of the event loop go together;
    those that come while a transaction is under way go into the next. Each has a savepoint
    of its own, so that a refused one leaves no trace and disturbs no other.

    To be used from one event loop at a time.
    """

    def __init__(self, file: DatabaseFile, rows: CurrentRows, *, busy_timeout: float) -> None:
        self._rows = rows
        self._connection = FileConnection(file, busy_timeout=busy_timeout, cache_kib=_CACHE_KIB)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._gathered: list[Job[Any]] = []
        self._gathering_on: asyncio.AbstractEventLoop | None = None
        self._queue: deque[Job[Any]] = deque()
        self._closed = False

    def open(self) -> None:
        """
        Connect now, so that a file that cannot be used is told at the start.
        """
        self._thread.submit(self._connection.get).result()

    def close(self) -> None:
        """
        Commit what was handed in, disconnect, and end the thread.
        """
        self._hand_over()
        self._closed = True
        self._thread.submit(self._connection.close)
        self._thread.shutdown()

    async def write(self, write: Write[T]) -> T:
        """
        Run *write* in a transaction and return its result once that is durable.

        If the caller is cancelled, the write is done all the same.

        Raises:
            StoreUnavailableError: Nothing is known to be written.
        """
        if self._closed:
            raise StoreUnavailableError
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        if self._gathering_on is not loop:
            self._gathering_on = loop
            loop.call_soon(self._hand_over)
        self._gathered.append(Job(write, waiter))
        return await waiter

    def _hand_over(self) -> None:
        gathered, self._gathered = self._gathered, []
        self._gathering_on = None
        if gathered:
            self._queue.extend(gathered)
            self._thread.submit(self._write_queued)

    def _write_queued(self) -> None:
        jobs: list[Job[Any]] = []
        # An earlier turn may have taken them along already.
        while self._queue:
            jobs.append(self._queue.popleft())
        if jobs:
            self._answer_all(jobs)

    def _answer_all(self, jobs: list[Job[Any]]) -> None:
        answers: list[Answer] = []
        cause: BaseException | None = None
        try:
            with store_failures():
                answers = self._write_together(jobs)
        except StoreUnavailableError as error:
            cause = error.__cause__
        finally:
            # Also after an error that nobody foresaw: nobody may wait forever.
            if not answers:
                self._connection.drop()
                self._rows.failed()
                answers = [Answer(job.waiter, error=_unavailable(cause)) for job in jobs]
            _give(answers)

    def _write_together(self, jobs: list[Job[Any]]) -> list[Answer]:
        connection = self._connection.get()
        connection.execute("BEGIN IMMEDIATE")
        before = sequence(connection)
        self._rows.noticed(before)
        transaction = Transaction(connection)
        answers, changed = [], False
        for job in jobs:
            untouched = connection.total_changes
            answer = _attempt(transaction, job)
            answers.append(answer)
            changed |= answer.error is None and connection.total_changes > untouched
        if not changed:
            connection.execute("ROLLBACK")
            return answers
        seq = _log(transaction, before)
        self._rows.announce(seq, transaction.effects)
        connection.execute("COMMIT")
        self._rows.committed(seq, transaction.effects, transaction.mappings)
        return answers


def _attempt(transaction: Transaction, job: Job[Any]) -> Answer:
    connection = transaction.connection
    notes: list[list[Any]] = [transaction.changes, transaction.mappings, transaction.effects]
    marks = [len(note) for note in notes]
    connection.execute("SAVEPOINT job")
    try:
        result = job.write(transaction)
    except _REFUSALS as refusal:
        connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        for note, mark in zip(notes, marks, strict=True):
            del note[mark:]
        return Answer(job.waiter, error=refusal)
    connection.execute("RELEASE job")
    return Answer(job.waiter, result)


def _log(transaction: Transaction, before: int) -> int:
    # A commit without a line in the log takes a number all the same: caches go by it.
    rows = [(before + n, *change) for n, change in enumerate(transaction.changes, start=1)]
    seq = before + max(len(rows), 1)
    transaction.connection.executemany("INSERT INTO changes VALUES (?, ?, ?, ?, ?)", rows)
    transaction.connection.execute("UPDATE sequence SET value = ?", (seq,))
    return seq


def _give(answers: Iterable[Answer]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_loop[answer.waiter.get_loop()].append(answer)
    for loop, group in by_loop.items():
        # A loop that was closed meanwhile has nobody waiting.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_give_all, group)


def _give_all(answers: list[Answer]) -> None:
    for answer in answers:
        answer.give()


def _unavailable(cause: BaseException | None) -> StoreUnavailableError:
    # One for each waiter: a traceback grows with every task that an exception passes through.
    error = StoreUnavailableError()
    error.__cause__ = cause
    return error
