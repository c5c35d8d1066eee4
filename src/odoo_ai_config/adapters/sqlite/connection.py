"""
Connections to the database file: how they are opened, and how their failures are told.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote

from odoo_ai_config.adapters.sqlite.schema import migrate
from odoo_ai_config.application.errors import StoreUnavailableError, StoreUnusableError

# Which file it is, whatever its name: device and inode.
FileIdentity: TypeAlias = tuple[int, int]

_CACHED_STATEMENTS: Final = 256
# A log that once grew large gives the space back.
_LARGEST_IDLE_LOG: Final = 64 * 2**20
_RETRY_PAUSE: Final = 0.01


@contextlib.contextmanager
def store_failures() -> Iterator[None]:
    """
    Tell failures of SQLite, of the file system and of a file that was replaced by something else.
    """
    try:
        yield
    except (sqlite3.Error, OSError, StoreUnusableError) as error:
        raise StoreUnavailableError from error


def identity_of(path: Path) -> FileIdentity:
    """
    Which file is at *path* now.

    SQLite goes on with a file that was removed or replaced while it was open, and everything
    written to it from then on is lost; comparing identities is how that is noticed.
    """
    status = path.stat()
    return status.st_dev, status.st_ino


def create_file(path: Path) -> None:
    """
    Make sure that there is a file which only its owner can read; SQLite's log inherits the mode.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # An existing file is not even opened: closing it would drop the locks that another
    # connection of this process holds on it.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


class FileConnection:
    """
    A connection to whatever database is at *path*; it follows when the file is replaced.

    It serves one thread at a time, not always the same one.

    Args:
        opened: Told which file it is to, each time that it is opened.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout: float,
        cache_kib: int,
        opened: Callable[[FileIdentity], None],
    ) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._cache_kib = cache_kib
        self._opened = opened
        self._connection: sqlite3.Connection | None = None
        self._identity: FileIdentity | None = None

    def get(self) -> sqlite3.Connection:
        """
        The connection, opened if it is not.

        Raises:
            StoreUnusableError: The file is no database of this program.
        """
        connection = self.if_open()
        if connection is None:
            self.drop()
            self._identity = identity_of(self._path)
            self._connection = connection = self._connect()
            self._opened(self._identity)
        return connection

    def if_open(self) -> sqlite3.Connection | None:
        """
        The connection, unless it is closed or its file is no longer at the path.
        """
        if self._connection is None or identity_of(self._path) != self._identity:
            return None
        return self._connection

    def drop(self) -> None:
        """
        Close the connection; after a failure, so that the next use starts afresh.
        """
        connection, self._connection = self._connection, None
        if connection is not None:
            # What could not be rolled back was never committed either.
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            # Never created here: a missing file is an outage, not an empty store.
            f"file:{quote(str(self._path.absolute()))}?mode=rw",
            uri=True,
            timeout=self._busy_timeout,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_CACHED_STATEMENTS,
        )
        try:
            _write_ahead(connection, self._busy_timeout)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_IDLE_LOG}")
            connection.execute(f"PRAGMA cache_size = -{self._cache_kib}")
            migrate(connection)
        except (sqlite3.Error, StoreUnusableError):
            connection.close()
            raise
        return connection


def _write_ahead(connection: sqlite3.Connection, patience: float) -> None:
    # SQLite does not wait by itself while another process makes the same switch.
    deadline = time.monotonic() + patience
    mode = None
    while mode is None:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_PAUSE)
    if mode != "wal":
        raise StoreUnusableError(
            "O sistema de arquivos do armazenamento não permite o modo WAL do SQLite; "
            "use um disco local."
        )


def sequence(connection: sqlite3.Connection) -> int:
    """
    The number of the last commit.
    """
    value: int = connection.execute("SELECT value FROM sequence").fetchone()[0]
    return value
