"""
Everything that a SQLite file keeps, record by record.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, ClassVar, Final, cast

from attrs import astuple, field, frozen

from odoo_ai_config.adapters.sqlite.audit_log import LOGGED, entry_about
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
    DOCUMENT_KEYS,
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
from odoo_ai_config.application.ports.store_records import (
    PAGE_BYTES,
    PAGE_RECORDS,
    Record,
    RecordKind,
    RecordPage,
    ReplacedMapping,
    StoredEnd,
    StoredItem,
    StoredMessage,
    StoreRecords,
    TenantKeys,
    places_of_texts,
)
from odoo_ai_config.domain.audit import TrailEnd, Voucher
from odoo_ai_config.domain.collections import Item, ItemState
from odoo_ai_config.domain.credentials.secrets import SealedSecret
from odoo_ai_config.domain.messages.inbox import ANSWER, BODY

_DOCUMENT: Final = "(SELECT id FROM documents WHERE (tenant, domain, kind) = (?1, ?2, ?3))"
_COLLECTION: Final = "(SELECT id FROM collections WHERE (tenant, name) = (?1, ?2))"
_REMOVE_EMPTY: Final = (
    f"DELETE FROM documents WHERE id = {_DOCUMENT} "
    "AND NOT EXISTS (SELECT 1 FROM revisions WHERE document = id)"
)
_SETTLE: Final = (
    "UPDATE documents SET (version, deleted) = (SELECT version, deleted FROM revisions "
    f"WHERE document = id ORDER BY version DESC LIMIT 1) WHERE id = {_DOCUMENT}"
)
_ITEM_COLUMNS: Final = "id, version, removed_at, digest, text"


def _marks(names: Sequence[str]) -> str:
    return ", ".join("?" * len(names))


def _numbered(first: int, last: int) -> str:
    """
    These parameters.
    """
    return ", ".join(f"?{number}" for number in range(first, last + 1))


def _page(rows: Iterable[Row], place: slice, of: Callable[[Row], Any]) -> RecordPage:
    """
    What *of* makes of *rows*; the *place* of the last one is the end if others may follow.
    """
    taken: list[Any] = []
    size = 0
    for row in rows:
        taken.append(of(row))
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if len(taken) == PAGE_RECORDS or size >= PAGE_BYTES:
            return RecordPage(taken, row[place])
    return RecordPage(taken, None)


@frozen
class _Table:
    """
    A table, or a query, that has one row for each record.

    Args:
        name: Of the table.
        columns: In the order of the rows.
        place: Those of them by which a record is found.
        of: Makes a record of a row.
        row: Makes a row of a record.
        which: A condition that rows fulfil.
        order: By what they are read, as an index has it; by their places if not named.
        newest_first: Reads from the last place to the first.
        finding: What finds the row at a place, which is its parameters; usually that follows.
        putting: What writes a row, whose values are its parameters; likewise.
        removing: What removes the row at a place; likewise.
    """

    name: str
    columns: str
    place: Sequence[str]
    of: Callable[[Row], Any]
    row: Callable[[Any], Row]
    which: str = field(default="TRUE", kw_only=True)
    order: Sequence[str] = field(default=(), kw_only=True)
    newest_first: bool = field(default=False, kw_only=True)
    finding: str = field(default="", kw_only=True)
    putting: str = field(default="", kw_only=True)
    removing: str = field(default="", kw_only=True)

    def page(self, start: Row | None, connection: sqlite3.Connection) -> RecordPage:
        order = self.order or self.place
        key, down = ", ".join(order), " DESC" if self.newest_first else ""
        behind = f"({key}) {'<' if down else '>'} ({_marks(order)})" if start else "TRUE"
        rows = connection.execute(
            f"SELECT {key}, {self.columns} FROM {self.name} WHERE {self.which} AND {behind} "
            f"ORDER BY {', '.join(f'{one}{down}' for one in order)} LIMIT {PAGE_RECORDS}",
            start or (),
        )
        width = len(order)
        return _page(rows, slice(width), lambda row: self.of(row[width:]))

    def find(self, records: Sequence[Any], connection: sqlite3.Connection) -> list[Any]:
        statement = self.finding or (
            f"SELECT {self.columns} FROM {self.name} WHERE {self.which} AND {self._is_at_place}"
        )
        return [
            optional(self.of, connection.execute(statement, place).fetchone())
            for place in self.places(records)
        ]

    def put(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        names = self.columns.split(", ")
        statement = self.putting or (
            f"INSERT INTO {self.name} ({self.columns}) VALUES ({_marks(names)}) "
            f"ON CONFLICT ({', '.join(self.place)}) DO UPDATE SET "
            f"{', '.join(f'{one} = excluded.{one}' for one in names)}"
        )
        connection.executemany(statement, map(self.row, records))

    def remove(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        statement = self.removing or f"DELETE FROM {self.name} WHERE {self._is_at_place}"
        connection.executemany(statement, self.places(records))

    def places(self, records: Sequence[Any]) -> list[Row]:
        names = self.columns.split(", ")
        positions = [names.index(column) for column in self.place]
        rows = map(self.row, records)
        return [tuple(row[position] for position in positions) for row in rows]

    @property
    def _is_at_place(self) -> str:
        return f"({', '.join(self.place)}) = ({_marks(self.place)})"


def _table(name: str, layout: RowLayout[Any], *place: str, which: str = "TRUE") -> _Table:
    return _Table(name, layout.columns, place, layout.of, layout.row, which=which)


@frozen
class _PendingAudit(_Table):
    """
    Pending entries, and behind them those that are made from the change log.
    """

    _ENTRIES: ClassVar = (
        f"SELECT id, {PENDING_AUDIT.columns} FROM pending_audit WHERE id > ? "
        f"ORDER BY id LIMIT {PAGE_RECORDS}"
    )
    _LINES: ClassVar = f"{LOGGED} AND seq > ? ORDER BY seq LIMIT {PAGE_RECORDS}"

    def page(self, start: Row | None, connection: sqlite3.Connection) -> RecordPage:
        is_logged, last = start or (False, 0)
        rows = connection.execute(self._LINES if is_logged else self._ENTRIES, (last,)).fetchall()
        if is_logged:
            found = [entry_about(connection, row) for row in rows]
        else:
            found = [PENDING_AUDIT.of(row[1:]) for row in rows]
        if len(rows) == PAGE_RECORDS:
            return RecordPage(found, (is_logged, rows[-1][0]))
        return RecordPage(found, None if is_logged else (True, 0))

    def remove(self, _records: Sequence[Any], connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM pending_audit")
        connection.execute("UPDATE audit_end SET logged = (SELECT value FROM sequence)")


@frozen
class _TenantKeys(_Table):
    """
    The data keys of each tenant, by their order.
    """

    def put(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        self.remove(records, connection)
        connection.executemany(
            f"INSERT INTO tenant_keys ({TENANT_KEYS.columns}) VALUES ({TENANT_KEYS.places})",
            [TENANT_KEYS.row(key) for one in records for key in one.keys],
        )


@frozen
class _Revisions(_Table):
    """
    The versions of documents, and at which one each document is.
    """

    def put(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO documents (tenant, domain, kind, version, deleted) "
            "VALUES (?, ?, ?, 0, 1) ON CONFLICT DO NOTHING",
            [REVISIONS.row(one)[:3] for one in records],
        )
        super().put(records, connection)
        self._settle(records, connection)

    def remove(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        super().remove(records, connection)
        self._settle(records, connection)

    def _settle(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        documents = {REVISIONS.row(one)[:3] for one in records}
        connection.executemany(_REMOVE_EMPTY, documents)
        connection.executemany(_SETTLE, documents)


@frozen
class _Items(_Table):
    """
    The items of collections as readers see them, those of a push that is being moved included.
    """

    _OF_ONE: ClassVar = (
        "SELECT tenant, name, items.id, items.version, removed_at, digest, text "
        "FROM collections JOIN present_items AS items ON collection = ?1 "
        f"WHERE collections.id = ?1 AND items.id > ?2 ORDER BY items.id LIMIT {PAGE_RECORDS}"
    )

    def page(self, start: Row | None, connection: sqlite3.Connection) -> RecordPage:
        first, last = start or (0, "")
        at_least = "SELECT min(id) FROM collections WHERE id >= ?"
        (number,) = connection.execute(at_least, (first,)).fetchone()
        if number is None:
            return RecordPage((), None)
        # That of another collection begins with its first item.
        behind = last if number == first else ""
        rows = connection.execute(self._OF_ONE, (number, behind))
        page = _page(rows, slice(2, 3), self.of)
        end = (number + 1, "") if page.end is None else (number, *cast("Row", page.end))
        return RecordPage(page.records, end)


@frozen
class _Messages(_Table):
    """
    Messages with their texts, and the head of each conversation.
    """

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
        super().remove(records, connection)
        self._remove_texts(records, connection)
        self._settle(records, connection)

    def _remove_texts(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        connection.executemany(
            f"DELETE FROM secrets WHERE ref = ? AND NOT ({IS_CREDENTIAL})", self.places(records)
        )

    def _settle(self, records: Sequence[Any], connection: sqlite3.Connection) -> None:
        for lane in {stored.message.conversation for stored in records}:
            settle_lane(lane, connection)


def _text(purpose: str, fingerprint: str) -> str:
    """
    The columns that a text of a message has, which its *fingerprint* names.
    """
    return ", ".join(
        f"(SELECT {column} FROM secrets WHERE ref = messages.id AND purpose = '{purpose}' "
        f"AND secrets.fingerprint = {fingerprint} AND secrets.tenant = messages.tenant "
        "AND secrets.domain = messages.domain)"
        for column in ("key_id", "envelope")
    )


def _message(row: Row) -> StoredMessage:
    message = message_of(row[:-4])
    sealed = {BODY: row[-4:-2], ANSWER: row[-2:]}
    texts = [
        SealedSecret(context, fingerprint, *sealed[context.purpose])
        for context, fingerprint in places_of_texts(message)
        if sealed[context.purpose][0] is not None
    ]
    return StoredMessage(message, tuple(texts))


def _tenant_keys(row: Row) -> TenantKeys:
    keys = [
        TENANT_KEYS.of((row[0], key_id, master_id, bytes.fromhex(wrapped), at))
        for _, key_id, master_id, wrapped, at in sorted(json.loads(row[1]))
    ]
    return TenantKeys(keys[0].tenant, tuple(keys))


def _item(row: Row) -> StoredItem:
    id_, version, removed_at, digest, text = row[2:]
    item = None if removed_at is not None else Item(id_, text, digest)
    state = ItemState(id_, version, item)
    return StoredItem(COLLECTION_KEYS.of(row[:2]), state, optional(time_of, removed_at))


def _item_row(stored: StoredItem) -> Row:
    state, item = stored.state, stored.state.item
    content = ("", "") if item is None else (item.digest, item.text)
    removed_at = optional(microseconds, stored.removed_at)
    return (*COLLECTION_KEYS.row(stored.collection), state.id, state.version, removed_at, *content)


_KINDS: Final[Mapping[RecordKind, _Table]] = {
    RecordKind.API_KEYS: _table("api_keys", API_KEYS, "id"),
    RecordKind.ADDRESSES: _table("addresses", ADDRESSES, "id"),
    RecordKind.TENANT_KEYS: _TenantKeys(
        "tenant_keys",
        "tenant, (SELECT json_group_array(json_array(id, key_id, master_id, hex(wrapped), "
        "created_at)) FROM tenant_keys AS own WHERE own.tenant = tenant_keys.tenant)",
        ["tenant"],
        _tenant_keys,
        lambda one: (one.tenant.value,),
        # One row of each tenant.
        which="NOT EXISTS (SELECT 1 FROM tenant_keys AS own "
        "WHERE own.tenant = tenant_keys.tenant AND own.id < tenant_keys.id)",
    ),
    RecordKind.TENANT_STATES: _table("tenant_states", TENANT_STATES, "tenant"),
    RecordKind.SECRETS: _table(
        "secrets", SECRETS, "ref", "purpose", "fingerprint", "tenant", "domain",
        which=f"+{IS_CREDENTIAL}",
    ),
    RecordKind.REVISIONS: _Revisions(
        "revisions JOIN (SELECT id, tenant, domain, kind FROM documents) ON document = id",
        REVISIONS.columns,
        [*DOCUMENT_KEYS.columns.split(", "), "version"],
        REVISIONS.of,
        REVISIONS.row,
        putting=f"INSERT OR REPLACE INTO revisions (document, {REVISION_COLUMNS}) "
        f"VALUES ({_DOCUMENT}, {_numbered(4, REVISIONS.width)})",
        removing=f"DELETE FROM revisions WHERE document = {_DOCUMENT} AND version = ?4",
    ),
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
    RecordKind.ITEMS: _Items(
        "present_items",
        f"?1, ?2, {_ITEM_COLUMNS}",
        ["?1", "?2", "id"],
        _item,
        _item_row,
        finding=f"SELECT ?1, ?2, {_ITEM_COLUMNS} FROM present_items "
        f"WHERE collection = {_COLLECTION} AND id = ?3",
        putting=f"INSERT OR REPLACE INTO items (collection, {_ITEM_COLUMNS}) "
        f"VALUES ({_COLLECTION}, {_numbered(3, 7)})",
        removing=f"DELETE FROM items WHERE collection = {_COLLECTION} AND id = ?3",
    ),
    RecordKind.CONVERSATIONS: _table("conversations", CONVERSATIONS, "account", "id"),
    RecordKind.MESSAGES: _Messages(
        "messages",
        f"{MESSAGE_COLUMNS}, {_text(BODY, 'body')}, {_text(ANSWER, 'answer')}",
        ["id"],
        _message,
        lambda stored: (stored.message.id.value,),
        order=["number"],
    ),
    RecordKind.REQUESTS: _table("deliveries", IDEMPOTENCY_RECORDS, "caller", "key"),
    RecordKind.AUDIT: _table("audit", AUDIT, "id"),
    RecordKind.AUDIT_END: _Table(
        "audit_end",
        "one, number, hash, master_id, digest",
        ["one"],
        lambda row: StoredEnd(TrailEnd(*row[1:3]), Voucher(*row[3:])),
        lambda stored: (1, *astuple(stored.end), *astuple(stored.voucher)),
        which="master_id IS NOT NULL",
        putting="UPDATE audit_end SET (number, hash, master_id, digest) = (?2, ?3, ?4, ?5) "
        "WHERE one = ?1",
        removing="UPDATE audit_end SET (number, hash, master_id, digest) = "
        f"(0, '{TrailEnd().hash}', NULL, NULL) WHERE one = ?1",
    ),
    RecordKind.PENDING_AUDIT: _PendingAudit(
        "pending_audit",
        PENDING_AUDIT.columns,
        ["at"],
        PENDING_AUDIT.of,
        PENDING_AUDIT.row,
        putting=f"INSERT INTO pending_audit ({PENDING_AUDIT.columns}) "
        f"VALUES ({PENDING_AUDIT.places})",
    ),
}  # fmt: skip


@frozen(eq=False)
class SqliteStoreRecords(StoreRecords):
    """
    Reads rows with what belongs to them, and replaces them.
    """

    database: SqliteDatabase
    snapshot: Snapshot | None = None

    async def page(self, kind: RecordKind, start: object | None = None) -> RecordPage:
        source = self.snapshot or self.database
        return await source.read(partial(_KINDS[kind].page, cast("Row | None", start)))

    async def find(self, kind: RecordKind, records: Sequence[Record]) -> Sequence[Record | None]:
        return await self.database.read(partial(_KINDS[kind].find, records))

    async def put(self, kind: RecordKind, records: Sequence[Record]) -> None:
        await self._write(partial(_KINDS[kind].put, records))

    async def remove(self, kind: RecordKind, records: Sequence[Record]) -> None:
        await self._write(partial(_KINDS[kind].remove, records))

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[StoreRecords]:
        async with self.database.snapshot() as snapshot:
            yield SqliteStoreRecords(self.database, snapshot)

    async def finish(self) -> None:
        await self._write(finish_copy)

    async def _write(self, write: Callable[[sqlite3.Connection], None]) -> None:
        await self.database.write(lambda transaction: write(transaction.connection), long=True)
