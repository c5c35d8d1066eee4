"""
What every ChannelDirectory promises about the past: what was committed, and nothing else.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest
from attrs import evolve

from odoo_ai_config.application.errors import RequestRecordedError
from odoo_ai_config.application.ports.config_store import PruneReport
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.history import HistoryPlace, MappingChange, Unshown
from odoo_ai_config.domain.channels.mapping import ChannelKey, MappingRevision
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId
from tests.contract.samples import AT, DAY, mapping, request_record
from tests.contract.stores import StoreContract, Stores
from tests.trail import pruned

KEY = mapping().mapping.key
MICROSECOND = timedelta(microseconds=1)
ACME, OTHER = TenantId("acme"), TenantId("other")


async def write(stores: Stores, *revisions: MappingRevision) -> None:
    for revision in revisions:
        await stores.config.commit(Changeset(mappings=(revision,)))


def changes(*revisions: MappingRevision) -> list[MappingChange]:
    """
    The history of one channel with these *revisions*, oldest first.
    """
    return [*map(MappingChange.of, revisions, [None, *revisions])][::-1]


class MappingHistoryContract(StoreContract):
    async def test_nothing_has_a_past_at_first(self, stores: Stores) -> None:
        assert await stores.channels.history() == []
        assert await stores.channels.history(key=KEY, tenant=ACME) == []
        assert await stores.channels.changed_since(AT - DAY) == []
        assert await stores.channels.at(AT, [KEY]) == {}
        assert await stores.channels.revision(KEY, 1) is None

    async def test_every_revision_is_kept_as_it_was(self, stores: Stores) -> None:
        written = [
            mapping(version=1, numbers=(("5511987654321", "boss"),), fallback=True),
            mapping(version=2, tenant="other", sequence=3),
            mapping(version=3, tenant="other", active=False),
            mapping(version=4, numbers=(("12345678", "a"), ("12345678", "b"))),
        ]
        await write(stores, *written)
        for revision in written:
            assert await stores.channels.revision(KEY, revision.version) == revision
            assert await stores.channels.at(revision.updated_at, [KEY]) == {KEY: revision}
        for version in (-1, 0, 5, 2**80):
            assert await stores.channels.revision(KEY, version) is None
        assert await stores.channels.history() == changes(*written)
        assert await stores.channels.history(key=KEY) == changes(*written)
        elsewhere = ChannelKey(ChatwootId("1"))
        assert await stores.channels.history(key=elsewhere) == []
        assert await stores.channels.revision(elsewhere, 1) is None

    async def test_several_revisions_of_one_commit_are_kept(self, stores: Stores) -> None:
        first, second, third = (
            mapping(version=version, sequence=version) for version in (1, 2, 3)
        )
        await write(stores, first)
        await stores.config.commit(Changeset(mappings=(second, third)))
        assert await stores.channels.history() == changes(first, second, third)

    async def test_refused_commit_leaves_nothing_in_the_history(self, stores: Stores) -> None:
        first = mapping()
        await write(stores, first)
        there = Changeset(idempotency_record=request_record())
        await stores.config.commit(there)
        second = mapping(version=2, tenant="other")
        for refused in (
            Changeset(mappings=(mapping(version=3),)),
            Changeset(mappings=(second, mapping("2", version=2))),
            evolve(there, mappings=(second,)),
        ):
            with pytest.raises((RevisionConflictError, RequestRecordedError)):
                await stores.config.commit(refused)
            assert await stores.channels.history() == changes(first)
            assert await stores.channels.mappings() == [first]

    async def test_one_of_many_writers_makes_each_revision(self, stores: Stores) -> None:
        await write(stores, mapping())

        async def write_version(version: int, tenant: str) -> bool:
            try:
                await write(stores, mapping(version=version, tenant=tenant))
            except RevisionConflictError:
                return False
            return True

        for version in range(2, 6):
            won = await asyncio.gather(
                *(write_version(version, f"t{number}") for number in range(5))
            )
            assert won.count(True) == 1
        found = await stores.channels.history()
        assert [change.version for change in found] == [5, 4, 3, 2, 1]
        for newer, older in pairwise(found):
            assert newer.change.before == older.change.after
        (present,) = await stores.channels.mappings()
        assert found[0].change.after == present.mapping

    async def test_moments_are_exact_to_the_microsecond(self, stores: Stores) -> None:
        first, second = mapping(), mapping(version=2, sequence=2)
        await write(stores, first, second)
        assert await stores.channels.at(first.updated_at - MICROSECOND, [KEY]) == {}
        for moment, revision in (
            (first.updated_at, first),
            (second.updated_at - MICROSECOND, first),
            (second.updated_at, second),
            (second.updated_at + 1000 * DAY, second),
        ):
            assert await stores.channels.at(moment, [KEY]) == {KEY: revision}
        assert await stores.channels.changed_since(second.updated_at - MICROSECOND) == [second]
        assert await stores.channels.changed_since(second.updated_at) == []

    async def test_revisions_of_one_microsecond_have_an_order(self, stores: Stores) -> None:
        keys = [("10", "1"), ("2", None), (None, "3"), ("2", "1")]
        tied = [
            evolve(mapping(*key, version=version, sequence=version), updated_at=AT)
            for version in (1, 2)
            for key in keys
        ]
        await write(stores, *tied)
        places = sorted(
            (HistoryPlace(AT, one.mapping.key, one.version) for one in tied),
            key=lambda place: place.rank,
            reverse=True,
        )
        found = await stores.channels.history()
        assert [change.place for change in found] == places
        for number, place in enumerate(places):
            rest = await stores.channels.history(after=place)
            assert [change.place for change in rest] == places[number + 1 :]
        assert await stores.channels.history(after=HistoryPlace.before(AT)) == []
        later = HistoryPlace.before(AT + MICROSECOND)
        assert await stores.channels.history(after=later) == found
        newest = await stores.channels.at(AT, [place.key for place in places])
        assert {revision.version for revision in newest.values()} == {2}

    @pytest.mark.parametrize("limit", [0, 1, 2, 3, 4, 5])
    async def test_no_more_than_the_limit_are_told(self, stores: Stores, limit: int) -> None:
        written = [mapping(version=version, sequence=version) for version in range(1, 4)]
        await write(stores, *written, mapping("2"))
        expected = await stores.channels.history()
        assert len(expected) == 4
        assert await stores.channels.history(limit=limit) == expected[:limit]
        since = await stores.channels.changed_since(AT, limit=limit)
        assert since == (await stores.channels.mappings())[:limit]

    async def test_tenant_sees_what_it_had_before_or_after(self, stores: Stores) -> None:
        tenants = ["acme", "acme", "other", "third", "third", "acme", "other"]
        written = [
            mapping(version=version, tenant=tenant, sequence=version)
            for version, tenant in enumerate(tenants, start=1)
        ]
        await write(stores, *written, mapping("2", tenant="third"))
        everything = await stores.channels.history()
        versions = {"acme": [7, 6, 3, 2, 1], "other": [7, 4, 3], "nobody": []}
        for tenant, expected in versions.items():
            found = await stores.channels.history(tenant=TenantId(tenant))
            assert [change.version for change in found] == expected
            assert found == [one for one in everything if one.change.concerns(TenantId(tenant))]
            assert await stores.channels.history(tenant=TenantId(tenant), limit=2) == found[:2]
        present = await stores.channels.mappings()
        assert await stores.channels.changed_since(AT, tenant=OTHER) == [present[0]]
        assert await stores.channels.changed_since(AT, tenant=TenantId("third")) == present
        assert await stores.channels.changed_since(AT, tenant=TenantId("nobody")) == []

    async def test_tenant_sees_the_many_channels_that_it_lost(self, stores: Stores) -> None:
        channels = [str(number) for number in range(40)]
        for version, tenant in enumerate(["acme", "other", "acme", "third"], start=1):
            # Fewer each time: the tenant still has some, and lost some for good.
            mapped = (
                mapping(channel, version=version, tenant=tenant)
                for channel in channels[: 45 - 5 * version]
            )
            await stores.config.commit(Changeset(mappings=tuple(mapped)))
        everything = await stores.channels.history(limit=10_000)
        expected = [change for change in everything if change.change.concerns(ACME)]
        place: HistoryPlace | None = None
        for start in range(0, len(expected), 30):
            page = await stores.channels.history(tenant=ACME, after=place, limit=30)
            assert page == expected[start : start + 30]
            place = page[-1].place
        assert await stores.channels.history(tenant=ACME, after=place) == []
        some = expected[0].change.key
        of_channel = [change for change in expected if change.change.key == some]
        assert await stores.channels.history(tenant=ACME, key=some) == of_channel
        present = await stores.channels.mappings()
        found: list[MappingRevision] = []
        while page_of_channels := await stores.channels.changed_since(
            AT, tenant=ACME, after=found[-1].mapping.key if found else None, limit=15
        ):
            found += page_of_channels
        assert found == present
        newest = max(revision.updated_at for revision in present)
        late = await stores.channels.changed_since(newest - MICROSECOND, tenant=ACME, limit=200)
        assert late == [revision for revision in present if revision.updated_at == newest]

    async def test_channels_that_changed_come_in_pages(self, stores: Stores) -> None:
        await write(stores, *(mapping(str(number)) for number in range(7)))
        present = await stores.channels.mappings()
        found: list[MappingRevision] = []
        while page := await stores.channels.changed_since(
            AT, after=found[-1].mapping.key if found else None, limit=3
        ):
            found += page
        assert found == present

    @pytest.mark.bulk
    async def test_many_channels_have_their_past_at_once(self, stores: Stores) -> None:
        first = tuple(mapping(str(number)) for number in range(1200))
        second = tuple(mapping(str(number), version=2, sequence=2) for number in range(0, 1200, 2))
        await stores.config.commit(Changeset(mappings=first))
        await stores.config.commit(Changeset(mappings=second))
        keys = [revision.mapping.key for revision in first]
        then = await stores.channels.at(first[0].updated_at, keys)
        assert then == {revision.mapping.key: revision for revision in first}
        now = await stores.channels.at(second[0].updated_at, keys)
        assert now == {**then, **{revision.mapping.key: revision for revision in second}}
        assert len(await stores.channels.history(limit=10_000)) == 1800

    async def test_second_instance_sees_the_past_at_once(
        self, stores: Stores, second_stores: Stores
    ) -> None:
        written = [mapping(version=version, sequence=version) for version in range(1, 5)]
        for revision, instance in zip(written, [stores, second_stores] * 2, strict=True):
            await write(instance, revision)
            for reader in (stores, second_stores):
                found = await reader.channels.history()
                assert found == changes(*written[: revision.version])

    @pytest.mark.parametrize(
        ("policy", "left"),
        [
            (RetentionPolicy(), [4, 3, 2, 1]),
            (RetentionPolicy(keep=1), [4]),
            (RetentionPolicy(keep=3), [4, 3, 2]),
            # Version n was written on day n; version 2 is three days old to the microsecond.
            (RetentionPolicy(max_age=3 * DAY), [4, 3, 2]),
            (RetentionPolicy(max_age=3 * DAY - MICROSECOND), [4, 3]),
            (RetentionPolicy(keep=2, max_age=4 * DAY), [4, 3]),
        ],
    )
    async def test_old_revisions_go_but_never_the_newest(
        self, stores: Stores, policy: RetentionPolicy, left: list[int]
    ) -> None:
        written = [mapping(version=version, sequence=version) for version in range(1, 5)]
        neighbour = mapping("2")
        await write(stores, *written, neighbour)
        report = await pruned(stores, policy, now=AT + 5 * DAY)
        assert report == PruneReport(mapping_revisions=4 - len(left))
        found = await stores.channels.history(key=KEY)
        assert [change.version for change in found] == left
        if left[-1] > 1:
            assert found[-1].change.before is Unshown.PRUNED
        for revision in written:
            kept = await stores.channels.revision(KEY, revision.version)
            assert kept == (revision if revision.version in left else None)
        assert await stores.channels.mappings() == [written[-1], neighbour]
        assert await pruned(stores, policy, now=AT + 5 * DAY) == PruneReport()
        # Far later, only the newest ones are left.
        await pruned(stores, RetentionPolicy(max_age=DAY), now=AT + 999 * DAY)
        assert await stores.channels.mappings() == [written[-1], neighbour]
        assert len(await stores.channels.history()) == 2
        await write(stores, mapping(version=5, sequence=5))
        assert [one.version for one in await stores.channels.history(key=KEY)] == [5, 4]

    async def test_pruning_removes_many_at_a_time(self, stores: Stores) -> None:
        for version in (1, 2, 3):
            await stores.config.commit(
                Changeset(
                    mappings=tuple(
                        mapping(str(number), version=version, sequence=version)
                        for number in range(100)
                    )
                )
            )
        report = await pruned(stores, RetentionPolicy(keep=1), now=AT)
        assert report == PruneReport(mapping_revisions=200)
        assert len(await stores.channels.history(limit=1000)) == 100
