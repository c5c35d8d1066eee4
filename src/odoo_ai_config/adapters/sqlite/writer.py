"""
The one thread that writes, and how it puts many writes into one durable transaction.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, Final, TypeAlias, TypeVar

from attrs import field, frozen

from odoo_ai_config.adapters.sqlite.cache import Lookup, RowCache
from odoo_ai_config.adapters.sqlite.connection import (
    DatabaseFile,
    FileConnection,
    begin_writing,
    change_number,
    store_failures,
)
from odoo_ai_config.adapters.sqlite.jobs import Batcher, Job, run_batch
from odoo_ai_config.adapters.sqlite.schema import require_known
from odoo_ai_config.domain.channels.mapping import MappingRevision
from odoo_ai_config.domain.errors import CodedError

T = TypeVar("T")
# What changed: a kind of thing, its key, version, time and author, whether it was deleted, and the
# reason and request id. The audit trail is made from it.
ChangeLine: TypeAlias = tuple[str, str, int, int, str, bool, str | None, str | None]

_INSERT_CHANGE: Final = "INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_CACHE_KIB: Final = 16 * 1024
# How long a commit shows that there can be another.
_PROOF_SECONDS: Final = 1.0
# More than an event of one mebibyte writes, with its YAML and everything beside it.
_AS_MUCH_AS_AN_EVENT: Final = 4 * 1024 * 1024
# Errors that concern one write only: a refusal, or a value that SQLite cannot hold (a lone
# surrogate, an integer beyond 64 bits).
_REFUSALS: Final = (CodedError, ValueError, OverflowError)


@frozen(eq=False)
class Transaction:
    """
    The transaction of several writes, with what they changed.

    A write notes its changes once it has made them, and cannot be refused after that.

    Args:
        changes: Lines of the change log.
        mappings: New states of channels.
        updates: New rows of kinds that are cached. Without any, other processes need not hear of
            the commit, which may be a received message for instance.
    """

    connection: sqlite3.Connection
    changes: list[ChangeLine] = field(factory=list)
    mappings: list[MappingRevision] = field(factory=list)
    updates: dict[tuple[Lookup[Any, Any], Hashable], object] = field(factory=dict)


Write: TypeAlias = Callable[[Transaction], T]


class GroupWriter:
    """
    Commits everything that was handed in meanwhile at the price of one commit.

    A commit waits for the disk, and a transaction of fifty changesets waits no longer than
    that of one. Writes that are handed in during one turn of the event loop go together;
    those that come while a transaction is under way go into the next. A refused one leaves
    nothing behind and does not disturb the others, which at most run again after a rollback.

    Each long write has a transaction of its own, after everything else that is there by then:
    no write waits for more than one long one.
    """

    def __init__(self, file: DatabaseFile, cache: RowCache, *, busy_timeout: float) -> None:
        self._file = file
        self._cache = cache
        self._busy_timeout = busy_timeout
        self._proven_until = 0.0
        # Whether the last transaction failed.
        self._failing = False
        self._connection = FileConnection(
            file, busy_timeout=busy_timeout, patient=False, cache_kib=_CACHE_KIB
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._batcher: Batcher[Transaction] = Batcher(self._take_over)
        self._queue: deque[Job[Transaction]] = deque()
        self._long_batcher: Batcher[Transaction] = Batcher(self._take_over_long)
        self._long_queue: deque[Job[Transaction]] = deque()

    def open(self) -> None:
        """
        Connect now, so that a file that cannot be used is reported at the start.
        """
        self._thread.submit(self._connection.get).result()

    def close(self) -> None:
        """
        Commit what was handed in, disconnect, and end the thread.
        """
        self._batcher.close()
        self._long_batcher.close()
        self._thread.submit(self._connection.close)
        self._thread.shutdown()

    async def write(self, write: Write[T], *, long: bool = False) -> T:
        """
        Run *write* in a transaction and return its result once that is durable.

        A *long* one takes milliseconds, and others go first.
        """
        return await (self._long_batcher if long else self._batcher).do(write)

    async def pause_for(self, work: Callable[[], T]) -> T:
        """
        Run *work*, which changes the file by a connection of its own, while nothing is written.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def prove(self) -> None:
        """
        Return if something was committed recently, or can be committed now.

        Frequent calls cost a busy hub next to nothing, and an idle one a commit a second. After a
        failed write it takes a commit of 4 MiB, or a write that succeeds meanwhile: the disk may
        have room for one page and not for what clients send.
        """
        if monotonic() < self._proven_until:
            # A transaction begins for it.
            await self.write(_write_nothing)
            self._file.require_log()
        elif self._failing:
            # By itself, so that no write fails that there is room for.
            await self.write(_write_as_much_as_an_event, long=True)
        else:
            await self.write(_rewrite)

    def _take_over(self, jobs: list[Job[Transaction]]) -> None:
        self._queue.extend(jobs)
        self._thread.submit(self._write_queued)

    def _take_over_long(self, jobs: list[Job[Transaction]]) -> None:
        self._long_queue.extend(jobs)
        for _ in jobs:
            self._thread.submit(self._write_long)

    def _write_queued(self) -> None:
        jobs: list[Job[Transaction]] = []
        # Those of an earlier turn may have gone along with the transaction before.
        while self._queue:
            jobs.append(self._queue.popleft())
        if jobs:
            run_batch(jobs, self._write_together)

    def _write_long(self) -> None:
        try:
            self._write_queued()
        finally:
            # Even if the others failed: each call runs exactly one long job.
            run_batch([self._long_queue.popleft()], self._write_together)

    def _write_together(self, jobs: list[Job[Transaction]]) -> None:
        finished = False
        try:
            with store_failures():
                self._write_in(self._connection.get(), jobs)
            finished = True
        finally:
            if not finished:
                self._proven_until = 0.0
                self._failing = True
                self._connection.drop()
                self._cache.failed()

    def _write_in(
        self, connection: sqlite3.Connection, jobs: list[Job[Transaction]], *, apart: bool = False
    ) -> None:
        # Most refusals come before anything is written. With a savepoint for each job, a message
        # would cost the writer twice as much, so only after another refusal everything runs
        # again with them.
        begin_writing(connection, self._busy_timeout)
        require_known(connection)
        before = change_number(connection)
        self._cache.observe(before)
        transaction = Transaction(connection)
        changed = False
        for job in jobs:
            untouched = connection.total_changes
            if apart:
                _run_apart(transaction, job)
            else:
                job.run(transaction, *_REFUSALS)
            if connection.total_changes > untouched:
                if job.error is None:
                    changed = True
                elif not apart:
                    connection.execute("ROLLBACK")
                    self._write_in(connection, jobs, apart=True)
                    return
        if not changed:
            connection.execute("ROLLBACK")
        elif transaction.updates:
            self._cache.announce(_log(transaction, before), transaction.updates)
            self._commit(connection)
            self._cache.committed(transaction.mappings)
        else:
            self._commit(connection)

    def _commit(self, connection: sqlite3.Connection) -> None:
        connection.execute("COMMIT")
        # After the commit, so that nothing is acknowledged that went into a log without a name.
        self._file.require_log()
        self._proven_until = monotonic() + _PROOF_SECONDS
        self._failing = False


def _write_nothing(_transaction: Transaction) -> None:
    pass


def _rewrite(transaction: Transaction) -> None:
    # A page goes to the disk with its old content. Two updates, because SQLite does not write a
    # page that stays as it is.
    transaction.connection.execute("UPDATE sequence SET value = value + 1")
    transaction.connection.execute("UPDATE sequence SET value = value - 1")


def _write_as_much_as_an_event(transaction: Transaction) -> None:
    # The pages go to the log although they end up empty; the file keeps them free for the next
    # writes.
    text = "x" * _AS_MUCH_AS_AN_EVENT
    transaction.connection.execute(
        "INSERT INTO changes VALUES (-1, ?, '', 0, 0, '', 0, NULL, NULL)", (text,)
    )
    transaction.connection.execute("DELETE FROM changes WHERE seq = -1")


def _run_apart(transaction: Transaction, job: Job[Transaction]) -> None:
    connection = transaction.connection
    connection.execute("SAVEPOINT job")
    job.run(transaction, *_REFUSALS)
    if job.error is not None:
        connection.execute("ROLLBACK TO job")
    connection.execute("RELEASE job")


def _log(transaction: Transaction, before: int) -> int:
    # A commit without a line in the change log takes a number too: caches depend on it.
    rows = [(before + n, *change) for n, change in enumerate(transaction.changes, start=1)]
    number = before + max(len(rows), 1)
    transaction.connection.executemany(_INSERT_CHANGE, rows)
    transaction.connection.execute("UPDATE sequence SET value = ?", (number,))
    return number
