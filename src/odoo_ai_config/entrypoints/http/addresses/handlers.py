"""
``/v1/addresses``: secret addresses, for administrators.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from aiohttp import web

from odoo_ai_config.domain import addresses
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.errors import (
    AddressNotFoundError,
    InvalidValueError,
    TenantForbiddenError,
)
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.addresses.payloads import NEW_ADDRESS, new_address
from odoo_ai_config.entrypoints.http.addresses.schemas import (
    AddressIdText,
    AddressPage,
    CreatedAddress,
    SecretAddress,
)
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import said_in
from odoo_ai_config.entrypoints.http.platform.errors import (
    IncompleteDataError,
    InvalidFieldsError,
)
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    Operation,
    PageSize,
    Query,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.representations import NO_STORE, shown, timestamp
from odoo_ai_config.entrypoints.http.platform.schema import TenantIdText

ROUTES: Final = RouteGroup("addresses", App.CONFIG, "config")
_TENANT: Final = Query("tenant", TenantIdText, TenantId, "Only addresses of this tenant.")
_AFTER: Final = Query("after", AddressIdText, str, "The `next` of the previous page.")
_LIMIT: Final = PageSize(default=50, most=500)
_ONE: Final = "/v1/addresses/{id}"


@Operation(
    ROUTES,
    "GET",
    "/v1/addresses",
    scope=Scope.ADMIN,
    parameters=(_TENANT, _AFTER, _LIMIT),
    answer=AddressPage,
    answer_headers=("Cache-Control",),
    refusals=(TenantForbiddenError,),
)
async def list_addresses(request: web.Request, caller: ApiKey) -> web.Response:
    """
    List the secret addresses that the key may see, revoked ones included.
    """
    read = partial(
        request.app[SERVICES].list_addresses,
        caller=caller,
        tenant=_TENANT.of(request),
        after=_AFTER.of(request),
    )
    page, following = await _LIMIT.page(request, read, lambda address: address.id)
    found = [address_shown(address) for address in page]
    return shown(AddressPage(addresses=found, next=following), NO_STORE)


@Operation(
    ROUTES,
    "POST",
    "/v1/addresses",
    scope=Scope.ADMIN,
    body=NEW_ADDRESS,
    answer=CreatedAddress,
    answer_headers=("Cache-Control",),
    refusals=(
        *COMMIT,
        IncompleteDataError,
        InvalidFieldsError,
        InvalidValueError,
        TenantForbiddenError,
    ),
)
async def create_address(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Create a secret address for an automation rule of Odoo.

    The answer shows its path once. Odoo posts records there without a key.
    """
    caller.require(Scope.ADMIN)
    name, feed = await said_in(request, new_address)
    create = request.app[SERVICES].create_address
    address, token = await create(feed, name=name, caller=caller)
    path = f"/odoo-webhook/{token.reveal()}"
    return shown(CreatedAddress(**_members(address), path=path), NO_STORE)


@Operation(
    ROUTES,
    "GET",
    _ONE,
    scope=Scope.ADMIN,
    answer=SecretAddress,
    answer_headers=("Cache-Control",),
    refusals=(AddressNotFoundError,),
)
async def read_address(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read one secret address.
    """
    one = request.app[SERVICES].list_addresses.one
    address = await one(request.match_info["id"], caller=caller)
    return shown(address_shown(address), NO_STORE)


@Operation(
    ROUTES,
    "POST",
    f"{_ONE}/revoke",
    scope=Scope.ADMIN,
    answer=SecretAddress,
    answer_headers=("Cache-Control",),
    refusals=(*COMMIT, AddressNotFoundError),
)
async def revoke_address(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Revoke a secret address, forever and at once.
    """
    revoke = request.app[SERVICES].revoke_address
    address = await revoke(request.match_info["id"], caller=caller)
    return shown(address_shown(address), NO_STORE)


def address_shown(address: addresses.Address) -> SecretAddress:
    """
    An address as the API shows it.
    """
    return SecretAddress(**_members(address))


def _members(address: addresses.Address) -> dict[str, Any]:
    feed = address.feed
    used, revoked = address.used_at, address.revoked_at
    return {
        "id": address.id,
        "name": address.name,
        "tenant_id": str(feed.owner.tenant),
        "domain": str(feed.owner.domain),
        "kind": feed.kind,
        "collection": None if feed.collection is None else str(feed.collection),
        "model": feed.model,
        "fields": dict(feed.fields),
        "created_at": timestamp(address.created_at),
        "created_by": address.created_by,
        "used_at": None if used is None else timestamp(used),
        "revoked_at": None if revoked is None else timestamp(revoked),
        "revoked_by": address.revoked_by,
    }
