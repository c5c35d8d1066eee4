"""
Limits connections: how many one address has, and how long headers may take.

aiohttp answers some requests itself: those that are not HTTP, and those without a route. Here they
get problem documents, as all others do.

aiohttp has no interface for this, so these classes use its private names. That is why
`pyproject.toml` pins the release that they are tested with.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import structlog
from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError
from aiohttp.http_exceptions import BadHttpMessage

from odoo_ai_config.entrypoints.http.platform.app_keys import OPTIONS
from odoo_ai_config.entrypoints.http.platform.errors import (
    MalformedRequestError,
    RouteNotFoundError,
)
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.http.platform.rate_limit import source_of
from odoo_ai_config.entrypoints.http.platform.request_trace import TRACE, RequestTrace

_log = structlog.get_logger()

# One log line covers all connections with the same event for this long.
_QUIET_SECONDS: Final = 60.0
_MAX_PATHS: Final = 4096
_HANDLING: Final[Mapping[str, Any]] = {
    # Decompression on the event loop would let unknown senders expand a small body to a large one.
    "auto_decompress": False,
    # How long the rest of a refused body is read, so that its sender reads the answer.
    "lingering_time": 5.0,
}


class HubRunner(web.AppRunner):
    """
    Runs the hub's application on limited connections, in the server and in tests.
    """

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        self._limits = ConnectionLimits(self.app[OPTIONS])
        made = _Server(
            _RememberedRoutes(self.app).handle,  # type: ignore[arg-type]  # Of requests of an app.
            request_factory=server.request_factory,
            **{**self._kwargs, **_HANDLING},
        )
        made.limits, made.trace = self._limits, self.app[TRACE]
        return made

    async def _cleanup_server(self) -> None:
        self._limits.tell_the_rest()
        await super()._cleanup_server()


class ConnectionLimits:
    """
    Counts the connections of each address, and logs those that are closed.
    """

    def __init__(self, options: HttpOptions) -> None:
        self.header_seconds = options.header_seconds
        self._most = options.connections_per_address
        self._open: Counter[str] = Counter()
        # By event: how many are not logged yet, and the timer that logs them.
        self._untold: Counter[str] = Counter()
        self._next_lines: dict[str, asyncio.TimerHandle] = {}

    def admits(self, address: str) -> bool:
        """
        Count a connection of *address*; False if the address has as many as it may have.
        """
        if self._most and self._open[address] >= self._most:
            self._note("connection_refused", address, limit=self._most)
            return False
        self._open[address] += 1
        return True

    def left(self, address: str) -> None:
        """
        Stop counting a connection of *address*.
        """
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]

    def late(self, address: str) -> None:
        """
        Note that a connection is closed because its headers are late.
        """
        self._note("headers_late", address, limit=self.header_seconds)

    def tell_the_rest(self) -> None:
        """
        Write the lines that are not due yet.
        """
        for event in [*self._next_lines]:
            self._sum_up(event)

    def _note(self, event: str, address: str, *, limit: float) -> None:
        # The first is logged at once, those of the next minute as a number: a flood of
        # connections must not become a flood of lines.
        if event in self._next_lines:
            self._untold[event] += 1
            return
        self._next_lines[event] = asyncio.get_running_loop().call_later(
            _QUIET_SECONDS, self._sum_up, event
        )
        _log.warning(event, connections=1, address=address, limit=limit)

    def _sum_up(self, event: str) -> None:
        self._next_lines.pop(event).cancel()
        more = self._untold.pop(event, 0)
        if more:
            _log.warning(event, connections=more)


class _RememberedRoutes:
    """
    Handles requests as the application does, but matches each path only once.

    Matching a path takes a tenth of the time of a read.
    """

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._trace = app[TRACE]
        self._known: dict[tuple[str, str], tuple[dict[str, str], web.AbstractRoute]] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """
        The answer to *request*.
        """
        asked = request.method, request.rel_url.path_safe
        known = self._known.get(asked)
        if known is None or hdrs.EXPECT in request.headers:
            return await self._match(request, asked)
        match = web.UrlMappingMatchInfo(*known)
        match.add_app(self._app)
        match.freeze()
        request._match_info = match  # noqa: SLF001 - as the application does
        return await match.handler(request)

    async def _match(self, request: web.Request, asked: tuple[str, str]) -> web.StreamResponse:
        try:
            response = await self._app._handle(request)  # noqa: SLF001 - see above
        except web.HTTPException:
            # Even the route for unknown paths does not match, or an `Expect` cannot be met.
            return self._trace.refused(request, RouteNotFoundError())
        if len(self._known) >= _MAX_PATHS:
            self._known.clear()
        self._known[asked] = dict(request.match_info), request.match_info.route
        return response


class _Server(web.Server):
    """
    Creates the connections.
    """

    limits: ConnectionLimits
    trace: RequestTrace

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    """
    One connection.
    """

    # As in the base class: every request reads several of them.
    __slots__ = ("_address", "_limits", "_patience", "_trace")

    def __init__(
        self,
        server: _Server,
        *,
        loop: asyncio.AbstractEventLoop,
        **settings: Any,  # noqa: ANN401 - aiohttp's own settings
    ) -> None:
        super().__init__(server, loop=loop, **settings)
        self._limits, self._trace = server.limits, server.trace
        # None if the connection is not counted.
        self._address: str | None = None
        # The timer while the connection waits for headers, else None.
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        address = _address_of(transport)
        if not self._limits.admits(address):
            # Nothing is read from it, so nothing is answered.
            self.force_close()
            transport.close()
            return
        self._address = address
        super().connection_made(transport)
        self._await_headers()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._address is not None:
            self._limits.left(self._address)
            self._address = None
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._request_count
        try:
            # Not through `super`, which takes as long as all the rest, for each packet.
            web.RequestHandler.data_received(self, data)
        except (LookupError, RuntimeError, TypeError, ValueError):
            # aiohttp's parser fails on some malformed requests with other errors, for instance an
            # IndexError of the library that parses URLs.
            parser, self._parser = self._parser, _Malformed()  # type: ignore[assignment]
            super().data_received(data)
            self._parser = parser
        if self._request_count != before:
            if self._patience is not None:
                self._stop_waiting()
            current = self._current_request
            if current is not None and not current.content.is_eof():
                # The next request begins before this body has ended: tell the body's reader.
                current.content.set_exception(web.RequestPayloadError())
        elif self._patience is None and self._is_idle() and data:
            # No request is being answered, and this one is incomplete: its headers begin.
            self._await_headers()

    def _is_idle(self) -> bool:
        # The waiter is done if a request has just come and its handling has not begun. Its body
        # may be there before: uvloop passes on all packets that have arrived.
        return self._waiter is not None and not self._waiter.done()

    def _await_headers(self) -> None:
        self._patience = self._loop.call_later(self._limits.header_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        self._limits.late(self._address or "")
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,  # noqa: ARG002 - aiohttp's signature
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            # An answer has already begun.
            raise ConnectionError
        error = exc if isinstance(exc, Exception) else TimeoutError()
        if isinstance(error, HttpProcessingError):
            error = MalformedRequestError()
        response = self._trace.refused(request, error)
        response.force_close()
        return response


class _Malformed:
    """
    A parser that refuses everything.
    """

    def feed_data(self, _data: bytes) -> object:
        """
        Always refuse.
        """
        raise BadHttpMessage("")


def _address_of(transport: asyncio.BaseTransport) -> str:
    return source_of(str((transport.get_extra_info("peername") or ("",))[0]))
