"""
Open a sealed value for a service that may read it.
"""

from __future__ import annotations

from attrs import frozen

from odoo_ai_config.application.credentials.sealing import sealed_values, unsealed
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.credentials.secrets import SealContext, SecretText
from odoo_ai_config.domain.documents.revisions import content_of
from odoo_ai_config.domain.errors import CredentialNotFoundError
from odoo_ai_config.domain.identifiers import CREDENTIALS, CredentialRef, TenantArea


@frozen
class RevealCredential:
    """
    Open one sealed value; who asked is audited first.
    """

    store: ConfigStore
    secrets: SecretStore
    vault: SecretVault
    clock: Clock

    async def __call__(
        self,
        owner: TenantArea,
        ref: CredentialRef,
        *,
        caller: ApiKey,
        request_id: str | None = None,
    ) -> SecretText:
        """
        The current value under *ref*.

        Raises:
            CredentialNotFoundError: Nothing is sealed under *ref*.
            SealBrokenError, MasterKeyMissingError: It does not open.
            StoreUnavailableError: The store is away; nothing was handed out.
        """
        caller.require(Scope.SECRETS_READ)
        caller.require_tenant(owner.tenant)
        key = owner.document(CREDENTIALS)
        current = (await self.store.current((key,))).get(key)
        fingerprint = (await sealed_values(content_of(current))).get(str(ref))
        if fingerprint is None:
            raise CredentialNotFoundError
        secret = await unsealed(self.secrets, self.vault, SealContext(owner, ref), fingerprint)
        entry = AuditEntry(
            self.clock.now(),
            AuditAction.CREDENTIAL_READ,
            caller.id,
            owner.tenant,
            f"{owner}/{ref}",
            request_id,
        )
        await self.store.commit(Changeset(audit=(entry,)))
        return secret
