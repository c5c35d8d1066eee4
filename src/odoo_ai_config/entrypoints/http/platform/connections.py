"""
What a connection may cost: how many one address has, how long one may take to say what it wants.

aiohttp answers some requests by itself, in its own words: those that are no HTTP, and those that
no route is asked for. Here they get the same problem documents as all others.

aiohttp has no interface for this, so the classes here rest on private names of it. That is why
`pyproject.toml` lets in only the release that they were tried with.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Mapping
from typing import Any, Final

import structlog
from aiohttp import web
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

# How long one log line speaks for all connections of which the same is to be said.
_QUIET_SECONDS: Final = 60.0
_HANDLING: Final[Mapping[str, Any]] = {
    # A small body could become a large one, on the event loop, before anybody knows whose it is.
    "auto_decompress": False,
    # How long the rest of a body is read that nobody wanted, so that its sender reads the answer.
    "lingering_time": 5.0,
}


class HubRunner(web.AppRunner):
    """
    Runs the hub's application on connections of its own kind, in the server and in tests.
    """

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        self._limits = ConnectionLimits(self.app[OPTIONS])
        made = _Server(
            server.request_handler,
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
    How many connections each address has, and what was done about those that are too many.
    """

    def __init__(self, options: HttpOptions) -> None:
        self.header_seconds = options.header_seconds
        self._most = options.connections_per_address
        self._open: Counter[str] = Counter()
        # Incidents that no line was written of yet, by their kind.
        self._untold: dict[str, int] = {}
        self._next_lines: dict[str, asyncio.TimerHandle] = {}

    def admits(self, address: str) -> bool:
        """
        Count a connection of *address*, unless there are as many as there may be.
        """
        if self._most and self._open[address] >= self._most:
            self._note("connection_refused", address, limit=self._most)
            return False
        self._open[address] += 1
        return True

    def left(self, address: str) -> None:
        """
        Count a connection of *address* no more.
        """
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]

    def late(self, address: str) -> None:
        """
        Note that a connection was closed because it did not come to the point.
        """
        self._note("headers_late", address, limit=self.header_seconds)

    def tell_the_rest(self) -> None:
        """
        Write the lines that are not due yet.
        """
        for event in [*self._untold]:
            self._sum_up(event)

    def _note(self, event: str, address: str, *, limit: float) -> None:
        # The first at once, those of the next minute as a number: a flood of connections must
        # not become one of lines.
        if event in self._untold:
            self._untold[event] += 1
            return
        self._untold[event] = 0
        self._next_lines[event] = asyncio.get_running_loop().call_later(
            _QUIET_SECONDS, self._sum_up, event
        )
        _log.warning(event, connections=1, address=address, limit=limit)

    def _sum_up(self, event: str) -> None:
        self._next_lines.pop(event).cancel()
        more = self._untold.pop(event)
        if more:
            _log.warning(event, connections=more)


class _Server(web.Server):
    """
    Makes the connections.
    """

    limits: ConnectionLimits
    trace: RequestTrace

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    """
    One connection.
    """

    # Like the base class: every request looks several of them up.
    __slots__ = ("_address", "_limits", "_patience", "_trace")

    def __init__(
        self,
        server: _Server,
        *,
        loop: asyncio.AbstractEventLoop,
        **settings: Any,  # noqa: ANN401 - aiohttp knows them
    ) -> None:
        super().__init__(server, loop=loop, **settings)
        self._limits, self._trace = server.limits, server.trace
        # None unless it is counted.
        self._address: str | None = None
        # Runs out while the headers of a request are awaited; None while none are.
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        address = _address_of(transport)
        if not self._limits.admits(address):
            # Nothing of it is read, so nothing is answered.
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
            # Not by `super`, which takes as long as all the rest: every packet comes through here.
            web.RequestHandler.data_received(self, data)
        except (LookupError, RuntimeError, TypeError, ValueError):
            # aiohttp's parser stumbles over some requests without saying that they are malformed,
            # for instance with an IndexError of the library that reads addresses.
            parser, self._parser = self._parser, _Malformed()  # type: ignore[assignment]
            super().data_received(data)
            self._parser = parser
        if self._request_count != before:
            if self._patience is not None:
                self._stop_waiting()
            current = self._current_request
            if current is not None and not current.content.is_eof():
                # What follows a body without an end: it broke off, and nobody tells its reader.
                current.content.set_exception(web.RequestPayloadError())
        elif self._patience is None and self._waiter is not None and data:
            # Nothing is being answered, and this is no whole request: the start of its headers.
            self._await_headers()

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

    def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        # Asking for the class first is quicker: what can be asked for items is an abstract class.
        if resp.__class__ is not web.Response and isinstance(resp, web.HTTPException):
            # aiohttp's own, where not even the route for unknown paths was asked.
            resp = self._trace.refused(request, RouteNotFoundError())
        return web.RequestHandler.finish_response(self, request, resp, start_time)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,  # noqa: ARG002 - aiohttp's signature
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            # An answer has begun: there is no room for another one.
            raise ConnectionError
        error = exc if isinstance(exc, Exception) else TimeoutError()
        if isinstance(error, HttpProcessingError):
            error = MalformedRequestError()
        response = self._trace.refused(request, error)
        response.force_close()
        return response


class _Malformed:
    """
    A parser that has given up: to it nothing is HTTP.
    """

    def feed_data(self, _data: bytes) -> object:
        """
        Refuse to read on.

        Raises:
            HttpProcessingError: Always.
        """
        raise BadHttpMessage("")


def _address_of(transport: asyncio.BaseTransport) -> str:
    return source_of(str((transport.get_extra_info("peername") or ("",))[0]))
