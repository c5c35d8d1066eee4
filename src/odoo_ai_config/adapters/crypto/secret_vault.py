"""
Envelope encryption with AES-256-GCM.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from attrs import evolve, field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

from odoo_ai_config.adapters.crypto.key_ring import KEY_BYTES, KeyRingSource, MasterKey
from odoo_ai_config.application.errors import MasterKeyMissingError, SealBrokenError
from odoo_ai_config.application.ports.secret_vault import RingTrouble, SecretVault
from odoo_ai_config.domain.audit import TrailEnd, Voucher
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    SecretText,
    TenantKey,
)
from odoo_ai_config.domain.identifiers import TenantId

_FORMAT: Final = b"\x01"
_NONCE_BYTES: Final = 12
_KEY_ID_BYTES: Final = 8
_HEADER_BYTES: Final = len(_FORMAT) + _KEY_ID_BYTES
_FINGERPRINT_BYTES: Final = 16
# The kind of a ciphertext or digest, so that none can replace one of another kind.
_TENANT_KEY: Final = b"odoo-ai-config/tenant-key\0"
_SECRET: Final = b"odoo-ai-config/secret\0"
_RECOGNITION: Final = b"odoo-ai-config/fingerprint\0"
_VOUCHER: Final = b"odoo-ai-config/voucher\0"
_VEIL: Final = b"odoo-ai-config/veil\0"
_NUMBER_BYTES: Final = 8


def _place(context: SealContext) -> bytes:
    # Names hold no NUL, so nothing that follows can be read as a part of the place.
    owner = context.owner
    names = (owner.tenant.value, owner.domain.value, context.ref.value, context.purpose)
    return "\0".join(names).encode() + b"\0"


def _encrypted(cipher: AESGCM, plain: bytes, associated: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, associated)


def _decrypted(cipher: AESGCM, sealed: bytes, associated: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):
        # A ValueError is a truncated nonce.
        raise SealBrokenError from None


@frozen
class _OpenKey:
    """
    A tenant's data key, ready for use.
    """

    cipher: AESGCM = field(repr=False)
    fingerprint_key: bytes = field(repr=False)


class AesGcmSecretVault(SecretVault):
    """
    A vault whose master keys come from *source*.

    It reads the source whenever it needs a master key, so that a running program follows a
    rotation.

    Args:
        opened_keys: The most data keys of tenants that are kept unwrapped.
    """

    def __init__(self, source: KeyRingSource, *, opened_keys: int = 4096) -> None:
        self._source = source
        self._opened = lru_cache(maxsize=opened_keys)(self._open)

    @property
    def current_master_id(self) -> str:
        return self._source.ring().current_id

    @property
    def master_ids(self) -> Collection[str]:
        ring = self._source.found()
        return () if ring is None else ring.ids

    def ensure_ring(self) -> None:
        self._source.ring()

    @property
    def ring_trouble(self) -> RingTrouble | None:
        return self._source.trouble()

    def drop_master(self, master_id: str) -> None:
        self._source.drop(master_id)

    def adopt_ring(self, needed: Collection[str]) -> None:
        self._source.adopt(needed)

    def new_tenant_key(
        self, tenant: TenantId, *, at: datetime, succeeding: TenantKey | None = None
    ) -> TenantKey:
        if succeeding is None:
            fingerprint_key = secrets.token_bytes(KEY_BYTES)
        else:
            fingerprint_key = self._opened_for(tenant, succeeding).fingerprint_key
        keys = secrets.token_bytes(KEY_BYTES) + fingerprint_key
        key_id = secrets.token_hex(_KEY_ID_BYTES)
        master = self._source.ring().current
        return TenantKey(tenant, key_id, master.id, _wrapped(master, tenant, key_id, keys), at)

    def fingerprint(self, key: TenantKey, context: SealContext, secret: SecretText) -> Fingerprint:
        opened = self._opened_for(context.tenant, key)
        return _recognised(opened, _place(context), secret.reveal_utf8())

    def seal(
        self,
        key: TenantKey,
        context: SealContext,
        secret: SecretText,
        fingerprint: Fingerprint | None = None,
    ) -> SealedSecret:
        opened = self._opened_for(context.tenant, key)
        place, plain = _place(context), secret.reveal_utf8()
        fingerprint = fingerprint or _recognised(opened, place, plain)
        header = _FORMAT + bytes.fromhex(key.key_id)
        associated = _associated(header, place, fingerprint)
        envelope = header + _encrypted(opened.cipher, plain, associated)
        return SealedSecret(context, fingerprint, key.key_id, envelope)

    def unseal(self, key: TenantKey, sealed: SealedSecret) -> SecretText:
        opened = self._opened_for(sealed.context.tenant, key)
        header = _FORMAT + bytes.fromhex(key.key_id)
        if sealed.key_id != key.key_id or not sealed.envelope.startswith(header):
            raise SealBrokenError
        plain = _decrypted(
            opened.cipher,
            sealed.envelope[_HEADER_BYTES:],
            _associated(header, _place(sealed.context), sealed.fingerprint),
        )
        return SecretText.from_utf8(plain)

    def veil(self, end: TrailEnd) -> str:
        plain = end.number.to_bytes(_NUMBER_BYTES) + bytes.fromhex(end.hash)
        hidden = _veil_of(self._source.ring().current).encrypt(plain, [_VEIL])
        return base64.urlsafe_b64encode(hidden).rstrip(b"=").decode()

    def unveiled(self, text: str) -> TrailEnd | None:
        ring = self._source.found()
        try:
            hidden = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        except ValueError:
            return None
        for master in () if ring is None else ring.keys:
            with suppress(InvalidTag, ValueError):
                plain = _veil_of(master).decrypt(hidden, [_VEIL])
                number = int.from_bytes(plain[:_NUMBER_BYTES])
                return TrailEnd(number, plain[_NUMBER_BYTES:].hex())
        return None

    def vouch(self, text: str) -> Voucher:
        master = self._source.ring().current
        return Voucher(master.id, _vouching(master, text))

    def vouched(self, text: str, voucher: Voucher) -> bool:
        ring = self._source.found()
        if ring is None:
            raise MasterKeyMissingError(voucher.master_id)
        master = ring.key(voucher.master_id)
        return hmac.compare_digest(_vouching(master, text).encode(), voucher.digest.encode())

    def rewrap(self, key: TenantKey) -> TenantKey:
        keys = self._unwrapped(key)
        master = self._source.ring().current
        wrapped = _wrapped(master, key.tenant, key.key_id, keys)
        return evolve(key, master_id=master.id, wrapped=wrapped)

    def _opened_for(self, tenant: TenantId, key: TenantKey) -> _OpenKey:
        # A value sealed with another tenant's key would outlive the key of its own.
        if key.tenant != tenant:
            raise SealBrokenError
        return self._opened(key)

    def _open(self, key: TenantKey) -> _OpenKey:
        keys = self._unwrapped(key)
        return _OpenKey(AESGCM(keys[:KEY_BYTES]), keys[KEY_BYTES:])

    def _unwrapped(self, key: TenantKey) -> bytes:
        master = self._source.ring().key(key.master_id)
        if not key.wrapped.startswith(_FORMAT):
            raise SealBrokenError
        associated = _key_associated(key.tenant, key.key_id)
        return _decrypted(AESGCM(master.material), key.wrapped[len(_FORMAT) :], associated)


def _wrapped(master: MasterKey, tenant: TenantId, key_id: str, keys: bytes) -> bytes:
    associated = _key_associated(tenant, key_id)
    return _FORMAT + _encrypted(AESGCM(master.material), keys, associated)


def _key_associated(tenant: TenantId, key_id: str) -> bytes:
    return _TENANT_KEY + _FORMAT + f"{tenant}\0{key_id}".encode()


def _recognised(opened: _OpenKey, place: bytes, plain: bytes) -> Fingerprint:
    message = _RECOGNITION + place + plain
    # Keyed BLAKE2 (RFC 7693) is as good a MAC as HMAC. Unlike OpenSSL's HMAC it does not release
    # the interpreter's lock for such a short message.
    digest = blake2b(message, key=opened.fingerprint_key, digest_size=_FINGERPRINT_BYTES)
    return Fingerprint(digest.hexdigest())


@lru_cache(maxsize=16)
# It takes longer to make than to use, and each change of the feed needs it.
@lru_cache(maxsize=4)
def _veil_of(master: MasterKey) -> AESSIV:
    # Deterministic: it hides what anybody may have again, and a reader compares cursors.
    return AESSIV(blake2b(_VEIL, key=master.material).digest())


def _vouching(master: MasterKey, text: str) -> str:
    # A key of its own: that of AES-GCM is not used for anything else.
    key = blake2b(_VOUCHER, key=master.material).digest()
    return blake2b(text.encode(), key=key, digest_size=KEY_BYTES).hexdigest()


def _associated(header: bytes, place: bytes, fingerprint: Fingerprint) -> bytes:
    """
    The data that a value is bound to: format, key, place, and its fingerprint in documents.

    Without the fingerprint, an older value of the same reference could replace it.
    """
    return _SECRET + place + header + fingerprint.value.encode()
