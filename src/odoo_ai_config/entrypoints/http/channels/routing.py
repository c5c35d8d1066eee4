"""
``/v1/route``: where a Chatwoot message goes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.channels.routing import Consideration, IncomingMessage
from odoo_ai_config.domain.conversations.state import ConversationKey
from odoo_ai_config.domain.errors import TenantForbiddenError
from odoo_ai_config.domain.identifiers import NO_ID, ChatwootId
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.channels.schemas import (
    Considered,
    RouteOwner,
)
from odoo_ai_config.entrypoints.http.channels.schemas import Route as RouteAnswer
from odoo_ai_config.entrypoints.http.conversations.handlers import answering_shown
from odoo_ai_config.entrypoints.http.conversations.schemas import Answering
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.conditional import shown_tagged
from odoo_ai_config.entrypoints.http.platform.errors import (
    FieldError,
    IncompleteDataError,
)
from odoo_ai_config.entrypoints.http.platform.operations import Operation, Query, RouteGroup
from odoo_ai_config.entrypoints.http.platform.paths import asked_text, is_asked
from odoo_ai_config.entrypoints.http.platform.representations import route_shown
from odoo_ai_config.entrypoints.http.platform.schema import ChatwootIdText
from odoo_ai_config.entrypoints.http.platform.texts import Language, language_of
from odoo_ai_config.entrypoints.wiring import Services

ROUTES: Final = RouteGroup("mapping", App.CONFIG, "config")
_ACCOUNT: Final = Query("account_id", ChatwootIdText, ChatwootId, required=True)
_INBOX: Final = Query("inbox_id", ChatwootIdText, ChatwootId)
_NUMBER: Final = Query(
    "number",
    Annotated[str, Meta(examples=["5511999999999"])],
    str,
    "The sender's number in any form, or the id of a sender who hides it.",
)
_CONVERSATION: Final = Query(
    "conversation",
    ChatwootIdText,
    ChatwootId,
    "With `explain=1`: also tell whether the AI would answer in this conversation now. It needs "
    "`messages:read`.",
)
_EXPLAIN: Final = Query(
    "explain", StrEnum("YesOrNo", ["1", "true", "yes", "0", "false", "no"]), str
)


@Operation(
    ROUTES,
    "GET",
    "/v1/route",
    scope=Scope.CONFIG_READ,
    parameters=(_ACCOUNT, _INBOX, _NUMBER, _EXPLAIN, _CONVERSATION),
    conditional=True,
    answer=RouteAnswer,
    refusals=(IncompleteDataError, TenantForbiddenError),
)
async def resolve_route(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Resolve the route of a Chatwoot message.
    """
    account = _given(_ACCOUNT, request)
    if account is None:
        raise IncompleteDataError(["account_id"], [FieldError("account_id", "required")])
    services = request.app[SERVICES]
    number = services.numbers.asked(_NUMBER.of(request))
    message = IncomingMessage(account, _given(_INBOX, request), number)
    if not is_asked(request, _EXPLAIN.name):
        route = await services.resolve_route(message, caller=caller)
        return shown_tagged(request, RouteAnswer(**route_shown(route)))
    conversation = _given(_CONVERSATION, request)
    explained = await explained_route(
        services,
        message,
        None if conversation is None else ConversationKey(account, conversation),
        caller=caller,
        language=language_of(request),
    )
    return shown_tagged(request, explained)


async def explained_route(
    services: Services,
    message: IncomingMessage,
    conversation: ConversationKey | None,
    *,
    caller: ApiKey,
    language: Language,
) -> RouteAnswer:
    """
    The route of *message*, rule by rule, and whether the AI would answer in *conversation*.
    """
    route = await services.resolve_route(message, caller=caller, explain=True)
    answering: Answering | UnsetType | None = UNSET
    if conversation is not None:
        caller.require(Scope.MESSAGES_READ)
        answering = None
        if route.owner is not None:
            explained = await services.explain_silence.at(
                conversation, route.owner, route.crew, message.inbox, caller=caller
            )
            answering = answering_shown(explained, language)
    considered = [_considered(step) for step in route.considered]
    return RouteAnswer(**route_shown(route), considered=considered, answering=answering)


def _given(query: Query[ChatwootId], request: web.Request) -> ChatwootId | None:
    return None if asked_text(request, query.name) in NO_ID else query.of(request)


def _considered(step: Consideration) -> Considered:
    owners = [
        RouteOwner(tenant_id=str(owner.tenant), domain=str(owner.domain)) for owner in step.owners
    ]
    return Considered(rule=step.rule, verdict=step.verdict, owners=owners)
