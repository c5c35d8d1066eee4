"""
The threads that read, and the one reading that the event loop does itself.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from odoo_ai_config.adapters.sqlite.connection import (
    DatabaseFile,
    FileConnection,
    change_number,
    store_failures,
)
from odoo_ai_config.adapters.sqlite.jobs import Batcher, Job, run_batch
from odoo_ai_config.adapters.sqlite.schema import require_known, require_migrated
from odoo_ai_config.application.errors import ApplicationError, StoreUnavailableError

T = TypeVar("T")

# Two, so that short readings do not wait for a long one.
_THREADS: Final = 2
_CACHE_KIB: Final = 4 * 1024
_DETECTOR_CACHE_KIB: Final = 64


class Reader:
    """
    Reads in threads of its own, each reading in one snapshot of the database.
    """

    def __init__(self, file: DatabaseFile, *, busy_timeout: float) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sqlite-reader")
        self._idle = deque(
            FileConnection(file, busy_timeout=busy_timeout, patient=True, cache_kib=_CACHE_KIB)
            for _ in range(_THREADS)
        )
        self._batcher: Batcher[sqlite3.Connection] = Batcher(
            lambda jobs: self._threads.submit(run_batch, jobs, self._look_up_together)
        )
        self._closed = False

    def close(self) -> None:
        """
        Finish what is being read, and end the threads.
        """
        self._batcher.close()
        self._closed = True
        self._threads.shutdown()
        for connection in self._idle:
            connection.close()

    async def read(self, select: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run *select* in a snapshot.
        """
        if self._closed:
            raise StoreUnavailableError
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, select)

    async def look_up(self, select: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run *select*, which is very short, in a snapshot shared with others.
        """
        return await self._batcher.do(select)

    def _look_up_together(self, jobs: list[Job[sqlite3.Connection]]) -> None:
        def select(connection: sqlite3.Connection) -> None:
            for job in jobs:
                # A name that SQLite cannot hold, for instance a lone surrogate, is a ValueError.
                job.run(connection, ValueError)

        self._read(select)

    def _read(self, select: Callable[[sqlite3.Connection], T]) -> T:
        idle = self._idle.pop()
        finished = False
        try:
            with store_failures():
                connection = idle.get()
                connection.execute("BEGIN")
                require_known(connection)
                result = select(connection)
                connection.execute("COMMIT")
            finished = True
        finally:
            if not finished:
                idle.drop()
            self._idle.append(idle)
        return result


class Snapshot:
    """
    Reads the database as it is at one moment, for as long as it is open, in a thread of its own.

    Meanwhile the log keeps what others write.
    """

    def __init__(self, file: DatabaseFile, *, busy_timeout: float) -> None:
        self._file = file
        self._busy_timeout = busy_timeout
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-snapshot")
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """
        Choose the moment: now.
        """
        await self._run(self._begin)

    async def close(self) -> None:
        await self._run(self._end)
        self._thread.shutdown()

    async def read(self, select: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run *select* on the database as it was then.
        """
        connection = self._connection
        if connection is None:
            raise StoreUnavailableError
        return await self._run(partial(select, connection))

    async def _run(self, work: Callable[[], T]) -> T:
        def run() -> T:
            with store_failures():
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    def _begin(self) -> None:
        removed = self._file.removed()
        if removed is not None:
            raise StoreUnavailableError(removed)
        # As others that may write: a file that is open to be read only, without a log, is taken
        # for one that nobody changes.
        self._connection = sqlite3.connect(
            self._file.shared_address,
            uri=True,
            timeout=self._busy_timeout,
            isolation_level=None,
            check_same_thread=False,
        )
        self._connection.execute("PRAGMA query_only = ON")
        self._connection.execute("BEGIN")
        # The first reading decides about the moment.
        require_migrated(self._connection)

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()


class ChangeDetector:
    """
    Reads the change number on the event loop.

    That is quick enough: a look at the file's status and one row, which waits for no other
    process and is in memory. ``PRAGMA data_version`` is no cheaper: SQLite does nearly all of
    that reading to answer it, and gives up the interpreter's lock as often.
    """

    def __init__(self, file: DatabaseFile, *, busy_timeout: float) -> None:
        self._connection = FileConnection(
            file, busy_timeout=busy_timeout, patient=False, cache_kib=_DETECTOR_CACHE_KIB
        )

    def open(self) -> None:
        self._connection.get()

    def close(self) -> None:
        self._connection.close()

    def change_number(self) -> int | None:
        """
        The change number, or None if it cannot be read at the moment.
        """
        try:
            return change_number(self._connection.get())
        except (sqlite3.Error, OSError, ApplicationError):
            return None
