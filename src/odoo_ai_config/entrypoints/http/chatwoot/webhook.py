"""
``POST /webhook``: events of Chatwoot, stored before they are acknowledged.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated, Final

from aiohttp import web
from msgspec import Meta
from multidict import istr
from structlog.typing import FilteringBoundLogger

from odoo_ai_config.application.errors import (
    MessageRecordedError,
    StoreUnavailableError,
    StoreUnusableError,
)
from odoo_ai_config.application.messages.intake import Receipt, Reception
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.credentials.secrets import SecretText, digest_of
from odoo_ai_config.domain.errors import CodedError, InvalidApiKeyError
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.receiving import MESSAGE_CREATED, OTHER_EVENTS, ChatwootEvent
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.chatwoot.schemas import CHATWOOT_EVENT, WebhookHealth
from odoo_ai_config.entrypoints.http.chatwoot.schemas import Receipt as ReceiptAnswer
from odoo_ai_config.entrypoints.http.chatwoot.senders import (
    Sender,
    require_credential,
    sender_of,
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

ROUTES: Final = RouteGroup("chatwoot", App.CHATWOOT, "webhook")
_ABOUT: Final = (
    "It needs one of these: a signature of Chatwoot, the token at the end of the path, or an API "
    "key with the scope `webhook`. A wrong signature is always refused. A key may also need a "
    "signature by Standard Webhooks. The credential must belong to the account that the event "
    "names.\n\n"
    "The answer is sent when the event is durable, before the hub works on it. A repeated event "
    "is answered with `duplicate` and the id of the first.\n\n"
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
        says="The event is stored, or was already.",
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
        sender = await sender_of(request, raw, event.origin.account)
        event = _identified(event, sender)
        receipt = await app[SERVICES].receive_message(
            event, SecretText.from_utf8(raw), caller=sender.caller
        )
    except CodedError as error:
        app[METRICS].event(_name_of(event), "refused", error.code)
        raise
    name = _name_of(event)
    app[METRICS].event(name, receipt.reception.value, receipt.reason or "")
    _tell(event, receipt, name, app[LOG])
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


def _delivery_of(request: web.Request) -> str | None:
    given = request.headers.get(_DELIVERY)
    return None if given is None or _VALID_DELIVERY.fullmatch(given) is None else given


def _name_of(event: ChatwootEvent) -> str:
    # Only event names of Chatwoot: a sender must not fill the registry of metrics.
    name = event.origin.event
    return name if name in _EVENTS else _UNKNOWN


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
