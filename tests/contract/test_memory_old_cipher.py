from __future__ import annotations

from odoo_ai_config.adapters.memory.old_cipher import MemoryOldCipher
from odoo_ai_config.application.ports.old_cipher import OldCipher
from tests.contract.old_cipher_contract import OldCipherContract


class TestMemoryOldCipher(OldCipherContract):
    def tokens(self, *texts: str) -> tuple[OldCipher, list[bytes]]:
        tokens = [f"gAAAA{text}".encode() for text in texts]
        return MemoryOldCipher(dict(zip(tokens, texts, strict=True))), tokens
