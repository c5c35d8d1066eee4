"""
``/v1/keys``: API keys, for administrators.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from aiohttp import web

from odoo_ai_config.application.errors import StoreUnusableError
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.errors import (
    ApiKeyNotFoundError,
    InvalidValueError,
    TenantForbiddenError,
)
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.keys.payloads import (
    KEY_ROTATION,
    NEW_API_KEY,
    KeyRotation,
    NewApiKey,
)
from odoo_ai_config.entrypoints.http.keys.schemas import (
    ApiKeyList,
    ApiKeyState,
    CreatedApiKey,
    KeyIdText,
)
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import said_in
from odoo_ai_config.entrypoints.http.platform.errors import IncompleteDataError
from odoo_ai_config.entrypoints.http.platform.fields import read_exactly
from odoo_ai_config.entrypoints.http.platform.operations import COMMIT, Operation, RouteGroup
from odoo_ai_config.entrypoints.http.platform.representations import NO_STORE, shown, timestamp

ROUTES: Final = RouteGroup("keys", App.CONFIG, "config")
_ONE: Final = "/v1/keys/{id}"
_ID: Final = {"id": KeyIdText}


@Operation(
    ROUTES,
    "GET",
    "/v1/keys",
    scope=Scope.ADMIN,
    answer=ApiKeyList,
    answer_headers=("Cache-Control",),
)
async def list_keys(request: web.Request, caller: ApiKey) -> web.Response:
    """
    List the API keys that the key may see, revoked and expired ones included.
    """
    found = await request.app[SERVICES].list_api_keys(caller=caller)
    return shown(ApiKeyList(keys=[key_shown(key) for key in found]), NO_STORE)


@Operation(
    ROUTES,
    "POST",
    "/v1/keys",
    scope=Scope.ADMIN,
    body=NEW_API_KEY,
    answer=CreatedApiKey,
    answer_headers=("Cache-Control",),
    refusals=(
        *COMMIT,
        IncompleteDataError,
        InvalidValueError,
        TenantForbiddenError,
    ),
)
async def create_key(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Create an API key.

    The answer shows its text once. A bound key makes keys for its own tenant only.
    """
    caller.require(Scope.ADMIN)
    said = await said_in(request, partial(read_exactly, NewApiKey))
    key, text = await request.app[SERVICES].create_api_key(
        name=said.name,
        scopes=said.scopes,
        tenant=said.tenant_id,
        lifetime=said.expires_in,
        caller=caller,
    )
    return shown(CreatedApiKey(**_members(key), key=text.reveal()), NO_STORE)


@Operation(
    ROUTES,
    "POST",
    f"{_ONE}/rotate",
    scope=Scope.ADMIN,
    path_parts=_ID,
    body=KEY_ROTATION,
    answer=CreatedApiKey,
    answer_headers=("Cache-Control",),
    refusals=(*COMMIT, ApiKeyNotFoundError),
)
async def rotate_key(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Create the successor of an API key, with the same rights.

    The answer shows its text once. The old key expires at the end of the overlap.
    """
    caller.require(Scope.ADMIN)
    said = await said_in(request, partial(read_exactly, KeyRotation))
    key, text = await request.app[SERVICES].rotate_api_key(
        request.match_info["id"],
        overlap=said.overlap,
        lifetime=said.expires_in,
        caller=caller,
    )
    return shown(CreatedApiKey(**_members(key), key=text.reveal()), NO_STORE)


@Operation(
    ROUTES,
    "POST",
    f"{_ONE}/revoke",
    scope=Scope.ADMIN,
    path_parts=_ID,
    answer=ApiKeyState,
    answer_headers=("Cache-Control",),
    refusals=(*COMMIT, ApiKeyNotFoundError, StoreUnusableError),
)
async def revoke_key(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Revoke an API key, forever.

    Processes on other machines refuse it within two seconds.
    """
    revoke = request.app[SERVICES].revoke_api_key
    key = await revoke(request.match_info["id"], caller=caller)
    return shown(key_shown(key), NO_STORE)


def key_shown(key: ApiKey) -> ApiKeyState:
    """
    A key as the API shows it.
    """
    return ApiKeyState(**_members(key))


def _members(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": [scope for scope in Scope if scope in key.scopes],
        "tenant_id": None if key.tenant is None else str(key.tenant),
        "created_at": timestamp(key.created_at),
        **{
            name: None if at is None else timestamp(at)
            for name, at in (
                ("used_at", key.used_at),
                ("expires_at", key.expires_at),
                ("revoked_at", key.revoked_at),
            )
        },
    }
