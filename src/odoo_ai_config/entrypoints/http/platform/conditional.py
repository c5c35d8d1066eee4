"""
Conditional requests (RFC 9110, 13): entity tags, and the headers that name them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from aiohttp import hdrs, web
from attrs import frozen

from odoo_ai_config.application.off_loop import run_off_loop
from odoo_ai_config.entrypoints.http.platform.representations import (
    JSON_HEADERS,
    UNCHANGED_HEADERS,
    json_bytes,
)

_TAG_BYTES: Final = 12
_SMALL: Final = 512
_COMPRESSED_END: Final = '-gzip"'


def compressed_tag(tag: str) -> str:
    """
    The tag of the same as gzip: a strong tag stands for one encoding (RFC 9110 8.8.3.3).

    A client that has either knows the content, so conditions accept both.
    """
    return tag[:-1] + _COMPRESSED_END


def is_known(if_none_match: str, tag: str) -> bool:
    """
    Whether the client already has the representation *tag* (weak comparison, RFC 9110 13.1.2).
    """
    if if_none_match == tag:
        return True
    if if_none_match.strip() == "*":
        return True
    known = {tag, compressed_tag(tag)}
    return any(given.strip().removeprefix("W/") in known for given in if_none_match.split(","))


def unchanged(request: web.Request, tag: str) -> web.Response | None:
    """
    The answer to a client that already has the representation *tag*; None for others.
    """
    known = request.headers.get(hdrs.IF_NONE_MATCH)
    return None if known is None or not is_known(known, tag) else not_modified(request, tag)


def not_modified(request: web.Request, tag: str) -> web.Response:
    """
    The answer that the client's representation is still *tag*.
    """
    known = request.headers.get(hdrs.IF_NONE_MATCH, "")
    answer = web.Response(status=304, headers=UNCHANGED_HEADERS)
    # A cache finds what it has by the tag in the answer (RFC 9111 4.3.4).
    compressed = tag not in known and compressed_tag(tag) in known
    answer.headers[hdrs.ETAG] = compressed_tag(tag) if compressed else tag
    return answer


def tag_of(body: bytes) -> str:
    """
    The tag of a representation that has no version of its own.
    """
    return f'"{blake2b(body, digest_size=_TAG_BYTES).hexdigest()}"'


# Routes are asked for again and again, and hashing one costs a thirtieth of the answer.
_kept_tag: Final = lru_cache(maxsize=4096)(tag_of)


def tagged(body: bytes, tag: str, headers: Mapping[str, str] = JSON_HEADERS) -> web.Response:
    """
    A response with *body*, which is the representation *tag*.
    """
    response = web.Response(body=body, headers=headers)
    response.headers[hdrs.ETAG] = tag
    return response


def shown_tagged(request: web.Request, answer: object) -> web.Response:
    """
    A response with *answer* as JSON and a tag of its bytes; a 304 if the client has them.

    The tag depends on nothing that the client does not see.
    """
    body = json_bytes(answer)
    tag = _kept_tag(body) if len(body) <= _SMALL else tag_of(body)
    return unchanged(request, tag) or tagged(body, tag)


async def shown_tagged_off_loop(
    request: web.Request, answer: Callable[[], object], *, cost: int
) -> web.Response:
    """
    The same for an *answer* that may be very large: *cost* is as for `run_off_loop`.
    """
    body, tag = await rendered(answer, cost=cost)
    return unchanged(request, tag) or tagged(body, tag)


async def rendered(answer: Callable[[], object], *, cost: int) -> tuple[bytes, str]:
    """
    An *answer* that may be very large as JSON, and its tag.
    """

    def render() -> tuple[bytes, str]:
        body = json_bytes(answer())
        return body, tag_of(body)

    return await run_off_loop(render, cost=cost)


@frozen
class Precondition:
    """
    What a write requires of the present state: ``If-Match`` and ``If-None-Match``.

    A bare number counts as a version (``If-Match: "3"``), for writers that only know that.
    """

    if_match: str | None
    if_none_match: str | None

    @classmethod
    def of(cls, request: web.Request) -> Precondition:
        """
        The precondition of *request*.
        """
        headers = request.headers
        return cls(headers.get(hdrs.IF_MATCH), headers.get(hdrs.IF_NONE_MATCH))

    @property
    def creates(self) -> bool:
        """
        Whether there must be nothing yet (``If-None-Match: *``); ``If-Match`` then says no more.
        """
        return self.if_none_match is not None and self.if_none_match.strip() == "*"

    @property
    def needs_present(self) -> bool:
        """
        Whether it depends on the tag of the present state.
        """
        return self.if_match is not None or (self.if_none_match is not None and not self.creates)

    def is_met(self, tag: str | None, version: int = 0) -> bool:
        """
        Whether a write may succeed the state *tag* with this *version*; None for no state.
        """
        if self.creates:
            return tag is None
        unwanted = self.if_none_match
        if unwanted is not None and tag is not None and is_known(unwanted, tag):
            return False
        if self.if_match is None:
            return True
        given = {one.strip().replace(_COMPRESSED_END, '"') for one in self.if_match.split(",")}
        return tag is not None and not given.isdisjoint({"*", tag, f'"{version}"'})


ANYTHING: Final = Precondition(None, None)
