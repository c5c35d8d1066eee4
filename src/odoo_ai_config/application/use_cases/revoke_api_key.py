"""
Lock somebody out.
"""

from __future__ import annotations

from attrs import frozen

from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.errors import ApiKeyNotFoundError


@frozen
class RevokeApiKey:
    """
    Make a key good for nothing, for ever.
    """

    store: ConfigStore
    api_keys: ApiKeyStore
    clock: Clock

    async def __call__(self, key_id: str, *, actor: str = "cli") -> ApiKey:
        """
        The revoked key; revoking it again changes nothing.

        Raises:
            ApiKeyNotFoundError: There is no such key.
            StoreUnavailableError: The store is away.
        """
        key = await self.api_keys.api_key(key_id)
        if key is None:
            raise ApiKeyNotFoundError
        now = self.clock.now()
        revoked = key.revoked(now)
        if revoked is not key:
            entry = AuditEntry(now, AuditAction.KEY_REVOKED, actor, key.tenant, key_id)
            await self.store.commit(Changeset(api_keys=(revoked,), audit=(entry,)))
        return revoked
