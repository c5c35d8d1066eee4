"""
``/v1/tenants``: which tenants there are, at which versions, and their channels.
"""

from __future__ import annotations

from itertools import groupby
from typing import Final

from aiohttp import web

from odoo_ai_config.application.tenants import TenantOverview
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.channels.mapping import MappingRevision
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.paths import named, page_size, tenant_of
from odoo_ai_config.entrypoints.http.platform.representations import (
    channel_shown,
    json_bytes,
    timestamp,
)

DEFAULT_PAGE: Final = 50
LARGEST_PAGE: Final = 500


async def list_tenants(request: web.Request, caller: ApiKey) -> web.Response:
    """
    One page of tenants, and where the next one starts.
    """
    text = request.query.get("after", "")
    after = named("after", TenantId, text) if text else None
    size = page_size(request, default=DEFAULT_PAGE, most=LARGEST_PAGE)
    # One more than asked for tells whether there is a next page.
    found = await request.app[SERVICES].list_tenants(caller=caller, after=after, limit=size + 1)
    page = found[:size]
    following = str(page[-1].tenant) if len(found) > size else None
    body = json_bytes({"tenants": [_shown(tenant) for tenant in page], "next": following})
    return web.Response(body=body, content_type="application/json")


async def read_tenant(request: web.Request, caller: ApiKey) -> web.Response:
    """
    One tenant.
    """
    overview = await request.app[SERVICES].list_tenants.one(tenant_of(request), caller=caller)
    return web.Response(body=json_bytes(_shown(overview)), content_type="application/json")


async def list_channels(request: web.Request, caller: ApiKey) -> web.Response:
    """
    The channels of a tenant, those that are switched off included.
    """
    revisions = await request.app[SERVICES].read_mapping.of(tenant_of(request), caller=caller)
    body = json_bytes({"channels": [_channel(revision) for revision in revisions]})
    return web.Response(body=body, content_type="application/json")


def _channel(revision: MappingRevision) -> JsonObject:
    mapping = revision.mapping
    return {
        **channel_shown(mapping.key),
        "domain": str(mapping.owner.domain),
        "active": mapping.active,
        "is_fallback": mapping.fallback,
        "sequence": mapping.sequence,
        "special_whatsapp_numbers": [
            {"number": special.number.digits, "crew": special.crew} for special in mapping.numbers
        ],
        "version": revision.version,
        "digest": mapping.digest,
        "created_at": timestamp(revision.created_at),
        "updated_at": timestamp(revision.updated_at),
        "author": revision.author,
    }


def _shown(overview: TenantOverview) -> JsonObject:
    by_domain = groupby(overview.documents, key=lambda revision: revision.key.domain)
    return {
        "tenant_id": str(overview.tenant),
        "domains": [
            {
                "domain": str(domain),
                "documents": [
                    {
                        "config_type": str(revision.key.kind),
                        "version": revision.version,
                        "updated_at": timestamp(revision.updated_at),
                    }
                    for revision in revisions
                ],
            }
            for domain, revisions in by_domain
        ],
    }
