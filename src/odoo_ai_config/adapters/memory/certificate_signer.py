"""
A signer for tests and for trying things out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from odoo_ai_config.application.ports.certificate_signer import CertificateSigner
from odoo_ai_config.domain.tenants import Signature

_PUBLIC: Final = b"memory".ljust(32, b".")


class MemoryCertificateSigner(CertificateSigner):
    """
    Recognises changes; anybody can sign with it.
    """

    def sign(self, content: bytes) -> Signature:
        return Signature(self.key_id(_PUBLIC), _PUBLIC, _digest(_PUBLIC, content))

    def verify(self, content: bytes, signature: Signature) -> bool:
        public = signature.public_key
        return (signature.key_id, signature.value) == (
            self.key_id(public),
            _digest(public, content),
        )

    def public_keys(self) -> Mapping[str, bytes]:
        return {"memory": _PUBLIC}

    def key_id(self, public_key: bytes) -> str:
        return hashlib.sha256(public_key).hexdigest()[:16]


def _digest(public_key: bytes, content: bytes) -> bytes:
    return hashlib.sha512(public_key + content).digest()
