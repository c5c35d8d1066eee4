"""
Certificates signed with Ed25519.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from attrs import frozen
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from odoo_ai_config.adapters.crypto.key_ring import KEY_BYTES, KeyRingSource, MasterKey
from odoo_ai_config.application.ports.certificate_signer import CertificateSigner
from odoo_ai_config.domain.tenants import Signature

# The use of the derived key, so that it has nothing in common with what the master key wraps.
_USE: Final = b"odoo-ai-config/certificate\0"
_ID_DOMAIN: Final = b"odoo-ai-config/certificate-key-id\0"
_ID_DIGITS: Final = 16


@frozen(eq=False)
class Ed25519CertificateSigner(CertificateSigner):
    """
    Derives a private key from each master key: a ring that is restored signs as before.
    """

    source: KeyRingSource

    def sign(self, content: bytes) -> Signature:
        private = _private_key(self.source.ring().current)
        public = private.public_key().public_bytes_raw()
        return Signature(self.key_id(public), public, private.sign(content))

    def verify(self, content: bytes, signature: Signature) -> bool:
        try:
            public = Ed25519PublicKey.from_public_bytes(signature.public_key)
            public.verify(signature.value, content)
        except (InvalidSignature, ValueError):
            # A ValueError is a key of another length.
            return False
        return signature.key_id == self.key_id(signature.public_key)

    def public_keys(self) -> Mapping[str, bytes]:
        ring = self.source.ring()
        current_first = sorted(ring.keys, key=lambda key: key.id != ring.current_id)
        return {key.id: _private_key(key).public_key().public_bytes_raw() for key in current_first}

    def key_id(self, public_key: bytes) -> str:
        return hashlib.sha256(_ID_DOMAIN + public_key).hexdigest()[:_ID_DIGITS]


def _private_key(master: MasterKey) -> Ed25519PrivateKey:
    seed = HKDF(SHA256(), KEY_BYTES, salt=None, info=_USE).derive(master.material)
    return Ed25519PrivateKey.from_private_bytes(seed)
