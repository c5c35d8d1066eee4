"""
Refuse to start with a key ring that cannot open what is stored; make one where nothing is.
"""

from __future__ import annotations

from attrs import frozen

from odoo_ai_config.application.errors import MasterKeyMissingError
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.secret_vault import SecretVault


@frozen
class CheckKeyRing:
    """
    Compare the key ring with the master keys that stored data keys are wrapped with.

    The ring of a new hub is made only then: where it is merely missing, a new one would look as
    if it were the right one, and be in the way of the one that is restored.
    """

    secrets: SecretStore
    vault: SecretVault

    async def __call__(self) -> None:
        """
        Return if the ring has every master key that is needed.

        Raises:
            MasterKeyMissingError: It lacks some; the error names all of them.
            InvalidKeyRingError: There is no usable ring.
            StoreUnavailableError: The store is away.
        """
        needed = await self.secrets.master_ids()
        missing = needed.keys() - set(self.vault.master_ids)
        if missing:
            raise MasterKeyMissingError(*sorted(missing))
        self.vault.ensure_ring()
