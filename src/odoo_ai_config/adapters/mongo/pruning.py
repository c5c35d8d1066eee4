"""
What retention removes, in steps that are short enough for writers not to notice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from typing import Final

from pymongo import DeleteMany

from odoo_ai_config.adapters.mongo.database import MongoDatabase, Record
from odoo_ai_config.adapters.mongo.documents import (
    instant_record,
    owner_from,
    revision_from,
)
from odoo_ai_config.adapters.mongo.transaction import Session, in_transaction
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.merging import fingerprints_in
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.identifiers import CREDENTIALS, TenantDomain
from odoo_ai_config.domain.messages.inbox import TEXT_PURPOSES

_BATCH: Final = 500
# The texts of messages are no document's; the inbox prunes them.
_CREDENTIAL: Final[Record] = {"purpose": {"$nin": list(TEXT_PURPOSES)}}


async def prune_revisions(database: MongoDatabase, policy: RetentionPolicy, now: datetime) -> int:
    """
    Remove the superseded revisions that *policy* lets go.
    """
    if policy == RetentionPolicy():
        return 0
    removed = 0
    superseding = {"version": {"$gt": 1}}
    async for batch in batches(database, "documents", superseding, ["version"]):
        deletions = [
            DeleteMany(
                {"document": newest["_id"], "$or": list(_expired(policy, newest["version"], now))}
            )
            for newest in batch
        ]
        result = await database["revisions"].bulk_write(deletions, ordered=False)
        removed += result.deleted_count
    return removed


async def prune_deliveries(database: MongoDatabase, now: datetime) -> int:
    """
    Remove the records of deliveries that expired.
    """
    removed = 0
    expired = {"expires_at": {"$lt": instant_record(now)}}
    async for batch in batches(database, "deliveries", expired, ["_id"]):
        names = [delivery["_id"] for delivery in batch]
        result = await database["deliveries"].delete_many({"_id": {"$in": names}})
        removed += result.deleted_count
    return removed


async def prune_secrets(database: MongoDatabase) -> int:
    """
    Remove the sealed values that no revision of their credentials document names any more.
    """
    removed = 0
    async for batch in batches(
        database, "secrets", _CREDENTIAL, ["tenant", "domain", "ref", "fingerprint"]
    ):
        by_owner: dict[TenantDomain, list[Record]] = {}
        for secret in batch:
            by_owner.setdefault(owner_from(secret), []).append(secret)
        newest = database["documents"].find(
            {"_id": {"$in": [_credentials_of(owner) for owner in by_owner]}}
        )
        # Nearly every value is named by the newest revision, and the history need not be read.
        async for record in newest:
            document = revision_from(record)
            if not _unnamed(by_owner[document.key.owner], [document.document]):
                del by_owner[document.key.owner]
        for owner in by_owner:
            removed += await _prune_secrets_of(database, owner)
    return removed


async def _prune_secrets_of(database: MongoDatabase, owner: TenantDomain) -> int:
    # In one snapshot: a commit that names one of the values again has touched it and collides.
    async def remove(session: Session) -> int:
        history = database["revisions"].find({"document": _credentials_of(owner)}, session=session)
        documents = [revision_from(record).document for record in await history.to_list(None)]
        stored = database["secrets"].find(
            {"tenant": owner.tenant.value, "domain": owner.domain.value, **_CREDENTIAL},
            {"ref": True, "fingerprint": True},
            session=session,
        )
        unnamed = _unnamed(await stored.to_list(None), documents)
        if not unnamed:
            return 0
        result = await database["secrets"].delete_many({"_id": {"$in": unnamed}}, session=session)
        return result.deleted_count

    return await in_transaction(database.client, remove)


async def prune_traces(database: MongoDatabase, policy: RetentionPolicy, now: datetime) -> int:
    """
    Remove the traces of removed items that *policy* lets go, and all earlier ones.
    """
    if policy == RetentionPolicy():
        return 0
    removed = 0
    async for batch in batches(database, "collections", {}, ["version"]):
        for head in batch:
            removed += await _prune_traces_of(database, head, policy, now)
    return removed


async def _prune_traces_of(
    database: MongoDatabase, head: Record, policy: RetentionPolicy, now: datetime
) -> int:
    traces: Record = {"collection": head["_id"], "removed_at": {"$gt": 0}}
    due = database["items"].find(
        {**traces, "$or": list(_due(policy, head["version"], now))}, {"version": True}
    )
    newest = await due.sort("version", -1).limit(1).to_list(None)
    if not newest:
        return 0
    floor = newest[0]["version"]
    # The floor first: no reader may miss a trace and not be told.
    await database["collections"].update_one({"_id": head["_id"]}, {"$max": {"floor": floor}})
    result = await database["items"].delete_many({**traces, "version": {"$lte": floor}})
    return result.deleted_count


def _due(policy: RetentionPolicy, latest: int, now: datetime) -> Iterator[Record]:
    if policy.keep is not None:
        yield {"version": {"$lte": latest - policy.keep}}
    if policy.max_age is not None:
        yield {"removed_at": {"$lt": instant_record(now - policy.max_age)}}


async def batches(
    database: MongoDatabase, collection: str, wanted: Record, fields: Sequence[str]
) -> AsyncIterator[list[Record]]:
    """
    The wanted records of *collection*, as many at a time as a short step can deal with.
    """
    batch: list[Record] = []
    async for record in database[collection].find(wanted, fields):
        batch.append(record)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _expired(policy: RetentionPolicy, latest: int, now: datetime) -> Iterator[Record]:
    if policy.keep is not None:
        yield {"version": {"$lte": latest - policy.keep}}
    if policy.max_age is not None:
        oldest = instant_record(now - policy.max_age)
        yield {"version": {"$lt": latest}, "updated_at": {"$lt": oldest}}


def _unnamed(secrets: Sequence[Record], documents: Sequence[Document]) -> list[str]:
    named = {
        (str(ref), fingerprint.value)
        for document in documents
        for ref, fingerprint in fingerprints_in(document).items()
    }
    return [
        secret["_id"] for secret in secrets if (secret["ref"], secret["fingerprint"]) not in named
    ]


def _credentials_of(owner: TenantDomain) -> str:
    return str(owner.document(CREDENTIALS))
