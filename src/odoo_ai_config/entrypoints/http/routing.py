"""
``GET /v1/route``: where a Chatwoot message goes.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.identifiers import ChatwootId, TenantDomain
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.routing import IncomingMessage, Route
from odoo_ai_config.entrypoints.http.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.errors import FieldError, IncompleteDataError
from odoo_ai_config.entrypoints.http.paths import is_asked, named
from odoo_ai_config.entrypoints.http.representations import json_bytes

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
