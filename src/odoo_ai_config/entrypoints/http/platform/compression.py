"""
Compresses answers to reads (gzip, RFC 9110, 12.5.3), for readers that ask for it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache, partial
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from odoo_ai_config.application.off_loop import run_off_loop
from odoo_ai_config.entrypoints.http.platform.byte_cache import ByteCache
from odoo_ai_config.entrypoints.http.platform.conditional import compressed_tag

# A smaller answer fits into one packet anyway.
LARGEST_PLAIN: Final = 1024
_GZIP: Final = "gzip"
_NAMES: Final = frozenset({_GZIP, "x-gzip"})
_CONTAINER: Final = zlib.MAX_WBITS + 16
# Twice as fast as the usual 6, and the result is hardly larger.
_LEVEL: Final = 4
# Readers name a handful of encodings.
_LONGEST: Final = 256
_WEIGHT: Final = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


class Compression:
    """
    Wraps the handlers of one application whose answers may be compressed.

    It keeps the compressed bodies of answers with an entity tag, because they are read again, by
    what they are compressed from: so no answer can get the body of another one.

    Args:
        max_bytes: The maximum size of what it keeps, plain and compressed bodies together.
    """

    def __init__(self, max_bytes: int) -> None:
        self._kept: ByteCache[bytes] = ByteCache(max_bytes)

    def of(self, handler: Handler) -> Handler:
        """
        A handler that compresses large answers of *handler*, except streams.
        """

        async def compress(request: web.Request) -> web.StreamResponse:
            response = await handler(request)
            if isinstance(response, web.Response):
                body = response.body
                if (
                    isinstance(body, bytes)
                    and len(body) > LARGEST_PLAIN
                    and _negotiate(request, response)
                ):
                    tagged = hdrs.ETAG in response.headers
                    response.body = await (self._kept_of(body) if tagged else _compressed(body))
            return response

        return compress

    async def _kept_of(self, body: bytes) -> bytes:
        compressed = self._kept.get(body)
        if compressed is None:
            compressed = await _compressed(body)
            self._kept.keep(body, compressed, weight=len(body) + len(compressed))
        return compressed


def in_portions(
    request: web.Request, portions: AsyncIterator[bytes], headers: Mapping[str, str]
) -> web.Response:
    """
    An answer that is made, and compressed, as it is sent.
    """
    response = web.Response(headers=headers)
    response.body = _each(portions) if _negotiate(request, response) else portions
    return response


def _negotiate(request: web.Request, response: web.Response) -> bool:
    """
    Say in the headers of *response* how its reader gets it. True for gzip.
    """
    headers = response.headers
    headers.add(hdrs.VARY, "Accept-Encoding")
    asked = request.headers.getall(hdrs.ACCEPT_ENCODING, None)
    if asked is None or not accepts_gzip(",".join(asked)):
        return False
    headers[hdrs.CONTENT_ENCODING] = _GZIP
    tag = headers.get(hdrs.ETAG)
    if tag is not None:
        headers[hdrs.ETAG] = compressed_tag(tag)
    return True


@lru_cache(maxsize=64)
def accepts_gzip(accept_encoding: str) -> bool:
    """
    Whether a reader with this ``Accept-Encoding`` prefers gzip, or likes it as much as plain text.
    """
    if len(accept_encoding) > _LONGEST:
        return False
    weights: dict[str, float] = {}
    for entry in accept_encoding.lower().split(","):
        coding, *parameters = (part.strip() for part in entry.split(";"))
        weight = "1"
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            weight = value.strip() if name.strip() == "q" else weight
        # Nobody is given what a malformed weight may refuse.
        weights[coding] = float(weight) if _WEIGHT.fullmatch(weight) else 0
    named = [weights[name] for name in _NAMES & weights.keys()]
    wanted = max(named, default=weights.get("*", 0))
    return wanted > 0 and wanted >= weights.get("identity", 0)


async def _compressed(body: bytes) -> bytes:
    # zlib releases the interpreter's lock, so another thread is worth its cost early.
    return await run_off_loop(lambda: zlib.compress(body, _LEVEL, _CONTAINER), cost=len(body))


async def _each(portions: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, _CONTAINER)
    async for portion in portions:
        compressed = await run_off_loop(partial(stream.compress, portion), cost=len(portion))
        if compressed:
            yield compressed
    yield stream.flush()
