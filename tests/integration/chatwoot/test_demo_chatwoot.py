"""
The Chatwoot of `odoo-ai-config demo`: what the hub can do there, and the events that it sends.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from attrs import evolve, frozen

from odoo_ai_config.adapters.chatwoot.chatwoot_client import HttpChatwootClient
from odoo_ai_config.adapters.outbound.sessions import HttpSessions
from odoo_ai_config.adapters.system.clock import SystemClock
from odoo_ai_config.application.errors import ChatwootRefusedError
from odoo_ai_config.application.ports.chatwoot_client import ConversationAccess
from odoo_ai_config.domain.conversations.state import Status
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.answers import Priority
from odoo_ai_config.domain.messages.outgoing import OutgoingFile, OutgoingMessage, Template
from odoo_ai_config.entrypoints.cli.demo.chatwoot import CONVERSATION, DemoChatwoot
from odoo_ai_config.entrypoints.http.platform.signature import SignaturePolicy, verify_signature
from tests.source_tree import TESTS
from tests.stand_ins.local_server import listening

SECRET, TOKEN = SecretText("the-secret-of-the-webhook"), SecretText("the-token-of-the-api")
POLICY = SignaturePolicy(chatwoot=[SigningKey.from_text(SECRET)], required=True)
MARK = "message-1"


@frozen
class Scene:
    """
    A demo Chatwoot, the hub's client there, and the events that the hub gets.
    """

    demo: DemoChatwoot
    client: HttpChatwootClient
    place: ConversationAccess
    url: str
    events: list[dict[str, Any]]

    async def told(self) -> list[dict[str, Any]]:
        """
        The events since the last call.
        """
        await self.demo.events_told()
        told = [*self.events]
        self.events.clear()
        return told


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    demo, events = DemoChatwoot("", SECRET, TOKEN), list[Any]()
    sessions = HttpSessions([ip_network("127.0.0.0/8")])

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        now = datetime.now(UTC).timestamp()
        verify_signature(request.headers, body, parsed_body=lambda: None, now=now, policy=POLICY)
        events.append(json.loads(body))
        return web.Response()

    async def file(_request: web.Request) -> web.Response:
        return web.Response(body=b"%PDF-1", content_type="application/pdf")

    app = web.Application()
    app.add_routes([*demo.routes(), web.post("/webhook", take), web.get("/boleto.pdf", file)])
    async with listening(app) as url, aiohttp.ClientSession() as session:
        demo.webhook = f"{url}/webhook"
        place = ConversationAccess(url, TOKEN, ChatwootId("1"), ChatwootId(str(CONVERSATION)))
        telling = asyncio.create_task(demo.tell(session))
        yield Scene(demo, HttpChatwootClient(sessions, SystemClock()), place, url, events)
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
    await sessions.close()


def members(value: Any, at: str = "") -> set[str]:
    """
    The paths of all members of a JSON value.
    """
    if isinstance(value, dict):
        inner = [members(one, f"{at}.{name}") for name, one in value.items()]
        return {f"{at}.{name}" for name in value}.union(*inner)
    if isinstance(value, list):
        return {path for one in value for path in members(one, f"{at}[]")}
    return set()


@pytest.mark.parametrize("name", ["whatsapp", "outgoing", "private_note"])
async def test_event_of_a_message_has_the_members_of_recorded_ones(
    scene: Scene, name: str
) -> None:
    scene.demo.customer_writes("Olá")
    if name != "whatsapp":
        scene.demo.person_writes("Bom dia", private=name == "private_note")

    event = (await scene.told())[-1]

    path = TESTS / "fixtures" / f"chatwoot_message_created_{name}.json"
    recorded = json.loads(path.read_text("utf-8"))
    assert members(event) - members(recorded) == set()
    for member in ("event", "message_type", "private"):
        assert event[member] == recorded[member]
    assert event["conversation"]["status"] == "pending"
    assert [one["content"] for one in event["conversation"]["messages"]] == [
        "Bom dia" if name == "outgoing" else "Olá"
    ]


async def test_hub_posts_there_and_finds_its_mark(scene: Scene) -> None:
    note = OutgoingMessage("Cliente antigo.", private=True)
    choices = OutgoingMessage(
        "Qual?", content_type="input_select", items=({"title": "Sim", "value": "sim"},)
    )
    template = OutgoingMessage("Olá", template=Template("aviso", "pt_BR"))
    for number, message in enumerate((note, choices, template)):
        await scene.client.post(scene.place, message, mark=f"{MARK}/{number}")

    assert await scene.client.has_mark(scene.place, f"{MARK}/0", private=True)
    assert not await scene.client.has_mark(scene.place, f"{MARK}/0", private=False)
    assert await scene.client.has_mark(scene.place, f"{MARK}/1", private=False)
    first, second, third = await scene.told()
    assert (first["private"], first["sender"]["name"]) == (True, "IA")
    assert second["content_attributes"]["items"] == [{"title": "Sim", "value": "sim"}]
    assert third["additional_attributes"]["template_params"]["name"] == "aviso"


async def test_hub_uploads_files_there(scene: Scene) -> None:
    files = (OutgoingFile(f"{scene.url}/boleto.pdf", "boleto.pdf"),)
    await scene.client.post(scene.place, OutgoingMessage("Segue.", attachments=files), mark=MARK)
    await scene.client.post(
        scene.place, OutgoingMessage(None, private=True, attachments=files), mark=f"{MARK}/2"
    )

    public, private = await scene.told()
    assert (public["content"], public["private"]) == ("Segue.", False)
    assert (private["content"], private["private"]) == (None, True)
    assert [one["fallback_title"] for one in public["attachments"]] == ["boleto.pdf"]
    assert await scene.client.has_mark(scene.place, MARK, private=False)


async def test_hub_reads_and_changes_who_has_the_conversation(scene: Scene) -> None:
    client, place = scene.client, scene.place
    await client.set_labels(place, added=["vip", "humano"])
    await client.set_labels(place, added=["novo"], removed=["humano"])
    await client.set_custom_attributes(place, {"pedido": 7})
    await client.set_custom_attributes(place, {"nota": "x"})
    await client.set_priority(place, Priority.HIGH)
    await client.typing(place, on=True)
    await client.assign(place, ChatwootId("3"))
    await client.set_status(place, Status.OPEN)

    seen = await client.live(place)

    assert seen is not None
    assert (seen.status, seen.assignee) == (Status.OPEN, ChatwootId("3"))
    assert scene.demo.state["labels"] == ["novo", "vip"]
    assert scene.demo.state["custom_attributes"] == {"pedido": 7, "nota": "x"}
    assert scene.demo.state["priority"] == "high"
    assert scene.demo.typing
    changed = [one["changed_attributes"] for one in await scene.told()]
    assert {"status": {"previous_value": "pending", "current_value": "open"}} in changed[-1]
    await client.set_status(
        place, Status.SNOOZED, snoozed_until=datetime.now(UTC) + timedelta(days=1)
    )
    assert scene.demo.state["snoozed_until"] is not None
    await client.set_status(place, Status.RESOLVED)
    assert scene.demo.state["snoozed_until"] is None


async def test_hub_needs_the_token_and_people_who_exist(scene: Scene) -> None:
    stranger = evolve(scene.place, token=SecretText("another token"))
    with pytest.raises(ChatwootRefusedError):
        await scene.client.post(stranger, OutgoingMessage("x"), mark=MARK)
    with pytest.raises(ChatwootRefusedError):
        await scene.client.assign(scene.place, ChatwootId("404"))
    with pytest.raises(ChatwootRefusedError):
        await scene.client.assign_team(scene.place, ChatwootId("2"))
    assert [*scene.demo.messages] == []


@pytest.mark.parametrize(("before", "after"), [("resolved", "pending"), ("snoozed", "open")])
async def test_customer_who_writes_again_reopens_the_conversation(
    scene: Scene, before: str, after: str
) -> None:
    scene.demo.change(status=before)
    scene.demo.customer_writes("Oi")
    assert (await scene.told())[-1]["conversation"]["status"] == after


async def test_what_changes_nothing_is_told_to_nobody(scene: Scene) -> None:
    scene.demo.change(status="pending")
    scene.demo.person_takes_over()
    assert [one["event"] for one in await scene.told()] == [
        "conversation_status_changed",
        "conversation_updated",
    ]


async def test_hub_that_is_away_misses_events_and_delays_nothing(scene: Scene) -> None:
    there = scene.demo.webhook
    scene.demo.webhook = "http://127.0.0.1:9/webhook"
    scene.demo.customer_writes("Oi")
    await scene.demo.events_told()
    scene.demo.webhook = there
    scene.demo.customer_writes("Alô?")
    assert [one["content"] for one in await scene.told()] == ["Alô?"]
