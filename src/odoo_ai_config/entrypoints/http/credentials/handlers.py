"""
``GET /v1/tenants/{tenant}/{domain}/credentials/{ref}``: the only way out for a secret.
"""

from __future__ import annotations

from aiohttp import web

from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.identifiers import CredentialRef, TenantDomain
from odoo_ai_config.entrypoints.http.platform.app_keys import REQUEST_ID, SERVICES
from odoo_ai_config.entrypoints.http.platform.paths import domain_of, named, tenant_of
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes


async def read_credential(request: web.Request, caller: ApiKey) -> web.Response:
    """
    An opened secret, which nobody on the way may keep.
    """
    owner = TenantDomain(tenant_of(request), domain_of(request))
    ref = named("credential_ref", CredentialRef, request.match_info["ref"])
    secret = await request.app[SERVICES].reveal_credential(
        owner, ref, caller=caller, request_id=request[REQUEST_ID]
    )
    body = json_bytes(
        {
            "tenant_id": str(owner.tenant),
            "domain": str(owner.domain),
            "ref": str(ref),
            "value": secret.reveal(),
        }
    )
    return web.Response(
        body=body, content_type="application/json", headers={"Cache-Control": "no-store"}
    )
