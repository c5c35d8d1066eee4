"""
Documents in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from attrs import evolve

from odoo_ai_config.adapters.memory.state import KeptCollection, MemoryAdapter
from odoo_ai_config.application.ports.config_store import ConfigStore, PruneReport
from odoo_ai_config.domain.changes import Changeset, IdempotencyKey, IdempotencyRecord
from odoo_ai_config.domain.documents.credentials import kept_values
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import Dated, RetentionPolicy, Revision
from odoo_ai_config.domain.identifiers import (
    CREDENTIALS,
    RETENTION,
    BusinessArea,
    DocumentKey,
    DocumentKind,
    TenantId,
)
from odoo_ai_config.domain.messages.inbox import TEXT_PURPOSES

D = TypeVar("D", bound=Dated)


class MemoryConfigStore(MemoryAdapter, ConfigStore):
    """
    Forgets everything when the process ends.
    """

    async def commit(self, changeset: Changeset) -> None:
        self.state.apply(changeset)

    async def current(self, keys: Sequence[DocumentKey]) -> Mapping[DocumentKey, Revision]:
        histories = self.state.histories
        return {key: histories[key][-1] for key in keys if key in histories}

    async def revision(self, key: DocumentKey, version: int) -> Revision | None:
        history = self.state.histories.get(key, ())
        return next((revision for revision in history if revision.version == version), None)

    async def history(
        self, key: DocumentKey, *, before: int | None = None, limit: int = 100
    ) -> Sequence[Revision]:
        newest_first = reversed(self.state.histories.get(key, ()))
        below = [
            revision for revision in newest_first if before is None or revision.version < before
        ]
        return below[:limit]

    async def documents(
        self, tenant: TenantId, domain: BusinessArea | None = None
    ) -> Sequence[Revision]:
        found = [
            revision
            for revision in self._living()
            if revision.key.tenant == tenant and domain in {None, revision.key.domain}
        ]
        return sorted(found, key=lambda revision: revision.key)

    async def documents_of(
        self, tenants: Collection[TenantId], kinds: Collection[DocumentKind]
    ) -> Sequence[Revision]:
        found = [
            revision
            for revision in self._newest()
            if revision.key.tenant in tenants and revision.key.kind in kinds
        ]
        return sorted(found, key=lambda revision: revision.key)

    async def tenants(
        self, *, after: TenantId | None = None, limit: int = 100
    ) -> Sequence[TenantId]:
        found = sorted({revision.key.tenant for revision in self._living()})
        return [tenant for tenant in found if after is None or tenant > after][:limit]

    async def spellings(self, tenant: TenantId) -> Sequence[TenantId]:
        folded = tenant.value.lower()
        known = {revision.key.tenant for revision in self._living()}
        return sorted(one for one in known if one.value.lower() == folded)

    async def keys(
        self, *, after: DocumentKey | None = None, limit: int = 100
    ) -> Sequence[DocumentKey]:
        found = sorted(self.state.histories)
        return [key for key in found if after is None or key > after][:limit]

    async def rewrite(self, old: Revision, document: Document) -> bool:
        history = self.state.histories.get(old.key, [])
        if old not in history[:-1]:
            return False
        history[history.index(old)] = evolve(old, document=document)
        return True

    async def idempotency_record(self, key: IdempotencyKey) -> IdempotencyRecord | None:
        return self.state.idempotency_records.get(key)

    async def retentions(
        self, *, after: TenantId | None = None, limit: int = 100
    ) -> Sequence[Revision]:
        found = [
            revision
            for revision in self._living()
            if revision.key.kind == RETENTION and (after is None or revision.key.tenant > after)
        ]
        return sorted(found, key=lambda revision: revision.key)[:limit]

    async def prune(
        self,
        policy: RetentionPolicy,
        *,
        own: Mapping[TenantId, RetentionPolicy] | None = None,
        now: datetime,
    ) -> PruneReport:
        collections = self.state.collections.values()
        policies = own or {}
        return PruneReport(
            revisions=sum(
                _prune_revisions(history, policies.get(key.tenant, policy), now)
                for key, history in self.state.histories.items()
            ),
            mapping_revisions=sum(
                _prune_revisions(
                    history, policies.get(history[-1].mapping.owner.tenant, policy), now
                )
                for history in self.state.mapping_histories.values()
            ),
            idempotency_records=self._prune_idempotency_records(now),
            secrets=self._prune_secrets(
                lambda tenant: now - policies.get(tenant, policy).credentials
            ),
            tombstones=sum(_prune_tombstones(kept, policy, now) for kept in collections),
        )

    async def check(self) -> None:
        self._state.require_presence()

    def _living(self) -> list[Revision]:
        return [revision for revision in self._newest() if not revision.deleted]

    def _newest(self) -> Iterable[Revision]:
        return (history[-1] for history in self.state.histories.values())

    def _prune_idempotency_records(self, now: datetime) -> int:
        records = self.state.idempotency_records
        expired = [key for key, record in records.items() if record.expires_at < now]
        for key in expired:
            del records[key]
        return len(expired)

    def _prune_secrets(self, deleted_after: Callable[[TenantId], datetime]) -> int:
        named = {
            key.owner: kept_values(reversed(history), deleted_after=deleted_after(key.tenant))
            for key, history in self.state.histories.items()
            if key.kind == CREDENTIALS
        }
        orphans = [
            place
            for place in self.state.secrets
            if place[0].purpose not in TEXT_PURPOSES
            and (str(place[0].ref), place[1]) not in named.get(place[0].owner, ())
        ]
        for place in orphans:
            del self.state.secrets[place]
        return len(orphans)


def _prune_revisions(history: list[D], policy: RetentionPolicy, now: datetime) -> int:
    latest, before = history[-1].version, len(history)
    history[:] = [
        revision
        for revision in history
        if not policy.allows_pruning(revision, latest=latest, now=now)
    ]
    return before - len(history)


def _prune_tombstones(kept: KeptCollection, policy: RetentionPolicy, now: datetime) -> int:
    floor = 0
    for id_, removed_at in kept.removed_at.items():
        version = kept.states[id_].version
        too_many = policy.keep is not None and version <= kept.head.version - policy.keep
        too_old = policy.max_age is not None and now - removed_at > policy.max_age
        if too_many or too_old:
            floor = max(floor, version)
    gone = [id_ for id_ in kept.removed_at if kept.states[id_].version <= floor]
    for id_ in gone:
        del kept.states[id_], kept.removed_at[id_]
    if gone:
        kept.head = evolve(kept.head, compaction_floor=floor)
    return len(gone)
