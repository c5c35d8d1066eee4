"""
Documents in SQLite.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import evolve, frozen

from odoo_ai_config.adapters.sqlite.commit import PreparedChangeset
from odoo_ai_config.adapters.sqlite.connection import overwriting
from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.large_pushes import commit_pushes
from odoo_ai_config.adapters.sqlite.lookups import find_revision
from odoo_ai_config.adapters.sqlite.pruning import prune
from odoo_ai_config.adapters.sqlite.rows import (
    DOCUMENT_KEYS,
    IDEMPOTENCY_RECORDS,
    REVISION_COLUMNS,
    REVISIONS,
    json_values,
)
from odoo_ai_config.adapters.sqlite.writer import Transaction
from odoo_ai_config.application.errors import StoreFailure, StoreUnavailableError
from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.application.ports.config_store import ConfigStore, PruneReport
from odoo_ai_config.domain.changes import Changeset, IdempotencyKey, IdempotencyRecord
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import RetentionPolicy, Revision
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.identifiers import BusinessArea, DocumentKey, DocumentKind, TenantId

# SQLite's largest integer, beyond every version.
_HIGHEST: Final = 2**63 - 1
_CHECK_SECONDS: Final = 2.0

_DOCUMENT_ID: Final = "SELECT id FROM documents WHERE tenant = ?1 AND domain = ?2 AND kind = ?3"
_REVISION: Final = (
    f"SELECT ?1, ?2, ?3, {REVISION_COLUMNS} FROM revisions "
    f"WHERE document = ({_DOCUMENT_ID}) AND version = ?4"
)
_HISTORY: Final = (
    f"SELECT ?1, ?2, ?3, {REVISION_COLUMNS} FROM revisions "
    f"WHERE document = ({_DOCUMENT_ID}) AND version < ?4 ORDER BY version DESC LIMIT ?5"
)
_NEWEST: Final = (
    "SELECT tenant, domain, kind, "
    + ", ".join(f"revisions.{column}" for column in REVISION_COLUMNS.split(", "))
    + " FROM documents JOIN revisions ON document = id AND revisions.version = documents.version "
)
_DOCUMENTS: Final = (
    f"{_NEWEST} WHERE tenant = ?1 AND domain = coalesce(?2, domain) AND NOT documents.deleted "
    "ORDER BY domain, kind"
)
_DOCUMENTS_OF: Final = (
    f"{_NEWEST} WHERE tenant IN (SELECT value FROM json_each(?)) "
    "AND kind IN (SELECT value FROM json_each(?)) ORDER BY tenant, domain, kind"
)
# In the words of the index `retentions`, which is small.
_RETENTIONS: Final = (
    f"{_NEWEST} WHERE documents.id IN (SELECT id FROM documents INDEXED BY retentions "
    "WHERE kind = 'retention' AND NOT deleted AND tenant > ? ORDER BY tenant LIMIT ?) "
    "ORDER BY tenant"
)
_TENANTS: Final = (
    "SELECT DISTINCT tenant FROM documents WHERE tenant > ? AND NOT deleted "
    "ORDER BY tenant LIMIT ?"
)
_SPELLINGS: Final = (
    "SELECT DISTINCT tenant FROM documents WHERE tenant = ? COLLATE NOCASE AND NOT deleted "
    "ORDER BY tenant"
)
_KEYS: Final = (
    "SELECT tenant, domain, kind FROM documents WHERE (tenant, domain, kind) > (?, ?, ?) "
    "ORDER BY tenant, domain, kind LIMIT ?"
)
_IDEMPOTENCY_RECORD: Final = (
    f"SELECT {IDEMPOTENCY_RECORDS.columns} FROM deliveries WHERE caller = ? AND key = ?"
)
_REWRITE: Final = (
    "UPDATE revisions SET (body, yaml, yaml_exact) = (?8, ?9, ?10) "
    f"WHERE document = ({_DOCUMENT_ID}) AND (version, body) = (?4, ?5) "
    "AND yaml IS ?6 AND yaml_exact IS ?7 "
    "AND version < (SELECT documents.version FROM documents WHERE id = document)"
)


@frozen(eq=False)
class SqliteConfigStore(ConfigStore):
    """
    Commits share transactions; newest revisions are read from memory where that is safe.
    """

    database: SqliteDatabase

    async def commit(self, changeset: Changeset) -> None:
        decided_at = 0
        if changeset.claim is not None:
            table, decided_at = await self.database.routing.table()
            if table.rivals_of(changeset.claim).dispute(changeset.claim):
                raise RevisionConflictError
        if changeset.collections:
            await commit_pushes(self.database, changeset, decided_at=decided_at)
        elif not changeset.empty:
            prepared = await run_off_loop(
                lambda: PreparedChangeset(changeset, decided_at=decided_at),
                cost=ENTRY * changeset.size,
            )
            await self.database.write(prepared.write)

    def current(
        self, keys: Sequence[DocumentKey]
    ) -> Coroutine[Any, Any, Mapping[DocumentKey, Revision]]:
        return self.database.find(find_revision, keys)

    async def revision(self, key: DocumentKey, version: int) -> Revision | None:
        which = *DOCUMENT_KEYS.row(key), max(0, min(version, _HIGHEST))
        return await self.database.select_one(_REVISION, which, REVISIONS.of)

    async def history(
        self, key: DocumentKey, *, before: int | None = None, limit: int = 100
    ) -> Sequence[Revision]:
        below = _HIGHEST if before is None else max(0, min(before, _HIGHEST))
        which = *DOCUMENT_KEYS.row(key), below, limit
        return await self.database.select(_HISTORY, which, REVISIONS.of)

    async def documents(
        self, tenant: TenantId, domain: BusinessArea | None = None
    ) -> Sequence[Revision]:
        which = tenant.value, None if domain is None else domain.value
        return await self.database.select(_DOCUMENTS, which, REVISIONS.of)

    async def documents_of(
        self, tenants: Collection[TenantId], kinds: Collection[DocumentKind]
    ) -> Sequence[Revision]:
        which = json_values(tenants), json_values(kinds)
        return await self.database.select(_DOCUMENTS_OF, which, REVISIONS.of)

    async def tenants(
        self, *, after: TenantId | None = None, limit: int = 100
    ) -> Sequence[TenantId]:
        which = "" if after is None else after.value, limit
        return await self.database.select(_TENANTS, which, lambda row: TenantId(*row))

    async def spellings(self, tenant: TenantId) -> Sequence[TenantId]:
        return await self.database.select(_SPELLINGS, (tenant.value,), lambda row: TenantId(*row))

    async def keys(
        self, *, after: DocumentKey | None = None, limit: int = 100
    ) -> Sequence[DocumentKey]:
        which = *(("", "", "") if after is None else DOCUMENT_KEYS.row(after)), limit
        return await self.database.select(_KEYS, which, DOCUMENT_KEYS.of)

    async def rewrite(self, old: Revision, document: Document) -> bool:
        row = *REVISIONS.row(old)[:7], *REVISIONS.row(evolve(old, document=document))[4:7]

        def write(transaction: Transaction) -> bool:
            with overwriting(transaction.connection) as connection:
                return connection.execute(_REWRITE, row).rowcount == 1

        return await self.database.write(write)

    async def idempotency_record(self, key: IdempotencyKey) -> IdempotencyRecord | None:
        which = key.caller, key.key
        return await self.database.select_one(_IDEMPOTENCY_RECORD, which, IDEMPOTENCY_RECORDS.of)

    async def retentions(
        self, *, after: TenantId | None = None, limit: int = 100
    ) -> Sequence[Revision]:
        which = "" if after is None else after.value, limit
        return await self.database.select(_RETENTIONS, which, REVISIONS.of)

    async def prune(
        self,
        policy: RetentionPolicy,
        *,
        own: Mapping[TenantId, RetentionPolicy] | None = None,
        now: datetime,
    ) -> PruneReport:
        return await prune(self.database, policy, own or {}, now=now)

    async def check(self) -> None:
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await self.database.check()
        except TimeoutError as error:
            raise StoreUnavailableError(StoreFailure.BUSY) from error
