"""
``/mapping/``: the whole mapping as one object.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.channels.sections import MappingSections
from odoo_ai_config.domain.errors import (
    AmbiguousMappingError,
    MappingNotFoundError,
    TenantForbiddenError,
)
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.channels.payloads import (
    MAPPING_DATA,
    mapping_object,
    mapping_sections,
)
from odoo_ai_config.entrypoints.http.channels.schemas import Mapping, WrittenMapping
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import read_body, read_json, require_json
from odoo_ai_config.entrypoints.http.platform.errors import IncompleteDataError
from odoo_ai_config.entrypoints.http.platform.notices import Notice, shown_notices
from odoo_ai_config.entrypoints.http.platform.operations import COMMIT, Operation, RouteGroup
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes
from odoo_ai_config.entrypoints.http.platform.texts import preferred_language

ROUTES: Final = RouteGroup("mapping", App.CONFIG, "config")


@Operation(
    ROUTES,
    "GET",
    "/mapping",
    scope=Scope.CONFIG_READ,
    answer=Mapping,
    refusals=(MappingNotFoundError,),
)
async def read_mapping(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read the mapping, or the part that the key may see.
    """
    sections = await request.app[SERVICES].read_mapping(caller=caller)
    return await _shown(sections)


@Operation(
    ROUTES,
    "GET",
    "/mapping/export",
    scope=Scope.CONFIG_READ,
    answer=Mapping,
    media_types=("application/x-yaml",),
    refusals=(MappingNotFoundError,),
)
async def export_mapping(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Read the mapping as YAML.
    """
    services = request.app[SERVICES]
    sections = await services.read_mapping(caller=caller)
    text = await run_off_loop(
        lambda: services.ports.yaml.render(mapping_object(sections)), cost=ENTRY * sections.size
    )
    return web.Response(body=text.encode(), content_type="application/x-yaml", charset="utf-8")


def _writing(method: str) -> Operation:
    return Operation(
        ROUTES,
        method,
        "/mapping",
        scope=Scope.CONFIG_WRITE,
        body=MAPPING_DATA,
        answer=WrittenMapping,
        refusals=(*COMMIT, IncompleteDataError, TenantForbiddenError, AmbiguousMappingError),
    )


@_writing("POST")
async def replace_mapping(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Replace the whole mapping.
    """
    return await _written(request, caller, replace=True)


@_writing("PATCH")
async def merge_mapping(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Merge accounts, inboxes and channels by their ids, and replace the other lists.
    """
    return await _written(request, caller, replace=False)


async def _written(request: web.Request, caller: ApiKey, *, replace: bool) -> web.Response:
    require_json(request)
    sections = await read_json(request, await read_body(request), mapping_sections)
    written = await request.app[SERVICES].write_mapping(sections, caller=caller, replace=replace)
    language = preferred_language(request.headers.get("Accept-Language"))
    return await _shown(written.sections, warnings=shown_notices(written.notices, language))


async def _shown(sections: MappingSections, **more: list[Notice]) -> web.Response:
    body = await run_off_loop(
        lambda: json_bytes({**mapping_object(sections), **more}), cost=ENTRY * sections.size
    )
    return web.Response(body=body, content_type="application/json")
