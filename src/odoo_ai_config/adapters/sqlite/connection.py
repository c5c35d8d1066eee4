"""
Connections to the database file: how they are opened, and what their failures mean.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from odoo_ai_config.adapters.private_files import PRIVATE_FILE, make_private_folder
from odoo_ai_config.adapters.sqlite.schema import (
    APPLICATION_ID,
    migrate,
    require_begun,
    require_migrated,
)
from odoo_ai_config.application.errors import (
    StoreFailure,
    StoreUnavailableError,
    StoreUnusableError,
    no_store_at,
)

T = TypeVar("T")

_CACHED_STATEMENTS: Final = 256
# Pages in the log before a commit copies them into the file, which delays that commit. A page is
# copied once however many commits changed it, and both files are flushed each time: so twice
# SQLite's own number, 8 MiB. More raises the p99, less the cost of a long queue.
_PAGES_PER_CHECKPOINT: Final = 2000
# A log that grew larger gives the space back.
_LARGEST_IDLE_LOG: Final = 64 * 2**20
_RETRY_PAUSE: Final = 0.001
# By the low byte of SQLite's codes, which says what failed; the rest says where.
_FAILURES: Final[Mapping[int, StoreFailure]] = {
    sqlite3.SQLITE_BUSY: StoreFailure.BUSY,
    sqlite3.SQLITE_LOCKED: StoreFailure.BUSY,
    sqlite3.SQLITE_PROTOCOL: StoreFailure.BUSY,
    sqlite3.SQLITE_CORRUPT: StoreFailure.CORRUPT,
    sqlite3.SQLITE_NOTADB: StoreFailure.CORRUPT,
    sqlite3.SQLITE_FULL: StoreFailure.DISK_FULL,
    sqlite3.SQLITE_IOERR: StoreFailure.IO_ERROR,
    sqlite3.SQLITE_PERM: StoreFailure.READ_ONLY,
    sqlite3.SQLITE_READONLY: StoreFailure.READ_ONLY,
}
_SYSTEM_FAILURES: Final[Mapping[int, StoreFailure]] = {
    errno.EDQUOT: StoreFailure.DISK_FULL,
    errno.ENOSPC: StoreFailure.DISK_FULL,
    errno.EACCES: StoreFailure.READ_ONLY,
    errno.EPERM: StoreFailure.READ_ONLY,
    errno.EROFS: StoreFailure.READ_ONLY,
    errno.EFBIG: StoreFailure.IO_ERROR,
    errno.EIO: StoreFailure.IO_ERROR,
}


@contextlib.contextmanager
def store_failures() -> Iterator[None]:
    """
    Turn errors of SQLite and of the file system into `StoreUnavailableError`.
    """
    try:
        yield
    except (sqlite3.Error, OSError, StoreUnusableError) as error:
        raise StoreUnavailableError(failure_of(error)) from error


def failure_of(error: sqlite3.Error | OSError | StoreUnusableError) -> StoreFailure:
    """
    What is wrong with the store.
    """
    match error:
        case StoreUnusableError(failure=failure):
            return failure
        case OSError(errno=number):
            return _SYSTEM_FAILURES.get(number or 0, StoreFailure.AWAY)
        case _:
            code: int = getattr(error, "sqlite_errorcode", 0)
            return _FAILURES.get(code & 0xFF, StoreFailure.AWAY)


class DatabaseFile:
    """
    The file at *path* with the log beside it, and whether they are still there.

    SQLite keeps using files that were removed or replaced while they were open, and everything
    written to them afterwards is lost. The hub does not open a new file in their place either:
    SQLite would apply the old log to it. Nor does it accept a new log.

    Args:
        read_only: Whether connections change neither the tables nor the folder.
        make: Whether it is made if it is not there.
        application_id: What says that it is one of ours, and whole.
    """

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        make: bool = True,
        application_id: int = APPLICATION_ID,
    ) -> None:
        self.path = path.absolute()
        self.read_only = read_only
        self.make = make and not read_only
        self.application_id = application_id
        self._name = f"file:{quote(str(self.path))}"
        self._log = Path(f"{self.path}-wal")
        self._identity: tuple[int, int] | None = None
        self._log_identity: tuple[int, int] | None = None
        self._log_removed = False

    @property
    def address(self) -> str:
        """
        How SQLite opens it, without ever creating it: a missing file is an outage.
        """
        if not self.read_only:
            return self.shared_address
        # SQLite creates a log even to read. Without a log, nothing is writing.
        return f"{self._name}?mode=ro{'' if self._log.exists() else '&immutable=1'}"

    @property
    def shared_address(self) -> str:
        """
        How SQLite opens it beside others that write.
        """
        return f"{self._name}?mode=rw"

    def create(self) -> None:
        """
        Create the file if it is missing. Only its owner can read it and the files beside it.

        Raises `StoreUnusableError` if it is missing and not to be made.
        """
        if self.make:
            make_private_folder(self.path.parent)
            # An existing file is not even opened: closing it would drop the locks that another
            # connection of this process holds on it.
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE))
        self._identity = _identity_at(self.path)
        if self._identity is None:
            raise no_store_at(str(self.path))

    def remember_log(self) -> None:
        """
        Expect the log that is there now from here on: a connection is open on it.
        """
        self._log_identity = _identity_at(self._log)

    def removed(self) -> StoreFailure | None:
        """
        What was removed or replaced: the file, or the log when it was last looked for.
        """
        if _identity_at(self.path) != self._identity:
            return StoreFailure.FILE_REPLACED
        # A look at the log costs something, so only while it is known to be away.
        if self._log_removed and _identity_at(self._log) != self._log_identity:
            return StoreFailure.LOG_REMOVED
        return None

    def require_log(self) -> None:
        """
        Check that the log was not removed: the next start would not find commits in it.
        """
        self._log_removed = _identity_at(self._log) != self._log_identity
        if self._log_removed:
            raise StoreUnavailableError(StoreFailure.LOG_REMOVED)


def _identity_at(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


class FileConnection:
    """
    A connection that is opened when it is needed, and again after a failure.

    It serves one thread at a time, not always the same one.

    Args:
        busy_timeout: How long opening it may wait for others.
        patient: Whether the same goes for what is done with it later.
        prepare: Makes the tables that are missing; by default those of the store.
    """

    def __init__(
        self,
        file: DatabaseFile,
        *,
        busy_timeout: float,
        patient: bool,
        cache_kib: int,
        prepare: Callable[[sqlite3.Connection], None] | None = None,
    ) -> None:
        self._file = file
        self._busy_timeout = busy_timeout
        self._patient = patient
        self._cache_kib = cache_kib
        self._prepare = prepare or partial(migrate, application_id=file.application_id)
        self._connection: sqlite3.Connection | None = None
        self._address = ""

    def get(self) -> sqlite3.Connection:
        """
        The connection, opened if it is not.
        """
        removed = self._file.removed()
        if removed is not None:
            raise StoreUnavailableError(removed)
        if self._file.read_only and self._address != self._file.address:
            # Since it was opened, another process has begun or ended writing.
            self.close()
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def drop(self) -> None:
        """
        Let go of the connection after a failure, so that the next use starts afresh.
        """
        if self._file.removed() is None:
            self.close()
        elif self._connection is not None:
            # Closing the last connection removes the log by its name, and that may be the name
            # of another file's log by now.
            with contextlib.suppress(sqlite3.Error):
                self._connection.rollback()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # What could not be rolled back was never committed either.
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = _once_free(self._try_to_connect, self._busy_timeout)
        if self._patient:
            connection.execute(f"PRAGMA busy_timeout = {int(self._busy_timeout * 1000)}")
        return connection

    def _try_to_connect(self) -> sqlite3.Connection:
        self._address = self._file.address
        connection = sqlite3.connect(
            self._address,
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_CACHED_STATEMENTS,
        )
        try:
            connection.execute(f"PRAGMA cache_size = -{self._cache_kib}")
            if self._file.read_only:
                require_migrated(connection)
            else:
                if not self._file.make:
                    require_begun(connection)
                _set_up(connection)
                self._prepare(connection)
        except (sqlite3.Error, StoreUnusableError):
            connection.close()
            raise
        return connection


def begin_writing(connection: sqlite3.Connection, patience: float) -> None:
    """
    Begin a transaction as the only writer, as soon as there is no other.
    """
    # The connection itself is impatient: SQLite's own waiting sleeps ever longer, up to a tenth
    # of a second. Under load the lock is free for moments only, and a process that sleeps
    # through them waits for seconds.
    _once_free(lambda: connection.execute("BEGIN IMMEDIATE"), patience)


def _set_up(connection: sqlite3.Connection) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreUnusableError(
            "O sistema de arquivos do armazenamento não permite o modo WAL do SQLite; "
            "use um disco local."
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_PER_CHECKPOINT}")
    connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_IDLE_LOG}")


def _once_free(attempt: Callable[[], T], patience: float) -> T:
    deadline = time.monotonic() + patience
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as error:
            # The low byte says what failed, the rest why.
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_PAUSE)


@contextlib.contextmanager
def overwriting(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """
    Fill with zeros what is overwritten or freed in the context; other writes need not pay for it.
    """
    connection.execute("PRAGMA secure_delete = ON")
    try:
        yield connection
    finally:
        connection.execute("PRAGMA secure_delete = OFF")


def change_number(connection: sqlite3.Connection) -> int:
    """
    The number of the last commit that changed what processes remember.
    """
    value: int = connection.execute("SELECT value FROM sequence").fetchone()[0]
    return value
