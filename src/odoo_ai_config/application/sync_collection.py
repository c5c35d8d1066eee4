"""
Take in what Odoo says of a collection.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from odoo_ai_config.application.deliveries import delivered, earlier_outcome
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.application.optimistic_commit import commit_decided
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.collection_store import CollectionStore
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import Changeset, Claim
from odoo_ai_config.domain.collections import (
    CollectionChange,
    CollectionKey,
    CollectionSync,
    Item,
    change_after,
)
from odoo_ai_config.domain.identifiers import BusinessDomain, TenantDomain
from odoo_ai_config.domain.outcomes import ItemCounts, Outcome, WriteKind


@frozen
class SyncCollection:
    """
    Make a collection what its source says, in one commit however many items that is.
    """

    store: ConfigStore
    collections: CollectionStore
    clock: Clock

    async def __call__(
        self,
        key: CollectionKey,
        sync: CollectionSync,
        *,
        caller: ApiKey,
        claim: Claim | None = None,
    ) -> Outcome:
        """
        Commit what is new, different or gone, or find that nothing is.

        Raises:
            ScopeMissingError: *caller* may not push.
            TenantForbiddenError: *caller* is bound to another tenant.
            InvalidValueError: An item becomes too large by merging.
            IdempotencyKeyReusedError: *claim* came before with another body.
            ContentionError: Too many writers at a time.
            StoreUnavailableError: The store is away.
        """
        caller.require(Scope.WEBHOOK)
        caller.require_tenant(key.tenant)
        ids = [item.id for item in sync.items]
        named = None if sync.whole else [*ids, *sync.removed]

        async def decide() -> tuple[Changeset, Outcome]:
            earlier = await earlier_outcome(self.store, claim)
            if earlier is not None:
                return Changeset(), earlier
            # The head first: whatever is written after it was read, the commit is refused.
            head = await self.collections.head(key)
            digests = await self.collections.digests(key, named)
            stored: Mapping[str, Item] = {}
            if sync.merging:
                stored = await self.collections.items(key, ids)
            now = self.clock.now()

            def decide_items() -> tuple[CollectionChange | None, ItemCounts]:
                wanted = sync.merged_into(stored) if sync.merging else sync
                return change_after(head, digests, wanted, key=key, at=now)

            texts = (item.text for item in (*sync.items, *stored.values())) if stored else ()
            change, counts = await run_off_loop(
                decide_items,
                cost=len(sync.items) + len(sync.removed) + len(digests) + cost_of(*texts),
            )
            newest = head if change is None else change.head
            outcome = Outcome(
                WriteKind.COLLECTION,
                # Odoo's modules name no business area: all of a tenant's share its collections.
                TenantDomain(key.tenant, BusinessDomain()),
                {str(key.name): 0 if newest is None else newest.version},
                changed=change is not None,
                at=now,
                items=counts,
                digests={} if newest is None else {str(key.name): newest.digest},
            )
            changeset = Changeset(
                collections=() if change is None else (change,),
                delivery=delivered(claim, outcome),
            )
            return changeset, outcome

        return await commit_decided(self.store, decide)
