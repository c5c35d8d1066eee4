"""
What becomes of a channel by the mapping as it is now, whoever asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.channels.mapping import (
    NO_RIVALS,
    ChannelKey,
    ChannelMapping,
    MappingDecision,
    MappingRevision,
    claimed,
    decided,
)


async def decided_in(
    channels: ChannelDirectory,
    current: MappingRevision | None,
    mapping: ChannelMapping,
    *,
    caller: ApiKey,
    at: datetime,
) -> MappingDecision:
    """
    What *mapping* of *caller* makes of the channel that is mapped as *current*.

    Others are asked about only if something is claimed anew: a repeated event costs nothing.

    Raises:
        DomainError: One of `MAPPING_REFUSALS`: *caller* is bound, and *mapping* touches what
            others have.
        StoreUnavailableError: The store is away.
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
