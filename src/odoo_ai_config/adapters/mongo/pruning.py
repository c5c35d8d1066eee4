"""
What retention removes, in steps short enough not to delay writers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final

from attrs import frozen
from pymongo import DeleteMany, DeleteOne

from odoo_ai_config.adapters.mongo.conversations import remove_messages
from odoo_ai_config.adapters.mongo.database import MongoDatabase, Record, Session
from odoo_ai_config.adapters.mongo.records import from_record, read_all, to_instant
from odoo_ai_config.adapters.mongo.transaction import in_transaction
from odoo_ai_config.domain.credentials.secrets import Fingerprint
from odoo_ai_config.domain.documents.credentials import fingerprints_in, kept_values
from odoo_ai_config.domain.documents.revisions import RetentionPolicy, Revision
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import CREDENTIALS, TenantArea, TenantId
from odoo_ai_config.domain.messages.inbox import OPEN, STUCK, Stage

_BATCH: Final = 250
# What a document raises that is damaged.
_UNREADABLE: Final = (ValueError, InvalidValueError)
_FINISHED: Final = [stage.value for stage in Stage if stage not in OPEN | STUCK]


@frozen
class Policies:
    """
    What is kept: of the tenants in *own* by that policy, of all others by *default*.
    """

    default: RetentionPolicy
    own: Mapping[str, RetentionPolicy]

    def of(self, tenant: str) -> RetentionPolicy:
        """
        The policy of *tenant*.
        """
        return self.own.get(tenant, self.default)


async def prune_revisions(database: MongoDatabase, policies: Policies, now: datetime) -> int:
    """
    Remove the superseded revisions of documents that *policies* do not keep.
    """
    kind = _Versioned("documents", "tenant", "revisions", "document")
    return await _prune_superseded(database, kind, policies, now)


async def prune_mappings(database: MongoDatabase, policies: Policies, now: datetime) -> int:
    """
    Remove the superseded revisions of mappings that *policies* do not keep.
    """
    kind = _Versioned("mappings", "owner.tenant", "mapping_revisions", "channel")
    return await _prune_superseded(database, kind, policies, now)


@frozen
class _Versioned:
    # *of* is the field of *history* that names a record of *newest*, which is a *tenant*'s.
    newest: str
    tenant: str
    history: str
    of: str


async def _prune_superseded(
    database: MongoDatabase, kind: _Versioned, policies: Policies, now: datetime
) -> int:
    wanted: Record = {"version": {"$gt": 1}}
    if policies.default.keeps_all:
        if not policies.own:
            return 0
        wanted[kind.tenant] = {"$in": sorted(policies.own)}
    removed = 0
    async for batch in batches(database, kind.newest, wanted, ["version", kind.tenant]):
        deletions = []
        for present in batch:
            # In "owner.tenant", the field of a field.
            policy = policies.of(present.get("owner", present)["tenant"])
            if not policy.keeps_all:
                place: Record = {kind.of: present["_id"], "version": {"$lt": present["version"]}}
                # The audit trail still needs the others.
                place["unlinked"] = None
                place["$or"] = _not_kept(policy, present["version"], "updated_at", now)
                deletions.append(DeleteMany(place))
        if deletions:
            result = await database[kind.history].bulk_write(deletions, ordered=False)
            removed += result.deleted_count
    return removed


async def prune_idempotency_records(database: MongoDatabase, now: datetime) -> int:
    """
    Remove the idempotency records that expired.
    """
    removed = 0
    expired = {"expires_at": {"$lt": to_instant(now)}}
    async for batch in batches(database, "deliveries", expired, ["_id"]):
        ids = [record["_id"] for record in batch]
        result = await database["deliveries"].delete_many({"_id": {"$in": ids}})
        removed += result.deleted_count
    return removed


async def prune_secrets(database: MongoDatabase, policies: Policies, now: datetime) -> int:
    """
    Remove the sealed values that their credentials document does not keep.
    """
    removed = 0
    failure: Exception | None = None
    fields = ["tenant", "domain", "ref", "fingerprint"]
    async for batch in batches(database, "secrets", {}, fields):
        by_owner: dict[TenantArea, list[Record]] = {}
        for secret in batch:
            by_owner.setdefault(from_record(secret, TenantArea), []).append(secret)
        newest = database["documents"].find(
            {"_id": {"$in": [str(owner.document(CREDENTIALS)) for owner in by_owner]}}
        )
        # The newest revision names nearly every value, which saves reading the history.
        async for record in newest:
            # The removal says why it cannot be read.
            with suppress(*_UNREADABLE):
                revision = from_record(record, Revision)
                named = fingerprints_in(revision.document).items()
                if not _unnamed(by_owner[revision.key.owner], named):
                    del by_owner[revision.key.owner]
        for owner in by_owner:
            deleted_after = now - policies.of(owner.tenant.value).credentials
            try:
                removed += await _prune_secrets_of(database, owner, deleted_after)
            except _UNREADABLE as error:
                error.add_note(f"Credentials of {owner.tenant}/{owner.domain}.")
                failure = error
    if failure is not None:
        # When those of all others are removed.
        raise failure
    return removed


async def _prune_secrets_of(
    database: MongoDatabase, owner: TenantArea, deleted_after: datetime
) -> int:
    # In one snapshot: a commit that names one of the values again writes to it and collides.
    async def remove(session: Session) -> int:
        cursor = database["revisions"].find(
            {"document": str(owner.document(CREDENTIALS))}, session=session
        )
        history = await read_all(cursor.sort("version", -1), Revision)
        kept = kept_values(history, deleted_after=deleted_after)
        stored = database["secrets"].find(
            {"tenant": owner.tenant.value, "domain": owner.domain.value},
            ["ref", "fingerprint"],
            session=session,
        )
        unnamed = _unnamed(await stored.to_list(None), kept)
        if not unnamed:
            return 0
        result = await database["secrets"].delete_many({"_id": {"$in": unnamed}}, session=session)
        return result.deleted_count

    return await in_transaction(database, remove)


def _unnamed(secrets: Sequence[Record], named: Iterable[tuple[str, Fingerprint]]) -> list[str]:
    marks = {(ref, fingerprint.value) for ref, fingerprint in named}
    return [
        secret["_id"] for secret in secrets if (secret["ref"], secret["fingerprint"]) not in marks
    ]


async def prune_tombstones(database: MongoDatabase, policy: RetentionPolicy, now: datetime) -> int:
    """
    Remove the tombstones of items that *policy* does not keep, and all older ones.
    """
    if policy.keeps_all:
        return 0
    removed = 0
    async for batch in batches(database, "collections", {}, ["version"]):
        for head in batch:
            removed += await _prune_tombstones_of(database, head, policy, now)
    return removed


async def _prune_tombstones_of(
    database: MongoDatabase, head: Record, policy: RetentionPolicy, now: datetime
) -> int:
    tombstones: Record = {"collection": head["_id"], "removed_at": {"$gt": 0}}
    not_kept = {"$or": _not_kept(policy, head["version"], "removed_at", now)}
    newest = await database["items"].find_one(
        tombstones | not_kept, ["version"], sort=[("version", -1)]
    )
    if newest is None:
        return 0
    floor = newest["version"]
    # The compaction floor first: no reader may miss a tombstone without an error.
    await database["collections"].update_one({"_id": head["_id"]}, {"$max": {"floor": floor}})
    result = await database["items"].delete_many(tombstones | {"version": {"$lte": floor}})
    return result.deleted_count


def _not_kept(policy: RetentionPolicy, latest: int, field: str, now: datetime) -> list[Record]:
    # What *policy*, one that keeps less than all, removes where *field* holds the time.
    conditions: list[Record] = []
    if policy.keep is not None:
        conditions.append({"version": {"$lte": latest - policy.keep}})
    if policy.max_age is not None:
        conditions.append({field: {"$lt": to_instant(now - policy.max_age)}})
    return conditions


async def prune_messages(
    database: MongoDatabase, before: datetime, own: Mapping[TenantId, datetime]
) -> int:
    """
    Remove finished messages last written *before*, and the records of conversations at rest.

    For those of a tenant in *own*, that time counts in its place.
    """
    others: Record = {"holder.tenant": {"$nin": [tenant.value for tenant in own]}} if own else {}
    removed = await _prune_finished(database, before, others)
    for tenant, time in own.items():
        removed += await _prune_finished(database, time, {"holder.tenant": tenant.value})
    await _prune_conversations(database, before)
    return removed


async def _prune_finished(database: MongoDatabase, before: datetime, whose: Record) -> int:
    removed = 0
    finished: Record = {
        "stage": {"$in": _FINISHED},
        "updated_at": {"$lt": to_instant(before)},
        **whose,
    }
    async for batch in batches(database, "messages", finished, ["conversation"]):
        # One that was put back to work meanwhile stays, with its marks.
        still: Record = {
            "_id": {"$in": [message["_id"] for message in batch]},
            "conversation": {"$in": sorted({message["conversation"] for message in batch})},
            **finished,
        }
        removed += await in_transaction(database, partial(_remove_all, database, still))
    return removed


async def _remove_all(database: MongoDatabase, wanted: Record, session: Session) -> int:
    cursor = database["messages"].find(wanted, ["marks", "conversation"], session=session)
    return await remove_messages(database, await cursor.to_list(None), session)


async def _prune_conversations(database: MongoDatabase, before: datetime) -> None:
    # The turns of a conversation that comes back are times, and later than all that it had.
    at_rest: Record = {"open": 0, "turns": {"$lt": to_instant(before)}}
    async for batch in batches(database, "conversations", at_rest, ["turns", "open"]):
        # One that was written meanwhile stays.
        await database["conversations"].bulk_write(
            [DeleteOne(record) for record in batch], ordered=False
        )


async def batches(
    database: MongoDatabase,
    collection: str,
    wanted: Record,
    fields: Sequence[str] | Record | None = None,
) -> AsyncIterator[list[Record]]:
    """
    The wanted records of *collection*, as many at a time as a short step can handle.
    """
    cursor = database[collection].find(wanted, fields)
    while batch := await cursor.to_list(_BATCH):
        yield batch
