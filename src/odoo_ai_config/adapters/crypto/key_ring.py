"""
Master keys: the few secrets that everything else is wrapped with.
"""

from __future__ import annotations

import hashlib
import secrets
from abc import abstractmethod
from collections.abc import Collection
from datetime import datetime
from typing import Final, Protocol

from attrs import Factory, evolve, field, frozen

from odoo_ai_config.application.errors import InvalidKeyRingError, MasterKeyMissingError
from odoo_ai_config.application.ports.secret_vault import RingTrouble

KEY_BYTES: Final = 32
_ID_DOMAIN: Final = b"odoo-ai-config/master-key-id\0"
_ID_DIGITS: Final = 16


def _fingerprint(material: bytes) -> str:
    # The prefix keeps the id from being the digest of the key in any other protocol.
    return hashlib.sha256(_ID_DOMAIN + material).hexdigest()[:_ID_DIGITS]


@frozen
class MasterKey:
    """
    A key that wraps tenants' data keys.

    Args:
        created_at: None where nobody wrote it down.
        id: The fingerprint of the key, so that two rings mean the same key by it.
    """

    material: bytes = field(repr=False)
    created_at: datetime | None = None
    id: str = field(
        init=False, default=Factory(lambda self: _fingerprint(self.material), takes_self=True)
    )

    @material.validator
    def _check(self, _attribute: object, material: bytes) -> None:
        if len(material) != KEY_BYTES:
            raise InvalidKeyRingError(f"Cada chave mestra deve ter {KEY_BYTES} bytes.")

    @classmethod
    def generate(cls, *, at: datetime) -> MasterKey:
        """
        A new random key.
        """
        return cls(secrets.token_bytes(KEY_BYTES), at)


@frozen
class KeyRing:
    """
    The master keys at hand. New wrapping uses the current one, unwrapping any of them.

    Raises:
        InvalidKeyRingError: A key is there twice.
        MasterKeyMissingError: The current key is not among the keys.
    """

    keys: tuple[MasterKey, ...]
    current_id: str

    def __attrs_post_init__(self) -> None:
        if len(set(self.ids)) != len(self.keys):
            raise InvalidKeyRingError("O chaveiro contém a mesma chave mestra duas vezes.")
        self.key(self.current_id)

    @classmethod
    def of(cls, current: MasterKey, *others: MasterKey) -> KeyRing:
        """
        A ring whose first key is the current one.
        """
        return cls((current, *others), current.id)

    @property
    def ids(self) -> tuple[str, ...]:
        """
        Ids of all keys, in the order in which they were added.
        """
        return tuple(key.id for key in self.keys)

    @property
    def current(self) -> MasterKey:
        """
        The key that new data keys are wrapped with.
        """
        return self.key(self.current_id)

    @property
    def newest(self) -> MasterKey:
        """
        The key that was added last; the current one where nobody wrote that down.
        """
        last = self.keys[-1]
        return self.current if last.created_at is None else last

    def key(self, master_id: str) -> MasterKey:
        """
        One key.

        Raises:
            MasterKeyMissingError: It is not in the ring.
        """
        for key in self.keys:
            if key.id == master_id:
                return key
        raise MasterKeyMissingError(master_id)

    def with_key(self, key: MasterKey) -> KeyRing:
        """
        The ring with one more key, which is not current yet.
        """
        return evolve(self, keys=(*self.keys, key))

    def with_current(self, master_id: str) -> KeyRing:
        """
        The ring with another current key.

        Raises:
            MasterKeyMissingError: It is not in the ring.
        """
        return evolve(self, current_id=master_id)


@frozen
class KeyRingStatus:
    """
    What an operator may see of a ring.

    Args:
        place: Where it comes from.
        private: Whether nobody but its owner can read it there.
    """

    ring: KeyRing
    place: str
    private: bool


class KeyRingSource(Protocol):
    """
    Where the ring comes from, and how an operator changes it.

    Every method raises `InvalidKeyRingError` if the ring cannot be used or changed there.
    """

    @abstractmethod
    def ring(self) -> KeyRing:
        """
        The ring as it is now; asking again costs next to nothing while it stays the same.

        Where there is none yet, it is made. Where it was lost, or another one without the
        current key has taken its place, it is the one from before.
        """

    @abstractmethod
    def trouble(self) -> RingTrouble | None:
        """
        Why `ring` is not what is in its place now, if it is not; nothing is made.
        """

    @abstractmethod
    def adopt(self, needed: Collection[str]) -> None:
        """
        Take over what is in the ring's place if it has every *needed* key.

        Nothing is taken over if none is needed.
        """

    @abstractmethod
    def found(self) -> KeyRing | None:
        """
        The ring as it is now, if there is one; nothing is made.
        """

    @abstractmethod
    def status(self) -> KeyRingStatus:
        """
        What there is, however badly it is kept; nothing is made or changed.
        """

    @abstractmethod
    def add(self) -> MasterKey:
        """
        Add a new random key that is not current yet, so that it can be handed out first.
        """

    @abstractmethod
    def make_current(self, master_id: str) -> KeyRing:
        """
        Wrap new data keys with *master_id* from now on.

        Raises:
            MasterKeyMissingError: It is not in the ring.
        """
