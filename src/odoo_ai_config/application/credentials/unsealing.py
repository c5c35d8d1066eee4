"""
Finding sealed values, and opening one while rotations may be going on.
"""

from __future__ import annotations

from typing import Final

from odoo_ai_config.application.errors import SealBrokenError
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SealContext, SecretText
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.merging import fingerprints_in
from odoo_ai_config.domain.errors import CredentialNotFoundError

# A rotation may retire the data key between reading the value and reading its key.
_ATTEMPTS: Final = 3


async def sealed_values(credentials: Document | None) -> dict[str, Fingerprint]:
    """
    The sealed values that a *credentials* document names, by reference.
    """
    return await run_off_loop(lambda: fingerprints_in(credentials), cost=cost_of(credentials))


async def unsealed(
    secrets: SecretStore, vault: SecretVault, context: SealContext, fingerprint: Fingerprint
) -> SecretText:
    """
    The value that is sealed in *context* under *fingerprint*.

    Raises:
        CredentialNotFoundError: There is none.
        SealBrokenError, MasterKeyMissingError: It does not open.
        StoreUnavailableError: The store is away.
    """
    for _ in range(_ATTEMPTS):
        sealed = await secrets.sealed(context, fingerprint)
        if sealed is None:
            raise CredentialNotFoundError
        key = await secrets.tenant_key(context.tenant, sealed.key_id)
        if key is not None:
            return vault.unseal(key, sealed)
    raise SealBrokenError
