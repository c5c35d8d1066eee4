"""
Stores documents with their history, and commits every change of the hub.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from odoo_ai_config.domain.changes import Changeset, IdempotencyKey, IdempotencyRecord
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import RetentionPolicy, Revision
from odoo_ai_config.domain.identifiers import BusinessArea, DocumentKey, DocumentKind, TenantId


@frozen
class PruneReport:
    """
    How much a pruning removed.
    """

    revisions: int = 0
    idempotency_records: int = 0
    secrets: int = 0
    tombstones: int = 0
    mapping_revisions: int = 0


class ConfigStore(Protocol):
    """
    Documents with their whole history, written by atomic changesets.

    Every method raises `StoreUnavailableError` while the store is away, and works again
    without a restart once it is back.
    """

    @abstractmethod
    async def commit(self, changeset: Changeset) -> None:
        """
        Make *changeset* durable as a whole, or refuse it and leave no trace.

        When this returns, the changeset survives a kill of the process and a loss of power,
        and every read through any process sees it. An empty changeset does nothing.

        Raises:
            RequestRecordedError: Its request is already recorded; this is checked first.
            TenantErasedError: One of its `tenants` is closed.
            TenantKeyChangedError: The tenant of *new_tenant_key* already has a data key, or
                *sealed_under* is no longer a data key of its tenant, or it came from
                `SecretStore.sealing_key` and is no longer active; or a state destroys other data
                keys than its tenant has.
            MessageRecordedError: A new message was received before.
            RevisionConflictError: A revision, mapping revision, message or state of a tenant does
                not succeed what is stored (version 1 if nothing is), or what *claim* or
                *mapping_state* rely on has changed; or an API key is revoked and does not change
                any more.
        """

    @abstractmethod
    async def current(self, keys: Sequence[DocumentKey]) -> Mapping[DocumentKey, Revision]:
        """
        The newest revision of each of *keys*, tombstones included; unknown keys are left out.
        """

    @abstractmethod
    async def revision(self, key: DocumentKey, version: int) -> Revision | None:
        """
        One revision; None if it never existed or was pruned, and for any *version* below 1.
        """

    @abstractmethod
    async def history(
        self, key: DocumentKey, *, before: int | None = None, limit: int = 100
    ) -> Sequence[Revision]:
        """
        At most *limit* revisions, newest first, below version *before* if it is given.
        """

    @abstractmethod
    async def documents(
        self, tenant: TenantId, domain: BusinessArea | None = None
    ) -> Sequence[Revision]:
        """
        The newest revision of each living document of *tenant*, by domain and kind.
        """

    @abstractmethod
    async def documents_of(
        self, tenants: Collection[TenantId], kinds: Collection[DocumentKind]
    ) -> Sequence[Revision]:
        """
        The newest revision of each document of these *kinds* and *tenants*.

        Tombstones are included. The order is by tenant, domain and kind.
        """

    @abstractmethod
    async def tenants(
        self, *, after: TenantId | None = None, limit: int = 100
    ) -> Sequence[TenantId]:
        """
        Tenants that have a living document, in order of their ids, following *after*.
        """

    @abstractmethod
    async def spellings(self, tenant: TenantId) -> Sequence[TenantId]:
        """
        Tenants with a living document whose ids are that of *tenant*, or differ only in case.

        They are in order of their ids. The cost does not depend on the number of tenants.
        """

    @abstractmethod
    async def keys(
        self, *, after: DocumentKey | None = None, limit: int = 100
    ) -> Sequence[DocumentKey]:
        """
        Every document ever written, deleted ones too: at most *limit*, following *after*.

        The order is the store's own and stable.
        """

    @abstractmethod
    async def rewrite(self, old: Revision, document: Document) -> bool:
        """
        Replace the content of *old* by *document*; no read returns the old content again.

        Returns False and does nothing if *old* has changed or is the newest revision, which gets
        a successor instead. The old content may stay in the store's files for a while: SQLite
        keeps it in its log, at the latest until the last process closes the file; MongoDB in its
        journal and oplog.
        """

    @abstractmethod
    async def idempotency_record(self, key: IdempotencyKey) -> IdempotencyRecord | None:
        """
        The record of a request that was done, until it is pruned.
        """

    @abstractmethod
    async def retentions(
        self, *, after: TenantId | None = None, limit: int = 100
    ) -> Sequence[Revision]:
        """
        The living ``retention`` documents, by tenant, following *after*.

        The cost does not depend on the tenants that have none.
        """

    @abstractmethod
    async def prune(
        self,
        policy: RetentionPolicy,
        *,
        own: Mapping[TenantId, RetentionPolicy] | None = None,
        now: datetime,
    ) -> PruneReport:
        """
        Remove what *policy* allows, in short steps that do not delay writers.

        It applies to revisions of documents and of mappings, each by its own channel or document.
        For the tenants in *own*, that policy counts in its place.
        Idempotency records that expired before *now* go too, and sealed values that their
        credentials document does not keep (`kept_values`). Current revisions stay, and so do the
        texts of messages, which `MessageInbox.prune` removes. While another process does it,
        nothing is done.
        """

    @abstractmethod
    async def check(self) -> None:
        """
        Return if the store can be read and written now.
        """
