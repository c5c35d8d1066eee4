"""
Everything that a MongoDB database keeps, record by record.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeAlias

from attrs import field, frozen
from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, DeleteOne, InsertOne, ReplaceOne, UpdateOne

from odoo_ai_config.adapters.mongo.audit_log import (
    END,
    LINKED,
    entry_about,
    entry_about_mapping,
    replaced_before,
)
from odoo_ai_config.adapters.mongo.conversations import settle_queues
from odoo_ai_config.adapters.mongo.database import (
    SCHEMA,
    UNFINISHED,
    UNLINKED,
    MongoDatabase,
    Record,
    Session,
)
from odoo_ai_config.adapters.mongo.deadlines import settled, within
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.records import (
    from_instant,
    from_record,
    item_place,
    item_state_from,
    mapping_record,
    message_record,
    replaced_id,
    secret_record,
    tenant_keys_from,
    text_record,
    texts_from,
    to_instant,
    to_record,
)
from odoo_ai_config.adapters.mongo.tenant_store import (
    close,
    close_keys,
    close_uses,
    open_keys,
)
from odoo_ai_config.application.ports import store_records as neutral
from odoo_ai_config.application.ports.store_records import (
    CLASSES,
    PAGE_BYTES,
    PAGE_RECORDS,
    RecordKind,
    RecordPage,
    ReplacedMapping,
    StoredItem,
    StoredMessage,
    StoreRecords,
    TenantKeys,
    places_of_texts,
)
from odoo_ai_config.domain.channels.mapping import MappingRevision
from odoo_ai_config.domain.collections import CollectionHead, CollectionKey, CollectionName
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import InboxMessage, Stage
from odoo_ai_config.domain.tenants import Standing, TenantState

# Brings what follows from some records in step with what is stored of them.
Settle: TypeAlias = Callable[[MongoDatabase, Sequence[Any]], Awaitable[None]]
# Instants are copied as they are stored.
_AS_STORED: Final = timedelta(0)
_OBJECT_ID: Final = 12


async def _settle_nothing(_database: MongoDatabase, _records: Sequence[Any]) -> None:
    pass


@frozen
class _Kind:
    """
    Where the records of one kind are.

    Args:
        collection: The name of the collection.
        of: Makes what is read of a stored record.
        record: The reverse.
        place: The fields that name a record.
        order: The fields by which they are read, as an index has them; those of *place* if not
            named.
        which: What is true of all of them.
        direction: Of the reading.
        settle: Called with those that were put or removed.
    """

    collection: str
    of: Callable[[Record], Any] = dict
    record: Callable[[Any], Record] = to_record
    place: tuple[str, ...] = ("_id",)
    order: tuple[str, ...] = ()
    which: Record = field(factory=dict)
    direction: int = ASCENDING
    settle: Settle = _settle_nothing

    async def page(
        self, database: MongoDatabase, start: object | None, session: Session | None = None
    ) -> RecordPage:
        wanted, names = dict(self.which), self.order or self.place
        if isinstance(start, tuple):
            beyond = "$gt" if self.direction == ASCENDING else "$lt"
            first, *rest = names
            # Where the alternatives begin in the index: they alone would not bound it.
            wanted[first] = {f"{beyond}e" if rest else beyond: start[0]}
            if rest:
                wanted["$or"] = [
                    {first: start[0], rest[0]: {beyond: start[1]}},
                    {first: {beyond: start[0]}},
                ]
        order = [(name, self.direction) for name in names]
        cursor = database[self.collection].find(wanted, session=session).sort(order)
        cursor = cursor.limit(PAGE_RECORDS)
        found: list[Record] = []
        size = 0
        try:
            async for record in cursor:
                found.append(record)
                size += _size(record)
                if size >= PAGE_BYTES:
                    break
        finally:
            await cursor.close()
        more = size >= PAGE_BYTES or len(found) == PAGE_RECORDS
        end = tuple(found[-1][name] for name in names) if more else None
        return RecordPage([self.of(record) for record in found], end)

    async def find(self, database: MongoDatabase, records: Sequence[Any]) -> list[Any]:
        places = [self.named(self.record(one)) for one in records]
        wanted: Record = {"$or": places}
        if self.place == ("_id",):
            wanted = {"_id": {"$in": [place["_id"] for place in places]}, **self.which}
        cursor = database[self.collection].find(wanted)
        # Some names are records themselves.
        stored = {str(self.named(one)): self.of(one) for one in await cursor.to_list(None)}
        return [stored.get(str(place)) for place in places]

    async def put(self, database: MongoDatabase, records: Sequence[Any]) -> None:
        made = [self.record(one) for one in records]
        await database[self.collection].bulk_write(
            [ReplaceOne(self.named(one), one, upsert=True) for one in made], ordered=False
        )
        await self.settle(database, records)

    async def remove(self, database: MongoDatabase, records: Sequence[Any]) -> None:
        await database[self.collection].bulk_write(
            [DeleteOne(self.named(self.record(one))) for one in records], ordered=False
        )
        await self.settle(database, records)

    def named(self, record: Record) -> Record:
        """
        What only *record* is.
        """
        return {name: record[name] for name in self.place}


def _size(value: object) -> int:
    match value:
        case dict():
            return sum(map(_size, value.values()))
        case str() | bytes():
            return len(value)
        case list():
            return sum(map(_size, value))
        case _:
            return 0


async def _numbered_behind(
    database: MongoDatabase, kind: _Kind, name: str, records: Sequence[Any]
) -> list[tuple[int, Any]]:
    """
    *records* with numbers that are greater than the field *name* of all stored ones.
    """
    cursor = database[kind.collection].find(dict(kind.which), [name]).sort(name, DESCENDING)
    newest = await cursor.limit(1).to_list(None)
    last = int.from_bytes(newest[0][name].binary) if newest else 0
    return list(enumerate(records, last + 1))


def _object_id(number: int) -> ObjectId:
    return ObjectId(number.to_bytes(_OBJECT_ID))


@frozen
class _PendingAudit(_Kind):
    """
    Pending entries, and behind them those that are made from revisions.
    """

    async def page(
        self, database: MongoDatabase, start: object | None, session: Session | None = None
    ) -> RecordPage:
        number, last = start if isinstance(start, tuple) else (0, None)
        kind = _PENDING[number]
        page = await kind.page(database, last, session)
        records: Sequence[Any] = page.records
        following = (number + 1, None) if number + 1 < len(_PENDING) else None
        end = following if page.end is None else (number, page.end)
        if "mapping" in kind.collection:
            before = await replaced_before(database, records, session)
            records = [entry_about_mapping(one, before) for one in records]
        return RecordPage(records, end)

    async def put(self, database: MongoDatabase, records: Sequence[Any]) -> None:
        numbered = await _numbered_behind(database, self, "_id", records)
        await database[self.collection].bulk_write(
            [InsertOne({**to_record(one), "_id": _object_id(number)}) for number, one in numbered]
        )

    async def remove(self, database: MongoDatabase, _records: Sequence[Any]) -> None:
        await database[self.collection].delete_many({})
        for kind in _PENDING[1:]:
            await database[kind.collection].update_many(kind.which, LINKED)


@frozen
class _Messages(_Kind):
    """
    Messages in the order of their receipt, with their texts; their marks and their conversations.
    """

    async def put(self, database: MongoDatabase, records: Sequence[Any]) -> None:
        writes = []
        # A turn only has to be behind those before: new ones have it by the time.
        for number, stored in await _numbered_behind(database, self, "arrival", records):
            record = self.record(stored)
            place, new = self.named(record), {"arrival": _object_id(number), "turn": number}
            change = {name: record[name] for name in record.keys() - place.keys()}
            writes.append(UpdateOne(place, {"$set": change, "$setOnInsert": new}, upsert=True))
        await database[self.collection].bulk_write(writes, ordered=False)
        await self.settle(database, records)


async def _settle_documents(database: MongoDatabase, revisions: Sequence[Any]) -> None:
    """
    Keep the newest version of each document beside the others.
    """
    writes: list[Any] = []
    for name in sorted({str(revision.key) for revision in revisions}):
        newest = await database["revisions"].find_one(
            {"document": name}, sort=[("version", DESCENDING)]
        )
        if newest is None:
            writes.append(DeleteOne({"_id": name}))
        else:
            record = {**newest, "_id": name}
            del record["document"]
            writes.append(ReplaceOne({"_id": name}, record, upsert=True))
    await database["documents"].bulk_write(writes, ordered=False)


async def _settle_lost(database: MongoDatabase, replaced: Sequence[Any]) -> None:
    """
    Note when channels went to another tenant: the newer revisions are written first.
    """
    for record in [_replaced_record(one) for one in replaced if one.lost]:
        channel, later = record["channel"], {"$gt": record["version"]}
        newer = await database["mapping_revisions"].find_one(
            {"channel": channel, "version": later}, sort=[("version", ASCENDING)]
        ) or await database["mappings"].find_one({"_id": channel})
        if newer is not None:
            await database["mapping_revisions"].update_one(
                {"channel": channel, "version": record["version"]},
                {"$set": {"lost_at": newer["updated_at"]}},
            )


async def _settle_keys(database: MongoDatabase, states: Sequence[Any]) -> None:
    """
    A closed tenant has no data keys, and gets none; one that is being renamed keeps its own.
    """
    names = [state.tenant.value for state in states]
    stored = await database["tenant_states"].find({"_id": {"$in": names}}).to_list(None)
    found = {one["_id"]: from_record(one, TenantState) for one in stored}
    for name in names:
        state = found.get(name)
        if state is None or not state.is_closed:
            await open_keys(database, name)
            continue
        await close_uses(database, name)
        if state.standing is Standing.RENAMING and not state.data_keys:
            await close(database, name)
        else:
            await close_keys(database, name)


async def _settle_messages(database: MongoDatabase, records: Sequence[Any]) -> None:
    """
    Keep the marks of the messages that are there, and the queues of their conversations.
    """
    ids = [stored.message.id.value for stored in records]
    names = sorted({stored.message.conversation for stored in records})
    cursor = database["messages"].find({"_id": {"$in": ids}, "conversation": {"$in": names}}, [])
    there = {record["_id"] for record in await cursor.to_list(None)}
    marks: list[Any] = []
    for id_, stored in zip(ids, records, strict=True):
        for mark in stored.message.origin.marks:
            kept = ReplaceOne({"_id": mark}, {"message": id_}, upsert=True)
            marks.append(kept if id_ in there else DeleteOne({"_id": mark}))
    if marks:
        await database["marks"].bulk_write(marks, ordered=False)
    await settle_queues(database, {stored.message.conversation for stored in records})


def _tenant_keys_record(keys: TenantKeys) -> Record:
    return {
        "_id": keys.tenant.value,
        "active": keys.keys[-1].key_id,
        "keys": [to_record(key) for key in keys.keys],
        "uses": 0,
    }


def _replaced_record(replaced: ReplacedMapping) -> Record:
    record = mapping_record(replaced.revision)
    channel, version = record["_id"], record["version"]
    lost = {"lost_at": record["updated_at"]} if replaced.lost else {}
    return {**record, "_id": replaced_id(channel, version), "channel": channel, **lost}


def _head_record(head: CollectionHead) -> Record:
    return {"_id": str(head.key), **to_record(head), "floor": head.compaction_floor}


def _item_record(stored: StoredItem) -> Record:
    state, at = stored.state, stored.removed_at
    content = {"digest": None, "text": None} if state.item is None else to_record(state.item)
    return {
        "_id": item_place(stored.collection, state.id),
        "collection": str(stored.collection),
        **content,
        "id": state.id,
        "version": state.version,
        "removed_at": None if at is None else to_instant(at),
    }


def _item_from(record: Record) -> StoredItem:
    tenant, _, name = record["collection"].partition("/")
    key, at = CollectionKey(TenantId(tenant), CollectionName(name)), record["removed_at"]
    return StoredItem(key, item_state_from(record), None if at is None else from_instant(at))


def _message_record(stored: StoredMessage) -> Record:
    return {
        "_id": stored.message.id.value,
        **message_record(stored.message, ahead=_AS_STORED),
        "ready": None,
        "sealed": {text.context.purpose: text_record(text) for text in stored.texts},
    }


def _message_from(record: Record) -> StoredMessage:
    message = from_record(record, InboxMessage)
    texts = {(text.context, text.fingerprint): text for text in texts_from(record)}
    named = [texts.get(place) for place in places_of_texts(message)]
    return StoredMessage(message, tuple(text for text in named if text is not None))


def _of(kind: RecordKind) -> Callable[[Record], Any]:
    return partial(from_record, cls=CLASSES[kind])


_BY_DOCUMENT: Final = ("document", "version")
_BY_CHANNEL: Final = ("channel", "version")
_KINDS: Final[Mapping[RecordKind, _Kind]] = {
    RecordKind.API_KEYS: _Kind("api_keys", _of(RecordKind.API_KEYS)),
    RecordKind.ADDRESSES: _Kind("addresses", _of(RecordKind.ADDRESSES)),
    RecordKind.TENANT_KEYS: _Kind(
        "tenant_keys",
        lambda record: TenantKeys(TenantId(record["_id"]), tuple(tenant_keys_from(record))),
        _tenant_keys_record,
        # Those of closed tenants have none.
        which={"closed": {"$ne": True}},
    ),
    RecordKind.TENANT_STATES: _Kind(
        "tenant_states", _of(RecordKind.TENANT_STATES), settle=_settle_keys
    ),
    RecordKind.SECRETS: _Kind("secrets", _of(RecordKind.SECRETS), secret_record),
    RecordKind.REVISIONS: _Kind(
        "revisions",
        _of(RecordKind.REVISIONS),
        lambda revision: {"document": str(revision.key), **to_record(revision)},
        _BY_DOCUMENT,
        settle=_settle_documents,
    ),
    RecordKind.MAPPINGS: _Kind("mappings", _of(RecordKind.MAPPINGS), mapping_record),
    RecordKind.REPLACED_MAPPINGS: _Kind(
        "mapping_revisions",
        lambda one: ReplacedMapping(from_record(one, MappingRevision), lost="lost_at" in one),
        _replaced_record,
        _BY_CHANNEL,
        direction=DESCENDING,
        settle=_settle_lost,
    ),
    RecordKind.COLLECTIONS: _Kind("collections", _of(RecordKind.COLLECTIONS), _head_record),
    RecordKind.ITEMS: _Kind("items", _item_from, _item_record),
    RecordKind.CONVERSATIONS: _Kind(
        "conversation_states",
        _of(RecordKind.CONVERSATIONS),
        lambda state: {"_id": str(state.key), **to_record(state)},
    ),
    RecordKind.MESSAGES: _Messages(
        "messages",
        _message_from,
        _message_record,
        ("_id", "conversation"),
        order=("arrival",),
        # The index by which they are read in this order begins with it.
        which={"stage": {"$in": [stage.value for stage in Stage]}},
        settle=_settle_messages,
    ),
    RecordKind.REQUESTS: _Kind("deliveries", _of(RecordKind.REQUESTS)),
    RecordKind.AUDIT: _Kind("audit", _of(RecordKind.AUDIT)),
    RecordKind.AUDIT_END: _Kind(
        "audit_end", _of(RecordKind.AUDIT_END), lambda stored: {**END, **to_record(stored)}
    ),
    RecordKind.PENDING_AUDIT: _PendingAudit("pending_audit"),
}
# Nothing but what follows from records.
_DERIVED: Final = ("documents", "marks", "conversations")
_PENDING: Final = (
    _Kind("pending_audit", _of(RecordKind.PENDING_AUDIT)),
    _Kind("revisions", entry_about, place=_BY_DOCUMENT, which=UNLINKED),
    _Kind("mappings", which=UNLINKED),
    _Kind("mapping_revisions", place=_BY_CHANNEL, which=UNLINKED),
)


@frozen(eq=False)
class MongoStoreRecords(StoreRecords):
    """
    Reads and replaces the records of each collection, and those that are derived from them.
    """

    _database: MongoDatabase
    _session: Session | None = None

    @translated
    async def page(self, kind: RecordKind, start: object | None = None) -> RecordPage:
        return await _KINDS[kind].page(self._database, start, self._session)

    @translated
    async def find(
        self, kind: RecordKind, records: Sequence[neutral.Record]
    ) -> Sequence[neutral.Record | None]:
        return await _KINDS[kind].find(self._database, records)

    @translated
    async def put(self, kind: RecordKind, records: Sequence[neutral.Record]) -> None:
        await _KINDS[kind].put(self._database, records)

    @translated
    async def remove(self, kind: RecordKind, records: Sequence[neutral.Record]) -> None:
        await _KINDS[kind].remove(self._database, records)

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[StoreRecords]:
        session: Session = await settled(self._database.client.start_session(snapshot=True))
        try:
            yield MongoStoreRecords(self._database, session)
        finally:
            await within(None, session.end_session)

    @translated
    async def finish(self) -> None:
        # What is found as it should be is not put again, so a copy that was killed between records
        # and what follows from them left that as it was.
        for name in _DERIVED:
            await self._database[name].delete_many({})
        for kind in _KINDS.values():
            if kind.settle is not _settle_nothing:
                await self._settle_all(kind)
        await self._database[SCHEMA].delete_one(UNFINISHED)

    async def _settle_all(self, kind: _Kind) -> None:
        start = None
        while True:
            page = await kind.page(self._database, start)
            if page.records:
                await kind.settle(self._database, page.records)
            if page.end is None:
                return
            start = page.end
