"""
Read and write the mapping of channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from attrs import frozen

from odoo_ai_config.application.commits import commit_decided, commit_once
from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditEntry, Changeset, Claim, mapping_audit
from odoo_ai_config.domain.channels.mapping import (
    NO_RIVALS,
    ChannelKey,
    ChannelMapping,
    MappingDecision,
    MappingRevision,
    claimed,
    decided,
)
from odoo_ai_config.domain.channels.routing import RoutingTable
from odoo_ai_config.domain.channels.sections import (
    MappingSections,
    merged_sections,
    replaced_sections,
    sections_of,
)
from odoo_ai_config.domain.errors import MappingNotFoundError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.outcomes import Outcome, WriteKind


async def decided_in(
    channels: ChannelDirectory,
    current: MappingRevision | None,
    mapping: ChannelMapping,
    *,
    caller: ApiKey,
    at: datetime,
) -> MappingDecision:
    """
    Decide what *mapping* changes, given the channel's *current* mapping.

    Other tenants are looked up only if *mapping* claims something new: a repeated event costs
    nothing.

    Raises:
        DomainError: One of `MAPPING_REFUSALS`: *caller* is bound, and *mapping* touches what
            others have.
    """
    if current is not None and current.mapping == mapping:
        return MappingDecision(None)
    claim = claimed(current, mapping)
    rivals = NO_RIVALS if claim is None else await channels.rivals_of(claim)
    wider: Mapping[ChannelKey, MappingRevision] = {}
    if claim is not None and claim.account is not None:
        wider = await channels.current(mapping.key.wider)
    return decided(
        current,
        mapping,
        author=caller.id,
        at=at,
        bound=caller.tenant is not None,
        wider=[wider[key] for key in mapping.key.wider if key in wider],
        rivals=rivals,
    )


@frozen(eq=False)
class ReadMapping:
    """
    The mapping as the one object that clients of the replaced service expect.
    """

    channels: ChannelDirectory

    async def __call__(self, *, caller: ApiKey) -> MappingSections:
        """
        The active mappings, or only those of the tenant that *caller* is bound to.

        Raises:
            MappingNotFoundError: No channel has ever been mapped.
        """
        caller.require(Scope.CONFIG_READ)
        revisions = await self.channels.mappings(caller.tenant)
        if not revisions:
            raise MappingNotFoundError
        return await run_off_loop(
            lambda: sections_of(revision.mapping for revision in revisions),
            cost=ENTRY * len(revisions),
        )

    async def of(self, tenant: TenantId, *, caller: ApiKey) -> Sequence[MappingRevision]:
        """
        The channels of *tenant*, those that are switched off included.
        """
        caller.require(Scope.CONFIG_READ, tenant)
        return await self.channels.mappings(tenant)


@frozen(eq=False)
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
            DomainError: One of `MAPPING_REFUSALS`: *caller* is bound, and *mapping* touches what
                others have.
        """
        caller.require(Scope.WEBHOOK, mapping.owner.tenant)
        key = mapping.key

        async def decide() -> tuple[Changeset, Outcome]:
            now = self.clock.now()
            current = (await self.channels.current((key,))).get(key)
            decision = await decided_in(self.channels, current, mapping, caller=caller, at=now)
            revision = decision.revision
            newest = revision or current
            # The channel is another tenant's: there is nothing to store.
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
                audit=mapping_audit(mapping, decision, actor=caller.id, at=now),
            )
            return changeset, outcome

        return await commit_once(self.store, claim, decide)


@frozen(eq=False)
class WriteMapping:
    """
    Merge sections into the mapping, or replace the whole mapping.

    It concerns every tenant, and its cost grows with the number of mappings. Odoo's events go
    through `SyncMapping`, whose cost does not.
    """

    store: ConfigStore
    channels: ChannelDirectory
    clock: Clock

    async def __call__(
        self, sections: MappingSections, *, caller: ApiKey, replace: bool = False
    ) -> MappingSections:
        """
        The mapping after the write.

        Raises:
            TenantForbiddenError: *caller* is bound to one tenant.
        """
        caller.require(Scope.CONFIG_WRITE)
        caller.require_unbound()
        decide_channels = replaced_sections if replace else merged_sections

        async def decide() -> tuple[Changeset, MappingSections]:
            now = self.clock.now()
            stored = await self.channels.mappings()

            def assign() -> tuple[Changeset, MappingSections]:
                current = {revision.mapping.key: revision for revision in stored}
                before = [revision.mapping for revision in stored]
                changed = decide_channels(before, sections)
                after = {mapping.key: mapping for mapping in [*before, *changed]}
                table = RoutingTable(before)
                decisions: list[MappingDecision] = []
                audit: list[AuditEntry] = []
                for mapping in changed:
                    present = current.get(mapping.key)
                    claim = claimed(present, mapping)
                    rivals = NO_RIVALS if claim is None else table.rivals_of(claim)
                    # No wider mapping decides for a channel that sections change: they bring
                    # no new one that has an account and an inbox.
                    decision = decided(
                        present, mapping, author=caller.id, at=now, bound=False, rivals=rivals
                    )
                    decisions.append(decision)
                    audit += mapping_audit(mapping, decision, actor=caller.id, at=now)
                    table.put(mapping)
                revisions = tuple(d.revision for d in decisions if d.revision is not None)
                changeset = Changeset(mappings=revisions, audit=tuple(audit))
                return changeset, sections_of(after.values())

            return await run_off_loop(assign, cost=ENTRY * (len(stored) + sections.size))

        return await commit_decided(self.store, decide)
