"""
The page of the demo only loads its own files, and other pages cannot act in its place.

tests/e2e/test_demo.py tries it in a browser.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin

import aiohttp
import pytest
from aiohttp import web
from attrs import frozen

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.entrypoints.cli.demo.chatwoot import DemoChatwoot
from odoo_ai_config.entrypoints.cli.demo.desk import FOLDER, LONGEST_TEXT, Desk, DeskFile
from odoo_ai_config.entrypoints.http.platform.pages import packaged
from tests.stand_ins.local_server import listening
from tests.unit.entrypoints.http.openapi.test_viewer import Page
from tests.unit.entrypoints.http.ui.test_client_pages import MARKUP


@frozen
class Scene:
    """
    A demo whose hub has decided nothing but the fate of the first message.
    """

    chatwoot: DemoChatwoot
    client: aiohttp.ClientSession

    async def act(self, act: str, body: Any = None) -> int:
        async with self.client.post(f"/act/{act}", json={} if body is None else body) as answer:
            return answer.status

    async def shown(self, query: str = "") -> Any:
        async with self.client.get(f"/conversation{query}") as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            return await answer.json()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    chatwoot = DemoChatwoot("http://127.0.0.1:9", SecretText("a secret"), SecretText("a token"))

    async def messages(_request: web.Request) -> web.Response:
        decided = {"chatwoot_message_id": "9001", "stage": "ignored", "reason": "paused"}
        updated = {**decided, "event": "message_updated", "reason": "not_a_message"}
        return web.json_response({"messages": [{**decided, "event": "message_created"}, updated]})

    hub = web.Application()
    hub.router.add_get("/v1/messages", messages)
    app = web.Application()
    async with (
        listening(hub) as url,
        aiohttp.ClientSession(url) as operator,
        aiohttp.ClientSession() as anybody,
    ):
        app.add_routes(Desk(chatwoot, operator).routes())
        async with listening(app) as desk, aiohttp.ClientSession(desk) as client:
            telling = asyncio.create_task(chatwoot.tell(anybody))
            yield Scene(chatwoot, client)
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling


def source(name: str) -> str:
    return packaged(FOLDER, name).content.decode()


async def test_page_loads_what_is_there_and_runs_nothing_in_line(scene: Scene) -> None:
    async with scene.client.get("/") as shown:
        page, policy = Page(await shown.text()), shown.headers["Content-Security-Policy"]
    assert page.inline == []
    assert "default-src 'none'" in policy
    assert "trusted-types 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert {*page.loaded} == {"page/client.css", "page/desk.css", "page/desk.js"}
    for address in (*page.loaded, "page/words.js"):
        async with scene.client.get(urljoin("/", address)) as part:
            assert part.status == 200
    for address in ("page/client.js", "page/none.js", "page/..%2fdesk.py"):
        async with scene.client.get(urljoin("/", address)) as part:
            assert part.status == 404


@pytest.mark.parametrize(("wanted", "language"), [("", "pt-BR"), ("en-GB", "en")])
async def test_page_speaks_the_language_of_its_reader(
    scene: Scene, wanted: str, language: str
) -> None:
    async with scene.client.get("/", headers={"Accept-Language": wanted}) as shown:
        assert f'<html lang="{language}">' in await shown.text()


@pytest.mark.parametrize("name", [name for name in DeskFile if name.endswith(".js")])
def test_script_has_no_way_to_make_markup_of_a_text(name: str) -> None:
    assert MARKUP.search(source(name)) is None


def test_page_has_the_same_words_in_every_language() -> None:
    portuguese, english = source("words.js").split("  en: {")
    words, same = (
        re.findall(r"^    (\w+):", part, re.MULTILINE) for part in (portuguese, english)
    )
    assert words == same
    named = set(re.findall(r"(?<!/)\bwords\.(\w+)|\"(\w+)\"", source("desk.js")))
    assert set(words) - {"status", "assignee", "labels"} <= {one or other for one, other in named}


async def test_both_sides_act_and_see_what_the_hub_decided(scene: Scene) -> None:
    assert await scene.act("customer_writes", {"text": " Olá "}) == 204
    assert await scene.act("customer_speaks") == 204
    assert await scene.act("customer_sends_place") == 204
    assert await scene.act("person_replies", {"text": "Bom dia"}) == 204
    assert await scene.act("person_notes", {"text": "/bot off"}) == 204
    assert await scene.act("person_takes_over") == 204
    shown = await scene.shown()
    assert [shown[name] for name in ("status", "assignee", "labels")] == ["open", "Ana", []]
    assert shown["messages"][0] == {
        "from": "customer",
        "text": "Olá",
        "hub": {"stage": "ignored", "reason": "paused"},
    }
    assert [one["attachments"][0]["file_type"] for one in shown["messages"][1:3]] == [
        "audio",
        "location",
    ]
    assert shown["messages"][3:] == [
        {"from": "Ana", "text": "Bom dia"},
        {"from": "Ana", "text": "/bot off", "note": True},
    ]
    assert (await scene.shown("?last=1"))["messages"] == shown["messages"][-1:]
    assert await scene.act("person_gives_back") == 204
    assert (await scene.shown())["status"] == "pending"
    assert await scene.act("person_resolves") == 204
    assert (await scene.shown())["status"] == "resolved"


@pytest.mark.parametrize(
    ("act", "body", "status"),
    [
        ("customer_dances", {}, 404),
        ("customer_writes", {}, 422),
        ("customer_writes", {"text": "  "}, 422),
        ("customer_writes", {"text": "x" * (LONGEST_TEXT + 1)}, 422),
        ("customer_writes", {"text": "x" * LONGEST_TEXT}, 204),
        ("person_replies", {"text": 7}, 422),
        ("person_notes", ["text"], 422),
    ],
)
async def test_what_nobody_can_do_is_refused(
    scene: Scene, act: str, body: Any, status: int
) -> None:
    assert await scene.act(act, body) == status
    assert bool(scene.chatwoot.messages) == (status == 204)


async def test_pages_of_other_origins_cannot_act(scene: Scene) -> None:
    form = {"Content-Type": "text/plain"}
    async with scene.client.post(
        "/act/customer_writes", data='{"text": "x"}', headers=form
    ) as answer:
        assert answer.status == 415
    async with scene.client.options("/act/customer_writes") as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
    body, json = b'{"text": ', {"Content-Type": "application/json"}
    async with scene.client.post("/act/customer_writes", data=body, headers=json) as answer:
        assert answer.status == 400
