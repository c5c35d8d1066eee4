"""
``POST /webhook``: what Chatwoot says, kept before it is acknowledged.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from aiohttp import web
from multidict import istr
from structlog.typing import FilteringBoundLogger

from odoo_ai_config.application.errors import ApplicationError
from odoo_ai_config.application.messages.intake import Receipt, Reception
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.domain.credentials.secrets import SecretText, digest_of
from odoo_ai_config.domain.errors import DomainError
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.receiving import MESSAGE_CREATED, OTHER_EVENTS, ChatwootEvent
from odoo_ai_config.entrypoints.http.chatwoot.senders import (
    Sender,
    require_credential,
    sender_of,
)
from odoo_ai_config.entrypoints.http.platform.app_keys import (
    LOG,
    METRICS,
    OPTIONS,
    REQUEST_ID,
    SERVICES,
)
from odoo_ai_config.entrypoints.http.platform.bodies import (
    read_body,
    read_json,
    require_json,
)
from odoo_ai_config.entrypoints.http.platform.errors import HttpRefusalError
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes

_ROUTED: Final = frozenset({Reception.ACCEPTED, Reception.UNRESOLVED})

_DELIVERY: Final = istr("X-Chatwoot-Delivery")
_VALID_DELIVERY: Final = re.compile(r"[A-Za-z0-9-]{8,64}", re.ASCII)
_UNKNOWN: Final = "unknown"


async def receive_message(request: web.Request) -> web.Response:
    """
    Take in one event; the answer is sent after it is durable, and before anything is done.
    """
    event, app = None, request.app
    try:
        require_credential(request)
        raw = await read_body(request)
        event = await _event_in(request, raw)
        sender = await sender_of(request, raw, event.origin.account)
        event = _identified(event, sender)
        receipt = await app[SERVICES].receive_message(
            event, SecretText.from_utf8(raw), caller=sender.caller
        )
    except (DomainError, ApplicationError, HttpRefusalError) as error:
        app[METRICS].event(_name_of(event), "refused", error.code)
        raise
    name = _name_of(event)
    app[METRICS].event(name, receipt.reception.value, receipt.reason or "")
    _tell(event, receipt, name, app[LOG])
    answer: JsonObject = {
        "success": True,
        "status": receipt.reception.value,
        "message_id": receipt.id.value,
        "reason": receipt.reason,
    }
    return web.Response(body=json_bytes(answer), content_type="application/json")


async def show_webhook(request: web.Request) -> web.Response:
    """
    For whoever opens the webhook's address in a browser, or watches it.
    """
    body: JsonObject = {"status": "healthy", "timestamp": request.app[OPTIONS].unix_time()}
    return web.Response(body=json_bytes(body), content_type="application/json")


async def _event_in(request: web.Request, raw: bytes) -> ChatwootEvent:
    try:
        require_json(request)
        # Only the hub ever reads it, and always in the same way. Chatwoot does not send again
        # what was refused, so a large number among a contact's attributes must not lose it.
        return await read_json(
            request,
            raw,
            partial(read_event, delivery=_delivery_of(request), request_id=request[REQUEST_ID]),
            lenient=True,
        )
    except HttpRefusalError:
        # What is wrong with it is told to those only who may push.
        await sender_of(request, raw, None)
        raise


def _identified(event: ChatwootEvent, sender: Sender) -> ChatwootEvent:
    origin = event.origin
    account = origin.account or sender.account
    if sender.signed is None:
        return event.seen_as(account, origin.delivery)
    # The header is not signed: it must not make a new event of an old one, nor the reverse.
    proof = digest_of(sender.signed).hex()[:32]
    named = account is not None and origin.message is not None
    delivery = origin.delivery if named else "signed"
    return event.seen_as(account, delivery, None if delivery is None else proof)


def _delivery_of(request: web.Request) -> str | None:
    given = request.headers.get(_DELIVERY)
    return None if given is None or _VALID_DELIVERY.fullmatch(given) is None else given


def _name_of(event: ChatwootEvent | None) -> str:
    # Only names that Chatwoot has: a sender must not fill the registry of metrics.
    name = _UNKNOWN if event is None else event.origin.event
    return name if name == MESSAGE_CREATED or name in OTHER_EVENTS else _UNKNOWN


def _tell(event: ChatwootEvent, receipt: Receipt, name: str, log: FilteringBoundLogger) -> None:
    origin, destination = event.origin, receipt.destination
    whereto = (
        {}
        if destination is None
        else {
            "tenant": destination.owner.tenant.value,
            "domain": destination.owner.domain.value,
            "crew": destination.crew,
            "matched_by": destination.matched_by.value,
        }
    )
    log.info(
        "message_received",
        area="message" if receipt.reception in _ROUTED else "webhook",
        message=receipt.id.value,
        status=receipt.reception.value,
        reason=receipt.reason,
        webhook_event=name,
        account=origin.account and origin.account.value,
        inbox=origin.inbox and origin.inbox.value,
        conversation=origin.conversation and origin.conversation.value,
        chatwoot_message=origin.message and origin.message.value,
        delivery=origin.delivery,
        **whereto,
    )
