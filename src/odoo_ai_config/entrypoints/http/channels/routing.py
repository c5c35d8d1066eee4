"""
``/v1/route``: where a Chatwoot message goes, and where it would go.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

from aiohttp import web
from msgspec import UNSET, Meta

from odoo_ai_config.application.channels.simulation import SeenRerouting, Simulation
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.channels.routing import Consideration, IncomingMessage, Route
from odoo_ai_config.domain.errors import TenantForbiddenError
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.outcomes import WriteKind
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.channels.schemas import (
    Considered,
    MessageRerouting,
    Move,
    Rerouting,
    RouteOwner,
    SeenRoute,
)
from odoo_ai_config.entrypoints.http.channels.schemas import Route as RouteAnswer
from odoo_ai_config.entrypoints.http.channels.schemas import Simulation as SimulationAnswer
from odoo_ai_config.entrypoints.http.odoo_events.payloads import (
    channel_mapping,
    event_of,
    incoming_messages,
)
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import read_body, read_json, require_json
from odoo_ai_config.entrypoints.http.platform.errors import (
    FieldError,
    IncompleteDataError,
    UnknownEventError,
)
from odoo_ai_config.entrypoints.http.platform.notices import shown_notices
from odoo_ai_config.entrypoints.http.platform.operations import Operation, Query, Ref, RouteGroup
from odoo_ai_config.entrypoints.http.platform.paths import is_asked
from odoo_ai_config.entrypoints.http.platform.representations import channel_shown, shown
from odoo_ai_config.entrypoints.http.platform.schema import ChatwootIdText
from odoo_ai_config.entrypoints.http.platform.texts import preferred_language

_SIMULATED: Final = frozenset({WriteKind.MAPPING, WriteKind.MAPPING_DELETE})
_NONE: Final = frozenset({"", "0", "None", "False", "null"})


ROUTES: Final = RouteGroup("mapping", App.CONFIG, "config")
_ACCOUNT: Final = Query("account_id", ChatwootIdText, ChatwootId, required=True)
_INBOX: Final = Query("inbox_id", ChatwootIdText, ChatwootId)
_NUMBER: Final = Query(
    "number",
    Annotated[str, Meta(examples=["5511999999999"])],
    str,
    "The sender's, in any form.",
)
_EXPLAIN: Final = Query(
    "explain", StrEnum("YesOrNo", ["1", "true", "yes", "0", "false", "no"]), str
)


@Operation(
    ROUTES,
    "GET",
    "/v1/route",
    scope=Scope.CONFIG_READ,
    parameters=(_ACCOUNT, _INBOX, _NUMBER, _EXPLAIN),
    answer=RouteAnswer,
    refusals=(IncompleteDataError, TenantForbiddenError),
)
async def resolve_route(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Where a Chatwoot message goes.
    """
    account = _given(_ACCOUNT, request)
    if account is None:
        raise IncompleteDataError(["account_id"], [FieldError("account_id", "required")])
    message = IncomingMessage(account, _given(_INBOX, request), _NUMBER.of(request))
    explain = is_asked(request, _EXPLAIN.name)
    route = await request.app[SERVICES].resolve_route(message, caller=caller, explain=explain)
    considered = [_considered(step) for step in route.considered] if explain else UNSET
    return shown(RouteAnswer(**_members_of(route), considered=considered))


@Operation(
    ROUTES,
    "POST",
    "/v1/route/simulate",
    scope=Scope.CONFIG_READ,
    body=Ref("SimulatedEvent"),
    answer=SimulationAnswer,
    refusals=(UnknownEventError, IncompleteDataError, TenantForbiddenError),
)
async def simulate_event(request: web.Request, caller: ApiKey) -> web.Response:
    """
    What an event about a channel would change.

    Nothing is written. Of the messages that the hub could get, those are shown whose route would
    be another; a bound key sees its tenant's part.
    """
    require_json(request)
    body = await read_json(request, await read_body(request), dict)
    event = event_of(body)
    if event not in _SIMULATED:
        raise UnknownEventError
    mapping = channel_mapping(body, deleted=event is WriteKind.MAPPING_DELETE)
    simulation = await request.app[SERVICES].simulate_mapping(
        mapping, caller=caller, messages=incoming_messages(body)
    )
    language = preferred_language(request.headers.get("Accept-Language"))
    return shown(
        SimulationAnswer(
            event=event.value,
            tenant_id=str(mapping.owner.tenant),
            domain=str(mapping.owner.domain),
            mapping_version=simulation.version,
            changed=simulation.changed,
            refusal=simulation.refusal,
            moves=_moves(simulation),
            effects=[Rerouting(**_rerouting(effect)) for effect in simulation.effects],
            truncated=simulation.truncated,
            messages=[
                MessageRerouting(**_rerouting(one), changed=one.differs)
                for one in simulation.messages
            ],
            warnings=shown_notices(simulation.notices, language),
        )
    )


def _given(query: Query[ChatwootId], request: web.Request) -> ChatwootId | None:
    return None if request.query.get(query.name, "") in _NONE else query.of(request)


def _moves(simulation: Simulation) -> list[Move]:
    if simulation.loser is None:
        return []
    mapping = simulation.mapping
    channel = channel_shown(mapping.key)
    return [
        {
            "chatwoot_account_id": channel["chatwoot_account_id"],
            "chatwoot_inbox_id": channel["chatwoot_inbox_id"],
            "from": str(simulation.loser),
            "to": str(mapping.owner.tenant),
        }
    ]


def _rerouting(rerouting: SeenRerouting) -> dict[str, Any]:
    message = rerouting.message
    return {
        "account_id": None if message.account is None else str(message.account),
        "inbox_id": None if message.inbox is None else str(message.inbox),
        "number": message.number,
        "before": _seen(rerouting.before),
        "after": _seen(rerouting.after),
    }


def _seen(route: Route | None) -> SeenRoute:
    if route is None:
        return SeenRoute(resolved=True, hidden=True)
    return SeenRoute(**_members_of(route))


def _members_of(route: Route) -> dict[str, Any]:
    owner = route.owner
    return {
        "resolved": owner is not None,
        "tenant_id": None if owner is None else str(owner.tenant),
        "domain": None if owner is None else str(owner.domain),
        "crew": route.crew,
        "matched_by": route.matched_by,
    }


def _considered(step: Consideration) -> Considered:
    owners = [
        RouteOwner(tenant_id=str(owner.tenant), domain=str(owner.domain)) for owner in step.owners
    ]
    return Considered(rule=step.rule, verdict=step.verdict, owners=owners)
