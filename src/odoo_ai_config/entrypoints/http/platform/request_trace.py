"""
Gives each request an id and an answer, and counts it in the metrics.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable
from time import perf_counter
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from multidict import istr
from structlog.contextvars import bind_contextvars

from odoo_ai_config.entrypoints.http.platform.app_keys import REQUEST_ID, LastOrders
from odoo_ai_config.entrypoints.http.platform.bodies import refuse_encoding
from odoo_ai_config.entrypoints.http.platform.metrics import Metrics
from odoo_ai_config.entrypoints.http.platform.problems import answer_to
from odoo_ai_config.entrypoints.http.platform.store_watch import StoreWatch

_HEADER: Final = istr("X-Request-ID")
_NAME: Final = "odoo-ai-config"
# Metrics count all unknown paths as one.
NOWHERE: Final = "/{path}"
_VALID_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
# How many seconds a request has waited for something to tell, which nobody's work took.
WAITED: Final = web.RequestKey("waited", float)


class RequestTrace:
    """
    Wraps the handlers of one application.

    It is not a middleware: every path has a handler here, even unknown ones, and aiohttp's
    machinery for middlewares costs as much time as reading a document.

    Args:
        finish: Adds headers to each answer; None for nothing.
    """

    def __init__(
        self,
        metrics: Metrics,
        last_orders: LastOrders,
        store_watch: StoreWatch,
        *,
        finish: Callable[[web.BaseRequest, web.StreamResponse], None] | None = None,
    ) -> None:
        self._metrics = metrics
        self._finish = finish
        self._last_orders = last_orders
        self._store_watch = store_watch
        # Unique without a system call for each request.
        self._start = secrets.token_hex(6)
        self._numbers = itertools.count(1)
        self._count_unrouted = metrics.requests(NOWHERE, "any")

    def of(self, template: str, method: str, handler: Handler, area: str | None) -> Handler:
        """
        A handler that gives requests of *handler* an id, counts them and answers its errors.

        It raises nothing but a cancellation. Log lines of a request have its id and *area*, unless
        they name another area.
        """
        metrics = self._metrics
        count = metrics.requests(template, method)
        last_orders, watch = self._last_orders, self._store_watch
        about = {} if area is None else {"area": area}
        # A read logs only refusals.
        quiet = method in {"GET", "HEAD"}

        async def trace(request: web.Request) -> web.StreamResponse:
            started = perf_counter()
            request_id = self._name(request)
            if not quiet:
                # aiohttp runs each request in its own context: nothing to unbind.
                bind_contextvars(request_id=request_id, **about)
            try:
                if hdrs.CONTENT_ENCODING in request.headers and request.body_exists:
                    refuse_encoding(request)
                response = await handler(request)
            except Exception as error:  # noqa: BLE001 - the one place where everything ends
                if quiet:
                    bind_contextvars(request_id=request_id, **about)
                watch.failed(error)
                response = answer_to(error, request, metrics)
            self.sign(request, response)
            if last_orders.called:
                response.force_close()
            count(response.status, perf_counter() - started - request.get(WAITED, 0.0))
            return response

        return trace

    def refused(self, request: web.BaseRequest, error: Exception) -> web.Response:
        """
        The answer to a *request* without a route.
        """
        request_id = self._name(request)
        bind_contextvars(request_id=request_id)
        response = answer_to(error, request, self._metrics)
        self.sign(request, response)
        self._count_unrouted(response.status, 0.0)
        return response

    def _name(self, request: web.BaseRequest) -> str:
        request_id = request.headers.get(_HEADER)
        if request_id is None or _VALID_ID.fullmatch(request_id) is None:
            request_id = f"{self._start}-{next(self._numbers):x}"
        request[REQUEST_ID] = request_id
        return request_id

    def sign(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """
        Add to *response* the headers that every answer has; one that is streamed needs them first.
        """
        headers = response.headers
        headers[_HEADER] = request[REQUEST_ID]
        # Strangers do not need to know the software.
        headers[hdrs.SERVER] = _NAME
        if self._finish is not None:
            self._finish(request, response)


TRACE: Final = web.AppKey("trace", RequestTrace)
