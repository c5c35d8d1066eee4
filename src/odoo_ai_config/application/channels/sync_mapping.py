"""
Take in what Odoo says of a Chatwoot channel.
"""

from __future__ import annotations

from attrs import frozen

from odoo_ai_config.application.channels.claims import decided_in
from odoo_ai_config.application.deliveries import delivered, earlier_outcome
from odoo_ai_config.application.optimistic_commit import commit_decided
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import Changeset, Claim, mapping_traces
from odoo_ai_config.domain.channels.mapping import ChannelMapping
from odoo_ai_config.domain.outcomes import Outcome, WriteKind


@frozen
class SyncMapping:
    """
    Upsert the one channel that a ``mapping_sync`` event is about, or switch it off.
    """

    store: ConfigStore
    channels: ChannelDirectory
    clock: Clock

    async def __call__(
        self, mapping: ChannelMapping, *, caller: ApiKey, claim: Claim | None = None
    ) -> Outcome:
        """
        Commit the mapping, or find that nothing changed.

        An inactive *mapping* never touches a channel that another tenant has taken over in
        the meantime: a late deactivation is not a claim.

        Raises:
            ScopeMissingError: *caller* may not push events.
            TenantForbiddenError: *caller* is bound to another tenant.
            DomainError: One of `MAPPING_REFUSALS`: *caller* is bound, and *mapping* touches what
                others have.
            IdempotencyKeyReusedError: *claim* came before with another body.
            ContentionError: Too many writers at a time.
            StoreUnavailableError: The store is away.
        """
        caller.require(Scope.WEBHOOK)
        caller.require_tenant(mapping.owner.tenant)
        key = mapping.key

        async def decide() -> tuple[Changeset, Outcome]:
            earlier = await earlier_outcome(self.store, claim)
            if earlier is not None:
                return Changeset(), earlier
            now = self.clock.now()
            current = (await self.channels.current((key,))).get(key)
            decision = await decided_in(self.channels, current, mapping, caller=caller, at=now)
            revision = decision.revision
            newest = revision or current
            # Nothing to remember of a channel that is another tenant's.
            own = None if newest is None or decision.notices else newest.mapping
            outcome = Outcome(
                WriteKind.MAPPING if mapping.active else WriteKind.MAPPING_DELETE,
                mapping.owner,
                {"mapping": 0 if newest is None else newest.version},
                changed=revision is not None,
                at=now,
                notices=decision.notices,
                digests={} if own is None else {"mapping": own.digest},
            )
            changeset = Changeset(
                mappings=() if revision is None else (revision,),
                claim=None if revision is None else decision.claim,
                delivery=delivered(claim, outcome),
                audit=mapping_traces(mapping, decision, actor=caller.id, at=now),
            )
            return changeset, outcome

        return await commit_decided(self.store, decide)
