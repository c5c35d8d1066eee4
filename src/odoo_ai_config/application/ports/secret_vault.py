"""
Seals secrets and opens them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from datetime import datetime
from enum import Enum
from typing import Protocol

from odoo_ai_config.domain.audit import TrailEnd, Voucher
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    SecretText,
    TenantKey,
)
from odoo_ai_config.domain.identifiers import TenantId


class RingTrouble(Enum):
    """
    What is wrong with the stored ring while the vault goes on with the one in memory.

    The next start may fail.
    """

    MISSING = "key_ring_missing"
    UNUSABLE = "key_ring_unusable"
    FOREIGN = "key_ring_foreign"


class SecretVault(Protocol):
    """
    Envelope encryption: master keys wrap one data key per tenant, which seals its secrets.

    Every method that takes a `TenantKey` raises `MasterKeyMissingError` if its master key is not
    in the ring, and `SealBrokenError`, without a cause, if it does not open.
    """

    @property
    @abstractmethod
    def current_master_id(self) -> str:
        """
        Id of the master key that wraps new data keys: its fingerprint.
        """

    @property
    @abstractmethod
    def master_ids(self) -> Collection[str]:
        """
        Ids of all master keys in the ring; empty before the ring is made.
        """

    @abstractmethod
    def ensure_ring(self) -> None:
        """
        Make a ring with one new master key if there is none.
        """

    @property
    @abstractmethod
    def ring_trouble(self) -> RingTrouble | None:
        """
        What is wrong now with the stored ring, if anything.

        A stored ring without the current master key is `RingTrouble.FOREIGN` and is not adopted:
        values sealed under it would not open with the right ring.
        """

    @abstractmethod
    def drop_master(self, master_id: str) -> None:
        """
        Remove a master key that is not the current one from the stored ring.

        Raises:
            MasterKeyMissingError: It is not in the ring.
            InvalidKeyRingError: The ring cannot be changed there.
        """

    @abstractmethod
    def adopt_ring(self, needed: Collection[str]) -> None:
        """
        Adopt a stored ring without the current master key if it has all *needed* ones.

        *needed* are the ids of all master keys that wrap stored data keys. This is for a process
        that slept while the current key was replaced and removed.
        """

    @abstractmethod
    def new_tenant_key(
        self, tenant: TenantId, *, at: datetime, succeeding: TenantKey | None = None
    ) -> TenantKey:
        """
        Make a data key, wrapped by the current master key.

        A successor keeps the fingerprint key, so that fingerprints in documents stay valid.
        """

    @abstractmethod
    def fingerprint(self, key: TenantKey, context: SealContext, secret: SecretText) -> Fingerprint:
        """
        The keyed digest by which *secret* is recognised in *context*.

        It is the same for all data keys of the tenant.
        """

    @abstractmethod
    def seal(
        self,
        key: TenantKey,
        context: SealContext,
        secret: SecretText,
        fingerprint: Fingerprint | None = None,
    ) -> SealedSecret:
        """
        Encrypt *secret* so that it opens only in *context*.

        A caller that already has the `fingerprint` of the same arguments passes it on.
        """

    @abstractmethod
    def unseal(self, key: TenantKey, sealed: SealedSecret) -> SecretText:
        """
        Open what `seal` made.

        Raises:
            SealBrokenError: Another key, another context, or changed bytes.
        """

    @abstractmethod
    def veil(self, end: TrailEnd) -> str:
        """
        *end* as a text that says nothing to who has no master key; the same each time.
        """

    @abstractmethod
    def unveiled(self, text: str) -> TrailEnd | None:
        """
        What `veil` hid in *text* under any master key of the ring; None if it hid nothing in it.
        """

    @abstractmethod
    def vouch(self, text: str) -> Voucher:
        """
        Prove by the current master key that a holder of the ring has seen *text*.
        """

    @abstractmethod
    def vouched(self, text: str, voucher: Voucher) -> bool:
        """
        Whether *voucher* is one for *text*.

        Raises:
            MasterKeyMissingError: Its master key is not in the ring.
        """

    @abstractmethod
    def rewrap(self, key: TenantKey) -> TenantKey:
        """
        The same data key, wrapped by the current master key.
        """
