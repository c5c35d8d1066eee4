"""
Rotate master keys and the keys of tenants, and check the key ring.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.application.errors import (
    MasterKeyMissingError,
    SealBrokenError,
    TenantKeyChangedError,
)
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.secret_vault import RingTrouble, SecretVault
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.credentials.secrets import (
    SealContext,
    SealedSecret,
    SecretText,
    TenantKey,
)
from odoo_ai_config.domain.errors import TenantNotFoundError
from odoo_ai_config.domain.identifiers import TenantId

_BATCH: Final = 100


@frozen
class MasterKeyRotation:
    """
    What a rotation of the master key came to.

    Args:
        master_id: The master key that data keys are under now.
        rewrapped: How many this run brought there.
        damaged: Tenants with a data key that does not open and was left as it is.
    """

    master_id: str
    rewrapped: int = 0
    damaged: tuple[TenantId, ...] = ()


@frozen
class RotateMasterKey:
    """
    Wrap every data key anew that another master key than the vault's current one wraps.

    Sealed values stay as they are, so that readers and writers go on meanwhile. A run that was
    cut is completed by the next one; one that finds nothing to do does nothing.
    """

    secrets: SecretStore
    vault: SecretVault
    store: ConfigStore
    clock: Clock

    async def __call__(
        self,
        *,
        actor: str = "cli",
        request_id: str | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> MasterKeyRotation:
        """
        Rotate, and tell *on_progress* after each step how many data keys are done.

        The audit entry is written first: a change to the keys never goes unrecorded.

        Raises:
            MasterKeyMissingError: The ring does not have a master key that wraps one.
        """
        rewrapped = 0
        damaged: dict[TenantKey, None] = {}
        if await self._batch(damaged):
            await self._record(actor, request_id)
        while batch := await self._batch(damaged):
            for key in batch:
                try:
                    fresh = self.vault.rewrap(key)
                except SealBrokenError:
                    # One damaged record must not keep all others under the old key.
                    damaged[key] = None
                else:
                    # If somebody else changed it meanwhile, the next batch shows it again.
                    rewrapped += await self.secrets.rewrap(key, fresh)
            if on_progress is not None:
                on_progress(rewrapped)
        return MasterKeyRotation(
            self.vault.current_master_id, rewrapped, tuple(key.tenant for key in damaged)
        )

    async def _batch(self, damaged: dict[TenantKey, None]) -> list[TenantKey]:
        # Asked anew each time: the operator may make another key current meanwhile.
        master_id = self.vault.current_master_id
        found = await self.secrets.keys_not_wrapped_by(master_id, limit=_BATCH + len(damaged))
        return [key for key in found if key not in damaged]

    async def _record(self, actor: str, request_id: str | None) -> None:
        entry = AuditEntry(
            self.clock.now(),
            AuditAction.MASTER_KEY_ROTATED,
            actor,
            tenant=None,
            subject=self.vault.current_master_id,
            request_id=request_id,
        )
        await self.store.commit(Changeset(audit=(entry,)))


@frozen
class TenantKeyRotation:
    """
    What a rotation of a tenant's data key came to.

    Args:
        key: The data key that the tenant's secrets are under now.
        resealed: How many this run brought there.
        resumed: The run completed an earlier one, so that *key* is from then.
        damaged: Places of values that do not open. They were left as they are, and their data
            keys with them.
    """

    key: TenantKey
    resealed: int
    resumed: bool = False
    damaged: tuple[SealContext, ...] = ()


@frozen
class RotateTenantKey:
    """
    Make a new data key, seal every secret of the tenant anew, remove the old data keys.

    Readers and writers go on meanwhile: an old key goes only when nothing is sealed by it any
    more. A writer that sealed something by it at that very moment is refused by the store and
    seals again; a reader that finds it gone reads again. Fingerprints stay, so no document
    changes.
    """

    secrets: SecretStore
    vault: SecretVault
    store: ConfigStore
    clock: Clock

    async def __call__(
        self,
        tenant: TenantId,
        *,
        actor: str = "cli",
        request_id: str | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> TenantKeyRotation:
        """
        Rotate, and tell *on_progress* after each step how many secrets are done.

        What an earlier run left when it was cut is completed, and that is all then: call again
        for a fresh key. The audit entry is written before the key: a change to the keys never
        goes unrecorded.

        Raises:
            TenantNotFoundError: The tenant has no data key, hence no secret.
            TenantKeyChangedError: Somebody else rotated the same key meanwhile.
            MasterKeyMissingError, SealBrokenError: A data key does not open.
        """
        active = await self.secrets.active_key(tenant)
        if active is None:
            raise TenantNotFoundError
        completed = await self._bring_under(active, on_progress)
        if completed.resealed:
            return evolve(completed, resumed=True)
        now = self.clock.now()
        key = self.vault.new_tenant_key(tenant, at=now, succeeding=active)
        entry = AuditEntry(
            now, AuditAction.TENANT_KEY_ROTATED, actor, tenant, key.key_id, request_id
        )
        await self.store.commit(Changeset(audit=(entry,)))
        if not await self.secrets.add_key(key, successor_of=active):
            raise TenantKeyChangedError
        return await self._bring_under(key, on_progress)

    async def _bring_under(
        self, key: TenantKey, on_progress: Callable[[int], None] | None
    ) -> TenantKeyRotation:
        resealed = 0
        damaged: dict[SealedSecret, None] = {}
        while True:
            active = await self._still_active(key)
            found = await self.secrets.secrets_not_sealed_by(active, limit=_BATCH + len(damaged))
            batch = [sealed for sealed in found if sealed not in damaged]
            # What a writer seals by an old key before that is removed makes another round.
            if not batch and (damaged or await self.secrets.retire_keys(active)):
                places = tuple(sealed.context for sealed in damaged)
                return TenantKeyRotation(active, resealed, damaged=places)
            for sealed in batch:
                secret = await self._opened(sealed)
                if secret is not None:
                    fresh = self.vault.seal(active, sealed.context, secret)
                    resealed += await self.secrets.reseal(sealed, fresh)
                elif await self._is_stored(sealed):
                    damaged[sealed] = None
            if on_progress is not None:
                on_progress(resealed)

    async def _still_active(self, key: TenantKey) -> TenantKey:
        active = await self.secrets.active_key(key.tenant)
        if active is None or active.key_id != key.key_id:
            raise TenantKeyChangedError
        # The same data key, perhaps wrapped anew by a rotation of the master key.
        return active

    async def _opened(self, sealed: SealedSecret) -> SecretText | None:
        key = await self.secrets.tenant_key(sealed.context.tenant, sealed.key_id)
        if key is None:
            return None
        try:
            return self.vault.unseal(key, sealed)
        except SealBrokenError:
            return None

    async def _is_stored(self, sealed: SealedSecret) -> bool:
        # Another run may have sealed it anew and removed the old key in between.
        return await self.secrets.sealed(sealed.context, sealed.fingerprint) == sealed


@frozen
class CheckKeyRing:
    """
    Compare the key ring with the master keys that stored data keys are wrapped with.

    The ring of a new hub is made only then: where it is merely missing, a new one would look as
    if it were the right one, and be in the way of the one that is restored.
    """

    secrets: SecretStore
    vault: SecretVault

    async def __call__(self, *, make: bool = True) -> None:
        """
        Return if the ring has every master key that is needed.

        Args:
            make: Whether to make a ring where none is and none is needed.

        Raises:
            MasterKeyMissingError: It does not have some of them; the error names those.
            InvalidKeyRingError: There is no usable ring.
        """
        needed = await self.secrets.master_ids()
        missing = needed.keys() - set(self.vault.master_ids)
        if missing:
            raise MasterKeyMissingError(*sorted(missing))
        if make:
            self.vault.ensure_ring()

    async def while_running(self) -> RingTrouble | None:
        """
        What is wrong with the ring under a running hub, which goes on with the one that it has.

        A ring without the current key is taken over after all if it opens everything that is
        stored: then the key was retired while this process did not look.

        Raises:
            StoreUnavailableError: The store is away, and has to be asked.
        """
        if self.vault.ring_trouble is RingTrouble.FOREIGN:
            needed = await self.secrets.master_ids()
            self.vault.adopt_ring(needed.keys())
        return self.vault.ring_trouble
