"""
API keys: create, revoke, authenticate.
"""

from __future__ import annotations

import enum
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import field, frozen

from odoo_ai_config.application.ports.address_store import AddressStore
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.revoked_keys import RevokedKeys
from odoo_ai_config.application.ports.token_source import TokenSource
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.credentials.secrets import SecretText, digest_of
from odoo_ai_config.domain.errors import ApiKeyNotFoundError, InvalidApiKeyError
from odoo_ai_config.domain.identifiers import TenantId

_ID: Final = re.compile(r"[A-Za-z0-9-]{12}", re.ASCII)
_FORM: Final = re.compile(rf"([a-z]{{3}})_({_ID.pattern})_([A-Za-z0-9_-]{{43}})", re.ASCII)
ID_SIZE: Final = 12
SECRET_BYTES: Final = 32


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
        tenant: TenantId | None = None,
        actor: str = "cli",
        hand_over: Callable[[SecretText], object] | None = None,
    ) -> tuple[ApiKey, SecretText]:
        """
        The new key, and its text for its holder.

        *hand_over* gets the text before the key is stored. A crash in between leaves a text that
        opens nothing, never a key that nobody holds.
        """
        text = TokenText.new(TokenPrefix.API_KEY, self.tokens)
        now = self.clock.now()
        key = ApiKey(text.id, name, text.digest, scopes, tenant, created_at=now)
        entry = AuditEntry(now, AuditAction.KEY_CREATED, actor, tenant, key.id)
        secret = SecretText(text.reveal())
        if hand_over is not None:
            hand_over(secret)
        await self.store.commit(Changeset(api_keys=(key,), audit=(entry,)))
        return key, secret


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

    async def __call__(self, key_id: str, *, actor: str = "cli") -> ApiKey:
        """
        The revoked key; revoking it again changes nothing.

        Raises:
            ApiKeyNotFoundError: There is no such key.
            StoreUnusableError: The key is revoked, but the list cannot be written.
        """
        key = await self.api_keys.api_key(key_id)
        if key is None:
            raise ApiKeyNotFoundError
        revoked = await self._revoked(key, actor)
        # Last, so that the key is revoked now even if the list cannot be written; and every
        # time, so that a later call can complete it.
        await self.noted.note([key_id])
        return revoked

    async def again(self, *, actor: str) -> Sequence[ApiKey]:
        """
        Revoke again each key that is in the list and valid in the store; return them.

        Raises:
            StoreUnusableError: The list beside the store cannot be read.
        """
        noted = await self.noted.noted()
        return [
            await self._revoked(key, actor)
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
        noted = await self.noted.noted()
        ids = frozenset(filter(is_key_id, noted))
        revoked = {key.id for key in await self.api_keys.api_keys() if key.revoked_at is not None}
        revoked |= await self.addresses.revoked_ids()
        return NotedRevocations(ids, frozenset(revoked - noted), len(noted - ids))

    async def _revoked(self, key: ApiKey, actor: str) -> ApiKey:
        now = self.clock.now()
        revoked = key.revoked(now)
        if revoked is not key:
            entry = AuditEntry(now, AuditAction.KEY_REVOKED, actor, key.tenant, key.id)
            await self.store.commit(Changeset(api_keys=(revoked,), audit=(entry,)))
        return revoked


@frozen(eq=False)
class Authenticate:
    """
    Find the API key that a caller presents.

    *configured* is the key that the operator set, which is in no store.
    """

    api_keys: ApiKeyStore
    configured: ApiKey | None = None

    async def __call__(self, presented: str | None) -> ApiKey:
        """
        The caller's key.

        Raises:
            InvalidApiKeyError: It is missing, unknown or revoked; the error does not tell which.
        """
        found = self._read(presented)
        if isinstance(found, ApiKey):
            return found
        return _vouched(found, await self.api_keys.api_key(found.id))

    def among(self, keys: Mapping[str, ApiKey], presented: str | None) -> ApiKey:
        """
        The caller's key if it is one of *keys*, by id, or the configured one.

        Raises:
            InvalidApiKeyError: It is missing, none of these, or revoked.
        """
        found = self._read(presented)
        return found if isinstance(found, ApiKey) else _vouched(found, keys.get(found.id))

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


def _vouched(text: TokenText, key: ApiKey | None) -> ApiKey:
    if key is None or not text.proves(key.digest):
        raise InvalidApiKeyError
    if key.revoked_at is not None:
        raise InvalidApiKeyError
    return key
