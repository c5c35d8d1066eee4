"""
``/v1/tenants/{tenant}/{domain}/credentials/{ref}``: one sealed credential.

Reading it is the only way to see a secret.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.errors import CredentialNotFoundError
from odoo_ai_config.domain.identifiers import CREDENTIALS, CredentialRef, TenantArea
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.credentials.schemas import Credential, DeletedCredential
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.notices import shown_notices
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    VAULT,
    Operation,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.paths import domain_of, named, tenant_of
from odoo_ai_config.entrypoints.http.platform.representations import NO_STORE, shown
from odoo_ai_config.entrypoints.http.platform.texts import language_of

ROUTES: Final = RouteGroup("tenants", App.CONFIG, "config")
_CREDENTIAL: Final = "/v1/tenants/{tenant}/{domain}/credentials/{ref}"


@Operation(
    ROUTES,
    "GET",
    _CREDENTIAL,
    scope=Scope.SECRETS_READ,
    audited=True,
    answer=Credential,
    answer_headers=("Cache-Control",),
    refusals=(*VAULT, CredentialNotFoundError),
)
async def read_credential(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Open a sealed credential.

    Every read is audited. Caches must not store the answer.
    """
    owner, ref = _place_of(request)
    secret = await request.app[SERVICES].reveal_credential(owner, ref, caller=caller)
    credential = Credential(
        tenant_id=str(owner.tenant), domain=str(owner.domain), ref=str(ref), value=secret.reveal()
    )
    return shown(credential, NO_STORE)


@Operation(
    ROUTES,
    "DELETE",
    _CREDENTIAL,
    scope=Scope.CONFIG_WRITE,
    answer=DeletedCredential,
    answer_headers=("Cache-Control",),
    refusals=(*COMMIT, CredentialNotFoundError),
)
async def delete_credential(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Delete a credential, with every value that it ever had.

    The `credentials` document gets a new version without it. Old versions show `sealed:erased` in
    its place, and a rollback to one of them does not bring a value back.
    """
    owner, ref = _place_of(request)
    outcome = await request.app[SERVICES].delete_credential(owner, ref, caller=caller)
    deleted = DeletedCredential(
        tenant_id=str(owner.tenant),
        domain=str(owner.domain),
        ref=str(ref),
        version=outcome.versions[str(CREDENTIALS)],
        warnings=shown_notices(outcome.notices, language_of(request)),
    )
    return shown(deleted, NO_STORE)


def _place_of(request: web.Request) -> tuple[TenantArea, CredentialRef]:
    owner = TenantArea(tenant_of(request), domain_of(request))
    return owner, named("credential_ref", CredentialRef, request.match_info["ref"])
