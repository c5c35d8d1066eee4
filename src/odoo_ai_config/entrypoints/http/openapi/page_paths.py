"""
Pages for people, which need no key: what they show, they ask for like everybody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.openapi import viewer_files
from odoo_ai_config.entrypoints.http.openapi.operations import (
    FRESHNESS,
    answered,
    operation,
    path_part,
    unchanged,
)
from odoo_ai_config.entrypoints.http.openapi.shapes import one_of, ref, text
from odoo_ai_config.entrypoints.http.platform.errors import RouteNotFoundError
from odoo_ai_config.entrypoints.http.ui import handlers as client_pages

_TAG: Final = "pages"
_FILE_HEADERS: Final = (*FRESHNESS, "X-Content-Type-Options")
_PAGE_HEADERS: Final = (
    "Cache-Control",
    "Content-Security-Policy",
    "Referrer-Policy",
    "X-Content-Type-Options",
)
_IN_TWO_LANGUAGES: Final = (*_PAGE_HEADERS, "Content-Language")


def viewer_paths() -> JsonObject:
    """
    The page that shows this document.
    """
    return {
        "/docs": {"get": _page("showViewer", "This document, for the eye")},
        "/docs/{file}": {"get": _file("showViewerFile", viewer_files.MEDIA_TYPES)},
    }


def client_page_paths() -> JsonObject:
    """
    The pages that show clients.
    """
    area = [ref(name, "parameters") for name in ("tenant", "domain")]
    return {
        "/ui": {
            "get": _page(
                "showClients", "The clients that a key may see, for the eye", _IN_TWO_LANGUAGES
            )
        },
        "/ui/clients/{tenant}/{domain}": {
            "get": _page(
                "showClient",
                "What the hub has of a client, for the eye\n\n"
                "The page is the same for everybody and asks for an API key.",
                _IN_TWO_LANGUAGES,
                parameters=area,
            )
        },
        "/ui/{file}": {"get": _file("showClientFile", client_pages.MEDIA_TYPES)},
    }


def _page(
    identity: str,
    summary: str,
    headers: Sequence[str] = _PAGE_HEADERS,
    *,
    parameters: Sequence[JsonObject] = (),
) -> JsonObject:
    return operation(
        identity,
        summary,
        tag=_TAG,
        parameters=parameters,
        answers=[
            answered(
                "A page that loads nothing from elsewhere.",
                text(),
                media_type="text/html",
                headers=headers,
            )
        ],
    )


def _file(identity: str, media_types: Mapping[str, str]) -> JsonObject:
    status, answer = answered("The file.", text(), headers=_FILE_HEADERS)
    answer["content"] = {
        media_type: {"schema": text()} for media_type in sorted(set(media_types.values()))
    }
    return operation(
        identity,
        "What the page is made of",
        tag=_TAG,
        parameters=[
            path_part("file", one_of(media_types)),
            ref("If-None-Match", "parameters"),
        ],
        answers=[(status, answer), unchanged(_FILE_HEADERS)],
        refusals=[RouteNotFoundError],
    )
