"""
Lets nobody through who has no API key, and no push whose signature is missing or wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from multidict import istr

from odoo_ai_config.application.keys import Authenticate
from odoo_ai_config.application.off_loop import run_off_loop
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.errors import InvalidApiKeyError
from odoo_ai_config.domain.json_types import Json
from odoo_ai_config.entrypoints.http.platform.app_keys import LIMITS, OPTIONS, SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import (
    json_object,
    read_body,
    refuse_announced_excess,
    require_json,
)
from odoo_ai_config.entrypoints.http.platform.errors import (
    BodyTooLargeError,
    RateLimitedError,
)
from odoo_ai_config.entrypoints.http.platform.rate_limit import CallerLimits
from odoo_ai_config.entrypoints.http.platform.signature import SignatureScheme, verify_signature

_HEADER: Final = istr("X-API-Key")

KeyedHandler: TypeAlias = Callable[[web.Request, ApiKey], Awaitable[web.StreamResponse]]
# With the body, which is believed.
PushHandler: TypeAlias = Callable[[web.Request, ApiKey, bytes], Awaitable[web.StreamResponse]]


def keyed(handler: KeyedHandler, *, app: web.Application) -> Handler:
    """
    A handler for *app* that calls *handler* with the caller's key.

    What the key may do is for the use cases to say.
    """
    limits, authenticate = app[LIMITS], app[SERVICES].authenticate
    failures = limits.failures

    async def let_in(request: web.Request) -> web.StreamResponse:
        if request.body_exists:
            refuse_announced_excess(request)
        key = request.headers.get(_HEADER)
        if key is None:
            key = _bearer(request)
        calm = failures.calm
        wait = 0.0 if calm else failures.wait(request.remote)
        try:
            caller = await (
                authenticate(key)
                if calm
                else holder_of(key, authenticate, limits, throttled=wait > 0)
            )
        except InvalidApiKeyError:
            # Without any key it was no attempt.
            if key or wait:
                failures.failed(request.remote, wait)
            raise
        wait = limits.keys.take(caller.id)
        if wait:
            raise RateLimitedError(wait)
        return await handler(request, caller)

    return let_in


async def holder_of(
    key: str | None, authenticate: Authenticate, limits: CallerLimits, *, throttled: bool
) -> ApiKey:
    """
    The holder of *key*.

    Where *throttled*, or where too many have failed altogether, the store is not asked for a key
    that was not there a moment ago. Whoever has a good key gets in, whoever else has the
    same address: behind a proxy all have.

    Raises:
        InvalidApiKeyError: It is missing, unknown or revoked; which one is not said.
        StoreUnavailableError: The store is away.
    """
    if throttled or limits.failures.exhausted:
        authenticate.among(await limits.known_keys.all(), key)
    return await authenticate(key)


def signed(handler: PushHandler) -> KeyedHandler:
    """
    A handler that calls *handler* with what a key of the scope ``webhook`` pushes.

    Where the operator demands signatures, nothing that this scope lets in goes without one.
    """

    async def take_in(request: web.Request, caller: ApiKey) -> web.StreamResponse:
        return await handler(request, caller, await pushed_body(request, caller))

    return take_in


async def pushed_body(request: web.Request, caller: ApiKey) -> bytes:
    """
    The body that *caller* pushes, which is believed.

    Raises:
        ScopeMissingError: The key is none for pushing.
        HttpRefusalError: The body is none that is taken in, or a signature is wrong or missing.
    """
    # Before a large body is taken in for nothing.
    caller.require(Scope.WEBHOOK)
    if request.body_exists:
        require_json(request)
    raw = await read_body(request)
    await require_signature(request, raw)
    return raw


async def require_signature(request: web.Request, raw: bytes) -> SignatureScheme | None:
    """
    Refuse *raw*, pushed with a key, if a signature is wrong, or missing where one is demanded.

    Returns:
        How it is signed; None if it is not.

    Raises:
        SignatureError: It is.
        BodyTooLargeError: What signs it is the scheme of the old Odoo module, and it is larger
            than an event may be.
        InvalidJsonError, DepthLimitError: That scheme signs JSON, and it is none.
    """
    options = request.app[OPTIONS]
    if options.signatures.idle:
        return None

    def parsed() -> Json:
        # To be read and written anew costs much more than to be hashed.
        if len(raw) > options.max_body_bytes:
            raise BodyTooLargeError
        return json_object(request, raw)

    def check() -> SignatureScheme | None:
        return verify_signature(
            request.headers,
            raw,
            parsed_body=parsed,
            now=options.unix_time(),
            policy=options.signatures,
        )

    return await run_off_loop(check, cost=len(raw))


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
