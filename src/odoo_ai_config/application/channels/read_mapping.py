"""
Read the whole mapping, or the channels of one tenant.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.channels.mapping import MappingRevision
from odoo_ai_config.domain.channels.sections import MappingSections, sections_of
from odoo_ai_config.domain.errors import MappingNotFoundError
from odoo_ai_config.domain.identifiers import TenantId


@frozen
class ReadMapping:
    """
    The mapping as the one object that clients of the replaced service expect.
    """

    channels: ChannelDirectory

    async def __call__(self, *, caller: ApiKey) -> MappingSections:
        """
        The active mappings, or only those of the tenant that *caller* is bound to.

        Raises:
            ScopeMissingError: *caller* may not read the configuration.
            MappingNotFoundError: No channel has ever been mapped.
            StoreUnavailableError: The store is away.
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

        Raises:
            ScopeMissingError: *caller* may not read the configuration.
            TenantForbiddenError: *caller* is bound to another tenant.
            StoreUnavailableError: The store is away.
        """
        caller.require(Scope.CONFIG_READ)
        caller.require_tenant(tenant)
        return await self.channels.mappings(tenant)
