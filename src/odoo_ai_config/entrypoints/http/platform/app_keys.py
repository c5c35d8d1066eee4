"""
Typed keys under which handlers find what they need.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from odoo_ai_config.domain.outcomes import WriteKind
from odoo_ai_config.entrypoints.http.platform.metrics import Metrics
from odoo_ai_config.entrypoints.http.platform.operations import RouteGroup
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.http.platform.rate_limit import CallerLimits
from odoo_ai_config.entrypoints.http.platform.store_watch import StoreWatch
from odoo_ai_config.entrypoints.wiring import Services


class LastOrders:
    """
    Whether the server is stopping, so that every answer is its connection's last.

    Args:
        release: Ends the requests that wait for something to tell.
    """

    def __init__(self, release: Callable[[], None] = lambda: None) -> None:
        self.called = False
        self._release = release

    def call(self) -> None:
        """
        The server stops.
        """
        self.called = True
        self._release()


LAST_ORDERS: Final = web.AppKey("last_orders", LastOrders)
SERVICES: Final = web.AppKey("services", Services)
METRICS: Final = web.AppKey("metrics", Metrics)
# For the log line of each event and message. Building a logger takes as long as rendering a line.
LOG: Final = web.AppKey("log", FilteringBoundLogger)
LIMITS: Final = web.AppKey("limits", CallerLimits)
GROUPS: Final = web.AppKey("groups", tuple[RouteGroup, ...])
OPTIONS: Final = web.AppKey("options", HttpOptions)
STORE_WATCH: Final = web.AppKey("store_watch", StoreWatch)

REQUEST_ID: Final = web.RequestKey("request_id", str)
# The event of a webhook request. The texts of its refusals name it.
EVENT: Final = web.RequestKey("event", WriteKind)
