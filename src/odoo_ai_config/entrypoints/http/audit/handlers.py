"""
``/v1/audit``: who did what.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from aiohttp import web

from odoo_ai_config.domain import changes
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditId
from odoo_ai_config.domain.errors import TenantForbiddenError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.audit.schemas import AuditEntry, AuditIdText, AuditPage
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.operations import (
    Operation,
    PageSize,
    Query,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.representations import NO_STORE, shown, timestamp
from odoo_ai_config.entrypoints.http.platform.schema import TenantIdText

ROUTES: Final = RouteGroup("audit", App.CONFIG, "config")
_TENANT: Final = Query("tenant", TenantIdText, TenantId, "Only entries of this tenant.")
_AFTER: Final = Query("after", AuditIdText, AuditId, "The `next` of the previous page.")
_LIMIT: Final = PageSize(default=50, most=500)


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
        after=_AFTER.of(request),
    )
    page, following = await _LIMIT.page(request, read, lambda entry: entry.id)
    return shown(AuditPage(entries=[entry_of(entry) for entry in page], next=following), NO_STORE)


def entry_of(entry: changes.AuditEntry) -> AuditEntry:
    """
    An entry as the API shows it.
    """
    return AuditEntry(
        id=str(entry.id),
        at=timestamp(entry.at),
        action=entry.action,
        actor=entry.actor,
        tenant_id=None if entry.tenant is None else entry.tenant.value,
        subject=entry.subject,
        request_id=entry.request_id,
    )
