"""
Whether the key ring can open what is stored: at the start, and while the hub runs.
"""

from __future__ import annotations

from attrs import frozen

from odoo_ai_config.application.errors import MasterKeyMissingError
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.secret_vault import RingTrouble, SecretVault


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
            StoreUnavailableError: The store is away.
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
