from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from attrs import evolve
from yarl import URL

from odoo_ai_config.adapters.chatwoot.chatwoot_client import HttpChatwootClient
from odoo_ai_config.adapters.outbound.sessions import HttpSessions
from odoo_ai_config.adapters.system.clock import SystemClock
from odoo_ai_config.application.errors import ChatwootRefusedError, ChatwootUnavailableError
from odoo_ai_config.application.ports.chatwoot_client import Conversation
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.domain.crews import Answer
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.inbox import MessageId
from odoo_ai_config.entrypoints.http.platform.signature import (
    SignaturePolicy,
    SignatureScheme,
    verify_signature,
)
from tests.contract.chatwoot_client_contract import ANSWER, FIRST, WRONG_TOKEN
from tests.stand_ins.chatwoot import (
    BOT_TOKEN,
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
def conversation(server: ChatwootStandIn) -> Conversation:
    return Conversation(server.url, SecretText(TOKEN), ChatwootId("1"), ChatwootId("301"))


async def test_request_is_the_one_that_chatwoot_documents(chatwoot: HttpChatwootClient) -> None:
    seen: list[tuple[str, str, Any]] = []

    async def note(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers["api_access_token"], await request.json()))
        return web.json_response({"id": 1})

    app = web.Application()
    app.router.add_post("/{path:.*}", note)
    async with listening(app) as url:
        for base in (url, f"{url}/", f"{url}/chat", f"{url}/chat/"):
            place = Conversation(base, SecretText(TOKEN), ChatwootId("1"), ChatwootId("301"))
            await chatwoot.post(place, ANSWER, to=FIRST)

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


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 402, 403, 404, 409, 413, 422])
async def test_refusals_are_final(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: Conversation, status: int
) -> None:
    server.failures.append(answers_with(status))

    with pytest.raises(ChatwootRefusedError):
        await chatwoot.post(conversation, ANSWER, to=FIRST)

    assert server.calls == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_failures_may_pass(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: Conversation, status: int
) -> None:
    server.failures.append(answers_with(status, retry_after="17"))

    with pytest.raises(ChatwootUnavailableError) as failure:
        await chatwoot.post(conversation, ANSWER, to=FIRST)

    assert failure.value.retry_after == 17


async def test_chatwoot_that_hangs_is_given_its_time_and_no_more(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: Conversation
) -> None:
    server.failures.append(hangs())

    with pytest.raises(ChatwootUnavailableError):
        await evolve(chatwoot, timeout=timedelta(seconds=0.1)).post(conversation, ANSWER, to=FIRST)


async def test_unreachable_chatwoot_may_come_back(
    chatwoot: HttpChatwootClient, conversation: Conversation
) -> None:
    with pytest.raises(ChatwootUnavailableError):
        await chatwoot.post(evolve(conversation, base_url="http://127.0.0.1:1"), ANSWER, to=FIRST)


async def test_answer_whose_acknowledgement_was_lost_is_found(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: Conversation
) -> None:
    server.lost_answers = 1

    with pytest.raises(ChatwootUnavailableError):
        await chatwoot.post(conversation, ANSWER, to=FIRST)

    assert server.conversation(301).sent == [ANSWER.text]
    assert await chatwoot.has_answer(conversation, ANSWER, to=FIRST)


async def test_token_of_a_bot_may_post_but_finds_nothing(
    chatwoot: HttpChatwootClient, conversation: Conversation
) -> None:
    bot = evolve(conversation, token=SecretText(BOT_TOKEN))
    await chatwoot.post(bot, ANSWER, to=FIRST)

    with structlog.testing.capture_logs() as lines:
        assert not await chatwoot.has_answer(bot, ANSWER, to=FIRST)

    assert [line["event"] for line in lines] == ["chatwoot_not_readable"]


async def test_notes_of_agents_push_no_answer_out_of_sight(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: Conversation
) -> None:
    await chatwoot.post(conversation, ANSWER, to=FIRST)
    for number in range(PAGE * 2):
        server.agent_notes(f"nota {number}")

    assert await chatwoot.has_answer(conversation, ANSWER, to=FIRST)


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
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: Conversation, text: str
) -> None:
    await chatwoot.post(conversation, Answer(text), to=FIRST)

    (sent,) = server.conversation(301).sent
    assert sent.replace("\u2060", "") == text


@pytest.mark.parametrize("body", ["<!DOCTYPE html>", "", "[]", "{}", '{"payload": 1}', "{"])
async def test_success_of_another_server_than_chatwoot_does_not_count(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: Conversation, body: str
) -> None:
    server.failures.extend([answers_with(200, body=body)] * 2)

    with pytest.raises(ChatwootRefusedError):
        await chatwoot.post(conversation, ANSWER, to=FIRST)
    with pytest.raises(ChatwootRefusedError):
        await chatwoot.has_answer(conversation, ANSWER, to=FIRST)


async def test_list_of_other_things_holds_no_answer(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: Conversation
) -> None:
    listed = [None, 1, {}, {"content_attributes": None}, {"content_attributes": {"x": 1}}]
    server.failures.append(answers_with(200, body=json.dumps({"payload": listed})))

    assert not await chatwoot.has_answer(conversation, ANSWER, to=FIRST)


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
    chatwoot: HttpChatwootClient, conversation: Conversation, wrong: dict[str, Any]
) -> None:
    with structlog.testing.capture_logs() as lines, pytest.raises(ChatwootRefusedError) as refusal:
        await chatwoot.post(evolve(conversation, **wrong), ANSWER, to=FIRST)

    assert WRONG_TOKEN not in f"{lines}{refusal.value!r}{refusal.value.__cause__}"


async def test_log_shows_neither_token_nor_answer(
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: Conversation
) -> None:
    server.failures.extend(
        [answers_with(503, body=ANSWER.text), answers_with(422, body=ANSWER.text)]
    )
    with structlog.testing.capture_logs() as lines:
        for _ in range(2):
            with pytest.raises((ChatwootUnavailableError, ChatwootRefusedError)):
                await chatwoot.post(conversation, ANSWER, to=FIRST)

    assert [line["status"] for line in lines] == [503, 422]
    assert {line["account"] for line in lines} == {"1"}
    assert TOKEN not in str(lines)
    assert ANSWER.text not in str(lines)


async def test_connection_is_kept_for_the_next_answer(chatwoot: HttpChatwootClient) -> None:
    ports: set[int] = set()

    async def note(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.json_response({"id": 1, "content": "x" * 100_000})

    app = web.Application()
    app.router.add_post("/{path:.*}", note)
    async with listening(app) as url:
        place = Conversation(url, SecretText(TOKEN), ChatwootId("1"), ChatwootId("301"))
        for number in range(5):
            await chatwoot.post(place, ANSWER, to=MessageId(f"message-{number}"))

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
    chatwoot: HttpChatwootClient, server: ChatwootStandIn, conversation: Conversation
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
        await chatwoot.post(conversation, ANSWER, to=FIRST)
        await server.events_told()

    for event, name in zip(events, ("whatsapp", "outgoing"), strict=True):
        recorded = json.loads((FIXTURES / f"chatwoot_message_created_{name}.json").read_text())
        marked = {"odoo_ai_config_answer_to": "message-1"} if name == "outgoing" else {}
        assert event["content_attributes"] == marked
        for told in (event, event["conversation"]["messages"][0]):
            told["content_attributes"] = {}
        assert shape(event) == shape(recorded)
    assert [delivery.status for delivery in server.deliveries] == [200, 200]


async def test_stand_in_does_not_send_what_came_from_the_channel(
    server: ChatwootStandIn, chatwoot: HttpChatwootClient, conversation: Conversation
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
