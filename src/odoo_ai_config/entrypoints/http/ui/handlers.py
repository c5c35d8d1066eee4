"""
``/ui``: a read-only page that shows what the hub has about a client.

The page itself has no data of clients: it asks for an API key, and its script reads what that
key may read.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import Final

from aiohttp import web

from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.platform.errors import RouteNotFoundError
from odoo_ai_config.entrypoints.http.platform.operations import Operation, RouteGroup
from odoo_ai_config.entrypoints.http.platform.pages import (
    FILE_HEADERS,
    FILE_TYPES,
    PAGE_HEADERS,
    TEXT_ONLY,
    shown_page,
    shown_part,
)
from odoo_ai_config.entrypoints.http.platform.texts import language_of

FOLDER: Final = "http/ui/client_page"


class ClientFile(StrEnum):
    """
    The files of the page.
    """

    STYLE = "client.css"
    SCRIPT = "client.js"
    WORDS = "words.js"


ROUTES: Final = RouteGroup("pages", App.CONFIG, "config")
_page = partial(
    Operation,
    ROUTES,
    "GET",
    answer=str,
    says="A page that only loads the hub's own files.",
    media_types=("text/html",),
    answer_headers=(*PAGE_HEADERS, "Content-Language"),
)


@_page("/ui", identity="showClients", summary="Show the clients that a key may see.")
@_page(
    "/ui/clients/{tenant}/{domain}",
    identity="showClient",
    summary="Show what the hub has about a client.\n\n"
    "The page is the same for everybody and asks for an API key.",
)
async def show_page(request: web.Request) -> web.Response:
    """
    The page, in the language that the browser prefers.
    """
    language = language_of(request).value
    # Relative addresses, so that the page also works behind a proxy that adds a prefix.
    below = request.rel_url.raw_path.partition("/ui")[2].count("/")
    files_at = "../" * (below - 1) if below else "ui/"
    return shown_page(
        _PAGE.format(language=language, files=files_at),
        {"Content-Language": language},
        TEXT_ONLY,
    )


@Operation(
    ROUTES,
    "GET",
    "/ui/{file}",
    answer=str,
    says="The file.",
    media_types=FILE_TYPES,
    path_parts={"file": ClientFile},
    answer_headers=FILE_HEADERS,
    conditional=True,
    refusals=(RouteNotFoundError,),
)
async def show_client_file(request: web.Request) -> web.Response:
    """
    Read a file of the page.
    """
    return await shown_part(request, FOLDER, ClientFile)


_PAGE: Final = """\
<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>odoo-ai-config</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{files}client.css">
</head>
<body data-hub="{files}../">
<header>
<strong>odoo-ai-config</strong>
<button type="button" id="language"></button>
<button type="button" id="forget" hidden></button>
</header>
<main id="main" aria-live="polite">
<noscript>Esta página precisa de JavaScript. This page needs JavaScript.</noscript>
</main>
<script type="module" src="{files}client.js"></script>
</body>
</html>
"""
