"""
The routing table in memory, and how it follows the database.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

from odoo_ai_config.adapters.sqlite.cache import RowCache
from odoo_ai_config.adapters.sqlite.connection import change_number
from odoo_ai_config.adapters.sqlite.reader import Reader
from odoo_ai_config.adapters.sqlite.rows import MAPPING_COLUMNS, mapping_revision_of
from odoo_ai_config.domain.channels.mapping import MappingRevision
from odoo_ai_config.domain.channels.routing import RoutingTable

_CHUNK: Final = 1000
_NOT_LOADED: Final = -2

# Many rows as one: each step of a statement gives up the interpreter's lock, and a busy event
# loop hands it back only milliseconds later.
_AS_ONE: Final = f"SELECT json_group_array(json_array({MAPPING_COLUMNS}))"
_NEXT_ACTIVE: Final = (
    f"{_AS_ONE} FROM (SELECT * FROM mappings WHERE active AND key > ? ORDER BY key LIMIT ?)"
)
_CHANGED_SINCE: Final = (
    f"{_AS_ONE} FROM mappings "
    "WHERE key IN (SELECT key FROM changes WHERE seq > ? AND what = 'mapping')"
)
# Without any line the log cannot say what changed.
_FORGOTTEN: Final = "SELECT ? < ifnull(min(seq), 9223372036854775807) FROM changes"


class LiveRouting:
    """
    Keeps one routing table per database, loaded when it is first asked for.

    What this process commits goes into it directly; what others committed is found in the
    change log. Neither depends on how many mappings there are.
    """

    def __init__(
        self, cache: RowCache, reader: Reader, last_commit: Callable[[], Awaitable[int]]
    ) -> None:
        self._cache = cache
        self._reader = reader
        self._last_commit = last_commit
        self._table = RoutingTable()
        self._number = _NOT_LOADED
        self._reading: asyncio.Task[None] | None = None

    async def table(self) -> tuple[RoutingTable, int]:
        """
        The table with every commit acknowledged before the call, and its change number.
        """
        wanted = await self._last_commit()
        self._put_own_commits()
        while self._number < wanted:
            if self._reading is None:
                self._reading = asyncio.create_task(self._read_on())
                self._reading.add_done_callback(_retrieve)
            # Shielded: a caller who gives up does not undo a long reading that others wait for,
            # or ask for again.
            await asyncio.shield(self._reading)
            self._put_own_commits()
        return self._table, self._number

    def _put_own_commits(self) -> None:
        commits = self._cache.own_commits
        while commits:
            commit = commits.popleft()
            # Where others have committed in between, the change log has both.
            if commit.before == self._number:
                self._put(commit.mappings)
                self._number = commit.after

    async def _read_on(self) -> None:
        try:
            self._number, table, changed = await self._reader.read(self._select)
        finally:
            self._reading = None
        if table is not None:
            self._table = table
        self._put(changed)

    def _put(self, revisions: Sequence[MappingRevision]) -> None:
        for revision in revisions:
            self._table.put(revision.mapping, revision.version)

    def _select(
        self, connection: sqlite3.Connection
    ) -> tuple[int, RoutingTable | None, Sequence[MappingRevision]]:
        number = change_number(connection)
        changed = changed_since(connection, self._number)
        if changed is None:
            return number, RoutingTable.of(_all_active(connection)), ()
        return number, None, changed


def changed_since(connection: sqlite3.Connection, number: int) -> Sequence[MappingRevision] | None:
    """
    The mappings that commits after *number* wrote; None if the change log does not go back so far.
    """
    if connection.execute(_FORGOTTEN, (number + 1,)).fetchone()[0]:
        return None
    return _rows(connection, _CHANGED_SINCE, number)


def _all_active(connection: sqlite3.Connection) -> Iterator[MappingRevision]:
    last = ""
    while rows := _rows(connection, _NEXT_ACTIVE, last, _CHUNK):
        yield from rows
        last = str(rows[-1].mapping.key)


def _rows(
    connection: sqlite3.Connection, statement: str, *which: object
) -> Sequence[MappingRevision]:
    (text,) = connection.execute(statement, which).fetchone()
    return [mapping_revision_of(row) for row in json.loads(text)]


def _retrieve(reading: asyncio.Task[None]) -> None:
    # The waiters get the error; without waiters it is not needed.
    if not reading.cancelled():
        reading.exception()
