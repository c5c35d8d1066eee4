"""
Takes in request bodies: no more of them than is allowed, and nothing but JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from aiohttp import web

from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.app_keys import OPTIONS
from odoo_ai_config.entrypoints.http.errors import (
    BodyTooLargeError,
    BodyUnreadableError,
    UnsupportedMediaTypeError,
)
from odoo_ai_config.entrypoints.http.json_body import parse_json_object

T = TypeVar("T")

# Bodies up to this size cost less to read than handing them to a thread does.
_SHORT: Final = 64 * 1024
# Where whole collections are taken in.
_LARGE: Final = ("api/v1/", "tools/")


def body_limit(request: web.Request) -> int:
    """
    The size, in bytes, of the largest body that the path of *request* takes in.
    """
    options = request.app[OPTIONS]
    large = request.path.lstrip("/").startswith(_LARGE)
    return options.max_collection_bytes if large else options.max_body_bytes


def refuse_announced_excess(request: web.Request) -> None:
    """
    Refuse a body whose length is known to be too much before a byte of it is read.

    Raises:
        BodyTooLargeError: It is.
    """
    _refuse_announced_excess(request, body_limit(request))


def require_json(request: web.Request) -> None:
    """
    Refuse a body that is said not to be JSON; one of which nothing is said is read as JSON.

    Raises:
        UnsupportedMediaTypeError: It is.
    """
    given = request.headers.get("Content-Type")
    if given is None:
        return
    media_type = given.partition(";")[0].strip().lower()
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaTypeError


async def read_body(request: web.Request) -> bytes:
    """
    The body as it came.

    Raises:
        BodyTooLargeError: It is announced to be too large, and nothing of it was read; or it
            goes on beyond the limit, and the rest was not read.
        BodyUnreadableError: It broke off or could not be decompressed.
    """
    limit = body_limit(request)
    _refuse_announced_excess(request, limit)
    if limit != request.app[OPTIONS].max_body_bytes:
        request = request.clone(client_max_size=limit)
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise BodyTooLargeError from None
    except (web.RequestPayloadError, ConnectionError):
        raise BodyUnreadableError from None


async def made_of(raw: bytes, make: Callable[[], T]) -> T:
    """
    What *make* makes of the body *raw*.

    It works on a large one in a thread, so that it holds up no other request.
    """
    return make() if len(raw) <= _SHORT else await asyncio.to_thread(make)


def json_object(request: web.Request, raw: bytes, *, lenient: bool = False) -> JsonObject:
    """
    The body *raw* as a JSON object, of which two readers think the same unless it is *lenient*.

    Raises:
        InvalidJsonError: It is none.
        DepthLimitError: It is nested too deep.
    """
    return parse_json_object(raw, max_depth=request.app[OPTIONS].max_json_depth, lenient=lenient)


def _refuse_announced_excess(request: web.Request, limit: int) -> None:
    length = request.content_length
    if length is not None and length > limit:
        raise BodyTooLargeError


async def expect_continue(request: web.Request) -> None:
    """
    Invite the body of a cautious client, unless it is announced to be too large.

    Other expectations are left unanswered; aiohttp would quote them in its refusal.
    """
    if request.headers.get("Expect", "").lower() != "100-continue":
        return
    length = request.content_length
    if length is None or length <= body_limit(request):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # Otherwise aiohttp takes the answer for begun, and could not send an error any more.
        request.writer.output_size = 0
