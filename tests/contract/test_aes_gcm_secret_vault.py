from __future__ import annotations

import base64

import pytest
from attrs import evolve

from odoo_ai_config.adapters.crypto.key_ring import MasterKey
from odoo_ai_config.adapters.crypto.secret_vault import AesGcmSecretVault
from odoo_ai_config.application.errors import SealBrokenError
from odoo_ai_config.domain.identifiers import TenantId
from tests.contract.secret_vault_contract import (
    NOW,
    OTHER,
    SECRET,
    TENANT,
    SecretVaultContract,
    context,
)
from tests.key_rings import fixed_ring, master_key


class TestAesGcmSecretVault(SecretVaultContract):
    def vault_with(self, *masters: str) -> AesGcmSecretVault:
        return AesGcmSecretVault(fixed_ring(*masters))


@pytest.fixture
def vault() -> AesGcmSecretVault:
    return AesGcmSecretVault(fixed_ring("first"))


def test_envelope_carries_its_format_and_key_id(vault: AesGcmSecretVault) -> None:
    key = vault.new_tenant_key(TENANT, at=NOW)
    envelope = vault.seal(key, context(), SECRET).envelope
    assert envelope[0] == 1
    assert envelope[1:9].hex() == key.key_id
    # A nonce of 96 bits before the text, a tag of 128 bits after it.
    assert len(envelope) == 9 + 12 + len(SECRET.reveal()) + 16


@pytest.mark.parametrize("format_", [0, 2, 255])
def test_unknown_format_does_not_open(vault: AesGcmSecretVault, format_: int) -> None:
    key = vault.new_tenant_key(TENANT, at=NOW)
    sealed = vault.seal(key, context(), SECRET)
    with pytest.raises(SealBrokenError):
        vault.unseal(key, evolve(sealed, envelope=bytes([format_]) + sealed.envelope[1:]))
    with pytest.raises(SealBrokenError):
        vault.rewrap(evolve(key, wrapped=bytes([format_]) + key.wrapped[1:]))


def test_nonces_do_not_repeat(vault: AesGcmSecretVault) -> None:
    key = vault.new_tenant_key(TENANT, at=NOW)
    nonces = {vault.seal(key, context(), SECRET).envelope[9:21] for _ in range(1000)}
    assert len(nonces) == 1000


def test_all_keys_are_random_and_a_successor_keeps_the_fingerprint_key(
    vault: AesGcmSecretVault,
) -> None:
    first, second = (vault.new_tenant_key(tenant, at=NOW) for tenant in (TENANT, OTHER))
    successor = vault.new_tenant_key(TENANT, at=NOW, succeeding=first)
    opened = [vault._unwrapped(key) for key in (first, second, successor)]
    data_keys = [keys[:32] for keys in opened]
    fingerprint_keys = [keys[32:] for keys in opened]
    assert {len(keys) for keys in opened} == {64}
    assert fingerprint_keys[0] == fingerprint_keys[2]
    material = {*data_keys, *fingerprint_keys, master_key("first").material}
    assert len(material) == 3 + 2 + 1
    # Of 32 random bytes some 30 differ; fewer than 16 do not come by chance.
    assert all(len(set(key)) >= 16 for key in material)


def test_new_master_keys_are_random() -> None:
    material = {MasterKey.generate(at=NOW).material for _ in range(3)}
    assert len(material) == 3
    assert all(len(set(key)) >= 16 for key in material)


def test_more_tenants_than_are_kept_open_are_served() -> None:
    vault = AesGcmSecretVault(fixed_ring("first"), opened_keys=2)
    tenants = [TenantId(f"t{number}") for number in range(5)]
    keys = {tenant: vault.new_tenant_key(tenant, at=NOW) for tenant in tenants}
    sealed = [vault.seal(keys[tenant], context(tenant), SECRET) for tenant in tenants]
    assert [vault.unseal(keys[value.context.tenant], value) for value in sealed] == [SECRET] * 5


def test_no_repr_shows_key_material(vault: AesGcmSecretVault) -> None:
    source = fixed_ring("first")
    key = vault.new_tenant_key(TENANT, at=NOW)
    opened = vault._open(key)
    material = [master_key("first").material, opened.fingerprint_key, key.wrapped]
    shown = repr([vault, source, source.ring(), source.status(), master_key("first"), key, opened])
    for secret in material:
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown
        assert base64.b64encode(secret).decode() not in shown
