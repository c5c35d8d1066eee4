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
from typing import Final, TypeVar

from odoo_ai_config.adapters.sqlite.connection import create_file, sequence, store_failures
from odoo_ai_config.adapters.sqlite.current_rows import CurrentRows, Position
from odoo_ai_config.adapters.sqlite.reader import Probe, Reader
from odoo_ai_config.adapters.sqlite.shelf import Shelf
from odoo_ai_config.adapters.sqlite.writer import GroupWriter, Write
from odoo_ai_config.application.errors import StoreUnavailableError, StoreUnusableError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")

# How long a transaction of another process is waited for.
BUSY_TIMEOUT: Final = 5.0


class SqliteDatabase:
    """
    Reads and writes of one file, for one event loop at a time.

    Several databases, in one process or in many, may be open on the same file; each sees
    the others' commits at once.
    """

    def __init__(self, path: Path, *, busy_timeout: float = BUSY_TIMEOUT) -> None:
        self.rows = CurrentRows()
        self._path = path
        self._busy_timeout = busy_timeout
        self._writer = GroupWriter(path, self.rows, busy_timeout=busy_timeout)
        self._reader = Reader(path, self.rows, busy_timeout=busy_timeout)
        self._probe = Probe(path, self.rows)

    def open(self) -> None:
        """
        Make the file if there is none, and connect to it.

        Raises:
            StoreUnusableError: The file is not one of ours, or too new for this program.
            StoreUnavailableError: It cannot be opened now.
        """
        try:
            create_file(self._path)
            self._writer.open()
            self._probe.open()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
                raise StoreUnavailableError from error
            raise StoreUnusableError(
                "O arquivo do armazenamento não é um banco SQLite; "
                "escolha outro caminho ou restaure um backup."
            ) from error
        except OSError as error:
            raise StoreUnavailableError from error

    def close(self) -> None:
        """
        Commit what was handed in, and end the threads; whoever waits for a commit is told.
        """
        self._reader.close()
        self._probe.close()
        self._writer.close()

    async def write(self, write: Write[T]) -> T:
        """
        Run *write* in a durable transaction, which it may share with others.

        Raises:
            StoreUnavailableError: Nothing is known to be written.
        """
        return await self._writer.write(write)

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
        up_to_date = self._probe.up_to_date()
        if up_to_date:
            found = self.rows.find(shelf, keys)
            if found is not None:
                return found
        # All of them, even if one is missing: they belong to one moment.
        found = await self.read(partial(self._select, shelf, keys))
        if not up_to_date:
            await self._renew_probe()
        return found

    async def position(self) -> Position:
        """
        The last commit that was acknowledged before the call, whoever made it.

        Raises:
            StoreUnavailableError: The store is away.
        """
        if not self._probe.up_to_date():
            self.rows.noticed(await self.read(sequence))
            await self._renew_probe()
        return self.rows.position

    def _select(
        self, shelf: Shelf[K, V], keys: Sequence[K], connection: sqlite3.Connection
    ) -> dict[K, V]:
        epoch = self.rows.epoch
        seq = sequence(connection)
        self.rows.noticed(seq)
        rows = [(key, shelf.select(connection, key)) for key in keys]
        self.rows.keep(shelf, rows, epoch=epoch, seq=seq)
        return {key: value for key, value in rows if value is not None}

    async def _renew_probe(self) -> None:
        probe = Probe(self._path, self.rows)
        with store_failures():
            await asyncio.to_thread(probe.open)
        self._probe.close()
        self._probe = probe


@contextlib.contextmanager
def open_sqlite(path: Path, *, busy_timeout: float = BUSY_TIMEOUT) -> Iterator[SqliteDatabase]:
    """
    The database at *path*, made if it is not there, for as long as the context lasts.

    Raises:
        StoreUnusableError: The file is not one of ours, or too new for this program.
        StoreUnavailableError: It cannot be opened now.
    """
    database = SqliteDatabase(path, busy_timeout=busy_timeout)
    try:
        database.open()
        yield database
    finally:
        database.close()
