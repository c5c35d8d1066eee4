"""
Everything that a SQLite file keeps, record by record.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, TypeAlias, cast

from attrs import frozen

from odoo_ai_config.adapters.sqlite.audit_log import END, LOGGED, end_of, entry_about
from odoo_ai_config.adapters.sqlite.conversation_store import CONVERSATIONS
from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.message_rows import (
    MESSAGE_COLUMNS,
    message_of,
    put_message,
    settle_lane,
)
from odoo_ai_config.adapters.sqlite.reader import Snapshot
from odoo_ai_config.adapters.sqlite.row_layout import Row, RowLayout, microseconds, time_of
from odoo_ai_config.adapters.sqlite.rows import (
    ADDRESSES,
    API_KEYS,
    AUDIT,
    COLLECTION_KEYS,
    COLLECTIONS,
    IDEMPOTENCY_RECORDS,
    IS_CREDENTIAL,
    MAPPING_COLUMNS,
    PENDING_AUDIT,
    REVISION_COLUMNS,
    REVISIONS,
    SECRETS,
    TENANT_KEYS,
    TENANT_STATES,
    mapping_revision_of,
    mapping_row,
    optional,
)
from odoo_ai_config.adapters.sqlite.schema import finish_copy
from odoo_ai_config.adapters.sqlite.writer import Transaction
from odoo_ai_config.application.ports.store_records import (
    PAGE_BYTES,
    PAGE_RECORDS,
    PendingEntry,
    Record,
    RecordKind,
    RecordPage,
    RecordReader,
    ReplacedMapping,
    StoredEnd,
    StoredItem,
    StoredMessage,
    StoreRecords,
    TenantKeys,
    places_of_texts,
)
from odoo_ai_config.domain.audit import TrailEnd
from odoo_ai_config.domain.collections import CollectionKey, CollectionName, Item, ItemState
from odoo_ai_config.domain.credentials.secrets import SealedSecret
from odoo_ai_config.domain.identifiers import TenantId


def _places(count: int) -> str:
    return ", ".join("?" * count)


def _limited(rows: Iterable[Row], place: slice) -> tuple[list[Row], Row | None]:
    """
    The *rows* of a page, and the *place* of the last one if others may follow.
    """
    taken: list[Row] = []
    size = 0
    for row in rows:
        taken.append(row)
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if len(taken) == PAGE_RECORDS or size >= PAGE_BYTES:
            return taken, row[place]
    return taken, None


class _Table:
    """
    A table that has one row for each record.

    Args:
        name: Of the table.
        columns: In the order of the rows. Those of the *place*, by which a record is found and
            which an index has in this order, come first.
        place: How many these are.
        of: Makes a record of a row.
        row: Makes a row of a record.
        which: A condition that rows fulfil.
        newest_first: Reads from the last place to the first.
    """

    def __init__(
        self,
        name: str,
        columns: str,
        place: Sequence[str],
        of: Callable[[Row], Any],
        row: Callable[[Any], Row],
        *,
        which: str = "TRUE",
        newest_first: bool = False,
    ) -> None:
        names = columns.split(", ")
        self._positions = [names.index(column) for column in place]
        key, marks = ", ".join(place), _places(len(place))
        order = ", ".join(f"{column} DESC" if newest_first else column for column in place)
        rest = [column for column in names if column not in place]
        read = f"SELECT {key}, {columns} FROM {name} WHERE {which}"
        ordered = f"ORDER BY {order} LIMIT {PAGE_RECORDS}"
        self._first = f"{read} {ordered}"
        beyond = "<" if newest_first else ">"
        self._behind = f"{read} AND ({key}) {beyond} ({marks}) {ordered}"
        self._find = f"{read} AND ({key}) = ({marks})"
        self._put = (
            f"INSERT INTO {name} ({columns}) VALUES ({_places(len(names))}) ON CONFLICT ({key}) "
            f"DO UPDATE SET {', '.join(f'{column} = excluded.{column}' for column in rest)}"
        )
        self._remove = f"DELETE FROM {name} WHERE ({key}) = ({marks})"
        self._of, self._row = of, row

    def page(self, start: Row | None, connection: sqlite3.Connection) -> RecordPage:
        width = len(self._positions)
        rows = connection.execute(self._first if start is None else self._behind, start or ())
        found, end = _limited(rows, slice(width))
        return RecordPage([self._of(row[width:]) for row in found], end)

    def find(self, records: Sequence[Any], connection: sqlite3.Connection) -> list[Any]:
        width = len(self._positions)
        rows = (
            connection.execute(self._find, self._place(self._row(one))).fetchone()
            for one in records
        )
        return [optional(self._of, None if row is None else row[width:]) for row in rows]

    def put(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        connection.executemany(self._put, map(self._row, records))

    def remove(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        connection.executemany(self._remove, [self._place(self._row(one)) for one in records])

    def _place(self, row: Row) -> Row:
        return tuple(row[position] for position in self._positions)


def _table(name: str, layout: RowLayout[Any], *place: str, which: str = "TRUE") -> _Table:
    return _Table(name, layout.columns, place, layout.of, layout.row, which=which)


class _AuditEnd:
    """
    The row that says how far the audit trail is linked.
    """

    def page(self, _start: Row | None, connection: sqlite3.Connection) -> RecordPage:
        return RecordPage([end for end in self.find([None], connection) if end], None)

    def find(self, records: Sequence[Any], connection: sqlite3.Connection) -> list[Any]:
        end, voucher = end_of(connection.execute(END).fetchone())
        return [None if voucher is None else StoredEnd(end, voucher)] * len(records)

    def put(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        for one in records:
            self._set(connection, one.end, one.voucher.master_id, one.voucher.digest)

    def remove(self, _records: Sequence[Any], connection: sqlite3.Connection) -> None:
        self._set(connection, TrailEnd(), None, None)

    def _set(self, connection: sqlite3.Connection, end: TrailEnd, *voucher: str | None) -> None:
        connection.execute(
            "UPDATE audit_end SET (number, hash, master_id, digest) = (?, ?, ?, ?)",
            (end.number, end.hash, *voucher),
        )


class _PendingAudit:
    """
    Pending entries, and behind them those that are made from the change log.
    """

    _ENTRIES: Final = (
        f"SELECT id, {PENDING_AUDIT.columns} FROM pending_audit WHERE id > ? "
        f"ORDER BY id LIMIT {PAGE_RECORDS}"
    )
    _LINES: Final = f"{LOGGED} AND seq > ? ORDER BY seq LIMIT {PAGE_RECORDS}"

    def page(self, start: Row | None, connection: sqlite3.Connection) -> RecordPage:
        table, last = start or ("pending_audit", 0)
        if table == "pending_audit":
            rows = connection.execute(self._ENTRIES, (last,)).fetchall()
            found = [
                PendingEntry(PENDING_AUDIT.of(row[1:]), ("pending_audit", "id", row[0]))
                for row in rows
            ]
            if len(found) == PAGE_RECORDS:
                return RecordPage(found, (table, rows[-1][0]))
            if found:
                return RecordPage(found, ("changes", -1))
            last = -1
        lines = connection.execute(self._LINES, (last,)).fetchall()
        made = [
            PendingEntry(entry_about(connection, line), ("changes", "seq", line[0]))
            for line in lines
        ]
        return RecordPage(made, ("changes", lines[-1][0]) if len(lines) == PAGE_RECORDS else None)

    def find(self, records: Sequence[Any], _connection: sqlite3.Connection) -> list[Any]:
        return [None] * len(records)

    def put(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        connection.executemany(
            f"INSERT INTO pending_audit ({PENDING_AUDIT.columns}) VALUES ({PENDING_AUDIT.places})",
            [PENDING_AUDIT.row(one.entry) for one in records],
        )

    def remove(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        for one in records:
            table, column, place = one.place
            connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (place,))


class _TenantKeys:
    """
    The data keys of each tenant, by their order.
    """

    def page(self, start: Row | None, connection: sqlite3.Connection) -> RecordPage:
        tenants = connection.execute(
            "SELECT DISTINCT tenant FROM tenant_keys WHERE tenant > ? "
            f"ORDER BY tenant LIMIT {PAGE_RECORDS}",
            start or ("",),
        )
        found, end = _limited(tenants, slice(1))
        return RecordPage([self._keys_of(tenant, connection) for (tenant,) in found], end)

    def find(self, records: Sequence[Any], connection: sqlite3.Connection) -> list[Any]:
        found = [self._keys_of(one.tenant.value, connection) for one in records]
        return [one if one.keys else None for one in found]

    def put(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        self.remove(records, connection)
        connection.executemany(
            f"INSERT INTO tenant_keys ({TENANT_KEYS.columns}) VALUES ({TENANT_KEYS.places})",
            [TENANT_KEYS.row(key) for one in records for key in one.keys],
        )

    def remove(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        connection.executemany(
            "DELETE FROM tenant_keys WHERE tenant = ?", [(one.tenant.value,) for one in records]
        )

    def _keys_of(self, tenant: str, connection: sqlite3.Connection) -> TenantKeys:
        rows = connection.execute(
            f"SELECT {TENANT_KEYS.columns} FROM tenant_keys WHERE tenant = ? ORDER BY id",
            (tenant,),
        )
        return TenantKeys(TenantId(tenant), tuple(map(TENANT_KEYS.of, rows)))


class _Revisions:
    """
    The versions of documents, and at which one each document is.
    """

    _READ: Final = (
        f"SELECT document, version, {REVISIONS.columns} "
        "FROM revisions JOIN (SELECT id, tenant, domain, kind FROM documents) ON document = id"
    )
    _OF: Final = "tenant = ? AND domain = ? AND kind = ?"

    def page(self, start: Row | None, connection: sqlite3.Connection) -> RecordPage:
        rows = connection.execute(
            f"{self._READ} WHERE (document, version) > (?, ?) "
            f"ORDER BY document, version LIMIT {PAGE_RECORDS}",
            start or (0, 0),
        )
        found, end = _limited(rows, slice(2))
        return RecordPage([REVISIONS.of(row[2:]) for row in found], end)

    def find(self, records: Sequence[Any], connection: sqlite3.Connection) -> list[Any]:
        statement = f"{self._READ} WHERE {self._OF} AND version = ?"
        rows = (
            connection.execute(statement, REVISIONS.row(one)[:4]).fetchone() for one in records
        )
        return [optional(REVISIONS.of, None if row is None else row[2:]) for row in rows]

    def put(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        rows = [REVISIONS.row(one) for one in records]
        connection.executemany(
            "INSERT INTO documents (tenant, domain, kind, version, deleted) "
            "VALUES (?, ?, ?, 0, 1) ON CONFLICT DO NOTHING",
            [row[:3] for row in rows],
        )
        columns = len(rows[0]) - 3
        connection.executemany(
            f"INSERT OR REPLACE INTO revisions (document, {REVISION_COLUMNS}) "
            f"VALUES ((SELECT id FROM documents WHERE {self._OF}), {_places(columns)})",
            rows,
        )
        self._settle(rows, connection)

    def remove(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        rows = [REVISIONS.row(one) for one in records]
        connection.executemany(
            "DELETE FROM revisions "
            f"WHERE document = (SELECT id FROM documents WHERE {self._OF}) AND version = ?",
            [row[:4] for row in rows],
        )
        self._settle(rows, connection)

    def _settle(self, rows: Sequence[Row], connection: sqlite3.Connection) -> None:
        keys = sorted({row[:3] for row in rows})
        connection.executemany(
            f"DELETE FROM documents WHERE {self._OF} "
            "AND NOT EXISTS (SELECT 1 FROM revisions WHERE document = id)",
            keys,
        )
        connection.executemany(
            "UPDATE documents SET (version, deleted) = (SELECT version, deleted FROM revisions "
            f"WHERE document = id ORDER BY version DESC LIMIT 1) WHERE {self._OF}",
            keys,
        )


class _Items:
    """
    The items of collections as readers see them, those of a push that is being moved included.
    """

    _OF: Final = "(SELECT id FROM collections WHERE tenant = ? AND name = ?)"
    _COLUMNS: Final = "id, version, removed_at, digest, text"

    def page(self, start: Row | None, connection: sqlite3.Connection) -> RecordPage:
        number, last = start or (0, None)
        while True:
            place = connection.execute(
                "SELECT id, tenant, name FROM collections WHERE id >= ? ORDER BY id LIMIT 1",
                (number,),
            ).fetchone()
            if place is None:
                return RecordPage((), None)
            rows = connection.execute(
                f"SELECT {self._COLUMNS} FROM present_items WHERE collection = ? AND id > ? "
                f"ORDER BY id LIMIT {PAGE_RECORDS}",
                (place[0], last or ""),
            )
            found, end = _limited(rows, slice(1))
            if found:
                following = (place[0] + 1, None) if end is None else (place[0], *end)
                return RecordPage([self._of(place[1:], row) for row in found], following)
            number, last = place[0] + 1, None

    def find(self, records: Sequence[Any], connection: sqlite3.Connection) -> list[Any]:
        statement = (
            f"SELECT {self._COLUMNS} FROM present_items WHERE collection = {self._OF} AND id = ?"
        )
        places = [(*COLLECTION_KEYS.row(one.collection), one.state.id) for one in records]
        return [
            optional(partial(self._of, place[:2]), connection.execute(statement, place).fetchone())
            for place in places
        ]

    def put(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        connection.executemany(
            f"INSERT OR REPLACE INTO items (collection, {self._COLUMNS}) "
            f"VALUES ({self._OF}, ?, ?, ?, ?, ?)",
            map(self._row, records),
        )

    def remove(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        connection.executemany(
            f"DELETE FROM items WHERE collection = {self._OF} AND id = ?",
            [self._row(one)[:3] for one in records],
        )

    def _row(self, stored: StoredItem) -> Row:
        item, at = stored.state.item, stored.removed_at
        return (
            *COLLECTION_KEYS.row(stored.collection),
            stored.state.id,
            stored.state.version,
            None if at is None else microseconds(at),
            "" if item is None else item.digest,
            "" if item is None else item.text,
        )

    def _of(self, place: Row, row: Row) -> StoredItem:
        id_, version, removed_at, digest, text = row
        key = CollectionKey(TenantId(place[0]), CollectionName(place[1]))
        item = None if removed_at is not None else Item(id_, text, digest)
        return StoredItem(key, ItemState(id_, version, item), optional(time_of, removed_at))


class _Messages:
    """
    Messages by their numbers, with their texts, and the head of each conversation.
    """

    _READ: Final = f"SELECT number, {MESSAGE_COLUMNS} FROM messages"
    _TEXT: Final = (
        f"SELECT {SECRETS.columns} FROM secrets "
        "WHERE tenant = ? AND domain = ? AND ref = ? AND purpose = ? AND fingerprint = ?"
    )

    def page(self, start: Row | None, connection: sqlite3.Connection) -> RecordPage:
        rows = connection.execute(
            f"{self._READ} WHERE number > ? ORDER BY number LIMIT {PAGE_RECORDS}", start or (0,)
        )
        found: list[StoredMessage] = []
        size = 0
        for row in rows:
            found.append(self._of(row, connection))
            size += sum(len(text.envelope) for text in found[-1].texts)
            if len(found) == PAGE_RECORDS or size >= PAGE_BYTES:
                return RecordPage(found, row[:1])
        return RecordPage(found, None)

    def find(self, records: Sequence[Any], connection: sqlite3.Connection) -> list[Any]:
        statement = f"{self._READ} WHERE id = ?"
        rows = [
            connection.execute(statement, (one.message.id.value,)).fetchone() for one in records
        ]
        return [None if row is None else self._of(row, connection) for row in rows]

    def put(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        for stored in records:
            put_message(stored.message, connection)
        self._remove_texts(records, connection)
        connection.executemany(
            f"INSERT INTO secrets ({SECRETS.columns}) VALUES ({SECRETS.places})",
            [SECRETS.row(text) for stored in records for text in stored.texts],
        )
        self._settle(records, connection)

    def remove(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        connection.executemany(
            "DELETE FROM messages WHERE id = ?", [(one.message.id.value,) for one in records]
        )
        self._remove_texts(records, connection)
        self._settle(records, connection)

    def _of(self, row: Row, connection: sqlite3.Connection) -> StoredMessage:
        message = message_of(row[1:])
        texts: list[SealedSecret] = []
        for context, fingerprint in places_of_texts(message):
            place = (
                context.tenant.value,
                context.domain.value,
                context.ref.value,
                context.purpose,
                fingerprint.value,
            )
            found = connection.execute(self._TEXT, place).fetchone()
            if found is not None:
                texts.append(SECRETS.of(found))
        return StoredMessage(message, tuple(texts))

    def _remove_texts(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        connection.executemany(
            f"DELETE FROM secrets WHERE ref = ? AND NOT ({IS_CREDENTIAL})",
            [(one.message.id.value,) for one in records],
        )

    def _settle(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        for lane in sorted({stored.message.conversation for stored in records}):
            settle_lane(lane, connection)


_Records: TypeAlias = (
    _Table | _TenantKeys | _Revisions | _Items | _Messages | _AuditEnd | _PendingAudit
)
_TABLES: Final[Mapping[RecordKind, _Records]] = {
    RecordKind.API_KEYS: _table("api_keys", API_KEYS, "id"),
    RecordKind.ADDRESSES: _table("addresses", ADDRESSES, "id"),
    RecordKind.TENANT_KEYS: _TenantKeys(),
    RecordKind.TENANT_STATES: _table("tenant_states", TENANT_STATES, "tenant"),
    RecordKind.SECRETS: _table(
        "secrets", SECRETS, "ref", "purpose", "fingerprint", "tenant", "domain",
        which=f"+{IS_CREDENTIAL}",
    ),
    RecordKind.REVISIONS: _Revisions(),
    RecordKind.MAPPINGS: _Table(
        "mappings", MAPPING_COLUMNS, ["key"], mapping_revision_of, mapping_row
    ),
    RecordKind.REPLACED_MAPPINGS: _Table(
        "mapping_revisions",
        f"{MAPPING_COLUMNS}, lost",
        ["key", "version"],
        lambda row: ReplacedMapping(mapping_revision_of(row[:-1]), bool(row[-1])),
        lambda replaced: (*mapping_row(replaced.revision), replaced.lost),
        newest_first=True,
    ),
    RecordKind.COLLECTIONS: _table("collections", COLLECTIONS, "tenant", "name"),
    RecordKind.ITEMS: _Items(),
    RecordKind.CONVERSATIONS: _table("conversations", CONVERSATIONS, "account", "id"),
    RecordKind.MESSAGES: _Messages(),
    RecordKind.REQUESTS: _table("deliveries", IDEMPOTENCY_RECORDS, "caller", "key"),
    RecordKind.AUDIT: _table("audit", AUDIT, "id"),
    RecordKind.AUDIT_END: _AuditEnd(),
    RecordKind.PENDING_AUDIT: _PendingAudit(),
}  # fmt: skip


@frozen(eq=False)
class _SqliteRecordReader(RecordReader):
    _snapshot: Snapshot

    async def page(self, kind: RecordKind, start: object | None = None) -> RecordPage:
        return await self._snapshot.read(partial(_TABLES[kind].page, cast("Row | None", start)))


@frozen(eq=False)
class SqliteStoreRecords(StoreRecords):
    """
    Reads rows with what belongs to them, and replaces them.
    """

    database: SqliteDatabase

    async def page(self, kind: RecordKind, start: object | None = None) -> RecordPage:
        return await self.database.read(partial(_TABLES[kind].page, cast("Row | None", start)))

    async def find(self, kind: RecordKind, records: Sequence[Record]) -> Sequence[Record | None]:
        return await self.database.read(partial(_TABLES[kind].find, records))

    async def put(self, kind: RecordKind, records: Sequence[Record]) -> None:
        await self._write(partial(_TABLES[kind].put, records))

    async def remove(self, kind: RecordKind, records: Sequence[Record]) -> None:
        await self._write(partial(_TABLES[kind].remove, records))

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[RecordReader]:
        async with self.database.snapshot() as snapshot:
            yield _SqliteRecordReader(snapshot)

    async def finish(self) -> None:
        await self._write(finish_copy)

    async def _write(self, write: Callable[[sqlite3.Connection], None]) -> None:
        def run(transaction: Transaction) -> None:
            write(transaction.connection)

        await self.database.write(run, long=True)
