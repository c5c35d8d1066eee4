"""
Sealing the secrets of one write under the tenant's data key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from attrs import frozen

from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.domain.credentials import (
    Fingerprint,
    SealContext,
    SealedSecret,
    SecretText,
    TenantKey,
)
from odoo_ai_config.domain.identifiers import CredentialRef, TenantDomain


@frozen
class Sealing:
    """
    What sealing came to: every fingerprint, the values that are new, and the key that did it.
    """

    fingerprints: dict[CredentialRef, Fingerprint]
    secrets: tuple[SealedSecret, ...] = ()
    new_tenant_key: TenantKey | None = None
    sealed_under: TenantKey | None = None


@frozen
class Sealer:
    """
    Seals what is new and recognises what is not.
    """

    secrets: SecretStore
    vault: SecretVault

    async def __call__(
        self,
        owner: TenantDomain,
        secrets: Mapping[CredentialRef, SecretText],
        *,
        known: Mapping[str, Fingerprint],
        at: datetime,
    ) -> Sealing:
        """
        Seal those of *secrets* whose fingerprint is not the one that *known* has for them.

        A tenant's first secret makes its data key.
        """
        if not secrets:
            return Sealing({})
        active = await self.secrets.active_key(owner.tenant)
        key = self.vault.new_tenant_key(owner.tenant, at=at) if active is None else active
        fingerprints = {}
        sealed = []
        for ref, secret in secrets.items():
            context = SealContext(owner, ref)
            fingerprint = self.vault.fingerprint(key, context, secret)
            fingerprints[ref] = fingerprint
            if known.get(str(ref)) != fingerprint:
                sealed.append(self.vault.seal(key, context, secret))
        if not sealed:
            return Sealing(fingerprints)
        return Sealing(
            fingerprints,
            tuple(sealed),
            new_tenant_key=key if active is None else None,
            sealed_under=active,
        )
