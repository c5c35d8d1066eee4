"""
Listeners that are slow, and processes and stores that end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, cast

import pytest
from attrs import evolve, frozen

from odoo_ai_config.application import feed
from odoo_ai_config.application.documents.writing import DocumentWrite
from odoo_ai_config.application.errors import StoreUnavailableError
from odoo_ai_config.application.feed import BEGIN, FeedWatch
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.domain.access import ALL_SCOPES
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.feed import Change, Interest
from odoo_ai_config.domain.identifiers import CONFIG, ChatwootId, TenantId
from tests.contract.samples import owner
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


async def publish(hub: MemoryHub, *numbers: int) -> None:
    for number in numbers:
        write = DocumentWrite(owner("acme").document(CONFIG), ANYBODY)
        await hub.publish_document(write, text=f'{{"number": {number}}}')


async def looked(hub: MemoryHub) -> None:
    """
    Return when everything was told.
    """
    end = await hub.read_feed.watch.newest()
    while hub.read_feed.watch.end != end:
        await asyncio.sleep(0.001)


async def test_slow_listener_reads_again_and_misses_nothing(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "MOST_CHANGES", 3)
    async with hub.read_feed.following(None, caller=ANYBODY) as follower:
        await publish(hub, 1, 2, 3)
        await looked(hub)
        await publish(hub, 4, 5)
        await looked(hub)
        await publish(hub, 6)
        await looked(hub)
        seen: list[Change] = []
        while len(seen) < 6:
            page = await follower.page(60)
            assert len(page.changes) <= 1000
            seen += page.changes
    assert [one.version for one in seen] == [1, 2, 3, 4, 5, 6]


async def test_reading_what_is_missing_ends_in_time(hub: MemoryHub) -> None:
    await publish(hub, *range(1, 4))
    async with hub.read_feed.following(BEGIN, caller=ANYBODY) as follower:
        page = await follower.page(0)
        assert len(page.changes) == 3
        assert not page.more


async def test_page_of_a_follower_says_whether_more_follows(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "MOST_CHANGES", 2)
    await publish(hub, 1, 2, 3)
    async with hub.read_feed.following(BEGIN, caller=ANYBODY) as follower:
        pages = [await follower.page(0) for _ in range(2)]
    assert [(len(page.changes), page.more) for page in pages] == [(2, True), (1, False)]


async def test_store_that_fails_is_told_to_all_who_wait(hub: MemoryHub) -> None:
    async with (
        hub.read_feed.following(None, caller=ANYBODY) as one,
        hub.read_feed.following(None, caller=ANYBODY) as other,
    ):
        waiting = [asyncio.create_task(follower.page(60)) for follower in (one, other)]
        await asyncio.sleep(0)
        hub.state.away = True
        for found in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(found, StoreUnavailableError)
        hub.state.away = False
        # Others begin anew beside those.
        async with hub.read_feed.following(None, caller=ANYBODY) as later:
            await publish(hub, 1)
            assert len((await later.page(60)).changes) == 1
        with pytest.raises(StoreUnavailableError):
            await one.page(60)


async def test_nobody_waits_in_a_process_that_ends(hub: MemoryHub) -> None:
    async with hub.read_feed.following(None, caller=ANYBODY) as follower:
        waiting = asyncio.create_task(follower.page(60))
        await asyncio.sleep(0)
        assert not follower.released
        hub.read_feed.release()
        assert (await waiting).changes == ()
        assert follower.released
    async with hub.read_feed.following(None, caller=ANYBODY) as late:
        assert (await late.page(60)).changes == ()


async def test_nobody_looks_when_nobody_listens(hub: MemoryHub) -> None:
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:
        begun = [
            stack.enter_async_context(hub.read_feed.following(None, caller=ANYBODY))
            for _ in range(5)
        ]
        await asyncio.gather(*begun)
        assert len(asyncio.all_tasks() - before) == 1
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_listener_is_not_told_more_than_its_key_may_hear(hub: MemoryHub) -> None:
    key, _ = await hub.create_api_key(
        name="reader", scopes=ALL_SCOPES, tenant=TenantId("acme"), lifetime=None, caller=ANYBODY
    )
    interest = Interest(tenant=TenantId("acme"))
    async with (
        hub.read_feed.following(None, caller=key) as revoked,
        hub.read_feed.following(None, caller=ANYBODY, interest=interest) as renamed,
        hub.read_feed.following(None, caller=ANYBODY) as everything,
    ):
        await publish(hub, 1)
        await looked(hub)
        for follower in (revoked, renamed):
            assert len((await follower.page(60)).changes) == 1
        await hub.revoke_api_key(key.id, caller=ANYBODY)
        await publish(hub, 2)
        await looked(hub)
        assert ((await revoked.page(60)).changes, revoked.released) == ((), True)
        assert len((await renamed.page(60)).changes) == 1
        await hub.rename_tenant(TenantId("acme"), TenantId("new"), caller=ANYBODY)
        await looked(hub)
        assert ((await renamed.page(60)).changes, renamed.released) == ((), True)
        assert (await everything.page(60)).changes
        assert not everything.released


async def test_listener_that_lost_its_right_while_it_reads_is_told_nothing(
    hub: MemoryHub,
) -> None:
    await publish(hub, 1)
    interest = Interest(tenant=TenantId("acme"))
    async with hub.read_feed.following(BEGIN, caller=ANYBODY, interest=interest) as follower:
        await hub.rename_tenant(TenantId("acme"), TenantId("new"), caller=ANYBODY)
        await looked(hub)
        assert (await follower.page(60)).changes == ()


async def test_right_that_ends_during_a_reading_counts(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish(hub, 1)
    read = FeedWatch.read

    async def slow(watch: FeedWatch, *asked: Any) -> Any:
        found = await read(watch, *asked)
        await hub.rename_tenant(TenantId("acme"), TenantId("new"), caller=ANYBODY)
        await looked(hub)
        return found

    monkeypatch.setattr(FeedWatch, "read", slow)
    interest = Interest(tenant=TenantId("acme"))
    async with hub.read_feed.following(BEGIN, caller=ANYBODY, interest=interest) as follower:
        assert ((await follower.page(60)).changes, follower.released) == ((), True)


async def test_two_who_come_at_once_share_one_look(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = FeedWatch.newest

    async def slow(watch: FeedWatch) -> Any:
        found = await newest(watch)
        await asyncio.sleep(0)
        return found

    monkeypatch.setattr(FeedWatch, "newest", slow)
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:
        begun = [
            stack.enter_async_context(hub.read_feed.following(None, caller=ANYBODY))
            for _ in range(2)
        ]
        await asyncio.gather(*begun)
        assert len(asyncio.all_tasks() - before) == 1


@pytest.mark.parametrize("way", ["erased", "renamed"])
async def test_new_holder_of_an_id_sees_nothing_of_the_one_before(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(feed, "MOST_CHANGES", 2)
    acme = TenantId("acme")
    channel = ChannelMapping(ChannelKey(ChatwootId("1"), ChatwootId("7")), owner("acme"))
    await hub.sync_mapping(channel, caller=ANYBODY)
    await publish(hub, 1, 2, 3)
    hub.clock.tick()
    if way == "erased":
        await hub.erase_tenant(acme, caller=ANYBODY, confirmation="acme")
    else:
        await hub.rename_tenant(acme, TenantId("new"), caller=ANYBODY)
        while await hub.rename_tenant.go_on():
            pass
    hub.clock.tick()
    await hub.reopen_tenant(acme, caller=ANYBODY)
    hub.clock.tick()
    await publish(hub, 4)
    reader = bound_to("acme")

    async def seen() -> list[tuple[str, int | None]]:
        found: list[Change] = []
        cursor, more = BEGIN, True
        while more:
            page = await hub.read_feed(cursor, caller=reader, limit=100)
            found += page.changes
            cursor, more = page.cursor, page.more
        return [(change.kind.value, change.version) for change in found]

    assert await seen() == [("config", 1)]
    async with hub.read_feed.following(BEGIN, caller=reader) as follower:
        pages = [await follower.page(0) for _ in range(30)]
    followed = [change for page in pages for change in page.changes]
    assert [(change.kind.value, change.version) for change in followed] == [("config", 1)]
    # What the tenant is since then it sees as ever, however often it is suspended.
    hub.clock.tick()
    await hub.suspend_tenant(acme, caller=ANYBODY)
    await hub.suspend_tenant.end(acme, caller=ANYBODY)
    assert [kind for kind, _ in await seen()] == ["config", "tenant", "tenant"]
    assert await hub.read_feed.beginnings.of(TenantId("stranger")) == 0


async def test_tenant_that_was_only_suspended_begins_at_the_beginning(hub: MemoryHub) -> None:
    await publish(hub, 1)
    acme = TenantId("acme")
    await hub.suspend_tenant(acme, caller=ANYBODY)
    await hub.suspend_tenant.end(acme, caller=ANYBODY)
    page = await hub.read_feed(BEGIN, caller=bound_to("acme"))
    assert [change.kind.value for change in page.changes] == ["config", "tenant", "tenant"]


async def test_beginning_is_not_remembered_before_the_trail_has_it(hub: MemoryHub) -> None:
    acme, trail = TenantId("acme"), hub.ports.audit
    await publish(hub, 1)
    await hub.read_feed.watch.newest()
    hub.clock.tick()
    await hub.erase_tenant(acme, caller=ANYBODY, confirmation="acme")
    await hub.reopen_tenant(acme, caller=ANYBODY)
    beginnings = hub.read_feed.beginnings

    async def link(*_: object, **__: object) -> int:
        # Another process does it just now.
        return 0

    slow = evolve(beginnings, audit=cast("Any", Linking(trail, link)))
    assert await slow.of(acme) == 0
    assert await beginnings.of(acme) > 0
    assert await slow.of(acme) == await beginnings.of(acme)


@frozen
class Linking:
    """
    A trail that *link* links.
    """

    trail: AuditLog
    link: Callable[..., Awaitable[int]]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.trail, name)
