"""
``/v1/route/simulate``: the effects of an event about a channel.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final

from aiohttp import web
from attrs import evolve

from odoo_ai_config.application.channels import simulation
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.channels.routing import Route
from odoo_ai_config.domain.errors import TenantForbiddenError
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.outcomes import WriteKind
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.odoo_events.channel_mapping import (
    channel_mapping,
    incoming_messages,
)
from odoo_ai_config.entrypoints.http.odoo_events.payloads import event_of, stated_time
from odoo_ai_config.entrypoints.http.odoo_events.schemas import (
    SIMULATED_EVENT,
    MessageRerouting,
    Move,
    Rerouting,
    SeenRoute,
    Simulation,
)
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import read_body, read_json, require_json
from odoo_ai_config.entrypoints.http.platform.claims import event_time
from odoo_ai_config.entrypoints.http.platform.errors import IncompleteDataError, UnknownEventError
from odoo_ai_config.entrypoints.http.platform.notices import shown_notices
from odoo_ai_config.entrypoints.http.platform.operations import Operation, RouteGroup
from odoo_ai_config.entrypoints.http.platform.representations import (
    channel_shown,
    route_shown,
    shown,
)
from odoo_ai_config.entrypoints.http.platform.texts import Language, language_of
from odoo_ai_config.entrypoints.http.platform.wire_types import reading
from odoo_ai_config.entrypoints.wiring import Services

SIMULATION: Final = RouteGroup("mapping", App.CONFIG, "config")
_SIMULATED: Final = frozenset({WriteKind.MAPPING, WriteKind.MAPPING_DELETE})


@Operation(
    SIMULATION,
    "POST",
    "/v1/route/simulate",
    scope=Scope.CONFIG_READ,
    body=SIMULATED_EVENT,
    answer=Simulation,
    refusals=(UnknownEventError, IncompleteDataError, TenantForbiddenError),
)
async def simulate_event(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Simulate an event about a channel.

    Nothing is written. The answer shows the messages whose route would change; a bound key sees
    those of its tenant.
    """
    require_json(request)
    body = await read_json(request, await read_body(request), dict)
    simulated = await simulated_event(
        request.app[SERVICES],
        body,
        caller=caller,
        event_at=partial(event_time, request),
        language=language_of(request),
    )
    return shown(simulated)


async def simulated_event(
    services: Services,
    body: JsonObject,
    *,
    caller: ApiKey,
    event_at: Callable[[Json], datetime | None],
    language: Language,
) -> Simulation:
    """
    The effects of the event in *body*; *event_at* reads the time that it states.

    Raises:
        UnknownEventError: It is not about a channel.
        HttpRefusalError: A field is missing or invalid.
    """
    event = event_of(body)
    if event not in _SIMULATED:
        raise UnknownEventError
    deleted = event is WriteKind.MAPPING_DELETE
    said = reading(services.numbers.read, lambda: channel_mapping(body, deleted=deleted))
    messages = [
        evolve(message, number=services.numbers.asked(message.number))
        for message in incoming_messages(body)
    ]
    found = await services.simulate_mapping(
        said,
        caller=caller,
        messages=messages,
        event_at=event_at(stated_time(event, body)),
    )
    return Simulation(
        event=event.value,
        tenant_id=str(found.mapping.owner.tenant),
        domain=str(found.mapping.owner.domain),
        mapping_version=found.version,
        changed=found.changed,
        refusal=found.refusal,
        moves=_moves(found),
        effects=[Rerouting(**_rerouting(effect)) for effect in found.effects],
        truncated=found.truncated,
        messages=[
            MessageRerouting(**_rerouting(one), changed=one.differs) for one in found.messages
        ],
        warnings=shown_notices(found.notices, language),
    )


def _moves(found: simulation.Simulation) -> list[Move]:
    if found.loser is None:
        return []
    mapping = found.mapping
    channel = channel_shown(mapping.key)
    return [
        {
            "chatwoot_account_id": channel["chatwoot_account_id"],
            "chatwoot_inbox_id": channel["chatwoot_inbox_id"],
            "from": str(found.loser),
            "to": str(mapping.owner.tenant),
        }
    ]


def _rerouting(rerouting: simulation.SeenRerouting) -> dict[str, Any]:
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
    return SeenRoute(**route_shown(route))
