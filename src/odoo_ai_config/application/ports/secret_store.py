"""
Where wrapped data keys and sealed values are kept. New ones come through `ConfigStore.commit`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    TenantKey,
)
from odoo_ai_config.domain.identifiers import TenantId


class SecretStore(Protocol):
    """
    Data keys by tenant and sealed values by context and fingerprint.

    Every method raises `StoreUnavailableError` while the store is away.
    """

    @abstractmethod
    async def active_key(self, tenant: TenantId) -> TenantKey | None:
        """
        The data key that new values of *tenant* are sealed with: its newest.
        """

    @abstractmethod
    async def sealing_key(self, tenant: TenantId) -> TenantKey | None:
        """
        The active key, or one that was active when it was read some time ago.

        It derives the same fingerprints in any case. A commit that is sealed under one that
        is not active any more raises `TenantKeyChangedError`, and after that this gives the
        active one. One that is remembered is given even while the store is away.
        """

    @abstractmethod
    async def tenant_key(self, tenant: TenantId, key_id: str) -> TenantKey | None:
        """
        One data key of *tenant*.
        """

    @abstractmethod
    async def sealed(self, context: SealContext, fingerprint: Fingerprint) -> SealedSecret | None:
        """
        One sealed value.
        """

    @abstractmethod
    async def master_ids(self) -> Mapping[str, int]:
        """
        How many data keys each master key wraps, by master key id.
        """

    @abstractmethod
    async def keys_not_wrapped_by(self, master_id: str, *, limit: int) -> Sequence[TenantKey]:
        """
        At most *limit* data keys that another master key wraps, in a stable order.
        """

    @abstractmethod
    async def rewrap(self, old: TenantKey, new: TenantKey) -> bool:
        """
        Put *new* in the place of *old*, which has the same tenant and key id.

        False, and nothing done, if *old* is not there as it is any more.
        """

    @abstractmethod
    async def add_key(self, key: TenantKey, *, successor_of: TenantKey) -> bool:
        """
        Make *key* the tenant's active data key.

        False, and nothing done, if *successor_of* is not the active one any more.
        """

    @abstractmethod
    async def secrets_not_sealed_by(self, key: TenantKey, *, limit: int) -> Sequence[SealedSecret]:
        """
        At most *limit* values of the key's tenant that another data key seals.
        """

    @abstractmethod
    async def reseal(self, old: SealedSecret, new: SealedSecret) -> bool:
        """
        Put *new* in the place of *old*, which has the same context and fingerprint.

        False, and nothing done, if *old* is not there as it is any more, or if the data key
        that seals *new* is not a key of the tenant any more: a value must never outlive its key.
        """

    @abstractmethod
    async def retire_keys(self, active: TenantKey) -> bool:
        """
        Remove the tenant's data keys other than *active*.

        False, and nothing removed, while one of them still seals a value, or if *active* is
        not the tenant's active key any more.
        """
