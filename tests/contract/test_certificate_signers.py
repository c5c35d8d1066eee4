from __future__ import annotations

from abc import ABC, abstractmethod

from attrs import evolve

from odoo_ai_config.adapters.crypto.certificate_signer import Ed25519CertificateSigner
from odoo_ai_config.adapters.memory.certificate_signer import MemoryCertificateSigner
from odoo_ai_config.application.ports.certificate_signer import CertificateSigner
from tests.key_rings import fixed_ring

# Of the ring of these tests.
PUBLIC = "c0d57f432866084973845329da4d295bb4f2c97cfae8d0ebe8fe537dcdaebc55"
KEY_ID = "8d087296a96439a3"


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


class CertificateSignerContract(ABC):
    """
    The guarantees of every CertificateSigner.
    """

    @abstractmethod
    def signer(self) -> CertificateSigner:
        """
        A signer.
        """

    def test_signature_is_verified(self) -> None:
        signer = self.signer()
        signature = signer.sign(b"content")
        assert signer.verify(b"content", signature)
        assert signature.public_key == next(iter(signer.public_keys().values()))
        assert signature.key_id == signer.key_id(signature.public_key)

    def test_another_signer_verifies_it(self) -> None:
        assert self.signer().verify(b"content", self.signer().sign(b"content"))

    def test_any_change_is_noticed(self) -> None:
        signer = self.signer()
        signature = signer.sign(b"content")
        assert not signer.verify(b"Content", signature)
        for changed in (flipped(signature.value), b""):
            assert not signer.verify(b"content", evolve(signature, value=changed))
        for changed in (flipped(signature.public_key), b""):
            assert not signer.verify(b"content", evolve(signature, public_key=changed))
        assert not signer.verify(b"content", evolve(signature, key_id="another"))


class TestMemoryCertificateSigner(CertificateSignerContract):
    def signer(self) -> MemoryCertificateSigner:
        return MemoryCertificateSigner()


class TestEd25519CertificateSigner(CertificateSignerContract):
    def signer(self) -> Ed25519CertificateSigner:
        return Ed25519CertificateSigner(fixed_ring("first"))

    def test_rotated_ring_still_has_the_public_key(self) -> None:
        signature = self.signer().sign(b"content")
        rotated = Ed25519CertificateSigner(fixed_ring("second", "first"))
        current, old = rotated.public_keys().values()
        assert rotated.sign(b"content").public_key == current
        assert signature.public_key == old
        assert [*rotated.public_keys()] == [*fixed_ring("second", "first").ring().ids]
        assert rotated.verify(b"content", signature)

    def test_key_of_a_ring_stays_the_same(self) -> None:
        # A change here makes every published key worthless.
        assert next(iter(self.signer().public_keys().values())).hex() == PUBLIC
        assert self.signer().sign(b"content").key_id == KEY_ID
