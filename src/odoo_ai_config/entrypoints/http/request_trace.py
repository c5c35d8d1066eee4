"""
Gives each request an id, and each answer its place in the metrics.
"""

from __future__ import annotations

import itertools
import re
import secrets
from time import perf_counter
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from structlog.contextvars import bind_contextvars

from odoo_ai_config.entrypoints.http.app_keys import REQUEST_ID, LastOrders
from odoo_ai_config.entrypoints.http.metrics import Metrics

_HEADER: Final = "X-Request-ID"
_NAME: Final = "odoo-ai-config"
_VALID_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestTrace:
    """
    Wraps handlers of one application.

    A wrapper and not a middleware: every path has a handler here, the unknown ones too, and
    what aiohttp does for middlewares costs a read as much as finding its document.
    """

    def __init__(self, metrics: Metrics, last_orders: LastOrders) -> None:
        self._metrics = metrics
        self._last_orders = last_orders
        # Unique without a system call for each request.
        self._start = secrets.token_hex(6)
        self._numbers = itertools.count(1)

    def of(self, template: str, method: str, handler: Handler) -> Handler:
        """
        *handler* of *method* at the path *template*, with its requests named and counted.
        """
        count = self._metrics.requests(template, method)
        last_orders = self._last_orders

        async def trace(request: web.Request) -> web.StreamResponse:
            started = perf_counter()
            request_id = request.headers.get(_HEADER)
            if request_id is None or _VALID_ID.fullmatch(request_id) is None:
                request_id = f"{self._start}-{next(self._numbers):x}"
            request[REQUEST_ID] = request_id
            # aiohttp runs each request in a context of its own: nothing to unbind.
            bind_contextvars(request_id=request_id)
            response = await handler(request)
            headers = response.headers
            headers[_HEADER] = request_id
            # What it is made of is nobody's business.
            headers["Server"] = _NAME
            if last_orders.called:
                response.force_close()
            count(response.status, perf_counter() - started)
            return response

        return trace
