"""
Master keys, which wrap the data keys of all tenants.
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
        created_at: None if it is unknown.
        id: The fingerprint of the key, the same in every ring.
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
        return cls(secrets.token_bytes(KEY_BYTES), at)


@frozen
class KeyRing:
    """
    The master keys. The current one wraps; any of them unwraps.

    Raises:
        InvalidKeyRingError: A key is in the ring twice.
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
        The ids of all keys, in the order in which they were added.
        """
        return tuple(key.id for key in self.keys)

    @property
    def current(self) -> MasterKey:
        return self.key(self.current_id)

    @property
    def newest(self) -> MasterKey:
        """
        The key that was added last; the current one if that is unknown.
        """
        last = self.keys[-1]
        return self.current if last.created_at is None else last

    def key(self, master_id: str) -> MasterKey:
        """
        The key with this id.

        Raises:
            MasterKeyMissingError: It is not in the ring.
        """
        for key in self.keys:
            if key.id == master_id:
                return key
        raise MasterKeyMissingError(master_id)

    def with_key(self, key: MasterKey) -> KeyRing:
        """
        The ring with one more key, which does not become current.
        """
        return evolve(self, keys=(*self.keys, key))

    def with_current(self, master_id: str) -> KeyRing:
        return evolve(self, current_id=master_id)

    def without(self, master_id: str) -> KeyRing:
        """
        The ring without one key, which is not the current one.
        """
        dropped = self.key(master_id)
        return evolve(self, keys=tuple(key for key in self.keys if key is not dropped))


@frozen
class KeyRingStatus:
    """
    What operators see of a ring.

    Args:
        private: Whether only its owner can read it there.
    """

    ring: KeyRing
    private: bool


class KeyRingSource(Protocol):
    """
    The place of the ring, where operators change it.

    Every method raises `InvalidKeyRingError` if the ring cannot be used or changed there, and
    `MasterKeyMissingError` if a named key is not in it.
    """

    @property
    @abstractmethod
    def place(self) -> str:
        """
        The file or the setting that it comes from.
        """

    @abstractmethod
    def ring(self) -> KeyRing:
        """
        The ring as it is now; cheap while it does not change.

        Creates the ring if there is none yet and it may. Keeps the ring from before if the place
        lost it or now holds one without the current key.
        """

    @abstractmethod
    def trouble(self) -> RingTrouble | None:
        """
        Why `ring` differs from what is in its place now, if it does. Creates nothing.
        """

    @abstractmethod
    def adopt(self, needed: Collection[str]) -> None:
        """
        Take over the ring that is in its place now if it has every *needed* key.

        Does nothing if no key is needed.
        """

    @abstractmethod
    def found(self) -> KeyRing | None:
        """
        The ring as it is now, if there is one. Creates nothing.
        """

    @abstractmethod
    def status(self) -> KeyRingStatus:
        """
        The ring, however badly it is protected. Creates and changes nothing.
        """

    @abstractmethod
    def add(self) -> MasterKey:
        """
        Add a new random key that is not current yet, so that every machine can get it first.
        """

    @abstractmethod
    def make_current(self, master_id: str) -> KeyRing:
        """
        Wrap new data keys with *master_id* from now on.
        """

    @abstractmethod
    def drop(self, master_id: str) -> None:
        """
        Remove a key that is not the current one.
        """
