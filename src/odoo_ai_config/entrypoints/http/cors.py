"""
Cross-origin requests of browsers (CORS): which pages of other sites may read the hub's answers.

Only listed origins may, exactly as they are listed. Answers never allow credentials: a page sends
its API key in a header, and browsers do not send it by themselves.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final

from aiohttp import hdrs, web
from attrs import frozen

# A page may read these, besides those that every page may read.
EXPOSED: Final = (
    "ETag",
    "X-Request-ID",
    "Retry-After",
    "Idempotent-Replayed",
    "WWW-Authenticate",
    "Allow",
    "Accept-Encoding",
)
# A change of the list reaches browsers within ten minutes.
_REMEMBERED_SECONDS: Final = "600"


@frozen
class CrossOrigin:
    """
    The origins whose pages may read answers.
    """

    origins: frozenset[str]

    def admits(self, request: web.BaseRequest) -> bool:
        """
        Whether *request* comes from a page of a listed origin.
        """
        return request.headers.get(hdrs.ORIGIN) in self.origins

    def asks_for(self, request: web.BaseRequest, methods: Container[str]) -> bool:
        """
        Whether a browser asks if a page may send a request with one of *methods*.
        """
        asked = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_METHOD)
        return request.method == hdrs.METH_OPTIONS and asked in methods and self.admits(request)

    def open(self, request: web.BaseRequest, answer: web.StreamResponse) -> None:
        """
        Let the page that sent *request* read *answer*, if its origin is listed.
        """
        # Also for others: a cache must not give them the answer to a listed origin.
        answer.headers.add(hdrs.VARY, hdrs.ORIGIN)
        if self.admits(request):
            answer.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = request.headers[hdrs.ORIGIN]
            answer.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = ", ".join(EXPOSED)


def preflight_answer(methods: Iterable[str], headers: Iterable[str]) -> web.Response:
    """
    The answer that a path has *methods*, which read *headers*. It repeats nothing of the request.
    """
    return web.Response(
        status=204,
        headers={
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: ", ".join(sorted(methods)),
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: ", ".join(sorted(headers)),
            hdrs.ACCESS_CONTROL_MAX_AGE: _REMEMBERED_SECONDS,
        },
    )
