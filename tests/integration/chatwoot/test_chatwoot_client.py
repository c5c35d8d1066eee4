from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from odoo_ai_config.adapters.chatwoot.chatwoot_client import (
    HttpChatwootClient,
    described_message,
)
from odoo_ai_config.adapters.outbound.sessions import HttpSessions
from odoo_ai_config.adapters.system.clock import SystemClock
from odoo_ai_config.application.errors import ChatwootRefusedError, ChatwootUnavailableError
from odoo_ai_config.application.messages.conversation_states import UNKNOWN_PERSON
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.application.ports.chatwoot_client import ConversationAccess
from odoo_ai_config.domain.conversations.state import NOTE, Pause, Seen, Status
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.messages.outgoing import OutgoingMessage, Template
from odoo_ai_config.entrypoints.http.platform.signature import (
    SignaturePolicy,
    SignatureScheme,
    verify_signature,
)
from tests.contract.chatwoot_client_contract import (
    ANSWER,
    EVERY,
    FIRST,
    SECOND,
    WRONG_TOKEN,
    Action,
    each,
)
from tests.stand_ins.chatwoot import (
    BOT_TOKEN,
    BOTS_SINCE_2026,
    BOTS_UNTIL_2026,
    LONGEST_ATTRIBUTE,
    LONGEST_CONTENT,
    PAGE,
    SECRET,
    TOKEN,
    ChatwootStandIn,
    Webhook,
    answers_with,
    hangs,
)
from tests.stand_ins.local_server import listening

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture
async def server() -> AsyncIterator[ChatwootStandIn]:
    async with ChatwootStandIn().open() as server:
        server.conversation(301)
        yield server


@pytest.fixture
async def chatwoot() -> AsyncIterator[HttpChatwootClient]:
    sessions = HttpSessions()
    yield HttpChatwootClient(sessions, SystemClock())
    await sessions.close()


@pytest.fixture
def conversation(server: ChatwootStandIn) -> ConversationAccess:
    return ConversationAccess(server.url, SecretText(TOKEN), ChatwootId("1"), ChatwootId("301"))


async def test_request_is_the_one_that_chatwoot_documents(chatwoot: HttpChatwootClient) -> None:
    seen: list[tuple[str, str, Any]] = []

    async def note(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers["api_access_token"], await request.json()))
        return web.json_response({"id": 1})

    app = web.Application()
    app.router.add_post("/{path:.*}", note)
    async with listening(app) as url:
        for base in (url, f"{url}/", f"{url}/chat", f"{url}/chat/"):
            place = ConversationAccess(base, SecretText(TOKEN), ChatwootId("1"), ChatwootId("301"))
            await chatwoot.post(place, ANSWER, mark=FIRST)

    path = "/api/v1/accounts/1/conversations/301/messages"
    assert [path for path, _, _ in seen] == [path, path, f"/chat{path}", f"/chat{path}"]
    assert {token for _, token, _ in seen} == {TOKEN}
    assert seen[0][2] == {
        "content": ANSWER.text,
        "message_type": "outgoing",
        "private": False,
        "content_type": "text",
        "content_attributes": {"odoo_ai_config_answer_to": "message-1"},
    }


async def test_choices_and_templates_are_the_ones_that_chatwoot_documents(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: ConversationAccess
) -> None:
    choices: tuple[JsonObject, ...] = ({"title": "Sim", "value": "sim"},)
    parameters: JsonObject = {"body": {"1": "Ana", "2": "{{contact.email}}"}, "n": [1, None, "{%"]}
    template = Template("aviso", "pt_BR", "UTILITY", parameters)
    await chatwoot.post(
        conversation,
        OutgoingMessage("Confirma?", content_type="input_select", items=choices),
        mark=FIRST,
    )
    await chatwoot.post(conversation, OutgoingMessage("Olá, Ana", template=template), mark=SECOND)
    await chatwoot.post(
        conversation, OutgoingMessage(None, template=Template("oi", "pt_BR")), mark="message-2"
    )

    asked, told, bare = server.conversation(301).messages
    assert asked["content_type"] == "input_select"
    assert asked["content_attributes"] == {
        "odoo_ai_config_answer_to": "message-1",
        "items": [{"title": "Sim", "value": "sim"}],
    }
    # No part of it was evaluated.
    assert told["additional_attributes"]["template_params"] == {
        "name": "aviso",
        "language": "pt_BR",
        "category": "UTILITY",
        "processed_params": {
            "body": {"1": "Ana", "2": "{\u2060{contact.email}}"},
            "n": [1, None, "{\u2060%"],
        },
    }
    assert (bare["content"], bare["additional_attributes"]) == (
        None,
        {"template_params": {"name": "oi", "language": "pt_BR", "processed_params": {}}},
    )


async def test_message_that_chatwoot_does_not_take_is_refused(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: ConversationAccess
) -> None:
    cards = OutgoingMessage("x" * (LONGEST_CONTENT + 1))
    with pytest.raises(ChatwootRefusedError):
        await chatwoot.post(conversation, cards, mark=FIRST)

    assert server.conversation(301).messages == []


@pytest.mark.parametrize(
    "body",
    [
        {"error": "Validation failed: Too many messages"},
        {"error": "A validação falhou: Too many messages"},
        {"message": "Too many messages", "attributes": ["base"]},
    ],
)
async def test_too_many_messages_may_be_tried_again_in_a_minute(
    chatwoot: HttpChatwootClient,
    server: ChatwootStandIn,
    conversation: ConversationAccess,
    body: JsonObject,
) -> None:
    server.failures.append(answers_with(422, body=json.dumps(body)))

    with pytest.raises(ChatwootUnavailableError) as failure:
        await chatwoot.post(conversation, ANSWER, mark=FIRST)

    assert failure.value.retry_after == 60


async def test_minute_of_messages_is_the_stand_ins_too(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: ConversationAccess
) -> None:
    server.per_minute = 2
    await chatwoot.post(conversation, ANSWER, mark=FIRST)
    server.customer_writes("Obrigado")

    with pytest.raises(ChatwootUnavailableError):
        await chatwoot.post(conversation, ANSWER, mark=SECOND)


@pytest.mark.parametrize("body", ["<!DOCTYPE html>", "[]", "7", '{"x": 1}', "{"])
@each(EVERY)
async def test_success_of_another_server_does_not_count_for_any_action(
    chatwoot: HttpChatwootClient, conversation: ConversationAccess, action: Action, body: str
) -> None:
    async def anything(_request: web.Request) -> web.Response:
        return web.Response(text=body, content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", anything)
    silent = action is EVERY["priority"] and body not in {"<!DOCTYPE html>", "{"}
    async with listening(app) as url:
        # Chatwoot answers this one with nothing, so nothing can be told from it.
        with nullcontext() if silent else pytest.raises(ChatwootRefusedError):
            await action(chatwoot, evolve(conversation, base_url=url))


@pytest.mark.parametrize(
    ("bots_may", "asked"),
    [(BOTS_SINCE_2026, ["show"]), (BOTS_UNTIL_2026, ["show", "update"])],
)
async def test_token_of_a_bot_reads_as_its_version_permits(
    chatwoot: HttpChatwootClient,
    server: ChatwootStandIn,
    conversation: ConversationAccess,
    bots_may: frozenset[str],
    asked: list[str],
) -> None:
    server.bots_may = bots_may
    place = server.conversation(301)
    server.change(place, assignee=3, priority="high", team=2, labels=["vip"], can_reply=False)
    server.webhooks.append(Webhook("http://127.0.0.1:1"))

    seen = await chatwoot.live(evolve(conversation, token=SecretText(BOT_TOKEN)))

    assert seen is not None
    assert (seen.assignee, seen.team, seen.labels, seen.can_reply) == (
        ChatwootId("3"),
        "vendas",
        ("vip",),
        False,
    )
    assert [*server.asked] == asked
    # The update changed nothing and was told to nobody.
    await server.events_told()
    assert (place.priority, server.deliveries) == ("high", [])


async def test_bot_that_has_a_conversation_is_no_person(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: ConversationAccess
) -> None:
    server.change(server.conversation(301), bot=9, status="pending", blocked=True)

    seen = await chatwoot.live(conversation)

    assert seen is not None
    assert (seen.assignee, seen.blocked, seen.status) == (None, True, Status.PENDING)


async def test_unknown_state_is_left_unsaid(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: ConversationAccess
) -> None:
    shown = {"status": "dreaming", "labels": None, "meta": {"assignee": [7], "team": 7}}
    server.failures.append(answers_with(200, body=json.dumps(shown)))

    # Somebody has it, whoever that is.
    assert await chatwoot.live(conversation) == Seen(assignee=UNKNOWN_PERSON, team=None)


async def test_token_of_a_bot_hands_over(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: ConversationAccess
) -> None:
    bot, place = evolve(conversation, token=SecretText(BOT_TOKEN)), server.conversation(301)
    server.change(place, status="pending", bot=9, custom_attributes={"vip": True})

    await chatwoot.set_status(bot, Status.OPEN)
    await chatwoot.assign(bot, ChatwootId("3"))
    await chatwoot.set_custom_attributes(bot, {"motivo": "boleto"})
    with pytest.raises(ChatwootRefusedError):
        await chatwoot.set_labels(bot, added=["humano"])

    assert (place.status, place.assignee, place.bot) == ("open", 3, None)
    assert place.custom_attributes == {"vip": True, "motivo": "boleto"}


async def test_token_of_an_agent_takes_what_it_opens(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: ConversationAccess
) -> None:
    server.change(server.conversation(301), status="pending")

    await chatwoot.set_status(conversation, Status.OPEN)

    assert server.conversation(301).assignee == 5


async def test_what_is_so_already_is_not_written(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: ConversationAccess
) -> None:
    server.change(server.conversation(301), labels=["vip"], custom_attributes={"pedido": 7})

    await chatwoot.set_labels(conversation, added=["VIP"], removed=["humano"])
    await chatwoot.set_custom_attributes(conversation, {"pedido": 7})

    assert [*server.asked] == ["labels", "show"]


async def test_label_that_the_account_does_not_have_is_told(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: ConversationAccess
) -> None:
    server.known_labels = frozenset({"vip"})

    with pytest.raises(ChatwootRefusedError):
        await chatwoot.set_labels(conversation, added=["vip", "nova"])
    assert server.conversation(301).labels == ["vip"]


async def test_attribute_that_chatwoot_refuses_changes_nothing(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: ConversationAccess
) -> None:
    await chatwoot.set_custom_attributes(conversation, {"nota": "x" * LONGEST_ATTRIBUTE})

    with pytest.raises(ChatwootRefusedError):
        await chatwoot.set_custom_attributes(conversation, {"nota": "x" * (LONGEST_ATTRIBUTE + 1)})
    assert server.conversation(301).custom_attributes == {"nota": "x" * LONGEST_ATTRIBUTE}


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 402, 403, 404, 409, 413, 422])
async def test_refusals_are_final(
    chatwoot: HttpChatwootClient,
    server: ChatwootStandIn,
    conversation: ConversationAccess,
    status: int,
) -> None:
    server.failures.append(answers_with(status))

    with pytest.raises(ChatwootRefusedError):
        await chatwoot.post(conversation, ANSWER, mark=FIRST)

    assert server.calls == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_failures_may_pass(
    chatwoot: HttpChatwootClient,
    server: ChatwootStandIn,
    conversation: ConversationAccess,
    status: int,
) -> None:
    server.failures.append(answers_with(status, retry_after="17"))

    with pytest.raises(ChatwootUnavailableError) as failure:
        await chatwoot.post(conversation, ANSWER, mark=FIRST)

    assert failure.value.retry_after == 17


async def test_chatwoot_that_hangs_is_given_its_time_and_no_more(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: ConversationAccess
) -> None:
    server.failures.append(hangs())

    with pytest.raises(ChatwootUnavailableError):
        await evolve(chatwoot, timeout=timedelta(seconds=0.1)).post(
            conversation, ANSWER, mark=FIRST
        )


async def test_unreachable_chatwoot_may_come_back(
    chatwoot: HttpChatwootClient, conversation: ConversationAccess
) -> None:
    with pytest.raises(ChatwootUnavailableError):
        await chatwoot.post(
            evolve(conversation, base_url="http://127.0.0.1:1"), ANSWER, mark=FIRST
        )


async def test_answer_whose_acknowledgement_was_lost_is_found(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: ConversationAccess
) -> None:
    server.lost_answers = 1

    with pytest.raises(ChatwootUnavailableError):
        await chatwoot.post(conversation, ANSWER, mark=FIRST)

    assert server.conversation(301).sent == [ANSWER.text]
    assert await chatwoot.has_mark(conversation, FIRST, private=False)


async def test_token_of_a_bot_may_post_but_finds_nothing(
    chatwoot: HttpChatwootClient, conversation: ConversationAccess
) -> None:
    bot = evolve(conversation, token=SecretText(BOT_TOKEN))
    await chatwoot.post(bot, ANSWER, mark=FIRST)

    with structlog.testing.capture_logs() as lines:
        assert not await chatwoot.has_mark(bot, FIRST, private=False)

    assert [line["event"] for line in lines] == ["chatwoot_not_readable"]


async def test_notes_of_agents_are_listed_because_they_may_be_commands(
    server: ChatwootStandIn, chatwoot: HttpChatwootClient, conversation: ConversationAccess
) -> None:
    server.agent_notes("/bot off")
    (place,) = await chatwoot.conversations(conversation, page=1) or []
    (note,) = await chatwoot.messages(conversation, place)
    seen = read_event(note.event).seen
    assert seen is not None
    assert seen.pause == Pause(NOTE)


async def test_notes_of_agents_push_no_answer_out_of_sight(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: ConversationAccess
) -> None:
    await chatwoot.post(conversation, ANSWER, mark=FIRST)
    for number in range(PAGE * 2):
        server.agent_notes(f"nota {number}")

    assert await chatwoot.has_mark(conversation, FIRST, private=False)


@pytest.mark.parametrize(
    "text",
    [
        "{{contact.custom_attribute.debt}}",
        "{{{contact.name}}}",
        "{% for n in (1..100000000) %}x{% endfor %}",
        "`{% endraw %}{{agent.name}}`",
        "{{ {% {",
    ],
)
async def test_answer_is_no_template(
    chatwoot: HttpChatwootClient,
    server: ChatwootStandIn,
    conversation: ConversationAccess,
    text: str,
) -> None:
    await chatwoot.post(conversation, OutgoingMessage(text), mark=FIRST)

    (sent,) = server.conversation(301).sent
    assert sent.replace("\u2060", "") == text


TEXTS = st.text(st.sampled_from(["{", "}", "%", "x", "\u2060", "`", '"', "\\", "é", "\n"]))


@given(text=TEXTS, more=st.dictionaries(TEXTS, TEXTS | st.dictionaries(TEXTS, TEXTS)) | TEXTS)
def test_nothing_that_is_evaluated_has_a_template_left(text: str, more: Json) -> None:
    template = Template("aviso", "pt_BR", parameters={"x": more})
    described = described_message(OutgoingMessage(f"-{text}", template=template), FIRST)
    params = described["template_params"]

    assert isinstance(params, dict)
    sent = json.dumps([described["content"], params["processed_params"]], ensure_ascii=False)
    assert "{{" not in sent
    assert "{%" not in sent
    plain = json.loads(sent.replace("\u2060", ""))
    meant = json.dumps([f"-{text}", {"x": more}], ensure_ascii=False).replace("\u2060", "")
    assert plain == json.loads(meant)


@pytest.mark.parametrize("body", ["<!DOCTYPE html>", "", "[]", "{}", '{"payload": 1}', "{"])
async def test_success_of_another_server_than_chatwoot_does_not_count(
    chatwoot: HttpChatwootClient,
    server: ChatwootStandIn,
    conversation: ConversationAccess,
    body: str,
) -> None:
    server.failures.extend([answers_with(200, body=body)] * 2)

    with pytest.raises(ChatwootRefusedError):
        await chatwoot.post(conversation, ANSWER, mark=FIRST)
    with pytest.raises(ChatwootRefusedError):
        await chatwoot.has_mark(conversation, FIRST, private=False)


async def test_list_of_other_things_holds_no_answer(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: ConversationAccess
) -> None:
    listed = [None, 1, {}, {"content_attributes": None}, {"content_attributes": {"x": 1}}]
    server.failures.append(answers_with(200, body=json.dumps({"payload": listed})))

    assert not await chatwoot.has_mark(conversation, FIRST, private=False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": ""},
        {"base_url": "chatwoot.example"},
        {"base_url": "ftp://chatwoot.example"},
        {"base_url": "https://[::1"},
        {"token": SecretText(f"{WRONG_TOKEN}\r\nX-Other: 1")},
    ],
)
async def test_malformed_access_is_refused_and_not_shown(
    chatwoot: HttpChatwootClient, conversation: ConversationAccess, wrong: dict[str, Any]
) -> None:
    with structlog.testing.capture_logs() as lines, pytest.raises(ChatwootRefusedError) as refusal:
        await chatwoot.post(evolve(conversation, **wrong), ANSWER, mark=FIRST)

    assert WRONG_TOKEN not in f"{lines}{refusal.value!r}{refusal.value.__cause__}"


async def test_log_shows_neither_token_nor_answer(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: ConversationAccess
) -> None:
    server.failures.extend(
        [answers_with(503, body=str(ANSWER.text)), answers_with(422, body=str(ANSWER.text))]
    )
    with structlog.testing.capture_logs() as lines:
        for _ in range(2):
            with pytest.raises((ChatwootUnavailableError, ChatwootRefusedError)):
                await chatwoot.post(conversation, ANSWER, mark=FIRST)

    assert [line["status"] for line in lines] == [503, 422]
    assert {line["account"] for line in lines} == {"1"}
    assert TOKEN not in str(lines)
    assert str(ANSWER.text) not in str(lines)


async def test_connection_is_kept_for_the_next_answer(chatwoot: HttpChatwootClient) -> None:
    ports: set[int] = set()

    async def note(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.json_response({"id": 1, "content": "x" * 100_000})

    app = web.Application()
    app.router.add_post("/{path:.*}", note)
    async with listening(app) as url:
        place = ConversationAccess(url, SecretText(TOKEN), ChatwootId("1"), ChatwootId("301"))
        for number in range(5):
            await chatwoot.post(place, ANSWER, mark=f"message-{number}")

    assert len(ports) == 1


def shape(value: Any) -> Any:
    """
    The structure of a JSON value, without its content.
    """
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return None


async def test_stand_in_tells_every_message_in_the_recorded_shape_and_signed(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: ConversationAccess
) -> None:
    events: list[Any] = []
    policy = SignaturePolicy(chatwoot=[SigningKey.from_text(SecretText(SECRET))], required=True)

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        scheme = verify_signature(
            request.headers,
            body,
            parsed_body=lambda: None,
            now=SystemClock().now().timestamp(),
            policy=policy,
        )
        assert scheme is SignatureScheme.CHATWOOT
        assert request.headers["X-Chatwoot-Delivery"]
        events.append(json.loads(body))
        return web.Response()

    app = web.Application()
    app.router.add_post("/webhook", take)
    async with listening(app) as url:
        server.webhooks.append(Webhook(f"{url}/webhook"))
        server.customer_writes("Olá")
        await server.events_told()
        await chatwoot.post(conversation, ANSWER, mark=FIRST)
        await server.events_told()

    for event, name in zip(events, ("whatsapp", "outgoing"), strict=True):
        recorded = json.loads((FIXTURES / f"chatwoot_message_created_{name}.json").read_text())
        marked = {"odoo_ai_config_answer_to": "message-1"} if name == "outgoing" else {}
        assert event["content_attributes"] == marked
        for told in (event, event["conversation"]["messages"][0]):
            told["content_attributes"] = {}
        for told in (event, recorded):
            # In the recorded event, the newest public message is the customer's.
            del told["conversation"]["messages"][0]["sender"]
        assert shape(event) == shape(recorded)
    assert [delivery.status for delivery in server.deliveries] == [200, 200]


async def test_stand_in_does_not_send_what_came_from_the_channel(
    server: ChatwootStandIn, chatwoot: HttpChatwootClient, conversation: ConversationAccess
) -> None:
    message = {"content": "x", "message_type": "outgoing", "source_id": "wamid.1"}
    path = f"{server.url}/api/v1/accounts/1/conversations/301/messages"
    async with chatwoot.sessions.to_chatwoot(
        "POST",
        URL(path),
        json=message,
        headers={"api_access_token": TOKEN},
        timeout=chatwoot.timeout,
        clock=chatwoot.clock,
    ) as answer:
        assert answer.status == 200

    assert server.conversation(301).sent == []
    assert len(server.conversation(301).messages) == 1


async def test_stand_in_tells_what_people_do(server: ChatwootStandIn) -> None:
    events: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        events.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/webhook", take)
    server.active_bot = True
    place = server.conversation(301)
    async with listening(app) as url:
        server.webhooks.append(Webhook(f"{url}/webhook"))

        async def told(event: str) -> Any:
            await server.events_told()
            body = next(one for one in events if one["event"] == event)
            events.clear()
            return body

        sound = {"id": 1, "file_type": "audio", "data_url": "https://x", "transcribed_text": ""}
        asked = server.customer_writes(None, attachments=[sound])
        assert (await told("message_created"))["attachments"] == [sound]
        server.transcribes(asked, "Quero cancelar")
        body = await told("message_updated")
        assert (body["id"], body["attachments"][0]["transcribed_text"]) == (
            asked["id"],
            "Quero cancelar",
        )
        server.edits(asked, "Quero sair")
        assert (await told("message_updated"))["content_attributes"]["is_edited"]
        server.deletes(asked)
        assert (await told("message_updated"))["content_attributes"] == {"deleted": True}

        server.person_takes_over()
        body = await told("conversation_updated")
        assert body["meta"]["assignee"]["id"] == 3
        change = {"assignee_id": {"previous_value": None, "current_value": 3}}
        assert body["changed_attributes"] == [change]
        server.person_replies("Oi, aqui é a Ana")
        body = await told("message_created")
        assert (body["sender"]["type"], body["message_type"]) == ("user", "outgoing")
        reply = server.owner_writes_on_the_phone("Já preparo")
        body = await told("message_created")
        assert (body["sender"], body["content_attributes"]) == (None, {"external_echo": True})
        server.fails(reply, "131047")
        body = await told("message_updated")
        assert body["content_attributes"]["external_error"] == "131047"
        assert body["conversation"]["messages"][0]["status"] == "failed"

        server.person_resolves()
        changed = (await told("conversation_status_changed"))["changed_attributes"]
        assert changed == [{"status": {"previous_value": "open", "current_value": "resolved"}}]
        server.customer_writes("Ainda estou aqui")
        assert (await told("conversation_status_changed"))["status"] == "pending"
        server.person_gives_back()
        assert (await told("conversation_updated"))["meta"]["assignee"] is None
    assert (place.status, place.assignee) == ("pending", None)
