"""
Data keys and sealed values in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from odoo_ai_config.adapters.memory.state import MemoryAdapter, MemoryState
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.domain.credentials.secrets import (
    CREDENTIAL,
    Fingerprint,
    SealContext,
    SealedSecret,
    TenantKey,
)
from odoo_ai_config.domain.identifiers import CredentialRef, TenantArea, TenantId


class MemorySecretStore(MemoryAdapter, SecretStore):
    """
    Keeps what the vault made; it could not open it.
    """

    async def active_key(self, tenant: TenantId) -> TenantKey | None:
        return _active(self.state, tenant)

    async def active_keys(
        self, *, after: TenantId | None = None, limit: int = 100
    ) -> Sequence[TenantKey]:
        found = [key for key in sorted(self.state.keys) if after is None or key > after]
        return [self.state.keys[tenant][-1] for tenant in found[:limit]]

    async def sealing_key(self, tenant: TenantId) -> TenantKey | None:
        return await self.active_key(tenant)

    async def tenant_key(self, tenant: TenantId, key_id: str) -> TenantKey | None:
        keys = self.state.keys.get(tenant, ())
        return next((key for key in keys if key.key_id == key_id), None)

    async def keys_of(self, tenant: TenantId) -> Sequence[TenantKey]:
        return list(self.state.keys.get(tenant, ()))

    async def sealed(self, context: SealContext, fingerprint: Fingerprint) -> SealedSecret | None:
        return self.state.secrets.get((context, fingerprint))

    async def stored_in(
        self, owner: TenantArea
    ) -> Mapping[CredentialRef, Collection[Fingerprint]]:
        found: dict[CredentialRef, set[Fingerprint]] = {}
        for context, fingerprint in self.state.secrets:
            if context.owner == owner and context.purpose == CREDENTIAL:
                found.setdefault(context.ref, set()).add(fingerprint)
        return found

    async def master_ids(self) -> Mapping[str, int]:
        return Counter(key.master_id for keys in self.state.keys.values() for key in keys)

    async def keys_not_wrapped_by(self, master_id: str, *, limit: int) -> Sequence[TenantKey]:
        found = [
            key
            for _, keys in sorted(self.state.keys.items())
            for key in keys
            if key.master_id != master_id
        ]
        return found[:limit]

    async def rewrap(self, old: TenantKey, new: TenantKey) -> bool:
        keys = self.state.keys.get(old.tenant, [])
        if old not in keys:
            return False
        keys[keys.index(old)] = new
        return True

    async def add_key(self, key: TenantKey, *, successor_of: TenantKey) -> bool:
        state = self.state
        if _active(state, key.tenant) != successor_of:
            return False
        state.keys[key.tenant].append(key)
        return True

    async def secrets_not_sealed_by(self, key: TenantKey, *, limit: int) -> Sequence[SealedSecret]:
        return _sealed_by_others(self.state, key)[:limit]

    async def reseal(self, old: SealedSecret, new: SealedSecret) -> bool:
        state, place = self.state, (old.context, old.fingerprint)
        key_is_there = state.holds_key(new.context.tenant, new.key_id)
        if not key_is_there or state.secrets.get(place) != old:
            return False
        state.secrets[place] = new
        return True

    async def retire_keys(self, active: TenantKey) -> bool:
        state = self.state
        if _active(state, active.tenant) != active or _sealed_by_others(state, active):
            return False
        state.keys[active.tenant] = [active]
        return True


def _active(state: MemoryState, tenant: TenantId) -> TenantKey | None:
    keys = state.keys.get(tenant)
    return None if keys is None else keys[-1]


def _sealed_by_others(state: MemoryState, key: TenantKey) -> list[SealedSecret]:
    return [
        secret
        for secret in state.secrets.values()
        if secret.context.tenant == key.tenant and secret.key_id != key.key_id
    ]
