"""
Rotate master keys and the keys of tenants, and check the key ring.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.application.errors import (
    MasterKeyMissingError,
    SealBrokenError,
    TenantKeyChangedError,
)
from odoo_ai_config.application.linking import link_pending
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.message_spool import MessageSpool
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.secret_vault import RingTrouble, SecretVault
from odoo_ai_config.domain.access import ApiKey, Scope
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
    The result of a rotation of the master key.

    Args:
        master_id: The master key that wraps the data keys now.
        rewrapped: How many data keys this run wrapped again.
        damaged: Tenants with a data key that does not open and was left as it is.
    """

    master_id: str
    rewrapped: int = 0
    damaged: tuple[TenantId, ...] = ()


@frozen(eq=False)
class RotateMasterKey:
    """
    Wrap every data key with the current master key.

    Sealed values stay as they are, so readers and writers go on meanwhile. The next run completes
    one that was interrupted; a run that finds nothing to do does nothing.
    """

    secrets: SecretStore
    vault: SecretVault
    store: ConfigStore
    clock: Clock

    async def __call__(
        self, *, caller: ApiKey, on_progress: Callable[[int], None] | None = None
    ) -> MasterKeyRotation:
        """
        Rotate, and call *on_progress* after each step with the number of data keys done.

        The audit entry is written first: no change to the keys goes unrecorded.

        Raises:
            MasterKeyMissingError: A master key that wraps a data key is not in the ring.
        """
        rewrapped = 0
        damaged: dict[TenantKey, None] = {}
        if await self._batch(damaged):
            await self._record(caller)
        while batch := await self._batch(damaged):
            for key in batch:
                try:
                    fresh = self.vault.rewrap(key)
                except SealBrokenError:
                    # One damaged record must not stop the rotation of all others.
                    damaged[key] = None
                else:
                    # If another run changed it meanwhile, the next batch has it again.
                    rewrapped += await self.secrets.rewrap(key, fresh)
            if on_progress is not None:
                on_progress(rewrapped)
        return MasterKeyRotation(
            self.vault.current_master_id, rewrapped, tuple(key.tenant for key in damaged)
        )

    async def _batch(self, damaged: dict[TenantKey, None]) -> list[TenantKey]:
        # Read each time: the operator may make another key current meanwhile.
        master_id = self.vault.current_master_id
        found = await self.secrets.keys_not_wrapped_by(master_id, limit=_BATCH + len(damaged))
        return [key for key in found if key not in damaged]

    async def _record(self, caller: ApiKey) -> None:
        action, subject = AuditAction.MASTER_KEY_ROTATED, self.vault.current_master_id
        entry = AuditEntry(self.clock.now(), action, caller.id, None, subject)
        await self.store.commit(Changeset(audit=(entry,), occasion=caller.occasion))


class MasterKeyNeed(Enum):
    """
    What still needs a master key.
    """

    NEW_DATA_KEYS = "new_data_keys"
    DATA_KEYS = "data_keys"
    SPOOL = "spool"
    AUDIT_TRAIL = "audit_trail"


@frozen(eq=False)
class DropMasterKey:
    """
    Remove a master key from the ring once nothing that is stored needs it.

    A backup may still need it.
    """

    secrets: SecretStore
    vault: SecretVault
    store: ConfigStore
    audit: AuditLog
    spool: MessageSpool | None
    clock: Clock

    async def __call__(self, master_id: str, *, caller: ApiKey) -> MasterKeyNeed | None:
        """
        What still needs the key, which stays then; None if it was removed.

        Raises:
            MasterKeyMissingError: It is not in the ring.
            InvalidKeyRingError: The ring cannot be changed where it is.
        """
        caller.require(Scope.ADMIN)
        caller.require_unbound()
        need = await self._need(master_id)
        if need is None:
            # Written first: no change to the keys goes unrecorded. It also renews the voucher.
            action = AuditAction.MASTER_KEY_DROPPED
            entry = AuditEntry(self.clock.now(), action, caller.id, None, master_id)
            await self.store.commit(Changeset(audit=(entry,), occasion=caller.occasion))
            await link_pending(self.audit, self.vault)
            _, voucher = await self.audit.end()
            if voucher is None or voucher.master_id == master_id:
                return MasterKeyNeed.AUDIT_TRAIL
            self.vault.drop_master(master_id)
        return need

    async def _need(self, master_id: str) -> MasterKeyNeed | None:
        if master_id not in self.vault.master_ids:
            raise MasterKeyMissingError(master_id)
        if master_id == self.vault.current_master_id:
            return MasterKeyNeed.NEW_DATA_KEYS
        if master_id in await self.secrets.master_ids():
            return MasterKeyNeed.DATA_KEYS
        if self.spool is not None:
            census = await self.spool.census()
            if census.waiting or census.kept:
                return MasterKeyNeed.SPOOL
        return None


@frozen
class TenantKeyRotation:
    """
    The result of a rotation of a tenant's data key.

    Args:
        key: The data key that seals the tenant's secrets now.
        resealed: How many values this run sealed again.
        resumed: The run completed an earlier one, which made *key*.
        damaged: Places of values that do not open. They and their data keys were left as they
            are.
    """

    key: TenantKey
    resealed: int
    resumed: bool = False
    damaged: tuple[SealContext, ...] = ()


@frozen(eq=False)
class RotateTenantKey:
    """
    Make a new data key, seal every secret of the tenant with it, remove the old data keys.

    Readers and writers go on meanwhile: an old key is removed only when it seals nothing any
    more. If a writer seals with it at that moment, the store refuses the commit and the writer
    seals again; a reader that finds the key gone reads again. Fingerprints stay the same, so no
    document changes.
    """

    secrets: SecretStore
    vault: SecretVault
    store: ConfigStore
    clock: Clock

    async def __call__(
        self, tenant: TenantId, *, caller: ApiKey, on_progress: Callable[[int], None] | None = None
    ) -> TenantKeyRotation:
        """
        Rotate, and call *on_progress* after each step with the number of secrets done.

        If an earlier run was interrupted, this one only completes it: call again for a new key.
        The audit entry is written before the key: no change to the keys goes unrecorded.

        Raises:
            TenantNotFoundError: The tenant has no data key, hence no secret.
            TenantKeyChangedError: Another run rotated the same key meanwhile.
        """
        active = await self.secrets.active_key(tenant)
        if active is None:
            raise TenantNotFoundError
        completed = await self._bring_under(active, on_progress)
        if completed.resealed:
            return evolve(completed, resumed=True)
        now = self.clock.now()
        key = self.vault.new_tenant_key(tenant, at=now, succeeding=active)
        action = AuditAction.TENANT_KEY_ROTATED
        entry = AuditEntry(now, action, caller.id, tenant, key.key_id)
        await self.store.commit(Changeset(audit=(entry,), occasion=caller.occasion))
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
            # A writer may seal with an old key until that is removed, so look again.
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
        # The same data key; a rotation of the master key may have wrapped it again.
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
        # Another run may have sealed it again and removed the old key in between.
        return await self.secrets.sealed(sealed.context, sealed.fingerprint) == sealed


@frozen(eq=False)
class CheckKeyRing:
    """
    Compare the key ring with the master keys that wrap stored data keys.

    A ring is made only for a new hub. If the ring of an old hub is missing, a new one would look
    like the right one and block its restoration.
    """

    secrets: SecretStore
    vault: SecretVault

    async def __call__(self, *, make: bool = True) -> None:
        """
        Return if the ring has every master key that is needed.

        Args:
            make: Whether to make a ring if there is none and none is needed.

        Raises:
            MasterKeyMissingError: Some are missing; the error names them.
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
        What is wrong with the stored ring while the hub runs on the one in memory.

        A stored ring without the current key is adopted if it opens everything that is stored:
        then the key was retired while this process slept.
        """
        if self.vault.ring_trouble is RingTrouble.FOREIGN:
            needed = await self.secrets.master_ids()
            self.vault.adopt_ring(needed.keys())
        return self.vault.ring_trouble
