"""
``/openapi.json`` and ``/docs``: the interface described, for programs and for the eye.
"""

from __future__ import annotations

import functools

from aiohttp import web

from odoo_ai_config.application.off_loop import CHEAP, run_off_loop
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.openapi.viewer_files import FOLDER, MEDIA_TYPES, viewer_page
from odoo_ai_config.entrypoints.http.platform.app_keys import GROUPS, OPTIONS
from odoo_ai_config.entrypoints.http.platform.operations import RouteGroup
from odoo_ai_config.entrypoints.http.platform.pages import (
    StaticBody,
    shown_file,
    shown_page,
    shown_part,
)
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes


async def show_description(request: web.Request) -> web.Response:
    """
    The OpenAPI document, made when it is first asked for.
    """
    options, groups = request.app[OPTIONS], request.app[GROUPS]
    described = await run_off_loop(
        lambda: _rendered(groups, options.version, options.apps), cost=CHEAP + 1
    )
    return shown_file(request, described, "application/json")


async def show_viewer(request: web.Request) -> web.Response:
    """
    A page that shows the document.
    """
    if request.path.endswith("/"):
        page = viewer_page(files_at="", description_at="../openapi.json")
    else:
        page = viewer_page(files_at="docs/", description_at="openapi.json")
    return shown_page(page, {})


async def show_viewer_file(request: web.Request) -> web.Response:
    """
    What the page is made of.
    """
    return await shown_part(request, FOLDER, MEDIA_TYPES)


@functools.lru_cache(maxsize=1)
def _rendered(groups: tuple[RouteGroup, ...], version: str, apps: frozenset[App]) -> StaticBody:
    # Most hubs are never asked, and no start is to wait for what nobody asks for.
    from odoo_ai_config.entrypoints.http.openapi.document import description  # noqa: PLC0415

    return StaticBody.of(json_bytes(description(groups, version, apps)))
