"""
Documents in MongoDB: the newest revision of each in one collection, the history in another.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import evolve

from odoo_ai_config.adapters.mongo.commit import ClosedError, commit
from odoo_ai_config.adapters.mongo.database import ANY_CASE, MongoDatabase
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.lease import alone
from odoo_ai_config.adapters.mongo.migration import require_known
from odoo_ai_config.adapters.mongo.pruning import (
    Policies,
    prune_idempotency_records,
    prune_mappings,
    prune_revisions,
    prune_secrets,
    prune_tombstones,
)
from odoo_ai_config.adapters.mongo.read_ahead import end_reading, reading_in
from odoo_ai_config.adapters.mongo.records import read_all, read_one, to_record
from odoo_ai_config.adapters.mongo.tenant_store import require_open
from odoo_ai_config.application.errors import (
    RequestRecordedError,
    StoreFailure,
    StoreUnavailableError,
    TenantKeyChangedError,
)
from odoo_ai_config.application.ports.config_store import ConfigStore, PruneReport
from odoo_ai_config.domain.changes import Changeset, IdempotencyKey, IdempotencyRecord
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import RetentionPolicy, Revision
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.identifiers import (
    RETENTION,
    BusinessArea,
    DocumentKey,
    DocumentKind,
    TenantId,
)

# The largest integer of BSON, which no version reaches.
_BEYOND_VERSIONS: Final = 2**63 - 1


class MongoConfigStore(ConfigStore):
    """
    Documents in a MongoDB replica set.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._newest = database["documents"]
        self._history = database["revisions"]

    @translated
    async def commit(self, changeset: Changeset) -> None:
        if changeset.empty:
            return
        try:
            await self._commit(changeset)
        except TenantKeyChangedError:
            if changeset.sealed_under is not None:
                self._database.sealing_keys.forget(changeset.sealed_under.tenant)
            # A closed tenant takes no first key.
            if changeset.new_tenant_key is not None:
                await require_open(self._database, changeset.tenants)
            raise
        finally:
            end_reading(self._database)
            # Also after an error: a commit whose answer was lost may have happened.
            if changeset.api_keys:
                self._database.api_keys.clear()
            for state in changeset.tenant_states:
                self._database.standings.clear()
                self._database.sealing_keys.forget(state.tenant)

    async def _commit(self, changeset: Changeset) -> None:
        try:
            await commit(self._database, changeset)
        except (ClosedError, RevisionConflictError, TenantKeyChangedError) as error:
            record = changeset.idempotency_record
            if record is not None and await self.idempotency_record(record.claim.id) is not None:
                # That counts first, and the database had not come to it.
                raise RequestRecordedError from error
            if not isinstance(error, ClosedError):
                raise
            await require_open(self._database, changeset.tenants)
            # It was reopened since.
            raise RevisionConflictError from error

    @translated
    async def current(self, keys: Sequence[DocumentKey]) -> Mapping[DocumentKey, Revision]:
        names = [str(key) for key in keys]
        reading = reading_in(self._database)
        known = {} if reading is None else reading.documents(names)
        revisions = [revision for revision in known.values() if revision is not None]
        if len(known) < len(names):
            unknown = [name for name in names if name not in known]
            revisions += await read_all(self._newest.find({"_id": {"$in": unknown}}), Revision)
        return {revision.key: revision for revision in revisions}

    @translated
    async def revision(self, key: DocumentKey, version: int) -> Revision | None:
        if not 1 <= version <= _BEYOND_VERSIONS:
            return None
        return await read_one(self._history, {"document": str(key), "version": version}, Revision)

    @translated
    async def history(
        self, key: DocumentKey, *, before: int | None = None, limit: int = 100
    ) -> Sequence[Revision]:
        below = _BEYOND_VERSIONS if before is None else before
        if below < 1 or limit < 1:
            return []
        cursor = (
            self._history.find(
                {"document": str(key), "version": {"$lt": min(below, _BEYOND_VERSIONS)}}
            )
            .sort("version", -1)
            .limit(limit)
        )
        return await read_all(cursor, Revision)

    @translated
    async def documents(
        self, tenant: TenantId, domain: BusinessArea | None = None
    ) -> Sequence[Revision]:
        wanted: dict[str, str | bool] = {"tenant": tenant.value, "deleted": False}
        if domain is not None:
            wanted["domain"] = domain.value
        cursor = self._newest.find(wanted).sort([("domain", 1), ("kind", 1)])
        return await read_all(cursor, Revision)

    @translated
    async def documents_of(
        self, tenants: Collection[TenantId], kinds: Collection[DocumentKind]
    ) -> Sequence[Revision]:
        wanted = {
            "tenant": {"$in": sorted(tenant.value for tenant in tenants)},
            "kind": {"$in": sorted(kind.value for kind in kinds)},
        }
        cursor = self._newest.find(wanted).sort([("tenant", 1), ("domain", 1), ("kind", 1)])
        return await read_all(cursor, Revision)

    @translated
    async def tenants(
        self, *, after: TenantId | None = None, limit: int = 100
    ) -> Sequence[TenantId]:
        beyond = {"$gt": "" if after is None else after.value}
        # Reads the index in order only as far as needed; grouping would read all of it.
        cursor = self._newest.find(
            {"tenant": beyond, "deleted": False}, {"_id": False, "tenant": True}
        ).sort("tenant", 1)
        found: list[TenantId] = []
        try:
            while len(found) < limit and (record := await anext(cursor, None)):
                if not found or found[-1].value != record["tenant"]:
                    found.append(TenantId(record["tenant"]))
        finally:
            await cursor.close()
        return found

    @translated
    async def spellings(self, tenant: TenantId) -> Sequence[TenantId]:
        cursor = self._newest.find(
            {"tenant": tenant.value, "deleted": False},
            {"_id": False, "tenant": True},
            collation=ANY_CASE,
        )
        return sorted({TenantId(record["tenant"]) async for record in cursor})

    @translated
    async def keys(
        self, *, after: DocumentKey | None = None, limit: int = 100
    ) -> Sequence[DocumentKey]:
        beyond = {"_id": {"$gt": "" if after is None else str(after)}}
        cursor = self._newest.find(beyond, ["tenant", "domain", "kind"]).sort("_id", 1)
        return await read_all(cursor.limit(limit), DocumentKey)

    @translated
    async def rewrite(self, old: Revision, document: Document) -> bool:
        # Versions only grow: a superseded revision is never the newest again.
        newest = await self._newest.find_one({"_id": str(old.key)}, ["version"])
        if newest is None or newest["version"] <= old.version:
            return False
        result = await self._history.update_one(
            {"document": str(old.key), **to_record(old)},
            {"$set": to_record(evolve(old, document=document))},
        )
        return result.matched_count == 1

    @translated
    async def idempotency_record(self, key: IdempotencyKey) -> IdempotencyRecord | None:
        return await read_one(
            self._database["deliveries"], {"_id": to_record(key)}, IdempotencyRecord
        )

    @translated
    async def retentions(
        self, *, after: TenantId | None = None, limit: int = 100
    ) -> Sequence[Revision]:
        beyond = {"$gt": "" if after is None else after.value}
        wanted = {"kind": RETENTION.value, "deleted": False, "tenant": beyond}
        return await read_all(self._newest.find(wanted).sort("tenant", 1).limit(limit), Revision)

    @translated
    async def prune(
        self,
        policy: RetentionPolicy,
        *,
        own: Mapping[TenantId, RetentionPolicy] | None = None,
        now: datetime,
    ) -> PruneReport:
        database = self._database
        policies = Policies(policy, {of.value: one for of, one in (own or {}).items()})

        async def remove() -> PruneReport:
            return PruneReport(
                revisions=await prune_revisions(database, policies, now),
                idempotency_records=await prune_idempotency_records(database, now),
                tombstones=await prune_tombstones(database, policy, now),
                mapping_revisions=await prune_mappings(database, policies, now),
                # Last, because it alone reads documents, and one may be unreadable.
                secrets=await prune_secrets(database, policies, now),
            )

        return await alone(database, "pruning of documents", remove, PruneReport())

    @translated
    async def check(self) -> None:
        # A write needs a server, a primary and a majority; a ping only the first.
        await self._database["checks"].update_one(
            {"_id": "check"}, {"$inc": {"count": 1}}, upsert=True
        )
        # A start leaves a version: without one, the database was removed, or is another one.
        if await require_known(self._database) == 0:
            raise StoreUnavailableError(StoreFailure.FILE_REPLACED)
