"""
``POST /webhook``: events of Chatwoot, stored before they are acknowledged.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from typing import Annotated, Final

from aiohttp import web
from msgspec import Meta
from multidict import istr

from odoo_ai_config.application.errors import (
    NOT_NOW,
    MessageRecordedError,
    SpoolUnavailableError,
    StoreUnavailableError,
    StoreUnusableError,
)
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.application.messages.spooling import Settled
from odoo_ai_config.application.ports.message_spool import Arrival
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.credentials.secrets import SecretText, digest_of
from odoo_ai_config.domain.errors import CodedError, InvalidApiKeyError
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.inbox import Receipt, Reception
from odoo_ai_config.domain.messages.receiving import MESSAGE_CREATED, OTHER_EVENTS, ChatwootEvent
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.chatwoot.schemas import CHATWOOT_EVENT, WebhookHealth
from odoo_ai_config.entrypoints.http.chatwoot.schemas import Receipt as ReceiptAnswer
from odoo_ai_config.entrypoints.http.chatwoot.senders import (
    Sender,
    known_sender,
    note_known,
    require_credential,
    sender_of,
    vouched,
)
from odoo_ai_config.entrypoints.http.odoo_events.handlers import REFUSALS as ODOO_REFUSALS
from odoo_ai_config.entrypoints.http.odoo_events.handlers import receive_misaddressed
from odoo_ai_config.entrypoints.http.odoo_events.payloads import sent_by_odoo
from odoo_ai_config.entrypoints.http.odoo_events.schemas import EventAccepted
from odoo_ai_config.entrypoints.http.platform.app_keys import (
    LOG,
    METRICS,
    OPTIONS,
    REQUEST_ID,
    SERVICES,
)
from odoo_ai_config.entrypoints.http.platform.authentication import key_in
from odoo_ai_config.entrypoints.http.platform.bodies import (
    read_body,
    read_json,
    require_json,
)
from odoo_ai_config.entrypoints.http.platform.errors import (
    AppNotServedError,
    BodyTooLargeError,
    HttpRefusalError,
    RateLimitedError,
    SignatureInvalidError,
    SignatureMissingError,
    SignatureTimestampError,
    WebhookTokenInvalidError,
)
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    VAULT,
    Access,
    Operation,
    RouteGroup,
    SignatureScheme,
)
from odoo_ai_config.entrypoints.http.platform.representations import shown
from odoo_ai_config.entrypoints.http.platform.spool import (
    SPOOL,
    Incoming,
    Replayed,
    Source,
    settled,
)

ROUTES: Final = RouteGroup("chatwoot", App.CHATWOOT, "webhook")
_ABOUT: Final = (
    "It needs one of these: a signature of Chatwoot, the token at the end of the path, or an API "
    "key with the scope `webhook`. A wrong signature is always refused. A key may also need a "
    "signature by Standard Webhooks. The credential must belong to the account that the event "
    "names.\n\n"
    "The answer is sent when the event is durable, before the hub works on it. A repeated event "
    "is answered with `duplicate` and the id of the first. While the store is away, a hub on "
    "MongoDB keeps the event on its own disk and answers `spooled`; it checks the credential when "
    "the store is back.\n\n"
    "An event of Odoo, which older modules send here, is taken in as at `/odoo-webhook`; it needs "
    "an API key. If the server does not serve Chatwoot, it takes only those."
)
_PATH_PARTS: Final = {
    "token": Annotated[
        str,
        Meta(
            description="The webhook token; `chatwoot`, `webhook` or `odoo-webhook` for none.",
            extra_json_schema={"format": "password"},
        ),
    ]
}
_REFUSALS: Final = (
    *COMMIT,
    *VAULT,
    *ODOO_REFUSALS,
    AppNotServedError,
    BodyTooLargeError,
    RateLimitedError,
    SignatureMissingError,
    SignatureInvalidError,
    SignatureTimestampError,
    WebhookTokenInvalidError,
    InvalidApiKeyError,
    ScopeMissingError,
    MessageRecordedError,
    SpoolUnavailableError,
    StoreUnavailableError,
    StoreUnusableError,
)
_EVENTS: Final = OTHER_EVENTS | {MESSAGE_CREATED}
_ROUTED: Final = frozenset({Reception.ACCEPTED, Reception.UNRESOLVED})

_DELIVERY: Final = istr("X-Chatwoot-Delivery")
_VALID_DELIVERY: Final = re.compile(r"[A-Za-z0-9-]{8,64}", re.ASCII)
_UNKNOWN: Final = "unknown"


def _receiving(path: str, identity: str, summary: str) -> Operation:
    return Operation(
        ROUTES,
        "POST",
        path,
        identity=identity,
        summary=f"{summary}\n\n{_ABOUT}",
        scope=Scope.WEBHOOK,
        access=Access.OPEN,
        shared_with=App.CONFIG,
        # Any one of them. OpenAPI cannot express that the path may authenticate, too.
        signature=SignatureScheme(
            "ChatwootSignature",
            "X-Chatwoot-Signature",
            "`sha256=` and the hexadecimal HMAC-SHA256 of `<X-Chatwoot-Timestamp>.<body>`, by the "
            "secret that Chatwoot shows.",
        ),
        request_headers=("X-Chatwoot-Signature", "X-Chatwoot-Timestamp", "X-Chatwoot-Delivery"),
        path_parts=_PATH_PARTS,
        body=CHATWOOT_EVENT,
        idempotent=True,
        answer=ReceiptAnswer | EventAccepted,
        says="The event is durable, or was already stored.",
        refusals=_REFUSALS,
    )


@_receiving("/webhook", "receiveMessage", "Receive an event of Chatwoot")
# Also the old server's /webhook/webhook and /webhook/chatwoot, and /webhook/odoo-webhook, which
# older modules of Odoo make of an address that ends in /webhook.
@_receiving(
    "/webhook/{token}",
    "receiveMessageWithToken",
    "Receive an event of Chatwoot, with a token in the path",
)
async def receive_message(request: web.Request) -> web.StreamResponse:
    """
    Receive one event; the answer is sent when it is durable, before the hub works on it.
    """
    app = request.app
    try:
        _require_receiver(request, by_odoo=key_in(request) is not None)
        require_credential(request)
        raw = await read_body(request)
        event = await _event_in(request, raw)
    except CodedError as error:
        app[METRICS].event(_UNKNOWN, "refused", error.code)
        raise
    if event is None:
        return await receive_misaddressed(request, raw)
    try:
        receipt = await _received(request, raw, event)
    except CodedError as error:
        app[METRICS].event(_name_of(event), "refused", error.code)
        raise
    _tell(event, receipt, app)
    return shown(
        ReceiptAnswer(
            success=True,
            status=receipt.reception,
            message_id=receipt.id.value,
            reason=receipt.reason,
        )
    )


@Operation(ROUTES, "GET", "/webhook", answer=WebhookHealth)
@Operation(
    ROUTES,
    "GET",
    "/webhook/{token}",
    identity="showWebhookWithToken",
    path_parts=_PATH_PARTS,
    answer=WebhookHealth,
)
async def show_webhook(request: web.Request) -> web.Response:
    """
    Check that the webhook answers.
    """
    return shown(WebhookHealth(status="healthy", timestamp=request.app[OPTIONS].unix_time()))


def _require_receiver(request: web.Request, *, by_odoo: bool) -> None:
    """
    Refuse a request that is not *by_odoo* if Chatwoot is not served.

    Raises:
        AppNotServedError: It is not.
    """
    if not by_odoo and App.CHATWOOT not in request.app[OPTIONS].apps:
        raise AppNotServedError


async def _received(request: web.Request, raw: bytes, event: ChatwootEvent) -> Receipt:
    """
    The receipt of *event*, once it is durable: in the store, or in the spool.
    """
    account = event.origin.account
    if SPOOL not in request.app:
        return await _stored(request.app, raw, event, await sender_of(request, raw, account))
    spool, at = request.app[SPOOL], request.app[OPTIONS].unix_time()
    lane = _lane_of(event)
    keep = partial(spool.keep, Source.CHATWOOT, request, at=at, lane=lane)
    try:
        async with spool.attempt():
            sender = await sender_of(request, raw, account)
            note_known(request, account, sender)
            if await spool.is_before(lane):
                # If there is no room, its order matters less than the message.
                with suppress(SpoolUnavailableError):
                    return Receipt(await keep(raw, holder=sender.bucket), Reception.SPOOLED)
            return await _stored(request.app, raw, event, sender)
    except NOT_NOW as error:
        spool.noted(error)
    holder = await known_sender(request, raw, account)
    return Receipt(await keep(raw, holder=holder), Reception.SPOOLED)


def _lane_of(event: ChatwootEvent) -> str:
    # The messages of a conversation keep their order.
    account, conversation = event.origin.account, event.origin.conversation
    return f"chatwoot/{account or ''}/{conversation or ''}"


async def _stored(
    app: web.Application,
    raw: bytes,
    event: ChatwootEvent,
    sender: Sender,
    arrival: Arrival | None = None,
) -> Receipt:
    payload = SecretText.from_utf8(raw)
    event = _identified(event, sender)
    if arrival is not None and not event.origin.marks:
        # It may be in the store already, and nothing else would recognise it there.
        event = event.seen_as(event.origin.account, f"spool-{arrival.id}")
    receive = app[SERVICES].receive_message
    return await receive(event, payload, caller=sender.caller, arrival=arrival)


async def take_in_event(request: Replayed) -> Settled:
    """
    Receive an event that comes from the spool.
    """
    event: ChatwootEvent | None = None

    async def proof() -> Sender:
        nonlocal event
        read = partial(_read, delivery=_delivery_of(request), request_id=request.request_id)
        event = await read_json(request, request.raw, read, lenient=True)
        account = None if event is None else event.origin.account
        return await vouched(request, request.raw, account)

    async def take_in(sender: Sender) -> None:
        if event is not None:
            receipt = await _stored(request.app, request.raw, event, sender, request.arrival)
            _tell(event, receipt, request.app)

    return await settled(request, proof(), take_in, area=ROUTES.area or "")


async def _event_in(request: web.Request, raw: bytes) -> ChatwootEvent | None:
    """
    The event of Chatwoot in *raw*; None if Odoo sent it.
    """
    try:
        require_json(request)
        # Lenient, because only the hub reads it, always in the same way. Chatwoot does not repeat
        # a refused event, so a large number among a contact's attributes must not lose it.
        event = await read_json(
            request,
            raw,
            partial(_read, delivery=_delivery_of(request), request_id=request[REQUEST_ID]),
            lenient=True,
        )
    except HttpRefusalError:
        # Only those who may push learn what is wrong with it.
        if SPOOL in request.app:
            request.app[SPOOL].require_store()
        await sender_of(request, raw, None)
        raise
    _require_receiver(request, by_odoo=event is None)
    return event


def _read(
    body: JsonObject, *, delivery: str | None, request_id: str | None
) -> ChatwootEvent | None:
    event = read_event(body, delivery=delivery, request_id=request_id)
    # Whatever else is in it, an event with a name of Chatwoot's is Chatwoot's.
    if event.origin.event not in _EVENTS and sent_by_odoo(body):
        return None
    return event


def _identified(event: ChatwootEvent, sender: Sender) -> ChatwootEvent:
    origin = event.origin
    account = origin.account or sender.account
    if sender.signed is None:
        return event.seen_as(account, origin.delivery)
    # The header is not signed: it must not make an old event look new, nor the reverse.
    proof = digest_of(sender.signed).hex()[:32]
    named = account is not None and origin.message is not None
    delivery = origin.delivery if named else "signed"
    return event.seen_as(account, delivery, None if delivery is None else proof)


def _delivery_of(request: Incoming) -> str | None:
    given = request.headers.get(_DELIVERY)
    return None if given is None or _VALID_DELIVERY.fullmatch(given) is None else given


def _name_of(event: ChatwootEvent) -> str:
    # Only event names of Chatwoot: a sender must not fill the registry of metrics.
    name = event.origin.event
    return name if name in _EVENTS else _UNKNOWN


def _tell(event: ChatwootEvent, receipt: Receipt, app: web.Application) -> None:
    name = _name_of(event)
    app[METRICS].event(name, receipt.reception.value, receipt.reason or "")
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
    app[LOG].info(
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
