"""
Take in what Odoo says of a tenant's company.
"""

from __future__ import annotations

from functools import partial

from attrs import frozen

from odoo_ai_config.application.credentials.written import CredentialsWriter
from odoo_ai_config.application.deliveries import delivered, earlier_outcome
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.application.optimistic_commit import commit_decided
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import Changeset, Claim
from odoo_ai_config.domain.documents.merging import metadata_after
from odoo_ai_config.domain.documents.revisions import content_of, digests_of, successor, version_of
from odoo_ai_config.domain.documents.syncs import CompanyMetadataSync
from odoo_ai_config.domain.identifiers import CREDENTIALS, METADATA
from odoo_ai_config.domain.outcomes import Outcome, WriteKind


@frozen
class SyncCompanyMetadata:
    """
    Merge a ``company_metadata_sync`` event into the tenant's metadata document.
    """

    store: ConfigStore
    credentials: CredentialsWriter
    clock: Clock

    async def __call__(
        self, sync: CompanyMetadataSync, *, caller: ApiKey, claim: Claim | None = None
    ) -> Outcome:
        """
        Commit the metadata, or find that nothing changed.

        Raises:
            ScopeMissingError: *caller* may not push events.
            TenantForbiddenError: *caller* is bound to another tenant.
            EncryptedValueError: A text in *sync* is one that the replaced server encrypted.
            IdempotencyKeyReusedError: *claim* came before with another body.
            ContentionError: Too many writers at a time.
            StoreUnavailableError: The store is away.
        """
        caller.require(Scope.WEBHOOK)
        caller.require_tenant(sync.owner.tenant)
        key = sync.owner.document(METADATA)
        beside = sync.owner.document(CREDENTIALS)

        async def decide() -> tuple[Changeset, Outcome]:
            earlier = await earlier_outcome(self.store, claim)
            if earlier is not None:
                return Changeset(), earlier
            now = self.clock.now()
            found = await self.store.current((key, beside))
            current = found.get(key)
            before = content_of(current)
            apart = await self.credentials.apart(
                key,
                await run_off_loop(
                    partial(metadata_after, before, sync), cost=cost_of(before, sync.body)
                ),
                found.get(beside),
                author=caller.id,
                at=now,
            )
            revision = successor(current, key, apart.document, author=caller.id, at=now)
            written = tuple(r for r in (revision, apart.credentials) if r is not None)
            outcome = Outcome(
                WriteKind.METADATA,
                sync.owner,
                {"metadata": version_of(revision or current)},
                changed=bool(written),
                at=now,
                notices=apart.notices,
                digests=digests_of(metadata=revision or current),
            )
            changeset = Changeset(revisions=written, delivery=delivered(claim, outcome))
            return apart.sealing.added_to(changeset), outcome

        return await commit_decided(self.store, decide)
