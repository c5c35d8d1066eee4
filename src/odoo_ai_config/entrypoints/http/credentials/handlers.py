"""
``GET /v1/tenants/{tenant}/{domain}/credentials/{ref}``: the only endpoint that shows a secret.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.errors import CredentialNotFoundError
from odoo_ai_config.domain.identifiers import CredentialRef, TenantArea
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.credentials.schemas import Credential
from odoo_ai_config.entrypoints.http.platform.app_keys import REQUEST_ID, SERVICES
from odoo_ai_config.entrypoints.http.platform.operations import VAULT, Operation, RouteGroup
from odoo_ai_config.entrypoints.http.platform.paths import domain_of, named, tenant_of
from odoo_ai_config.entrypoints.http.platform.representations import NO_STORE, shown

ROUTES: Final = RouteGroup("tenants", App.CONFIG, "config")


@Operation(
    ROUTES,
    "GET",
    "/v1/tenants/{tenant}/{domain}/credentials/{ref}",
    scope=Scope.SECRETS_READ,
    answer=Credential,
    answer_headers=("Cache-Control",),
    refusals=(*VAULT, CredentialNotFoundError),
)
async def read_credential(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Open a sealed credential.

    Every read is audited. Caches must not store the answer.
    """
    owner = TenantArea(tenant_of(request), domain_of(request))
    ref = named("credential_ref", CredentialRef, request.match_info["ref"])
    secret = await request.app[SERVICES].reveal_credential(
        owner, ref, caller=caller, request_id=request[REQUEST_ID]
    )
    credential = Credential(
        tenant_id=str(owner.tenant), domain=str(owner.domain), ref=str(ref), value=secret.reveal()
    )
    return shown(credential, NO_STORE)
