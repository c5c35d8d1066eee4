"""
A vault for tests and for trying things out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import Final

from attrs import evolve

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
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import TenantId

_SALT: Final = 12
_MARK: Final = 32


class MemorySecretVault(SecretVault):
    """
    Keeps the promises of a vault among honest programs; it protects nothing.

    Its master keys are their own names, the first of which is current, so that two vaults with
    the same names open what the other one sealed. Tests set *trouble*, the state of the ring that
    it reports.
    """

    def __init__(self, *master_ids: str) -> None:
        self._master_ids = master_ids or ("memory",)
        self.trouble: RingTrouble | None = None

    @property
    def current_master_id(self) -> str:
        return self._master_ids[0]

    @property
    def master_ids(self) -> Collection[str]:
        return self._master_ids

    def ensure_ring(self) -> None:
        """
        Do nothing: its master keys are only names.
        """

    @property
    def ring_trouble(self) -> RingTrouble | None:
        return self.trouble

    def drop_master(self, master_id: str) -> None:
        if master_id not in self._master_ids:
            raise MasterKeyMissingError(master_id)
        self._master_ids = tuple(one for one in self._master_ids if one != master_id)

    def adopt_ring(self, needed: Collection[str]) -> None:
        if needed and set(needed) <= set(self._master_ids):
            self.trouble = None

    def new_tenant_key(
        self, tenant: TenantId, *, at: datetime, succeeding: TenantKey | None = None
    ) -> TenantKey:
        key_id = secrets.token_hex(8)
        data_key = secrets.token_hex(16)
        fingerprint_key = secrets.token_hex(16)
        if succeeding is not None:
            _, fingerprint_key = self._opened(tenant, succeeding)
        return self._wrapped(
            TenantKey(tenant, key_id, self.current_master_id, b"", at),
            f"{data_key} {fingerprint_key}",
        )

    def fingerprint(self, key: TenantKey, context: SealContext, secret: SecretText) -> Fingerprint:
        _, fingerprint_key = self._opened(context.tenant, key)
        digest = _keyed(fingerprint_key, repr((context, secret.reveal())).encode())
        return Fingerprint(digest.hex()[:32])

    def seal(
        self,
        key: TenantKey,
        context: SealContext,
        secret: SecretText,
        fingerprint: Fingerprint | None = None,
    ) -> SealedSecret:
        data_key, _ = self._opened(context.tenant, key)
        fingerprint = fingerprint or self.fingerprint(key, context, secret)
        place = _place(context, fingerprint, key.key_id)
        envelope = _scrambled(data_key, place, secret.reveal())
        return SealedSecret(context, fingerprint, key.key_id, envelope)

    def unseal(self, key: TenantKey, sealed: SealedSecret) -> SecretText:
        data_key, _ = self._opened(sealed.context.tenant, key)
        if sealed.key_id != key.key_id:
            raise SealBrokenError
        place = _place(sealed.context, sealed.fingerprint, sealed.key_id)
        return SecretText(_unscrambled(data_key, place, sealed.envelope))

    def veil(self, end: TrailEnd) -> str:
        body = _masked(self.current_master_id, b"", str(end).encode())
        mark = _keyed(self.current_master_id, body).hex()[:16]
        return mark + base64.urlsafe_b64encode(body).decode().rstrip("=")

    def unveiled(self, text: str) -> TrailEnd | None:
        for master_id in self._master_ids:
            with suppress(ValueError, InvalidValueError):
                body = base64.urlsafe_b64decode(text[16:] + "=" * (-(len(text) - 16) % 4))
                if _keyed(master_id, body).hex()[:16] == text[:16]:
                    return TrailEnd.from_text(_masked(master_id, b"", body).decode())
        return None

    def vouch(self, text: str) -> Voucher:
        return Voucher(self.current_master_id, _vouching(self.current_master_id, text))

    def vouched(self, text: str, voucher: Voucher) -> bool:
        if voucher.master_id not in self._master_ids:
            raise MasterKeyMissingError(voucher.master_id)
        return _vouching(voucher.master_id, text) == voucher.digest

    def rewrap(self, key: TenantKey) -> TenantKey:
        return self._wrapped(
            evolve(key, master_id=self.current_master_id), " ".join(self._opened(key.tenant, key))
        )

    def _wrapped(self, key: TenantKey, keys: str) -> TenantKey:
        return evolve(key, wrapped=_scrambled(key.master_id, _place(key.tenant, key.key_id), keys))

    def _opened(self, tenant: TenantId, key: TenantKey) -> tuple[str, str]:
        if key.tenant != tenant:
            raise SealBrokenError
        if key.master_id not in self._master_ids:
            raise MasterKeyMissingError(key.master_id)
        keys = _unscrambled(key.master_id, _place(tenant, key.key_id), key.wrapped)
        data_key, _, fingerprint_key = keys.partition(" ")
        return data_key, fingerprint_key


def _vouching(master_id: str, text: str) -> str:
    return _keyed(master_id, _place("voucher", text)).hex()


def _place(*parts: object) -> bytes:
    # The repr of frozen values and texts is unambiguous.
    return repr(parts).encode()


def _keyed(key: str, message: bytes) -> bytes:
    return hmac.digest(key.encode(), message, "sha256")


def _scrambled(key: str, place: bytes, text: str) -> bytes:
    salt = secrets.token_bytes(_SALT)
    body = _masked(key, salt, text.encode("utf-8", "surrogatepass"))
    return salt + _keyed(key, place + salt + body) + body


def _unscrambled(key: str, place: bytes, sealed: bytes) -> str:
    salt, mark, body = sealed[:_SALT], sealed[_SALT : _SALT + _MARK], sealed[_SALT + _MARK :]
    if not hmac.compare_digest(mark, _keyed(key, place + salt + body)):
        raise SealBrokenError
    return _masked(key, salt, body).decode("utf-8", "surrogatepass")


def _masked(key: str, salt: bytes, body: bytes) -> bytes:
    mask = hashlib.shake_256(key.encode() + salt).digest(len(body))
    return bytes(byte ^ cover for byte, cover in zip(body, mask, strict=True))
