"""
``POST /v1/messages/{message_id}/answer``: later answers of crews.
"""

from __future__ import annotations

import secrets
from typing import Final

from aiohttp import web
from multidict import istr

from odoo_ai_config.application.errors import StoreUnavailableError, StoreUnusableError
from odoo_ai_config.domain.access import ApiKey, Scope, ScopeMissingError
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.domain.errors import (
    InvalidApiKeyError,
    InvalidValueError,
    MessageNotFoundError,
    TenantForbiddenError,
)
from odoo_ai_config.domain.messages.answer_bodies import answer_in
from odoo_ai_config.domain.messages.answers import NO_REPLY, Answer, NoReply
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId, WrongStageError
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.messages.handlers import (
    message_of,
    receipt_of,
    tell_of,
)
from odoo_ai_config.entrypoints.http.messages.schemas import CREW_ANSWER, MessageReceipt
from odoo_ai_config.entrypoints.http.platform.app_keys import (
    LIMITS,
    OPTIONS,
    REQUEST_ID,
    SERVICES,
)
from odoo_ai_config.entrypoints.http.platform.authentication import key_in, keyed
from odoo_ai_config.entrypoints.http.platform.bodies import read_body, read_json, require_json
from odoo_ai_config.entrypoints.http.platform.errors import (
    BodyTooLargeError,
    HttpRefusalError,
    RateLimitedError,
    SignatureError,
    SignatureInvalidError,
    SignatureMissingError,
    SignatureTimestampError,
)
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    VAULT,
    Access,
    Operation,
    RouteGroup,
    SignatureScheme,
)
from odoo_ai_config.entrypoints.http.platform.representations import NO_STORE, shown
from odoo_ai_config.entrypoints.http.platform.signature import SignaturePolicy, verify_signature

ANSWERS: Final = RouteGroup("messages", App.CHATWOOT, "hub")
_SIGNATURE: Final = istr("webhook-signature")
_MESSAGE_ID: Final = istr("webhook-id")
_KEY_BYTES: Final = 32


@Operation(
    ANSWERS,
    "POST",
    "/v1/messages/{message_id}/answer",
    scope=Scope.MESSAGES_WRITE,
    access=Access.OPEN,
    signature=SignatureScheme(
        "CrewSignature",
        "webhook-signature",
        "Standard Webhooks, with the secret of the crew that got the message; `webhook-id` is the "
        "id of the message.",
    ),
    request_headers=("CrewWebhookId", "webhook-timestamp", "webhook-signature"),
    body=CREW_ANSWER,
    answer=MessageReceipt,
    answer_headers=("Cache-Control",),
    refusals=(
        *COMMIT,
        *VAULT,
        StoreUnavailableError,
        StoreUnusableError,
        BodyTooLargeError,
        RateLimitedError,
        InvalidApiKeyError,
        ScopeMissingError,
        SignatureMissingError,
        SignatureInvalidError,
        SignatureTimestampError,
        MessageNotFoundError,
        TenantForbiddenError,
        WrongStageError,
    ),
)
async def answer_message(request: web.Request) -> web.StreamResponse:
    """
    Answer a message.

    The request is signed with the crew's secret, or has a key. A signed request comes from the
    crew, whatever key it has. A repeated answer changes nothing. An answer may arrive before the
    crew's 202.
    """
    if _SIGNATURE in request.headers:
        return await _answer_signed(request)
    if key_in(request) is None:
        raise SignatureMissingError
    return await keyed(_answer_keyed, app=request.app)(request)


async def _answer_signed(request: web.Request) -> web.Response:
    message_id, raw = message_of(request), await read_body(request)
    answer: Answer | NoReply = NO_REPLY
    fault: HttpRefusalError | InvalidValueError | None = None
    try:
        answer = await _answer_of(request, raw)
    except (HttpRefusalError, InvalidValueError) as error:
        fault = error

    def prove(secret: SecretText | None) -> None:
        _require_signature(request, raw, message_id, secret)
        # Only those who may answer learn what is wrong with it.
        if fault is not None:
            raise fault

    failures = request.app[LIMITS].failures
    wait = failures.wait(request.remote)
    try:
        message = await request.app[SERVICES].answer_message.from_crew(
            message_id, answer, prove=prove
        )
    except SignatureError:
        failures.failed(request.remote, wait)
        raise
    return _taken_in(message, request)


async def _answer_keyed(request: web.Request, caller: ApiKey) -> web.Response:
    # Before the answer can tell anything about the body.
    caller.require(Scope.MESSAGES_WRITE)
    message_id = message_of(request)
    answer = await _answer_of(request, await read_body(request))
    message = await request.app[SERVICES].answer_message(message_id, answer, caller=caller)
    return _taken_in(message, request)


async def _answer_of(request: web.Request, raw: bytes) -> Answer | NoReply:
    require_json(request)
    return await read_json(request, raw, answer_in)


def _require_signature(
    request: web.Request, raw: bytes, message_id: MessageId, secret: SecretText | None
) -> None:
    verify_signature(
        request.headers,
        raw,
        now=request.app[OPTIONS].unix_time(),
        policy=SignaturePolicy(standard_webhooks=(_key_of(secret),)),
    )
    # Otherwise the answer to one message could be sent to another one of the same crew.
    if request.headers[_MESSAGE_ID] != message_id.value:
        raise SignatureInvalidError


def _key_of(secret: SecretText | None) -> SigningKey:
    try:
        if secret is not None:
            return SigningKey.from_standard_webhooks(secret)
    except ValueError:
        pass
    # A key that nobody has: without the message, or without a secret to check with, the refusal
    # is exactly that of a wrong signature.
    return SigningKey(secrets.token_bytes(_KEY_BYTES))


def _taken_in(message: InboxMessage, request: web.Request) -> web.Response:
    tell_of("message_answered", message, request[REQUEST_ID])
    return shown(receipt_of(message), NO_STORE)
