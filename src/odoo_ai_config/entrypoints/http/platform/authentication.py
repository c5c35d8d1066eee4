"""
Refuses callers without an API key, and pushes with a missing or wrong signature.
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
from odoo_ai_config.domain.addresses import Address
from odoo_ai_config.domain.errors import (
    AddressNotFoundError,
    InvalidApiKeyError,
    InvalidValueError,
)
from odoo_ai_config.domain.json_types import Json
from odoo_ai_config.entrypoints.http.platform.app_keys import LIMITS, OPTIONS, REQUEST_ID, SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import (
    json_object,
    read_body,
    refuse_announced_excess,
    require_json,
)
from odoo_ai_config.entrypoints.http.platform.errors import (
    BodyTooLargeError,
    FieldError,
    InvalidFieldsError,
    RateLimitedError,
)
from odoo_ai_config.entrypoints.http.platform.rate_limit import CallerLimits
from odoo_ai_config.entrypoints.http.platform.signature import SignatureScheme, verify_signature
from odoo_ai_config.entrypoints.http.platform.spool import Incoming, moment_of

_HEADER: Final = istr("X-API-Key")
# Why the caller does it, for the audit trail.
REASON: Final = istr("X-Reason")

KeyedHandler: TypeAlias = Callable[[web.Request, ApiKey], Awaitable[web.StreamResponse]]
# The last argument is the body, already verified.
PushHandler: TypeAlias = Callable[[web.Request, ApiKey, bytes], Awaitable[web.StreamResponse]]


def keyed(handler: KeyedHandler, *, app: web.Application, audited: bool = True) -> Handler:
    """
    A handler for *app* that calls *handler* with the caller's key.

    The use cases decide what the key permits. The audit trail may have what *handler* does if it
    is *audited*.
    """
    limits, authenticate = app[LIMITS], app[SERVICES].authenticate
    failures, uses = limits.failures, app[SERVICES].note_key_uses

    async def let_in(request: web.Request) -> web.StreamResponse:
        if request.body_exists:
            refuse_announced_excess(request)
        key = key_in(request)
        calm = failures.calm
        wait = 0.0 if calm else failures.wait(request.remote)
        try:
            caller = await (
                authenticate(key)
                if calm
                else holder_of(key, authenticate, limits, throttled=wait > 0)
            )
        except InvalidApiKeyError:
            # A request without a key is not a failed attempt.
            if key or wait:
                failures.failed(request.remote, wait)
            raise
        wait = limits.keys.take(caller.id)
        if wait:
            raise RateLimitedError(wait)
        uses.seen(caller)
        if audited or REASON in request.headers:
            caller = _on_occasion(caller, request)
        return await handler(request, caller)

    return let_in


def _on_occasion(caller: ApiKey, request: web.Request) -> ApiKey:
    try:
        return caller.because(request.headers.get(REASON), request[REQUEST_ID])
    except InvalidValueError as error:
        raise InvalidFieldsError([FieldError(str(REASON), error.rule)]) from None


async def holder_of(
    key: str | None, authenticate: Authenticate, limits: CallerLimits, *, throttled: bool
) -> ApiKey:
    """
    The holder of *key*.

    If *throttled*, or if all addresses together have failed too often, unknown keys are refused
    without asking the store. A valid key still gets in: behind a proxy all callers share one
    address.

    Raises:
        InvalidApiKeyError: It is missing, unknown or revoked; the error does not say which.
        StoreUnavailableError: The store is away.
    """
    if throttled or limits.failures.exhausted:
        authenticate.among(await limits.known_keys.all(), key)
    return await authenticate(key)


async def address_of(request: web.Request) -> Address:
    """
    The secret address that the path ends with.

    It costs one reading of the store, whether or not there is such an address.

    Raises:
        AddressNotFoundError: There is none, or it is revoked; the error does not say which.
        RateLimitedError: The sender has failed too often, or the address gets more records than
            it may.
    """
    refuse_announced_excess(request)
    limits = request.app[LIMITS]
    try:
        address = await request.app[SERVICES].open_address(request.match_info["token"])
    except AddressNotFoundError:
        limits.failures.failed(request.remote, limits.failures.wait(request.remote))
        raise
    wait = limits.keys.take(address.id)
    if wait:
        raise RateLimitedError(wait)
    return address


def signed(handler: PushHandler) -> KeyedHandler:
    """
    A handler that calls *handler* with the pushed body, for keys with the scope ``webhook``.

    If the operator requires signatures, an unsigned push is refused.
    """

    async def take_in(request: web.Request, caller: ApiKey) -> web.StreamResponse:
        return await handler(request, caller, await pushed_body(request, caller))

    return take_in


async def pushed_body(request: web.Request, caller: ApiKey, raw: bytes | None = None) -> bytes:
    """
    The body that *caller* pushes, with its signature verified; *raw* if it is already read.

    Raises:
        ScopeMissingError: The key must not push.
        HttpRefusalError: The body is refused, or a signature is wrong or missing.
    """
    # Before a large body is read for nothing.
    caller.require(Scope.WEBHOOK)
    if request.body_exists:
        require_json(request)
    if raw is None:
        raw = await read_body(request)
    await require_signature(request, raw)
    return raw


async def require_signature(request: Incoming, raw: bytes) -> SignatureScheme | None:
    """
    Refuse *raw* if its signature is wrong, or missing although the operator requires one.

    Returns:
        The scheme that signs it; None without a signature.

    Raises:
        SignatureError: It is wrong or missing.
        BodyTooLargeError: It is signed by the scheme of the old Odoo module, and is larger than
            an event may be.
        InvalidJsonError, DepthLimitError: That scheme signs JSON, and the body is not JSON.
    """
    options = request.app[OPTIONS]
    if options.signatures.idle:
        return None

    def parsed() -> Json:
        # Parsing and serialising a body again costs much more than hashing it.
        if len(raw) > options.max_body_bytes:
            raise BodyTooLargeError
        return json_object(request, raw)

    def check() -> SignatureScheme | None:
        return verify_signature(
            request.headers,
            raw,
            parsed_body=parsed,
            now=moment_of(request, options.unix_time),
            policy=options.signatures,
        )

    return await run_off_loop(check, cost=len(raw))


def key_in(request: Incoming) -> str | None:
    """
    The key in the request, valid or not; older Odoo modules send it as a bearer token.
    """
    key = request.headers.get(_HEADER)
    if key is not None:
        return key
    scheme, _, key = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None
