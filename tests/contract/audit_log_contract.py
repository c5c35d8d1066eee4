"""
What every AuditLog promises.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from odoo_ai_config.domain.changes import AuditEntry, AuditId, Changeset
from odoo_ai_config.domain.identifiers import TenantId
from tests import strategies
from tests.contract.samples import audit_entry
from tests.contract.stores import StoreContract, Stores


async def write(stores: Stores, *entries: AuditEntry) -> None:
    for entry in entries:
        await stores.config.commit(Changeset(audit=(entry,)))


class AuditLogContract(StoreContract):
    async def test_nothing_was_done_at_first(self, stores: Stores) -> None:
        assert await stores.audit.entries() == []
        assert await stores.audit.entries(tenant=TenantId("acme")) == []

    async def test_entries_are_told_newest_first(self, stores: Stores) -> None:
        written = [audit_entry(f"s{day}", day=day) for day in range(5)]
        await write(stores, *written)
        assert await stores.audit.entries() == written[::-1]

    async def test_entries_of_one_moment_are_told_in_the_order_they_came(
        self, stores: Stores
    ) -> None:
        written = [audit_entry(f"s{number}") for number in range(15)]
        await write(stores, *written)
        assert await stores.audit.entries() == written[::-1]

    async def test_same_entry_twice_is_two_entries(self, stores: Stores) -> None:
        await write(stores, audit_entry(), audit_entry())
        await stores.config.commit(Changeset(audit=(audit_entry(), audit_entry())))
        assert await stores.audit.entries() == [audit_entry()] * 4

    @pytest.mark.parametrize("limit", [0, 1, 3, 7, 8])
    async def test_no_more_than_the_limit_are_told(self, stores: Stores, limit: int) -> None:
        written = [audit_entry(f"s{day}", day=day) for day in range(7)]
        await write(stores, *written)
        assert await stores.audit.entries(limit=limit) == written[::-1][:limit]

    async def test_hundred_are_told_unless_asked_for_more(self, stores: Stores) -> None:
        written = tuple(audit_entry(f"s{day}", day=day) for day in range(103))
        await stores.config.commit(Changeset(audit=written))
        assert len(await stores.audit.entries()) == 100
        assert len(await stores.audit.entries(limit=1000)) == 103

    async def test_entries_of_one_tenant(self, stores: Stores) -> None:
        tenants = ["acme", "other", None, "acme", "Acme", "acme2", "acme"]
        written = [audit_entry(tenant=tenant, day=day) for day, tenant in enumerate(tenants)]
        await write(stores, *written)
        found = await stores.audit.entries(tenant=TenantId("acme"))
        assert found == [written[6], written[3], written[0]]
        assert await stores.audit.entries(tenant=TenantId("acme"), limit=2) == found[:2]

    @pytest.mark.parametrize("tenant", [None, TenantId("acme")])
    async def test_pages_follow_each_other_without_gaps(
        self, stores: Stores, tenant: TenantId | None
    ) -> None:
        # Several entries per moment, so that a page ends between two of them.
        tenants = ["acme", "acme", "other", "acme", "other", "acme", "acme"]
        written = [
            audit_entry(f"s{number}", tenant=name, day=number // 3)
            for number, name in enumerate(tenants)
        ]
        await write(stores, *written)
        wanted = [entry for entry in written[::-1] if tenant in {None, entry.tenant}]
        found: list[AuditEntry] = []
        while page := await stores.audit.entries(
            tenant=tenant, after=found[-1].id if found else None, limit=2
        ):
            found += page
            # An entry that is added meanwhile is newer than all remaining pages.
            await write(stores, audit_entry("meanwhile", day=9))
        assert found == wanted
        assert len({entry.id for entry in found}) == len(wanted)

    @pytest.mark.parametrize("text", ["0", "999999", "a1", "f" * 24])
    async def test_nothing_is_behind_an_entry_that_is_not_there(
        self, stores: Stores, text: str
    ) -> None:
        await stores.config.commit(Changeset(audit=(audit_entry(),)))
        assert await stores.audit.entries(after=AuditId(text)) == []

    @settings(
        suppress_health_check=[
            HealthCheck.too_slow,
            # Entries of earlier examples stay.
            HealthCheck.function_scoped_fixture,
            # The same test runs for every technology.
            HealthCheck.differing_executors,
        ]
    )
    @given(entry=strategies.audit_entries())
    async def test_entry_is_kept_as_it_was(self, stores: Stores, entry: AuditEntry) -> None:
        await write(stores, entry)
        assert entry in await stores.audit.entries(limit=10_000)

    async def test_second_instance_sees_new_entries(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        await write(stores, audit_entry("first"))
        await write(second_stores, audit_entry("second", day=1))
        for instance in (stores, second_stores):
            found = await instance.audit.entries()
            assert [entry.subject for entry in found] == ["second", "first"]
