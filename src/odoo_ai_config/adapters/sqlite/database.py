"""
One SQLite file: what all stores over it share, and its lifetime.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final, TypeVar

from odoo_ai_config.adapters.sqlite.cache import Lookup, RowCache
from odoo_ai_config.adapters.sqlite.connection import DatabaseFile, change_number, failure_of
from odoo_ai_config.adapters.sqlite.examining import scrub
from odoo_ai_config.adapters.sqlite.live_routing import LiveRouting
from odoo_ai_config.adapters.sqlite.reader import ChangeDetector, Reader, Snapshot
from odoo_ai_config.adapters.sqlite.row_layout import Row
from odoo_ai_config.adapters.sqlite.rows import optional
from odoo_ai_config.adapters.sqlite.schema import APPLICATION_ID, UNFINISHED_ID
from odoo_ai_config.adapters.sqlite.writer import GroupWriter, Write
from odoo_ai_config.application.errors import (
    StoreFailure,
    StoreUnavailableError,
    StoreUnusableError,
)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")

# How long a transaction of another process is waited for.
BUSY_TIMEOUT: Final = 5.0

# Less than another process needs to commit and to answer its client.
_LONGEST_TURN: Final = 0.002


class SqliteDatabase:
    """
    Reads and writes of one file, for one event loop at a time.

    Several databases, in one process or in many, may be open on the same file; each sees
    the others' commits at once.

    Args:
        read_only: Whether nothing is made, migrated or written.
        make: Whether the file is made if it is not there.
        unfinished: Whether it is one that a copy or a restore fills.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout: float = BUSY_TIMEOUT,
        read_only: bool = False,
        make: bool = True,
        unfinished: bool = False,
    ) -> None:
        self.cache = RowCache()
        self._busy_timeout = busy_timeout
        self._read_only = read_only
        self._file = DatabaseFile(
            path,
            read_only=read_only,
            make=make,
            application_id=UNFINISHED_ID if unfinished else APPLICATION_ID,
        )
        self._writer = GroupWriter(self._file, self.cache, busy_timeout=busy_timeout)
        self._reader = Reader(self._file, busy_timeout=busy_timeout)
        self._detector = ChangeDetector(self._file, busy_timeout=busy_timeout)
        self.routing = LiveRouting(self.cache, self._reader, self.last_commit)
        # How long the change number that was read last counts as fresh.
        self._fresh_until = 0.0

    def open(self) -> None:
        try:
            self._file.create()
            if not self._read_only:
                self._writer.open()
            self._detector.open()
            # The connections stay open, and so does this log.
            self._file.remember_log()
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_NOTADB:
                raise StoreUnavailableError(failure_of(error)) from error
            raise StoreUnusableError(
                "O arquivo do armazenamento não é um banco SQLite; "
                "escolha outro caminho ou restaure um backup."
            ) from error

    def close(self) -> None:
        """
        Commit what was handed in, and end the threads; whoever waits for a commit is told.
        """
        self._reader.close()
        self._detector.close()
        self._writer.close()

    async def write(self, write: Write[T], *, long: bool = False) -> T:
        """
        Run *write* in a durable transaction, which it may share with others.

        A *long* one takes milliseconds, and others go first.
        """
        if self._read_only:
            raise StoreUnavailableError(StoreFailure.READ_ONLY)
        return await self._writer.write(write, long=long)

    async def write_all(self, statement: str, rows: Sequence[Row], *, long: bool = False) -> int:
        """
        Run *statement* for each of *rows* in one transaction, and return how many it changed.
        """
        return await self.write(
            lambda transaction: transaction.connection.executemany(statement, rows).rowcount,
            long=long,
        )

    async def scrub(self, *, large: bool) -> bool:
        """
        Clean the file of what was removed, as `examining.scrub` does.
        """
        # A file that was replaced is left alone.
        await self.read(change_number)
        return await self._writer.pause_for(partial(scrub, self._file.path, large=large))

    async def check(self) -> None:
        """
        Return if the file can be read now, and written where it is not only to be read.
        """
        await self.read(change_number)
        if not self._read_only:
            await self._writer.prove()

    async def read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run *read* in a snapshot of its own, off the event loop.
        """
        return await self._reader.read(read)

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Snapshot]:
        """
        The database as it is at one moment.
        """
        snapshot = Snapshot(self._file, busy_timeout=self._busy_timeout)
        try:
            await snapshot.open()
            yield snapshot
        finally:
            await snapshot.close()

    async def select(
        self, statement: str, values: Row | dict[str, str | int], make: Callable[[Row], T]
    ) -> list[T]:
        """
        The rows of a query, each turned into an object by *make*.
        """
        return await self.read(
            lambda connection: [make(row) for row in connection.execute(statement, values)]
        )

    async def select_one(self, statement: str, values: Row, make: Callable[[Row], T]) -> T | None:
        """
        The only row of a very short query, turned into an object by *make*; None if there is none.
        """
        return await self._reader.look_up(
            lambda connection: optional(make, connection.execute(statement, values).fetchone())
        )

    async def find(self, lookup: Lookup[K, V], keys: Sequence[K]) -> dict[K, V]:
        """
        The newest rows of *keys*, from memory if they are current; unknown keys are left out.
        """
        found = self.cache.find(lookup, keys) if self._up_to_date() else None
        if found is None:
            # All of them, even if only one is missing: they belong to one moment.
            found = await self._reader.look_up(partial(self._look_up, lookup, keys))
        return found

    async def last_commit(self) -> int:
        """
        The change number of the last commit acknowledged before the call, or of a later one.
        """
        if not self._up_to_date():
            return await self._reader.look_up(change_number)
        return self.cache.known

    def _up_to_date(self) -> bool:
        """
        Whether the cache is as of this turn of the event loop, or newer.

        The change number is read once per turn. A request that waits for an answer now had
        begun before the turn, so its answer may show any moment since. Under load many requests
        share a turn, and reading the number is the most expensive part of a lookup: it releases
        the interpreter's lock to the threads that write. The time limit is for coroutines that
        block the loop until something has happened elsewhere.
        """
        if perf_counter() < self._fresh_until:
            return True
        number = self._detector.change_number()
        if number is None:
            return False
        self.cache.observe(number)
        self._fresh_until = perf_counter() + _LONGEST_TURN
        asyncio.get_running_loop().call_soon(self._turn_over)
        return True

    def _turn_over(self) -> None:
        self._fresh_until = 0.0

    def _look_up(
        self, lookup: Lookup[K, V], keys: Sequence[K], connection: sqlite3.Connection
    ) -> dict[K, V]:
        number = change_number(connection)
        self.cache.observe(number)
        rows = {key: lookup(connection, key) for key in keys}
        self.cache.keep(lookup, rows, number)
        return {key: row for key, row in rows.items() if row is not None}


@contextlib.contextmanager
def open_sqlite(
    path: Path,
    *,
    busy_timeout: float = BUSY_TIMEOUT,
    read_only: bool = False,
    make: bool = True,
    unfinished: bool = False,
) -> Iterator[SqliteDatabase]:
    """
    The database at *path*, for as long as the context lasts.

    Args:
        path: Where it is.
        busy_timeout: How long others are waited for, in seconds.
        read_only: Whether nothing is made, migrated or written.
        make: Whether the file is made if it is not there.
        unfinished: Whether it is one that a copy or a restore fills.

    Raises:
        StoreUnusableError: The file is not one of ours, or too new for this program; or it is
            missing and not to be made; or it is only to be read, and too old; or it is not
            *unfinished* as it should be.
        StoreUnavailableError: It cannot be opened now.
    """
    database = SqliteDatabase(
        path,
        busy_timeout=busy_timeout,
        read_only=read_only,
        make=make,
        unfinished=unfinished,
    )
    try:
        database.open()
        yield database
    finally:
        database.close()
