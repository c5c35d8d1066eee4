"""
Lets nobody through who has no API key.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler

from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.errors import InvalidApiKeyError
from odoo_ai_config.entrypoints.http.app_keys import LIMITS, SERVICES
from odoo_ai_config.entrypoints.http.bodies import refuse_announced_excess
from odoo_ai_config.entrypoints.http.errors import RateLimitedError

_HEADER: Final = "X-API-Key"

KeyedHandler: TypeAlias = Callable[[web.Request, ApiKey], Awaitable[web.StreamResponse]]


def keyed(handler: KeyedHandler) -> Handler:
    """
    A handler for aiohttp that calls *handler* with the caller's key.

    What the key may do is for the use cases to say.
    """

    @functools.wraps(handler)
    async def authenticate(request: web.Request) -> web.StreamResponse:
        if request.body_exists:
            refuse_announced_excess(request)
        app = request.app
        limits = app[LIMITS]
        try:
            caller = await app[SERVICES].authenticate(request.headers.get(_HEADER))
        except InvalidApiKeyError:
            wait = limits.failures.take(request.remote or "")
            if wait:
                raise RateLimitedError(wait) from None
            raise
        wait = limits.keys.take(caller.id)
        if wait:
            raise RateLimitedError(wait)
        return await handler(request, caller)

    return authenticate
