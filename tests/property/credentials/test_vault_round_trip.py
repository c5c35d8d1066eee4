from __future__ import annotations

import itertools

import pytest
from attrs import evolve
from hypothesis import assume, example, given
from hypothesis import strategies as st

from odoo_ai_config.adapters.crypto.secret_vault import AesGcmSecretVault
from odoo_ai_config.adapters.memory.secret_vault import MemorySecretVault
from odoo_ai_config.application.errors import SealBrokenError
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    SecretText,
    TenantKey,
)
from odoo_ai_config.domain.identifiers import BusinessArea, CredentialRef, TenantArea, TenantId
from tests.contract.secret_vault_contract import NOW, flipped
from tests.key_rings import fixed_ring
from tests.strategies import seal_contexts, tenant_ids

VAULTS: dict[str, SecretVault] = {
    "aes_gcm": AesGcmSecretVault(fixed_ring("first")),
    "memory": MemorySecretVault("first"),
}
ROTATED: dict[str, SecretVault] = {
    "aes_gcm": AesGcmSecretVault(fixed_ring("second", "first")),
    "memory": MemorySecretVault("second", "first"),
}
each_vault = pytest.mark.parametrize("name", VAULTS)

# With lone surrogates, because the vault seals every text.
texts = st.text(st.characters(exclude_categories=()), max_size=200)


def sealed_by(
    vault: SecretVault, context: SealContext, text: str
) -> tuple[TenantKey, SealedSecret]:
    key = vault.new_tenant_key(context.tenant, at=NOW)
    return key, vault.seal(key, context, SecretText(text))


def assert_broken(vault: SecretVault, key: TenantKey, sealed: SealedSecret) -> None:
    with pytest.raises(SealBrokenError):
        vault.unseal(key, sealed)


@each_vault
@given(context=seal_contexts(), text=texts)
def test_every_text_comes_back(name: str, context: SealContext, text: str) -> None:
    key, sealed = sealed_by(VAULTS[name], context, text)
    assert VAULTS[name].unseal(key, sealed).reveal() == text


@each_vault
@given(context=seal_contexts(), text=texts, data=st.data())
def test_any_changed_bit_of_the_envelope_breaks_it(
    name: str, context: SealContext, text: str, data: st.DataObject
) -> None:
    key, sealed = sealed_by(VAULTS[name], context, text)
    bit = data.draw(st.integers(0, 8 * len(sealed.envelope) - 1))
    assert_broken(VAULTS[name], key, evolve(sealed, envelope=flipped(sealed.envelope, bit)))


@each_vault
@given(context=seal_contexts(), text=texts, data=st.data())
def test_any_changed_bit_of_the_tenant_key_breaks_it(
    name: str, context: SealContext, text: str, data: st.DataObject
) -> None:
    key, sealed = sealed_by(VAULTS[name], context, text)
    bit = data.draw(st.integers(0, 8 * len(key.wrapped) - 1))
    assert_broken(VAULTS[name], evolve(key, wrapped=flipped(key.wrapped, bit)), sealed)


@each_vault
@given(context=seal_contexts(), elsewhere=seal_contexts(), text=texts)
def test_any_other_place_breaks_it(
    name: str, context: SealContext, elsewhere: SealContext, text: str
) -> None:
    key, sealed = sealed_by(VAULTS[name], context, text)
    mixtures = {
        SealContext(TenantArea(tenant.tenant, domain.domain), ref.ref, purpose.purpose)
        for tenant, domain, ref, purpose in itertools.product((context, elsewhere), repeat=4)
    }
    for place in mixtures - {context}:
        moved = evolve(sealed, context=place)
        assert_broken(VAULTS[name], key, moved)
        assert_broken(VAULTS[name], evolve(key, tenant=place.tenant), moved)


@each_vault
@given(context=seal_contexts(), text=texts, digit=st.integers(0, 31))
def test_any_changed_digit_of_key_id_or_fingerprint_breaks_it(
    name: str, context: SealContext, text: str, digit: int
) -> None:
    def changed(digits: str) -> str:
        place = digit % len(digits)
        other = "1" if digits[place] == "0" else "0"
        return digits[:place] + other + digits[place + 1 :]

    vault = VAULTS[name]
    key, sealed = sealed_by(vault, context, text)
    renamed = changed(key.key_id)
    assert_broken(vault, key, evolve(sealed, key_id=renamed))
    assert_broken(vault, evolve(key, key_id=renamed), sealed)
    assert_broken(vault, evolve(key, key_id=renamed), evolve(sealed, key_id=renamed))
    mark = Fingerprint(changed(sealed.fingerprint.value))
    assert_broken(vault, key, evolve(sealed, fingerprint=mark))


@each_vault
@given(context=seal_contexts(), text=texts)
def test_rewrapping_keeps_the_plaintext_and_changes_the_master_key(
    name: str, context: SealContext, text: str
) -> None:
    key, sealed = sealed_by(VAULTS[name], context, text)
    rewrapped = ROTATED[name].rewrap(key)
    assert rewrapped.master_id == ROTATED[name].current_master_id != key.master_id
    assert rewrapped.key_id == key.key_id
    assert ROTATED[name].unseal(rewrapped, sealed).reveal() == text


@each_vault
@given(
    tenant=tenant_ids(),
    places=st.tuples(seal_contexts(), seal_contexts()),
    values=st.tuples(texts, texts),
    generations=st.integers(0, 3),
)
@example(
    tenant=TenantId("1"),
    places=(
        SealContext(TenantArea(TenantId("1"), BusinessArea("ab")), CredentialRef("c")),
        SealContext(TenantArea(TenantId("1"), BusinessArea("a")), CredentialRef("bc")),
    ),
    values=("x", "x"),
    generations=0,
)
def test_fingerprints_are_equal_only_for_the_same_value_in_the_same_context(
    name: str,
    tenant: TenantId,
    places: tuple[SealContext, SealContext],
    values: tuple[str, str],
    generations: int,
) -> None:
    vault = VAULTS[name]
    here, there = (evolve(place, owner=evolve(place.owner, tenant=tenant)) for place in places)
    key = newest = vault.new_tenant_key(tenant, at=NOW)
    for _ in range(generations):
        newest = vault.new_tenant_key(tenant, at=NOW, succeeding=newest)
    marks = {
        (place, value): vault.fingerprint(key, place, SecretText(value))
        for place, value in itertools.product((here, there), values)
    }
    assert len(set(marks.values())) == len(marks)
    for (place, value), mark in marks.items():
        assert vault.fingerprint(newest, place, SecretText(value)) == mark


@each_vault
@given(context=seal_contexts(), other=tenant_ids(), text=texts)
def test_fingerprints_of_tenants_differ(
    name: str, context: SealContext, other: TenantId, text: str
) -> None:
    assume(other != context.tenant)
    _, mine = sealed_by(VAULTS[name], context, text)
    elsewhere = evolve(context, owner=evolve(context.owner, tenant=other))
    _, theirs = sealed_by(VAULTS[name], elsewhere, text)
    assert mine.fingerprint != theirs.fingerprint


@each_vault
@given(context=seal_contexts(), text=texts)
def test_no_other_key_opens_what_a_destroyed_key_sealed(
    name: str, context: SealContext, text: str
) -> None:
    _, sealed = sealed_by(VAULTS[name], context, text)
    fresh = VAULTS[name].new_tenant_key(context.tenant, at=NOW)
    assert_broken(VAULTS[name], fresh, sealed)
    assert_broken(VAULTS[name], evolve(fresh, key_id=sealed.key_id), sealed)


@each_vault
@given(context=seal_contexts(), text=st.text(min_size=6, max_size=200))
def test_no_record_holds_the_plaintext(name: str, context: SealContext, text: str) -> None:
    # Six characters do not occur in ciphertext by chance.
    key, sealed = sealed_by(VAULTS[name], context, text)
    assert text.encode() not in sealed.envelope + key.wrapped
