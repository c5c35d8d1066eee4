"""
Authenticates events of Chatwoot: by a signature, a token in the path, or an API key.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TypeAlias

from aiohttp import web
from attrs import field, frozen
from multidict import istr

from odoo_ai_config.application.chatwoot.accounts import ChatwootAccounts
from odoo_ai_config.application.keys import TokenPrefix, TokenText
from odoo_ai_config.application.off_loop import CHEAP, cost_of_bytes, run_off_loop
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.chatwoot import ChatwootAccess
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.domain.errors import InvalidApiKeyError
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.entrypoints.http.platform.app_keys import LIMITS, OPTIONS, SERVICES
from odoo_ai_config.entrypoints.http.platform.authentication import (
    holder_of,
    key_in,
    require_signature,
)
from odoo_ai_config.entrypoints.http.platform.errors import (
    RateLimitedError,
    SignatureError,
    SignatureInvalidError,
    SignatureMissingError,
    WebhookTokenInvalidError,
)
from odoo_ai_config.entrypoints.http.platform.signature import (
    SignaturePolicy,
    SignatureScheme,
    verify_signature,
)
from odoo_ai_config.entrypoints.http.platform.spool import SPOOL, Incoming, moment_of

# A verified Chatwoot may do what a key for webhooks may.
CHATWOOT: Final = ApiKey(
    "chatwoot",
    "chatwoot",
    b"",
    frozenset({Scope.WEBHOOK}),
    None,
    created_at=datetime(1970, 1, 1, tzinfo=UTC),
)
_SIGNATURE: Final = istr("X-Chatwoot-Signature")
# The signed headers that identify a request, by scheme.
_NAMED_BY: Final = {
    SignatureScheme.STANDARD_WEBHOOKS: istr("webhook-id"),
    SignatureScheme.ODOO_MODULE: istr("X-Webhook-Signature"),
}
# For an event without an account: how many secrets are tried, and how many bytes are hashed.
_MOST_TRIED: Final = 32
_MOST_HASHED: Final = 4 * 1024 * 1024
# Paths that end like this have no token.
_PLAIN: Final = frozenset({"chatwoot", "webhook", "odoo-webhook"})

# An account with its secrets; None stands for all accounts.
Candidate: TypeAlias = tuple[ChatwootId | None, ChatwootAccess]


@frozen
class Sender:
    """
    An authenticated sender of events.

    Args:
        account: The account of the secret that authenticates it; None if that has no account.
        signed: Identifies the event among those with the same signature scheme; None if it is
            not signed.
        access: The settings whose secret signs it, if it is Chatwoot's signature.
    """

    caller: ApiKey
    account: ChatwootId | None
    signed: str | None = None
    access: ChatwootAccess | None = field(default=None, repr=False)

    @property
    def bucket(self) -> str:
        """
        The rate limit that counts its requests: an account's or a key's.
        """
        if self.caller is not CHATWOOT or self.account is None:
            return self.caller.id
        return f"{self.caller.id}/{self.account.value}"


def require_credential(request: web.Request) -> None:
    """
    Refuse a request without any credential before its body is read.

    Raises:
        SignatureMissingError: It has neither a signature nor a token nor a key.
    """
    given = request.headers.get(_SIGNATURE) or key_in(request)
    if not given and _token_in(request) is None:
        raise SignatureMissingError


async def sender_of(request: web.Request, raw: bytes, account: ChatwootId | None) -> Sender:
    """
    Authenticate the sender of *raw*, an event that names *account*.

    Credentials of another account than the event's do not count. A wrong signature is refused,
    whatever other credentials there are.

    Raises:
        SignatureError, InvalidApiKeyError: No credential is valid; or the key is, and the
            signature that a push with a key needs is missing or wrong.
        ScopeMissingError: The key must not push.
        RateLimitedError: The address has failed too often, or the sender sends more requests
            than it may.
        SealBrokenError, MasterKeyMissingError: A secret of the account does not open.
        StoreUnavailableError: The store is unavailable.
    """
    app = request.app
    limits = app[LIMITS]
    wait = 0.0 if limits.failures.calm else limits.failures.wait(request.remote)
    try:
        sender = await vouched(request, raw, account, throttled=wait > 0)
    except (SignatureError, InvalidApiKeyError):
        limits.failures.failed(request.remote, wait)
        raise
    wait = limits.keys.take(sender.bucket)
    if wait:
        raise RateLimitedError(wait)
    return sender


def note_known(request: web.Request, event: ChatwootId | None, sender: Sender) -> None:
    """
    Note for the spool who has just authenticated an event of the account *event*.
    """
    senders, key, token = request.app[SPOOL].senders, key_in(request), _token_in(request)
    if sender.access is not None:
        if event is not None:
            senders.note_signer(event, sender.access, sender.bucket)
    elif sender.caller is not CHATWOOT:
        senders.note(f"key {key}", sender.bucket)
    else:
        senders.note(f"token {event} {token}", sender.bucket)


async def known_sender(request: web.Request, raw: bytes, event: ChatwootId | None) -> str | None:
    """
    Who sends *raw*, an event of the account *event*, as far as the hub knows without the store.

    It does not refuse: who is unknown, or has a wrong credential, is a stranger.

    Raises:
        InvalidApiKeyError: The key is no key at all.
        RateLimitedError: A stranger's address has failed too often, or the sender sends more
            requests than it may.
    """
    limits = request.app[LIMITS]
    holder = await _known_holder(request, raw, event)
    wait = limits.failures.wait(request.remote) if holder is None else limits.keys.take(holder)
    if wait:
        raise RateLimitedError(wait)
    return holder


async def _known_holder(request: web.Request, raw: bytes, event: ChatwootId | None) -> str | None:
    services, senders = request.app[SERVICES], request.app[SPOOL].senders
    token, key = _token_in(request), key_in(request)
    configured = services.chatwoot_accounts.fallback
    if _SIGNATURE in request.headers:
        known = None if event is None else senders.signer(event)
        access, holder = known or (configured, CHATWOOT.id)
        if await _signer(request, raw, [(event, access)], throttled=False) is not None:
            return holder
    if token is not None:
        of_all = _is_among(token, configured.webhook_tokens)
        return senders.holder_of(f"token {event} {token}") or (CHATWOOT.id if of_all else None)
    if not key:
        return None
    try:
        return services.authenticate.among({}, key).id
    except InvalidApiKeyError:
        if TokenText.parse(TokenPrefix.API_KEY, key) is None:
            raise
    return senders.holder_of(f"key {key}")


async def vouched(
    request: Incoming, raw: bytes, account: ChatwootId | None, *, throttled: bool = False
) -> Sender:
    """
    Authenticate as `sender_of` does, whatever the limits are.

    For a *throttled* address this costs no more than an ordinary request.
    """
    app = request.app
    token, signature = _token_in(request), request.headers.get(_SIGNATURE)
    accounts = app[SERVICES].chatwoot_accounts
    candidates = await _candidates(
        accounts,
        account,
        token,
        signed=raw if signature is not None else None,
        throttled=throttled,
    )
    if signature is not None:
        found = await _signer(request, raw, candidates, throttled=throttled)
        if found is not None:
            owner, access = found
            if owner is not None:
                accounts.heard_of(owner)
            return Sender(CHATWOOT, owner, signature, access)
        if any(access.webhook_secrets for _, access in candidates):
            raise SignatureInvalidError
    if token is not None:
        for owner, access in candidates:
            if _is_among(token, access.webhook_tokens):
                return Sender(CHATWOOT, owner)
    key = key_in(request)
    if key:
        caller = await holder_of(key, app[SERVICES].authenticate, app[LIMITS], throttled=throttled)
        caller.require(Scope.WEBHOOK)
        scheme = await require_signature(request, raw)
        return Sender(caller, account, scheme and request.headers[_NAMED_BY[scheme]])
    raise SignatureInvalidError if token is None else WebhookTokenInvalidError


async def _candidates(
    accounts: ChatwootAccounts,
    account: ChatwootId | None,
    token: str | None,
    *,
    signed: bytes | None,
    throttled: bool,
) -> Sequence[Candidate]:
    """
    The accounts whose secrets may authenticate an event of *account*.

    Some versions of Chatwoot omit the account in some events; the secret then identifies it. A
    token does so at once. For a *signed* event secrets are tried: those of the installation, and
    those of the most recent accounts, fewer for a longer body.

    For a *throttled* address the store is not asked about accounts that do not exist, and only
    the secrets of the installation are tried.
    """
    if account is not None:
        known = not throttled or account in (await accounts.directory()).accounts
        return [(account, await accounts.access_to(account if known else None))]
    whole = await accounts.access_to(None)
    directory = await accounts.directory()
    owner = None if token is None else directory.owner_of(token)
    if owner is not None:
        return [(owner, await accounts.access_to(owner))]
    candidates: list[Candidate] = [(None, whole)]
    most = 0
    if signed is not None and not throttled:
        most = min(_MOST_TRIED, _MOST_HASHED // max(1, len(signed)))
    left = most - len(whole.webhook_secrets)
    for candidate, access in accounts.by_recency(directory):
        left -= len(access.webhook_secrets)
        if left < 0:
            break
        if access.webhook_secrets:
            candidates.append((candidate, access))
    return candidates


async def _signer(
    request: Incoming, raw: bytes, candidates: Sequence[Candidate], *, throttled: bool
) -> Candidate | None:
    secrets = 0
    for _, access in candidates:
        secrets += len(access.webhook_secrets)
    cost = cost_of_bytes(len(raw) * secrets)
    if throttled and cost > CHEAP:
        raise SignatureInvalidError
    return await run_off_loop(lambda: _found_signer(request, raw, candidates), cost=cost)


def _found_signer(
    request: Incoming, raw: bytes, candidates: Sequence[Candidate]
) -> Candidate | None:
    for candidate in candidates:
        if _is_signed_by(candidate[1], request, raw):
            return candidate
    return None


def _is_signed_by(access: ChatwootAccess, request: Incoming, raw: bytes) -> bool:
    try:
        scheme = verify_signature(
            request.headers,
            raw,
            now=moment_of(request, request.app[OPTIONS].unix_time),
            policy=_policy(access.webhook_secrets),
        )
    except SignatureInvalidError:
        return False
    return scheme is not None


@lru_cache(maxsize=1024)
def _policy(secrets: tuple[SecretText, ...]) -> SignaturePolicy:
    return SignaturePolicy(chatwoot=tuple(map(SigningKey.from_text, secrets)))


def _token_in(request: Incoming) -> str | None:
    token = request.match_info.get("token")
    return None if token in _PLAIN else token


def _is_among(token: str, known: Sequence[SecretText]) -> bool:
    given = token.encode("utf-8", "surrogateescape")
    # Every token is compared, so that the time does not tell which one matches.
    matches = [hmac.compare_digest(given, secret.reveal().encode()) for secret in known]
    return any(matches)
