"""
``/v1/conversations``: conversations and why the AI is silent in them, and the pauses of the AI.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

from aiohttp import web
from attrs import frozen

from odoo_ai_config.application.conversations.pausing import PauseState
from odoo_ai_config.application.conversations.reading import Explanation
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.channels.history import moment_of
from odoo_ai_config.domain.channels.mapping import ChannelKey
from odoo_ai_config.domain.conversations import state
from odoo_ai_config.domain.conversations.state import ConversationKey
from odoo_ai_config.domain.errors import (
    CodedError,
    ConversationNotFoundError,
    InvalidValueError,
    MappingNotFoundError,
    TenantForbiddenError,
    TenantNotFoundError,
)
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId
from odoo_ai_config.domain.json_types import Json
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.conversations.schemas import (
    Answering,
    Conversation,
    ConversationPage,
    ConversationState,
    ConversationText,
    Pause,
    PausePlace,
    SilenceRule,
)
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import read_body, read_json, require_json
from odoo_ai_config.entrypoints.http.platform.errors import InvalidFieldsError
from odoo_ai_config.entrypoints.http.platform.fields import read_exactly
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    Operation,
    PageSize,
    Query,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.paths import named, tenant_of
from odoo_ai_config.entrypoints.http.platform.reasons import SILENCES
from odoo_ai_config.entrypoints.http.platform.representations import NO_STORE, shown, timestamp
from odoo_ai_config.entrypoints.http.platform.schema import Body, TenantIdText
from odoo_ai_config.entrypoints.http.platform.texts import Language, language_of
from odoo_ai_config.entrypoints.http.platform.wire_types import WireType

ROUTES: Final = RouteGroup("conversations", App.CHATWOOT, "hub")
_CONVERSATION: Final = "/v1/conversations/{account}/{conversation}"
_CHANNEL: Final = "/v1/channels/{account}/{inbox}"
_TENANT: Final = Query(
    "tenant",
    TenantIdText,
    TenantId,
    "Only conversations of this tenant. By default the key's tenant, or all.",
)
_AFTER: Final = Query(
    "after", ConversationText, ConversationKey.from_text, "The `next` of the previous page."
)
_LIMIT: Final = PageSize(default=50, most=500)


def _until(value: Json, _: object) -> datetime:
    return moment_of(value if isinstance(value, str) else "")


@frozen
class NewPause:
    """
    A pause of the AI.
    """

    until: Annotated[
        datetime | None,
        WireType(
            _until,
            {
                "type": ["string", "null"],
                "format": "date-time",
                "description": "In the future; without it until somebody ends the pause.",
            },
        ),
    ] = None


_PAUSE: Final = Body(
    parts=(NewPause,),
    more={"additionalProperties": False},
    example={"until": "2099-12-01T09:00:00-03:00"},
)


def _pausing(method: str, path: str, answer: object, *refusals: type[CodedError]) -> Operation:
    begins = method == "POST"
    return Operation(
        ROUTES,
        method,
        f"{path}/pause",
        scope=Scope.MESSAGES_WRITE,
        body=_PAUSE if begins else None,
        answer=answer,
        answer_headers=("Cache-Control",),
        refusals=(
            *COMMIT,
            *((InvalidFieldsError, InvalidValueError) if begins else ()),
            TenantForbiddenError,
            *refusals,
        ),
    )


@Operation(
    ROUTES,
    "GET",
    "/v1/conversations",
    scope=Scope.MESSAGES_READ,
    parameters=(_TENANT, _AFTER, _LIMIT),
    answer=ConversationPage,
    answer_headers=("Cache-Control",),
    refusals=(TenantForbiddenError,),
)
async def list_conversations(request: web.Request, caller: ApiKey) -> web.Response:
    """
    List conversations by account and id, as texts.
    """
    read_page = partial(
        request.app[SERVICES].list_conversations,
        caller=caller,
        tenant=_TENANT.of(request),
        after=_AFTER.of(request),
    )
    page, following = await _LIMIT.page(request, read_page, lambda one: one.key)
    found = [conversation_shown(one) for one in page]
    return shown(ConversationPage(conversations=found, next=following), NO_STORE)


@Operation(
    ROUTES,
    "GET",
    _CONVERSATION,
    scope=Scope.MESSAGES_READ,
    answer=ConversationState,
    answer_headers=("Cache-Control",),
    refusals=(TenantForbiddenError, ConversationNotFoundError),
)
async def read_conversation(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read a conversation, and why the AI would be silent in it now.
    """
    explain = request.app[SERVICES].explain_silence
    found, explanation = await explain(_conversation_of(request), caller=caller)
    return shown(state_shown(found, explanation, language_of(request)), NO_STORE)


@_pausing("POST", _CONVERSATION, Conversation, ConversationNotFoundError)
async def pause_conversation(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Pause the AI in a conversation.

    A pause replaces the one before.
    """
    key, until = _conversation_of(request), await _asked(request, caller)
    pause = request.app[SERVICES].pause_conversation
    after = await pause(key, caller=caller, until=until)
    return shown(conversation_shown(after), NO_STORE)


@_pausing("DELETE", _CONVERSATION, Conversation, ConversationNotFoundError)
async def resume_conversation(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Give a conversation back to the AI.

    It ends the pause of the conversation, and the silence after a person wrote or the AI handed
    over. Assignee and status are Chatwoot's and stay.
    """
    end = request.app[SERVICES].pause_conversation.end
    key = _conversation_of(request)
    after = await end(key, caller=caller)
    return shown(conversation_shown(after), NO_STORE)


@_pausing("POST", _CHANNEL, PausePlace, MappingNotFoundError)
async def pause_channel(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Pause the AI in a channel, for the client that has it.
    """
    return await _paused(request, caller, _channel_of(request))


@_pausing("DELETE", _CHANNEL, PausePlace, MappingNotFoundError)
async def resume_channel(request: web.Request, caller: ApiKey) -> web.Response:
    """
    End the pause of a channel.
    """
    return await _resumed(request, caller, _channel_of(request))


@_pausing("POST", "/v1/tenants/{tenant}", PausePlace, TenantNotFoundError)
async def pause_tenant(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Pause the AI for a client, in all its channels.
    """
    return await _paused(request, caller, tenant_of(request))


@_pausing("DELETE", "/v1/tenants/{tenant}", PausePlace, TenantNotFoundError)
async def resume_tenant(request: web.Request, caller: ApiKey) -> web.Response:
    """
    End the pause of a client.

    Those of its channels and conversations stay.
    """
    return await _resumed(request, caller, tenant_of(request))


async def _paused(
    request: web.Request, caller: ApiKey, where: TenantId | ChannelKey
) -> web.Response:
    until, pause = await _asked(request, caller), request.app[SERVICES].pause_tenant
    after = await pause(where, caller=caller, until=until)
    return shown(place_shown(after), NO_STORE)


async def _resumed(
    request: web.Request, caller: ApiKey, where: TenantId | ChannelKey
) -> web.Response:
    end = request.app[SERVICES].pause_tenant.end
    after = await end(where, caller=caller)
    return shown(place_shown(after), NO_STORE)


async def _asked(request: web.Request, caller: ApiKey) -> datetime | None:
    # Before the answer can tell anything about the body.
    caller.require(Scope.MESSAGES_WRITE)
    raw = await read_body(request)
    if not raw.strip():
        return None
    require_json(request)
    return (await read_json(request, raw, partial(read_exactly, NewPause))).until


def _conversation_of(request: web.Request) -> ConversationKey:
    parts = request.match_info
    return ConversationKey(
        named("account_id", ChatwootId, parts["account"]),
        named("conversation_id", ChatwootId, parts["conversation"]),
    )


def _channel_of(request: web.Request) -> ChannelKey:
    parts = request.match_info
    return ChannelKey(
        named("account_id", ChatwootId, parts["account"]),
        named("inbox_id", ChatwootId, parts["inbox"]),
    )


def conversation_shown(conversation: state.Conversation) -> Conversation:
    """
    A conversation as the API shows it.
    """
    return Conversation(**_members_of(conversation))


def state_shown(
    conversation: state.Conversation, explanation: Explanation | None, language: Language
) -> ConversationState:
    """
    A conversation, and whether the AI would answer in it.
    """
    answering = None if explanation is None else answering_shown(explanation, language)
    return ConversationState(**_members_of(conversation), answering=answering)


def answering_shown(explanation: Explanation, language: Language) -> Answering:
    """
    Whether the AI would answer, rule by rule.
    """
    reason = explanation.silence
    return Answering(
        answers=reason is None,
        reason=reason,
        why=None if reason is None else SILENCES[reason].to(language),
        rules=[
            SilenceRule(rule=verdict.rule, silent=verdict.silent, sees=verdict.sees)
            for verdict in explanation.verdicts
        ],
    )


def place_shown(place: PauseState) -> PausePlace:
    """
    The pause of a channel or a client as the API shows it.
    """
    channel, pause = place.channel, _pause_shown(place.pause)
    if channel is None:
        return PausePlace(tenant_id=str(place.tenant), pause=pause)
    return PausePlace(
        tenant_id=str(place.tenant),
        account_id=str(channel.account),
        inbox_id=str(channel.inbox),
        pause=pause,
    )


def _pause_shown(pause: state.Pause | None) -> Pause | None:
    return None if pause is None else Pause(by=pause.by, until=_moment(pause.until))


def _moment(at: datetime | None) -> str | None:
    return None if at is None else timestamp(at)


def _members_of(conversation: state.Conversation) -> dict[str, Any]:
    owner, assignee = conversation.owner, conversation.assignee
    return {
        "account_id": str(conversation.key.account),
        "conversation_id": str(conversation.key.id),
        "tenant_id": None if owner is None else str(owner.tenant),
        "domain": None if owner is None else str(owner.domain),
        "inbox_id": None if conversation.inbox is None else str(conversation.inbox),
        "crew": conversation.crew,
        "status": conversation.status,
        "assignee_id": None if assignee is None else str(assignee),
        "team": conversation.team,
        "labels": list(conversation.labels),
        "can_reply": conversation.can_reply,
        "blocked": conversation.blocked,
        "last_wrote": conversation.last_wrote,
        "customer_wrote_at": _moment(conversation.customer_at),
        "person_wrote_at": _moment(conversation.person_at),
        "ai_wrote_at": _moment(conversation.ai_at),
        "handed_over_at": _moment(conversation.handed_over_at),
        "handed_back_at": _moment(conversation.handed_back_at),
        "pause": _pause_shown(conversation.pause),
        "updated_at": timestamp(conversation.updated_at),
    }
