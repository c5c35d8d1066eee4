"""
Times what the use cases ask of a vault.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from odoo_ai_config.adapters.instrumented.timing import Observe, Timed
from odoo_ai_config.application.ports.secret_vault import RingTrouble, SecretVault
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    SecretText,
    TenantKey,
)
from odoo_ai_config.domain.identifiers import TenantId


class InstrumentedSecretVault(SecretVault):
    """
    Another vault, with its operations timed.
    """

    def __init__(self, vault: SecretVault, observe: Observe) -> None:
        self._vault = vault
        self._observe = observe

    @property
    def current_master_id(self) -> str:
        return self._vault.current_master_id

    @property
    def master_ids(self) -> Collection[str]:
        return self._vault.master_ids

    def ensure_ring(self) -> None:
        self._vault.ensure_ring()

    @property
    def ring_trouble(self) -> RingTrouble | None:
        return self._vault.ring_trouble

    def adopt_ring(self, needed: Collection[str]) -> None:
        self._vault.adopt_ring(needed)

    def new_tenant_key(
        self, tenant: TenantId, *, at: datetime, succeeding: TenantKey | None = None
    ) -> TenantKey:
        with Timed(self._observe, "new_tenant_key"):
            return self._vault.new_tenant_key(tenant, at=at, succeeding=succeeding)

    def fingerprint(self, key: TenantKey, context: SealContext, secret: SecretText) -> Fingerprint:
        # Quicker than timing it.
        return self._vault.fingerprint(key, context, secret)

    def seal(
        self,
        key: TenantKey,
        context: SealContext,
        secret: SecretText,
        fingerprint: Fingerprint | None = None,
    ) -> SealedSecret:
        with Timed(self._observe, "seal"):
            return self._vault.seal(key, context, secret, fingerprint)

    def unseal(self, key: TenantKey, sealed: SealedSecret) -> SecretText:
        with Timed(self._observe, "unseal"):
            return self._vault.unseal(key, sealed)

    def rewrap(self, key: TenantKey) -> TenantKey:
        with Timed(self._observe, "rewrap"):
            return self._vault.rewrap(key)
