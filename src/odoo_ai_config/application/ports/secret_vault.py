"""
What seals secrets and opens them again.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from datetime import datetime
from enum import Enum
from typing import Protocol

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
    Why the vault goes on with the ring that it has, and the next start may not find one.
    """

    MISSING = "key_ring_missing"
    UNUSABLE = "key_ring_unusable"
    FOREIGN = "key_ring_foreign"


class SecretVault(Protocol):
    """
    Envelope encryption: master keys wrap one data key per tenant, which seals its secrets.

    Every method that takes a `TenantKey` raises `MasterKeyMissingError` if the ring does
    not have the master key that wraps it, and `SealBrokenError`, with no cause, if it does not
    open.
    """

    @property
    @abstractmethod
    def current_master_id(self) -> str:
        """
        Id of the master key that new data keys are wrapped with; it is the key's fingerprint.
        """

    @property
    @abstractmethod
    def master_ids(self) -> Collection[str]:
        """
        Ids of every master key in the ring; none as long as nobody has made it.
        """

    @abstractmethod
    def ensure_ring(self) -> None:
        """
        Make a ring, of one new master key, where there is none.
        """

    @property
    @abstractmethod
    def ring_trouble(self) -> RingTrouble | None:
        """
        What is wrong now with the place that the ring comes from, if anything.

        A ring there that does not have the current master key is `RingTrouble.FOREIGN` and not
        taken over: what was sealed under it, no start with the right one would open.
        """

    @abstractmethod
    def adopt_ring(self, needed: Collection[str]) -> None:
        """
        Take over a ring that does not have the current master key, if it has all *needed* ones.

        *needed* are the ids of all master keys that stored data keys are wrapped with. This is
        for whoever has slept while the current key was replaced and then removed.
        """

    @abstractmethod
    def new_tenant_key(
        self, tenant: TenantId, *, at: datetime, succeeding: TenantKey | None = None
    ) -> TenantKey:
        """
        Make a data key, wrapped by the current master key.

        One that succeeds another takes over its fingerprint key, so that fingerprints in
        documents stay valid.
        """

    @abstractmethod
    def fingerprint(self, key: TenantKey, context: SealContext, secret: SecretText) -> Fingerprint:
        """
        The keyed digest by which *secret* is recognised in *context*.

        It is the same whichever of the tenant's data keys is given.
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

        *fingerprint* is what `fingerprint` says of the same arguments, from a caller who has
        asked already.
        """

    @abstractmethod
    def unseal(self, key: TenantKey, sealed: SealedSecret) -> SecretText:
        """
        Open what `seal` made.

        Raises:
            SealBrokenError: Another key, another context, or changed bytes.
        """

    @abstractmethod
    def rewrap(self, key: TenantKey) -> TenantKey:
        """
        The same data key, wrapped by the current master key.
        """
