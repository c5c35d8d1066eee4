"""
Builds the aiohttp application: its routes, and what handlers need.
"""

from __future__ import annotations

from functools import partial

import structlog
from aiohttp import web

from odoo_ai_config.entrypoints.http.cors import CrossOrigin
from odoo_ai_config.entrypoints.http.documents.representations import (
    REPRESENTATIONS,
    Representations,
)
from odoo_ai_config.entrypoints.http.platform.app_keys import (
    GROUPS,
    LAST_ORDERS,
    LIMITS,
    LOG,
    METRICS,
    OPTIONS,
    SERVICES,
    STORE_WATCH,
    LastOrders,
)
from odoo_ai_config.entrypoints.http.platform.authentication import keyed
from odoo_ai_config.entrypoints.http.platform.compression import Compression
from odoo_ai_config.entrypoints.http.platform.metrics import Metrics
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.http.platform.rate_limit import (
    CallerLimits,
    FailureLimits,
    KnownKeys,
    TokenBuckets,
)
from odoo_ai_config.entrypoints.http.platform.request_trace import TRACE, RequestTrace
from odoo_ai_config.entrypoints.http.platform.spool import SPOOL, RequestSpool
from odoo_ai_config.entrypoints.http.platform.store_watch import StoreWatch
from odoo_ai_config.entrypoints.http.routes import GROUPS as ROUTE_GROUPS
from odoo_ai_config.entrypoints.http.routes import add_routes
from odoo_ai_config.entrypoints.wiring import Services


def build_app(services: Services, options: HttpOptions, metrics: Metrics) -> web.Application:
    """
    Build an application that serves *services*.

    It opens and closes nothing: the caller does, for *services* and *metrics*. Adapters behind the
    services may count in *metrics*, too.
    """
    app = web.Application(client_max_size=options.max_body_bytes)
    app[SERVICES] = services
    app[OPTIONS] = options
    app[METRICS] = metrics
    app[GROUPS] = ROUTE_GROUPS
    app[LOG] = structlog.wrap_logger(None, cache_logger_on_first_use=True)
    app[REPRESENTATIONS] = Representations(services.ports.yaml, options.cached_bytes)
    app[LIMITS] = CallerLimits(
        keys=TokenBuckets(options.requests_per_second),
        failures=FailureLimits(options.failed_authentications_per_second),
        known_keys=KnownKeys(services.ports.api_keys),
    )
    app[LAST_ORDERS] = last_orders = LastOrders(services.read_feed.release)
    app[STORE_WATCH] = store_watch = StoreWatch(services.ports.store.check, metrics.store_failure)
    if services.ports.spool is not None and services.spool_arrival is not None:
        app[SPOOL] = RequestSpool(
            services.ports.spool, services.spool_arrival, store_watch, metrics.spooled
        )
    cross_origin = CrossOrigin(options.cors_origins) if options.cors_origins else None
    app[TRACE] = trace = RequestTrace(
        metrics,
        last_orders,
        store_watch,
        finish=None if cross_origin is None else cross_origin.open,
    )
    add_routes(
        app.router,
        apps=options.apps,
        cross_origin=cross_origin,
        let_in=partial(keyed, app=app),
        compressed=Compression(options.cached_bytes // 2).of,
        served=trace.of,
    )
    return app
