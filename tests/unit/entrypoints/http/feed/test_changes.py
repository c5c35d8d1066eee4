"""
What has changed, over HTTP: asked for, waited for and streamed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientError, ClientResponse

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.feed import FeedKind
from odoo_ai_config.entrypoints.http.feed import handlers
from odoo_ai_config.entrypoints.http.platform.app_keys import LAST_ORDERS
from odoo_ai_config.entrypoints.startup import trusted
from tests.unit.entrypoints.http.web_hub import WebHub, fixture

BEGIN = "0"
ELSEWHERE = "of-another-store"


async def changes(web: WebHub, query: str) -> dict[str, Any]:
    answer = await web.get(f"/v1/changes?{query}")
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


class Events:
    """
    The events of a stream.
    """

    def __init__(self, answer: ClientResponse) -> None:
        self.answer = answer

    async def next(self) -> dict[str, str]:
        event: dict[str, str] = {}
        while True:
            line = (await self.answer.content.readline()).decode()
            if not line:
                raise EOFError
            if line == "\n":
                return event
            name, _, value = line.rstrip("\n").partition(": ")
            event[name] = value

    async def last(self) -> None:
        while True:
            await self.next()


@asynccontextmanager
async def stream(web: WebHub, query: str = "", **headers: str) -> AsyncIterator[Events]:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await web.client.get(
        f"/v1/changes/stream?{query}", headers={"X-API-Key": web.key, **headers}
    )
    try:
        assert answer.status == 200, await answer.text()
        yield Events(answer)
    finally:
        answer.close()


async def test_reader_begins_with_a_cursor_and_goes_on(web: WebHub) -> None:
    await web.send(fixture("credentials_flat"))
    begin = await changes(web, "")
    assert begin["changes"] == []
    await web.send(fixture("mapping_seed"))
    found = await changes(web, f"since={begin['cursor']}")
    [change] = found["changes"]
    assert change.pop("at").endswith("Z")
    # Nothing in it tells how much happens at others, as the number of the entry would.
    assert ":" not in change.pop("cursor")
    assert change == {
        "kind": "mapping",
        "action": "channel_changed",
        "tenants": ["123456"],
        "name": "channel/987654/12345",
        "version": 1,
    }
    assert found["more"] is False
    assert await changes(web, f"since={found['cursor']}") == {**found, "changes": []}


async def test_document_is_named_and_nothing_of_it_is_told(web: WebHub) -> None:
    await web.send(fixture("credentials_flat"))
    assert (await web.ask("DELETE", "/configs/123456/default/config")).status == 200
    found = await changes(web, f"since={BEGIN}&kind=config,credentials")
    shown = [(c["kind"], c["document"], c["version"], c.get("deleted")) for c in found["changes"]]
    assert shown == [
        ("config", "config", 1, None),
        ("credentials", "credentials", 1, None),
        ("config", "config", 2, True),
    ]
    assert "token_referencia" not in json.dumps(found)


async def test_unknown_kind_is_told_which_ones_there_are(web: WebHub) -> None:
    answer = await web.get("/v1/changes?kind=colour")
    [error] = (await answer.json())["errors"]
    assert (answer.status, error["field"]) == (422, "kind")
    assert error["message"].endswith(": " + ", ".join(kind.value for kind in FeedKind))


async def test_reader_waits_for_the_next_change(web: WebHub) -> None:
    begin = await changes(web, "")
    waiting = asyncio.create_task(changes(web, f"since={begin['cursor']}&wait=50"))
    await asyncio.sleep(0.1)
    await web.send(fixture("credentials_flat"))
    found = await waiting
    assert [change["kind"] for change in found["changes"]] == ["config", "credentials"]


async def test_wait_ends_without_a_change_and_is_no_work(web: WebHub) -> None:
    begin = await changes(web, "")
    started = asyncio.get_running_loop().time()
    assert (await changes(web, f"since={begin['cursor']}&wait=1"))["changes"] == []
    assert asyncio.get_running_loop().time() - started >= 1
    text = (await web.get("/metrics")).text
    [line] = [
        one
        for one in (await text()).splitlines()
        if one.startswith('odoo_ai_config_http_request_seconds_sum{route="/v1/changes"}')
    ]
    assert float(line.rpartition(" ")[2]) < 1


async def test_bound_key_hears_of_its_own_tenant(web: WebHub) -> None:
    bound = web.with_key(await web.new_key(Scope.CONFIG_READ, tenant="other"))
    begin = await changes(bound, "")
    waiting = asyncio.create_task(changes(bound, f"since={begin['cursor']}&wait=1"))
    await web.send(fixture("credentials_flat"))
    found = await waiting
    assert found["changes"] == []
    assert found["cursor"] != begin["cursor"]
    answer = await bound.get("/v1/changes?tenant=123456")
    assert (answer.status, (await answer.json())["code"]) == (403, "tenant_forbidden")
    answer = await web.with_key(await web.new_key(Scope.WEBHOOK)).get("/v1/changes")
    assert (answer.status, (await answer.json())["code"]) == (403, "scope_missing")


@pytest.mark.parametrize("path", ["/v1/changes", "/v1/changes/stream"])
async def test_cursor_of_another_store_is_gone_and_tells_where_to_go_on(
    web: WebHub, path: str
) -> None:
    await web.send(fixture("credentials_flat"))
    answer = await web.get(f"{path}?since={ELSEWHERE}")
    problem = await answer.json()
    assert (answer.status, problem["code"]) == (410, "compacted")
    assert problem["cursor"] == (await changes(web, ""))["cursor"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("wait=51", "wait"),
        ("wait=-1", "wait"),
        ("kind=config,other", "kind"),
        ("tenant=a%20b", "tenant"),
    ],
)
async def test_question_that_cannot_be_is_a_422(web: WebHub, query: str, field: str) -> None:
    answer = await web.get(f"/v1/changes?{query}")
    assert answer.status == 422
    assert (await answer.json())["errors"][0]["field"] == field


async def test_longest_wait_is_taken(web: WebHub) -> None:
    assert (await changes(web, "wait=50"))["changes"] == []
    assert (await changes(web, f"since={BEGIN}&wait=0"))["changes"] == []


async def test_stream_tells_each_change_and_goes_on_where_it_was(web: WebHub) -> None:
    async with stream(web) as events:
        headers = events.answer.headers
        assert headers["Content-Type"] == "text/event-stream"
        assert headers["Server"] == "odoo-ai-config"
        assert "X-Request-ID" in headers
        first = await events.next()
        assert first.keys() == {"retry", "id"}
        await web.send(fixture("credentials_flat"))
        config, credentials = await events.next(), await events.next()
    assert (config["event"], json.loads(config["data"])["kind"]) == ("change", "config")
    assert "cursor" not in json.loads(config["data"])
    await web.send(fixture("mapping_seed"))
    async with stream(web, Last_Event_ID=config["id"]) as events:
        again, mapping = await events.next(), await events.next()
        assert (again["id"], again["data"]) == (credentials["id"], credentials["data"])
        assert json.loads(mapping["data"])["kind"] == "mapping"
    async with stream(web, f"since={BEGIN}&kind=mapping") as events:
        assert (await events.next())["data"] == mapping["data"]


async def test_idle_stream_says_that_it_is_there(web: WebHub) -> None:
    web.services.read_feed.watch.beat = 0.05
    async with stream(web, "tenant=other") as events:
        first = await events.next()
        await web.send(fixture("credentials_flat"))
        # What is not for this listener moves its cursor, too.
        while (later := await events.next())["id"] == first["id"]:
            assert later.keys() == {"id"}
        assert later["id"] == (await changes(web, ""))["cursor"]


async def test_stream_ends_with_its_key(web: WebHub, monkeypatch: pytest.MonkeyPatch) -> None:
    web.services.read_feed.watch.beat = 0.05
    monkeypatch.setattr(handlers, "BEAT", 0.05)
    key = await web.new_key(Scope.CONFIG_READ)
    async with stream(web.with_key(key)) as events:
        await events.next()
        await web.services.revoke_api_key(key.split("_")[1], caller=trusted("test"))
        with pytest.raises(EOFError):
            await events.last()


async def test_stream_ends_when_the_store_fails(web: WebHub) -> None:
    async with stream(web) as events:
        await events.next()
        web.hub.state.away = True
        with pytest.raises(EOFError):
            await events.next()
        web.hub.state.away = False


async def test_listeners_end_with_the_server(web: WebHub) -> None:
    begin = (await changes(web, ""))["cursor"]
    async with stream(web) as events:
        await events.next()
        waiting = asyncio.create_task(changes(web, f"since={begin}&wait=50"))
        await asyncio.sleep(0.1)
        app = web.client.server.app  # type: ignore[attr-defined]
        app[LAST_ORDERS].call()
        with pytest.raises(EOFError):
            await events.next()
        assert (await waiting)["changes"] == []


async def test_listener_that_does_not_read_is_cut_off(
    web: WebHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "_PATIENCE", 0.2)
    monkeypatch.setattr(handlers, "_event_of", lambda _change: b": " + b"x" * 50_000_000 + b"\n")
    async with stream(web) as events:
        await events.next()
        await web.send(fixture("credentials_flat"))
        await asyncio.sleep(0.5)
        with pytest.raises(ClientError):
            await events.answer.read()


@pytest.mark.parametrize("path", ["/v1/changes?wait=50&since=" + BEGIN, "/v1/changes/stream"])
async def test_head_does_not_wait(web: WebHub, path: str) -> None:
    answer = await web.ask("HEAD", path)
    assert (answer.status, await answer.read()) == (200, b"")


@pytest.mark.parametrize("last", ["", "of-another-store"])
async def test_last_event_may_be_empty_and_must_be_of_this_store(web: WebHub, last: str) -> None:
    answer = await web.client.get(
        "/v1/changes/stream", headers={"X-API-Key": web.key, "Last-Event-ID": last}
    )
    assert answer.status == (410 if last else 200)
    answer.close()


async def test_reader_that_is_gone_is_not_waited_for(
    web: WebHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "_LOOK", 0.05)
    begin = (await changes(web, ""))["cursor"]
    waiting = asyncio.create_task(web.get(f"/v1/changes?since={begin}&wait=50"))
    await asyncio.sleep(0.1)
    watch = web.services.read_feed.watch
    assert watch._listeners
    waiting.cancel()
    while watch._listeners:
        await asyncio.sleep(0.01)


async def test_stream_of_a_renamed_tenant_ends_and_tells_nothing_of_the_next(web: WebHub) -> None:
    await web.send(fixture("credentials_flat"))
    bound = web.with_key(await web.new_key(Scope.CONFIG_READ, tenant="123456"))
    async with stream(bound) as events:
        await events.next()
        answer = await web.post("/v1/tenants/123456/rename?to=new", {})
        assert answer.status == 200, await answer.text()
        assert (await web.post("/v1/tenants/123456/reopening", {})).status == 200
        await web.send(fixture("credentials_flat"))
        with pytest.raises(EOFError):
            assert (await events.next()).keys() == {"id"}
