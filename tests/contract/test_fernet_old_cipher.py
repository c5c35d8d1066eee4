from __future__ import annotations

from cryptography.fernet import Fernet

from odoo_ai_config.adapters.crypto.old_cipher import FernetOldCipher
from odoo_ai_config.application.ports.old_cipher import OldCipher
from odoo_ai_config.domain.credentials.secrets import SecretText
from tests.contract.old_cipher_contract import OldCipherContract


def keys(*given: bytes) -> list[SecretText]:
    return [SecretText(key.decode()) for key in given]


class TestFernetOldCipher(OldCipherContract):
    def tokens(self, *texts: str) -> tuple[OldCipher, list[bytes]]:
        key = Fernet.generate_key()
        fernet = Fernet(key)
        return FernetOldCipher(keys(key)), [fernet.encrypt(text.encode()) for text in texts]

    def test_any_of_several_keys_opens(self) -> None:
        first, second = Fernet.generate_key(), Fernet.generate_key()
        cipher = FernetOldCipher(keys(first, second))
        assert cipher.open(Fernet(second).encrypt(b"s3nh4")) == SecretText("s3nh4")

    def test_without_a_key_nothing_opens(self) -> None:
        assert FernetOldCipher([]).open(Fernet(Fernet.generate_key()).encrypt(b"x")) is None

    def test_bytes_that_are_no_text_do_not_open(self) -> None:
        key = Fernet.generate_key()
        assert FernetOldCipher(keys(key)).open(Fernet(key).encrypt(b"\xff")) is None
