"""
Takes in request bodies: no more of them than is allowed, and nothing but JSON.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from aiohttp import StreamReader, hdrs, web

from odoo_ai_config.application.off_loop import cost_of_bytes, run_off_loop
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.platform.app_keys import OPTIONS
from odoo_ai_config.entrypoints.http.platform.errors import (
    BodyLateError,
    BodyTooLargeError,
    BodyUnreadableError,
    HttpRefusalError,
    UnsupportedEncodingError,
    UnsupportedMediaTypeError,
)
from odoo_ai_config.entrypoints.http.platform.json_body import parse_json_object

T = TypeVar("T")

# Where whole collections are taken in.
_LARGE: Final = ("api/v1/", "tools/")
_PLAIN: Final = "identity"
# Bytes that buy a body another second.
_SLOWEST: Final = 16 * 1024
# What zlib calls the containers. The first of them has two names (RFC 9110).
_PACKED: Final = {"gzip": zlib.MAX_WBITS + 16, "deflate": zlib.MAX_WBITS}
_ALIASES: Final = {"x-gzip": "gzip"}
# The low half of a zlib container's first byte.
_ZLIB_METHOD: Final = 8


def _takes_collections(request: web.Request) -> bool:
    return request.path.lstrip("/").startswith(_LARGE)


def body_limit(request: web.Request) -> int:
    """
    The size, in bytes, of the largest body that the path of *request* takes in.
    """
    options = request.app[OPTIONS]
    large = _takes_collections(request)
    return options.max_collection_bytes if large else options.max_body_bytes


def refuse_encoding(request: web.Request) -> None:
    """
    Refuse a body that is encoded in another way than its path takes in.

    Before it is read: nobody knows yet who sends it, and a small body may become a large one.

    Raises:
        UnsupportedEncodingError: It is.
    """
    _encoding_of(request)


def _encoding_of(request: web.Request) -> str:
    if hdrs.CONTENT_ENCODING not in request.headers:
        return _PLAIN
    accepted = [_PLAIN, *_PACKED] if _takes_collections(request) else [_PLAIN]
    given = ",".join(request.headers.getall(hdrs.CONTENT_ENCODING)).strip().lower()
    encoding = _ALIASES.get(given, given)
    if encoding not in accepted:
        raise UnsupportedEncodingError(accepted)
    return encoding


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
    The body as it came, or what it becomes where it may be compressed.

    Raises:
        BodyLateError: It comes too slowly.
        BodyTooLargeError: It is announced to be too large, and nothing of it was read; or it
            goes on beyond the limit, and the rest was not read; or it becomes larger than that.
        BodyUnreadableError: It broke off or could not be decompressed.
        UnsupportedEncodingError: It is encoded in another way.
    """
    encoding = _encoding_of(request)
    limit = body_limit(request)
    _refuse_announced_excess(request, limit)
    content = request.content
    try:
        # Nearly always a small body comes together with its headers.
        raw = (
            content.read_nowait()
            if content.is_eof()
            else await _received(content, limit, request.app[OPTIONS].body_seconds)
        )
    except TimeoutError:
        raise BodyLateError from None
    except (web.RequestPayloadError, ConnectionError):
        raise BodyUnreadableError from None
    if len(raw) > limit:
        raise BodyTooLargeError
    if encoding == _PLAIN:
        return raw
    # However small it is, it may become as large as it may be.
    return await run_off_loop(lambda: _unpacked(raw, encoding, limit), cost=cost_of_bytes(limit))


async def _received(content: StreamReader, limit: int, patience: float) -> bytes:
    # As much may come between two looks as the whole is allowed to be.
    content.set_read_chunk_size(limit)
    pieces: list[bytes] = []
    size = 0
    late = asyncio.get_running_loop().time() + patience
    async with asyncio.timeout_at(late) as timer:
        while piece := await content.readany():
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise BodyTooLargeError
            timer.reschedule(late + size / _SLOWEST)
    return b"".join(pieces)


def _unpacked(raw: bytes, encoding: str, limit: int) -> bytes:
    bits = _PACKED[encoding]
    if encoding == "deflate" and raw[:1] and raw[0] & 0x0F != _ZLIB_METHOD:
        # Some senders leave the container out.
        bits = -zlib.MAX_WBITS
    unpacker = zlib.decompressobj(bits)
    try:
        # It stops there, however much there would be.
        body = unpacker.decompress(raw, limit + 1)
    except zlib.error:
        raise BodyUnreadableError from None
    if len(body) > limit:
        raise BodyTooLargeError
    if not unpacker.eof or unpacker.unused_data:
        raise BodyUnreadableError
    return body


def json_object(request: web.Request, raw: bytes, *, lenient: bool = False) -> JsonObject:
    """
    The body *raw* as a JSON object, of which two readers think the same unless it is *lenient*.

    Raises:
        InvalidJsonError: It is none.
        DepthLimitError: It is nested too deep.
    """
    return parse_json_object(raw, max_depth=request.app[OPTIONS].max_json_depth, lenient=lenient)


def read_json(
    request: web.Request,
    raw: bytes,
    read: Callable[[JsonObject], T],
    *,
    lenient: bool = False,
) -> Coroutine[Any, Any, T]:
    """
    What *read* makes of the body *raw*; a large one is read where it holds up nobody else.

    Raises:
        InvalidJsonError, DepthLimitError: As `json_object` says, beside what *read* raises.
    """
    return run_off_loop(lambda: read(json_object(request, raw, lenient=lenient)), cost=len(raw))


def _refuse_announced_excess(request: web.Request, limit: int) -> None:
    length = request.content_length
    if length is not None and length > limit:
        raise BodyTooLargeError


async def expect_continue(request: web.Request) -> None:
    """
    Invite the body of a cautious client, unless it is not taken in anyway.

    Other expectations are left unanswered; aiohttp would quote them in its refusal.
    """
    if request.headers.get("Expect", "").lower() != "100-continue":
        return
    try:
        refuse_announced_excess(request)
        refuse_encoding(request)
    except HttpRefusalError:
        # Said by whoever answers.
        return
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # Otherwise aiohttp takes the answer for begun, and could not send an error any more.
    request.writer.output_size = 0
