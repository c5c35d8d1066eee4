"""
A changeset as writes: one step per collection, each with what it means if a write is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias, TypeVar

from attrs import field, frozen
from pymongo import InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import OperationFailure

from odoo_ai_config.adapters.mongo.channel_directory import claim_writes, rivals_of
from odoo_ai_config.adapters.mongo.conversations import write_message, written_alone
from odoo_ai_config.adapters.mongo.database import MongoDatabase, Record
from odoo_ai_config.adapters.mongo.documents import (
    api_key_record,
    audit_record,
    collection_record,
    delivery_record,
    item_place,
    item_record,
    mapping_record,
    revision_record,
    secret_record,
    tenant_key_record,
    trace_record,
)
from odoo_ai_config.adapters.mongo.driver_errors import is_conflict, is_duplicate
from odoo_ai_config.adapters.mongo.key_uses import TOUCH
from odoo_ai_config.adapters.mongo.transaction import Session, in_transaction
from odoo_ai_config.application.errors import DeliveryRecordedError, TenantKeyChangedError
from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.collections import CollectionChange, CollectionHead
from odoo_ai_config.domain.errors import RevisionConflictError

T = TypeVar("T")
Write: TypeAlias = InsertOne[Record] | ReplaceOne[Record] | UpdateOne | UpdateMany
# What the server does well within the time that the driver waits for an answer.
_CHUNK: Final = 250


@frozen
class Step:
    """
    Writes to one collection that go out together.

    Args:
        refusal: What it means if one of them finds a document there already, or not there
            in the state that it follows; None if that cannot be.
        yields: Whether it means the same if another transaction has one of them in hand.
    """

    collection: str
    writes: Sequence[Write]
    refusal: type[Exception] | None = field(default=None)
    yields: bool = False


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
    database: MongoDatabase, changeset: Changeset, secrets: Callable[[Changeset], Step]
) -> None:
    steps = await run_off_loop(
        lambda: [step for step in _steps(database, changeset, secrets) if step.writes],
        cost=ENTRY * changeset.size,
    )
    messages = changeset.messages
    # One document is written atomically in any case.
    alone = not messages and changeset.claim is None
    if alone and sum(len(step.writes) for step in steps) == 1:
        await _write(database, steps[0], None)
        return
    if not steps and len(messages) == 1 and await written_alone(database, messages[0]):
        return

    async def write_all(session: Session) -> None:
        # Before anything is written: what is claimed would be found to be there.
        await _require_undisputed(database, changeset, session)
        for step in steps:
            await _write(database, step, session)
        for message in messages:
            await write_message(database, message, session)
        if messages:
            await _require_key(database, changeset, session)

    await in_transaction(database.client, write_all)


async def _require_undisputed(
    database: MongoDatabase, changeset: Changeset, session: Session
) -> None:
    claim = changeset.claim
    if claim is None:
        return
    await database["channel_claims"].bulk_write(claim_writes(claim), session=session)
    if (await rivals_of(database, claim, session)).dispute(claim):
        raise RevisionConflictError


async def _write(database: MongoDatabase, step: Step, session: Session | None) -> None:
    try:
        result = await database[step.collection].bulk_write(step.writes, session=session)
    except OperationFailure as error:
        refused = is_conflict if step.yields else is_duplicate
        if step.refusal is not None and refused(error):
            raise step.refusal from error
        raise
    done = result.inserted_count + result.matched_count + result.upserted_count
    if step.refusal is not None and done != len(step.writes):
        raise step.refusal


def _steps(
    database: MongoDatabase, changeset: Changeset, secrets: Callable[[Changeset], Step]
) -> Iterator[Step]:
    # The order is the order of the checks: a delivery that is recorded already comes first.
    deliveries = () if changeset.delivery is None else (changeset.delivery,)
    yield Step(
        "deliveries",
        [InsertOne(delivery_record(delivery)) for delivery in deliveries],
        DeliveryRecordedError,
    )
    yield Step("tenant_keys", list(_key_writes(database, changeset)), TenantKeyChangedError)
    yield Step("key_uses", list(_use_writes(database, changeset)))
    yield Step(
        "documents",
        [
            _succeeding(str(revision.key), revision.version, revision_record(revision))
            for revision in changeset.revisions
        ],
        RevisionConflictError,
    )
    yield Step(
        "revisions",
        [
            InsertOne({"document": str(revision.key), **revision_record(revision)})
            for revision in changeset.revisions
        ],
        RevisionConflictError,
    )
    yield Step(
        "mappings",
        [
            _succeeding(str(revision.mapping.key), revision.version, mapping_record(revision))
            for revision in changeset.mappings
        ],
        RevisionConflictError,
    )
    yield secrets(changeset)
    yield Step(
        "collections",
        [_moving(change.head) for change in changeset.collections],
        RevisionConflictError,
        # The other one may write thousands of items, and most of what this one would write
        # is to be decided anew in any case.
        yields=True,
    )
    for change in changeset.collections:
        yield from _item_steps(change)
    yield Step("audit", [InsertOne(audit_record(entry)) for entry in changeset.audit])
    yield Step(
        "api_keys",
        [
            ReplaceOne({"_id": key.id}, api_key_record(key), upsert=True)
            for key in changeset.api_keys
        ],
    )


def _succeeding(name: str, version: int, record: Record) -> Write:
    named = {"_id": name, **record}
    if version == 1:
        return InsertOne(named)
    return ReplaceOne({"_id": name, "version": version - 1}, named)


def _moving(head: CollectionHead) -> Write:
    record = collection_record(head)
    if head.version == 1:
        return InsertOne({"_id": str(head.key), **record, "floor": 0})
    return UpdateOne({"_id": str(head.key), "version": head.version - 1}, {"$set": record})


def _item_steps(change: CollectionChange) -> Iterator[Step]:
    head = change.head
    for items in chunks(change.items):
        yield Step("items", [_put(head, item_record(head, item)) for item in items])
    for ids in chunks(change.removed):
        places = [item_place(head.key, id_) for id_ in ids]
        yield Step("items", [UpdateMany({"_id": {"$in": places}}, {"$set": trace_record(head)})])


def _put(head: CollectionHead, record: Record) -> Write:
    if head.version == 1:
        return InsertOne(record)
    return ReplaceOne({"_id": record["_id"]}, record, upsert=True)


def chunks(many: Sequence[T]) -> Iterator[Sequence[T]]:
    """
    *many* in parts of what one command should hold.
    """
    return (many[start : start + _CHUNK] for start in range(0, len(many), _CHUNK))


def _new_secrets(changeset: Changeset) -> Step:
    return Step(
        "secrets",
        [InsertOne(secret_record(secret)) for secret in changeset.secrets],
        _SealedBeforeError,
    )


def _secrets_if_absent(changeset: Changeset) -> Step:
    records = [secret_record(secret) for secret in changeset.secrets]
    return Step(
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
        keys = [tenant_key_record(new)]
        yield InsertOne({"_id": new.tenant.value, "active": new.key_id, "keys": keys, "uses": 0})


def _use_writes(database: MongoDatabase, changeset: Changeset) -> Iterator[Write]:
    # A tenant has many messages at a time, and they must not collide in the record of its keys.
    used = changeset.sealed_under
    if used is not None and changeset.messages:
        yield database.key_uses.one_of(used.tenant)


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
    # One from memory may have had a successor for long: it has to be active still.
    remembered = database.sealing_keys.get(used.tenant) == used
    place = {"active": used.key_id} if remembered else {"keys.id": used.key_id}
    return {"_id": used.tenant.value, **place}
