"""
Who vouches for an event of Chatwoot: a signature, a secret in the address, or an API key.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from aiohttp import web
from attrs import frozen
from multidict import istr

from odoo_ai_config.application.chatwoot_accounts import ChatwootAccounts
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.chatwoot import ChatwootAccess
from odoo_ai_config.domain.credentials import SecretText
from odoo_ai_config.domain.errors import InvalidApiKeyError
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.signing import SigningKey
from odoo_ai_config.entrypoints.http.app_keys import LIMITS, OPTIONS, SERVICES
from odoo_ai_config.entrypoints.http.authentication import require_signature
from odoo_ai_config.entrypoints.http.errors import (
    RateLimitedError,
    SignatureError,
    SignatureInvalidError,
    SignatureMissingError,
    WebhookTokenInvalidError,
)
from odoo_ai_config.entrypoints.http.signature import (
    SignaturePolicy,
    verify_signature,
)

# Whoever proves to be Chatwoot may do what a key for webhooks may.
CHATWOOT: Final = ApiKey(
    "chatwoot",
    "chatwoot",
    b"",
    frozenset({Scope.WEBHOOK}),
    None,
    created_at=datetime(1970, 1, 1, tzinfo=UTC),
)
_SIGNATURE: Final = istr("X-Chatwoot-Signature")
_KEY: Final = istr("X-API-Key")
# Addresses that end like this have no secret in them.
_PLAIN: Final = frozenset({"chatwoot", "webhook"})


@frozen
class Sender:
    """
    Somebody who may push events.

    Args:
        account: The account that what vouches belongs to, if it belongs to one.
    """

    caller: ApiKey
    account: ChatwootId | None


def require_credential(request: web.Request) -> None:
    """
    Refuse a request that nothing could vouch for before its body is read.

    Raises:
        SignatureMissingError: There is neither signature nor token nor key.
    """
    given = request.headers.get(_SIGNATURE) or request.headers.get(_KEY)
    if not given and _token_in(request) is None:
        raise SignatureMissingError


async def sender_of(request: web.Request, raw: bytes, account: ChatwootId | None) -> Sender:
    """
    Find out who sent *raw*, an event that says it is of *account*.

    What belongs to another account than the one in the event vouches for nothing. A signature
    that can be checked and is wrong is refused, whatever else there is.

    Raises:
        SignatureError, InvalidApiKeyError: Nothing vouches for it; or a key does, and the
            signature that a push with a key needs is missing or wrong.
        ScopeMissingError: The key is none for pushing.
        RateLimitedError: That was tried too often from the same address, or the sender asks
            more often than it may.
        SealBrokenError, MasterKeyMissingError: A secret of the account does not open.
        StoreUnavailableError: The store is away.
    """
    limits = request.app[LIMITS]
    try:
        sender = await _vouched(request, raw, account)
    except (SignatureError, InvalidApiKeyError):
        wait = limits.failures.take(request.remote or "")
        if wait:
            raise RateLimitedError(wait) from None
        raise
    wait = limits.keys.take(sender.caller.id)
    if wait:
        raise RateLimitedError(wait)
    return sender


async def _vouched(request: web.Request, raw: bytes, account: ChatwootId | None) -> Sender:
    services = request.app[SERVICES]
    candidates = await _candidates(services.chatwoot_accounts, account)
    if _SIGNATURE in request.headers:
        for owner, access in candidates:
            if _is_signed_by(access, request, raw):
                return Sender(CHATWOOT, owner)
        if any(access.webhook_secrets for _, access in candidates):
            raise SignatureInvalidError
    token = _token_in(request)
    if token is not None:
        for owner, access in candidates:
            if _is_among(token, access.webhook_tokens):
                return Sender(CHATWOOT, owner)
    key = request.headers.get(_KEY)
    if key:
        caller = await services.authenticate(key)
        caller.require(Scope.WEBHOOK)
        await require_signature(request, raw)
        return Sender(caller, account)
    raise SignatureInvalidError if token is None else WebhookTokenInvalidError


async def _candidates(
    accounts: ChatwootAccounts, account: ChatwootId | None
) -> Sequence[tuple[ChatwootId | None, ChatwootAccess]]:
    if account is not None:
        return [(account, await accounts.access_to(account))]
    # Some versions of Chatwoot leave the account out of some events; whose secret it is tells it.
    whole: tuple[ChatwootId | None, ChatwootAccess] = None, await accounts.access_to(None)
    return [whole, *[entry async for entry in accounts.each()]]


def _is_signed_by(access: ChatwootAccess, request: web.Request, raw: bytes) -> bool:
    try:
        scheme = verify_signature(
            request.headers,
            raw,
            # Only the old Odoo module's scheme asks for it.
            parsed_body=dict,
            now=request.app[OPTIONS].unix_time(),
            policy=_policy(access.webhook_secrets),
        )
    except SignatureInvalidError:
        return False
    return scheme is not None


@lru_cache(maxsize=1024)
def _policy(secrets: tuple[SecretText, ...]) -> SignaturePolicy:
    return SignaturePolicy(chatwoot=tuple(map(SigningKey.from_text, secrets)))


def _token_in(request: web.Request) -> str | None:
    token = request.match_info.get("token")
    return None if token in _PLAIN else token


def _is_among(token: str, known: Sequence[SecretText]) -> bool:
    given = token.encode("utf-8", "surrogateescape")
    # Every one is compared, so that the time says nothing of which it was.
    matches = [hmac.compare_digest(given, secret.reveal().encode()) for secret in known]
    return any(matches)
