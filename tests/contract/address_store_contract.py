"""
What every AddressStore promises.
"""

from __future__ import annotations

from attrs import evolve
from hypothesis import HealthCheck, given, settings

from odoo_ai_config.domain.addresses import Address
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.identifiers import TenantId
from tests import strategies
from tests.contract.samples import AT, DAY, MINUTE, address, address_use
from tests.contract.stores import StoreContract, Stores


async def write(stores: Stores, *addresses: Address) -> None:
    for one in addresses:
        await stores.config.commit(Changeset(addresses=(one,)))


async def use(stores: Stores, id_: str = "d1", minute: int = 0) -> None:
    await stores.config.commit(Changeset(address_uses=(address_use(id_, minute),)))


async def ids(stores: Stores, tenant: str | None = None, **page: str | int) -> list[str]:
    of = None if tenant is None else TenantId(tenant)
    after, limit = page.get("after"), page.get("limit", 100)
    found = await stores.addresses.addresses(
        tenant=of, after=None if after is None else str(after), limit=int(limit)
    )
    return [one.id for one in found]


class AddressStoreContract(StoreContract):
    async def test_no_address_is_known_at_first(self, stores: Stores) -> None:
        assert await stores.addresses.address("d1") is None
        assert await stores.addresses.addresses() == []
        assert await stores.addresses.revoked_ids() == frozenset()

    async def test_address_is_found_by_its_whole_id(self, stores: Stores) -> None:
        await write(stores, address("d1"), address("D1", "other"))
        assert await stores.addresses.address("d1") == address("d1")
        assert await stores.addresses.address("D1") == address("D1", "other")
        for unknown in ("d", "d11", "", "%", "d1\u0000"):
            assert await stores.addresses.address(unknown) is None

    async def test_address_is_no_api_key(self, stores: Stores) -> None:
        await write(stores, address("d1"))
        assert await stores.api_keys.api_key("d1") is None
        assert await stores.api_keys.api_keys() == []

    async def test_revoked_address_takes_the_place_of_the_address(self, stores: Stores) -> None:
        revoked = address("d1").revoked(AT + DAY, "a2")
        await write(stores, address("d1"), address("d2"), revoked)
        assert await stores.addresses.address("d1") == revoked
        assert await stores.addresses.address("d2") == address("d2")
        assert await stores.addresses.revoked_ids() == {"d1"}

    async def test_addresses_are_listed_page_by_page(self, stores: Stores) -> None:
        await write(stores, *(address(f"d{number}") for number in (3, 1, 5, 2, 4)))
        assert await ids(stores) == ["d1", "d2", "d3", "d4", "d5"]
        assert await ids(stores, limit=2) == ["d1", "d2"]
        assert await ids(stores, after="d2", limit=2) == ["d3", "d4"]
        assert await ids(stores, after="d5") == []

    async def test_addresses_of_one_tenant_are_listed(self, stores: Stores) -> None:
        await write(stores, address("d1"), address("d2", "other"), address("d3"))
        assert await ids(stores, "acme") == ["d1", "d3"]
        assert await ids(stores, "acme", after="d1") == ["d3"]
        assert await ids(stores, "other", limit=1) == ["d2"]
        assert await ids(stores, "nobody") == []

    async def test_latest_use_counts(self, stores: Stores) -> None:
        await write(stores, address("d1"), address("d2"))
        for minute in (3, 7, 5):
            await use(stores, "d1", minute)
        found = await stores.addresses.address("d1")
        assert found == evolve(address("d1"), used_at=AT + 7 * MINUTE)
        assert await stores.addresses.address("d2") == address("d2")

    async def test_use_does_not_undo_a_revocation(self, stores: Stores) -> None:
        revoked = address("d1").revoked(AT + DAY, "a2")
        await write(stores, address("d1"))
        assert await stores.addresses.address("d1") == address("d1")
        await write(stores, revoked)
        await use(stores, "d1")
        assert await stores.addresses.address("d1") == evolve(revoked, used_at=AT)

    async def test_use_of_an_unknown_address_makes_none(self, stores: Stores) -> None:
        await use(stores, "nobody")
        assert await stores.addresses.addresses() == []

    @settings(
        suppress_health_check=[
            HealthCheck.too_slow,
            # An address replaces one with the same id of an earlier example.
            HealthCheck.function_scoped_fixture,
            # The same test runs for every technology.
            HealthCheck.differing_executors,
        ]
    )
    @given(kept=strategies.addresses())
    async def test_address_is_kept_as_it_was(self, stores: Stores, kept: Address) -> None:
        await write(stores, kept)
        assert await stores.addresses.address(kept.id) == kept

    async def test_second_instance_sees_a_new_and_a_revoked_address_at_once(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        assert await second_stores.addresses.address("d1") is None
        await write(stores, address("d1"))
        assert await second_stores.addresses.address("d1") == address("d1")
        revoked = address("d1").revoked(AT + DAY, "a2")
        await write(stores, revoked)
        assert await second_stores.addresses.address("d1") == revoked
