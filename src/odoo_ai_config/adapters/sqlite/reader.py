"""
The threads that read, and the question that need not leave the event loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from odoo_ai_config.adapters.sqlite.connection import (
    DatabaseFile,
    FileConnection,
    sequence,
    store_failures,
)
from odoo_ai_config.adapters.sqlite.current_rows import CurrentRows
from odoo_ai_config.adapters.sqlite.jobs import Answer, Job, Turn, answer_all
from odoo_ai_config.adapters.sqlite.schema import require_known
from odoo_ai_config.application.errors import ApplicationError, StoreUnavailableError

T = TypeVar("T")

# Two, so that a long reading does not keep the short ones waiting.
_THREADS: Final = 2
_CACHE_KIB: Final = 4 * 1024
_PROBE_CACHE_KIB: Final = 64


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
        self._turn: Turn[sqlite3.Connection] = Turn(self._take_over)
        self._closed = False

    def close(self) -> None:
        """
        Finish what is being read, and end the threads.
        """
        self._turn.close()
        self._closed = True
        self._threads.shutdown()
        for connection in self._idle:
            connection.close()

    async def read(self, select: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run *select* in a snapshot.

        Raises:
            StoreUnavailableError: The store is away.
        """
        if self._closed:
            raise StoreUnavailableError
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, select)

    async def look_up(self, select: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run *select*, which takes no time worth mentioning, in a snapshot shared with others.

        Raises:
            StoreUnavailableError: The store is away.
        """
        return await self._turn.do(select)

    def _take_over(self, jobs: list[Job[sqlite3.Connection]]) -> None:
        self._threads.submit(answer_all, jobs, self._look_up_together)

    def _look_up_together(self, jobs: list[Job[sqlite3.Connection]]) -> list[Answer]:
        return self._read(lambda connection: [_look_up(connection, job) for job in jobs])

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


def _look_up(connection: sqlite3.Connection, job: Job[sqlite3.Connection]) -> Answer:
    try:
        return job.done(job.work(connection))
    except ValueError as error:
        # A name that SQLite cannot hold, for instance a lone surrogate, concerns nobody else.
        return job.failed(error)


class Probe:
    """
    Asks whether anybody committed since it asked last.

    That is quick enough for the event loop: a look at the file's status and one row, which waits
    for no other process and is in memory, in SQLite's or after a commit in the operating
    system's. ``PRAGMA data_version`` is not asked first: SQLite does nearly all that reading
    the row takes to answer it, and gives up the interpreter's lock as often.
    """

    def __init__(self, file: DatabaseFile, rows: CurrentRows, *, busy_timeout: float) -> None:
        self._rows = rows
        self._connection = FileConnection(
            file, busy_timeout=busy_timeout, patient=False, cache_kib=_PROBE_CACHE_KIB
        )

    def open(self) -> None:
        """
        Connect.
        """
        self._connection.get()

    def close(self) -> None:
        """
        Disconnect.
        """
        self._connection.close()

    def up_to_date(self) -> bool:
        """
        Tell the rows about commits of others; False if that is not possible at the moment.
        """
        try:
            self._rows.noticed(sequence(self._connection.get()))
        except (sqlite3.Error, OSError, ApplicationError):
            return False
        return True
