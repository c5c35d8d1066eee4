from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from odoo_ai_config.application.errors import StoreUnavailableError
from odoo_ai_config.client import open_hub
from odoo_ai_config.client.remote_hub import RemoteHub
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.messages.answers import Answer
from tests.stand_ins.scripted_hub import ScriptedHub, scripted_hub

ACCEPTED = {
    "tenant_id": "acme",
    "domain": "default",
    "config_version": 1,
    "credentials_version": 1,
    "timestamp": "2026-11-30T12:00:00.000Z",
    "changed": True,
    "warnings": [{"code": "missing_credential", "field": "a", "message": "..."}],
}
RECEIPT = {"message_id": "msg_00000001", "stage": "queued", "reason": None}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedHub]:
    async with scripted_hub() as server:
        yield server


async def lost(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def test_repetition_by_a_retry_names_the_first_request(server: ScriptedHub) -> None:
    server.replies = [
        web.Response(status=502),
        web.json_response(ACCEPTED, headers={"Idempotent-Replayed": "true"}),
        web.json_response(ACCEPTED),
    ]
    async with server.opened() as hub:
        first = await hub.sync_credentials(account_id="acme", token="ref")
        await hub.sync_credentials(account_id="acme", token="ref")
    assert first.replayed
    assert [(one.code, one.field) for one in first.notices] == [("missing_credential", "a")]
    keys = [asked.headers["Idempotency-Key"] for asked in server.asked]
    assert keys[0] == keys[1] != keys[2]


async def test_replay_that_may_have_arrived_is_not_repeated(server: ScriptedHub) -> None:
    async with server.opened() as hub:
        for bad in (lost, web.Response(status=502), web.Response(text="{")):
            server.replies = [bad]
            with pytest.raises(StoreUnavailableError):
                await hub.replay("msg_00000001")
        assert len(server.asked) == 3
        server.replies = [web.json_response(RECEIPT)]
        assert (await hub.replay("msg_00000001")).stage.value == "queued"


async def test_answer_is_sent_whole(server: ScriptedHub) -> None:
    bodies: list[object] = []

    async def reply(request: web.Request) -> web.StreamResponse:
        bodies.append(await request.json())
        return web.json_response(RECEIPT)

    server.replies = [reply] * 3
    async with server.opened() as hub:
        await hub.answer("msg_00000001", "Oi")
        await hub.answer("msg_00000001", Answer.of_text("Oi", private=True))
        await hub.answer("msg_00000001", None)
    assert bodies == [
        {"answer": {"messages": [{"text": "Oi"}]}},
        {"answer": {"messages": [{"text": "Oi", "private": True}]}},
        {},
    ]


CALLS: list[Callable[[RemoteHub], Awaitable[object]]] = [
    lambda hub: hub.sync_credentials(account_id="acme", token="ref"),
    lambda hub: hub.sync_mapping(chatwoot_account_id="1", tenant="acme"),
    lambda hub: hub.collection("acme", "products").replace({}),
    lambda hub: hub.receive({}),
    lambda hub: hub.answer("msg_00000001", "Oi"),
    lambda hub: hub.replay("msg_00000001"),
]


@pytest.mark.parametrize("call", CALLS, ids=range(len(CALLS)))
async def test_answer_to_a_write_that_says_nothing_is_an_outage(
    server: ScriptedHub, call: Callable[[RemoteHub], Awaitable[object]]
) -> None:
    server.otherwise = lambda: web.json_response({"success": True})
    async with server.opened() as hub:
        with pytest.raises(StoreUnavailableError):
            await call(hub)


async def test_hub_that_was_never_there_is_away_since_the_client_was_opened() -> None:
    before = datetime.now(UTC)
    async with open_hub("http://127.0.0.1:9/", api_key="key", deadline=0.3) as hub:
        assert hub.stale_since is None
        for call in (hub.replay("msg_00000001"), hub.config("acme")):
            with pytest.raises(StoreUnavailableError):
                await call
        first = hub.stale_since
        await asyncio.sleep(0.01)
        assert first is not None
        assert timedelta() <= first - before < timedelta(seconds=5)
        assert hub.stale_since == first


async def test_call_that_hangs_ends_at_its_deadline(server: ScriptedHub) -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(5)
        return web.Response()

    server.replies, server.feed = [hang], hang
    async with server.opened(deadline=0.2) as hub:
        with pytest.raises(StoreUnavailableError):
            await hub.config("acme")
        assert hub.stale_since is not None


async def test_malformed_arguments_are_not_sent(server: ScriptedHub) -> None:
    calls: list[Callable[[RemoteHub], Awaitable[object]]] = [
        lambda hub: hub.sync_credentials(account_id="../x", token="ref"),
        lambda hub: hub.sync_credentials(account_id="acme", token="no ref"),
        lambda hub: hub.sync_mapping(chatwoot_account_id="a b", tenant="acme"),
        lambda hub: hub.collection("acme", "products").item(""),
        lambda hub: hub.collection("acme", "products").replace({"": {}}),
        lambda hub: hub.answer("?", "Oi"),
        lambda hub: hub.replay("?"),
    ]
    async with server.opened() as hub:
        for call in calls:
            with pytest.raises(InvalidValueError):
                await call(hub)
        with pytest.raises(InvalidValueError):
            hub.collection("acme", "no name")
    assert server.asked == []
