"""
A changeset as bulk writes, one per collection, each with what a refused write means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias, TypeVar

from attrs import frozen
from pymongo import InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import OperationFailure, PyMongoError

from odoo_ai_config.adapters.mongo.channel_directory import claim_writes, rivals_of
from odoo_ai_config.adapters.mongo.conversation_store import write_sighting
from odoo_ai_config.adapters.mongo.conversations import write_message, written_alone
from odoo_ai_config.adapters.mongo.database import MongoDatabase, Record, Session
from odoo_ai_config.adapters.mongo.driver_errors import is_conflict, is_duplicate
from odoo_ai_config.adapters.mongo.records import (
    item_place,
    item_record,
    mapping_record,
    replaced_record,
    secret_record,
    to_instant,
    to_record,
    tombstone_record,
)
from odoo_ai_config.adapters.mongo.transaction import in_transaction
from odoo_ai_config.adapters.mongo.uses import TOUCH
from odoo_ai_config.application.errors import RequestRecordedError, TenantKeyChangedError
from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.mapping import ChannelClaim
from odoo_ai_config.domain.collections import CollectionChange, CollectionHead
from odoo_ai_config.domain.errors import RevisionConflictError

T = TypeVar("T")
Write: TypeAlias = InsertOne[Record] | ReplaceOne[Record] | UpdateOne | UpdateMany
# Claimed accounts and numbers have numbers in the same collection.
_WHOLE_MAPPING: Final = "mapping"
# The server handles so many within the time that the driver waits for an answer.
_CHUNK: Final = 250


@frozen
class BulkWrite:
    """
    Writes that go to one collection in one command.

    Args:
        refusal: Raised if a write finds a record where there should be none, or does not find
            the state that it follows; None if that cannot happen.
        is_refused: Whether an error of the driver means the same.
    """

    collection: str
    writes: Sequence[Write]
    refusal: type[Exception] | None = None
    is_refused: Callable[[PyMongoError], bool] = is_duplicate


class _SealedBeforeError(Exception):
    """
    One of the values is stored already.
    """


async def commit(database: MongoDatabase, changeset: Changeset) -> None:
    """
    Write *changeset*, as a whole or not at all.
    """
    try:
        # Nearly every value is new, and a plain insert is the cheapest way to find out.
        await _commit(database, changeset, _new_secrets)
    except _SealedBeforeError:
        await _commit(database, changeset, _secrets_if_absent)


async def _commit(
    database: MongoDatabase, changeset: Changeset, secrets: Callable[[Changeset], BulkWrite]
) -> None:
    bulks = await run_off_loop(
        lambda: [bulk for bulk in _bulk_writes(database, changeset, secrets) if bulk.writes],
        cost=ENTRY * changeset.size,
    )
    if await _written_alone(database, changeset, bulks):
        return
    first = all(revision.version == 1 for revision in changeset.mappings)

    async def write_all(session: Session) -> None:
        # First: afterwards a claim would find its own mappings.
        if changeset.claim is not None:
            await _require_undisputed(database, changeset.claim, session)
        if changeset.mapping_state is not None:
            await _require_state(database, changeset.mapping_state, session)
        replaced = [] if first else await _replaced(database, changeset, session)
        for bulk in bulks:
            await _send(database, bulk, session)
        if replaced:
            await _send(database, BulkWrite("mapping_revisions", replaced), session)
        for message in changeset.messages:
            await write_message(database, message, session)
        for sighting in changeset.sightings:
            await write_sighting(database, sighting, session)
        if changeset.messages:
            await _require_key(database, changeset, session)

    await in_transaction(database.client, write_all)


async def _written_alone(
    database: MongoDatabase, changeset: Changeset, bulks: Sequence[BulkWrite]
) -> bool:
    """
    Write *changeset* if one write without a transaction is enough, and return whether it was.
    """
    if changeset.sightings:
        return False
    messages = changeset.messages
    if not bulks and len(messages) == 1:
        return await written_alone(database, messages[0])
    first = all(revision.version == 1 for revision in changeset.mappings)
    relies = changeset.claim is not None or changeset.mapping_state is not None
    alone = first and not relies and not messages
    # A write of one record is atomic without a transaction.
    if alone and sum(len(bulk.writes) for bulk in bulks) == 1:
        await _send(database, bulks[0], None)
        return True
    return False


async def _require_undisputed(
    database: MongoDatabase, claim: ChannelClaim, session: Session
) -> None:
    await database["channel_claims"].bulk_write(claim_writes(claim), session=session)
    if (await rivals_of(database, claim, session)).dispute(claim):
        raise RevisionConflictError


async def _require_state(database: MongoDatabase, state: int, session: Session) -> None:
    # Whoever commits a mapping at the same time writes one of these records and collides.
    writes = database.mapping_uses.all_of(_WHOLE_MAPPING)
    await database["channel_claims"].bulk_write(writes, session=session)
    groups = await database.aggregated(
        "mappings", [{"$group": {"_id": None, "state": {"$sum": "$version"}}}], session
    )
    if sum(group["state"] for group in groups) != state:
        raise RevisionConflictError


async def _replaced(
    database: MongoDatabase, changeset: Changeset, session: Session
) -> list[Write]:
    """
    The writes that keep the mappings which *changeset* replaces.
    """
    by_channel: dict[str, Record] = {}
    keys = [str(revision.mapping.key) for revision in changeset.mappings if revision.version > 1]
    for some in chunks(keys):
        cursor = database["mappings"].find({"_id": {"$in": some}}, session=session)
        by_channel |= {record["_id"]: record async for record in cursor}
    kept: list[Write] = []
    for revision in changeset.mappings:
        record = mapping_record(revision)
        channel = record["_id"]
        if channel in by_channel:
            kept.append(InsertOne(replaced_record(by_channel[channel], record)))
        by_channel[channel] = record
    return kept


async def _send(database: MongoDatabase, bulk: BulkWrite, session: Session | None) -> None:
    try:
        result = await database[bulk.collection].bulk_write(bulk.writes, session=session)
    except OperationFailure as error:
        if bulk.refusal is not None and bulk.is_refused(error):
            raise bulk.refusal from error
        raise
    done = result.inserted_count + result.matched_count + result.upserted_count
    if bulk.refusal is not None and done != len(bulk.writes):
        raise bulk.refusal


def _bulk_writes(
    database: MongoDatabase, changeset: Changeset, secrets: Callable[[Changeset], BulkWrite]
) -> Iterator[BulkWrite]:
    # The order decides which refusal comes first: that of a recorded request.
    records = () if changeset.idempotency_record is None else (changeset.idempotency_record,)
    documents = [(str(revision.key), to_record(revision)) for revision in changeset.revisions]
    yield BulkWrite(
        "deliveries",
        [InsertOne(to_record(record)) for record in records],
        RequestRecordedError,
    )
    yield BulkWrite("tenant_keys", list(_key_writes(database, changeset)), TenantKeyChangedError)
    yield BulkWrite("key_uses", list(_use_writes(database, changeset)))
    yield BulkWrite(
        "documents",
        [_succeeding({"_id": name, **record}) for name, record in documents],
        RevisionConflictError,
    )
    yield BulkWrite(
        "revisions",
        [InsertOne({"document": name, **record}) for name, record in documents],
        RevisionConflictError,
    )
    if changeset.mappings and changeset.mapping_state is None:
        yield BulkWrite("channel_claims", [database.mapping_uses.one_of(_WHOLE_MAPPING)])
    yield BulkWrite(
        "mappings",
        [_succeeding(mapping_record(revision)) for revision in changeset.mappings],
        RevisionConflictError,
    )
    yield secrets(changeset)
    yield BulkWrite(
        "collections",
        [_moving(change.head) for change in changeset.collections],
        RevisionConflictError,
        # Another push may write thousands of items, and most of what this one would write has
        # to be decided again anyway.
        is_refused=is_conflict,
    )
    for change in changeset.collections:
        yield from _item_writes(change)
    yield BulkWrite("audit", [InsertOne(to_record(entry)) for entry in changeset.audit])
    yield BulkWrite(
        "api_keys",
        [ReplaceOne({"_id": key.id}, to_record(key), upsert=True) for key in changeset.api_keys],
    )
    yield BulkWrite("addresses", list(_address_writes(changeset)))


def _address_writes(changeset: Changeset) -> Iterator[Write]:
    for address in changeset.addresses:
        yield ReplaceOne({"_id": address.id}, to_record(address), upsert=True)
    for use in changeset.address_uses:
        # Nothing is less than a number.
        yield UpdateOne({"_id": use.id}, {"$max": {"used_at": to_instant(use.at)}})


def _succeeding(record: Record) -> Write:
    if record["version"] == 1:
        return InsertOne(record)
    return ReplaceOne({"_id": record["_id"], "version": record["version"] - 1}, record)


def _moving(head: CollectionHead) -> Write:
    record = to_record(head)
    if head.version == 1:
        return InsertOne({"_id": str(head.key), **record, "floor": 0})
    return UpdateOne({"_id": str(head.key), "version": head.version - 1}, {"$set": record})


def _item_writes(change: CollectionChange) -> Iterator[BulkWrite]:
    head = change.head
    for items in chunks(change.items):
        yield BulkWrite("items", [_put(head, item_record(head, item)) for item in items])
    for ids in chunks(change.removed):
        removed = {"_id": {"$in": [item_place(head.key, id_) for id_ in ids]}}
        yield BulkWrite("items", [UpdateMany(removed, {"$set": tombstone_record(head)})])


def _put(head: CollectionHead, record: Record) -> Write:
    if head.version == 1:
        return InsertOne(record)
    return ReplaceOne({"_id": record["_id"]}, record, upsert=True)


def chunks(many: Sequence[T]) -> Iterator[Sequence[T]]:
    """
    *many* in parts of the size of one command.
    """
    return (many[start : start + _CHUNK] for start in range(0, len(many), _CHUNK))


def _new_secrets(changeset: Changeset) -> BulkWrite:
    writes = [InsertOne(secret_record(secret)) for secret in changeset.secrets]
    return BulkWrite("secrets", writes, _SealedBeforeError)


def _secrets_if_absent(changeset: Changeset) -> BulkWrite:
    records = [secret_record(secret) for secret in changeset.secrets]
    return BulkWrite(
        "secrets",
        [
            UpdateOne({"_id": record["_id"]}, {"$setOnInsert": record, **TOUCH}, upsert=True)
            for record in records
        ],
    )


def _key_writes(database: MongoDatabase, changeset: Changeset) -> Iterator[Write]:
    relied_on, new = _relied_on(database, changeset), changeset.new_tenant_key
    if relied_on is not None and not changeset.messages:
        yield UpdateOne(relied_on, TOUCH)
    if new is not None:
        keys = [to_record(new)]
        yield InsertOne({"_id": new.tenant.value, "active": new.key_id, "keys": keys, "uses": 0})


def _use_writes(database: MongoDatabase, changeset: Changeset) -> Iterator[Write]:
    # A tenant has many messages at a time: they must not collide in the record of its keys.
    used = changeset.sealed_under
    if used is not None and changeset.messages:
        yield database.key_uses.one_of(used.tenant.value)


async def _require_key(database: MongoDatabase, changeset: Changeset, session: Session) -> None:
    relied_on = _relied_on(database, changeset)
    if relied_on is None:
        return
    if await database["tenant_keys"].find_one(relied_on, ["_id"], session=session) is None:
        raise TenantKeyChangedError


def _relied_on(database: MongoDatabase, changeset: Changeset) -> Record | None:
    used = changeset.sealed_under
    if used is None or used == changeset.new_tenant_key:
        return None
    # A key from the cache may have been replaced long ago: it must still be the active one.
    cached = database.sealing_keys.get(used.tenant) == used
    place = {"active": used.key_id} if cached else {"keys.id": used.key_id}
    return {"_id": used.tenant.value, **place}
