"""
``/v1/route``: where a Chatwoot message goes, and where it would go.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from odoo_ai_config.application.channels.simulation import SeenRerouting, Simulation
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.channels.routing import IncomingMessage, Route
from odoo_ai_config.domain.identifiers import ChatwootId, TenantDomain
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.outcomes import WriteKind
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
from odoo_ai_config.entrypoints.http.platform.paths import is_asked, named
from odoo_ai_config.entrypoints.http.platform.representations import channel_shown, json_bytes
from odoo_ai_config.entrypoints.http.platform.texts import preferred_language

_SIMULATED: Final = frozenset({WriteKind.MAPPING, WriteKind.MAPPING_DELETE})
_NONE: Final = frozenset({"", "0", "None", "False", "null"})


async def resolve_route(request: web.Request, caller: ApiKey) -> web.Response:
    """
    The route of a message, with what became of every rule if that is asked for.
    """
    query = request.query
    account = query.get("account_id", "")
    inbox = query.get("inbox_id", "")
    if account in _NONE:
        raise IncompleteDataError(["account_id"], [FieldError("account_id", "required")])
    message = IncomingMessage(
        named("account_id", ChatwootId, account),
        None if inbox in _NONE else named("inbox_id", ChatwootId, inbox),
        query.get("number") or None,
    )
    explain = is_asked(request, "explain")
    route = await request.app[SERVICES].resolve_route(message, caller=caller, explain=explain)
    return web.Response(
        body=json_bytes(_shown(route, explain=explain)), content_type="application/json"
    )


async def simulate_event(request: web.Request, caller: ApiKey) -> web.Response:
    """
    What an event about a channel would change.

    Raises:
        UnknownEventError: The body is another event, or none.
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
    answer = {
        "event": event.value,
        "tenant_id": str(mapping.owner.tenant),
        "domain": str(mapping.owner.domain),
        "mapping_version": simulation.version,
        "changed": simulation.changed,
        "refusal": simulation.refusal,
        "moves": _moves(simulation),
        "effects": [_rerouting(effect) for effect in simulation.effects],
        "truncated": simulation.truncated,
        "messages": [{**_rerouting(one), "changed": one.differs} for one in simulation.messages],
        "warnings": shown_notices(simulation.notices, language),
    }
    return web.Response(body=json_bytes(answer), content_type="application/json")


def _moves(simulation: Simulation) -> list[Json]:
    if simulation.loser is None:
        return []
    mapping = simulation.mapping
    return [
        {
            **channel_shown(mapping.key),
            "from": str(simulation.loser),
            "to": str(mapping.owner.tenant),
        }
    ]


def _rerouting(rerouting: SeenRerouting) -> JsonObject:
    message = rerouting.message
    return {
        "account_id": None if message.account is None else str(message.account),
        "inbox_id": None if message.inbox is None else str(message.inbox),
        "number": message.number,
        "before": _seen(rerouting.before),
        "after": _seen(rerouting.after),
    }


def _seen(route: Route | None) -> JsonObject:
    if route is None:
        return {"resolved": True, "hidden": True}
    return _shown(route, explain=False)


def _shown(route: Route, *, explain: bool) -> JsonObject:
    owner = route.owner
    shown: JsonObject = {
        "resolved": owner is not None,
        "tenant_id": None if owner is None else str(owner.tenant),
        "domain": None if owner is None else str(owner.domain),
        "crew": route.crew,
        "matched_by": route.matched_by.value,
    }
    if explain:
        shown["considered"] = [
            {
                "rule": step.rule.value,
                "verdict": step.verdict.value,
                "owners": [_owner(owner) for owner in step.owners],
            }
            for step in route.considered
        ]
    return shown


def _owner(owner: TenantDomain) -> JsonObject:
    return {"tenant_id": str(owner.tenant), "domain": str(owner.domain)}
