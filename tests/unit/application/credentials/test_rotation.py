from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from random import Random

import pytest
from attrs import define, evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.adapters.crypto.key_ring_file import KeyRingFile
from odoo_ai_config.adapters.crypto.secret_vault import AesGcmSecretVault
from odoo_ai_config.adapters.memory.audit_log import MemoryAuditLog
from odoo_ai_config.adapters.memory.config_store import MemoryConfigStore
from odoo_ai_config.adapters.memory.message_spool import MemoryMessageSpool
from odoo_ai_config.adapters.memory.secret_store import MemorySecretStore
from odoo_ai_config.adapters.memory.secret_vault import MemorySecretVault
from odoo_ai_config.adapters.memory.state import MemoryState
from odoo_ai_config.application.credentials.rotation import (
    CheckKeyRing,
    DropMasterKey,
    MasterKeyNeed,
    MasterKeyRotation,
    RotateMasterKey,
    RotateTenantKey,
    TenantKeyRotation,
)
from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.errors import (
    MasterKeyMissingError,
    SealBrokenError,
    TenantKeyChangedError,
)
from odoo_ai_config.application.messages.spooling import SpoolArrival
from odoo_ai_config.application.ports.message_spool import SpoolLimits
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.secret_vault import RingTrouble, SecretVault
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    SecretText,
    TenantKey,
)
from odoo_ai_config.domain.documents.credentials import with_fingerprints
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.errors import TenantNotFoundError
from odoo_ai_config.domain.identifiers import CREDENTIALS, CredentialRef, TenantArea, TenantId
from tests.contract.samples import AT, owner
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.token_source import CountingTokenSource
from tests.trail import acts
from tests.unit.application.memory_hub import ANYBODY

TENANT, NEIGHBOUR = TenantId("acme"), TenantId("neighbour")
READER = ApiKey("reader", "reader", b"", frozenset({Scope.SECRETS_READ}), None, AT)


class KilledError(Exception):
    """
    Simulates kill -9: nothing runs after it.
    """


@define
class MortalState(MemoryState):
    """
    A state whose caller is killed instead of one of its calls.

    Every call is atomic, so these are all the moments at which a kill matters.
    """

    lives: int | None = field(default=None, kw_only=True)

    def require_presence(self) -> None:
        MemoryState.require_presence(self)
        if self.lives is not None:
            if self.lives == 0:
                raise KilledError
            self.lives -= 1


async def pause(chance: Random) -> None:
    # Mostly short, sometimes long enough for others to finish.
    for _ in range(min(300, int(chance.paretovariate(0.7)) - 1)):
        await asyncio.sleep(0)


@frozen
class PacedSecretStore(MemorySecretStore):
    """
    Waits before each answer, so that its callers overtake each other.
    """

    chance: Random

    async def active_key(self, tenant: TenantId) -> TenantKey | None:
        await pause(self.chance)
        return await MemorySecretStore.active_key(self, tenant)

    async def tenant_key(self, tenant: TenantId, key_id: str) -> TenantKey | None:
        await pause(self.chance)
        return await MemorySecretStore.tenant_key(self, tenant, key_id)

    async def sealed(self, context: SealContext, fingerprint: Fingerprint) -> SealedSecret | None:
        await pause(self.chance)
        return await MemorySecretStore.sealed(self, context, fingerprint)

    async def keys_not_wrapped_by(self, master_id: str, *, limit: int) -> Sequence[TenantKey]:
        await pause(self.chance)
        return await MemorySecretStore.keys_not_wrapped_by(self, master_id, limit=limit)

    async def rewrap(self, old: TenantKey, new: TenantKey) -> bool:
        await pause(self.chance)
        return await MemorySecretStore.rewrap(self, old, new)

    async def add_key(self, key: TenantKey, *, successor_of: TenantKey) -> bool:
        await pause(self.chance)
        return await MemorySecretStore.add_key(self, key, successor_of=successor_of)

    async def secrets_not_sealed_by(self, key: TenantKey, *, limit: int) -> Sequence[SealedSecret]:
        await pause(self.chance)
        return await MemorySecretStore.secrets_not_sealed_by(self, key, limit=limit)

    async def reseal(self, old: SealedSecret, new: SealedSecret) -> bool:
        await pause(self.chance)
        return await MemorySecretStore.reseal(self, old, new)

    async def retire_keys(self, active: TenantKey) -> bool:
        await pause(self.chance)
        return await MemorySecretStore.retire_keys(self, active)


@define
class Hub:
    """
    The use cases over one memory store.
    """

    vault: SecretVault = field(factory=lambda: MemorySecretVault("first"))
    state: MortalState = field(factory=MortalState)
    chance: Random | None = None

    @property
    def secrets(self) -> SecretStore:
        if self.chance is None:
            return MemorySecretStore(self.state)
        return PacedSecretStore(self.state, self.chance)

    @property
    def store(self) -> MemoryConfigStore:
        return MemoryConfigStore(self.state)

    @property
    def rotate_master_key(self) -> RotateMasterKey:
        return RotateMasterKey(self.secrets, self.vault, self.store, ManualClock(AT))

    @property
    def rotate_tenant_key(self) -> RotateTenantKey:
        return RotateTenantKey(self.secrets, self.vault, self.store, ManualClock(AT))

    async def audit(self) -> list[AuditEntry]:
        entries = await acts(MemoryAuditLog(self.state))
        return [entry for entry in entries if entry.action != AuditAction.CREDENTIAL_READ]

    async def write(self, where: TenantArea, values: Mapping[str, str]) -> None:
        """
        Write to the store as a credentials event does.
        """
        sealing = await Sealer(self.secrets, self.vault)(
            where,
            {CredentialRef(ref): SecretText(value) for ref, value in values.items()},
            known={},
            at=AT,
        )
        if self.chance is not None:
            await pause(self.chance)
        marks = {str(ref): mark for ref, mark in sealing.fingerprints.items()}
        key = where.document(CREDENTIALS)
        latest = (await self.store.current((key,))).get(key)
        version = 1 if latest is None else latest.version + 1
        document = with_fingerprints(where.tenant, marks)
        await self.store.commit(
            Changeset(
                revisions=(Revision(key, version, document, AT, AT, "writer"),), **sealing.parts
            )
        )

    async def read(self, where: TenantArea, ref: str) -> str:
        sealer = Sealer(self.secrets, self.vault)
        return (await sealer.credential(self.store, where, CredentialRef(ref))).reveal()

    async def opens(self, where: TenantArea, values: Mapping[str, str]) -> bool:
        return {ref: await self.read(where, ref) for ref in values} == values

    async def every_value_opens(self) -> bool:
        """
        Whether each sealed value, also of old revisions, opens under the key that it names.
        """
        for sealed in self.state.secrets.values():
            key = await self.secrets.tenant_key(sealed.context.tenant, sealed.key_id)
            if key is None:
                return False
            self.vault.unseal(key, sealed)
        return True


@pytest.fixture
def hub() -> Hub:
    return Hub()


def values(count: int = 5) -> dict[str, str]:
    return {f"ref{number}": f"secret {number}" for number in range(count)}


async def with_tenants(hub: Hub, count: int = 3) -> list[TenantArea]:
    owners = [owner(f"tenant{number:04}") for number in range(count)]
    for where in owners:
        await hub.write(where, values(2))
    return owners


# The key ring at start


async def test_ring_with_every_needed_master_key_passes(hub: Hub) -> None:
    await with_tenants(hub)
    for vault in (hub.vault, MemorySecretVault("second", "first")):
        await CheckKeyRing(hub.secrets, vault)()
        assert await hub.secrets.master_ids() == {"first": 3}


async def test_any_ring_will_do_until_something_is_sealed(hub: Hub) -> None:
    stranger = CheckKeyRing(hub.secrets, MemorySecretVault("other"))
    await stranger()
    await with_tenants(hub, 1)
    with pytest.raises(MasterKeyMissingError):
        await stranger()


async def test_ring_without_needed_master_keys_is_refused_by_their_names(hub: Hub) -> None:
    for name in ("second", "first"):
        await Hub(MemorySecretVault(name), hub.state).write(owner(name), values())
    with pytest.raises(MasterKeyMissingError) as caught:
        await CheckKeyRing(hub.secrets, MemorySecretVault("third"))()
    assert caught.value.master_ids == ("first", "second")


async def test_ring_is_made_only_by_who_may(hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    vault = AesGcmSecretVault(KeyRingFile(path, ManualClock(AT)))
    check = CheckKeyRing(hub.secrets, vault)
    await check(make=False)
    assert not path.exists()
    await check()
    assert path.exists()


async def test_foreign_ring_is_taken_over_only_if_it_opens_all_that_is_stored(hub: Hub) -> None:
    vault = MemorySecretVault("first")
    check = CheckKeyRing(hub.secrets, vault)
    assert await check.while_running() is None
    vault.trouble = RingTrouble.FOREIGN
    # In an empty store, nothing tells which ring is right.
    assert await check.while_running() is RingTrouble.FOREIGN
    await Hub(MemorySecretVault("second"), hub.state).write(owner("second"), values())
    assert await check.while_running() is RingTrouble.FOREIGN
    both = MemorySecretVault("first", "second")
    both.trouble = RingTrouble.FOREIGN
    assert await CheckKeyRing(hub.secrets, both).while_running() is None
    vault.trouble = RingTrouble.MISSING
    assert await check.while_running() is RingTrouble.MISSING


# The master key


async def test_rotation_brings_every_data_key_under_the_current_master_key(hub: Hub) -> None:
    owners = await with_tenants(hub, 230)
    hub.vault = MemorySecretVault("second", "first")
    progress: list[int] = []
    report = await hub.rotate_master_key(caller=ANYBODY, on_progress=progress.append)
    assert report == MasterKeyRotation("second", 230)
    assert progress == [100, 200, 230]
    assert await hub.secrets.master_ids() == {"second": 230}
    hub.vault = MemorySecretVault("second")
    assert await hub.opens(owners[-1], values(2))


async def test_rotation_of_the_master_key_changes_no_sealed_value(hub: Hub) -> None:
    await with_tenants(hub)
    before = dict(hub.state.secrets)
    hub.vault = MemorySecretVault("second", "first")
    await hub.rotate_master_key(caller=ANYBODY)
    assert hub.state.secrets == before


async def test_rotation_of_the_master_key_is_audited_once(hub: Hub) -> None:
    await with_tenants(hub)
    hub.vault = MemorySecretVault("second", "first")
    await hub.rotate_master_key(caller=ANYBODY.because("INC-1"))
    assert await hub.rotate_master_key(caller=ANYBODY) == MasterKeyRotation("second", 0)
    assert await hub.audit() == [
        AuditEntry(AT, AuditAction.MASTER_KEY_ROTATED, ANYBODY.id, None, "second", reason="INC-1")
    ]


async def test_rotation_of_the_master_key_killed_at_any_step_is_completed(hub: Hub) -> None:
    owners = await with_tenants(hub)
    hub.vault = MemorySecretVault("second", "first")
    stored = {tenant: list(keys) for tenant, keys in hub.state.keys.items()}
    kills = 0
    while True:
        hub.state.keys = {tenant: list(keys) for tenant, keys in stored.items()}
        hub.state.audit.clear()
        hub.state.lives = kills
        try:
            await hub.rotate_master_key(caller=ANYBODY)
        except KilledError:
            kills += 1
        else:
            break
        finally:
            hub.state.lives = None
        assert all([await hub.opens(where, values(2)) for where in owners])
        assert (await hub.audit() != []) or hub.state.keys == stored
        await hub.rotate_master_key(caller=ANYBODY)
        assert await hub.secrets.master_ids() == {"second": 3}
        assert all([await hub.opens(where, values(2)) for where in owners])
    # Read, record, read, three keys, read.
    assert kills == 7


async def test_damaged_data_key_does_not_keep_the_others_back(hub: Hub) -> None:
    owners = await with_tenants(hub)
    (key,) = hub.state.keys[owners[0].tenant]
    hub.state.keys[owners[0].tenant] = [evolve(key, wrapped=b"damaged")]
    hub.vault = MemorySecretVault("second", "first")
    report = await hub.rotate_master_key(caller=ANYBODY)
    assert report == MasterKeyRotation("second", 2, damaged=(owners[0].tenant,))
    assert await hub.secrets.master_ids() == {"second": 2, "first": 1}


async def test_rotation_without_the_old_master_key_names_it_and_does_nothing(hub: Hub) -> None:
    await with_tenants(hub)
    hub.vault = MemorySecretVault("second")
    with pytest.raises(MasterKeyMissingError) as caught:
        await hub.rotate_master_key(caller=ANYBODY)
    assert caught.value.master_ids == ("first",)
    assert await hub.secrets.master_ids() == {"first": 3}


async def test_rotation_follows_an_operator_who_makes_another_key_current(
    hub: Hub, tmp_path: Path
) -> None:
    ring = KeyRingFile(tmp_path / "keyring.json", ManualClock(AT))
    hub.vault = AesGcmSecretVault(ring)
    await with_tenants(hub, 120)
    second, third = ring.add().id, ring.add().id
    ring.make_current(second)

    def change_of_mind(done: int) -> None:
        if done == 100:
            ring.make_current(third)

    report = await hub.rotate_master_key(caller=ANYBODY, on_progress=change_of_mind)
    assert report == MasterKeyRotation(third, 220)
    assert await hub.secrets.master_ids() == {third: 120}


# A tenant's data key


async def test_rotation_seals_every_secret_by_the_new_key_and_removes_the_old_one(
    hub: Hub,
) -> None:
    for version in range(3):
        await hub.write(owner(), {f"ref{n}": f"{version} {n}" for n in range(50)})
    (old,) = hub.state.keys[TENANT]
    progress: list[int] = []
    report = await hub.rotate_tenant_key(TENANT, caller=ANYBODY, on_progress=progress.append)
    (new,) = hub.state.keys[TENANT]
    assert report == TenantKeyRotation(new, resealed=150)
    assert new.key_id != old.key_id
    assert {sealed.key_id for sealed in hub.state.secrets.values()} == {new.key_id}
    assert progress == [100, 150]
    assert await hub.opens(owner(), {f"ref{n}": f"2 {n}" for n in range(50)})
    assert await hub.every_value_opens()


async def test_rotation_of_a_tenant_key_changes_no_document(hub: Hub) -> None:
    await hub.write(owner(), values())
    before = {key: list(history) for key, history in hub.state.histories.items()}
    marks = set(hub.state.secrets)
    await hub.rotate_tenant_key(TENANT, caller=ANYBODY)
    assert hub.state.histories == before
    assert set(hub.state.secrets) == marks


async def test_rotation_of_a_tenant_key_leaves_other_tenants_alone(hub: Hub) -> None:
    await hub.write(owner(), values())
    await hub.write(owner("neighbour"), values())
    before = list(hub.state.keys[NEIGHBOUR])
    await hub.rotate_tenant_key(TENANT, caller=ANYBODY)
    assert hub.state.keys[NEIGHBOUR] == before
    assert await hub.opens(owner("neighbour"), values())


async def test_old_key_opens_nothing_after_a_rotation(hub: Hub) -> None:
    await hub.write(owner(), values())
    (old,) = hub.state.keys[TENANT]
    await hub.rotate_tenant_key(TENANT, caller=ANYBODY)
    for sealed in hub.state.secrets.values():
        with pytest.raises(SealBrokenError):
            hub.vault.unseal(old, sealed)


async def test_rotation_of_a_tenant_key_is_audited(hub: Hub) -> None:
    await hub.write(owner(), values())
    report = await hub.rotate_tenant_key(TENANT, caller=ANYBODY.because("INC-1"))
    assert await hub.audit() == [
        AuditEntry(
            AT,
            AuditAction.TENANT_KEY_ROTATED,
            ANYBODY.id,
            TENANT,
            report.key.key_id,
            reason="INC-1",
        )
    ]


async def test_tenant_without_a_data_key_has_nothing_to_rotate(hub: Hub) -> None:
    with pytest.raises(TenantNotFoundError):
        await hub.rotate_tenant_key(TENANT, caller=ANYBODY)
    assert await hub.audit() == []


async def test_tenant_whose_secrets_were_all_pruned_gets_a_new_key(hub: Hub) -> None:
    await hub.write(owner(), values())
    hub.state.secrets.clear()
    (old,) = hub.state.keys[TENANT]
    report = await hub.rotate_tenant_key(TENANT, caller=ANYBODY)
    assert hub.state.keys[TENANT] == [report.key] != [old]


async def test_rotation_of_a_tenant_key_killed_at_any_step_is_completed(hub: Hub) -> None:
    await hub.write(owner(), values(3))
    keys, secrets = list(hub.state.keys[TENANT]), dict(hub.state.secrets)
    kills, resumed = 0, 0
    while True:
        hub.state.keys[TENANT], hub.state.secrets = list(keys), dict(secrets)
        hub.state.audit.clear()
        hub.state.lives = kills
        try:
            await hub.rotate_tenant_key(TENANT, caller=ANYBODY)
        except KilledError:
            kills += 1
        else:
            break
        finally:
            hub.state.lives = None
        assert await hub.opens(owner(), values(3))
        begun = len(hub.state.keys[TENANT]) > 1
        assert (await hub.audit() != []) or not begun
        left = [sealed for sealed in hub.state.secrets.values() if sealed.key_id == keys[0].key_id]
        active = hub.state.keys[TENANT][-1]

        report = await hub.rotate_tenant_key(TENANT, caller=ANYBODY)
        assert report.resumed == (begun and left != [])
        if report.resumed:
            resumed += 1
            assert report.key == active
            assert report.resealed == len(left)
        assert hub.state.keys[TENANT] == [report.key] != keys
        assert await hub.opens(owner(), values(3))
    # Four calls to see that nothing was left over, two for the new key, two to find the values,
    # two for each of them, three to finish. From the new key to the last value it is resumed.
    assert (kills, resumed) == (17, 8)


async def test_rotation_cut_in_the_middle_goes_on_for_old_values_too(hub: Hub) -> None:
    await hub.write(owner(), {"ref": "old"})
    await hub.write(owner(), {"ref": "new"})
    (active,) = hub.state.keys[TENANT]
    successor = hub.vault.new_tenant_key(TENANT, at=AT, succeeding=active)
    assert await hub.secrets.add_key(successor, successor_of=active)
    report = await hub.rotate_tenant_key(TENANT, caller=ANYBODY)
    assert report == TenantKeyRotation(successor, resealed=2, resumed=True)
    assert await hub.every_value_opens()


async def test_damaged_value_is_left_with_its_key_and_keeps_nothing_else_back(hub: Hub) -> None:
    await hub.write(owner(), values())
    place, sealed = next(iter(hub.state.secrets.items()))
    damaged = evolve(sealed, envelope=b"damaged")
    hub.state.secrets[place] = damaged
    (old,) = hub.state.keys[TENANT]
    for rotations in (1, 2):
        report = await hub.rotate_tenant_key(TENANT, caller=ANYBODY)
        assert (report.resealed, report.damaged) == (4, (place[0],))
        assert hub.state.keys[TENANT][0] == old
        assert hub.state.keys[TENANT][-1] == report.key
        assert len(hub.state.keys[TENANT]) == rotations + 1
    assert hub.state.secrets[place] == damaged
    assert await hub.opens(owner(), {"ref4": "secret 4"})


async def test_value_whose_key_is_lost_is_reported_as_damaged(hub: Hub) -> None:
    await hub.write(owner(), values(2))
    place, sealed = next(iter(hub.state.secrets.items()))
    hub.state.secrets[place] = evolve(sealed, key_id="0123456789abcdef")
    report = await hub.rotate_tenant_key(TENANT, caller=ANYBODY)
    assert (report.resealed, report.damaged) == (1, (place[0],))


async def test_value_that_is_pruned_during_the_rotation_is_not_damaged(hub: Hub) -> None:
    await hub.write(owner(), values(2))

    class PrunedStore(MemorySecretStore):
        async def tenant_key(self, tenant: TenantId, key_id: str) -> TenantKey | None:
            self.state.secrets.clear()
            return None

    rotate = evolve(hub.rotate_tenant_key, secrets=PrunedStore(hub.state))
    report = await rotate(TENANT, caller=ANYBODY)
    assert (report.resealed, report.damaged) == (0, ())


async def test_writer_that_sealed_by_a_removed_key_is_refused_and_leaves_no_trace(
    hub: Hub,
) -> None:
    await hub.write(owner(), values())
    late = await Sealer(hub.secrets, hub.vault)(
        owner(), {CredentialRef("late"): SecretText("late")}, known={}, at=AT
    )
    await hub.rotate_tenant_key(TENANT, caller=ANYBODY)
    before = dict(hub.state.secrets)
    with pytest.raises(TenantKeyChangedError):
        await hub.store.commit(Changeset(secrets=late.secrets, sealed_under=late.sealed_under))
    assert hub.state.secrets == before


async def test_value_sealed_by_the_old_key_during_the_rotation_comes_along(hub: Hub) -> None:
    await hub.write(owner(), values())
    late = await Sealer(hub.secrets, hub.vault)(
        owner(), {CredentialRef("late"): SecretText("late")}, known={}, at=AT
    )

    def write_late(_done: int) -> None:
        hub.state.apply(Changeset(secrets=late.secrets, sealed_under=late.sealed_under))

    report = await hub.rotate_tenant_key(TENANT, caller=ANYBODY, on_progress=write_late)
    assert report.resealed == 6
    assert hub.state.keys[TENANT] == [report.key]
    assert await hub.every_value_opens()


async def test_rotation_overtaken_by_another_one_gives_way(hub: Hub) -> None:
    await hub.write(owner(), values())

    def overtake(_done: int) -> None:
        active = hub.state.keys[TENANT][-1]
        newer = hub.vault.new_tenant_key(TENANT, at=AT, succeeding=active)
        hub.state.keys[TENANT].append(newer)

    with pytest.raises(TenantKeyChangedError):
        await hub.rotate_tenant_key(TENANT, caller=ANYBODY, on_progress=overtake)
    assert await hub.opens(owner(), values())
    assert (await hub.rotate_tenant_key(TENANT, caller=ANYBODY)).resumed


async def test_rotation_that_lost_the_race_for_the_first_step_leaves_no_key(hub: Hub) -> None:
    await hub.write(owner(), values())

    class FasterRotation(ManualClock):
        def now(self) -> datetime:
            (active,) = hub.state.keys[TENANT]
            newer = hub.vault.new_tenant_key(TENANT, at=AT, succeeding=active)
            hub.state.keys[TENANT].append(newer)
            return self.time

    rotate = evolve(hub.rotate_tenant_key, clock=FasterRotation(AT))
    with pytest.raises(TenantKeyChangedError):
        await rotate(TENANT, caller=ANYBODY)
    assert len(hub.state.keys[TENANT]) == 2


# All at once


@given(seed=st.integers(0, 2**32), rotations=st.integers(1, 3))
async def test_readers_and_writers_go_on_during_rotations(seed: int, rotations: int) -> None:
    hub = Hub(MemorySecretVault("second", "first"), chance=Random(seed))
    await Hub(MemorySecretVault("first"), hub.state).write(owner(), values(2))
    rotating = True

    async def read() -> None:
        while rotating:
            assert await hub.opens(owner(), values(2))

    async def write() -> None:
        for number in range(10):
            with suppress(TenantKeyChangedError):
                await hub.write(owner("acme", "other"), {"ref": f"{number}"})

    async def rotate() -> None:
        for _ in range(2):
            with suppress(TenantKeyChangedError):
                await hub.rotate_tenant_key(TENANT, caller=ANYBODY)

    readers = [asyncio.ensure_future(read()) for _ in range(3)]
    await asyncio.gather(
        write(),
        write(),
        hub.rotate_master_key(caller=ANYBODY),
        *(rotate() for _ in range(rotations)),
    )
    rotating = False
    await asyncio.gather(*readers)

    hub.chance = None
    await hub.rotate_tenant_key(TENANT, caller=ANYBODY)
    await hub.rotate_master_key(caller=ANYBODY)
    assert await hub.every_value_opens()
    assert await hub.opens(owner(), values(2))
    assert len(hub.state.keys[TENANT]) == 1
    assert await hub.secrets.master_ids() == {"second": 1}


@frozen(eq=False)
class IdleAuditLog(MemoryAuditLog):
    """
    Another process links its entries, later.
    """

    async def link(self, vouch: object, *, limit: int = 250) -> int:
        return 0


async def test_master_key_stays_while_something_needs_it() -> None:
    state, vault, clock = MemoryState(), MemorySecretVault("new", "old"), ManualClock(AT)
    spool = MemoryMessageSpool(SpoolLimits(64 * 1024))
    store, audit = MemoryConfigStore(state), IdleAuditLog(state)
    drop = DropMasterKey(MemorySecretStore(state), vault, store, audit, spool, clock)
    assert await drop("new", caller=ANYBODY) is MasterKeyNeed.NEW_DATA_KEYS
    assert await drop("old", caller=ANYBODY) is MasterKeyNeed.AUDIT_TRAIL
    add = SpoolArrival(spool, vault, CountingTokenSource())
    await add(SecretText("{}"), lane="1", holder="chatwoot/1", known=True, at=AT)
    assert await drop("old", caller=ANYBODY) is MasterKeyNeed.SPOOL
    assert set(vault.master_ids) == {"new", "old"}
