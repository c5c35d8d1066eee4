"""
The guarantees of every SecretStore: no race loses a data key or a sealed value.
"""

from __future__ import annotations

import asyncio

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings

from odoo_ai_config.application.errors import TenantKeyChangedError
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.credentials.secrets import SealedSecret, TenantKey
from odoo_ai_config.domain.identifiers import TenantId
from tests import strategies
from tests.contract.samples import fingerprint, secret, tenant_key
from tests.contract.stores import StoreContract, Stores

ACME = TenantId("acme")
TENANTS = [f"t{number}" for number in range(12)]


async def begin(stores: Stores, *keys: TenantKey, secrets: tuple[SealedSecret, ...] = ()) -> None:
    """
    Give each tenant of *keys* its data keys, the first one first, and then *secrets*.
    """
    latest: dict[TenantId, TenantKey] = {}
    for key in keys:
        if key.tenant in latest:
            assert await stores.secrets.add_key(key, successor_of=latest[key.tenant])
        else:
            await stores.config.commit(Changeset(new_tenant_key=key))
        latest[key.tenant] = key
    await stores.config.commit(Changeset(secrets=secrets))


async def stored(stores: Stores, sealed: SealedSecret) -> SealedSecret | None:
    return await stores.secrets.sealed(sealed.context, sealed.fingerprint)


async def require_openable(stores: Stores, sealed: SealedSecret) -> None:
    """
    Require that a stored sealed value has the data key that opens it.
    """
    found = await stored(stores, sealed)
    if found is not None:
        tenant = sealed.context.tenant
        assert await stores.secrets.tenant_key(tenant, found.key_id) is not None


class TenantKeyContract(StoreContract):
    async def test_newest_keys_are_listed_by_tenant(self, stores: Stores) -> None:
        for tenant in ("b", "a", "c"):
            await stores.config.commit(Changeset(new_tenant_key=tenant_key(tenant)))
        newer = tenant_key("b", "k2")
        assert await stores.secrets.add_key(newer, successor_of=tenant_key("b"))
        first = await stores.secrets.active_keys(limit=2)
        assert list(first) == [tenant_key("a"), newer]
        assert list(await stores.secrets.active_keys(after=TenantId("b"))) == [tenant_key("c")]

    async def test_nothing_is_known_at_first(self, stores: Stores) -> None:
        assert await stores.secrets.active_key(ACME) is None
        assert await stores.secrets.tenant_key(ACME, "k1") is None
        assert await stored(stores, secret()) is None
        assert dict(await stores.secrets.master_ids()) == {}
        assert await stores.secrets.keys_not_wrapped_by("m1", limit=10) == []
        assert await stores.secrets.secrets_not_sealed_by(tenant_key(), limit=10) == []
        assert not await stores.secrets.rewrap(tenant_key(), tenant_key(master_id="m2"))
        assert not await stores.secrets.add_key(tenant_key(key_id="k2"), successor_of=tenant_key())
        assert not await stores.secrets.reseal(secret(), secret(envelope=b"new"))
        assert not await stores.secrets.retire_keys(tenant_key())
        assert await stores.secrets.active_key(ACME) is None

    async def test_newest_key_is_the_active_one(self, stores: Stores) -> None:
        keys = [tenant_key(key_id=id_) for id_ in ("k9", "k1", "k5")]
        await begin(stores, *keys, tenant_key("other"))
        assert await stores.secrets.active_key(ACME) == keys[-1]
        for key in keys:
            assert await stores.secrets.tenant_key(ACME, key.key_id) == key
        assert await stores.secrets.active_key(TenantId("other")) == tenant_key("other")
        assert await stores.secrets.tenant_key(TenantId("other"), "k9") is None

    @settings(
        suppress_health_check=[
            HealthCheck.too_slow,
            # Every example has its own tenant.
            HealthCheck.function_scoped_fixture,
            # The same test runs for every technology.
            HealthCheck.differing_executors,
        ]
    )
    @given(key=strategies.tenant_keys(), sealed=strategies.sealed_secrets())
    async def test_key_and_value_are_kept_to_the_byte(
        self, stores: Stores, key: TenantKey, sealed: SealedSecret
    ) -> None:
        known = sum((await stores.secrets.master_ids()).values())
        tenant = TenantId(f"example-{known}")
        owner = evolve(sealed.context.owner, tenant=tenant)
        key = evolve(key, tenant=tenant)
        sealed = evolve(sealed, key_id=key.key_id, context=evolve(sealed.context, owner=owner))
        await stores.config.commit(Changeset(new_tenant_key=key, secrets=(sealed,)))
        assert await stores.secrets.active_key(tenant) == key
        assert await stores.secrets.tenant_key(tenant, key.key_id) == key
        assert await stored(stores, sealed) == sealed

    async def test_value_is_found_under_its_whole_context_only(self, stores: Stores) -> None:
        sealed = secret()
        await begin(stores, tenant_key(), secrets=(sealed,))
        elsewhere = [
            (secret("other").context, sealed.fingerprint),
            (secret(domain="sales").context, sealed.fingerprint),
            (secret(ref="odoo2").context, sealed.fingerprint),
            (evolve(sealed.context, purpose="webhook"), sealed.fingerprint),
            (sealed.context, fingerprint(2)),
        ]
        for context, mark in elsewhere:
            assert await stores.secrets.sealed(context, mark) is None

    async def test_purposes_keep_values_apart(self, stores: Stores) -> None:
        first = secret()
        second = evolve(
            first, context=evolve(first.context, purpose="webhook"), envelope=b"another"
        )
        await begin(stores, tenant_key(), secrets=(first, second))
        assert await stored(stores, first) == first
        assert await stored(stores, second) == second


class RotationContract(StoreContract):
    async def test_master_keys_are_counted(self, stores: Stores) -> None:
        await begin(
            stores,
            tenant_key("a", "k1", "m1"),
            tenant_key("a", "k2", "m2"),
            tenant_key("b", "k1", "m2"),
            tenant_key("c", "k1", "m2"),
        )
        assert dict(await stores.secrets.master_ids()) == {"m1": 1, "m2": 3}

    async def test_keys_of_other_masters_are_listed_in_a_stable_order(
        self, stores: Stores
    ) -> None:
        old = [tenant_key(tenant) for tenant in TENANTS] + [tenant_key("t1", "k2")]
        await begin(stores, *old, tenant_key("new", master_id="m2"))
        listed = list(await stores.secrets.keys_not_wrapped_by("m2", limit=100))
        assert sorted(listed, key=repr) == sorted(old, key=repr)
        assert await stores.secrets.keys_not_wrapped_by("m2", limit=100) == listed
        assert await stores.secrets.keys_not_wrapped_by("m2", limit=5) == listed[:5]
        assert await stores.secrets.keys_not_wrapped_by("m2", limit=0) == []
        assert len(await stores.secrets.keys_not_wrapped_by("m3", limit=100)) == len(old) + 1

    async def test_rewrapping_in_pages_comes_to_an_end(self, stores: Stores) -> None:
        await begin(stores, *map(tenant_key, TENANTS), tenant_key("t1", "k2"))
        rounds = 0
        while page := await stores.secrets.keys_not_wrapped_by("m2", limit=5):
            for key in page:
                new = tenant_key(str(key.tenant), key.key_id, "m2")
                assert await stores.secrets.rewrap(key, new)
            rounds += 1
        assert rounds == 3
        assert dict(await stores.secrets.master_ids()) == {"m2": 13}
        assert await stores.secrets.active_key(TenantId("t1")) == tenant_key("t1", "k2", "m2")

    async def test_rewrapped_key_keeps_its_place(self, stores: Stores) -> None:
        first, second = tenant_key(key_id="k1"), tenant_key(key_id="k2")
        await begin(stores, first, second, tenant_key("other"), secrets=(secret(),))
        new = tenant_key(key_id="k1", master_id="m2")
        assert await stores.secrets.rewrap(first, new)
        assert await stores.secrets.active_key(ACME) == second
        assert await stores.secrets.tenant_key(ACME, "k1") == new
        assert await stores.secrets.active_key(TenantId("other")) == tenant_key("other")
        assert await stored(stores, secret()) == secret()

    async def test_key_that_changed_is_not_rewrapped(self, stores: Stores) -> None:
        await begin(stores, tenant_key())
        second, third = tenant_key(master_id="m2"), tenant_key(master_id="m3")
        assert await stores.secrets.rewrap(tenant_key(), second)
        assert not await stores.secrets.rewrap(tenant_key(), third)
        assert not await stores.secrets.rewrap(evolve(second, wrapped=b"else"), third)
        assert not await stores.secrets.rewrap(tenant_key("other", master_id="m2"), third)
        assert not await stores.secrets.rewrap(tenant_key(key_id="k2"), third)
        assert await stores.secrets.active_key(ACME) == second

    async def test_key_succeeds_the_active_one_only(self, stores: Stores) -> None:
        first, second = tenant_key(key_id="k1"), tenant_key(key_id="k2")
        await begin(stores, first, second)
        assert not await stores.secrets.add_key(tenant_key(key_id="k3"), successor_of=first)
        assert await stores.secrets.active_key(ACME) == second
        assert await stores.secrets.tenant_key(ACME, "k3") is None

    async def test_one_of_many_successors_wins(self, stores: Stores) -> None:
        await begin(stores, tenant_key())
        successors = [tenant_key(key_id=f"s{number}") for number in range(12)]
        added = await asyncio.gather(
            *(stores.secrets.add_key(key, successor_of=tenant_key()) for key in successors)
        )
        assert sum(added) == 1
        assert await stores.secrets.active_key(ACME) == successors[added.index(True)]
        assert dict(await stores.secrets.master_ids()) == {"m1": 2}

    async def test_one_of_many_rewraps_wins(self, stores: Stores) -> None:
        await begin(stores, tenant_key())
        wrapped = [tenant_key(master_id=f"m{number}") for number in range(2, 14)]
        done = await asyncio.gather(*(stores.secrets.rewrap(tenant_key(), key) for key in wrapped))
        assert sum(done) == 1
        assert await stores.secrets.active_key(ACME) == wrapped[done.index(True)]

    async def test_values_of_other_keys_are_listed(self, stores: Stores) -> None:
        old = [secret(ref=f"r{number}", number=number) for number in range(7)]
        new = secret(ref="new", key_id="k2")
        foreign = secret("other")
        second = tenant_key(key_id="k2")
        await begin(
            stores, tenant_key(), second, tenant_key("other"), secrets=(*old, new, foreign)
        )
        listed = await stores.secrets.secrets_not_sealed_by(second, limit=100)
        assert sorted(listed, key=repr) == sorted(old, key=repr)
        assert await stores.secrets.secrets_not_sealed_by(tenant_key(), limit=100) == [new]
        assert len(await stores.secrets.secrets_not_sealed_by(second, limit=3)) == 3
        assert await stores.secrets.secrets_not_sealed_by(second, limit=0) == []

    async def test_resealing_in_pages_comes_to_an_end(self, stores: Stores) -> None:
        old = tuple(secret(ref=f"r{number}", number=number) for number in range(12))
        second = tenant_key(key_id="k2")
        await begin(stores, tenant_key(), second, secrets=old)
        rounds = 0
        while page := await stores.secrets.secrets_not_sealed_by(second, limit=5):
            for sealed in page:
                new = evolve(sealed, key_id="k2", envelope=b"new")
                assert await stores.secrets.reseal(sealed, new)
            rounds += 1
        assert rounds == 3
        for sealed in old:
            assert await stored(stores, sealed) == evolve(sealed, key_id="k2", envelope=b"new")

    async def test_value_that_changed_is_not_resealed(self, stores: Stores) -> None:
        await begin(
            stores,
            tenant_key(),
            tenant_key(key_id="k2"),
            tenant_key("other"),
            secrets=(secret(), secret("other")),
        )
        new = secret(key_id="k2", envelope=b"new")
        assert not await stores.secrets.reseal(secret(envelope=b"else"), new)
        assert not await stores.secrets.reseal(secret(number=2), evolve(new, envelope=b"2"))
        assert await stored(stores, secret()) == secret()
        assert await stores.secrets.reseal(secret(), new)
        assert not await stores.secrets.reseal(secret(), evolve(new, envelope=b"late"))
        assert await stored(stores, secret()) == new
        assert await stored(stores, secret("other")) == secret("other")

    @pytest.mark.parametrize("gone", ["never", "k1", "of-other"])
    async def test_value_is_not_resealed_under_a_key_that_is_not_there(
        self, stores: Stores, gone: str
    ) -> None:
        second = tenant_key(key_id="k2")
        now = secret(key_id="k2")
        await begin(stores, tenant_key(), second, tenant_key("other", "of-other"), secrets=(now,))
        assert await stores.secrets.retire_keys(second)
        assert not await stores.secrets.reseal(now, evolve(now, key_id=gone))
        assert await stored(stores, now) == now

    async def test_keys_that_seal_nothing_are_retired(self, stores: Stores) -> None:
        keys = [tenant_key(key_id=id_) for id_ in ("k1", "k2", "k3")]
        neighbours = [tenant_key("other", "k1"), tenant_key("other", "k2")]
        now = secret(key_id="k3")
        await begin(stores, *keys, *neighbours, secrets=(now, secret("other", key_id="k1")))
        assert await stores.secrets.retire_keys(keys[-1])
        assert await stores.secrets.tenant_key(ACME, "k1") is None
        assert await stores.secrets.tenant_key(ACME, "k2") is None
        assert await stores.secrets.active_key(ACME) == keys[-1]
        assert await stored(stores, now) == now
        for key in neighbours:
            assert await stores.secrets.tenant_key(key.tenant, key.key_id) == key
        assert await stores.secrets.retire_keys(keys[-1])

    async def test_no_key_is_retired_while_one_seals_a_value(self, stores: Stores) -> None:
        keys = [tenant_key(key_id=id_) for id_ in ("k1", "k2", "k3")]
        await begin(stores, *keys, secrets=(secret(key_id="k2"),))
        assert not await stores.secrets.retire_keys(keys[-1])
        for key in keys:
            assert await stores.secrets.tenant_key(ACME, key.key_id) == key

    async def test_key_that_is_not_active_retires_none(self, stores: Stores) -> None:
        first, second = tenant_key(key_id="k1"), tenant_key(key_id="k2")
        await begin(stores, first, second)
        assert not await stores.secrets.retire_keys(first)
        assert await stores.secrets.active_key(ACME) == second
        assert await stores.secrets.tenant_key(ACME, "k1") == first

    async def test_value_committed_while_its_key_retires_can_be_opened(
        self, stores: Stores
    ) -> None:
        new = {tenant: tenant_key(tenant, "k2") for tenant in TENANTS}
        for tenant in TENANTS:
            await begin(stores, tenant_key(tenant), new[tenant])
        late = {tenant: secret(tenant) for tenant in TENANTS}

        async def commit(tenant: str) -> bool:
            try:
                await stores.config.commit(
                    Changeset(secrets=(late[tenant],), sealed_under=tenant_key(tenant))
                )
            except TenantKeyChangedError:
                return False
            return True

        for tenant in TENANTS:
            committed, retired = await asyncio.gather(
                commit(tenant), stores.secrets.retire_keys(new[tenant])
            )
            assert committed != retired
            assert (await stored(stores, late[tenant]) is not None) == committed
            await require_openable(stores, late[tenant])

    async def test_value_resealed_while_the_key_retires_can_be_opened(
        self, stores: Stores
    ) -> None:
        for tenant in TENANTS:
            newest = tenant_key(tenant, "k3")
            now = secret(tenant, key_id="k3")
            await begin(
                stores, tenant_key(tenant), tenant_key(tenant, "k2"), newest, secrets=(now,)
            )
            # An overtaken rotation still reseals under the key that it created.
            resealed, retired = await asyncio.gather(
                stores.secrets.reseal(now, evolve(now, key_id="k2", envelope=b"late")),
                stores.secrets.retire_keys(newest),
            )
            assert resealed != retired
            await require_openable(stores, now)

    async def test_key_to_seal_with_is_the_active_one(self, stores: Stores) -> None:
        assert await stores.secrets.sealing_key(ACME) is None
        first, second = tenant_key(key_id="k1"), tenant_key(key_id="k2")
        await begin(stores, first, second)
        assert await stores.secrets.sealing_key(ACME) == second
        await stores.config.commit(Changeset(secrets=(secret(),), sealed_under=second))
        assert await stores.secrets.sealing_key(ACME) == second

    async def test_nothing_is_sealed_with_a_key_from_before_another_instance_made_one(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        first, second = tenant_key(key_id="k1"), tenant_key(key_id="k2")
        await begin(stores, first)
        assert await stores.secrets.sealing_key(ACME) == first
        assert await second_stores.secrets.add_key(second, successor_of=first)
        assert await stores.secrets.active_key(ACME) == second
        offered = await stores.secrets.sealing_key(ACME)
        if offered != second:
            assert offered == first
            with pytest.raises(TenantKeyChangedError):
                await stores.config.commit(Changeset(secrets=(secret(),), sealed_under=first))
            assert await stored(stores, secret()) is None
        assert await stores.secrets.sealing_key(ACME) == second

    async def test_key_to_seal_with_may_be_wrapped_anew_meanwhile(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        await begin(stores, tenant_key())
        offered = await stores.secrets.sealing_key(ACME)
        assert await second_stores.secrets.rewrap(tenant_key(), tenant_key(master_id="m2"))
        await stores.config.commit(Changeset(secrets=(secret(),), sealed_under=offered))
        assert await stored(stores, secret()) == secret()

    async def test_second_instance_sees_keys_and_values(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        second = tenant_key(key_id="k2")
        assert await second_stores.secrets.active_key(ACME) is None
        await begin(stores, tenant_key(), secrets=(secret(),))
        assert await second_stores.secrets.active_key(ACME) == tenant_key()
        assert await second_stores.secrets.add_key(second, successor_of=tenant_key())
        assert await stores.secrets.active_key(ACME) == second
        assert await second_stores.secrets.reseal(secret(), secret(key_id="k2"))
        assert await stored(stores, secret()) == secret(key_id="k2")
        assert await second_stores.secrets.retire_keys(second)
        assert await stores.secrets.tenant_key(ACME, "k1") is None
        with pytest.raises(TenantKeyChangedError):
            await stores.config.commit(
                Changeset(secrets=(secret(number=2),), sealed_under=tenant_key())
            )


class SecretStoreContract(TenantKeyContract, RotationContract):
    """
    All guarantees of the port.
    """
