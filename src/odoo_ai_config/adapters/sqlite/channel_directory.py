"""
The mapping of channels in SQLite, and in memory for routing.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from attrs import evolve

from odoo_ai_config.adapters.sqlite.connection import sequence
from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.rows import (
    MAPPING_COLUMNS,
    mapping_of,
    mapping_revision_of,
)
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.domain.channels.mapping import (
    ChannelClaim,
    ChannelKey,
    ChannelMapping,
    MappingRevision,
    Rivals,
)
from odoo_ai_config.domain.channels.routing import IncomingMessage, RoutingTable
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId

_CHUNK: Final = 1000
_NOT_LOADED: Final = -2

_ALL: Final = f"SELECT {MAPPING_COLUMNS} FROM mappings ORDER BY key"
_OF_TENANTS: Final = (
    f"SELECT {MAPPING_COLUMNS} FROM mappings "
    "WHERE tenant IN (SELECT value FROM json_each(?)) ORDER BY key"
)
_TENANTS_IN: Final = (
    "SELECT DISTINCT tenant FROM mappings WHERE active AND key > ? AND key < ? "
    "ORDER BY tenant LIMIT ?"
)
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


class SqliteChannelDirectory(ChannelDirectory):
    """
    Keeps one routing table per database, loaded when it is first asked for.

    What this process commits goes into it directly; what others committed is found in the
    change log. Neither depends on how many mappings there are.
    """

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._table = RoutingTable()
        # The commit that the table stands at.
        self._known = _NOT_LOADED
        self._reading: asyncio.Task[None] | None = None

    async def current(self, keys: Sequence[ChannelKey]) -> Mapping[ChannelKey, MappingRevision]:
        return await self._database.find(self._database.rows.mappings, keys)

    async def mappings(self, tenant: TenantId | None = None) -> Sequence[MappingRevision]:
        if tenant is not None:
            return await self.mappings_of((tenant,))
        return await self._revisions(_ALL)

    async def mappings_of(self, tenants: Collection[TenantId]) -> Sequence[MappingRevision]:
        return await self._revisions(_OF_TENANTS, json.dumps([tenant.value for tenant in tenants]))

    async def tenants_in(self, account: ChatwootId, *, limit: int) -> Sequence[TenantId]:
        # Keys are in order, and "0" is what follows "/".
        start = f"channel/{account}"
        return await self._database.read(
            lambda connection: [
                TenantId(tenant)
                for (tenant,) in connection.execute(_TENANTS_IN, (f"{start}/", f"{start}0", limit))
            ]
        )

    async def rivals_of(self, claim: ChannelClaim) -> Rivals:
        table = await self.table_for()
        return evolve(table.rivals_of(claim), as_of=self._known)

    # The whole table bears on every message.
    async def table_for(
        self,
        *messages: IncomingMessage,  # noqa: ARG002
        supposing: ChannelMapping | None = None,  # noqa: ARG002
        explaining: bool = False,  # noqa: ARG002
    ) -> RoutingTable:
        wanted = await self._database.last_commit()
        self._put_own_commits()
        while self._known < wanted:
            if self._reading is None:
                self._reading = asyncio.create_task(self._read_on())
                self._reading.add_done_callback(_retrieve)
            # Shielded, so that a caller who gives up does not undo a long reading that
            # others wait for, or will ask for again.
            await asyncio.shield(self._reading)
            self._put_own_commits()
        return self._table

    async def _revisions(self, statement: str, *which: str) -> Sequence[MappingRevision]:
        return await self._database.read(
            lambda connection: [
                mapping_revision_of(row) for row in connection.execute(statement, which)
            ]
        )

    def _put_own_commits(self) -> None:
        self._known, mappings = self._database.rows.take_tail(self._known)
        for mapping in mappings:
            self._table.put(mapping)

    async def _read_on(self) -> None:
        try:
            self._known, table, changed = await self._database.read(self._select)
        finally:
            self._reading = None
        if table is not None:
            self._table = table
        for mapping in changed:
            self._table.put(mapping)

    def _select(
        self, connection: sqlite3.Connection
    ) -> tuple[int, RoutingTable | None, Sequence[ChannelMapping]]:
        known = sequence(connection)
        changed = changed_since(connection, self._known)
        if changed is None:
            return known, RoutingTable(_all_active(connection)), ()
        return known, None, changed


def changed_since(connection: sqlite3.Connection, seq: int) -> Sequence[ChannelMapping] | None:
    """
    The mappings that commits after *seq* wrote; None if the change log does not go back so far.
    """
    if connection.execute(_FORGOTTEN, (seq + 1,)).fetchone()[0]:
        return None
    return _rows(connection, _CHANGED_SINCE, seq)


def _all_active(connection: sqlite3.Connection) -> Iterator[ChannelMapping]:
    last = ""
    while rows := _rows(connection, _NEXT_ACTIVE, last, _CHUNK):
        yield from rows
        last = str(rows[-1].key)


def _rows(
    connection: sqlite3.Connection, statement: str, *which: object
) -> Sequence[ChannelMapping]:
    (text,) = connection.execute(statement, which).fetchone()
    return [mapping_of(row) for row in json.loads(text)]


def _retrieve(reading: asyncio.Task[None]) -> None:
    # Those who wait have the error; if all of them gave up, nobody misses it.
    if not reading.cancelled():
        reading.exception()
