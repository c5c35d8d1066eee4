"""
Answers as bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web
from multidict import CIMultiDict

from odoo_ai_config.domain.channels.mapping import ChannelKey
from odoo_ai_config.domain.channels.routing import Route

# The answer is only for this reader and this moment.
NO_STORE: Final = {"Cache-Control": "no-store"}
# For answers with an entity tag, of the type that a response copies them into.
UNCHANGED_HEADERS: Final = CIMultiDict(
    {hdrs.CACHE_CONTROL: "no-cache", hdrs.VARY: "Accept-Encoding"}
)
JSON_HEADERS: Final = CIMultiDict(
    {hdrs.CONTENT_TYPE: "application/json; charset=utf-8", hdrs.CACHE_CONTROL: "no-cache"}
)
YAML: Final = "application/x-yaml"
YAML_HEADERS: Final = CIMultiDict(
    {hdrs.CONTENT_TYPE: f"{YAML}; charset=utf-8", hdrs.CACHE_CONTROL: "no-cache"}
)
_ENCODER: Final = msgspec.json.Encoder()


def timestamp(at: datetime) -> str:
    """
    ISO 8601 in UTC, with milliseconds and ``Z``.
    """
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def json_bytes(value: object) -> bytes:
    """
    *value* as the bytes of a response.
    """
    return _ENCODER.encode(value)


def shown(answer: object, headers: Mapping[str, str] | None = None) -> web.Response:
    """
    A response with *answer* as JSON.
    """
    return web.Response(body=json_bytes(answer), content_type="application/json", headers=headers)


def channel_shown(key: ChannelKey) -> dict[str, Any]:
    """
    A channel, with the field names of Odoo's events.
    """
    return {
        "chatwoot_account_id": None if key.account is None else str(key.account),
        "chatwoot_inbox_id": None if key.inbox is None else str(key.inbox),
    }


def route_shown(route: Route) -> dict[str, Any]:
    """
    The members of an answer that say where *route* leads.
    """
    owner = route.owner
    return {
        "resolved": owner is not None,
        "tenant_id": None if owner is None else str(owner.tenant),
        "domain": None if owner is None else str(owner.domain),
        "crew": route.crew,
        "matched_by": route.matched_by,
    }
