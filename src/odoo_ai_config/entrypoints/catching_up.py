"""
Receive what the hub missed while it did not hear Chatwoot.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog
from attrs import frozen

from odoo_ai_config.application.chatwoot.accounts import stored_accounts
from odoo_ai_config.application.errors import ApplicationError
from odoo_ai_config.application.messages.missed import Search
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.inbox import Reception
from odoo_ai_config.entrypoints.background import Noted
from odoo_ai_config.entrypoints.wiring import Services

_log = structlog.get_logger(area="hub")


@frozen
class CaughtUp:
    """
    How many customers' messages are on their way now, and how many are not for the AI.
    """

    accepted: int = 0
    others: int = 0


async def receive_missed(services: Services, search: Search, *, caller: ApiKey) -> CaughtUp:
    """
    Receive what *search* has found. A message that came meanwhile is not received twice.
    """
    accepted = others = 0
    for missed in search.found:
        receipt = await services.receive_message(missed.event, missed.payload, caller=caller)
        accepted += receipt.reception is Reception.ACCEPTED
        others += missed.by_customer and receipt.reception is not Reception.ACCEPTED
    return CaughtUp(accepted, others)


async def catch_up_at_start(
    services: Services, *, reach: timedelta, caller: ApiKey, failed: Noted = lambda: None
) -> None:
    """
    Catch up with the last *reach* in every account that has settings of its own.

    What goes wrong with one is logged and does not concern the others.
    """
    try:
        accounts = await stored_accounts(services.ports.store)
    except ApplicationError as error:
        _log.warning("catching_up_failed", code=error.code)
        return
    until = services.ports.clock.now()
    for account in accounts:
        catching_up = _catch_up(services, account, until - reach, until, caller)
        (unforeseen,) = await asyncio.gather(catching_up, return_exceptions=True)
        if unforeseen is not None:
            failed()
            _log.error("background_failed", task="catching_up", exc_info=unforeseen)


async def _catch_up(
    services: Services, account: ChatwootId, since: datetime, until: datetime, caller: ApiKey
) -> None:
    try:
        search = await services.find_missed_messages(
            account, since=since, until=until, caller=caller
        )
        caught_up = await receive_missed(services, search, caller=caller)
    except ApplicationError as error:
        _log.warning("catching_up_failed", account=account.value, code=error.code)
    else:
        _log.info(
            "caught_up",
            account=account.value,
            accepted=caught_up.accepted,
            others=caught_up.others,
            complete=search.complete,
        )
