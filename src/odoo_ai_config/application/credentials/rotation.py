"""
Bring every data key under the current master key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen

from odoo_ai_config.application.errors import SealBrokenError
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.credentials.secrets import TenantKey
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
            StoreUnavailableError: The store is away.
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
