"""
Everything that a MongoDB database keeps, record by record.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Final

from attrs import field, frozen
from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, DeleteOne, InsertOne, ReplaceOne, UpdateOne

from odoo_ai_config.adapters.mongo.audit_log import (
    END,
    LINKED,
    end_in,
    entry_about,
    entry_about_mapping,
    replaced_before,
)
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
from odoo_ai_config.adapters.mongo.tenant_store import close_keys, open_keys
from odoo_ai_config.application.ports import store_records as neutral
from odoo_ai_config.application.ports.store_records import (
    PAGE_BYTES,
    PAGE_RECORDS,
    PendingEntry,
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
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.addresses import Address
from odoo_ai_config.domain.audit import LinkedEntry, Voucher
from odoo_ai_config.domain.changes import AuditEntry, IdempotencyRecord
from odoo_ai_config.domain.channels.mapping import MappingRevision
from odoo_ai_config.domain.collections import CollectionHead, CollectionKey, CollectionName
from odoo_ai_config.domain.conversations.state import Conversation
from odoo_ai_config.domain.credentials.secrets import SealedSecret
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import InboxMessage, Stage
from odoo_ai_config.domain.tenants import TenantState

# Instants are copied as they are stored.
_AS_STORED: Final = timedelta(0)
_OBJECT_ID: Final = 12


@frozen
class _Kind:
    """
    Where the records of one kind are.

    Args:
        collection: The name of the collection.
        of: Makes the neutral record of a stored one.
        record: The reverse.
        place: The fields that name a record.
        order: The fields by which they are read, as an index has them; those of *place* by
            default.
        which: What is true of all of them.
        direction: Of the reading.
    """

    collection: str
    of: Callable[[Record], Any]
    record: Callable[[Any], Record]
    place: tuple[str, ...] = ("_id",)
    order: tuple[str, ...] = ("_id",)
    which: Record = field(factory=dict)
    direction: int = ASCENDING

    async def page(
        self, database: MongoDatabase, start: object | None, session: Session | None = None
    ) -> RecordPage:
        wanted = dict(self.which)
        if isinstance(start, tuple):
            beyond = "$gt" if self.direction == ASCENDING else "$lt"
            first, *rest = self.order
            if rest:
                # Where the alternatives begin in the index: they alone would not bound it.
                wanted[first] = {f"{beyond}e": start[0]}
                wanted["$or"] = [
                    {first: start[0], rest[0]: {beyond: start[1]}},
                    {first: {beyond: start[0]}},
                ]
            else:
                wanted[first] = {beyond: start[0]}
        order = [(name, self.direction) for name in self.order]
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
        end = tuple(found[-1][name] for name in self.order) if more else None
        return RecordPage([self.of(record) for record in found], end)

    async def stored(self, database: MongoDatabase, records: Iterable[Any]) -> dict[Any, Record]:
        """
        The stored forms of *records*, by place.
        """
        places = [self.named(self.record(one)) for one in records]
        if len(self.place) == 1:
            wanted: Record = {"_id": {"$in": [place["_id"] for place in places]}, **self.which}
        else:
            wanted = {"$or": places}
        cursor = database[self.collection].find(wanted)
        return {_key(self.named(one)): one for one in await cursor.to_list(None)}

    async def find(self, database: MongoDatabase, records: Sequence[Any]) -> list[Any]:
        stored = await self.stored(database, records)
        found = (stored.get(_key(self.named(self.record(one)))) for one in records)
        return [None if one is None else self.of(one) for one in found]

    async def put(self, database: MongoDatabase, records: Sequence[Any]) -> None:
        made = [self.record(one) for one in records]
        await database[self.collection].bulk_write(
            [ReplaceOne(self.named(one), one, upsert=True) for one in made], ordered=False
        )

    async def remove(self, database: MongoDatabase, records: Sequence[Any]) -> None:
        await database[self.collection].bulk_write(
            [DeleteOne(self.named(self.record(one))) for one in records], ordered=False
        )

    def named(self, record: Record) -> Record:
        """
        What only *record* is.
        """
        return {name: record[name] for name in self.place}


def _key(place: Record) -> tuple[Any, ...]:
    # The names of requests are records themselves.
    return tuple(
        tuple(value.values()) if isinstance(value, dict) else value for value in place.values()
    )


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


async def _following(database: MongoDatabase, kind: _Kind, name: str) -> Callable[[], ObjectId]:
    """
    What gives new values of the field *name* that come behind all stored ones.
    """
    found = database[kind.collection].find(dict(kind.which), [name]).sort(name, DESCENDING)
    newest = await found.limit(1).to_list(None)
    last = int.from_bytes(newest[0][name].binary) if newest else 0

    def following() -> ObjectId:
        nonlocal last
        last += 1
        return ObjectId(last.to_bytes(_OBJECT_ID))

    return following


@frozen
class _PendingAudit(_Kind):
    """
    Pending entries, and behind them those that are made from revisions.
    """

    async def page(
        self, database: MongoDatabase, start: object | None, session: Session | None = None
    ) -> RecordPage:
        number, last = start if isinstance(start, tuple) else (0, None)
        while number < len(_PENDING):
            kind = _PENDING[number]
            page = await kind.page(database, last, session)
            number, last = (number + 1, None) if page.end is None else (number, page.end)
            if page.records:
                records: Sequence[Any] = page.records
                found = await self._entries(database, kind, records, session)
                end = None if number == len(_PENDING) else (number, last)
                return RecordPage(found, end)
        return RecordPage((), None)

    async def _entries(
        self,
        database: MongoDatabase,
        kind: _Kind,
        records: Sequence[Record],
        session: Session | None,
    ) -> list[PendingEntry]:
        if kind.collection == self.collection:
            entries = [from_record(one, AuditEntry) for one in records]
        elif kind.collection == "revisions":
            entries = [entry_about(one) for one in records]
        else:
            before = await replaced_before(database, records, session)
            entries = [entry_about_mapping(one, before) for one in records]
        places = ((kind, kind.named(one)) for one in records)
        return list(map(PendingEntry, entries, places))

    async def find(self, _database: MongoDatabase, records: Sequence[Any]) -> list[Any]:
        return [None] * len(records)

    async def put(self, database: MongoDatabase, records: Sequence[Any]) -> None:
        following = await _following(database, self, "_id")
        await database[self.collection].bulk_write(
            [InsertOne({**to_record(one.entry), "_id": following()}) for one in records]
        )

    async def remove(self, database: MongoDatabase, records: Sequence[Any]) -> None:
        for one in records:
            kind, place = one.place
            if kind.collection == self.collection:
                await database[self.collection].delete_one(place)
            else:
                await database[kind.collection].update_one(place, LINKED)


@frozen
class _Revisions(_Kind):
    """
    The versions of documents, and the newest of each beside them.
    """

    async def put(self, database: MongoDatabase, records: Sequence[Any]) -> None:
        await super().put(database, records)
        await self._settle(database, records)

    async def remove(self, database: MongoDatabase, records: Sequence[Any]) -> None:
        await super().remove(database, records)
        await self._settle(database, records)

    async def _settle(self, database: MongoDatabase, records: Sequence[Any]) -> None:
        writes: list[Any] = []
        for name in sorted({str(revision.key) for revision in records}):
            newest = await database[self.collection].find_one(
                {"document": name}, sort=[("version", DESCENDING)]
            )
            if newest is None:
                writes.append(DeleteOne({"_id": name}))
            else:
                record = {**newest, "_id": name}
                del record["document"]
                writes.append(ReplaceOne({"_id": name}, record, upsert=True))
        await database["documents"].bulk_write(writes, ordered=False)


@frozen
class _ReplacedMappings(_Kind):
    """
    Revisions that a newer one replaced, with its time if the channel went to another tenant.
    """

    async def put(self, database: MongoDatabase, records: Sequence[Any]) -> None:
        made = [self.record(one) for one in records]
        # The newer ones are there: they are read and written first.
        for replaced, record in zip(records, made, strict=True):
            if replaced.lost:
                record["lost_at"] = await self._replaced_at(database, record, made)
        await database[self.collection].bulk_write(
            [ReplaceOne(self.named(one), one, upsert=True) for one in made], ordered=False
        )

    async def _replaced_at(
        self, database: MongoDatabase, record: Record, written: Sequence[Record]
    ) -> int:
        channel, version = record["channel"], record["version"]
        newer = [one for one in written if one["channel"] == channel and one["version"] > version]
        newer += (
            await database[self.collection]
            .find({"channel": channel, "version": {"$gt": version}})
            .to_list(None)
        )
        newer += await database["mappings"].find({"_id": channel}).to_list(None)
        at: int = min(newer, key=lambda one: one["version"])["updated_at"]
        return at


@frozen
class _Messages(_Kind):
    """
    Messages in the order of their receipt, with their texts; their marks and their conversations.
    """

    async def put(self, database: MongoDatabase, records: Sequence[Any]) -> None:
        known = await self.stored(database, records)
        names = sorted({one.message.conversation for one in records})
        cursor = database["conversations"].find({"_id": {"$in": names}})
        turns = {one["_id"]: one["turns"] for one in await cursor.to_list(None)}
        following = await _following(database, self, "arrival")
        writes, marks = [], []
        for stored in records:
            message = stored.message
            record = self.record(stored)
            before = known.get((record["_id"],))
            if before is None:
                record |= {"arrival": following(), "turn": None}
                if message.stage is not Stage.IGNORED:
                    last = turns.get(message.conversation, 0)
                    record["turn"] = max(last + 1, to_instant(message.received_at))
                    turns[message.conversation] = record["turn"]
            else:
                record |= {"arrival": before["arrival"], "turn": before["turn"]}
            place = {"_id": record["_id"], "conversation": record["conversation"]}
            writes.append(ReplaceOne(place, record, upsert=True))
            marks += [{"_id": mark, "message": record["_id"]} for mark in record["marks"]]
        await database[self.collection].bulk_write(writes, ordered=False)
        if marks:
            await database["marks"].bulk_write(
                [ReplaceOne({"_id": mark["_id"]}, mark, upsert=True) for mark in marks],
                ordered=False,
            )
        await self._settle(database, names, turns)

    async def remove(self, database: MongoDatabase, records: Sequence[Any]) -> None:
        messages = [stored.message for stored in records]
        marks = [mark for message in messages for mark in message.origin.marks]
        await database["marks"].delete_many({"_id": {"$in": marks}})
        await database[self.collection].bulk_write(
            [
                DeleteOne({"_id": one.id.value, "conversation": one.conversation})
                for one in messages
            ],
            ordered=False,
        )
        names = sorted({message.conversation for message in messages})
        cursor = database["conversations"].find({"_id": {"$in": names}})
        turns = {one["_id"]: one["turns"] for one in await cursor.to_list(None)}
        await self._settle(database, names, turns)

    async def _settle(
        self, database: MongoDatabase, names: Sequence[str], turns: Mapping[str, int]
    ) -> None:
        """
        Make the first open message of each conversation its head.
        """
        cursor = database[self.collection].find(
            {"conversation": {"$in": [*names]}, "open": True}, ["conversation", "turn", "holder"]
        )
        waiting: dict[str, list[Record]] = {}
        for record in await cursor.sort("turn", ASCENDING).to_list(None):
            waiting.setdefault(record["conversation"], []).append(record)
        heads = [
            UpdateOne(
                {"_id": one["_id"], "conversation": name},
                {"$set": {"ready": None if number else one["holder"]["tenant"]}},
            )
            for name, queue in waiting.items()
            for number, one in enumerate(queue)
        ]
        if heads:
            await database[self.collection].bulk_write(heads, ordered=False)
        places = [
            {"_id": name, "turns": turns[name], "open": len(waiting.get(name, ()))}
            for name in names
            if name in turns
        ]
        if places:
            await database["conversations"].bulk_write(
                [ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in places],
                ordered=False,
            )


@frozen
class _TenantStates(_Kind):
    """
    Where tenants stand; a closed one has no data keys, and gets none.
    """

    async def put(self, database: MongoDatabase, records: Sequence[Any]) -> None:
        await super().put(database, records)
        for state in records:
            settle = close_keys if state.is_closed else open_keys
            await settle(database, state.tenant.value)

    async def remove(self, database: MongoDatabase, records: Sequence[Any]) -> None:
        await super().remove(database, records)
        for state in records:
            await open_keys(database, state.tenant.value)


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
    return {**record, "_id": replaced_id(channel, version), "channel": channel}


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


def _of(cls: type[Any]) -> Callable[[Record], Any]:
    return partial(from_record, cls=cls)


def _as_it_is(record: Record) -> Record:
    return record


def _end_from(record: Record) -> StoredEnd:
    end, _ = end_in(record)
    return StoredEnd(end, from_record(record["voucher"], Voucher))


def _end_record(stored: StoredEnd) -> Record:
    end = stored.end
    return {**END, "number": end.number, "hash": end.hash, "voucher": to_record(stored.voucher)}


_KINDS: Final[Mapping[RecordKind, _Kind]] = {
    RecordKind.API_KEYS: _Kind(
        "api_keys", _of(ApiKey), lambda key: {"_id": key.id, **to_record(key)}
    ),
    RecordKind.ADDRESSES: _Kind(
        "addresses", _of(Address), lambda address: {"_id": address.id, **to_record(address)}
    ),
    RecordKind.TENANT_KEYS: _Kind(
        "tenant_keys",
        lambda record: TenantKeys(TenantId(record["_id"]), tuple(tenant_keys_from(record))),
        _tenant_keys_record,
        # Those of closed tenants have none.
        which={"closed": {"$ne": True}},
    ),
    RecordKind.TENANT_STATES: _TenantStates("tenant_states", _of(TenantState), to_record),
    RecordKind.SECRETS: _Kind("secrets", _of(SealedSecret), secret_record),
    RecordKind.REVISIONS: _Revisions(
        "revisions",
        _of(Revision),
        lambda revision: {"document": str(revision.key), **to_record(revision)},
        ("document", "version"),
        ("document", "version"),
    ),
    RecordKind.MAPPINGS: _Kind("mappings", _of(MappingRevision), mapping_record),
    RecordKind.REPLACED_MAPPINGS: _ReplacedMappings(
        "mapping_revisions",
        lambda record: ReplacedMapping(
            from_record(record, MappingRevision), lost="lost_at" in record
        ),
        _replaced_record,
        ("channel", "version"),
        ("channel", "version"),
        direction=DESCENDING,
    ),
    RecordKind.COLLECTIONS: _Kind("collections", _of(CollectionHead), _head_record),
    RecordKind.ITEMS: _Kind("items", _item_from, _item_record),
    RecordKind.CONVERSATIONS: _Kind(
        "conversation_states",
        _of(Conversation),
        lambda state: {"_id": str(state.key), **to_record(state)},
    ),
    RecordKind.MESSAGES: _Messages(
        "messages",
        _message_from,
        _message_record,
        order=("arrival",),
        # The index by which they are read in this order begins with it.
        which={"stage": {"$in": [stage.value for stage in Stage]}},
    ),
    RecordKind.REQUESTS: _Kind("deliveries", _of(IdempotencyRecord), to_record),
    RecordKind.AUDIT: _Kind("audit", _of(LinkedEntry), to_record),
    RecordKind.AUDIT_END: _Kind("audit_end", _end_from, _end_record),
    RecordKind.PENDING_AUDIT: _PendingAudit("pending_audit", _as_it_is, _as_it_is),
}
_UNLINKED: Final = partial(_Kind, of=_as_it_is, record=_as_it_is, which=UNLINKED)
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "revisions": ("document", "version"),
    "mappings": ("_id",),
    "mapping_revisions": ("channel", "version"),
}
_PENDING: Final = (
    _Kind("pending_audit", _as_it_is, _as_it_is),
    *(_UNLINKED(name, place=place, order=place) for name, place in _NAMES.items()),
)


@frozen(eq=False)
class _MongoRecordReader(RecordReader):
    _database: MongoDatabase
    _session: Session

    @translated
    async def page(self, kind: RecordKind, start: object | None = None) -> RecordPage:
        return await _KINDS[kind].page(self._database, start, self._session)


@frozen(eq=False)
class MongoStoreRecords(StoreRecords):
    """
    Reads and replaces the records of each collection, and those that are derived from them.
    """

    _database: MongoDatabase

    @translated
    async def page(self, kind: RecordKind, start: object | None = None) -> RecordPage:
        return await _KINDS[kind].page(self._database, start)

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
    async def moment(self) -> AsyncIterator[RecordReader]:
        session: Session = await settled(self._database.client.start_session(snapshot=True))
        try:
            yield _MongoRecordReader(self._database, session)
        finally:
            await within(None, session.end_session)

    @translated
    async def finish(self) -> None:
        await self._database[SCHEMA].delete_one(UNFINISHED)
