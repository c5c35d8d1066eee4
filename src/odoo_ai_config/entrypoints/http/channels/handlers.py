"""
``/mapping/``: the whole mapping as one object.
"""

from __future__ import annotations

from aiohttp import web

from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.channels.sections import MappingSections
from odoo_ai_config.entrypoints.http.channels.payloads import mapping_object, mapping_sections
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import read_body, read_json, require_json
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes


async def read_mapping(request: web.Request, caller: ApiKey) -> web.Response:
    """
    The mapping, or the caller's part of it.
    """
    sections = await request.app[SERVICES].read_mapping(caller=caller)
    return await _shown(sections)


async def export_mapping(request: web.Request, caller: ApiKey) -> web.Response:
    """
    The mapping as YAML.
    """
    services = request.app[SERVICES]
    sections = await services.read_mapping(caller=caller)
    text = await run_off_loop(
        lambda: services.ports.yaml.render(mapping_object(sections)), cost=ENTRY * sections.size
    )
    return web.Response(body=text.encode(), content_type="application/x-yaml", charset="utf-8")


async def replace_mapping(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Replace the whole mapping.
    """
    return await _written(request, caller, replace=True)


async def merge_mapping(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Merge accounts and inboxes key by key; fallbacks and numbers, where given, as wholes.
    """
    return await _written(request, caller, replace=False)


async def _written(request: web.Request, caller: ApiKey, *, replace: bool) -> web.Response:
    require_json(request)
    sections = await read_json(request, await read_body(request), mapping_sections)
    written = await request.app[SERVICES].write_mapping(sections, caller=caller, replace=replace)
    return await _shown(written)


async def _shown(sections: MappingSections) -> web.Response:
    body = await run_off_loop(
        lambda: json_bytes(mapping_object(sections)), cost=ENTRY * sections.size
    )
    return web.Response(body=body, content_type="application/json")
