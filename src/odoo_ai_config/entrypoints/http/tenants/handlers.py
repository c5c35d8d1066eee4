"""
``/v1/tenants``: tenants, their documents and their channels.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import Final

from aiohttp import web

from odoo_ai_config.application.off_loop import ENTRY
from odoo_ai_config.application.tenants import TenantOverview
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.channels.mapping import MappingRevision
from odoo_ai_config.domain.errors import (
    InvalidValueError,
    TenantForbiddenError,
    TenantNotFoundError,
)
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.retention import Retention
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import said_in
from odoo_ai_config.entrypoints.http.platform.conditional import (
    shown_tagged,
    shown_tagged_off_loop,
)
from odoo_ai_config.entrypoints.http.platform.errors import IncompleteDataError
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    Operation,
    PageSize,
    Query,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.paths import tenant_of
from odoo_ai_config.entrypoints.http.platform.representations import (
    NO_STORE,
    channel_shown,
    shown,
    timestamp,
)
from odoo_ai_config.entrypoints.http.platform.schema import TenantIdText
from odoo_ai_config.entrypoints.http.tenants.schemas import (
    RETENTION,
    AreaDocuments,
    Channel,
    Channels,
    SpecialNumber,
    Tenant,
    TenantDocument,
    TenantPage,
    TenantRetention,
)

ROUTES: Final = RouteGroup("tenants", App.CONFIG, "config")
_AFTER: Final = Query("after", TenantIdText, TenantId, "The `next` of the previous page.")
_LIMIT: Final = PageSize(default=50, most=500)
_RETENTION: Final = "/v1/tenants/{tenant}/retention"


@Operation(
    ROUTES,
    "GET",
    "/v1/tenants",
    scope=Scope.CONFIG_READ,
    parameters=(_AFTER, _LIMIT),
    conditional=True,
    answer=TenantPage,
)
async def list_tenants(request: web.Request, caller: ApiKey) -> web.Response:
    """
    List the tenants that the key may see.
    """
    read = partial(request.app[SERVICES].list_tenants, caller=caller, after=_AFTER.of(request))
    page, following = await _LIMIT.page(request, read, lambda overview: overview.tenant)
    tenants = [tenant_shown(tenant) for tenant in page]
    return shown_tagged(request, TenantPage(tenants=tenants, next=following))


@Operation(
    ROUTES,
    "GET",
    "/v1/tenants/{tenant}",
    scope=Scope.CONFIG_READ,
    conditional=True,
    answer=Tenant,
    refusals=(TenantForbiddenError, TenantNotFoundError),
)
async def read_tenant(request: web.Request, caller: ApiKey) -> web.Response:
    """
    List the documents of a tenant, with their versions.
    """
    overview = await request.app[SERVICES].list_tenants.one(tenant_of(request), caller=caller)
    return shown_tagged(request, tenant_shown(overview))


@Operation(
    ROUTES,
    "GET",
    "/v1/tenants/{tenant}/channels",
    scope=Scope.CONFIG_READ,
    conditional=True,
    answer=Channels,
    refusals=(TenantForbiddenError,),
)
async def list_channels(request: web.Request, caller: ApiKey) -> web.Response:
    """
    List the Chatwoot channels of a tenant.
    """
    revisions = await request.app[SERVICES].read_mapping.of(tenant_of(request), caller=caller)
    return await shown_tagged_off_loop(
        request,
        lambda: Channels(channels=[_channel(revision) for revision in revisions]),
        cost=ENTRY * len(revisions),
    )


@Operation(
    ROUTES,
    "GET",
    _RETENTION,
    scope=Scope.CONFIG_READ,
    answer=TenantRetention,
    answer_headers=("Cache-Control",),
    refusals=(TenantForbiddenError,),
)
async def read_retention(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read how long the hub keeps what it stores of a tenant.
    """
    read = request.app[SERVICES].tenant_retention
    return _retention_shown(*await read(tenant_of(request), caller=caller))


@Operation(
    ROUTES,
    "PUT",
    _RETENTION,
    scope=Scope.CONFIG_WRITE,
    body=RETENTION,
    answer=TenantRetention,
    answer_headers=("Cache-Control",),
    refusals=(*COMMIT, IncompleteDataError, InvalidValueError, TenantForbiddenError),
)
async def set_retention(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Set how long the hub keeps what it stores of a tenant.

    What the body leaves out follows the settings of the hub. It is the tenant's `retention`
    document, with its history.
    """
    caller.require(Scope.CONFIG_WRITE)
    body = await said_in(request, dict)
    change = request.app[SERVICES].tenant_retention.set
    return _retention_shown(*await change(tenant_of(request), body, caller=caller))


def _retention_shown(kept: Retention, own: JsonObject) -> web.Response:
    return shown({**kept.body, "own": sorted(own)}, NO_STORE)


def _channel(revision: MappingRevision) -> Channel:
    mapping = revision.mapping
    return Channel(
        **channel_shown(mapping.key),
        domain=str(mapping.owner.domain),
        active=mapping.active,
        is_fallback=mapping.fallback,
        sequence=mapping.sequence,
        special_whatsapp_numbers=[
            SpecialNumber(number=special.number.digits, crew=special.crew)
            for special in mapping.numbers
        ],
        version=revision.version,
        digest=mapping.digest,
        created_at=timestamp(revision.created_at),
        updated_at=timestamp(revision.updated_at),
        author=revision.author,
    )


def tenant_shown(overview: TenantOverview) -> Tenant:
    """
    A tenant with its documents, as the API shows it.
    """
    by_domain = groupby(overview.documents, key=lambda revision: revision.key.domain)
    return Tenant(
        tenant_id=str(overview.tenant),
        standing=overview.standing,
        domains=[
            AreaDocuments(
                domain=str(domain),
                documents=[
                    TenantDocument(
                        config_type=str(revision.key.kind),
                        version=revision.version,
                        updated_at=timestamp(revision.updated_at),
                    )
                    for revision in revisions
                ],
            )
            for domain, revisions in by_domain
        ],
    )
