"""
``/v1/messages``: messages from Chatwoot, and what people do about them.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Final

import structlog
from aiohttp import web
from msgspec import Meta

from odoo_ai_config.application.messages.reading import OpenedMessage
from odoo_ai_config.application.messages.replay import MOST_AT_ONCE
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.crews import CustomerMessage
from odoo_ai_config.domain.errors import MessageNotFoundError, TenantForbiddenError
from odoo_ai_config.domain.events import subject_of
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId
from odoo_ai_config.domain.messages.answer_bodies import body_of
from odoo_ai_config.domain.messages.answers import Answer
from odoo_ai_config.domain.messages.inbox import (
    MAX_REPLAYS,
    STUCK,
    InboxMessage,
    MessageId,
    Stage,
    WrongStageError,
)
from odoo_ai_config.domain.subscriptions import SubscriptionId
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.messages.schemas import (
    MessageAnswer,
    MessageAttachment,
    MessageContact,
    MessageContent,
    MessagePage,
    MessageReceipt,
    MessageState,
    MessageSummary,
    Release,
    ReplayedMessage,
    Replays,
)
from odoo_ai_config.entrypoints.http.platform.app_keys import REQUEST_ID, SERVICES
from odoo_ai_config.entrypoints.http.platform.errors import FieldError, InvalidFieldsError
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    VAULT,
    Operation,
    PageSize,
    Query,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.paths import is_asked, named
from odoo_ai_config.entrypoints.http.platform.reasons import reason_text
from odoo_ai_config.entrypoints.http.platform.representations import NO_STORE, shown, timestamp
from odoo_ai_config.entrypoints.http.platform.schema import (
    MessageIdText,
    SubscriptionIdText,
    TenantIdText,
)
from odoo_ai_config.entrypoints.http.platform.texts import Language, language_of

_log = structlog.get_logger()

ROUTES: Final = RouteGroup("messages", App.CHATWOOT, "hub")
_MESSAGE: Final = "/v1/messages/{message_id}"
_ABOUT_REPLAY: Final = (
    "The current mapping routes them. An answer that a crew has already given is only posted. "
    f"A message can be replayed {MAX_REPLAYS} times."
)


def _stage_query(stages: Collection[Stage]) -> Query[Collection[Stage]]:
    known = {stage.value: stage for stage in stages}
    names = "|".join(sorted(known))

    def read(text: str) -> Collection[Stage]:
        wanted = text.split(",")
        if not known.keys() >= set(wanted):
            raise InvalidFieldsError([FieldError("stage", "stage")])
        return frozenset(known[name] for name in wanted)

    type_ = Annotated[str, Meta(pattern=f"^({names})(,({names}))*$", examples=["unresolved,dead"])]
    return Query("stage", type_, read, "By default all of them.")


_ANY_STAGE: Final = _stage_query(tuple(Stage))
_STUCK_STAGE: Final = _stage_query(STUCK)
_TENANT: Final = Query(
    "tenant",
    TenantIdText,
    TenantId,
    "Only messages of this tenant. By default the key's tenant, or all.",
)
_AFTER: Final = Query("after", MessageIdText, MessageId, "The `next` of the previous page.")
_SUBSCRIPTION: Final = Query(
    "subscription",
    SubscriptionIdText,
    SubscriptionId,
    "Only the events to this subscription. A replay without it leaves events alone.",
)
_LIMIT: Final = PageSize(default=50, most=500)
_REPLAY_LIMIT: Final = PageSize(default=MOST_AT_ONCE, most=MOST_AT_ONCE)
_OPEN: Final = Query(
    "open",
    Annotated[StrEnum("Asked", {"NO": "0", "YES": "1"}), Meta(extra_json_schema={"default": "0"})],
    str,
)


@Operation(
    ROUTES,
    "GET",
    "/v1/messages",
    scope=Scope.MESSAGES_READ,
    parameters=(_ANY_STAGE, _TENANT, _SUBSCRIPTION, _AFTER, _LIMIT),
    answer=MessagePage,
    answer_headers=("Cache-Control",),
    refusals=(TenantForbiddenError,),
)
async def list_messages(request: web.Request, caller: ApiKey) -> web.Response:
    """
    List messages, newest first, without their texts.

    A person has to look at those with the stage `unresolved`, `dead` or `failed`.
    """
    read = partial(
        request.app[SERVICES].list_messages,
        caller=caller,
        stages=_ANY_STAGE.of(request) or frozenset(Stage),
        tenant=_TENANT.of(request),
        subscription=_SUBSCRIPTION.of(request),
        after=_AFTER.of(request),
    )
    page, following = await _LIMIT.page(request, read, lambda message: message.id)
    language = language_of(request)
    return shown(
        MessagePage(messages=[summary_of(message, language) for message in page], next=following),
        NO_STORE,
    )


@Operation(
    ROUTES,
    "GET",
    _MESSAGE,
    scope=Scope.MESSAGES_READ,
    audited=True,
    parameters=(_OPEN,),
    answer=MessageState,
    answer_headers=("Cache-Control",),
    refusals=(*VAULT, *COMMIT, TenantForbiddenError, MessageNotFoundError),
)
async def read_message(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read the state of a message.

    With `open=1` also its texts, for keys with `secrets:read`; that is audited.
    """
    read, message_id = request.app[SERVICES].read_message, message_of(request)
    language = language_of(request)
    if not is_asked(request, _OPEN.name):
        return shown(summary_of(await read(message_id, caller=caller), language), NO_STORE)
    opened = await read.opened(message_id, caller=caller)
    return shown(state_of(opened, language), NO_STORE)


@Operation(
    ROUTES,
    "POST",
    "/v1/messages/replay",
    summary=f"Replay stuck messages, the oldest first\n\n{_ABOUT_REPLAY} "
    "`after` is the `next` of the previous answer, not that of a list.",
    scope=Scope.MESSAGES_WRITE,
    parameters=(_STUCK_STAGE, _TENANT, _SUBSCRIPTION, _AFTER, _REPLAY_LIMIT),
    answer=Replays,
    answer_headers=("Cache-Control",),
    refusals=(*COMMIT, TenantForbiddenError),
)
async def replay_messages(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Replay stuck messages, the oldest first.
    """
    size = _REPLAY_LIMIT.of(request)
    replays = await request.app[SERVICES].replay_messages.matching(
        caller=caller,
        stages=_STUCK_STAGE.of(request) or STUCK,
        tenant=_TENANT.of(request),
        subscription=_SUBSCRIPTION.of(request),
        after=_AFTER.of(request),
        limit=size,
    )
    replayed = sum(replay.refusal is None for replay in replays)
    left = len(replays) - replayed
    _log.info("messages_replayed", area="hub", replayed=replayed, left=left)
    return shown(
        Replays(
            replayed=replayed,
            left=left,
            messages=[
                ReplayedMessage(message_id=replay.id.value, reason=replay.refusal)
                for replay in replays
            ],
            next=str(replays[-1].id) if len(replays) == size else None,
        ),
        NO_STORE,
    )


@Operation(
    ROUTES,
    "POST",
    f"{_MESSAGE}/replay",
    summary=f"Replay a stuck message\n\n{_ABOUT_REPLAY} It keeps its stage if no mapping "
    "claims it.",
    scope=Scope.MESSAGES_WRITE,
    answer=MessageReceipt,
    answer_headers=("Cache-Control",),
    refusals=(*VAULT, *COMMIT, MessageNotFoundError, TenantForbiddenError, WrongStageError),
)
async def replay_message(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Replay one message.
    """
    message = await request.app[SERVICES].replay_messages(message_of(request), caller=caller)
    tell_of("message_replayed", message, request[REQUEST_ID])
    return shown(receipt_of(message), NO_STORE)


@Operation(
    ROUTES,
    "POST",
    f"{_MESSAGE}/discard",
    scope=Scope.MESSAGES_WRITE,
    answer=MessageReceipt,
    answer_headers=("Cache-Control",),
    refusals=(*COMMIT, MessageNotFoundError, TenantForbiddenError, WrongStageError),
)
async def discard_message(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Discard a stuck message.
    """
    message = await request.app[SERVICES].discard_message(message_of(request), caller=caller)
    tell_of("message_discarded", message, request[REQUEST_ID])
    return shown(receipt_of(message), NO_STORE)


def message_of(request: web.Request) -> MessageId:
    """
    The message that the path names.
    """
    return named("message_id", MessageId, request.match_info["message_id"])


def tell_of(event: str, message: InboxMessage, by_request: str | None) -> None:
    """
    Log *event* with the other lines about *message*: under the id of the request that brought it.
    """
    _log.info(
        event,
        area="hub",
        request_id=message.origin.request_id,
        by_request=by_request,
        message=message.id.value,
        tenant=message.holder.tenant.value,
        stage=message.stage.value,
        reason=message.reason,
    )


def receipt_of(message: InboxMessage) -> MessageReceipt:
    """
    The stage of a message, for keys that may write but perhaps not read.
    """
    return MessageReceipt(message_id=message.id.value, stage=message.stage, reason=message.reason)


def summary_of(message: InboxMessage, language: Language) -> MessageSummary:
    """
    The unencrypted data of a message.
    """
    return MessageSummary(**_members_of(message, language))


def state_of(opened: OpenedMessage, language: Language) -> MessageState:
    """
    A message with its texts.
    """
    text, answer = opened.text, opened.answer
    return MessageState(
        **_members_of(opened.message, language),
        content=None if text is None else _content_of(text),
        answer=None if answer is None else _answer_of(answer),
    )


def _answer_of(answer: Answer) -> MessageAnswer:
    only = answer.plain
    return MessageAnswer(
        text=None if only is None else only.text,
        private=only is not None and only.private,
        said=body_of(answer),
    )


def _members_of(message: InboxMessage, language: Language) -> dict[str, Any]:
    origin, destination = message.origin, message.destination
    release = None if destination is None else destination.release
    told = subject_of(message)
    return {
        "message_id": message.id.value,
        "stage": message.stage,
        "reason": message.reason,
        "tenant_id": None if destination is None else destination.owner.tenant.value,
        "domain": None if destination is None else destination.owner.domain.value,
        "crew": None if destination is None else destination.crew,
        "matched_by": None if destination is None else destination.matched_by,
        "release": None
        if release is None
        else Release(
            config_version=release.config_version, mapping_version=release.mapping_version
        ),
        "why": reason_text(message.reason, language),
        "part_of": None if message.part_of is None else message.part_of.value,
        "withheld": message.withheld,
        "refused": list(message.refused),
        "steps": message.steps,
        "event": origin.event,
        "account_id": _text(origin.account),
        "inbox_id": _text(origin.inbox),
        "conversation_id": _text(origin.conversation),
        "chatwoot_message_id": _text(origin.message),
        # The name of an event would tell how much happens at others.
        "delivery_id": origin.delivery if told is None else None,
        "subscription_id": None if told is None else told.subscription.value,
        "request_id": origin.request_id,
        "attempts": message.attempts,
        "replays": message.replays,
        "received_at": timestamp(message.received_at),
        "updated_at": timestamp(message.updated_at),
        "due_at": None if message.due_at is None else timestamp(message.due_at),
        "has_text": message.body is not None,
        "has_answer": message.answer is not None,
    }


def _text(id_: ChatwootId | None) -> str | None:
    return None if id_ is None else id_.value


def _content_of(content: CustomerMessage) -> MessageContent:
    contact = content.contact
    return MessageContent(
        text=content.text,
        contact=MessageContact(
            id=contact.id,
            name=contact.name,
            number=contact.number,
            identifier=contact.identifier,
        ),
        channel=content.channel,
        inbox_name=content.inbox_name,
        attachments=[
            MessageAttachment(
                kind=file.kind, url=file.url, title=file.title, transcription=file.transcription
            )
            for file in content.attachments
        ],
        sent_at=None if content.sent_at is None else timestamp(content.sent_at),
    )
