"""
Change the mapping as a whole.
"""

from __future__ import annotations

from attrs import frozen

from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.application.optimistic_commit import commit_decided
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditEntry, Changeset, mapping_traces
from odoo_ai_config.domain.channels.mapping import NO_RIVALS, MappingDecision, claimed, decided
from odoo_ai_config.domain.channels.routing import RoutingTable
from odoo_ai_config.domain.channels.sections import (
    MappingSections,
    merged_sections,
    replaced_sections,
    sections_of,
)


@frozen
class WriteMapping:
    """
    Merge sections into the mapping, or replace it by them.

    It concerns every tenant and costs as much as there are mappings; Odoo's events, which
    do not, go through `SyncMapping`.
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
            ScopeMissingError: *caller* may not write the configuration.
            TenantForbiddenError: *caller* is bound to one tenant.
            ContentionError: Too many writers at a time.
            StoreUnavailableError: The store is away.
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
                    wider = [current[key] for key in mapping.key.wider if key in current]
                    decision = decided(
                        present,
                        mapping,
                        author=caller.id,
                        at=now,
                        bound=False,
                        wider=wider,
                        rivals=rivals,
                    )
                    decisions.append(decision)
                    audit += mapping_traces(mapping, decision, actor=caller.id, at=now)
                    table.put(mapping)
                    current |= {r.mapping.key: r for r in (decision.revision,) if r is not None}
                revisions = tuple(d.revision for d in decisions if d.revision is not None)
                changeset = Changeset(mappings=revisions, audit=tuple(audit))
                return changeset, sections_of(after.values())

            return await run_off_loop(assign, cost=ENTRY * (len(stored) + sections.size))

        return await commit_decided(self.store, decide)
