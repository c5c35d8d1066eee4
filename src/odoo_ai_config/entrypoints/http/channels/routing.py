"""
``/v1/route``: where a Chatwoot message goes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from functools import partial
from typing import Annotated, Final

from aiohttp import hdrs, web
from msgspec import UNSET, Meta, UnsetType

from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.channels.mapping import MappingRevision
from odoo_ai_config.domain.channels.routing import Consideration, IncomingMessage
from odoo_ai_config.domain.conversations.state import ConversationKey
from odoo_ai_config.domain.errors import TenantForbiddenError
from odoo_ai_config.domain.identifiers import NO_ID, ChatwootId
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.channels.payloads import channel_state
from odoo_ai_config.entrypoints.http.channels.schemas import (
    Considered,
    RoutedChannel,
    RouteLimits,
    RouteOwner,
)
from odoo_ai_config.entrypoints.http.channels.schemas import Route as RouteAnswer
from odoo_ai_config.entrypoints.http.conversations.handlers import answering_shown
from odoo_ai_config.entrypoints.http.conversations.schemas import Answering
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.compression import in_portions
from odoo_ai_config.entrypoints.http.platform.conditional import shown_tagged, tag_of, unchanged
from odoo_ai_config.entrypoints.http.platform.errors import (
    FieldError,
    IncompleteDataError,
)
from odoo_ai_config.entrypoints.http.platform.operations import Operation, Query, RouteGroup
from odoo_ai_config.entrypoints.http.platform.paths import asked_text, is_asked
from odoo_ai_config.entrypoints.http.platform.representations import (
    JSON_HEADERS,
    json_bytes,
    route_shown,
)
from odoo_ai_config.entrypoints.http.platform.schema import ChatwootIdText
from odoo_ai_config.entrypoints.http.platform.texts import Language, language_of
from odoo_ai_config.entrypoints.wiring import Services

ROUTES: Final = RouteGroup("mapping", App.CONFIG, "config")
_JSON_LINES: Final = "application/x-ndjson"
_LINES_HEADERS: Final = {**JSON_HEADERS, hdrs.CONTENT_TYPE: _JSON_LINES}
# Channels that are rendered and sent at a time.
_PORTION: Final = 1000
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


@Operation(
    ROUTES,
    "GET",
    "/v1/route/table",
    scope=Scope.CONFIG_READ,
    conditional=True,
    answer=RouteLimits | RoutedChannel,
    says="The limits of the table, then one channel a line, by its account and inbox.",
    media_types=(_JSON_LINES,),
)
async def read_route_table(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read what routes messages, so that a reader can resolve routes by itself.

    A message is for the hub to decide if its route leads to an `unserved` tenant; if only the
    fallback or no rule claims it and its channel or account has `left`; and, unless the table is
    `whole`, if it is not of a listed inbox, or without an inbox of an account that is not
    `shared`.
    """
    limits, revisions = await request.app[SERVICES].read_known_routes(caller=caller)
    head = RouteLimits(
        whole=limits.whole,
        version=limits.version,
        channels=len(revisions),
        unserved=sorted(map(str, limits.unserved)),
        left=sorted(map(str, limits.left)),
        shared=sorted(map(str, limits.shared)),
    )

    def tag() -> str:
        # A version of a channel is always the same, except after a restore: then its time differs.
        states = (f"{one.mapping.key} {one.version} {one.updated_at}\n" for one in revisions)
        return tag_of(json_bytes(head) + "".join(states).encode())

    known = await run_off_loop(tag, cost=ENTRY * len(revisions))
    same = unchanged(request, known)
    if same is not None:
        return same
    return in_portions(request, _portions(head, revisions), {**_LINES_HEADERS, hdrs.ETAG: known})


async def _portions(
    head: RouteLimits, revisions: Sequence[MappingRevision]
) -> AsyncIterator[bytes]:
    yield json_bytes(head) + b"\n"
    for start in range(0, len(revisions), _PORTION):
        portion = revisions[start : start + _PORTION]
        yield await run_off_loop(partial(_lines, portion), cost=ENTRY * len(portion))


def _lines(revisions: Sequence[MappingRevision]) -> bytes:
    shown = ({**channel_state(one.mapping), "version": one.version} for one in revisions)
    return b"".join(json_bytes(one) + b"\n" for one in shown)


def _given(query: Query[ChatwootId], request: web.Request) -> ChatwootId | None:
    return None if asked_text(request, query.name) in NO_ID else query.of(request)


def _considered(step: Consideration) -> Considered:
    owners = [
        RouteOwner(tenant_id=str(owner.tenant), domain=str(owner.domain)) for owner in step.owners
    ]
    return Considered(rule=step.rule, verdict=step.verdict, owners=owners)
