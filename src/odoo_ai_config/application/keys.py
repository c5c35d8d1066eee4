"""
API keys: create, list, rotate, revoke, authenticate.
"""

from __future__ import annotations

import enum
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import define, field, frozen

from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.ports.address_store import AddressStore
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.revoked_keys import RevokedKeys
from odoo_ai_config.application.ports.token_source import TokenSource
from odoo_ai_config.domain.access import TOKEN_NAME, ApiKey, Scope, TokenUse
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.credentials.secrets import SecretText, digest_of
from odoo_ai_config.domain.errors import (
    ApiKeyExpiredError,
    ApiKeyNotFoundError,
    InvalidApiKeyError,
    InvalidValueError,
)
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.tenants import NotedErasure

_ID: Final = re.compile(r"[A-Za-z0-9-]{12}", re.ASCII)
_FORM: Final = re.compile(rf"([a-z]{{3}})_({_ID.pattern})_([A-Za-z0-9_-]{{43}})", re.ASCII)
ID_SIZE: Final = 12
SECRET_BYTES: Final = 32
# A use is noted again only after this time: it is a commit that no request needs.
USE_NOTED_AFTER: Final = timedelta(hours=1)


class TokenPrefix(enum.Enum):
    """
    What a token begins with, so that one of an address is never taken for a key.
    """

    API_KEY = "oac"
    ADDRESS = "oaa"


@frozen
class TokenText:
    """
    A key or the token of an address, as its holder writes it: ``oac_<id>_<secret>``.
    """

    prefix: TokenPrefix
    id: str
    secret: str = field(repr=False)

    @classmethod
    def new(cls, prefix: TokenPrefix, tokens: TokenSource) -> TokenText:
        """
        Make one of random text.
        """
        id_ = tokens.token(ID_SIZE).translate(_LETTERS_ONLY)[:ID_SIZE]
        return cls(prefix, id_, tokens.token(SECRET_BYTES))

    @classmethod
    def parse(cls, prefix: TokenPrefix, text: str) -> TokenText | None:
        """
        Read one; None if *text* is not one that begins with *prefix*.
        """
        match = _FORM.fullmatch(text)
        if match is None or match[1] != prefix.value:
            return None
        return cls(prefix, match[2], match[3])

    @property
    def digest(self) -> bytes:
        """
        What the hub keeps of the secret.
        """
        return digest_of(self.secret)

    def proves(self, digest: bytes) -> bool:
        """
        Whether its secret is the one with *digest*. The time does not depend on the digest.
        """
        return hmac.compare_digest(self.digest, digest)

    def reveal(self) -> str:
        """
        The text to hand over, once.
        """
        return f"{self.prefix.value}_{self.id}_{self.secret}"


def is_key_id(text: str) -> bool:
    """
    Whether *text* has the form of a key's id.
    """
    return _ID.fullmatch(text) is not None


# `keys revoke` takes an id as its argument, where a hyphen in front would make it an option.
_LETTERS_ONLY: Final = str.maketrans("-_", "xy")


@frozen(eq=False)
class CreateApiKey:
    """
    Make an API key. Its text is handed over once and stored nowhere.
    """

    store: ConfigStore
    tokens: TokenSource
    clock: Clock

    async def __call__(
        self,
        *,
        name: str,
        scopes: frozenset[Scope],
        caller: ApiKey,
        tenant: TenantId | None = None,
        lifetime: timedelta | None = None,
        hand_over: Callable[[SecretText], object] | None = None,
    ) -> tuple[ApiKey, SecretText]:
        """
        The new key, and its text for its holder.

        *hand_over* gets the text before the key is stored. A crash in between leaves a text that
        opens nothing, never a key that nobody holds.

        Raises:
            InvalidValueError: *name* is empty, too long or has control characters; or the key
                has no scope, or would outlive the one of *caller*.
            ScopeMissingError, TenantForbiddenError: *caller* may not give so much.
        """
        now = self.clock.now()
        expires_at = None if lifetime is None else now + lifetime
        caller.require_grantable(tenant, expires_at)
        if TOKEN_NAME.fullmatch(name) is None:
            raise InvalidValueError("name", "name")
        if not scopes:
            raise InvalidValueError("scopes", "scopes")
        key, secret = _new_key(self.tokens, name, scopes, tenant, now, expires_at)
        if hand_over is not None:
            hand_over(secret)
        await self.store.commit(_changed(AuditAction.KEY_CREATED, caller, now, key))
        return key, secret


@frozen(eq=False)
class ListApiKeys:
    """
    API keys, revoked and expired ones included, for administrators.
    """

    api_keys: ApiKeyStore

    async def __call__(self, *, caller: ApiKey) -> Sequence[ApiKey]:
        """
        Every key, or those of the tenant that *caller* is bound to; oldest first.
        """
        caller.require(Scope.ADMIN)
        keys = await self.api_keys.api_keys()
        return [key for key in keys if caller.tenant in {None, key.tenant}]


@frozen(eq=False)
class RotateApiKey:
    """
    Give the holder of a key a new one, and let the old one expire after an overlap.
    """

    store: ConfigStore
    api_keys: ApiKeyStore
    tokens: TokenSource
    clock: Clock

    async def __call__(
        self, key_id: str, *, caller: ApiKey, overlap: timedelta, lifetime: timedelta | None = None
    ) -> tuple[ApiKey, SecretText]:
        """
        The successor, with the rights of the old key, and its text.

        Args:
            key_id: The old key.
            caller: Who does it.
            overlap: How long both are accepted.
            lifetime: Of the successor; by default that of the old key.

        Raises:
            ApiKeyNotFoundError: There is no such key for *caller*, or it is revoked.
        """

        async def decide() -> tuple[Changeset, tuple[ApiKey, SecretText]]:
            old = await _found(self.api_keys, key_id, caller)
            if old.revoked_at is not None:
                raise ApiKeyNotFoundError
            now = self.clock.now()
            renewed = old.renewed(now).expires_at
            expires_at = renewed if lifetime is None else now + lifetime
            # A key may renew itself, and nothing else, for as long as it was made for.
            giver = caller.renewed(now) if caller.id == old.id else caller
            giver.require_grantable(old.tenant, expires_at)
            new = _new_key(self.tokens, old.name, old.scopes, old.tenant, now, expires_at)
            replaced = old.expiring(now + overlap)
            return _changed(AuditAction.KEY_ROTATED, caller, now, replaced, new[0]), new

        return await commit_decided(self.store, decide)


def _new_key(
    tokens: TokenSource,
    name: str,
    scopes: frozenset[Scope],
    tenant: TenantId | None,
    now: datetime,
    expires_at: datetime | None,
) -> tuple[ApiKey, SecretText]:
    text = TokenText.new(TokenPrefix.API_KEY, tokens)
    key = ApiKey(text.id, name, text.digest, scopes, tenant, now, expires_at=expires_at)
    return key, SecretText(text.reveal())


def _changed(
    action: AuditAction,
    caller: ApiKey,
    now: datetime,
    *keys: ApiKey,
) -> Changeset:
    subject = " -> ".join(key.id for key in keys)
    entry = AuditEntry(now, action, caller.id, keys[0].tenant, subject)
    return Changeset(api_keys=keys, audit=(entry,), occasion=caller.occasion)


async def _found(api_keys: ApiKeyStore, key_id: str, caller: ApiKey) -> ApiKey:
    caller.require(Scope.ADMIN)
    key = await api_keys.api_key(key_id)
    if key is None or caller.tenant not in {None, key.tenant}:
        raise ApiKeyNotFoundError
    return key


@frozen
class NotedRevocations:
    """
    The list of revoked keys and secret addresses that is kept beside the store.

    Args:
        ids: The keys and addresses in the list.
        missing: Those that are revoked in the store and not in the list.
        torn: How many entries are damaged: they have not the form of an id.
    """

    ids: frozenset[str]
    missing: frozenset[str]
    torn: int

    @property
    def doubtful(self) -> bool:
        """
        Whether the list may have lost entries.
        """
        return bool(self.missing or self.torn)


@frozen(eq=False)
class RevokeApiKey:
    """
    Revoke a key forever, even if an older copy of the store is restored.
    """

    store: ConfigStore
    api_keys: ApiKeyStore
    addresses: AddressStore
    noted: RevokedKeys
    clock: Clock

    async def __call__(self, key_id: str, *, caller: ApiKey) -> ApiKey:
        """
        The revoked key; revoking it again changes nothing.

        Raises:
            ApiKeyNotFoundError: There is no such key for *caller*.
            StoreUnusableError: The key is revoked, but the list cannot be written.
        """
        revoked = await self._revoked(key_id, caller)
        # Last, so that the key is revoked now even if the list cannot be written; and every
        # time, so that a later call can complete it.
        await self.noted.note([key_id])
        return revoked

    async def again(self, *, caller: ApiKey) -> Sequence[ApiKey]:
        """
        Revoke again each key that is in the list and valid in the store; return them.

        Raises:
            StoreUnusableError: The list beside the store cannot be read.
        """
        noted = await self.noted.noted()
        return [
            await self._revoked(key.id, caller)
            for key in await self.api_keys.api_keys()
            if key.id in noted and key.revoked_at is None
        ]

    async def note_all(self) -> None:
        """
        Add to the list what other machines or earlier versions have revoked.

        Raises:
            StoreUnusableError: The list beside the store cannot be written.
        """
        missing = (await self.noted_so_far()).missing
        if missing:
            await self.noted.note(missing)

    async def noted_so_far(self) -> NotedRevocations:
        """
        Compare the list with the store.

        Raises:
            StoreUnusableError: The list beside the store cannot be read.
        """
        found = await self.noted.noted()
        noted = frozenset(one for one in found if NotedErasure.from_text(one) is None)
        ids = frozenset(filter(is_key_id, noted))
        revoked = {key.id for key in await self.api_keys.api_keys() if key.revoked_at is not None}
        revoked |= await self.addresses.revoked_ids()
        return NotedRevocations(ids, frozenset(revoked - noted), len(noted - ids))

    async def _revoked(self, key_id: str, caller: ApiKey) -> ApiKey:
        async def decide() -> tuple[Changeset, ApiKey]:
            key, now = await _found(self.api_keys, key_id, caller), self.clock.now()
            revoked = key.revoked(now)
            if revoked is key:
                return Changeset(), key
            return _changed(AuditAction.KEY_REVOKED, caller, now, revoked), revoked

        return await commit_decided(self.store, decide)


@define(eq=False)
class NoteKeyUses:
    """
    Note which keys are used: for each key at most once an hour, and beside the requests.
    """

    store: ConfigStore
    clock: Clock
    _seen: set[str] = field(factory=set, init=False)
    # When each was noted last.
    _noted: dict[str, datetime] = field(factory=dict, init=False)

    def seen(self, key: ApiKey) -> None:
        """
        Remember that *key* is used now.
        """
        if key.id not in self._noted:
            self._seen.add(key.id)

    async def __call__(self) -> None:
        """
        Write down what was seen since the last call.

        Raises:
            StoreUnavailableError: The store is away; the next call writes it.
        """
        now = self.clock.now()
        for key_id, noted_at in list(self._noted.items()):
            if now - noted_at >= USE_NOTED_AFTER:
                del self._noted[key_id]
        uses = tuple(TokenUse(key_id, now) for key_id in sorted(self._seen))
        if uses:
            await self.store.commit(Changeset(key_uses=uses))
            self._noted |= {use.id: now for use in uses}
            self._seen -= self._noted.keys()


@frozen(eq=False)
class Authenticate:
    """
    Find the API key that a caller presents.

    *configured* is the key that the operator set, which is in no store.
    """

    api_keys: ApiKeyStore
    clock: Clock
    configured: ApiKey | None = None

    async def __call__(self, presented: str | None) -> ApiKey:
        """
        The caller's key.

        Raises:
            InvalidApiKeyError: It is missing, unknown or revoked; the error does not tell which.
            ApiKeyExpiredError: It has expired.
        """
        found = self._read(presented)
        if isinstance(found, ApiKey):
            return found
        return self._vouched(found, await self.api_keys.api_key(found.id))

    def among(self, keys: Mapping[str, ApiKey], presented: str | None) -> ApiKey:
        """
        The caller's key if it is one of *keys*, by id, or the configured one.

        Raises:
            InvalidApiKeyError: It is missing, none of these or revoked.
            ApiKeyExpiredError: It has expired.
        """
        found = self._read(presented)
        return found if isinstance(found, ApiKey) else self._vouched(found, keys.get(found.id))

    def _read(self, presented: str | None) -> ApiKey | TokenText:
        if not presented:
            raise InvalidApiKeyError
        if self.configured is not None and hmac.compare_digest(
            digest_of(presented), self.configured.digest
        ):
            return self.configured
        text = TokenText.parse(TokenPrefix.API_KEY, presented)
        if text is None:
            raise InvalidApiKeyError
        return text

    def _vouched(self, text: TokenText, key: ApiKey | None) -> ApiKey:
        if key is None or not text.proves(key.digest) or key.revoked_at is not None:
            raise InvalidApiKeyError
        # Said only to a holder of the key, who has to get another one.
        if key.ended(self.clock.now()):
            raise ApiKeyExpiredError
        return key
