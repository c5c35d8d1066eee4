"""
Tenants, and their credentials.
"""

from __future__ import annotations

from typing import Final

from odoo_ai_config.domain import errors as domain
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.openapi.operations import (
    VAULT,
    answered,
    operation,
    path_part,
    query,
)
from odoo_ai_config.entrypoints.http.openapi.shapes import ref, whole
from odoo_ai_config.entrypoints.http.platform import errors as http
from odoo_ai_config.entrypoints.http.tenants.handlers import DEFAULT_PAGE, LARGEST_PAGE

_TAG: Final = "tenants"


def tenant_paths() -> JsonObject:
    """
    Everything under ``/v1/tenants``.
    """
    tenant, domain_name = ref("tenant", "parameters"), ref("domain", "parameters")
    return {
        "/v1/tenants": {
            "get": operation(
                "listTenants",
                "List the tenants that the key may see",
                tag=_TAG,
                scope=Scope.CONFIG_READ,
                parameters=[
                    query("after", ref("TenantId"), "The `next` of the page before."),
                    query("limit", whole(maximum=LARGEST_PAGE, default=DEFAULT_PAGE)),
                ],
                answers=[answered("One page of them.", ref("TenantPage"))],
                refusals=[http.InvalidFieldsError],
            )
        },
        "/v1/tenants/{tenant}": {
            "parameters": [tenant],
            "get": operation(
                "readTenant",
                "What there is of a tenant, and at which versions",
                tag=_TAG,
                scope=Scope.CONFIG_READ,
                answers=[answered("The tenant.", ref("Tenant"))],
                refusals=[
                    http.InvalidFieldsError,
                    domain.TenantForbiddenError,
                    domain.TenantNotFoundError,
                ],
            ),
        },
        "/v1/tenants/{tenant}/channels": {
            "parameters": [tenant],
            "get": operation(
                "listChannels",
                "List the Chatwoot channels of a tenant",
                tag=_TAG,
                scope=Scope.CONFIG_READ,
                answers=[answered("Those that are switched off too.", ref("Channels"))],
                refusals=[http.InvalidFieldsError, domain.TenantForbiddenError],
            ),
        },
        "/v1/tenants/{tenant}/{domain}/credentials/{ref}": {
            "parameters": [tenant, domain_name, path_part("ref", ref("CredentialRef"))],
            "get": operation(
                "readCredential",
                "Open a sealed credential\n\n"
                "Every read is audited. Nobody on the way may keep the answer.",
                tag=_TAG,
                scope=Scope.SECRETS_READ,
                answers=[
                    answered("The secret.", ref("Credential"), headers=["Cache-Control"]),
                ],
                refusals=(
                    *VAULT,
                    http.InvalidFieldsError,
                    domain.TenantForbiddenError,
                    domain.CredentialNotFoundError,
                ),
            ),
        },
    }
