"""
Secrets: text that cannot be printed, and its sealed form for the store.
"""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import sha256
from typing import Final, NoReturn

from attrs import field, frozen

from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import (
    BusinessArea,
    CredentialRef,
    TenantArea,
    TenantId,
    matches,
)

MASK: Final = "sealed:"
# The purpose of a value that a credentials document names.
CREDENTIAL: Final = "credential"
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


class SecretText:
    """
    A secret on its way from a request into the vault, or out of it.

    No repr, str, format, pickle or JSON form shows it. Only ``reveal()`` and ``reveal_utf8()``
    give the text, and they are easy to find in a review.
    """

    # Bytes, because texts arrive and are sealed as bytes. Half a surrogate pair passes, because
    # an error about it would carry the secret.
    __slots__ = ("__utf8",)

    def __init__(self, text: str) -> None:
        self.__utf8 = text.encode("utf-8", "surrogatepass")

    @classmethod
    def from_utf8(cls, encoded: bytes) -> SecretText:
        """
        Take a text that is known to be UTF-8.
        """
        secret = cls.__new__(cls)
        secret.__utf8 = encoded  # noqa: SLF001 - of this class
        return secret

    def reveal(self) -> str:
        """
        The text itself.
        """
        return self.__utf8.decode("utf-8", "surrogatepass")

    def reveal_utf8(self) -> bytes:
        """
        The text in UTF-8, as the vault seals it.
        """
        return self.__utf8

    def __repr__(self) -> str:
        return "SecretText(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, format_spec: str) -> str:
        return "***"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretText):
            return NotImplemented
        return self.__utf8 == other.__utf8

    def __hash__(self) -> int:
        return hash(self.__utf8)


def digest_of(secret: str) -> bytes:
    """
    The SHA-256 that recognises a long random text.

    For a secret that people choose use `Fingerprint`: without its key nobody can test guesses.
    """
    return sha256(secret.encode("utf-8", "surrogateescape")).digest()


@frozen
class Fingerprint:
    """
    Keyed digest of a secret, equal for equal secrets under one reference.
    """

    value: str = field(validator=matches("fingerprint", _FINGERPRINT))

    @classmethod
    def from_mask(cls, text: str) -> Fingerprint | None:
        """
        Read ``sealed:<fingerprint>`` as documents show it; None for any other text.
        """
        if not text.startswith(MASK):
            return None
        try:
            return cls(text[len(MASK) :])
        except InvalidValueError:
            return None

    @property
    def mask(self) -> str:
        """
        The text that stands for the secret in a document.
        """
        return MASK + self.value


@frozen
class SealContext:
    """
    What a ciphertext belongs to. The vault authenticates it: a moved ciphertext does not open.
    """

    owner: TenantArea
    ref: CredentialRef
    purpose: str = CREDENTIAL

    @property
    def tenant(self) -> TenantId:
        """
        The tenant whose data key seals the value.
        """
        return self.owner.tenant

    @property
    def domain(self) -> BusinessArea:
        """
        The business area that the value belongs to.
        """
        return self.owner.domain


# Hashed for each value that is sealed.
@frozen(cache_hash=True)
class TenantKey:
    """
    A tenant's data key, wrapped by a master key of the key ring.

    Args:
        key_id: Names this data key, in every envelope that it sealed.
        master_id: Names the master key that wraps it.
        wrapped: The data key and the fingerprint key, encrypted.
    """

    tenant: TenantId
    key_id: str
    master_id: str
    wrapped: bytes = field(repr=False)
    created_at: datetime


@frozen
class SealedSecret:
    """
    A secret in its stored form: an opaque envelope, and the fingerprint that recognises it.
    """

    context: SealContext
    fingerprint: Fingerprint
    key_id: str
    envelope: bytes = field(repr=False)
