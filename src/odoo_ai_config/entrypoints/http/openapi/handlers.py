"""
``/openapi.json`` and ``/docs``: the OpenAPI description, for programs and for people.
"""

from __future__ import annotations

import functools
from enum import StrEnum
from typing import Final

from aiohttp import web

from odoo_ai_config.application.off_loop import CHEAP, run_off_loop
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.platform.app_keys import GROUPS, OPTIONS
from odoo_ai_config.entrypoints.http.platform.errors import RouteNotFoundError
from odoo_ai_config.entrypoints.http.platform.operations import Operation, RouteGroup
from odoo_ai_config.entrypoints.http.platform.pages import (
    FILE_HEADERS,
    FILE_TYPES,
    PAGE_HEADERS,
    StaticBody,
    shown_file,
    shown_page,
    shown_part,
)
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes

FOLDER: Final = "http/openapi/viewer"
DESCRIPTION: Final = RouteGroup("status")
VIEWER: Final = RouteGroup("pages")


class ViewerFile(StrEnum):
    """
    The files of the viewer: Swagger UI as published, and the script that starts it.
    """

    START = "start.js"
    BUNDLE = "swagger-ui-bundle.js"
    STYLE = "swagger-ui.css"


@Operation(
    DESCRIPTION,
    "GET",
    "/openapi.json",
    answer=dict,
    says="OpenAPI 3.1.",
    answer_headers=FILE_HEADERS,
    conditional=True,
)
async def show_description(request: web.Request) -> web.Response:
    """
    Describe the interface.
    """
    options, groups = request.app[OPTIONS], request.app[GROUPS]
    described = await run_off_loop(
        lambda: _rendered(groups, options.version, options.apps), cost=CHEAP + 1
    )
    return shown_file(request, described, "application/json")


@Operation(
    VIEWER,
    "GET",
    "/docs",
    answer=str,
    says="A page that only loads the hub's own files.",
    media_types=("text/html",),
    answer_headers=PAGE_HEADERS,
)
async def show_viewer(request: web.Request) -> web.Response:
    """
    Show the description in the browser.
    """
    if request.path.endswith("/"):
        page = _PAGE.format(files="", description="../openapi.json")
    else:
        page = _PAGE.format(files="docs/", description="openapi.json")
    return shown_page(page, {})


@Operation(
    VIEWER,
    "GET",
    "/docs/{file}",
    answer=str,
    says="The file.",
    media_types=FILE_TYPES,
    path_parts={"file": ViewerFile},
    answer_headers=FILE_HEADERS,
    conditional=True,
    refusals=(RouteNotFoundError,),
)
async def show_viewer_file(request: web.Request) -> web.Response:
    """
    Read a file of the page.
    """
    return await shown_part(request, FOLDER, ViewerFile)


@functools.lru_cache(maxsize=1)
def _rendered(groups: tuple[RouteGroup, ...], version: str, apps: frozenset[App]) -> StaticBody:
    # Most hubs are never asked for it, and their start must not wait for this import.
    from odoo_ai_config.entrypoints.http.openapi.document import description  # noqa: PLC0415

    return StaticBody.of(json_bytes(description(groups, version, apps)))


# Relative addresses, so that the page also works behind a proxy that adds a prefix.
_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>odoo-ai-config</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{files}swagger-ui.css">
</head>
<body>
<div id="viewer" data-description="{description}"></div>
<script src="{files}swagger-ui-bundle.js"></script>
<script src="{files}start.js"></script>
</body>
</html>
"""
