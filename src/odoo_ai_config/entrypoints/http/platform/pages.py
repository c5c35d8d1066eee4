"""
Pages for people. They load only the hub's own files, and have no inline scripts or styles.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import Mapping
from enum import StrEnum
from importlib.resources import files
from typing import Final

from aiohttp import web
from attrs import frozen

from odoo_ai_config.entrypoints.http.platform.conditional import unchanged
from odoo_ai_config.entrypoints.http.platform.errors import RouteNotFoundError

_GUARDED: Final = {"X-Content-Type-Options": "nosniff"}
# Icons are data URLs in style sheets and links.
_CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS: Final = (
    "Cache-Control",
    "Content-Security-Policy",
    "Referrer-Policy",
    "X-Content-Type-Options",
)
FILE_HEADERS: Final = ("X-Content-Type-Options",)
_FILE_TYPES: Final = {"css": "text/css", "js": "text/javascript"}
FILE_TYPES: Final = tuple(_FILE_TYPES.values())
# Scripts cannot turn text into markup.
TEXT_ONLY: Final = "; require-trusted-types-for 'script'; trusted-types 'none'"


@frozen
class StaticBody:
    """
    Bytes that are the same for everybody, with their entity tag.
    """

    content: bytes
    tag: str

    @classmethod
    def of(cls, content: bytes) -> StaticBody:
        """
        Tag *content* by its digest.
        """
        return cls(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


@functools.cache
def packaged(folder: str, name: str) -> StaticBody:
    """
    A file of this package, read on first use.
    """
    return StaticBody.of((files("odoo_ai_config.entrypoints") / folder / name).read_bytes())


def shown_page(text: str, headers: Mapping[str, str], policy: str = "") -> web.Response:
    """
    A page that may only load the hub's own files. *policy* extends its content policy.
    """
    return web.Response(
        text=text,
        content_type="text/html",
        headers={
            **_GUARDED,
            **headers,
            "Cache-Control": "no-cache",
            "Content-Security-Policy": _CONTENT_POLICY + policy,
            "Referrer-Policy": "no-referrer",
        },
    )


async def shown_part(request: web.Request, folder: str, files: type[StrEnum]) -> web.Response:
    """
    A file of the page in *folder*: the one of *files* that the path names.

    Raises:
        RouteNotFoundError: The page has no such file.
    """
    try:
        name = files(request.match_info["file"])
    except ValueError:
        raise RouteNotFoundError from None
    file = await asyncio.to_thread(packaged, folder, name)
    return shown_file(request, file, _FILE_TYPES[name.rpartition(".")[2]])


def shown_file(request: web.Request, body: StaticBody, media_type: str) -> web.Response:
    """
    *body*, or 304 if the reader already has it.
    """
    answer = unchanged(request, body.tag)
    if answer is None:
        headers = {"ETag": body.tag, "Cache-Control": "no-cache"}
        answer = web.Response(
            body=body.content, content_type=media_type, charset="utf-8", headers=headers
        )
    answer.headers.update(_GUARDED)
    return answer
