"""
Requests that come from the spool, as the handlers of their paths take them in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from odoo_ai_config.application.messages.spooling import Settled
from odoo_ai_config.application.ports.message_spool import Arrival
from odoo_ai_config.entrypoints.http.addresses.records import take_in_record
from odoo_ai_config.entrypoints.http.chatwoot.webhook import take_in_event
from odoo_ai_config.entrypoints.http.platform.spool import Replayed, Source

_TAKE_IN: Final[Mapping[Source, Callable[[Replayed], Awaitable[Settled]]]] = {
    Source.CHATWOOT: take_in_event,
    Source.RECORD: take_in_record,
}


async def take_in(app: web.Application, arrival: Arrival) -> Settled:
    """
    Take in what waited in the spool, as *app* would have done when it came.

    Raises:
        StoreUnavailableError, StoreUnusableError, ContentionError: Not now.
    """
    request = Replayed.of(app, arrival)
    return await _TAKE_IN[request.source](request)
