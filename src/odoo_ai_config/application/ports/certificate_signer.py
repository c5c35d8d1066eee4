"""
Signs certificates, so that others can check them without the hub.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Protocol

from odoo_ai_config.domain.tenants import Signature


class CertificateSigner(Protocol):
    """
    Ed25519 signatures by keys that follow from the master keys of the key ring.
    """

    @abstractmethod
    def sign(self, content: bytes) -> Signature:
        """
        Sign *content* by the key of the current master key.

        Raises:
            InvalidKeyRingError, MasterKeyMissingError: The ring cannot be used.
        """

    @abstractmethod
    def verify(self, content: bytes, signature: Signature) -> bool:
        """
        Whether *signature* is one of *content* by the public key that it names.

        Whose key that is, is another question.
        """

    @abstractmethod
    def public_keys(self) -> Mapping[str, bytes]:
        """
        The public key that follows from each master key in the ring, the current one first.

        Raises:
            InvalidKeyRingError: The ring cannot be used.
        """

    @abstractmethod
    def key_id(self, public_key: bytes) -> str:
        """
        The name of a public key: its fingerprint.
        """
