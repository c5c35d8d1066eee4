"""
The records of the database and the domain objects that they stand for.

Where a part of an object is described as flat, its fields are fields of the record. Names that
come from outside are values and never field names. Instants are microseconds since 1970: a BSON
date keeps milliseconds only. Fields that an older version did not write have their defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias, TypeVar

from attrs import AttrsInstance, evolve, fields_dict, has
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from odoo_ai_config.adapters.mongo.database import Collection, Cursor, Record, Session
from odoo_ai_config.application.ports.store_records import StoredEnd
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.addresses import Address, Feed
from odoo_ai_config.domain.audit import LinkedEntry
from odoo_ai_config.domain.changes import AuditEntry, Claim, IdempotencyRecord
from odoo_ai_config.domain.channels.mapping import ChannelMapping, MappingRevision, SpecialNumber
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.collections import CollectionHead, CollectionKey, Item, ItemState
from odoo_ai_config.domain.conversations.state import Conversation
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    TenantKey,
)
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import CredentialRef, TenantArea
from odoo_ai_config.domain.messages.inbox import Destination, InboxMessage, Origin, delivery_parts
from odoo_ai_config.domain.outcomes import Outcome
from odoo_ai_config.domain.tenants import TenantState

T = TypeVar("T")
# What `override` returns; cattrs does not export its class.
Override: TypeAlias = Any
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_RECORDS: Final = Converter(detailed_validation=False)


def to_instant(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def from_instant(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def to_record(value: AttrsInstance) -> Record:
    record: Record = _RECORDS.unstructure(value)
    return record


def from_record(record: Record, cls: type[T]) -> T:
    return _RECORDS.structure(record, cls)


async def read_one(
    collection: Collection, wanted: Record, cls: type[T], session: Session | None = None
) -> T | None:
    record = await collection.find_one(wanted, session=session)
    return None if record is None else from_record(record, cls)


async def read_all(cursor: Cursor, cls: type[T]) -> list[T]:
    return [from_record(record, cls) for record in await cursor.to_list(None)]


def mapping_record(revision: MappingRevision) -> Record:
    return {"_id": str(revision.mapping.key), **to_record(revision)}


def replaced_id(channel: str, version: int) -> str:
    """
    Name a revision that a newer one replaced.
    """
    return f"{channel}@{version}"


def replaced_record(record: Record, newer: Record) -> Record:
    """
    What the record of a mapping becomes when *newer* replaces it.

    If the newer one belongs to another tenant, `lost_at` is its time.
    """
    channel = record["_id"]
    kept = {**record, "_id": replaced_id(channel, record["version"]), "channel": channel}
    if record["owner"]["tenant"] == newer["owner"]["tenant"]:
        return kept
    return {**kept, "lost_at": newer["updated_at"]}


def secret_id(context: SealContext, fingerprint: Fingerprint) -> str:
    """
    Name a sealed value. The purpose may hold anything, but what surrounds it has no slash.
    """
    return f"{context.owner}/{context.ref}/{context.purpose}/{fingerprint.value}"


def secrets_at(context: SealContext) -> Record:
    """
    All values of one place.
    """
    place = f"{context.owner}/{context.ref}/{context.purpose}/"
    # No fingerprint has a letter behind "f".
    return {"_id": {"$gt": place, "$lt": f"{place}g"}}


def secret_record(secret: SealedSecret) -> Record:
    return {"_id": secret_id(secret.context, secret.fingerprint), **to_record(secret)}


def tenant_keys_from(record: Record) -> list[TenantKey]:
    """
    Every data key of one tenant, oldest first.
    """
    tenant = record["_id"]
    return [from_record({"tenant": tenant, **key}, TenantKey) for key in record["keys"]]


def item_place(key: CollectionKey, id_: str) -> str:
    """
    Name an item. Its id may hold anything, but what stands before it has one slash.
    """
    return f"{key}/{id_}"


def item_record(head: CollectionHead, item: Item) -> Record:
    return {
        "_id": item_place(head.key, item.id),
        "collection": str(head.key),
        "version": head.version,
        "removed_at": None,
        **to_record(item),
    }


def tombstone_record(head: CollectionHead) -> Record:
    """
    What the record of an item becomes when the push that led to *head* removes it.
    """
    return {
        "version": head.version,
        "digest": None,
        "text": None,
        "removed_at": to_instant(head.updated_at),
    }


def item_state_from(record: Record) -> ItemState:
    item = None if record["text"] is None else from_record(record, Item)
    return ItemState(record["id"], record["version"], item)


def message_record(message: InboxMessage, *, ahead: timedelta) -> Record:
    """
    A message without its ``_id``, its texts and its turn in the conversation.

    The times that decide about claims are those of the server, which is *ahead*.
    """
    due_at = message.due_at
    return {
        **to_record(message),
        "updated_at": to_instant(message.updated_at + ahead),
        "due_at": None if due_at is None else to_instant(due_at + ahead),
        "marks": list(message.origin.marks),
        "conversation": message.conversation,
        "open": message.is_open,
        "holder": to_record(message.holder),
    }


def message_from(record: Record, *, ahead: timedelta) -> InboxMessage:
    """
    What `message_record` writes.
    """
    message = from_record(record, InboxMessage)
    if not ahead:
        return message
    due_at = None if message.due_at is None else message.due_at - ahead
    return evolve(message, updated_at=message.updated_at - ahead, due_at=due_at)


def text_record(text: SealedSecret) -> Record:
    """
    What the record of a message holds of a sealed text, under its purpose.
    """
    return {
        "fingerprint": text.fingerprint.value,
        "key_id": text.key_id,
        "envelope": text.envelope,
    }


def texts_from(record: Record) -> list[SealedSecret]:
    """
    The sealed texts in the record of a message.
    """
    owner, ref = from_record(record["holder"], TenantArea), CredentialRef(record["_id"])
    return [
        SealedSecret(
            SealContext(owner, ref, purpose),
            Fingerprint(text["fingerprint"]),
            text["key_id"],
            text["envelope"],
        )
        for purpose, text in record.get("sealed", {}).items()
    ]


def _describe(
    cls: type[AttrsInstance],
    *,
    flat: tuple[str, ...] = (),
    only_read: tuple[str, ...] = (),
    **fields: Override,
) -> None:
    """
    Tell the converter what the record of a *cls* looks like; first those of its parts.

    The fields of the parts named in *flat* are fields of this record. Those in *only_read* are
    read, and written by other code or not at all.
    """
    omitted = dict.fromkeys(only_read, override(omit=True))
    write = make_dict_unstructure_fn(cls, _RECORDS, **{**fields, **omitted})
    read = make_dict_structure_fn(cls, _RECORDS, **fields)

    def write_flat(value: AttrsInstance) -> Record:
        record: Record = {}
        for name, field in write(value).items():
            if name in flat:
                record.update(field)
            else:
                record[name] = field
        return record

    def read_flat(record: Record, of: type[AttrsInstance]) -> AttrsInstance:
        return read({**record, **dict.fromkeys(flat, record)}, of)

    _RECORDS.register_unstructure_hook(cls, write_flat if flat else write)
    _RECORDS.register_structure_hook(cls, read_flat if flat else read)


def _is_named_value(cls: type[object]) -> bool:
    return has(cls) and list(fields_dict(cls)) == ["value"]


def _entries(name: str) -> Override:
    # A mapping by names from outside, as a list.
    def write(values: Mapping[str, Any]) -> list[Record]:
        return [{"of": of, name: value} for of, value in values.items()]

    def read(entries: list[Record], _: object) -> dict[str, Any]:
        return {entry["of"]: entry[name] for entry in entries}

    return override(unstruct_hook=write, struct_hook=read)


_RECORDS.register_unstructure_hook(datetime, to_instant)
_RECORDS.register_structure_hook(datetime, lambda value, _: from_instant(value))
_RECORDS.register_unstructure_hook_func(_is_named_value, lambda named: named.value)
_RECORDS.register_structure_hook_func(_is_named_value, lambda value, cls: cls(value))

_describe(Revision, flat=("key", "document"))
_RECORDS.register_unstructure_hook(
    PhoneNumber,
    make_dict_unstructure_fn(PhoneNumber, _RECORDS, _cattrs_include_init_false=True),
)
_describe(SpecialNumber, flat=("number",))
# Negative sequences were accepted once.
_describe(
    ChannelMapping, flat=("key",), sequence=override(struct_hook=lambda value, _: max(0, value))
)
_describe(MappingRevision, flat=("mapping",))
_describe(SealContext, flat=("owner",))
_describe(SealedSecret, flat=("context",))
_describe(TenantKey, only_read=("tenant",), key_id=override(rename="id"))
_describe(Conversation, flat=("key",))
_describe(Claim, id=override(rename="_id"))
_describe(
    Outcome, only_read=("replayed",), versions=_entries("version"), digests=_entries("digest")
)
_describe(IdempotencyRecord, flat=("claim",))
# What is stored is not withdrawn.
_describe(Item, only_read=("withdrawn",))
# A push does not set the compaction floor.
_describe(
    CollectionHead,
    flat=("key",),
    only_read=("compaction_floor",),
    compaction_floor=override(rename="floor"),
)
_describe(AuditEntry)
_describe(LinkedEntry, flat=("entry",), number=override(rename="_id"))
_describe(StoredEnd, flat=("end",))
_describe(
    ApiKey,
    only_read=("occasion",),
    id=override(rename="_id"),
    scopes=override(unstruct_hook=lambda scopes: sorted(scope.value for scope in scopes)),
)
_describe(Feed, flat=("owner",), fields=_entries("source"))
_describe(Address, flat=("feed",), id=override(rename="_id"))
_write_origin = make_dict_unstructure_fn(Origin, _RECORDS, proof=override(omit=True))
_read_origin = make_dict_structure_fn(Origin, _RECORDS)


def _origin_from(record: Record, of: type[Origin]) -> Origin:
    delivery, proof = delivery_parts(record["delivery"])
    return _read_origin({**record, "delivery": delivery, "proof": proof}, of)


_RECORDS.register_unstructure_hook(
    Origin, lambda origin: {**_write_origin(origin), "delivery": origin.delivery_mark}
)
_RECORDS.register_structure_hook(Origin, _origin_from)
_describe(Destination, flat=("release",))
_describe(TenantState, tenant=override(rename="_id"))
_describe(InboxMessage, only_read=("id",), id=override(rename="_id"))
