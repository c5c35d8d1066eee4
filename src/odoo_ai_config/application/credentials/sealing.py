"""
Seal the secrets of a write under the tenant's data key, and open them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypedDict

from attrs import field, frozen

from odoo_ai_config.application.errors import SealBrokenError
from odoo_ai_config.application.off_loop import ENTRY, cost_of, run_off_loop
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    SecretText,
    TenantKey,
)
from odoo_ai_config.domain.documents.credentials import fingerprints_in
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import content_of
from odoo_ai_config.domain.errors import CredentialNotFoundError, UnknownFingerprintError
from odoo_ai_config.domain.identifiers import CREDENTIALS, CredentialRef, TenantArea, TenantId

# A rotation may remove the data key after the value was read: read both again.
_ATTEMPTS: Final = 3


class _KeyParts(TypedDict):
    new_tenant_key: TenantKey | None
    sealed_under: TenantKey | None


class SealedParts(_KeyParts):
    """
    The fields of a changeset for sealed values, and for the key that they need.
    """

    secrets: tuple[SealedSecret, ...]


@frozen
class Sealing:
    """
    The result of sealing: all fingerprints, the new sealed values, and their key.
    """

    fingerprints: dict[CredentialRef, Fingerprint] = field(factory=dict)
    secrets: tuple[SealedSecret, ...] = ()
    new_tenant_key: TenantKey | None = None
    sealed_under: TenantKey | None = None

    @property
    def key(self) -> TenantKey | None:
        """
        The data key that was used; None if nothing was sealed.
        """
        return self.sealed_under or self.new_tenant_key

    @property
    def key_parts(self) -> _KeyParts:
        """
        What a changeset holds of the key.
        """
        return {"new_tenant_key": self.new_tenant_key, "sealed_under": self.sealed_under}

    @property
    def parts(self) -> SealedParts:
        """
        What a changeset holds of it: ``Changeset(..., **sealing.parts)``.
        """
        return {"secrets": self.secrets, **self.key_parts}


@frozen(eq=False)
class Sealer:
    """
    Seals new values, recognises known ones, and opens them.
    """

    secrets: SecretStore
    vault: SecretVault

    async def __call__(
        self,
        owner: TenantArea,
        secrets: Mapping[CredentialRef, SecretText],
        *,
        known: Mapping[str, Fingerprint],
        at: datetime,
        named: Mapping[CredentialRef, Fingerprint] | None = None,
    ) -> Sealing:
        """
        Seal each of *secrets* whose fingerprint differs from the one in *known*.

        A tenant's first secret makes its data key.

        Args:
            owner: Whose secrets they are.
            secrets: Plain values.
            known: Fingerprints in the current document; their values stay as they are.
            at: The time of the write.
            named: Values sealed earlier that the write refers to. They are written again with
                it, so that a pruning at the same moment cannot remove them.

        Raises:
            UnknownFingerprintError: One of *named* does not exist.
            SealBrokenError, MasterKeyMissingError: A data key does not open.
        """
        missing: Mapping[CredentialRef, Fingerprint] = {}
        if named:
            written = named
            missing = await run_off_loop(
                lambda: {
                    ref: mark for ref, mark in written.items() if known.get(str(ref)) != mark
                },
                cost=len(named),
            )
        if not secrets and not missing:
            return Sealing()
        key, parts = await self._key(owner.tenant, at)
        fingerprints, sealed = await run_off_loop(
            lambda: self._sealed(key, owner, secrets, known), cost=ENTRY * len(secrets)
        )
        for ref, fingerprint in missing.items():
            sealed.append(await self._again(key, SealContext(owner, ref), fingerprint))
        if not sealed:
            return Sealing(fingerprints)
        return Sealing(fingerprints, tuple(sealed), **parts)

    async def one(
        self,
        context: SealContext,
        secret: SecretText,
        *,
        at: datetime,
        beside: Sealing | None = None,
    ) -> tuple[Fingerprint, Sealing]:
        """
        Seal *secret* in *context*, even if it is sealed there already.

        Under the key of *beside*, an earlier sealing for the same tenant and changeset, if there
        is one: of a first key there must be one only.

        Raises:
            SealBrokenError, MasterKeyMissingError: The tenant's data key does not open.
        """
        if beside is None or beside.key is None:
            key, parts = await self._key(context.tenant, at)
        else:
            key, parts = beside.key, beside.key_parts
        sealed = self.vault.seal(key, context, secret)
        return sealed.fingerprint, Sealing({context.ref: sealed.fingerprint}, (sealed,), **parts)

    async def opened(self, context: SealContext, fingerprint: Fingerprint) -> SecretText:
        """
        Open the value sealed in *context* under *fingerprint*.

        Raises:
            CredentialNotFoundError: There is none.
            SealBrokenError, MasterKeyMissingError: It does not open.
        """
        for _ in range(_ATTEMPTS):
            sealed = await self.secrets.sealed(context, fingerprint)
            if sealed is None:
                raise CredentialNotFoundError
            key = await self.secrets.tenant_key(context.tenant, sealed.key_id)
            if key is not None:
                return self.vault.unseal(key, sealed)
        raise SealBrokenError

    async def credential(
        self, store: ConfigStore, owner: TenantArea, ref: CredentialRef
    ) -> SecretText:
        """
        Open what the ``credentials`` document of *owner* names under *ref*.

        Raises:
            CredentialNotFoundError: It names nothing.
            SealBrokenError, MasterKeyMissingError: It does not open.
        """
        key = owner.document(CREDENTIALS)
        current = (await store.current((key,))).get(key)
        fingerprint = (await sealed_values(content_of(current))).get(str(ref))
        if fingerprint is None:
            raise CredentialNotFoundError
        return await self.opened(SealContext(owner, ref), fingerprint)

    async def _key(self, tenant: TenantId, at: datetime) -> tuple[TenantKey, _KeyParts]:
        active = await self.secrets.sealing_key(tenant)
        if active is not None:
            return active, {"new_tenant_key": None, "sealed_under": active}
        new = self.vault.new_tenant_key(tenant, at=at)
        return new, {"new_tenant_key": new, "sealed_under": None}

    def _sealed(
        self,
        key: TenantKey,
        owner: TenantArea,
        secrets: Mapping[CredentialRef, SecretText],
        known: Mapping[str, Fingerprint],
    ) -> tuple[dict[CredentialRef, Fingerprint], list[SealedSecret]]:
        fingerprints = {}
        sealed = []
        for ref, secret in secrets.items():
            context = SealContext(owner, ref)
            fingerprint = self.vault.fingerprint(key, context, secret)
            fingerprints[ref] = fingerprint
            if known.get(str(ref)) != fingerprint:
                sealed.append(self.vault.seal(key, context, secret, fingerprint))
        return fingerprints, sealed

    async def _again(
        self, key: TenantKey, context: SealContext, fingerprint: Fingerprint
    ) -> SealedSecret:
        try:
            secret = await self.opened(context, fingerprint)
        except CredentialNotFoundError as error:
            raise UnknownFingerprintError from error
        return self.vault.seal(key, context, secret, fingerprint)


async def sealed_values(credentials: Document | None) -> dict[str, Fingerprint]:
    """
    The fingerprints in a *credentials* document, by reference.
    """
    return await run_off_loop(lambda: fingerprints_in(credentials), cost=cost_of(credentials))
