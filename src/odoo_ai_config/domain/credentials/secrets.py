"""
Secrets: text that cannot be printed, and the sealed form in which it is kept.
"""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import sha256
from typing import Final, NoReturn

from attrs import field, frozen

from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import BusinessDomain, CredentialRef, TenantDomain, TenantId

MASK: Final = "sealed:"
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


class SecretText:
    """
    A secret on its way from the request into the vault, or out of it.

    It has no repr, str, format, pickle or JSON form that shows it; ``reveal()`` and
    ``reveal_utf8()`` are the only ways to the text, easy to find in a review.
    """

    # As bytes, for that is how texts come and how they are sealed. Half a surrogate pair passes:
    # an error about it would carry the secret.
    __slots__ = ("__utf8",)

    def __init__(self, text: str) -> None:
        self.__utf8 = text.encode("utf-8", "surrogatepass")

    @classmethod
    def from_utf8(cls, encoded: bytes) -> SecretText:
        """
        Take a text that is known to be UTF-8, because it was read or sealed as such.
        """
        secret = cls.__new__(cls)
        secret.__utf8 = encoded  # noqa: SLF001 - one of its own kind
        return secret

    def reveal(self) -> str:
        """
        The text itself.
        """
        return self.__utf8.decode("utf-8", "surrogatepass")

    def reveal_utf8(self) -> bytes:
        """
        The text as it is sealed.
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
    The SHA-256 by which a long random text is recognised without being kept.

    For what people choose there is `Fingerprint`, which nobody can guess without a key.
    """
    return sha256(secret.encode("utf-8", "surrogateescape")).digest()


@frozen
class Fingerprint:
    """
    Keyed digest of a secret: equal for equal secrets under one reference, useless without the key.
    """

    value: str = field()

    @value.validator
    def _check(self, _attribute: object, value: str) -> None:
        if _FINGERPRINT.fullmatch(value) is None:
            raise InvalidValueError("fingerprint", "fingerprint")

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
        What a document shows in place of the secret.
        """
        return MASK + self.value


@frozen
class SealContext:
    """
    What a ciphertext belongs to. It is authenticated with it: moved elsewhere, it does not open.
    """

    owner: TenantDomain
    ref: CredentialRef
    purpose: str = "credential"

    @property
    def tenant(self) -> TenantId:
        """
        The tenant whose data key seals the value.
        """
        return self.owner.tenant

    @property
    def domain(self) -> BusinessDomain:
        """
        The business area that the value belongs to.
        """
        return self.owner.domain


# Every value is sealed by way of looking its key up.
@frozen(cache_hash=True)
class TenantKey:
    """
    A tenant's data key, wrapped by a master key of the key ring.

    Args:
        key_id: Names this data key; every envelope that it sealed carries it.
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
    A secret as it is kept: an opaque envelope and the fingerprint by which it is recognised.
    """

    context: SealContext
    fingerprint: Fingerprint
    key_id: str
    envelope: bytes = field(repr=False)
