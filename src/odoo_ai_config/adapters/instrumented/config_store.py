"""
Times what the use cases ask of a store.
"""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any

from odoo_ai_config.adapters.instrumented.timing import Observe, Timed
from odoo_ai_config.application.ports.config_store import ConfigStore, PruneReport
from odoo_ai_config.domain.changes import Changeset, Delivery, DeliveryId
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import RetentionPolicy, Revision
from odoo_ai_config.domain.identifiers import BusinessDomain, DocumentKey, DocumentKind, TenantId


class InstrumentedConfigStore(ConfigStore):
    """
    Another store, with its operations timed.
    """

    def __init__(self, store: ConfigStore, observe: Observe) -> None:
        self._store = store
        self._observe = observe

    async def commit(self, changeset: Changeset) -> None:
        with Timed(self._observe, "commit"):
            await self._store.commit(changeset)

    def current(
        self, keys: Sequence[DocumentKey]
    ) -> Coroutine[Any, Any, Mapping[DocumentKey, Revision]]:
        # Answered from memory most of the time: timing it would cost more than it does, and
        # so would a coroutine around the store's own.
        return self._store.current(keys)

    async def revision(self, key: DocumentKey, version: int) -> Revision | None:
        with Timed(self._observe, "revision"):
            return await self._store.revision(key, version)

    async def history(
        self, key: DocumentKey, *, before: int | None = None, limit: int = 100
    ) -> Sequence[Revision]:
        with Timed(self._observe, "history"):
            return await self._store.history(key, before=before, limit=limit)

    async def documents(
        self, tenant: TenantId, domain: BusinessDomain | None = None
    ) -> Sequence[Revision]:
        with Timed(self._observe, "documents"):
            return await self._store.documents(tenant, domain)

    async def documents_of(
        self, tenants: Collection[TenantId], kinds: Collection[DocumentKind]
    ) -> Sequence[Revision]:
        with Timed(self._observe, "documents_of"):
            return await self._store.documents_of(tenants, kinds)

    async def tenants(
        self, *, after: TenantId | None = None, limit: int = 100
    ) -> Sequence[TenantId]:
        with Timed(self._observe, "tenants"):
            return await self._store.tenants(after=after, limit=limit)

    async def keys(
        self, *, after: DocumentKey | None = None, limit: int = 100
    ) -> Sequence[DocumentKey]:
        with Timed(self._observe, "keys"):
            return await self._store.keys(after=after, limit=limit)

    async def rewrite(self, old: Revision, document: Document) -> bool:
        with Timed(self._observe, "rewrite"):
            return await self._store.rewrite(old, document)

    async def delivery(self, delivery_id: DeliveryId) -> Delivery | None:
        with Timed(self._observe, "delivery"):
            return await self._store.delivery(delivery_id)

    async def prune(self, policy: RetentionPolicy, *, now: datetime) -> PruneReport:
        with Timed(self._observe, "prune"):
            return await self._store.prune(policy, now=now)

    async def check(self) -> None:
        with Timed(self._observe, "check"):
            await self._store.check()
