from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from odoo_ai_config.application.errors import StoreUnavailableError
from odoo_ai_config.client import open_hub
from odoo_ai_config.client.cache import Resource
from odoo_ai_config.client.disk import Disk, Kept
from odoo_ai_config.client.refusals import HubRefusedError
from odoo_ai_config.domain.errors import (
    DocumentNotFoundError,
    InvalidApiKeyError,
    InvalidValueError,
)
from odoo_ai_config.domain.feed import Change, FeedKind
from odoo_ai_config.domain.tenants import TenantErasedError
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.library import Hub
from tests.stand_ins.bad_network import bad_network
from tests.stand_ins.scripted_hub import ScriptedHub, document, no_feed, problem, scripted_hub
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.web_hub import WebHub, serving


@pytest.fixture
async def server() -> AsyncIterator[ScriptedHub]:
    async with scripted_hub() as server:
        yield server


@pytest.fixture
async def web_hub() -> AsyncIterator[WebHub]:
    async with serving(MemoryHub(), HttpOptions(version="1")) as found:
        yield found


def cursor(number: int) -> str:
    return f"{number}:{number:064}"


def change(number: int, **more: Any) -> dict[str, Any]:
    told = {"cursor": cursor(number), "at": "2026-11-30T12:00:00.000Z", "kind": "config"}
    return {**told, "action": "document_changed", "tenants": ["acme"], **more}


def page(number: int, *changes: dict[str, Any]) -> web.Response:
    return web.json_response({"changes": list(changes), "cursor": cursor(number)})


class Feed:
    """
    A feed that tells what the test puts into it, one page for each request.
    """

    def __init__(self) -> None:
        self.pages: asyncio.Queue[web.Response] = asyncio.Queue()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if "since" not in request.query:
            return page(1)
        if request.query["wait"] == "0":
            return page(int(request.query["since"].partition(":")[0]))
        return await self.pages.get()


async def until(met: Callable[[], bool]) -> None:
    while not met():
        await asyncio.sleep(0.01)


async def test_what_is_kept_counts_until_the_feed_names_it(server: ScriptedHub) -> None:
    server.feed = feed = Feed()
    async with server.opened(refresh=0.0) as hub:
        await hub.config("acme")
        await until(lambda: hub.cache.following)
        await hub.config("acme")
        asked = len(server.asked)
        for _ in range(3):
            await hub.config("acme")
        assert len(server.asked) == asked
        server.otherwise = lambda: document(2)
        feed.pages.put_nowait(page(2, change(2, tenants=["other"]), change(2, kind="pause")))
        feed.pages.put_nowait(page(3, change(3, kind="credentials")))
        await until(lambda: hub.feed.cursor == cursor(3))
        assert await hub.config("acme") == {"version": 1}
        feed.pages.put_nowait(page(4, change(4)))
        await until(lambda: hub.feed.cursor == cursor(4))
        assert await hub.config("acme") == {"version": 2}


@pytest.mark.parametrize(
    "told",
    [
        change(2, kind="tenant", action="tenant_suspended"),
        change(2, kind="of_tomorrow"),
        change(2, action="of_tomorrow"),
    ],
    ids=["tenant", "kind", "action"],
)
async def test_change_of_a_tenant_or_of_tomorrow_concerns_all(
    server: ScriptedHub, told: dict[str, Any]
) -> None:
    server.feed = feed = Feed()
    async with server.opened(refresh=0.0) as hub:
        await hub.config("acme")
        await until(lambda: hub.cache.following)
        server.otherwise = lambda: document(2)
        feed.pages.put_nowait(page(2, told))
        await until(lambda: hub.feed.cursor == cursor(2))
        assert await hub.config("acme") == {"version": 2}


@pytest.mark.parametrize(
    "action", ["tenant_suspended", "erasure_begun", "tenant_erased", "tenant_renamed"]
)
async def test_nothing_is_kept_of_a_tenant_that_is_not_served(
    server: ScriptedHub, tmp_path: Path, action: str
) -> None:
    server.feed = feed = Feed()
    options = {"cache_dir": tmp_path, "deadline": 0.3}
    async with server.opened(**options) as hub:
        await hub.config("acme")
        await until(lambda: hub.cache.following)
        feed.pages.put_nowait(page(2, change(2, kind="tenant", action=action)))
        await until(lambda: hub.feed.cursor == cursor(2))
    server.otherwise = lambda: web.Response(status=502)
    async with server.opened(**options) as hub:
        with pytest.raises(StoreUnavailableError):
            await hub.config("acme")


def files(folder: Path) -> list[Path]:
    cursors = {sha256(b"cursor").hexdigest()}
    return [file for file in folder.rglob("*") if file.is_file() and file.name not in cursors]


@pytest.mark.parametrize(
    "action", ["tenant_erased", "tenant_renamed", "tenant_reopened", "area_moved"]
)
async def test_id_of_a_tenant_that_is_another_one_begins_anew(
    server: ScriptedHub, tmp_path: Path, action: str
) -> None:
    server.feed = feed = Feed()
    server.otherwise = lambda: document(3)
    async with server.opened(cache_dir=tmp_path) as hub:
        await hub.config("acme")
        await until(lambda: hub.cache.following)
        assert await hub.config("acme") == {"version": 3}
        server.otherwise = document
        feed.pages.put_nowait(page(2, change(2, kind="tenant", action=action)))
        await until(lambda: hub.feed.cursor == cursor(2))
        assert files(tmp_path) == []
        assert await hub.config("acme") == {"version": 1}
        assert hub.stale_since is None
        assert len(files(tmp_path)) == 1


async def test_answer_of_before_an_erasure_is_not_kept(
    server: ScriptedHub, tmp_path: Path
) -> None:
    asked, told = asyncio.Event(), asyncio.Event()

    async def late(_: web.Request) -> web.StreamResponse:
        asked.set()
        await told.wait()
        return document(9)

    server.feed = feed = Feed()
    async with server.opened(cache_dir=tmp_path, patience=5.0) as hub:
        await hub.config("acme")
        await until(lambda: hub.cache.following)
        hub.cache.distrust()
        server.replies = [late]
        reading = asyncio.create_task(hub.config("acme"))
        await asked.wait()
        feed.pages.put_nowait(page(2, change(2, kind="tenant", action="tenant_erased")))
        await until(lambda: hub.feed.cursor == cursor(2))
        told.set()
        assert await reading == {"version": 9}
        assert files(tmp_path) == []
        assert await hub.config("acme") == {"version": 1}


class Late:
    """
    An answer that is asked for, and comes when the test lets it.
    """

    def __init__(self, *, version: int) -> None:
        self.version = version
        self.asked, self.may_come = asyncio.Event(), asyncio.Event()

    async def __call__(self, _: web.Request) -> web.StreamResponse:
        self.asked.set()
        await self.may_come.wait()
        return document(self.version)


async def down(_: web.Request) -> web.StreamResponse:
    return web.Response(status=502)


async def found_on_disk(server: ScriptedHub, folder: Path) -> object:
    """
    What a start while the hub is away reads; None if there is nothing.
    """
    server.feed, server.otherwise = down, lambda: web.Response(status=502)
    async with server.opened(cache_dir=folder, deadline=0.3) as hub:
        try:
            return await hub.config("acme")
        except StoreUnavailableError:
            return None


async def test_first_start_hears_the_feed_before_it_reads(
    server: ScriptedHub, tmp_path: Path
) -> None:
    # What it reads would otherwise be on disk although its tenant was erased in between.
    followed: list[int] = []

    async def read(_: web.Request) -> web.StreamResponse:
        followed.append(len(server.followed))
        await until(lambda: hub.cache.following)
        return document(1)

    server.feed, server.replies = Feed(), [read]
    async with server.opened(cache_dir=tmp_path, patience=5.0) as hub:
        await hub.config("acme")
    assert followed[0] >= 1
    assert await found_on_disk(server, tmp_path) == {"version": 1}


async def test_first_start_reads_although_the_feed_does_not_answer(
    server: ScriptedHub, tmp_path: Path
) -> None:
    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets the event")

    server.feed = silent
    async with server.opened(cache_dir=tmp_path) as hub:
        assert await hub.config("acme") == {"version": 1}
    assert await found_on_disk(server, tmp_path) == {"version": 1}


async def test_what_is_read_while_the_feed_goes_on_is_on_disk(
    server: ScriptedHub, tmp_path: Path
) -> None:
    server.feed = Feed()
    async with server.opened(cache_dir=tmp_path) as hub:
        server.replies = [document(1, tenant="other")]
        await hub.config("other")
        await until(lambda: hub.cache.following)

    async def slow(_: web.Request) -> web.StreamResponse:
        await until(lambda: hub.cache.following)
        return document(4)

    async with server.opened(cache_dir=tmp_path) as hub:
        server.replies = [slow]
        assert await hub.config("acme") == {"version": 4}
    assert await found_on_disk(server, tmp_path) == {"version": 4}


async def test_what_was_served_is_on_disk_although_it_has_changed_since(
    server: ScriptedHub, tmp_path: Path
) -> None:
    server.feed = feed = Feed()
    async with server.opened(cache_dir=tmp_path, patience=5.0) as hub:
        await hub.config("acme")
        await until(lambda: hub.cache.following)
        hub.cache.distrust()
        server.replies = [late := Late(version=2)]
        reading = asyncio.create_task(hub.config("acme"))
        await late.asked.wait()
        feed.pages.put_nowait(page(2, change(2)))
        await until(lambda: hub.feed.cursor == cursor(2))
        late.may_come.set()
        assert await reading == {"version": 2}
    assert await found_on_disk(server, tmp_path) == {"version": 2}


async def test_answer_that_is_overtaken_is_not_on_disk(
    server: ScriptedHub, tmp_path: Path
) -> None:
    server.feed = Feed()
    async with server.opened(cache_dir=tmp_path) as hub:
        server.replies = [late := Late(version=1), document(2)]
        first = asyncio.create_task(hub.config("acme"))
        await late.asked.wait()
        hub.cache.distrust()
        assert await hub.config("acme") == {"version": 2}
        late.may_come.set()
        assert await first == {"version": 2}
    assert await found_on_disk(server, tmp_path) == {"version": 2}


async def test_answer_that_a_refusal_overtakes_is_not_kept(
    server: ScriptedHub, tmp_path: Path
) -> None:
    server.feed = Feed()
    async with server.opened(cache_dir=tmp_path) as hub:
        server.replies = [late := Late(version=1), problem(404, "document_not_found")]
        first = asyncio.create_task(hub.config("acme"))
        await late.asked.wait()
        hub.cache.distrust()
        with pytest.raises(DocumentNotFoundError):
            await hub.config("acme")
        late.may_come.set()
        assert await first == {"version": 1}
    assert files(tmp_path) == []


async def test_answer_of_before_a_restore_is_not_on_disk(
    server: ScriptedHub, tmp_path: Path
) -> None:
    server.feed = feed = Feed()
    async with server.opened(cache_dir=tmp_path, patience=5.0) as hub:
        await hub.config("acme")
        await until(lambda: hub.cache.following)
        hub.cache.distrust()
        server.replies = [late := Late(version=9)]
        reading = asyncio.create_task(hub.config("acme"))
        await late.asked.wait()
        gone = {"status": 410, "code": "compacted", "cursor": cursor(5)}
        feed.pages.put_nowait(web.json_response(gone, status=410))
        await until(lambda: hub.feed.cursor == cursor(5))
        late.may_come.set()
        assert await reading == {"version": 9}
        assert files(tmp_path) == []


async def test_what_may_name_an_erased_tenant_is_on_disk_only_if_it_is_asked_for_anew(
    server: ScriptedHub, tmp_path: Path
) -> None:
    server.feed = feed = Feed()
    everything = Resource("/v1/everything", "all", lambda body: (body, 0))
    async with server.opened(cache_dir=tmp_path, patience=5.0) as hub:
        await hub.cache.get(everything)
        await until(lambda: hub.cache.following)
        hub.cache.note_change(["all"])
        server.replies = [late := Late(version=1)]
        reading = asyncio.create_task(hub.cache.get(everything))
        await late.asked.wait()
        feed.pages.put_nowait(page(2, change(2, kind="tenant", action="tenant_erased")))
        await until(lambda: hub.feed.cursor == cursor(2))
        late.may_come.set()
        await reading
        assert files(tmp_path) == []
        hub.cache.note_change(["all"])
        await hub.cache.get(everything)
        # An answer without a body could not be written.
        assert "If-None-Match" not in server.asked[-1].headers
        assert len(files(tmp_path)) == 1


async def test_what_was_read_from_memory_is_on_disk_at_the_end(
    server: ScriptedHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()
    write = Disk.write

    async def slow(disk: Disk, kept: Kept, *, secret: bool) -> None:
        begun.set()
        await may_end.wait()
        await write(disk, kept, secret=secret)

    monkeypatch.setattr(Disk, "write", slow)
    async with server.opened(cache_dir=tmp_path) as hub:
        first = asyncio.create_task(hub.config("acme"))
        await begun.wait()
        assert await hub.config("acme") == {"version": 1}
        asyncio.get_running_loop().call_later(0.1, may_end.set)
    assert len(files(tmp_path)) == 1
    with suppress(asyncio.CancelledError):
        await first


async def test_last_good_state_of_an_erased_tenant_is_not_served_to_who_waits(
    server: ScriptedHub,
) -> None:
    asked, told = asyncio.Event(), asyncio.Event()

    async def away(_: web.Request) -> web.StreamResponse:
        asked.set()
        await told.wait()
        server.replies = [problem(410, "tenant_erased")]
        return web.Response(status=502)

    server.feed = feed = Feed()
    async with server.opened(patience=5.0, deadline=0.3) as hub:
        await hub.config("acme")
        await until(lambda: hub.cache.following)
        server.replies = [away]
        reading = asyncio.create_task(hub.config("acme"))
        await asked.wait()
        feed.pages.put_nowait(page(2, change(2, kind="tenant", action="tenant_erased")))
        await until(lambda: hub.feed.cursor == cursor(2))
        told.set()
        with pytest.raises(TenantErasedError):
            await reading


async def test_start_during_an_outage_hears_of_a_restore(
    server: ScriptedHub, tmp_path: Path
) -> None:
    server.feed = feed = Feed()
    server.otherwise = lambda: document(5)
    options = {"cache_dir": tmp_path, "deadline": 0.3}
    async with server.opened(**options) as hub:
        await hub.config("acme")
        await until(lambda: hub.cache.following)
        await hub.config("acme")
        feed.pages.put_nowait(page(4, change(4, tenants=["other"])))
        await until(lambda: hub.feed.cursor == cursor(4))

    async def restored(request: web.Request) -> web.StreamResponse:
        if request.query.get("since") == cursor(4):
            gone = {"status": 410, "code": "compacted", "cursor": cursor(2)}
            return web.json_response(gone, status=410)
        return await feed(request)

    server.feed, server.otherwise = down, lambda: web.Response(status=502)
    async with server.opened(**options) as hub:
        assert await hub.config("acme") == {"version": 5}
        server.feed, server.otherwise = restored, document
        await until(lambda: hub.feed.cursor == cursor(2))
        assert files(tmp_path) == []
        while await hub.config("acme") == {"version": 5}:
            await asyncio.sleep(0.05)
        assert await hub.config("acme") == {"version": 1}
        await until(lambda: hub.cache.following)
        assert hub.stale_since is None


async def test_start_without_a_cursor_takes_the_versions_of_the_hub(
    server: ScriptedHub, tmp_path: Path
) -> None:
    server.otherwise = lambda: document(5)
    async with server.opened(cache_dir=tmp_path) as hub:
        await hub.config("acme")

    server.feed, server.otherwise = down, lambda: web.Response(status=502)
    async with server.opened(cache_dir=tmp_path, deadline=0.3) as hub:
        assert await hub.config("acme") == {"version": 5}
        server.feed, server.otherwise = Feed(), document
        await until(lambda: hub.cache.following)
        while await hub.config("acme") == {"version": 5}:
            await asyncio.sleep(0.05)
        assert await hub.config("acme") == {"version": 1}


async def test_cursor_that_the_hub_does_not_know_is_given_up(
    server: ScriptedHub, tmp_path: Path
) -> None:
    server.feed = feed = Feed()
    async with server.opened(cache_dir=tmp_path) as hub:
        await hub.config("acme")
        await until(lambda: hub.cache.following)

        async def newer(request: web.Request) -> web.StreamResponse:
            if request.query.get("since") == cursor(2):
                return problem(422, "invalid_fields")
            return await feed(request)

        server.feed = newer
        feed.pages.put_nowait(page(2))
        await until(lambda: not hub.cache.following)
        await until(lambda: hub.cache.following)
        assert hub.feed.cursor == cursor(1)


async def test_nothing_is_served_to_a_key_that_the_feed_refuses(
    server: ScriptedHub, tmp_path: Path
) -> None:
    server.feed = feed = Feed()
    async with server.opened(cache_dir=tmp_path, deadline=0.3) as hub:
        await hub.config("acme")
        await until(lambda: hub.cache.following)
        await hub.config("acme")
        server.otherwise = lambda: problem(401, "invalid_api_key")
        feed.pages.put_nowait(problem(401, "invalid_api_key"))
        await until(lambda: not hub.cache.following)
        with pytest.raises(InvalidApiKeyError):
            await hub.config("acme")
        await until(lambda: not [file for file in tmp_path.rglob("*") if file.is_file()])
        server.otherwise = lambda: web.Response(status=502)
        with pytest.raises(StoreUnavailableError):
            await hub.config("acme")


async def test_hub_without_a_feed_is_asked_from_time_to_time(server: ScriptedHub) -> None:
    async with server.opened(refresh=0.2) as hub:
        await hub.config("acme")
        await until(lambda: bool(server.followed))
        server.otherwise = lambda: document(2)
        assert await hub.config("acme") == {"version": 1}
        await asyncio.sleep(0.25)
        assert await hub.config("acme") == {"version": 2}
        assert not hub.cache.following
        assert len(server.followed) == 1


async def test_program_that_only_sends_does_not_listen(server: ScriptedHub) -> None:
    async with server.opened():
        await asyncio.sleep(0.1)
    assert server.followed == []


async def test_reader_comes_back_to_a_feed_that_was_cut(server: ScriptedHub) -> None:
    server.feed = feed = Feed()
    async with server.opened(refresh=3600.0) as hub:
        await hub.config("acme")
        await until(lambda: hub.cache.following)
        await hub.config("acme")
        feed.pages.put_nowait(web.Response(status=502))
        await until(lambda: not hub.cache.following)
        assert hub.stale_since is not None
        await until(lambda: hub.cache.following)
        assert hub.stale_since is None
        server.asked.clear()
        await hub.config("acme")
        # Something may have happened that the feed does not know.
        assert [asked.headers.get("If-None-Match") for asked in server.asked] == [None]
        assert server.followed[-2].query["since"] == cursor(1)


@pytest.mark.parametrize(
    "noise",
    [
        web.Response(text="{}"),
        web.Response(text="[]"),
        web.json_response({"changes": [{}], "cursor": cursor(2)}),
        web.json_response({"changes": [], "cursor": 2}),
    ],
    ids=["empty", "list", "change", "cursor"],
)
async def test_noise_in_place_of_the_feed_is_an_outage(
    server: ScriptedHub, noise: web.Response
) -> None:
    server.feed = feed = Feed()
    async with server.opened() as hub:
        await hub.config("acme")
        await until(lambda: hub.cache.following)
        feed.pages.put_nowait(noise)
        await until(lambda: not hub.cache.following)
        await until(lambda: hub.cache.following)


async def test_restored_hub_may_have_older_versions(server: ScriptedHub) -> None:
    server.feed = feed = Feed()
    server.otherwise = lambda: document(9)
    async with server.opened() as hub:
        await hub.config("acme")
        await until(lambda: hub.cache.following)
        server.otherwise = lambda: document(3)
        gone = {"status": 410, "code": "compacted", "cursor": cursor(5)}
        feed.pages.put_nowait(web.json_response(gone, status=410))
        await until(lambda: hub.feed.cursor == cursor(5))
        assert await hub.config("acme") == {"version": 3}
        await until(lambda: server.followed[-1].query.get("since") == cursor(5))


async def test_feed_that_answers_at_once_is_not_asked_at_once(server: ScriptedHub) -> None:
    async def cached(_: web.Request) -> web.StreamResponse:
        return page(1)

    server.feed = cached
    async with server.opened() as hub:
        await hub.config("acme")
        await asyncio.sleep(0.4)
        assert hub.cache.following
    assert len(server.followed) <= 3


async def test_listener_hears_what_it_missed_while_the_hub_was_away(web_hub: WebHub) -> None:
    here = Hub(web_hub.services)
    port = web_hub.client.server.port
    assert port is not None
    async with (
        bad_network(port) as network,
        open_hub(f"http://127.0.0.1:{network.port}", api_key=web_hub.key) as hub,
    ):
        told: list[Change] = []

        async def listen() -> None:
            async for one in hub.changes(kinds=["config"]):
                told.append(one)  # noqa: PERF401 - it never ends

        listening = asyncio.create_task(listen())
        await until(lambda: len(network.requests) > 1)
        await network.stop()
        await here.sync_credentials(account_id="acme", token="ref")
        await here.sync_credentials(account_id="acme", token="ref", name="B")
        await asyncio.sleep(0.2)
        await network.start()
        await until(lambda: len(told) == 2)
        listening.cancel()
    assert [one.version for one in told] == [1, 2]


async def test_callbacks_are_called_and_read_what_is_new(
    web_hub: WebHub, caplog: pytest.LogCaptureFixture
) -> None:
    here = Hub(web_hub.services)
    names: list[str] = []
    kinds: list[FeedKind] = []
    async with open_hub(str(web_hub.client.make_url("/")), api_key=web_hub.key) as hub:

        @hub.on_change("config")
        async def renew(change: Change) -> None:
            names.append(str((await hub.config(change.tenants[0].value))["name"]))

        @hub.on_change()
        def fail(change: Change) -> None:
            kinds.append(change.kind)
            raise KeyError("nobody is harmed")

        with pytest.raises(InvalidValueError, match=r"^kinds .* one of config, .*, tenant\.$"):
            hub.on_change("nothing")
        # The callbacks hear what happens from the hub's first answer on.
        await hub.cursor()
        await asyncio.sleep(0.2)
        with caplog.at_level(logging.ERROR):
            for name in ("A", "B"):
                await here.sync_credentials(account_id="acme", token="ref", name=name)
                while names[-1:] != [name]:
                    await asyncio.sleep(0.01)
    assert names == ["A", "B"]
    assert FeedKind.CREDENTIALS in kinds
    assert "nobody is harmed" in caplog.text


async def test_callbacks_go_on_behind_a_restore(server: ScriptedHub) -> None:
    heard: list[str] = []
    server.feed = feed = Feed()
    async with server.opened() as hub:
        hub.on_change("config")(lambda change: heard.append(change.cursor))
        await until(lambda: len(server.followed) == 2)
        gone = {"status": 410, "code": "compacted", "cursor": cursor(5)}
        feed.pages.put_nowait(web.json_response(gone, status=410))
        feed.pages.put_nowait(page(7, change(6), change(7, kind="mapping")))
        await until(lambda: heard == [cursor(6)])
        assert server.followed[2].query["since"] == cursor(5)


async def test_who_reads_behind_a_restore_gets_what_was_restored(server: ScriptedHub) -> None:
    found: list[object] = []
    server.feed = feed = Feed()
    server.otherwise = lambda: document(9)
    async with server.opened() as hub:
        await hub.config("acme")
        await until(lambda: hub.cache.following)
        await hub.config("acme")

        @hub.on_restore
        async def renew() -> None:
            found.append(await hub.config("acme"))

        @hub.on_restore
        def fail() -> None:
            raise KeyError("nobody is harmed")

        await until(lambda: len(server.followed) == 4)
        server.otherwise = lambda: document(3)
        for _ in "12":
            gone = {"status": 410, "code": "compacted", "cursor": cursor(5)}
            feed.pages.put_nowait(web.json_response(gone, status=410))
        await until(lambda: bool(found))
        assert found[0] == {"version": 3}


async def test_callbacks_with_a_refused_key_do_not_ask_for_ever(
    server: ScriptedHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []

    async def rest(seconds: float, _: object = None) -> None:
        rests.append(seconds)
        await asyncio.sleep(0.01)

    async def refused(_: web.Request) -> web.StreamResponse:
        return problem(401, "invalid_api_key")

    monkeypatch.setattr("odoo_ai_config.client.feed_reader._rest", rest)
    server.feed = refused
    async with server.opened() as hub:
        hub.on_change()(print)
        await until(lambda: bool(rests))
    assert set(rests) == {300.0}


async def test_callbacks_begin_when_the_hub_is_there(server: ScriptedHub) -> None:
    heard: list[str] = []
    feed = Feed()

    async def away(_: web.Request) -> web.StreamResponse:
        return web.Response(status=502)

    server.feed = away
    async with server.opened(deadline=0.2) as hub:
        hub.on_change()(lambda change: heard.append(change.cursor))
        await asyncio.sleep(0.5)
        server.feed = feed
        await until(lambda: server.followed[-1].query.get("since") == cursor(1))
        feed.pages.put_nowait(page(2, change(2)))
        await until(lambda: heard == [cursor(2)])


async def test_follower_that_ends_begins_again_with_the_next_request(
    server: ScriptedHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.feed = Feed()
    async with server.opened(refresh=0.0) as hub:

        async def broken(*_: object, **__: object) -> None:
            raise RuntimeError

        with monkeypatch.context() as patched:
            patched.setattr(hub.feed, "_poll", broken)
            await hub.config("acme")
            await until(hub.feed._tasks["follower"].done)
            assert isinstance(hub.feed._tasks["follower"].exception(), RuntimeError)
            assert not hub.cache.following
        await hub.config("acme")
        await until(lambda: hub.cache.following)


async def test_callbacks_without_a_feed_are_not_called(server: ScriptedHub) -> None:
    server.feed = no_feed
    async with server.opened() as hub:
        hub.on_change()(print)
        await until(lambda: bool(server.followed))
        await asyncio.sleep(0.1)
        assert len(server.followed) == 1
        with pytest.raises(HubRefusedError):
            await hub.cursor()


async def test_key_that_may_not_read_reads_without_a_feed(server: ScriptedHub) -> None:
    async def forbidden(_: web.Request) -> web.StreamResponse:
        return problem(403, "scope_missing")

    server.feed = forbidden
    async with server.opened() as hub:
        assert await hub.config("acme") == {"version": 1}
        await until(lambda: bool(server.followed))
        assert await hub.config("acme") == {"version": 1}
