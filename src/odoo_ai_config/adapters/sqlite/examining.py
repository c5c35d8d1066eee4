"""
Work on a database file as a whole: checks that change nothing in it, and its cleaning.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from odoo_ai_config.adapters.sqlite.connection import DatabaseFile, begin_writing, store_failures
from odoo_ai_config.adapters.sqlite.schema import require_known
from odoo_ai_config.application.errors import StoreFailure, StoreUnavailableError

_PATIENCE: Final = 5.0
# In SQLite's virtual machine instructions: the deadline is checked some thousand times a second.
_STEPS_BETWEEN_LOOKS: Final = 10_000
# More than fits into the room that a log or a page may still have.
_REHEARSED_PAGES: Final = 64
# Nobody can write while the file is written anew: about a second for this much.
_SMALL: Final = 64 * 2**20
_LOOKS: Final = 20
_PAUSE: Final = 0.1
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def examine_pages(path: Path, *, seconds: float) -> bool:
    """
    Look for damage, for *seconds* at most, and say whether there was time for all of the file.
    """
    with store_failures(), _reading(path) as connection:
        deadline = monotonic() + seconds
        connection.set_progress_handler(lambda: monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
        try:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                return False
            raise
    if verdict != "ok":
        raise StoreUnavailableError(StoreFailure.CORRUPT)
    return True


def rehearse_writing(path: Path) -> None:
    """
    Write some pages to the log, and take them back.
    """
    with store_failures(), ExitStack() as stack:
        if Path(f"{path}-wal").exists():
            # The last connection that closes copies the log into the database, unless it may only
            # read. So one that may only read stays open for longer.
            stack.enter_context(_reading(path)).execute("SELECT * FROM sequence").fetchone()
        connection = stack.enter_context(_connected(DatabaseFile(path).address))
        # So that pages leave for the log before there is a commit.
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("PRAGMA cache_spill = 1")
        begin_writing(connection, _PATIENCE)
        require_known(connection)
        connection.execute("CREATE TABLE rehearsal (page BLOB)")
        connection.executemany(
            "INSERT INTO rehearsal VALUES (zeroblob(4096))", [()] * _REHEARSED_PAGES
        )
        connection.execute("ROLLBACK")


def scrub(path: Path, *, large: bool) -> bool:
    """
    Write the file anew without what was removed, and empty the log; say whether that succeeded.

    A file that is not small is only written anew if *large*: nobody can write meanwhile.
    """
    with store_failures(), _connected(DatabaseFile(path).address) as connection:
        small = path.stat().st_size <= _SMALL
        try:
            if small or large:
                # The other place of a copy would be a file that nobody cleans.
                connection.execute(f"PRAGMA temp_store = {'MEMORY' if small else 'FILE'}")
                connection.execute("VACUUM")
            return _empty_log(connection) and (small or large)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in _BUSY:
                return False
            raise


def _empty_log(connection: sqlite3.Connection) -> bool:
    # Readers look at the log for moments only.
    for _ in range(_LOOKS):
        busy, _frames, _copied = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return True
        sleep(_PAUSE)
    return False


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    with _connected(DatabaseFile(path, read_only=True).address) as connection:
        yield connection


@contextmanager
def _connected(address: str) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=_PATIENCE)
    with closing(connection):
        yield connection
