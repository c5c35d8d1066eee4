"""
Reads wrapped data keys and sealed values, and rotates them. `ConfigStore.commit` adds new ones.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    TenantKey,
)
from odoo_ai_config.domain.identifiers import CredentialRef, TenantArea, TenantId


class SecretStore(Protocol):
    """
    Data keys by tenant and sealed values by context and fingerprint.

    Every method raises `StoreUnavailableError` while the store is away.
    """

    @abstractmethod
    async def active_key(self, tenant: TenantId) -> TenantKey | None:
        """
        The newest data key of *tenant*, which seals its new values.
        """

    @abstractmethod
    async def active_keys(
        self, *, after: TenantId | None = None, limit: int = 100
    ) -> Sequence[TenantKey]:
        """
        The newest data keys of at most *limit* tenants, by their ids, following *after*.
        """

    @abstractmethod
    async def sealing_key(self, tenant: TenantId) -> TenantKey | None:
        """
        The active key, perhaps from a cache, so that it may be out of date.

        It derives the same fingerprints in any case. A commit under a key that is no longer
        active raises `TenantKeyChangedError`; after that this returns the active one. A cached
        key is returned even while the store is away.
        """

    @abstractmethod
    async def tenant_key(self, tenant: TenantId, key_id: str) -> TenantKey | None:
        """
        One data key of *tenant*.
        """

    @abstractmethod
    async def keys_of(self, tenant: TenantId) -> Sequence[TenantKey]:
        """
        All data keys of *tenant*, oldest first.
        """

    @abstractmethod
    async def sealed(self, context: SealContext, fingerprint: Fingerprint) -> SealedSecret | None:
        """
        One sealed value.
        """

    @abstractmethod
    async def stored_in(
        self, owner: TenantArea
    ) -> Mapping[CredentialRef, Collection[Fingerprint]]:
        """
        The fingerprints of the stored credentials of *owner*, by reference.
        """

    @abstractmethod
    async def master_ids(self) -> Mapping[str, int]:
        """
        The number of data keys that each master key wraps, by master key id.
        """

    @abstractmethod
    async def keys_not_wrapped_by(self, master_id: str, *, limit: int) -> Sequence[TenantKey]:
        """
        At most *limit* data keys wrapped by other master keys, in a stable order.
        """

    @abstractmethod
    async def rewrap(self, old: TenantKey, new: TenantKey) -> bool:
        """
        Replace *old* by *new*, which has the same tenant and key id.

        Returns False and does nothing if *old* has changed.
        """

    @abstractmethod
    async def add_key(self, key: TenantKey, *, successor_of: TenantKey) -> bool:
        """
        Make *key* the tenant's active data key.

        Returns False and does nothing if *successor_of* is no longer the active one.
        """

    @abstractmethod
    async def secrets_not_sealed_by(self, key: TenantKey, *, limit: int) -> Sequence[SealedSecret]:
        """
        At most *limit* values of the key's tenant that other data keys seal.
        """

    @abstractmethod
    async def reseal(self, old: SealedSecret, new: SealedSecret) -> bool:
        """
        Replace *old* by *new*, which has the same context and fingerprint.

        Returns False and does nothing if *old* has changed, or if the data key of *new* is no
        longer a key of the tenant: a value must never outlive its key.
        """

    @abstractmethod
    async def retire_keys(self, active: TenantKey) -> bool:
        """
        Remove the tenant's data keys other than *active*.

        Returns False and removes nothing while one of them still seals a value, or if *active*
        is no longer the tenant's active key.
        """
