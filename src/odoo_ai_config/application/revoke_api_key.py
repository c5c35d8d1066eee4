"""
Lock somebody out.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from odoo_ai_config.application.api_key_text import is_key_id
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.revoked_keys import RevokedKeys
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.errors import ApiKeyNotFoundError


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
            StoreUnavailableError: The store is away.
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
            StoreUnavailableError: The store is away.
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
            StoreUnavailableError: The store is away.
            StoreUnusableError: It cannot be noted beside the store.
        """
        missing = (await self.noted_so_far()).missing
        if missing:
            await self.noted.note(missing)

    async def noted_so_far(self) -> NotedRevocations:
        """
        Tell what is noted, and what should be.

        Raises:
            StoreUnavailableError: The store is away.
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
