"""
Endpoints without a key: identity, health, readiness and metrics.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web
from msgspec import UNSET
from prometheus_client import CONTENT_TYPE_LATEST

from odoo_ai_config.application.errors import StoreUnavailableError, StoreUnusableError
from odoo_ai_config.entrypoints.http.platform.app_keys import (
    METRICS,
    OPTIONS,
    SERVICES,
    STORE_WATCH,
)
from odoo_ai_config.entrypoints.http.platform.operations import Operation, RouteGroup
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes, shown
from odoo_ai_config.entrypoints.http.platform.spool import SPOOL, STORE_AWAY
from odoo_ai_config.entrypoints.http.status.schemas import Healthy, Identity, Ready

ROUTES: Final = RouteGroup("status")
_HEALTHY: Final = json_bytes(Healthy(status="healthy"))


@Operation(ROUTES, "GET", "/", answer=Identity)
async def show_identity(request: web.Request) -> web.Response:
    """
    Identify the hub.
    """
    return shown(
        Identity(
            name="odoo-ai-config",
            version=request.app[OPTIONS].version,
            description="Configuration hub between Odoo, Chatwoot and AI services",
            docs="/docs",
        )
    )


# The signature is aiohttp's; the answer does not need the request.
@Operation(ROUTES, "GET", "/health", answer=Healthy)
async def show_health(_request: web.Request) -> web.Response:
    """
    Check that the process answers.
    """
    return web.Response(body=_HEALTHY, content_type="application/json")


@Operation(
    ROUTES,
    "GET",
    "/ready",
    answer=Ready,
    refusals=(StoreUnavailableError, StoreUnusableError),
)
async def show_readiness(request: web.Request) -> web.Response:
    """
    Check that the store can be read and written, or that messages can wait for it.
    """
    app, services = request.app, request.app[SERVICES]
    spool = app.get(SPOOL)
    try:
        if spool is not None:
            # Whoever asks may not wait until the driver gives up.
            spool.require_store()
        await app[STORE_WATCH].ready()
        trouble = await services.check_key_ring.while_running()
    except STORE_AWAY as error:
        if spool is None:
            raise
        spool.watch.noted(error)
        # A 503 would make the load balancer send Chatwoot's messages nowhere. If only this process
        # cannot use the store, because it is too old for instance, another one shall get them.
        if spool.watch.lasting or not await spool.has_room():
            raise
        return shown(Ready(status="spooling"))
    # Still a 200: the hub works, and a 503 would make the load balancer remove every process at
    # once.
    waiting = spool is not None and spool.spool.waiting > 0
    return shown(
        Ready(
            status="spooling" if waiting else "ready",
            warnings=UNSET if trouble is None else [trouble],
        )
    )


@Operation(
    ROUTES,
    "GET",
    "/metrics",
    answer=str,
    says="Without names of tenants.",
    media_types=(CONTENT_TYPE_LATEST.partition(";")[0],),
)
async def show_metrics(request: web.Request) -> web.Response:
    """
    Read the metrics for Prometheus.

    Those of the store are missing while it is unavailable.
    """
    metrics, services = request.app[METRICS], request.app[SERVICES]
    await metrics.queue.refresh(services.ports.inbox.census, services.deliver_message.clock)
    return web.Response(
        body=metrics.exposition(),
        headers={"Content-Type": CONTENT_TYPE_LATEST},
    )
