"""
One SQLite file: what all stores over it share, and its lifetime.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final, TypeVar

from odoo_ai_config.adapters.sqlite.connection import DatabaseFile, failure_of, sequence
from odoo_ai_config.adapters.sqlite.current_rows import CurrentRows
from odoo_ai_config.adapters.sqlite.reader import Probe, Reader
from odoo_ai_config.adapters.sqlite.shelf import Shelf
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

# Less than it takes another process to commit and somebody to hear of it.
_LONGEST_TURN: Final = 0.002


class SqliteDatabase:
    """
    Reads and writes of one file, for one event loop at a time.

    Several databases, in one process or in many, may be open on the same file; each sees
    the others' commits at once.

    Args:
        read_only: Whether nothing is made, migrated or written.
    """

    def __init__(
        self, path: Path, *, busy_timeout: float = BUSY_TIMEOUT, read_only: bool = False
    ) -> None:
        self.rows = CurrentRows()
        self._read_only = read_only
        self._file = DatabaseFile(path, read_only=read_only)
        self._writer = GroupWriter(self._file, self.rows, busy_timeout=busy_timeout)
        self._reader = Reader(self._file, busy_timeout=busy_timeout)
        self._probe = Probe(self._file, self.rows, busy_timeout=busy_timeout)
        # Until when what the last probe said may be relied on; 0 for no longer.
        self._fresh_until = 0.0

    def open(self) -> None:
        """
        Make the file if there is none, and connect to it.

        Raises:
            StoreUnusableError: The file is not one of ours, or too new for this program; or it
                is only to be read, and missing or too old.
            StoreUnavailableError: It cannot be opened now.
        """
        try:
            self._file.create()
            if not self._read_only:
                self._writer.open()
            self._probe.open()
            # The connections stay open, and so does this log.
            self._file.remember_log()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
                raise StoreUnavailableError(failure_of(error)) from error
            raise StoreUnusableError(
                "O arquivo do armazenamento não é um banco SQLite; "
                "escolha outro caminho ou restaure um backup."
            ) from error
        except OSError as error:
            raise StoreUnavailableError(failure_of(error)) from error

    def close(self) -> None:
        """
        Commit what was handed in, and end the threads; whoever waits for a commit is told.
        """
        self._reader.close()
        self._probe.close()
        self._writer.close()

    async def write(self, write: Write[T], *, long: bool = False) -> T:
        """
        Run *write* in a durable transaction, which it may share with others.

        One that is *long* takes milliseconds, and others go first.

        Raises:
            StoreUnavailableError: Nothing is known to be written.
        """
        if self._read_only:
            raise StoreUnavailableError(StoreFailure.READ_ONLY)
        return await self._writer.write(write, long=long)

    async def read_something(self) -> None:
        """
        Return if the file can be read now.

        Raises:
            StoreUnavailableError: It cannot.
        """
        await self._reader.read(sequence)

    async def check(self) -> None:
        """
        Return if the file can be read and written now.

        Raises:
            StoreUnavailableError: It cannot.
        """
        await self.read_something()
        await self._writer.prove()

    async def read(self, select: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run *select* in a snapshot of its own, off the event loop.

        Raises:
            StoreUnavailableError: The store is away.
        """
        return await self._reader.read(select)

    async def find(self, shelf: Shelf[K, V], keys: Sequence[K]) -> dict[K, V]:
        """
        The newest rows of *keys*, from memory if that is known to hold; unknown keys are left out.

        Raises:
            StoreUnavailableError: The store is away.
        """
        found = self.rows.find(shelf, keys) if self._up_to_date() else None
        if found is None:
            # All of them, even if only one is missing: they belong to one moment.
            found = await self._reader.look_up(partial(self._select, shelf, keys))
        return found

    async def last_commit(self) -> int:
        """
        The last commit that was acknowledged before the call, or a later one.

        Raises:
            StoreUnavailableError: The store is away.
        """
        if not self._up_to_date():
            return await self._reader.look_up(sequence)
        return self.rows.known

    def _up_to_date(self) -> bool:
        """
        Whether the rows are those of this turn of the event loop, or newer.

        One probe a turn is enough: whoever can be waiting for an answer now had sent the
        request, or its first byte, before the turn began, so the answer may be of any moment
        since. Under load many requests share a turn, and a probe is what costs a read most:
        it gives up the interpreter's lock to the threads that write. The time limit is for
        coroutines that block the loop until something has happened elsewhere.
        """
        if perf_counter() < self._fresh_until:
            return True
        if not self._probe.up_to_date():
            return False
        self._fresh_until = perf_counter() + _LONGEST_TURN
        asyncio.get_running_loop().call_soon(self._turn_over)
        return True

    def _turn_over(self) -> None:
        self._fresh_until = 0.0

    def _select(
        self, shelf: Shelf[K, V], keys: Sequence[K], connection: sqlite3.Connection
    ) -> dict[K, V]:
        epoch = self.rows.epoch
        seq = sequence(connection)
        self.rows.noticed(seq)
        rows = [(key, shelf.select(connection, key)) for key in keys]
        self.rows.keep(shelf, rows, epoch=epoch, seq=seq)
        return {key: value for key, value in rows if value is not None}


@contextlib.contextmanager
def open_sqlite(
    path: Path, *, busy_timeout: float = BUSY_TIMEOUT, read_only: bool = False
) -> Iterator[SqliteDatabase]:
    """
    The database at *path*, made if it is not there, for as long as the context lasts.

    Args:
        path: Where it is.
        busy_timeout: How long others are waited for, in seconds.
        read_only: Whether nothing is made, migrated or written.

    Raises:
        StoreUnusableError: The file is not one of ours, or too new for this program; or it is
            only to be read, and missing or too old.
        StoreUnavailableError: It cannot be opened now.
    """
    database = SqliteDatabase(path, busy_timeout=busy_timeout, read_only=read_only)
    try:
        database.open()
        yield database
    finally:
        database.close()
