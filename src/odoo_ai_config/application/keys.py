"""
API keys: create, revoke, authenticate.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import field, frozen

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
_FORM: Final = re.compile(rf"oac_({_ID.pattern})_([A-Za-z0-9_-]{{43}})", re.ASCII)
ID_SIZE: Final = 12
SECRET_BYTES: Final = 32


@frozen
class ApiKeyText:
    """
    A key in the hands of its holder.
    """

    id: str
    secret: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> ApiKeyText | None:
        """
        Read a key; None if *text* does not have the form of one.
        """
        match = _FORM.fullmatch(text)
        return None if match is None else cls(match[1], match[2])

    def reveal(self) -> str:
        """
        The key to be handed over, once.
        """
        return f"oac_{self.id}_{self.secret}"


def is_key_id(text: str) -> bool:
    """
    Whether *text* has the form of a key's id.
    """
    return _ID.fullmatch(text) is not None


# `keys revoke` takes an id as its argument, where a hyphen in front would make it an option.
_LETTERS_ONLY: Final = str.maketrans("-_", "xy")


@frozen
class CreateApiKey:
    """
    Make an API key. The key itself is handed over once and kept nowhere.
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

        *hand_over* is given the text before the key is good for anything: whoever is killed
        in between has a text that opens nothing, and not a key that nobody has.
        """
        key_id = self.tokens.token(ID_SIZE).translate(_LETTERS_ONLY)[:ID_SIZE]
        text = ApiKeyText(key_id, self.tokens.token(SECRET_BYTES))
        now = self.clock.now()
        key = ApiKey(key_id, name, digest_of(text.secret), scopes, tenant, created_at=now)
        entry = AuditEntry(now, AuditAction.KEY_CREATED, actor, tenant, key_id)
        secret = SecretText(text.reveal())
        if hand_over is not None:
            hand_over(secret)
        await self.store.commit(Changeset(api_keys=(key,), audit=(entry,)))
        return key, secret


@frozen
class NotedRevocations:
    """
    What is noted beside the store of the keys that were revoked.

    Args:
        ids: The keys that are noted.
        missing: Keys that are revoked in the store and not noted.
        torn: How many entries are not the id of a key; something has damaged them.
    """

    ids: frozenset[str]
    missing: frozenset[str]
    torn: int

    @property
    def doubtful(self) -> bool:
        """
        Whether there are signs that more was noted once.
        """
        return bool(self.missing or self.torn)


@frozen
class RevokeApiKey:
    """
    Make a key good for nothing, for ever: also if an older copy of the store is restored.
    """

    store: ConfigStore
    api_keys: ApiKeyStore
    noted: RevokedKeys
    clock: Clock

    async def __call__(self, key_id: str, *, actor: str = "cli") -> ApiKey:
        """
        The revoked key; revoking it again changes nothing.

        Raises:
            ApiKeyNotFoundError: There is no such key.
            StoreUnusableError: It is revoked, but that cannot be noted beside the store.
        """
        key = await self.api_keys.api_key(key_id)
        if key is None:
            raise ApiKeyNotFoundError
        revoked = await self._revoked(key, actor)
        # Last, so that whoever cannot write there is at least locked out now; and every time,
        # so that it can be made up for.
        await self.noted.note([key_id])
        return revoked

    async def again(self, *, actor: str) -> Sequence[ApiKey]:
        """
        Revoke keys that were revoked before and are good all the same; tell which.

        Raises:
            StoreUnusableError: What was noted beside the store cannot be read.
        """
        noted = await self.noted.noted()
        return [
            await self._revoked(key, actor)
            for key in await self.api_keys.api_keys()
            if key.id in noted and key.revoked_at is None
        ]

    async def note_all(self) -> None:
        """
        Note what other machines, and versions that did not note anything, have revoked.

        Raises:
            StoreUnusableError: It cannot be noted beside the store.
        """
        missing = (await self.noted_so_far()).missing
        if missing:
            await self.noted.note(missing)

    async def noted_so_far(self) -> NotedRevocations:
        """
        Tell what is noted, and what should be.

        Raises:
            StoreUnusableError: What was noted beside the store cannot be read.
        """
        noted = await self.noted.noted()
        ids = frozenset(filter(is_key_id, noted))
        revoked = {key.id for key in await self.api_keys.api_keys() if key.revoked_at is not None}
        return NotedRevocations(ids, frozenset(revoked - noted), len(noted - ids))

    async def _revoked(self, key: ApiKey, actor: str) -> ApiKey:
        now = self.clock.now()
        revoked = key.revoked(now)
        if revoked is not key:
            entry = AuditEntry(now, AuditAction.KEY_REVOKED, actor, key.tenant, key.id)
            await self.store.commit(Changeset(api_keys=(revoked,), audit=(entry,)))
        return revoked


@frozen
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
            InvalidApiKeyError: It is missing, unknown or revoked; which one is not said.
        """
        found = self._read(presented)
        if isinstance(found, ApiKey):
            return found
        return _vouched(found, await self.api_keys.api_key(found.id))

    def among(self, keys: Mapping[str, ApiKey], presented: str | None) -> ApiKey:
        """
        The caller's key if it is one of *keys*, by id, or the configured one.

        Raises:
            InvalidApiKeyError: It is missing, none of these, or revoked; which one is not said.
        """
        found = self._read(presented)
        return found if isinstance(found, ApiKey) else _vouched(found, keys.get(found.id))

    def _read(self, presented: str | None) -> ApiKey | ApiKeyText:
        if not presented:
            raise InvalidApiKeyError
        if self.configured is not None and hmac.compare_digest(
            digest_of(presented), self.configured.digest
        ):
            return self.configured
        text = ApiKeyText.parse(presented)
        if text is None:
            raise InvalidApiKeyError
        return text


def _vouched(text: ApiKeyText, key: ApiKey | None) -> ApiKey:
    if key is None or not hmac.compare_digest(digest_of(text.secret), key.digest):
        raise InvalidApiKeyError
    if key.revoked_at is not None:
        raise InvalidApiKeyError
    return key
