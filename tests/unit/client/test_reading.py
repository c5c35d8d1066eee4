from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from attrs import evolve

from odoo_ai_config.application.errors import StoreUnavailableError
from odoo_ai_config.client.refusals import HubRefusedError
from odoo_ai_config.domain.errors import (
    DocumentNotFoundError,
    InvalidApiKeyError,
    TenantForbiddenError,
)
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.tenants import TenantErasedError
from tests.stand_ins.scripted_hub import ScriptedHub, document, problem, scripted_hub

KEY = b"k" * 32


@pytest.fixture
async def server() -> AsyncIterator[ScriptedHub]:
    async with scripted_hub() as server:
        yield server


def page(status: int = 200, text: str = "<html>") -> web.Response:
    return web.Response(status=status, text=text, content_type="text/html")


async def cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"tenant_id": "acme"')
    assert request.transport is not None
    request.transport.abort()
    return response


async def slow(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(0.4)
    return document(2)


async def test_many_readers_ask_once(server: ScriptedHub) -> None:
    async with server.opened() as hub:
        found = await asyncio.gather(*(hub.config("acme") for _ in range(20)))
        again = await hub.config("acme")
    assert found == [{"version": 1}] * 20
    assert again == {"version": 1}
    [asked] = server.asked
    assert asked.headers["X-API-Key"] == "key"
    assert asked.path == "/configs/acme/default/config"


async def test_reader_that_gives_up_does_not_end_the_request_of_others(
    server: ScriptedHub,
) -> None:
    server.replies = [slow]
    async with server.opened() as hub:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(hub.config("acme"), 0.1)
        assert await hub.config("acme") == {"version": 2}
    assert len(server.asked) == 1


async def test_what_may_have_changed_is_asked_for_with_its_tag(server: ScriptedHub) -> None:
    async with server.opened(refresh=0.0) as hub:
        await hub.config("acme")
        server.replies = [web.Response(status=304)]
        assert await hub.config("acme") == {"version": 1}
        server.otherwise = lambda: document(2)
        assert await hub.config("acme") == {"version": 2}
        hub.cache.distrust()
        await hub.config("acme")
    tags = [asked.headers.get("If-None-Match") for asked in server.asked]
    assert tags == [None, '"1"', '"1"', None]


@pytest.mark.parametrize(
    "bad",
    [
        page(500),
        page(404),
        page(401),
        page(),
        page(302),
        page(304),
        web.Response(text="[]"),
        web.Response(text='{"tenant_id": '),
        web.Response(text="[" * 100_000),
        web.json_response({"tenant_id": "acme", "tenant_id2": 1}),
        document(1, tenant="other"),
        document(0),
        document(1, json_data=[]),
        problem(503, "store_unavailable"),
        problem(500, "internal"),
        web.json_response({"code": "document_not_found", "status": 200}, status=404),
        cut,
    ],
    ids=range(17),
)
async def test_what_is_no_answer_is_asked_for_again(
    server: ScriptedHub, bad: web.Response
) -> None:
    server.replies = [bad]
    async with server.opened() as hub:
        assert await hub.config("acme") == {"version": 1}
        assert hub.stale_since is None


async def test_last_good_answer_counts_while_the_hub_is_away(server: ScriptedHub) -> None:
    async with server.opened(refresh=0.0, deadline=0.3) as hub:
        before = datetime.now(UTC)
        await hub.config("acme")
        assert hub.stale_since is None
        server.otherwise = lambda: page(502)
        for _ in range(3):
            assert await hub.config("acme") == {"version": 1}
            assert hub.stale_since is not None
            assert timedelta() <= hub.stale_since - before < timedelta(seconds=5)
        with pytest.raises(StoreUnavailableError):
            await hub.config("other")
        server.otherwise = lambda: document(2)
        while await hub.config("acme") != {"version": 2}:
            await asyncio.sleep(0.02)
        assert hub.stale_since is None


async def test_slow_hub_keeps_nobody_waiting_who_has_something(server: ScriptedHub) -> None:
    async with server.opened(refresh=0.0) as hub:
        await hub.config("acme")
        server.replies, server.otherwise = [slow], lambda: document(2)
        assert await hub.config("acme") == {"version": 1}
        assert hub.stale_since is not None
        assert await hub.config("acme") == {"version": 1}
        assert len(server.asked) == 2
        while await hub.config("acme") == {"version": 1}:
            await asyncio.sleep(0.02)
        assert hub.stale_since is None


async def test_read_never_goes_back_to_an_older_version(server: ScriptedHub) -> None:
    async with server.opened(refresh=0.0, deadline=0.2) as hub:
        server.replies = [document(7)]
        assert await hub.config("acme") == {"version": 7}
        server.otherwise = lambda: document(6)
        assert await hub.config("acme") == {"version": 7}
        hub.cache.distrust()
        hub.cache.forget_versions()
        assert await hub.config("acme") == {"version": 6}


@pytest.mark.parametrize(
    "unusable", [lambda: document(6), lambda: document(7, json_data=[])], ids=["older", "form"]
)
async def test_answer_that_is_of_no_use_is_no_outage_of_the_hub(
    server: ScriptedHub, unusable: Callable[[], web.Response]
) -> None:
    async with server.opened(refresh=0.0) as hub:
        server.replies = [document(7), document(1, tenant="other")]
        await hub.config("acme")
        await hub.config("other")
        for version in (2, 3):
            server.replies = [unusable(), document(version, tenant="other")]
            assert await hub.config("acme") == {"version": 7}
            assert hub.stale_since is None
            assert await hub.config("other") == {"version": version}
            # It is not asked for again at once, unless it changes.
            assert await hub.config("acme") == {"version": 7}
            hub.cache.note_change([("config", TenantId("acme"))])


async def test_one_slow_answer_is_no_outage_of_the_hub(server: ScriptedHub) -> None:
    async with server.opened(refresh=0.0) as hub:
        await hub.config("acme")
        server.replies = [slow, document(1, tenant="other")]
        first = asyncio.create_task(hub.config("acme"))
        await asyncio.sleep(0.05)
        await hub.config("other")
        assert await first == {"version": 1}
        assert hub.stale_since is None


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "document_not_found", DocumentNotFoundError),
        (401, "invalid_api_key", InvalidApiKeyError),
        (403, "tenant_forbidden", TenantForbiddenError),
        (410, "tenant_erased", TenantErasedError),
        (418, "of_tomorrow", HubRefusedError),
    ],
)
async def test_refusal_is_an_answer_and_ends_what_was_kept(
    server: ScriptedHub, tmp_path: Path, status: int, code: str, error: type[Exception]
) -> None:
    options = {"refresh": 0.0, "deadline": 0.3, "cache_dir": tmp_path}
    async with server.opened(**options) as hub:
        await hub.config("acme")
        assert [file for file in tmp_path.rglob("*") if file.is_file()]
        server.replies = [problem(status, code)]
        with pytest.raises(error):
            await hub.config("acme")
        assert hub.stale_since is None
        assert not [file for file in tmp_path.rglob("*") if file.is_file()]
        server.otherwise = lambda: page(502)
        with pytest.raises(StoreUnavailableError):
            await hub.config("acme")


async def test_hub_says_how_long_to_wait(server: ScriptedHub) -> None:
    server.replies = [problem(429, "rate_limited", {"Retry-After": "1"})]
    async with server.opened() as hub:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await hub.config("acme")
        assert loop.time() - begun >= 1
    server.replies = [problem(429, "rate_limited", {"Retry-After": "100"})]
    async with server.opened(deadline=0.3) as hub:
        with pytest.raises(HubRefusedError) as refused:
            await hub.config("acme")
    assert refused.value.code == "rate_limited"


async def away(_: web.Request) -> web.StreamResponse:
    return page(502)


async def test_process_starts_from_disk_while_the_hub_is_away(
    server: ScriptedHub, tmp_path: Path
) -> None:
    options = {"cache_dir": tmp_path, "secrets_key": KEY, "deadline": 0.3}
    credential = {"tenant_id": "acme", "domain": "default", "ref": "ref", "value": "senha"}
    async with server.opened(**options) as hub:
        await hub.config("acme")
        server.replies = [web.json_response(credential)]
        await hub.credential("acme", "default", "ref")
    server.otherwise, server.feed = (lambda: page(502)), away
    async with server.opened(**options) as hub:
        assert await hub.config("acme") == {"version": 1}
        assert hub.stale_since is not None
        assert (await hub.credential("acme", "default", "ref")).reveal() == "senha"
        with pytest.raises(StoreUnavailableError):
            await hub.config("other")
    assert b"senha" not in b"".join(
        file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()
    )


async def test_start_with_a_hub_asks_it_without_a_condition(
    server: ScriptedHub, tmp_path: Path
) -> None:
    server.replies = [document(9)]
    async with server.opened(cache_dir=tmp_path) as hub:
        await hub.config("acme")
    # After a restore of the hub, for instance.
    async with server.opened(cache_dir=tmp_path) as hub:
        assert await hub.config("acme") == {"version": 1}
    assert "If-None-Match" not in server.asked[-1].headers


async def test_file_of_another_form_counts_as_absent(server: ScriptedHub, tmp_path: Path) -> None:
    server.replies = [web.json_response({"id": "7", "data": {}, "digest": "d"}), document(4)]
    async with server.opened(cache_dir=tmp_path) as hub:
        await hub.config("acme")
        kept = await hub.cache._disk.read("/configs/acme/default/config", secret=False)  # type: ignore[union-attr]
    assert kept is not None
    async with server.opened(cache_dir=tmp_path, deadline=0.2) as hub:
        disk = hub.cache._disk
        assert disk is not None
        await disk.write(evolve(kept, body=b"{}"), secret=False)
        server.otherwise = lambda: page(502)
        with pytest.raises(StoreUnavailableError):
            await hub.config("acme")


async def test_number_and_size_of_what_is_kept_are_bounded(server: ScriptedHub) -> None:
    async with server.opened(cache_entries=2) as hub:
        for tenant in ("a", "b", "c", "b", "c", "a"):
            server.replies = [document(1, tenant=tenant)]
            await hub.config(tenant)
    assert [asked.path.split("/")[2] for asked in server.asked] == ["a", "b", "c", "a"]
    server.asked.clear()
    async with server.opened(cache_bytes=1000) as hub:
        for tenant in ("a", "b", "b", "a"):
            server.replies = [document(1, tenant=tenant, yaml_content="x" * 900)]
            await hub.config(tenant)
    assert [asked.path.split("/")[2] for asked in server.asked] == ["a", "b", "a"]


async def test_answer_that_was_asked_for_before_a_change_does_not_count(
    server: ScriptedHub,
) -> None:
    async def early(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.3)
        return document(1)

    server.replies = [early, document(2)]
    async with server.opened() as hub:
        first = asyncio.create_task(hub.config("acme"))
        await asyncio.sleep(0.1)
        hub.cache.distrust()
        assert await hub.config("acme") == {"version": 2}
        assert await first == {"version": 2}
        assert await hub.config("acme") == {"version": 2}


async def test_marks_and_versions_that_are_remembered_are_bounded(
    server: ScriptedHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odoo_ai_config.client.cache._MOST_REMEMBERED", 2)
    async with server.opened(refresh=3600.0) as hub:
        for tenant in ("a", "b", "c"):
            server.replies = [document(1, tenant=tenant)]
            await hub.config(tenant)
        assert len(hub.cache._served) == 2
        hub.cache.note_change(("config", tenant) for tenant in "xyz")
        assert len(hub.cache._changed) == 2
        # What is forgotten may have named anything.
        server.replies = [document(2, tenant="a")]
        assert await hub.config("a") == {"version": 2}
