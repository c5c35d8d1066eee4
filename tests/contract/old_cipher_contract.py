"""
The guarantees of every OldCipher.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from odoo_ai_config.application.ports.old_cipher import OldCipher
from odoo_ai_config.domain.credentials.secrets import SecretText

TEXTS = ["s3nh4", "ação 🙂", "", "ENC:x", "a\nb" * 100]


class OldCipherContract(ABC):
    @abstractmethod
    def tokens(self, *texts: str) -> tuple[OldCipher, list[bytes]]:
        """
        A cipher, and a token of each text that it opens.
        """

    def test_each_token_gives_its_text(self) -> None:
        cipher, tokens = self.tokens(*TEXTS)
        assert [cipher.open(token) for token in tokens] == [SecretText(text) for text in TEXTS]

    def test_other_tokens_do_not_open(self) -> None:
        cipher, [token] = self.tokens("s3nh4")
        _, [foreign] = self.tokens("foreign")
        for other in (foreign, token[:-4], b"A" + token[1:], b"", b"gAAAA"):
            assert cipher.open(other) is None

    def test_nothing_shows_the_texts(self) -> None:
        cipher, [token] = self.tokens("s3nh4")
        cipher.open(token)
        assert "s3nh4" not in repr(cipher)
