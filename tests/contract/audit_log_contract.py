"""
What every AuditLog promises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings

from odoo_ai_config.domain.access import Occasion
from odoo_ai_config.domain.audit import LinkedEntry, TrailEnd, Voucher, followed
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.documents.revisions import RetentionPolicy, tombstone
from odoo_ai_config.domain.identifiers import TenantId
from tests import strategies
from tests.contract.samples import AT, DAY, audit_entry, mapping, revision
from tests.contract.stores import StoreContract, Stores


def vouch(end: TrailEnd) -> Voucher:
    return Voucher("master", f"proof of {end}")


async def write(stores: Stores, *entries: AuditEntry) -> None:
    for entry in entries:
        await stores.config.commit(Changeset(audit=(entry,)))


async def linked(stores: Stores) -> list[LinkedEntry]:
    """
    Link what is pending, and return the whole trail, newest first.
    """
    while await stores.audit.link(vouch):
        pass
    return list(await stores.audit.entries(limit=10_000))


async def told(stores: Stores) -> list[AuditEntry]:
    return [one.entry for one in await linked(stores)]


def subjects(found: Sequence[LinkedEntry]) -> list[str]:
    return [one.entry.subject for one in found]


WHY = Occasion("INC-1", "request-1")


class AuditLogContract(StoreContract):
    async def test_nothing_was_done_at_first(self, stores: Stores) -> None:
        assert await stores.audit.link(vouch) == 0
        assert await stores.audit.entries() == []
        assert await stores.audit.entries(tenant=TenantId("acme")) == []
        assert await stores.audit.chain() == []
        assert await stores.audit.end() == (TrailEnd(), None)

    async def test_entries_are_pending_until_they_are_linked(self, stores: Stores) -> None:
        await write(stores, audit_entry("first"), audit_entry("second", day=1))
        assert await stores.audit.entries() == []
        assert await stores.audit.end() == (TrailEnd(), None)
        assert await stores.audit.link(vouch) == 2
        assert await stores.audit.link(vouch) == 0
        second, first = await stores.audit.entries()
        assert (first.number, second.number) == (1, 2)
        assert await stores.audit.chain() == [first, second]
        assert await stores.audit.end() == (second.end, vouch(second.end))

    async def test_chain_goes_on_where_it_ended(self, stores: Stores) -> None:
        for number in range(5):
            await write(stores, audit_entry(f"s{number}", day=number))
            assert await stores.audit.link(vouch) == 1
        chain = await stores.audit.chain()
        assert subjects(chain) == [f"s{number}" for number in range(5)]
        assert followed(TrailEnd(), chain) == (chain[-1].end, None)

    async def test_link_takes_the_oldest_up_to_its_limit(self, stores: Stores) -> None:
        days = [4, 0, 3, 1, 2]
        await write(stores, *(audit_entry(f"s{day}", day=day) for day in sorted(days)))
        assert await stores.audit.link(vouch, limit=3) == 3
        assert subjects(await stores.audit.chain()) == ["s0", "s1", "s2"]
        assert await stores.audit.link(vouch, limit=3) == 2
        assert subjects(await stores.audit.chain(after=3)) == ["s3", "s4"]

    async def test_entries_of_one_moment_are_in_the_order_they_came(self, stores: Stores) -> None:
        written = [audit_entry(f"s{number}") for number in range(15)]
        await write(stores, *written)
        assert await told(stores) == written[::-1]

    async def test_same_entry_twice_is_two_entries(self, stores: Stores) -> None:
        await write(stores, audit_entry(), audit_entry())
        await stores.config.commit(Changeset(audit=(audit_entry(), audit_entry())))
        assert await told(stores) == [audit_entry()] * 4

    @pytest.mark.parametrize("limit", [0, 1, 3, 7, 8])
    async def test_no_more_than_the_limit_are_told(self, stores: Stores, limit: int) -> None:
        await write(stores, *(audit_entry(f"s{day}", day=day) for day in range(7)))
        found = await linked(stores)
        assert await stores.audit.entries(limit=limit) == found[:limit]
        assert await stores.audit.chain(limit=limit) == found[::-1][:limit]

    async def test_hundred_are_told_unless_asked_for_more(self, stores: Stores) -> None:
        written = tuple(audit_entry(f"s{day}", day=day) for day in range(103))
        await stores.config.commit(Changeset(audit=written))
        assert len(await linked(stores)) == 103
        assert len(await stores.audit.entries()) == 100

    async def test_entries_of_one_tenant(self, stores: Stores) -> None:
        tenants = ["acme", "other", None, "acme", "Acme", "acme2", "acme"]
        written = [audit_entry(tenant=tenant, day=day) for day, tenant in enumerate(tenants)]
        await write(stores, *written)
        await linked(stores)
        found = await stores.audit.entries(tenant=TenantId("acme"))
        assert [one.entry for one in found] == [written[6], written[3], written[0]]
        assert await stores.audit.entries(tenant=TenantId("acme"), limit=2) == found[:2]

    @pytest.mark.parametrize("tenant", [None, TenantId("acme")])
    async def test_pages_follow_each_other_without_gaps(
        self, stores: Stores, tenant: TenantId | None
    ) -> None:
        tenants = ["acme", "acme", "other", "acme", "other", "acme", "acme"]
        for number, name in enumerate(tenants):
            await write(stores, audit_entry(f"s{number}", tenant=name, day=number // 3))
        wanted = [one for one in await linked(stores) if tenant in {None, one.entry.tenant}]
        found: list[LinkedEntry] = []
        while page := await stores.audit.entries(
            tenant=tenant, before=found[-1].number if found else None, limit=2
        ):
            found += page
            # An entry that is added meanwhile is newer than all remaining pages.
            await write(stores, audit_entry("meanwhile", day=9))
            await stores.audit.link(vouch)
        assert found == wanted

    async def test_nothing_is_beyond_the_ends(self, stores: Stores) -> None:
        await write(stores, audit_entry())
        await linked(stores)
        assert await stores.audit.entries(before=1) == []
        assert await stores.audit.chain(after=1) == []

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
        assert entry in await told(stores)
        chain = await stores.audit.chain(limit=10_000)
        assert followed(TrailEnd(), chain) == ((await stores.audit.end())[0], None)

    async def test_second_instance_sees_and_links_the_same(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        await write(stores, audit_entry("first"))
        await write(second_stores, audit_entry("second", day=1))
        assert subjects(await linked(stores)) == ["second", "first"]
        await write(stores, audit_entry("third", day=2))
        for instance in (second_stores, stores):
            assert subjects(await linked(instance)) == ["third", "second", "first"]

    async def test_all_who_link_at_once_link_each_entry_once(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        await write(stores, *(audit_entry(f"s{day}", day=day) for day in range(20)))
        await asyncio.gather(
            *(one.audit.link(vouch, limit=3) for one in (stores, second_stores) * 5)
        )
        assert subjects(await linked(stores)) == [f"s{day}" for day in reversed(range(20))]
        assert followed(TrailEnd(), await stores.audit.chain())[1] is None

    async def test_versions_of_documents_are_entries(self, stores: Stores) -> None:
        first = revision()
        await stores.config.commit(Changeset(revisions=(first,), occasion=WHY))
        deleted = tombstone(first, author="b", at=first.updated_at + DAY)
        await stores.config.commit(Changeset(revisions=(deleted,)))
        of_second, of_first = await told(stores)
        place = f"{first.key.domain}/{first.key.kind}"
        assert of_first == AuditEntry(
            first.updated_at,
            AuditAction.DOCUMENT_CHANGED,
            first.author,
            first.key.tenant,
            f"{place} v1",
            reason="INC-1",
            request_id="request-1",
        )
        assert of_second == AuditEntry(
            deleted.updated_at,
            AuditAction.DOCUMENT_DELETED,
            "b",
            first.key.tenant,
            f"{place} v2",
        )

    async def test_versions_of_mappings_are_entries(self, stores: Stores) -> None:
        first = mapping(tenant="acme")
        moved = evolve(
            mapping(tenant="other"), version=2, author="b", updated_at=first.updated_at + DAY
        )
        switched = evolve(
            moved,
            mapping=evolve(moved.mapping, active=False),
            version=3,
            updated_at=first.updated_at + 2 * DAY,
        )
        for number, one in enumerate((first, moved, switched)):
            await stores.config.commit(
                Changeset(mappings=(one,), occasion=Occasion(f"r{number}", f"q{number}"))
            )
        found = (await told(stores))[::-1]
        key = first.mapping.key
        assert [(str(one.tenant), one.actor, one.reason, one.request_id) for one in found] == [
            ("acme", first.author, "r0", "q0"),
            ("other", "b", "r1", "q1"),
            ("other", "b", "r2", "q2"),
        ]
        assert [one.subject.partition(":")[0] for one in found] == [
            f"{key} v1 added",
            f"{key} v2 moved",
            f"{key} v3 switched_off",
        ]

    async def test_entries_of_all_kinds_are_linked_by_time(self, stores: Stores) -> None:
        first = revision()
        later = mapping(tenant="acme")
        await stores.config.commit(
            Changeset(
                revisions=(first,),
                mappings=(evolve(later, updated_at=first.updated_at + 2 * DAY),),
                audit=(
                    evolve(audit_entry("between"), at=first.updated_at + DAY),
                    evolve(audit_entry("last"), at=first.updated_at + 3 * DAY),
                ),
                occasion=WHY,
            )
        )
        assert await stores.audit.link(vouch, limit=2) == 2
        assert await stores.audit.link(vouch, limit=2) == 2
        chain = await stores.audit.chain()
        actions = [one.entry.action for one in chain]
        assert actions == [
            AuditAction.DOCUMENT_CHANGED,
            AuditAction.CREDENTIAL_READ,
            AuditAction.CHANNEL_CHANGED,
            AuditAction.CREDENTIAL_READ,
        ]
        occasions = {Occasion(one.entry.reason, one.entry.request_id) for one in chain}
        assert occasions == {WHY}

    async def test_pruning_loses_no_entry(self, stores: Stores) -> None:
        first = revision()
        versions = [evolve(first, version=n, author=f"a{n}") for n in range(1, 6)]
        for one in versions:
            await stores.config.commit(Changeset(revisions=(one,)))
        channel = mapping(tenant="acme")
        for number in range(1, 6):
            one_mapping = evolve(channel, version=number, author=f"m{number}")
            await stores.config.commit(Changeset(mappings=(one_mapping,)))
        policy = RetentionPolicy(keep=1)
        await stores.config.prune(policy, now=AT + DAY)
        authors = {one.actor for one in await told(stores)}
        assert authors == {f"{kind}{n}" for kind in "am" for n in range(1, 6)}
        # Now they may go.
        await stores.config.prune(policy, now=AT + DAY)
        assert len(await stores.config.history(first.key)) == 1
        assert len(await stores.channels.history()) == 1
        assert len(await told(stores)) == 10
