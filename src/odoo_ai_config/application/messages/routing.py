"""
Whom a message belongs to by the mapping as it is now.
"""

from __future__ import annotations

from typing import Final

from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.channels.routing import Route
from odoo_ai_config.domain.documents.revisions import version_of
from odoo_ai_config.domain.identifiers import CONFIG
from odoo_ai_config.domain.messages.inbox import Destination, Release

# Why a message is unresolved that no mapping claims.
NO_ROUTE: Final = "no_route"


async def destination_of(
    route: Route | None, *, channels: ChannelDirectory, store: ConfigStore
) -> Destination | None:
    """
    Where *route* leads, with the versions of what led there; None if it leads nowhere.

    Raises:
        StoreUnavailableError: The store is away.
    """
    if route is None or route.owner is None or route.channel is None:
        return None
    config = route.owner.document(CONFIG)
    revision = (await store.current((config,))).get(config)
    mapping = (await channels.current((route.channel,))).get(route.channel)
    return Destination(
        route.owner,
        route.crew,
        route.matched_by,
        Release(version_of(revision), 0 if mapping is None else mapping.version),
    )
