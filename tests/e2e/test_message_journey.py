"""
A customer's message goes to the crew of the right client, and the answer to the customer.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from attrs import frozen

from tests.e2e.customers import Shop, called, connect, free_port, new_crew
from tests.e2e.hub_process import HubProcess, environment, run, serving
from tests.source_tree import TESTS
from tests.stand_ins.chatwoot import SECRET, ChatwootStandIn, Webhook
from tests.stand_ins.crew import CrewStandIn, answers, replies

FIXTURES = TESTS / "fixtures"
QUESTION = "Olá, qual o horário de funcionamento?"
ANSWER = "Das 9h às 18h."
# As in Odoo's events.
TENANT, DOMAIN = "account_1", "retail"


def recorded(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


@frozen
class Scene:
    """
    A hub with a client from Odoo's events, the client's Chatwoot and its crew.

    Args:
        client: A client of the server that has the documents.
        chatwoot_side: A client of the server that receives messages.
    """

    client: aiohttp.ClientSession
    chatwoot_side: aiohttp.ClientSession
    chatwoot: ChatwootStandIn
    crew: CrewStandIn

    async def push(
        self, body: bytes, *, request_id: str = "the-request", delivery: str = "delivery-1"
    ) -> dict[str, Any]:
        """
        Send *body* as Chatwoot does, and return the answer.
        """
        now = str(int(time.time()))
        digest = hmac.digest(SECRET.encode(), f"{now}.".encode() + body, "sha256").hex()
        headers = {
            "Content-Type": "application/json",
            "X-Chatwoot-Delivery": delivery,
            "X-Chatwoot-Timestamp": now,
            "X-Chatwoot-Signature": f"sha256={digest}",
            "X-Request-ID": request_id,
            # Chatwoot has no key.
            "X-API-Key": "",
        }
        async with self.chatwoot_side.post("/webhook", data=body, headers=headers) as response:
            answer: dict[str, Any] = await response.json()
            assert response.status == 200, answer
            return answer

    async def message(self, message_id: str) -> dict[str, Any]:
        """
        The state of a message.
        """
        path = f"/v1/messages/{message_id}"
        told: dict[str, Any] = await called(self.chatwoot_side, "GET", path)
        return told

    async def until(
        self, message_id: str, reached: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        """
        The state of a message once it has the given stage.
        """
        while not reached(told := await self.message(message_id)):
            await asyncio.sleep(0.01)
        return told

    async def until_settled(self, count: int) -> None:
        """
        Wait until *count* messages are done or given up.
        """
        while len(await self.at_stage("done,dead")) < count:
            await asyncio.sleep(0.01)

    async def at_stage(self, stage: str) -> list[dict[str, Any]]:
        page = await called(self.chatwoot_side, "GET", f"/v1/messages?stage={stage}")
        found: list[dict[str, Any]] = page["messages"]
        return found


def is_done(message: dict[str, Any]) -> bool:
    return bool(message["stage"] == "done")


async def set_up(scene: Scene, webhook: Webhook) -> None:
    for event in ("credentials_nested_odoo_button", "mapping_odoo"):
        await called(scene.client, "POST", "/odoo-webhook", json.loads(recorded(event)))
    await Shop(TENANT, 7, scene.crew, domain=DOMAIN).employ(scene.client)
    await connect(scene.chatwoot_side, scene.chatwoot)
    # The hub receives its own answers, too.
    scene.chatwoot.webhooks.append(webhook)
    # The subjects of the recorded events.
    scene.chatwoot.customer_writes(QUESTION, told=False)


@asynccontextmanager
async def opened(
    config: HubProcess, messages: HubProcess, *, chatwoot_port: int = 0
) -> AsyncIterator[Scene]:
    async with (
        ChatwootStandIn().open(port=chatwoot_port) as chatwoot,
        new_crew().open() as crew,
        config.client() as client,
        aiohttp.ClientSession(
            messages.url, headers={"X-API-Key": config.api_key}
        ) as chatwoot_side,
    ):
        crew.then = answers(ANSWER)
        scene = Scene(client, chatwoot_side, chatwoot, crew)
        await set_up(scene, Webhook(f"{messages.url}/webhook"))
        yield scene


def settings(**more: str) -> dict[str, str]:
    return environment(ODOO_AI_CONFIG_PRIVATE_TARGETS="127.0.0.0/8", **more)


@asynccontextmanager
async def one_hub(folder: Path, *, chatwoot_port: int = 0) -> AsyncIterator[Scene]:
    port = free_port()
    variables = settings(ODOO_AI_CONFIG_PUBLIC_URL=f"http://127.0.0.1:{port}")
    with serving(folder, env=variables, port=port) as hub:
        async with opened(hub, hub, chatwoot_port=chatwoot_port) as scene:
            yield scene
        assert hub.stop() == 0


def logged(folder: Path, name: str) -> list[dict[str, Any]]:
    (file,) = (folder / "logs").glob(name)
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def steps_of(lines: list[dict[str, Any]], request_id: str) -> list[str]:
    return [
        line["event"]
        for line in lines
        if line.get("request_id") == request_id and "message" in line
    ]


async def test_message_is_answered_by_the_crew_of_its_client_and_the_answer_is_no_question(
    tmp_path: Path,
) -> None:
    async with one_hub(tmp_path) as scene:
        receipt = await scene.push(recorded("chatwoot_message_created_whatsapp"))
        assert receipt["status"] == "accepted"
        message = await scene.until(receipt["message_id"], is_done)
        await scene.chatwoot.events_told()
        assert scene.chatwoot.conversation(301, account=1).sent == [ANSWER]
        (echo,) = scene.chatwoot.deliveries
        assert (echo.message_type, echo.status) == ("outgoing", 200)
        (asked,) = scene.crew.asked
        assert [ignored["reason"] for ignored in await scene.at_stage("ignored")] == ["outgoing"]
    assert (message["tenant_id"], message["domain"]) == (TENANT, DOMAIN)
    assert message["matched_by"] == "account"
    task = asked.task
    assert task["text"] == QUESTION
    assert task["contact"]["number"] == "+5511999990000"
    assert (task["tenant"], task["domain"], task["crew"]) == (TENANT, DOMAIN, "atendimento")
    assert task["id"] == receipt["message_id"]
    steps = ["message_received", "crew_asked", "delivery_answered", "delivery_posted"]
    for name in ("*_unified_server.log", "hub.log"):
        assert steps_of(logged(tmp_path, name), "the-request") == steps
    assert steps_of(logged(tmp_path, "webhook.log"), "the-request") == steps[:1]
    for file in (tmp_path / "logs").iterdir():
        text = file.read_text("utf-8")
        for private in (QUESTION, ANSWER, "5511999990000", "senha_segura", SECRET):
            assert private not in text


async def test_same_message_is_answered_once_however_often_it_comes(tmp_path: Path) -> None:
    body = recorded("chatwoot_message_created_whatsapp")
    async with one_hub(tmp_path) as scene:
        receipts = await asyncio.gather(
            *(scene.push(body, delivery=f"delivery-{n % 3}") for n in range(9))
        )
        kinds = sorted(receipt["status"] for receipt in receipts)
        assert kinds == ["accepted", *["duplicate"] * 8]
        (message_id,) = {receipt["message_id"] for receipt in receipts}
        await scene.until(message_id, is_done)
        assert scene.chatwoot.conversation(301).sent == [ANSWER]
        assert len(scene.crew.asked) == 1


async def test_message_that_nobody_claims_is_seen_and_goes_on_once_there_is_a_mapping(
    tmp_path: Path,
) -> None:
    body = json.loads(recorded("chatwoot_message_created_whatsapp"))
    body["account"]["id"] = 2
    async with one_hub(tmp_path) as scene:
        scene.chatwoot.accounts.add(2)
        scene.chatwoot.customer_writes(QUESTION, account=2, told=False)
        await connect(scene.client, scene.chatwoot)
        receipt = await scene.push(json.dumps(body).encode(), request_id="too-early")
        assert (receipt["status"], receipt["reason"]) == ("unresolved", "no_route")
        message_id = receipt["message_id"]
        assert [one["message_id"] for one in await scene.at_stage("unresolved")] == [message_id]
        listed = run(tmp_path, "messages", "list", "--stage", "unresolved")
        assert message_id in listed.stdout
        mapping = json.loads(recorded("mapping_odoo"))
        mapping["mapping"]["chatwoot_account_id"] = 2
        await called(scene.client, "POST", "/odoo-webhook", mapping)
        await called(scene.client, "POST", f"/v1/messages/{message_id}/replay")
        await scene.until(message_id, is_done)
        assert scene.chatwoot.conversation(301, account=2).sent == [ANSWER]
    steps = steps_of(logged(tmp_path, "hub.log"), "too-early")
    assert steps[0] == "message_received"
    assert "message_replayed" in steps
    assert steps[-1] == "delivery_posted"


async def test_note_of_a_crew_does_not_reach_the_customer_nor_what_the_hub_cannot_do(
    tmp_path: Path,
) -> None:
    note = {"content": "NOTA INTERNA: cliente devedor", "private": True}
    more = {"answer": {"text": "Segue o boleto"}, "hand_over": True}
    async with one_hub(tmp_path) as scene:
        scene.crew.script.extend(replies(body=json.dumps(said)) for said in (note, more))
        written = [scene.chatwoot.customer_writes(QUESTION, told=False) for _ in range(2)]
        for message in written:
            await scene.chatwoot.tell_again(message)
        await scene.until_settled(len(written))
        (dead,) = await scene.at_stage("dead")
        place = scene.chatwoot.conversation(301)
        assert (dead["reason"], place.sent) == ("crew_refused", [])
        notes = [one["content"] for one in place.messages if one["private"]]
        assert notes == [note["content"]]
    refusal = next(
        line for line in logged(tmp_path, "hub.log") if line["event"] == "crew_answer_unreadable"
    )
    assert (refusal["field"], refusal["rule"]) == ("hand_over", "unknown_member")


async def test_note_among_agents_is_left_alone(tmp_path: Path) -> None:
    async with one_hub(tmp_path) as scene:
        receipt = await scene.push(recorded("chatwoot_message_created_private_note"))
        assert (receipt["status"], receipt["reason"]) == ("ignored", "private")
        await scene.push(recorded("chatwoot_message_created_whatsapp"), delivery="delivery-2")
        await scene.chatwoot.events_told()
        while not scene.chatwoot.conversation(301).sent:
            await asyncio.sleep(0.01)
        assert len(scene.crew.asked) == 1


async def test_customer_without_a_number_is_answered(tmp_path: Path) -> None:
    async with one_hub(tmp_path) as scene:
        body = recorded("chatwoot_message_created_without_phone")
        conversation = json.loads(body)["conversation"]["id"]
        scene.chatwoot.customer_writes(QUESTION, conversation=conversation, told=False)
        receipt = await scene.push(body)
        await scene.until(receipt["message_id"], is_done)
        assert scene.chatwoot.conversation(conversation).sent == [ANSWER]
        assert scene.crew.asked[0].task["contact"]["number"] is None


async def test_answer_waits_for_chatwoot_to_come_back(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, env=settings()) as hub:
        async with opened(hub, hub, chatwoot_port=port) as scene:
            pass
        async with (
            scene.crew.open(port=int(scene.crew.url.split(":")[2].split("/")[0])),
            hub.client() as client,
        ):
            scene = Scene(client, client, scene.chatwoot, scene.crew)
            receipt = await scene.push(recorded("chatwoot_message_created_whatsapp"))
            waiting = await scene.until(receipt["message_id"], lambda one: one["attempts"] > 0)
            assert (waiting["stage"], waiting["reason"]) == ("answered", "chatwoot_unavailable")
            async with scene.chatwoot.open(port=port):
                await scene.until(receipt["message_id"], is_done)
                assert scene.chatwoot.conversation(301).sent == [ANSWER]
                assert len(scene.crew.asked) == 1


async def test_crew_may_take_its_time_and_answer_later(tmp_path: Path) -> None:
    async with one_hub(tmp_path) as scene:
        scene.crew.then = scene.crew.later(ANSWER, after=0.2)
        receipt = await scene.push(recorded("chatwoot_message_created_whatsapp"))
        await scene.until(receipt["message_id"], is_done)
        assert scene.chatwoot.conversation(301).sent == [ANSWER]
        assert scene.crew.answered_later == [200]
    steps = steps_of(logged(tmp_path, "hub.log"), "the-request")
    assert steps == [
        "message_received",
        "crew_asked",
        "delivery_awaiting",
        "message_answered",
        "delivery_posted",
    ]


async def test_configuration_and_messages_may_be_served_by_different_processes(
    tmp_path: Path,
) -> None:
    variables = settings(ODOO_AI_CONFIG_DATA_DIR=str(tmp_path / "a" / "var"))
    for name in "ab":
        (tmp_path / name).mkdir()
    with (
        serving(tmp_path / "a", "--apps", "config", env=variables) as config,
        serving(tmp_path / "b", "--apps", "chatwoot", env=variables) as messages,
    ):
        async with opened(config, messages) as scene:
            receipt = await scene.push(recorded("chatwoot_message_created_whatsapp"))
            await scene.until(receipt["message_id"], is_done)
            assert scene.chatwoot.conversation(301).sent == [ANSWER]
    assert "crew_asked" in steps_of(logged(tmp_path / "b", "hub.log"), "the-request")
    assert logged(tmp_path / "a", "hub.log") == []
