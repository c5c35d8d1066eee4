from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from odoo_ai_config.application.errors import MasterKeyMissingError, SealBrokenError
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.domain.audit import TrailEnd
from odoo_ai_config.domain.credentials.secrets import SealContext, SealedSecret, SecretText
from odoo_ai_config.domain.identifiers import (
    BusinessArea,
    CredentialRef,
    TenantArea,
    TenantId,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TENANT, OTHER = TenantId("123456"), TenantId("654321")
SECRET = SecretText("correct horse battery staple")


def context(
    tenant: TenantId = TENANT,
    *,
    domain: str = "default",
    ref: str = "redis",
    purpose: str = "credential",
) -> SealContext:
    owner = TenantArea(tenant, BusinessArea(domain))
    return SealContext(owner, CredentialRef(ref), purpose)


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


class SecretVaultContract(ABC):
    """
    The guarantees of every SecretVault.
    """

    @abstractmethod
    def vault_with(self, *masters: str) -> SecretVault:
        """
        A vault whose ring has the master keys of these names; the first is current.
        """

    @pytest.fixture
    def vault(self) -> SecretVault:
        return self.vault_with("first")

    @pytest.fixture
    def rotated(self) -> SecretVault:
        return self.vault_with("second", "first")

    def test_current_master_key_is_one_of_the_ring(self, rotated: SecretVault) -> None:
        assert rotated.current_master_id in rotated.master_ids
        assert len(set(rotated.master_ids)) == 2

    def test_same_key_has_the_same_id_in_every_ring(
        self, vault: SecretVault, rotated: SecretVault
    ) -> None:
        assert set(rotated.master_ids) == {vault.current_master_id, rotated.current_master_id}
        assert vault.current_master_id != rotated.current_master_id

    def test_new_tenant_key_is_wrapped_by_the_current_master_key(
        self, rotated: SecretVault
    ) -> None:
        key = rotated.new_tenant_key(TENANT, at=NOW)
        assert (key.tenant, key.created_at) == (TENANT, NOW)
        assert key.master_id == rotated.current_master_id

    def test_tenant_keys_differ(self, vault: SecretVault) -> None:
        keys = [vault.new_tenant_key(TENANT, at=NOW) for _ in range(3)]
        assert len({key.key_id for key in keys}) == 3
        assert len({key.wrapped for key in keys}) == 3

    @pytest.mark.parametrize("text", ["", "s", "çãø😀", "\0", "\ud800", " ", "x" * 100_000])
    def test_sealed_value_opens_again(self, vault: SecretVault, text: str) -> None:
        key = vault.new_tenant_key(TENANT, at=NOW)
        sealed = vault.seal(key, context(), SecretText(text))
        assert vault.unseal(key, sealed).reveal() == text

    def test_sealed_value_names_what_it_belongs_to(self, vault: SecretVault) -> None:
        key = vault.new_tenant_key(TENANT, at=NOW)
        sealed = vault.seal(key, context(), SECRET)
        assert sealed.context == context()
        assert sealed.key_id == key.key_id
        assert sealed.fingerprint == vault.fingerprint(key, context(), SECRET)

    def test_sealing_twice_gives_two_envelopes_and_one_fingerprint(
        self, vault: SecretVault
    ) -> None:
        key = vault.new_tenant_key(TENANT, at=NOW)
        first, second = (vault.seal(key, context(), SECRET) for _ in range(2))
        assert first.envelope != second.envelope
        assert first.fingerprint == second.fingerprint

    def test_no_record_holds_the_plaintext(self, vault: SecretVault) -> None:
        key = vault.new_tenant_key(TENANT, at=NOW)
        sealed = vault.seal(key, context(), SECRET)
        plain = SECRET.reveal().encode()
        assert plain not in sealed.envelope
        assert plain not in key.wrapped
        assert SECRET.reveal() not in repr((key, sealed))

    @pytest.mark.parametrize(
        "elsewhere",
        [
            context(domain="other"),
            context(ref="qdrant"),
            context(purpose="webhook"),
        ],
        ids=["domain", "reference", "purpose"],
    )
    def test_moved_value_does_not_open(self, vault: SecretVault, elsewhere: SealContext) -> None:
        key = vault.new_tenant_key(TENANT, at=NOW)
        sealed = vault.seal(key, context(), SECRET)
        with pytest.raises(SealBrokenError):
            vault.unseal(key, evolve(sealed, context=elsewhere))

    def test_value_moved_to_another_tenant_does_not_open(self, vault: SecretVault) -> None:
        key = vault.new_tenant_key(TENANT, at=NOW)
        moved = evolve(vault.seal(key, context(), SECRET), context=context(OTHER))
        for stolen in (key, evolve(key, tenant=OTHER), vault.new_tenant_key(OTHER, at=NOW)):
            with pytest.raises(SealBrokenError):
                vault.unseal(stolen, moved)

    def test_older_value_does_not_pass_for_a_newer_one(self, vault: SecretVault) -> None:
        key = vault.new_tenant_key(TENANT, at=NOW)
        old = vault.seal(key, context(), SecretText("leaked"))
        new = vault.seal(key, context(), SECRET)
        with pytest.raises(SealBrokenError):
            vault.unseal(key, evolve(new, envelope=old.envelope))

    def test_key_of_another_tenant_does_not_seal(self, vault: SecretVault) -> None:
        key = vault.new_tenant_key(OTHER, at=NOW)
        with pytest.raises(SealBrokenError):
            vault.seal(key, context(), SECRET)
        with pytest.raises(SealBrokenError):
            vault.fingerprint(key, context(), SECRET)

    def test_relabelled_tenant_key_does_not_open(self, vault: SecretVault) -> None:
        key = vault.new_tenant_key(TENANT, at=NOW)
        for owner, relabelled in (
            (OTHER, evolve(key, tenant=OTHER)),
            (TENANT, evolve(key, key_id=vault.new_tenant_key(TENANT, at=NOW).key_id)),
        ):
            for attempt in (
                lambda owner, key: vault.seal(key, context(owner), SECRET),
                lambda owner, key: vault.fingerprint(key, context(owner), SECRET),
                lambda _, key: vault.rewrap(key),
                lambda owner, key: vault.new_tenant_key(owner, at=NOW, succeeding=key),
            ):
                with pytest.raises(SealBrokenError):
                    attempt(owner, relabelled)

    def test_fingerprints_under_two_keys_differ(self, vault: SecretVault) -> None:
        keys = [vault.new_tenant_key(TENANT, at=NOW) for _ in range(3)]
        assert len({vault.fingerprint(key, context(), SECRET) for key in keys}) == 3

    def test_key_of_another_tenant_is_not_succeeded(self, vault: SecretVault) -> None:
        with pytest.raises(SealBrokenError):
            vault.new_tenant_key(TENANT, at=NOW, succeeding=vault.new_tenant_key(OTHER, at=NOW))

    @pytest.mark.parametrize("change", ["empty", "cut", "longer", "flipped"])
    def test_changed_envelope_does_not_open(self, vault: SecretVault, change: str) -> None:
        key = vault.new_tenant_key(TENANT, at=NOW)
        sealed = vault.seal(key, context(), SECRET)
        envelope = {
            "empty": b"",
            "cut": sealed.envelope[:-1],
            "longer": sealed.envelope + b"\0",
            "flipped": flipped(sealed.envelope, 0),
        }[change]
        with pytest.raises(SealBrokenError):
            vault.unseal(key, evolve(sealed, envelope=envelope))

    @pytest.mark.parametrize("change", ["empty", "cut", "flipped"])
    def test_changed_tenant_key_does_not_open(self, vault: SecretVault, change: str) -> None:
        key = vault.new_tenant_key(TENANT, at=NOW)
        sealed = vault.seal(key, context(), SECRET)
        wrapped = {
            "empty": b"",
            "cut": key.wrapped[:-1],
            "flipped": flipped(key.wrapped, 100),
        }[change]
        broken = evolve(key, wrapped=wrapped)
        with pytest.raises(SealBrokenError):
            vault.unseal(broken, sealed)
        with pytest.raises(SealBrokenError):
            vault.rewrap(broken)

    def test_another_key_of_the_tenant_does_not_open(self, vault: SecretVault) -> None:
        key = vault.new_tenant_key(TENANT, at=NOW)
        successor = vault.new_tenant_key(TENANT, at=NOW, succeeding=key)
        sealed = vault.seal(key, context(), SECRET)
        for renamed in (
            sealed,
            evolve(sealed, key_id=successor.key_id),
        ):
            with pytest.raises(SealBrokenError):
                vault.unseal(successor, renamed)

    def test_ring_without_the_master_key_names_it(self, vault: SecretVault) -> None:
        key = vault.new_tenant_key(TENANT, at=NOW)
        sealed = vault.seal(key, context(), SECRET)
        stranger = self.vault_with("third")
        for attempt in (
            lambda: stranger.unseal(key, sealed),
            lambda: stranger.seal(key, context(), SECRET),
            lambda: stranger.fingerprint(key, context(), SECRET),
            lambda: stranger.rewrap(key),
            lambda: stranger.new_tenant_key(TENANT, at=NOW, succeeding=key),
        ):
            with pytest.raises(MasterKeyMissingError) as caught:
                attempt()
            assert caught.value.master_ids == (vault.current_master_id,)

    def test_wrong_master_key_under_the_right_name_does_not_open(
        self, vault: SecretVault, rotated: SecretVault
    ) -> None:
        key = evolve(vault.new_tenant_key(TENANT, at=NOW), master_id=rotated.current_master_id)
        with pytest.raises(SealBrokenError):
            rotated.rewrap(key)

    def test_rewrapped_key_opens_what_it_sealed_before(
        self, vault: SecretVault, rotated: SecretVault
    ) -> None:
        key = vault.new_tenant_key(TENANT, at=NOW)
        sealed = vault.seal(key, context(), SECRET)
        rewrapped = rotated.rewrap(key)
        assert rewrapped == evolve(
            key, master_id=rotated.current_master_id, wrapped=rewrapped.wrapped
        )
        assert rewrapped.wrapped != key.wrapped
        assert self.vault_with("second").unseal(rewrapped, sealed) == SECRET

    def test_successor_keeps_the_fingerprints_and_not_the_data_key(
        self, vault: SecretVault
    ) -> None:
        key = vault.new_tenant_key(TENANT, at=NOW)
        successor = vault.new_tenant_key(TENANT, at=NOW + timedelta(1), succeeding=key)
        mark = vault.fingerprint(key, context(), SECRET)
        assert vault.fingerprint(successor, context(), SECRET) == mark
        assert vault.seal(successor, context(), SECRET).key_id == successor.key_id != key.key_id

    def test_destroyed_key_takes_its_values_along(self, vault: SecretVault) -> None:
        sealed = vault.seal(vault.new_tenant_key(TENANT, at=NOW), context(), SECRET)
        replacement = vault.new_tenant_key(TENANT, at=NOW)
        for key in (replacement, evolve(replacement, key_id=sealed.key_id)):
            with pytest.raises(SealBrokenError):
                vault.unseal(key, sealed)

    def test_broken_seal_says_nothing_of_its_cause(self, vault: SecretVault) -> None:
        key = vault.new_tenant_key(TENANT, at=NOW)
        sealed = vault.seal(key, context(), SECRET)
        said = set()
        for broken_key, broken in (
            (key, evolve(sealed, envelope=b"")),
            (key, evolve(sealed, envelope=flipped(sealed.envelope, -1))),
            (key, evolve(sealed, context=context(ref="qdrant"))),
            (evolve(key, wrapped=b""), sealed),
        ):
            with pytest.raises(SealBrokenError) as caught:
                vault.unseal(broken_key, broken)
            said.add(str(caught.value))
            assert caught.value.__cause__ is None
            assert "During handling" not in "".join(traceback.format_exception(caught.value))
        assert len(said) == 1

    def test_nothing_printable_shows_a_secret(self, vault: SecretVault) -> None:
        key = vault.new_tenant_key(TENANT, at=NOW)
        sealed: SealedSecret = vault.seal(key, context(), SECRET)
        shown = f"{vault} {vault!r} {key} {sealed} {vault.unseal(key, sealed)}"
        assert SECRET.reveal() not in shown

    def test_veil_hides_a_place_and_is_the_same_each_time(self, vault: SecretVault) -> None:
        here, there = TrailEnd(41, "a" * 64), TrailEnd(42, "b" * 64)
        veiled = vault.veil(here)
        assert vault.veil(here) == veiled != vault.veil(there)
        assert vault.unveiled(veiled) == here
        assert "a" * 16 not in veiled
        for foreign in ("", "x", "?" * 75, veiled[:-4], str(here), "A" * len(veiled)):
            assert vault.unveiled(foreign) is None

    def test_veil_opens_under_every_master_key_of_the_ring(self, rotated: SecretVault) -> None:
        place = TrailEnd(7, "c" * 64)
        assert rotated.unveiled(self.vault_with("first").veil(place)) == place
        assert self.vault_with("first").unveiled(self.vault_with("second").veil(place)) is None
