"""
Lets nobody through who has no API key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from multidict import istr

from odoo_ai_config.application.use_cases.authenticate import Authenticate
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.errors import InvalidApiKeyError
from odoo_ai_config.entrypoints.http.bodies import refuse_announced_excess
from odoo_ai_config.entrypoints.http.errors import RateLimitedError
from odoo_ai_config.entrypoints.http.rate_limit import CallerLimits

_HEADER: Final = istr("X-API-Key")

KeyedHandler: TypeAlias = Callable[[web.Request, ApiKey], Awaitable[web.StreamResponse]]


def keyed(handler: KeyedHandler, authenticate: Authenticate, limits: CallerLimits) -> Handler:
    """
    A handler for aiohttp that calls *handler* with the caller's key.

    What the key may do is for the use cases to say.
    """

    async def let_in(request: web.Request) -> web.StreamResponse:
        if request.body_exists:
            refuse_announced_excess(request)
        key = request.headers.get(_HEADER)
        if key is None:
            key = _bearer(request)
        try:
            caller = await authenticate(key)
        except InvalidApiKeyError:
            wait = limits.failures.take(request.remote or "")
            if wait:
                raise RateLimitedError(wait) from None
            raise
        wait = limits.keys.take(caller.id)
        if wait:
            raise RateLimitedError(wait)
        return await handler(request, caller)

    return let_in


def shows_key(request: web.Request) -> bool:
    """
    Whether there is a key at all, good or not.
    """
    return _HEADER in request.headers or _bearer(request) is not None


def _bearer(request: web.Request) -> str | None:
    """
    The key as Odoo's older modules send it.
    """
    scheme, _, key = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None
