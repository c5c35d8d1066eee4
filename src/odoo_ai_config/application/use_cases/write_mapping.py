"""
Change the mapping as a whole.
"""

from __future__ import annotations

from attrs import frozen

from odoo_ai_config.application.optimistic_commit import commit_decided
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import Changeset, channel_moved
from odoo_ai_config.domain.mapping import previous_owner, remapped
from odoo_ai_config.domain.mapping_sections import (
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
            current = {r.mapping.key: r for r in await self.channels.mappings()}
            before = [revision.mapping for revision in current.values()]
            changed = decide_channels(before, sections)
            after = {mapping.key: mapping for mapping in [*before, *changed]}
            written = (
                remapped(current.get(mapping.key), mapping, author=caller.id, at=now)
                for mapping in changed
            )
            revisions = tuple(revision for revision in written if revision is not None)
            losers = [previous_owner(current.get(m.mapping.key), m.mapping) for m in revisions]
            audit = tuple(
                channel_moved(revision.mapping, loser, actor=caller.id, at=now)
                for revision, loser in zip(revisions, losers, strict=True)
                if loser is not None
            )
            changeset = Changeset(mappings=revisions, audit=audit)
            return changeset, sections_of(after.values())

        return await commit_decided(self.store, decide)
