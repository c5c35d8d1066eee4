"""
Reads request bodies: JSON only, up to a size limit.
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
from odoo_ai_config.entrypoints.http.platform.spool import Incoming

T = TypeVar("T")

# Paths that accept whole collections.
_COLLECTIONS: Final = ("api/v1/", "tools/")
# Paths that accept large bodies: collections, and the whole mapping.
_LARGE: Final = (*_COLLECTIONS, "mapping")
_PLAIN: Final = "identity"
# A body gets one more second for each of these bytes.
_SLOWEST: Final = 16 * 1024
# The window bits by which zlib knows the container; gzip has two names (RFC 9110).
_PACKED: Final = {"gzip": zlib.MAX_WBITS + 16, "deflate": zlib.MAX_WBITS}
_ALIASES: Final = {"x-gzip": "gzip"}
# The low half of a zlib container's first byte.
_ZLIB_METHOD: Final = 8


def _is_below(paths: tuple[str, ...], request: web.Request) -> bool:
    return request.path.lstrip("/").startswith(paths)


def body_limit(request: web.Request) -> int:
    """
    The largest body, in bytes, that the path of *request* accepts.
    """
    options = request.app[OPTIONS]
    large = _is_below(_LARGE, request)
    return options.max_collection_bytes if large else options.max_body_bytes


def refuse_encoding(request: web.Request) -> None:
    """
    Refuse a body with an encoding that its path does not accept.

    This comes before the body is read: its sender is unknown, and a small body can expand to a
    large one.

    Raises:
        UnsupportedEncodingError: The path does not accept it.
    """
    _encoding_of(request)


def _encoding_of(request: web.Request) -> str:
    if hdrs.CONTENT_ENCODING not in request.headers:
        return _PLAIN
    accepted = [_PLAIN, *_PACKED] if _is_below(_COLLECTIONS, request) else [_PLAIN]
    given = ",".join(request.headers.getall(hdrs.CONTENT_ENCODING)).strip().lower()
    encoding = _ALIASES.get(given, given)
    if encoding not in accepted:
        raise UnsupportedEncodingError(accepted)
    return encoding


def refuse_announced_excess(request: web.Request) -> None:
    """
    Refuse a body by its ``Content-Length``, before any of it is read.

    Raises:
        BodyTooLargeError: It is longer than the limit.
    """
    _refuse_announced_excess(request, body_limit(request))


def require_json(request: web.Request) -> None:
    """
    Refuse a body whose ``Content-Type`` is not JSON; without the header it counts as JSON.

    Raises:
        UnsupportedMediaTypeError: It is not JSON.
    """
    given = request.headers.get("Content-Type")
    if given is None:
        return
    media_type = given.partition(";")[0].strip().lower()
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaTypeError


async def read_body(request: web.Request) -> bytes:
    """
    The body of a request, decompressed if its path accepts compressed bodies.

    Raises:
        BodyLateError: It comes too slowly.
        BodyTooLargeError: It is longer than the limit, compressed or not. The rest is not read.
        BodyUnreadableError: It ends early or cannot be decompressed.
        UnsupportedEncodingError: The path does not accept its encoding.
    """
    encoding = _encoding_of(request)
    limit = body_limit(request)
    _refuse_announced_excess(request, limit)
    content = request.content
    try:
        # A small body nearly always arrives together with its headers.
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
    # Even a small body can expand to the limit, so the limit is the cost.
    return await run_off_loop(lambda: _unpacked(raw, encoding, limit), cost=cost_of_bytes(limit))


async def _received(content: StreamReader, limit: int, patience: float) -> bytes:
    # One read may return as much as the whole body is allowed to have.
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
        # Some senders omit the container.
        bits = -zlib.MAX_WBITS
    unpacker = zlib.decompressobj(bits)
    try:
        # Stops there, however large the result would be.
        body = unpacker.decompress(raw, limit + 1)
    except zlib.error:
        raise BodyUnreadableError from None
    if len(body) > limit:
        raise BodyTooLargeError
    if not unpacker.eof or unpacker.unused_data:
        raise BodyUnreadableError
    return body


def json_object(request: Incoming, raw: bytes, *, lenient: bool = False) -> JsonObject:
    """
    The body *raw* as a JSON object; `parse_json` explains *lenient*.

    Raises:
        InvalidJsonError: It is not one.
        DepthLimitError: It is nested too deeply.
    """
    return parse_json_object(raw, max_depth=request.app[OPTIONS].max_json_depth, lenient=lenient)


async def said_in(request: web.Request, read: Callable[[JsonObject], T]) -> T:
    """
    What *read* makes of the JSON object in the body.

    Whoever must not know what is wrong with a body is refused before.

    Raises:
        HttpRefusalError: The body is refused, by `read_body`, `require_json` or `read_json`.
    """
    raw = await read_body(request)
    require_json(request)
    return await read_json(request, raw, read)


def read_json(
    request: Incoming,
    raw: bytes,
    read: Callable[[JsonObject], T],
    *,
    lenient: bool = False,
) -> Coroutine[Any, Any, T]:
    """
    The result of *read* for the JSON body *raw*; a large body is parsed off the event loop.

    Raises:
        InvalidJsonError, DepthLimitError: As for `json_object`. Errors of *read* pass through.
    """
    return run_off_loop(lambda: read(json_object(request, raw, lenient=lenient)), cost=len(raw))


def _refuse_announced_excess(request: web.Request, limit: int) -> None:
    length = request.content_length
    if length is not None and length > limit:
        raise BodyTooLargeError


async def expect_continue(request: web.Request) -> None:
    """
    Answer ``100 Continue`` to a client that waits for it, unless its body is refused anyway.

    Other expectations get no answer: aiohttp would quote them in its refusal.
    """
    if request.headers.get("Expect", "").lower() != "100-continue":
        return
    try:
        refuse_announced_excess(request)
        refuse_encoding(request)
    except HttpRefusalError:
        # The handler refuses it again, with a problem document.
        return
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # Otherwise aiohttp believes that the answer has begun, and cannot send an error.
    request.writer.output_size = 0
