"""
``/v1/audit``: who did what.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.changes import AuditEntry, AuditId
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.paths import named, page_size
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes, timestamp

DEFAULT_PAGE: Final = 50
LARGEST_PAGE: Final = 500
_NO_STORE: Final = {"Cache-Control": "no-store"}


async def read_audit_trail(request: web.Request, caller: ApiKey) -> web.Response:
    """
    One page of the trail, newest first, and where the next one starts.
    """
    size = page_size(request, default=DEFAULT_PAGE, most=LARGEST_PAGE)
    tenant, after = request.query.get("tenant", ""), request.query.get("after", "")
    # One more than asked for tells whether there is a next page.
    found = await request.app[SERVICES].read_audit_trail(
        caller=caller,
        tenant=named("tenant", TenantId, tenant) if tenant else None,
        after=named("after", AuditId, after) if after else None,
        limit=size + 1,
    )
    page = found[:size]
    following = str(page[-1].id) if len(found) > size else None
    body = json_bytes({"entries": [shown(entry) for entry in page], "next": following})
    return web.Response(body=body, content_type="application/json", headers=_NO_STORE)


def shown(entry: AuditEntry) -> JsonObject:
    """
    One entry, for people and programs.
    """
    return {
        "id": str(entry.id),
        "at": timestamp(entry.at),
        "action": entry.action.value,
        "actor": entry.actor,
        "tenant_id": None if entry.tenant is None else entry.tenant.value,
        "subject": entry.subject,
        "request_id": entry.request_id,
    }
