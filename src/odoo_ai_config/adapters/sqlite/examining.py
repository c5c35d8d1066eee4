"""
Checks of a database file that change nothing in it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from time import monotonic
from typing import Final

from odoo_ai_config.adapters.sqlite.connection import DatabaseFile, begin_writing, store_failures
from odoo_ai_config.adapters.sqlite.schema import require_known
from odoo_ai_config.application.errors import StoreFailure, StoreUnavailableError

_PATIENCE: Final = 5.0
# In SQLite's virtual machine instructions: the deadline is checked some thousand times a second.
_STEPS_BETWEEN_LOOKS: Final = 10_000
# More than fits into the room that a log or a page may still have.
_REHEARSED_PAGES: Final = 64


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


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    with _connected(DatabaseFile(path, read_only=True).address) as connection:
        yield connection


@contextmanager
def _connected(address: str) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=_PATIENCE)
    with closing(connection):
        yield connection
