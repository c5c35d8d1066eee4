"""
Conversations with people in them, through the real server: what Chatwoot sent in the field, and
what happens at the moments that matter.

The files of ``tests/fixtures/conversations`` are events as they were reported, with other people
in them.
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import pytest
from aiohttp import web
from attrs import define, field, frozen

from tests.e2e.customers import called, database_of, free_port, let_pass
from tests.e2e.hub_process import HubProcess, environment, serving
from tests.source_tree import TESTS
from tests.stand_ins.chatwoot import (
    BOT_TOKEN,
    SECRET,
    TOKEN,
    ChatwootStandIn,
    Conversation,
    Webhook,
    answers_with,
)
from tests.stand_ins.crew import Asked, Behaviour, CrewStandIn, answers, replies
from tests.stand_ins.local_server import listening

CASES = TESTS / "fixtures" / "conversations"
TENANT, DOMAIN = "loja-das-conversas", "retail"
AREA = f"/configs/{TENANT}/{DOMAIN}"
SAID = "Pois não."
OPEN = "queued,awaiting,answered"
OWNER = "142902286143727@lid"
# In the field the conversations have numbers from 300 to 800.
numbers = itertools.count(1000)

Json: TypeAlias = dict[str, Any]


@define
class Scene:
    """
    A hub with one client, whose Chatwoot has one conversation that matters.
    """

    client: aiohttp.ClientSession
    chatwoot: ChatwootStandIn
    crew: CrewStandIn
    conversation: int = field(factory=lambda: next(numbers))

    @property
    def place(self) -> Conversation:
        """
        The conversation in Chatwoot.
        """
        return self.chatwoot.conversation(self.conversation)

    async def employ(self, **rules: Any) -> None:
        """
        Publish the crews, which answer when *rules* say so.
        """
        crew = {"type": "http", "url": self.crew.url}
        document = {
            "default_crew": "atendimento",
            "crews": {"atendimento": crew, "dono": crew},
            "answer_when": rules,
        }
        await called(self.client, "POST", f"{AREA}/crews", {"yaml_content": json.dumps(document)})

    async def connect(self, token: str = TOKEN) -> None:
        """
        Let the hub use the API of Chatwoot with *token*.
        """
        access = {
            "base_url": self.chatwoot.url,
            "api_access_token": token,
            "webhook_secrets": [SECRET],
        }
        await called(self.client, "PUT", "/v1/chatwoot/accounts/1", access)

    async def push(self, event: Json) -> Json:
        """
        Send an *event* as Chatwoot does, and return the answer.
        """
        body = json.dumps(event, ensure_ascii=False).encode()
        now = str(int(time.time()))
        digest = hmac.digest(SECRET.encode(), f"{now}.".encode() + body, "sha256").hex()
        headers = {
            "Content-Type": "application/json",
            "X-Chatwoot-Delivery": str(uuid.uuid4()),
            "X-Chatwoot-Timestamp": now,
            "X-Chatwoot-Signature": f"sha256={digest}",
            # Chatwoot has no key.
            "X-API-Key": "",
        }
        async with self.client.post("/webhook", data=body, headers=headers) as response:
            answer: Json = await response.json()
            assert response.status == 200, answer
            return answer

    async def message(self, message_id: str) -> Json:
        """
        The state of a message.
        """
        told: Json = await called(self.client, "GET", f"/v1/messages/{message_id}")
        return told

    async def settled(self, message_id: str) -> tuple[str, str | None]:
        """
        The stage and the reason of a message once the hub leaves it alone.
        """
        while (told := await self.message(message_id))["stage"] in OPEN.split(","):
            await asyncio.sleep(0.02)
        return told["stage"], told["reason"]

    async def written(self) -> list[Json]:
        """
        What the hub has of the conversation's customer, newest first, once all of it is settled.
        """
        await self.chatwoot.events_told()
        while mine := await self._listed(OPEN):
            await self.settled(mine[0]["message_id"])
        return await self._listed(None)

    async def _listed(self, stages: str | None) -> list[Json]:
        chosen = "" if stages is None else f"&stage={stages}"
        page = await called(self.client, "GET", f"/v1/messages?limit=100{chosen}")
        customers = {str(one["id"]) for one in self.place.messages if one["message_type"] == 0}
        return [
            one
            for one in page["messages"]
            if one["conversation_id"] == str(self.conversation)
            and one["chatwoot_message_id"] in customers
        ]

    async def writes(self, text: str, **more: Any) -> Json:
        """
        Let the customer write, and return what the hub made of it in the end.
        """
        number = str((await self.tells(text, **more))["id"])
        written = await self.written()
        return next(one for one in written if one["chatwoot_message_id"] == number)

    async def tells(self, text: str, **more: Any) -> Json:
        """
        Let the customer write, and return Chatwoot's message once the hub has it.
        """
        said = self.chatwoot.customer_writes(text, conversation=self.conversation, **more)
        await self.chatwoot.events_told()
        return said

    async def asked(self, count: int) -> None:
        """
        Wait until crews were asked *count* times.
        """
        while len(self.crew.asked) < count:
            await asyncio.sleep(0.01)

    def questions(self) -> list[str | None]:
        """
        What crews were asked about.
        """
        return [one.task["text"] for one in self.crew.asked]


def variables(**more: str) -> dict[str, str]:
    return environment(ODOO_AI_CONFIG_PRIVATE_TARGETS="127.0.0.0/8", **more)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """
    One server for all conversations.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = variables(ODOO_AI_CONFIG_PUBLIC_URL=url)
    with serving(tmp_path_factory.mktemp("hub"), env=env, port=port) as process:
        yield process


@pytest.fixture
async def scene(hub: HubProcess) -> AsyncIterator[Scene]:
    async with opened(hub) as made:
        yield made


@asynccontextmanager
async def opened(hub: HubProcess) -> AsyncIterator[Scene]:
    async with (
        # The ids of messages are not used twice.
        ChatwootStandIn(next_id=next(numbers) * 1_000_000).open() as chatwoot,
        CrewStandIn().open() as crew,
        hub.client() as client,
    ):
        crew.then = answers(SAID)
        made = Scene(client, chatwoot, crew)
        event = {"account_id": TENANT, "domain": DOMAIN, "token": "odoo"}
        synced = {**event, "event_type": "credentials_sync", "name": TENANT}
        await called(client, "POST", "/odoo-webhook", {**synced, "odoo_password": "senha"})
        mapping = {
            "chatwoot_account_id": 1,
            "internal_account_id": TENANT,
            "domain": DOMAIN,
            "special_whatsapp_numbers": [{"number": OWNER, "crew": "dono"}],
        }
        mapped = {"event_type": "mapping_sync", "mapping": mapping}
        await called(client, "POST", "/odoo-webhook", mapped)
        await made.employ()
        await made.connect()
        # The hub receives its own answers, too.
        chatwoot.webhooks.append(Webhook(f"{hub.url}/webhook"))
        made.place.status = "pending"
        yield made


# What Chatwoot sent in the field


@frozen
class Expected:
    """
    What a case must end in.

    Args:
        ends: The stage and the reason of each event's message.
        sent: What the customer gets.
        notes: What people get.
        told: Members of the last task of a crew.
        tasks: How often crews are asked.
        at_once: The events come without a pause.
        rules: When the AI answers.
        more: Whatever else must hold.
    """

    ends: list[tuple[str, str | None]]
    sent: list[str] = field(factory=list)
    notes: list[str] = field(factory=list)
    told: Json = field(factory=dict)
    tasks: int = 0
    at_once: bool = False
    rules: Json = field(factory=dict)
    more: Callable[[Conversation], object] = lambda _place: True


def silent(reason: str, *before: tuple[str, str | None]) -> Expected:
    return Expected([*before, ("ignored", reason)])


def answered(*ends: tuple[str, str | None], **more: Any) -> Expected:
    members: Json = {"sent": [SAID], "tasks": 1} | more
    return Expected([*ends] or [DONE], **members)


DONE = ("done", None)
OURS = ("ignored", "outgoing")
AMENDED = ("ignored", "amended")
GATHERED = ("done", "gathered")
FIRST = "#sleep 1 me manda o código pix"
ITEMS = [{"title": "Sim", "value": "sim"}]
EXPECTED = {
    "01_open_human_assignee": silent("human_has_it"),
    "02_human_replied_pending": silent("human_wrote", OURS),
    "03_phone_echo": silent("human_wrote", OURS),
    "05_attachment_answer": answered(
        sent=["Segue o boleto"],
        more=lambda place: (
            [(one.name, one.content) for one in place.uploads] == [("boleto.pdf", b"%PDF-1.7")]
        ),
    ),
    "05_handover_answer": answered(
        sent=["Vou te passar para a Ana."], more=lambda place: place.status == "open"
    ),
    "05_handover_only": answered(sent=[], more=lambda place: place.status == "open"),
    "05_input_select_answer": answered(
        sent=["Escolha"],
        more=lambda place: (
            (
                place.messages[-1]["content_type"],
                place.messages[-1]["content_attributes"]["items"],
            )
            == ("input_select", ITEMS)
        ),
    ),
    "05_private_answer": answered(sent=[], notes=["NOTA INTERNA: cliente devedor"]),
    "06_blocked_contact": silent("blocked_contact"),
    "07_contact_card": answered(
        told={
            "text": "Joana Silva",
            "attachments.0.kind": "contact",
            "attachments.0.contact": {"name": "Joana Silva", "numbers": ["+5511977776666"]},
        }
    ),
    "09_audio_transcribed": answered(
        told={"attachments.0.transcription": "Quero cancelar o pedido mil duzentos"}
    ),
    "09b_transcription_later": answered(
        DONE,
        AMENDED,
        at_once=True,
        rules={"transcription_seconds": 60},
        told={"attachments.0.transcription": "Quero cancelar"},
    ),
    "11_quoted_reply": answered(
        told={"in_reply_to": {"id": "856001", "external_id": "wamid.ORIGINAL"}, "quoted": None}
    ),
    "12_reaction": silent("reaction"),
    "13_unsupported": silent("unsupported_content"),
    "14_choice": answered(told={"text": "Sim", "submitted_values": ITEMS, "quoted": "Escolha"}),
    "15_burst": answered(
        DONE,
        GATHERED,
        GATHERED,
        at_once=True,
        rules={"gather_seconds": 2},
        told={
            "text": f"{FIRST}\nmeu documento é 12.345.678/0001-99\né pra hoje tá",
            "parts.1.text": "é pra hoje tá",
        },
    ),
    "17_out_of_order": answered(
        DONE,
        DONE,
        sent=[SAID] * 2,
        tasks=2,
        told={
            "message_id": "857916",
            "sent_at": "2026-11-28T12:00:01+00:00",
            "history.0.text": "meu CPF é 111 (segunda)",
        },
    ),
    "18b_owner_lid": answered(
        told={"crew": "dono", "contact.number": None, "contact.identifier": OWNER}
    ),
    "18d_lid_as_phone": answered(told={"contact.number": None, "contact.identifier": OWNER}),
    "19_group": silent("group"),
    "20_evolution_bot_contact": silent("command_contact"),
    "24b_edited": answered(
        DONE,
        DONE,
        sent=[SAID] * 2,
        tasks=2,
        told={"text": "quero 3 pizzas", "edited": True, "previous_text": "quero 2 pizzas"},
    ),
    "33_voice_call": silent("voice_call"),
}
# These have tests of their own.
ELSEWHERE = {"04_takeover_while_thinking", "23_crew_down", "27_webwidget_triggered"}


def case(name: str) -> Json:
    read: Json = json.loads((CASES / f"{name}.json").read_text("utf-8"))
    return read


def taken_up(scene: Scene, event: Json) -> None:
    """
    Let Chatwoot's API tell of the same conversation as *event*.
    """
    conversation = event["conversation"]
    scene.conversation = conversation["id"]
    place = scene.place
    place.status = conversation["status"]
    assignee = conversation["meta"]["assignee"]
    place.assignee = None if assignee is None else assignee["id"]
    place.blocked = event["sender"] is not None and event["sender"].get("blocked", False)


def in_task(task: Json, path: str) -> Any:
    found: Any = task
    for name in path.split("."):
        found = found[int(name) if isinstance(found, list) else name]
    return found


@asynccontextmanager
async def files() -> AsyncIterator[str]:
    async def serve(_request: web.Request) -> web.Response:
        return web.Response(body=b"%PDF-1.7", content_type="application/pdf")

    app = web.Application()
    app.router.add_get("/boleto.pdf", serve)
    async with listening(app) as url:
        yield url


def test_every_case_has_an_expected_end() -> None:
    assert {path.stem for path in CASES.iterdir()} == EXPECTED.keys() | ELSEWHERE


@pytest.mark.parametrize("name", EXPECTED)
async def test_case_from_the_field(name: str, scene: Scene) -> None:
    read, expected = case(name), EXPECTED[name]
    async with files() as url:
        if read["crew_answers"] is not None:
            answer = json.dumps(read["crew_answers"]["body"])
            scene.crew.then = replies(body=answer.replace("https://example.com", url))
        await scene.employ(**expected.rules)
        taken_up(scene, read["payloads"][0])
        ids = []
        for event in read["payloads"]:
            ids.append((await scene.push(event))["message_id"])
            if not expected.at_once:
                await scene.settled(ids[-1])
        assert [await scene.settled(id_) for id_ in ids] == expected.ends
    place = scene.place
    assert (place.sent, place.notes) == (expected.sent, expected.notes)
    assert len(scene.crew.asked) == expected.tasks
    for path, value in expected.told.items():
        assert in_task(scene.crew.asked[-1].task, path) == value, path
    assert expected.more(place)


def thinking(until: asyncio.Event, text: str = SAID) -> Behaviour:
    """
    Answer when *until* is set.
    """

    async def behave(asked: Asked, request: web.Request) -> web.StreamResponse:
        await until.wait()
        return await answers(text)(asked, request)

    return behave


async def test_case_of_a_takeover_while_the_crew_thinks(scene: Scene) -> None:
    read = case("04_takeover_while_thinking")
    message, takeover = read["payloads"]
    over = asyncio.Event()
    scene.crew.then = thinking(over)
    taken_up(scene, message)
    receipt = await scene.push(message)
    await scene.asked(1)
    scene.chatwoot.change(scene.place, told=False, status="open", assignee=3)
    assert (await scene.push(takeover))["reason"] == "not_a_message"
    over.set()
    assert await scene.settled(receipt["message_id"]) == ("done", "human_took_over")
    assert scene.place.sent == []
    (note,) = scene.place.notes
    assert SAID in note


# The moments that matter


async def test_conversation_of_a_bot_that_people_open_is_theirs_until_they_give_it_back(
    scene: Scene,
) -> None:
    assert (await scene.writes("um"))["reason"] is None
    scene.chatwoot.change(scene.place, status="open")
    await scene.chatwoot.events_told()
    ignored = await scene.writes("dois")
    assert (ignored["stage"], ignored["reason"]) == ("ignored", "conversation_status")
    scene.chatwoot.person_takes_over(conversation=scene.conversation)
    await scene.chatwoot.events_told()
    assert (await scene.writes("três"))["reason"] == "human_has_it"
    scene.chatwoot.person_gives_back(conversation=scene.conversation)
    await scene.chatwoot.events_told()
    assert (await scene.writes("quatro"))["stage"] == "done"
    assert scene.questions() == ["um", "quatro"]


async def test_open_conversation_that_was_never_a_bots_is_answered_while_nobody_has_it(
    scene: Scene,
) -> None:
    # As an account's webhook tells of it, without a bot.
    scene.place.status = "open"
    assert (await scene.writes("um"))["stage"] == "done"
    scene.chatwoot.person_replies("Deixa comigo.", conversation=scene.conversation)
    await scene.chatwoot.events_told()
    assert (await scene.writes("dois"))["reason"] == "human_wrote"
    scene.chatwoot.person_resolves(conversation=scene.conversation)
    await scene.chatwoot.events_told()
    # Chatwoot opens it again.
    assert (await scene.writes("três"))["stage"] == "done"
    assert scene.questions() == ["um", "três"]


async def test_takeover_of_which_no_event_comes_is_seen_in_chatwoot(scene: Scene) -> None:
    over = asyncio.Event()
    scene.crew.then = thinking(over)
    await scene.tells("um")
    await scene.asked(1)
    scene.chatwoot.change(scene.place, told=False, status="open", assignee=3)
    over.set()
    (message,) = await scene.written()
    assert (message["stage"], message["reason"]) == ("done", "human_took_over")
    assert (scene.place.sent, len(scene.place.notes)) == ([], 1)


@pytest.mark.parametrize("first", [[], [{"text": "Um momento."}]])
@pytest.mark.parametrize("told", [True, False])
async def test_takeover_while_a_file_is_fetched_keeps_the_answer_from_the_customer(
    told: bool, first: list[Json], scene: Scene
) -> None:
    fetching, over = asyncio.Event(), asyncio.Event()

    async def serve(_request: web.Request) -> web.Response:
        fetching.set()
        await over.wait()
        return web.Response(body=b"%PDF-1.7", content_type="application/pdf")

    app = web.Application()
    app.router.add_get("/boleto.pdf", serve)
    async with listening(app) as url:
        file = {"text": "Segue o boleto", "attachments": [{"url": f"{url}/boleto.pdf"}]}
        answer = {"answer": {"messages": [*first, file]}}
        scene.crew.then = replies(body=json.dumps(answer))
        await scene.tells("um")
        await fetching.wait()
        scene.chatwoot.change(scene.place, told=told, status="open", assignee=3)
        await scene.chatwoot.events_told()
        over.set()
        (message,) = await scene.written()
    assert (message["stage"], message["reason"]) == ("done", "human_took_over")
    assert scene.place.sent == [one["text"] for one in first]
    assert "Segue o boleto" in scene.place.notes[0]


async def test_answer_that_comes_later_into_what_a_person_has_taken_is_a_note(
    scene: Scene,
) -> None:
    scene.crew.secret = None
    key = scene.client.headers["X-API-Key"]
    scene.crew.then = scene.crew.later(SAID, api_key=key, after=0.5)
    await scene.tells("um")
    await scene.asked(1)
    scene.chatwoot.person_takes_over(conversation=scene.conversation)
    await scene.chatwoot.events_told()
    (message,) = await scene.written()
    assert (message["stage"], message["reason"]) == ("done", "human_took_over")
    assert (scene.place.sent, len(scene.place.notes)) == ([], 1)
    assert scene.crew.answered_later == [200]


async def test_dead_letter_is_not_posted_into_a_conversation_that_is_resolved(
    scene: Scene,
) -> None:
    scene.chatwoot.failures.append(answers_with(404))
    scene.chatwoot.failures.append(answers_with(404))
    dead = await scene.writes("um")
    assert (dead["stage"], dead["reason"]) == ("dead", "chatwoot_refused")
    scene.chatwoot.person_resolves(conversation=scene.conversation)
    await scene.chatwoot.events_told()
    await called(scene.client, "POST", f"/v1/messages/{dead['message_id']}/replay")
    assert await scene.settled(dead["message_id"]) == ("done", "human_took_over")
    assert (scene.place.sent, len(scene.place.notes)) == ([], 1)


async def test_outside_its_hours_the_company_says_so_once(scene: Scene) -> None:
    closed = {"hours": {"weekly": {}}, "outside_hours": {"text": "Voltamos amanhã."}}
    await scene.employ(**closed)
    assert (await scene.writes("um"))["stage"] == "done"
    assert (await scene.writes("dois"))["reason"] == "outside_hours"
    assert (scene.place.sent, scene.crew.asked) == (["Voltamos amanhã."], [])


async def test_ai_that_talks_with_another_robot_hands_over(scene: Scene) -> None:
    await scene.employ(most_answers={"answers": 3, "minutes": 10})
    for number in range(4):
        await scene.writes(f"eco {number}")
    last = await scene.writes("eco 4")
    assert (len(scene.place.sent), len(scene.place.notes), len(scene.crew.asked)) == (3, 1, 3)
    assert scene.place.status == "open"
    assert last["stage"] == "ignored"


async def test_agents_silence_the_ai_and_call_it_back_by_notes(scene: Scene) -> None:
    scene.chatwoot.agent_notes("/bot off", conversation=scene.conversation)
    await scene.chatwoot.events_told()
    assert (await scene.writes("um"))["reason"] == "paused"
    scene.chatwoot.agent_notes("/bot on", conversation=scene.conversation)
    await scene.chatwoot.events_told()
    assert (await scene.writes("dois"))["stage"] == "done"
    assert scene.questions() == ["dois"]


async def test_crew_is_told_what_people_said_and_what_is_quoted(scene: Scene) -> None:
    await scene.employ(after_person={"minutes": 0})
    first = await scene.tells("qual o preço do azul?")
    await scene.written()
    scene.chatwoot.person_replies("Dez reais.", conversation=scene.conversation)
    await scene.chatwoot.events_told()
    await scene.writes("e desse?", content_attributes={"in_reply_to": first["id"]})
    task = scene.crew.asked[-1].task
    assert task["quoted"] == "qual o preço do azul?"
    assert [(one["by"], one["text"]) for one in task["history"]] == [
        ("customer", "qual o preço do azul?"),
        ("ai", SAID),
        ("person", "Dez reais."),
    ]


async def test_message_that_is_deleted_or_edited_in_time_is_not_answered_as_it_was(
    scene: Scene,
) -> None:
    await scene.employ(gather_seconds=2)
    wrong, edited = await scene.tells("errei"), await scene.tells("2 pizzas")
    scene.chatwoot.deletes(wrong)
    scene.chatwoot.edits(edited, "3 pizzas")
    await scene.written()
    assert scene.questions() == ["3 pizzas"]


async def test_transcription_that_comes_too_late_is_not_waited_for(scene: Scene) -> None:
    await scene.employ(transcription_seconds=1)
    voice = {"file_type": "audio", "data_url": f"{scene.chatwoot.url}/a.oga"}
    said = await scene.tells("", attachments=[voice])
    await scene.written()
    scene.chatwoot.transcribes(said, "Quero cancelar")
    late = (await scene.written())[0]
    assert (late["stage"], late["reason"]) == ("ignored", "not_a_message")
    assert len(scene.crew.asked) == len(scene.place.sent) == 1


async def test_hand_over_to_a_team_is_done_although_chatwoot_tells_that_it_is_open(
    scene: Scene,
) -> None:
    handover = {"team": 2, "priority": "high", "note": "Quer desconto.", "text": "Já te passo."}
    answer = {"answer": {"handover": handover | {"labels_added": ["vip"]}}}
    scene.crew.then = replies(body=json.dumps(answer))
    done = await scene.writes("gerente!")
    assert (done["stage"], done["reason"]) == ("done", None)
    place = scene.place
    assert (place.status, place.team, place.priority) == ("open", 2, "high")
    assert (place.sent, place.notes, place.labels) == (
        ["Já te passo."],
        ["Quer desconto."],
        ["vip"],
    )


@pytest.mark.parametrize("token", [TOKEN, BOT_TOKEN])
async def test_answer_whose_acknowledgement_is_lost_is_posted_once(
    token: str, scene: Scene
) -> None:
    await scene.connect(token)
    scene.chatwoot.lost_answers = 1
    await scene.writes("um")
    assert scene.place.sent == [SAID]
    assert scene.chatwoot.lost_answers == 0


async def test_answer_that_the_channel_refuses_fails_and_is_posted_again_on_demand(
    scene: Scene,
) -> None:
    message = await scene.writes("um")
    (ours,) = [one for one in scene.place.messages if one["message_type"] == 1]
    scene.chatwoot.fails(ours, "131047: Message failed to send")
    await scene.chatwoot.events_told()
    id_ = message["message_id"]
    assert await scene.settled(id_) == ("failed", "not_delivered")
    await called(scene.client, "POST", f"/v1/messages/{id_}/replay")
    assert await scene.settled(id_) == ("done", None)
    assert scene.place.sent == [SAID] * 2
    marks = [
        one["content_attributes"]["odoo_ai_config_answer_to"]
        for one in scene.place.messages
        if one["message_type"] == 1
    ]
    assert marks == [id_, f"{id_}/again-1"]


async def test_case_of_a_widget_that_opens_is_left_alone(scene: Scene) -> None:
    # No crew greets: the hub answers what customers say.
    (event,) = case("27_webwidget_triggered")["payloads"]
    receipt = await scene.push(event)
    assert (receipt["status"], receipt["reason"]) == ("ignored", "not_a_message")
    assert scene.crew.asked == []


async def test_case_of_a_crew_that_is_down(scene: Scene) -> None:
    (event,) = case("23_crew_down")["payloads"]
    # The status that ends it at once; the field's 500 takes twelve attempts.
    scene.crew.then = replies(400)
    taken_up(scene, event)
    receipt = await scene.push(event)
    assert (await scene.settled(receipt["message_id"]))[0] == "dead"
    async with asyncio.timeout(15):
        while scene.place.status == "pending" or not scene.place.notes:
            await asyncio.sleep(0.1)
    assert "ia-sem-resposta" in scene.place.labels


# kill -9


@pytest.mark.parametrize("moment", ["waiting", "thinking", "posted"])
async def test_five_messages_of_one_burst_are_one_question_and_one_answer_under_kill(
    moment: str, tmp_path: Path
) -> None:
    port, over = free_port(), asyncio.Event()
    with serving(tmp_path, env=variables(), port=port) as hub:
        async with opened(hub) as scene:
            await scene.employ(gather_seconds=1)
            if moment == "thinking":
                scene.crew.script.append(thinking(over))
            if moment == "posted":
                # Chatwoot has it, and does not say so before the hub dies.
                scene.chatwoot.slowness = 3
            for number in range(5):
                await scene.tells(f"parte {number}")
                await asyncio.sleep(0.1)
            if moment == "thinking":
                await scene.asked(1)
            while moment == "posted" and not scene.place.sent:
                await asyncio.sleep(0.01)
            hub.kill()
            scene.chatwoot.slowness = 0
            over.set()
            let_pass(3600, database_of(tmp_path))
            with serving(tmp_path, env=variables(), port=port):
                ends = [(one["stage"], one["reason"]) for one in await scene.written()]
                assert hub.process.returncode is not None
            assert ends == [*[GATHERED] * 4, DONE]
            assert scene.place.sent == [SAID]
            whole = "\n".join(f"parte {number}" for number in range(5))
            assert set(scene.questions()) == {whole}
            assert len(scene.crew.asked) == 1 + (moment == "thinking")
