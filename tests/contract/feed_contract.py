"""
The guarantees of the feed, over every store.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from attrs import evolve

from odoo_ai_config.application.documents.writing import DocumentWrite
from odoo_ai_config.application.feed import BEGIN, FeedPage
from odoo_ai_config.domain.access import ScopeMissingError
from odoo_ai_config.domain.audit import TrailEnd
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.collections import CollectionSync, Item
from odoo_ai_config.domain.errors import TenantForbiddenError
from odoo_ai_config.domain.feed import Change, FeedCompactedError, FeedKind, Interest
from odoo_ai_config.domain.identifiers import CONFIG, ChatwootId, TenantId
from tests.contract.moving_contract import over, seal
from tests.contract.samples import collection_key, owner
from tests.contract.stores import StoreContract, Stores
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to

ACME, OTHER = owner("acme"), owner("other")
CHANNEL = ChannelKey(ChatwootId("1"), ChatwootId("7"))
WRITERS, WRITES = 5, 12


async def publish(hub: MemoryHub, tenant: str, number: int) -> None:
    write = DocumentWrite(owner(tenant).document(CONFIG), ANYBODY)
    await hub.publish_document(write, text=f'{{"number": {number}}}')


async def read_on(hub: MemoryHub, since: str, *, limit: int = 1000) -> FeedPage:
    return await hub.read_feed(since, caller=ANYBODY, limit=limit)


def summary(changes: tuple[Change, ...]) -> list[tuple[str, int | None]]:
    return [(change.kind.value, change.version) for change in changes]


class FeedContract(StoreContract):
    async def test_what_changed_is_told_and_no_value(self, stores: Stores) -> None:
        hub = over(stores)
        begin = await hub.read_feed(None, caller=ANYBODY)
        assert begin.changes == ()
        await publish(hub, "acme", 1)
        await seal(hub, ACME, "canary")
        await hub.sync_mapping(ChannelMapping(CHANNEL, ACME), caller=ANYBODY)
        items = CollectionSync((Item.of("1", {"name": "canary"}),), whole=True)
        await hub.sync_collection(collection_key(), items, caller=ANYBODY)
        await hub.pause_tenant(ACME.tenant, caller=ANYBODY)
        await hub.suspend_tenant(ACME.tenant, caller=ANYBODY)
        page = await read_on(hub, begin.cursor)
        told = summary(page.changes)
        for change in (
            ("config", 1),
            ("credentials", 1),
            ("mapping", 1),
            ("collection", 1),
            ("pause", None),
            ("tenant", None),
        ):
            assert change in told
        assert "canary" not in repr(page)
        assert await read_on(hub, page.cursor) == FeedPage((), page.cursor)

    async def test_reader_goes_on_where_it_was(self, stores: Stores) -> None:
        hub, since = over(stores), BEGIN
        seen: list[Change] = []
        for number in range(1, 6):
            await publish(hub, "acme", number)
            page = await read_on(hub, since, limit=2)
            seen += page.changes
            since = page.cursor
            assert not page.more
        assert summary(tuple(seen)) == [("config", number) for number in range(1, 6)]
        assert (await read_on(hub, BEGIN)).changes == tuple(seen)

    async def test_page_says_whether_more_follows(self, stores: Stores) -> None:
        hub, since = over(stores), BEGIN
        for number in range(1, 4):
            await publish(hub, "acme", number)
        # Now they are linked, before what comes next.
        await hub.read_feed(None, caller=ANYBODY)
        await hub.sync_mapping(ChannelMapping(CHANNEL, ACME), caller=ANYBODY)
        only = Interest(frozenset({FeedKind.MAPPING}))
        told: list[tuple[int, bool]] = []
        for _ in range(2):
            page = await hub.read_feed(since, caller=ANYBODY, interest=only, limit=2)
            told.append((len(page.changes), page.more))
            since = page.cursor
        # A page without changes is not the last one.
        assert told == [(0, True), (1, False)]

    async def test_cursor_of_another_store_is_refused(self, stores: Stores) -> None:
        hub = over(stores)
        await publish(hub, "acme", 1)
        end = (await read_on(hub, BEGIN)).cursor
        at = hub.vault.unveiled(end)
        assert at is not None
        elsewhere = (
            evolve(at, hash="f" * 64),
            evolve(at, number=at.number + 1),
            TrailEnd(0, "f" * 64),
        )
        for other in (*map(hub.vault.veil, elsewhere), end[:-1], "x", str(at)):
            with pytest.raises(FeedCompactedError):
                await read_on(hub, other)

    async def test_bound_reader_sees_its_own_changes(self, stores: Stores) -> None:
        hub = over(stores)
        await publish(hub, "acme", 1)
        await publish(hub, "other", 1)
        await hub.sync_mapping(ChannelMapping(CHANNEL, ACME), caller=ANYBODY)
        await hub.sync_mapping(ChannelMapping(CHANNEL, OTHER), caller=ANYBODY)
        for caller, tenant in ((bound_to("acme"), None), (ANYBODY, ACME.tenant)):
            page = await hub.read_feed(BEGIN, caller=caller, interest=Interest(tenant=tenant))
            assert {change.tenants for change in page.changes} == {(ACME.tenant,)}
            # It is told that it lost the channel, and not to whom.
            told = summary(page.changes)
            assert sorted(told) == [("config", 1), ("mapping", 1), ("mapping", 2)]
            assert told.index(("mapping", 1)) < told.index(("mapping", 2))
        other = Interest(tenant=TenantId("other"))
        with pytest.raises(TenantForbiddenError):
            await hub.read_feed(None, caller=bound_to("acme"), interest=other)
        with pytest.raises(ScopeMissingError):
            await hub.read_feed(None, caller=evolve(ANYBODY, scopes=frozenset()))

    async def test_kinds_are_chosen(self, stores: Stores) -> None:
        hub = over(stores)
        await publish(hub, "acme", 1)
        await hub.sync_mapping(ChannelMapping(CHANNEL, ACME), caller=ANYBODY)
        only = Interest(frozenset({FeedKind.MAPPING}))
        page = await hub.read_feed(BEGIN, caller=ANYBODY, interest=only)
        assert summary(page.changes) == [("mapping", 1)]

    async def test_nobody_sees_a_change_before_an_earlier_one(self, stores: Stores) -> None:
        hub = over(stores)
        writing = [asyncio.create_task(self._write(hub, f"w{n}")) for n in range(WRITERS)]
        seen: list[Change] = []
        since = BEGIN
        while not all(task.done() for task in writing):
            page = await read_on(hub, since, limit=7)
            seen += page.changes
            since = page.cursor
            await asyncio.sleep(0)
        await asyncio.gather(*writing)
        while (page := await read_on(hub, since)).changes:
            seen += page.changes
            since = page.cursor
        assert tuple(seen) == (await read_on(hub, BEGIN)).changes
        for n in range(WRITERS):
            own = [one.version for one in seen if one.tenants == (TenantId(f"w{n}"),)]
            assert own == list(range(1, WRITES + 1))

    async def test_clocks_of_processes_do_not_change_the_order(self, stores: Stores) -> None:
        one, other = over(stores), over(stores)
        other.clock.tick(timedelta(hours=-1))
        items = [CollectionSync((Item.of("1", {"number": n}),)) for n in range(6)]
        for number, hub in enumerate((one, other, other, one, other, one)):
            await publish(hub, "acme", number)
            await hub.sync_mapping(ChannelMapping(CHANNEL, ACME, sequence=number), caller=ANYBODY)
            await hub.sync_collection(collection_key(), items[number], caller=ANYBODY)
        told = summary((await read_on(one, BEGIN)).changes)
        for kind in ("config", "mapping", "collection"):
            assert [v for k, v in told if k == kind] == [1, 2, 3, 4, 5, 6]

    async def test_follower_hears_of_what_comes(self, stores: Stores) -> None:
        hub, writer = over(stores), over(stores)
        await publish(hub, "acme", 1)
        begin = BEGIN
        about_acme = Interest(tenant=ACME.tenant)
        async with (
            hub.read_feed.following(begin, caller=ANYBODY, interest=about_acme) as acme,
            hub.read_feed.following(None, caller=ANYBODY) as anybody,
        ):
            assert summary((await acme.page(0)).changes) == [("config", 1)]
            assert (await anybody.page(0)).changes == ()
            waiting = asyncio.create_task(acme.page(60))
            # By another process, as far as the store can tell.
            await publish(writer, "other", 1)
            await publish(writer, "acme", 2)
            assert summary((await waiting).changes) == [("config", 2)]
            seen: list[Change] = []
            while len(seen) < 2:
                seen += (await anybody.page(60)).changes
            assert [one.tenants for one in seen] == [(OTHER.tenant,), (ACME.tenant,)]
            silence = await acme.page(0)
            assert silence.changes == ()
            assert silence.cursor == seen[-1].cursor

    async def test_follower_that_was_away_misses_nothing(self, stores: Stores) -> None:
        hub = over(stores)
        writing = asyncio.create_task(self._write(hub, "acme"))
        seen: list[Change] = []
        since = BEGIN
        while len(seen) < WRITES:
            async with hub.read_feed.following(since, caller=ANYBODY) as follower:
                page = await follower.page(60)
            seen += page.changes
            since = page.cursor
        await writing
        assert [one.version for one in seen] == list(range(1, WRITES + 1))

    async def test_follower_of_another_store_is_refused(self, stores: Stores) -> None:
        hub = over(stores)
        await publish(hub, "acme", 1)
        wrong = hub.vault.veil(TrailEnd(1, "f" * 64))
        async with hub.read_feed.following(wrong, caller=ANYBODY) as follower:
            with pytest.raises(FeedCompactedError) as refused:
                await follower.page(60)
        assert refused.value.cursor == (await hub.read_feed(None, caller=ANYBODY)).cursor

    async def _write(self, hub: MemoryHub, tenant: str) -> None:
        for number in range(WRITES):
            await publish(hub, tenant, number)
