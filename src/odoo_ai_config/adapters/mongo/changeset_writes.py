"""
The writes of a changeset that depend on nothing that is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from attrs import asdict
from bson import ObjectId
from pymongo import InsertOne, ReplaceOne, UpdateMany, UpdateOne

from odoo_ai_config.adapters.mongo.database import UNLINKED, MongoDatabase, Record
from odoo_ai_config.adapters.mongo.driver_errors import is_conflict
from odoo_ai_config.adapters.mongo.records import (
    item_place,
    item_record,
    mapping_record,
    secret_record,
    to_instant,
    to_record,
    tombstone_record,
)
from odoo_ai_config.adapters.mongo.transaction import BulkWrite, Write, chunks
from odoo_ai_config.adapters.mongo.uses import TOUCH
from odoo_ai_config.application.errors import RequestRecordedError, TenantKeyChangedError
from odoo_ai_config.domain.access import Occasion, TokenUse
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.collections import CollectionChange, CollectionHead
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.messages.inbox import TEXT_PURPOSES

# Claimed accounts and numbers have numbers in the same collection.
WHOLE_MAPPING: Final = "mapping"


class SealedBeforeError(Exception):
    """
    One of the values is stored already.
    """


def fixed_writes(
    database: MongoDatabase, changeset: Changeset, secrets: BulkWrite
) -> Iterator[BulkWrite]:
    """
    The writes of *changeset*, those of its *secrets* among them.

    The writes of messages, conversations and uses of keys are elsewhere.
    """
    # The order decides which refusal comes first: that of a recorded request.
    records = () if changeset.idempotency_record is None else (changeset.idempotency_record,)
    documents = [
        (str(revision.key), to_record(revision), _unlinked(changeset.occasion_of(revision)))
        for revision in changeset.revisions
    ]
    unlinked = _unlinked(changeset.occasion)
    yield BulkWrite(
        "deliveries",
        [partial(InsertOne, to_record(record)) for record in records],
        RequestRecordedError,
    )
    yield BulkWrite("tenant_keys", list(_new_key(changeset)), TenantKeyChangedError)
    yield BulkWrite(
        "documents",
        [_succeeding({"_id": name, **record}) for name, record, _ in documents],
        RevisionConflictError,
    )
    yield BulkWrite(
        "revisions",
        [
            partial(InsertOne, {"document": name, **record, **pending})
            for name, record, pending in documents
        ],
        RevisionConflictError,
    )
    if changeset.mappings and changeset.mapping_state is None:
        yield BulkWrite("channel_claims", [database.mapping_uses.one_of(WHOLE_MAPPING)])
    yield BulkWrite(
        "mappings",
        [_succeeding({**mapping_record(one), **unlinked}) for one in changeset.mappings],
        RevisionConflictError,
    )
    yield secrets
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
    # Named here and not by the driver: whoever repeats the write recognises it.
    entries = [{"_id": ObjectId(), **to_record(entry)} for entry in changeset.audit_entries]
    yield BulkWrite("pending_audit", [partial(InsertOne, entry) for entry in entries])
    yield BulkWrite(
        "api_keys",
        [
            # A revoked one is not found, and its id is taken.
            partial(ReplaceOne, {"_id": key.id, "revoked_at": None}, to_record(key), upsert=True)
            for key in changeset.api_keys
        ],
        RevisionConflictError,
    )
    yield BulkWrite("api_keys", _uses(changeset.key_uses))
    yield BulkWrite(
        "addresses",
        [
            partial(ReplaceOne, {"_id": address.id}, to_record(address), upsert=True)
            for address in changeset.addresses
        ],
    )
    yield BulkWrite("addresses", _uses(changeset.address_uses))


def _unlinked(occasion: Occasion) -> Record:
    """
    What makes a revision the pending entry about itself: no command more.
    """
    said = {name: value for name, value in asdict(occasion).items() if value is not None}
    return {**UNLINKED, **said}


def _uses(uses: Sequence[TokenUse]) -> list[Write]:
    # Nothing is less than a number.
    return [
        partial(UpdateOne, {"_id": use.id}, {"$max": {"used_at": to_instant(use.at)}})
        for use in uses
    ]


def _succeeding(record: Record) -> Write:
    if record["version"] == 1:
        return partial(InsertOne, record)
    return partial(ReplaceOne, {"_id": record["_id"], "version": record["version"] - 1}, record)


def _moving(head: CollectionHead) -> Write:
    record = to_record(head)
    if head.version == 1:
        return partial(InsertOne, {"_id": str(head.key), **record, "floor": 0})
    return partial(
        UpdateOne, {"_id": str(head.key), "version": head.version - 1}, {"$set": record}
    )


def _item_writes(change: CollectionChange) -> Iterator[BulkWrite]:
    head = change.head
    for items in chunks(change.items):
        yield BulkWrite("items", [_put(head, item_record(head, item)) for item in items])
    for ids in chunks(change.removed):
        removed = {"_id": {"$in": [item_place(head.key, id_) for id_ in ids]}}
        yield BulkWrite("items", [partial(UpdateMany, removed, {"$set": tombstone_record(head)})])


def _put(head: CollectionHead, record: Record) -> Write:
    if head.version == 1:
        return partial(InsertOne, record)
    return partial(ReplaceOne, {"_id": record["_id"]}, record, upsert=True)


def new_secrets(changeset: Changeset) -> BulkWrite:
    """
    Writes of the credentials of *changeset*, which raise `SealedBeforeError` if one is stored.
    """
    records = _credential_records(changeset)
    writes = [partial(InsertOne, record) for record in records]
    return BulkWrite("secrets", writes, SealedBeforeError)


def secrets_if_absent(changeset: Changeset) -> BulkWrite:
    """
    Writes of the credentials of *changeset* that leave a stored one as it is.
    """
    return BulkWrite(
        "secrets",
        [
            partial(
                UpdateOne, {"_id": record["_id"]}, {"$setOnInsert": record, **TOUCH}, upsert=True
            )
            for record in _credential_records(changeset)
        ],
    )


def _credential_records(changeset: Changeset) -> list[Record]:
    return [
        secret_record(secret)
        for secret in changeset.secrets
        # The records of messages hold their texts.
        if secret.context.purpose not in TEXT_PURPOSES
    ]


def _new_key(changeset: Changeset) -> Iterator[Write]:
    new = changeset.new_tenant_key
    if new is not None:
        keys = [to_record(new)]
        yield partial(
            InsertOne, {"_id": new.tenant.value, "active": new.key_id, "keys": keys, "uses": 0}
        )
