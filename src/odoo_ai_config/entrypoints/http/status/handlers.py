"""
What anybody may ask without a key: who this is, whether it lives, how it does.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.http.platform.app_keys import (
    METRICS,
    OPTIONS,
    SERVICES,
    STORE_WATCH,
)
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes

_HEALTHY: Final = json_bytes({"status": "healthy"})
_IS_READY: Final[JsonObject] = {"status": "ready"}
_READY: Final = json_bytes(_IS_READY)


async def show_identity(request: web.Request) -> web.Response:
    """
    What answers here.
    """
    body = json_bytes(
        {
            "name": "odoo-ai-config",
            "version": request.app[OPTIONS].version,
            "description": "Configuration hub between Odoo, Chatwoot and AI services",
            "docs": "/docs",
        }
    )
    return web.Response(body=body, content_type="application/json")


# The handler's form is aiohttp's; the answer needs nothing of the request.
async def show_health(_request: web.Request) -> web.Response:
    """
    Whether the process answers; it touches nothing else.
    """
    return web.Response(body=_HEALTHY, content_type="application/json")


async def show_readiness(request: web.Request) -> web.Response:
    """
    Whether the store can be read and written now, and what would be in the next start's way.
    """
    services = request.app[SERVICES]
    await request.app[STORE_WATCH].ready()
    trouble = await services.check_key_ring.while_running()
    # Still a 200: the hub has all that it needs, and with a 503 the balancer would take every
    # process out at once.
    body = _READY if trouble is None else json_bytes(_IS_READY | {"warnings": [trouble.value]})
    return web.Response(body=body, content_type="application/json")


async def show_metrics(request: web.Request) -> web.Response:
    """
    The metrics, for Prometheus. Those of the store are left out while it is away.
    """
    metrics, services = request.app[METRICS], request.app[SERVICES]
    await metrics.queue.refresh(services.ports.inbox.census, services.deliver_message.clock)
    return web.Response(
        body=metrics.exposition(),
        headers={"Content-Type": CONTENT_TYPE_LATEST},
    )
