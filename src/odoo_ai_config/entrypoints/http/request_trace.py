"""
Gives each request an id, and each answer its place in the metrics.
"""

from __future__ import annotations

import itertools
import re
import secrets
import time
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web_urldispatcher import AbstractResource
from structlog.contextvars import bind_contextvars

from odoo_ai_config.entrypoints.http.app_keys import REQUEST_ID
from odoo_ai_config.entrypoints.http.metrics import Metrics

_HEADER: Final = "X-Request-ID"
_VALID_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


def requests_traced(metrics: Metrics) -> Middleware:
    """
    The outermost middleware.

    An id is the start of this process, drawn once, and a count: unique without a system
    call for each request.
    """
    templates: dict[AbstractResource | None, str] = {}
    start = secrets.token_hex(6)
    numbers = itertools.count(1)

    @web.middleware
    async def trace(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        request_id = request.headers.get(_HEADER)
        if request_id is None or _VALID_ID.fullmatch(request_id) is None:
            request_id = f"{start}-{next(numbers):x}"
        request[REQUEST_ID] = request_id
        # aiohttp runs each request in a task with a context of its own: nothing to unbind.
        bind_contextvars(request_id=request_id)
        response = await handler(request)
        response.headers[_HEADER] = request_id
        resource = request.match_info.route.resource
        template = templates.get(resource)
        if template is None:
            template = templates[resource] = _template_of(resource)
        metrics.request(template, request.method, response.status, time.perf_counter() - started)
        return response

    return trace


def _template_of(resource: AbstractResource | None) -> str:
    """
    The path of a route with its variables' names, however its slashes came.
    """
    return "unknown" if resource is None else "/" + resource.canonical.strip("/")
