"""
Open a sealed value for a service that may read it.
"""

from __future__ import annotations

from attrs import frozen

from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import CredentialRef, TenantArea


@frozen(eq=False)
class RevealCredential:
    """
    Open one sealed value; who asked is audited first.
    """

    store: ConfigStore
    standings: Standings
    sealer: Sealer
    clock: Clock

    async def __call__(
        self, owner: TenantArea, ref: CredentialRef, *, caller: ApiKey
    ) -> SecretText:
        """
        The current value under *ref*.

        Raises:
            CredentialNotFoundError: Nothing is sealed under *ref*.
            AreaMovedError: The business area has moved.
            TenantSuspendedError, TenantErasedError: The tenant is not active.
            StoreUnavailableError: The store is away; nothing was handed out.
        """
        caller.require(Scope.SECRETS_READ, owner.tenant)
        await self.standings.require_served_at(owner)
        secret = await self.sealer.credential(self.store, owner, ref)
        entry = AuditEntry(
            self.clock.now(),
            AuditAction.CREDENTIAL_READ,
            caller.id,
            owner.tenant,
            f"{owner}/{ref}",
        )
        await self.store.commit(Changeset(audit=(entry,), occasion=caller.occasion))
        return secret
