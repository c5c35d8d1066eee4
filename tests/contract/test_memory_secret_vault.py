from __future__ import annotations

from odoo_ai_config.adapters.memory.secret_vault import MemorySecretVault
from tests.contract.secret_vault_contract import SecretVaultContract


class TestMemorySecretVault(SecretVaultContract):
    def vault_with(self, *masters: str) -> MemorySecretVault:
        return MemorySecretVault(*masters)
