"""
``/v1/audit``: who did what.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from aiohttp import web

from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.audit import LinkedEntry
from odoo_ai_config.domain.channels.history import moment_text
from odoo_ai_config.domain.errors import TenantForbiddenError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.audit.schemas import AuditEntry, AuditPage
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.operations import (
    Operation,
    PageSize,
    Query,
    RouteGroup,
    number_query,
)
from odoo_ai_config.entrypoints.http.platform.representations import (
    NO_STORE,
    json_bytes,
    shown,
)
from odoo_ai_config.entrypoints.http.platform.schema import TenantIdText

ROUTES: Final = RouteGroup("audit", App.CONFIG, "config")
_TENANT: Final = Query("tenant", TenantIdText, TenantId, "Only entries of this tenant.")
_AFTER: Final = number_query("after", "The `next` of the previous page.")
_LIMIT: Final = PageSize(default=50, most=500)
_LAST: Final = number_query("after", "The `id` of the last entry that you have.")
_LINES: Final = PageSize(default=500, most=1000)
_JSON_LINES: Final = "application/x-ndjson"


@Operation(
    ROUTES,
    "GET",
    "/v1/audit",
    scope=Scope.ADMIN,
    parameters=(_TENANT, _AFTER, _LIMIT),
    answer=AuditPage,
    answer_headers=("Cache-Control",),
    refusals=(TenantForbiddenError,),
)
async def read_audit_trail(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read the audit trail, newest first.

    Bound keys cannot read it.
    """
    read = partial(
        request.app[SERVICES].read_audit_trail,
        caller=caller,
        tenant=_TENANT.of(request),
        before=_AFTER.of(request),
    )
    page, following = await _LIMIT.page(request, read, lambda entry: entry.number)
    return shown(AuditPage(entries=[entry_of(entry) for entry in page], next=following), NO_STORE)


@Operation(
    ROUTES,
    "GET",
    "/v1/audit/export",
    scope=Scope.ADMIN,
    parameters=(_LAST, _LINES),
    answer=AuditEntry,
    says="One entry a line, oldest first; nothing after the newest one.",
    media_types=(_JSON_LINES,),
    answer_headers=("Cache-Control",),
    refusals=(TenantForbiddenError,),
)
async def export_audit_trail(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Export the audit trail as JSON lines, oldest first.

    Whoever keeps them can check the chain without the hub. Bound keys cannot read it.
    """
    chain = request.app[SERVICES].read_audit_trail.chain
    entries = await chain(caller=caller, after=_LAST.of(request) or 0, limit=_LINES.of(request))
    lines = b"".join(json_bytes(entry_of(entry)) + b"\n" for entry in entries)
    return web.Response(body=lines, content_type=_JSON_LINES, headers=NO_STORE)


def entry_of(linked: LinkedEntry) -> AuditEntry:
    """
    An entry as the API shows it.
    """
    entry = linked.entry
    return AuditEntry(
        id=str(linked.number),
        at=moment_text(entry.at),
        action=entry.action,
        actor=entry.actor,
        tenant_id=None if entry.tenant is None else entry.tenant.value,
        subject=entry.subject,
        request_id=entry.request_id,
        reason=entry.reason,
        hash=linked.hash,
    )
