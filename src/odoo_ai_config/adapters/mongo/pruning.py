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
from odoo_ai_config.domain.documents import Document
from odoo_ai_config.domain.identifiers import CREDENTIALS, TenantDomain
from odoo_ai_config.domain.merging import fingerprints_in
from odoo_ai_config.domain.versioning import RetentionPolicy

_BATCH: Final = 500


async def prune_revisions(database: MongoDatabase, policy: RetentionPolicy, now: datetime) -> int:
    """
    Remove the superseded revisions that *policy* lets go.
    """
    if policy == RetentionPolicy():
        return 0
    removed = 0
    superseding = {"version": {"$gt": 1}}
    async for batch in _batches(database, "documents", superseding, ["version"]):
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
    async for batch in _batches(database, "deliveries", expired, ["_id"]):
        names = [delivery["_id"] for delivery in batch]
        result = await database["deliveries"].delete_many({"_id": {"$in": names}})
        removed += result.deleted_count
    return removed


async def prune_secrets(database: MongoDatabase) -> int:
    """
    Remove the sealed values that no revision of their credentials document names any more.
    """
    removed = 0
    async for batch in _batches(
        database, "secrets", {}, ["tenant", "domain", "ref", "fingerprint"]
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
            {"tenant": owner.tenant.value, "domain": owner.domain.value},
            {"ref": True, "fingerprint": True},
            session=session,
        )
        unnamed = _unnamed(await stored.to_list(None), documents)
        if not unnamed:
            return 0
        result = await database["secrets"].delete_many({"_id": {"$in": unnamed}}, session=session)
        return result.deleted_count

    return await in_transaction(database.client, remove)


async def _batches(
    database: MongoDatabase, collection: str, wanted: Record, fields: Sequence[str]
) -> AsyncIterator[list[Record]]:
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
