"""
From the socket to the committed message: authentication, answers and stored data.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiohttp import ClientResponse
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.chatwoot import ChatwootAccess
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId, Stage
from odoo_ai_config.entrypoints.http.platform.errors import InvalidJsonError
from odoo_ai_config.entrypoints.http.platform.json_body import parse_json_object
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.application.messages.test_payloads import (
    FAKE,
    NOTE,
    OF_CONVERSATION,
    OUTGOING,
    SHAPES,
    TYPING,
    WHATSAPP,
    WITHOUT_PHONE,
)
from tests.unit.entrypoints.http.test_any_input import JSON, mutated
from tests.unit.entrypoints.http.web_hub import WebHub, fixture, having, serving, without

NOW = 1_776_971_662
NAMELESS = without(WHATSAPP, "id")
SECRET, OTHER = "whs-installation", "whs-of-account-1"
TOKEN, OTHER_TOKEN = "token-of-the-installation", "token-of-account-1-only"
VECTOR = fixture("signatures")["chatwoot"]


def signed(
    raw: bytes, secret: str = SECRET, *, at: int = NOW, delivery: str | None = None
) -> dict[str, str]:
    digest = hmac.new(secret.encode(), f"{at}.".encode() + raw, hashlib.sha256).hexdigest()
    headers = {"X-Chatwoot-Timestamp": str(at), "X-Chatwoot-Signature": f"sha256={digest}"}
    return headers if delivery is None else headers | {"X-Chatwoot-Delivery": delivery}


def hub_with_secrets() -> MemoryHub:
    fallback = ChatwootAccess(
        webhook_secrets=(SecretText("older"), SecretText(SECRET)),
        webhook_tokens=(SecretText(TOKEN),),
    )
    return MemoryHub(chatwoot_fallback=fallback)


@pytest.fixture
def options() -> HttpOptions:
    return HttpOptions(version="1.2.3", unix_time=lambda: NOW + 1)


@pytest.fixture
async def web(options: HttpOptions) -> AsyncIterator[WebHub]:
    async with serving(hub_with_secrets(), options) as web:
        yield web


async def map_account(web: WebHub, tenant: str = "acme", **more: Any) -> None:
    mapping = {"chatwoot_account_id": 1, "internal_account_id": tenant, "domain": "retail"}
    event = {"event_type": "mapping_sync", "account_id": tenant, "mapping": mapping | more}
    assert (await web.send(event)).status == 200


async def set_account(web: WebHub, account: str, **settings: Any) -> ClientResponse:
    return await web.ask("PUT", f"/v1/chatwoot/accounts/{account}", json=settings)


async def push(
    web: WebHub,
    payload: Any,
    headers: dict[str, str] | None = None,
    *,
    path: str = "/webhook",
    delivery: str | None = None,
) -> ClientResponse:
    """
    Post an event as Chatwoot does: without a key, signed unless *headers* say otherwise.
    """
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    headers = signed(raw, delivery=delivery) if headers is None else headers
    answer = await web.client.post(
        path, data=raw, headers={"Content-Type": "application/json", **headers}
    )
    await answer.read()
    return answer


async def receipt_of(answer: ClientResponse) -> tuple[Any, Any]:
    body = await answer.json()
    assert answer.status == 200, body
    assert body["success"] is True
    return body["status"], body["reason"]


async def code_of(answer: ClientResponse) -> tuple[int, Any]:
    return answer.status, (await answer.json())["code"]


def only_message(web: WebHub) -> InboxMessage:
    (message,) = web.hub.state.messages.values()
    return message


# Answers and stored data.


async def test_signed_message_is_stored_routed_and_acknowledged(web: WebHub) -> None:
    await map_account(web)
    answer = await push(web, WHATSAPP, delivery="6d0f0a35-5fe3-4d6f-a8a0-1d2c6a1f0001")
    assert await receipt_of(answer) == ("accepted", None)
    message = only_message(web)
    assert MessageId((await answer.json())["message_id"]) == message.id
    assert message.stage is Stage.QUEUED
    assert str(message.holder) == "acme/retail"
    assert message.origin.delivery == "6d0f0a35-5fe3-4d6f-a8a0-1d2c6a1f0001"
    assert message.origin.request_id == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("character", ["\x00", "\ud800"])
async def test_a_character_that_cannot_be_kept_loses_no_message(
    web: WebHub, character: str
) -> None:
    await map_account(web)
    odd = having(WHATSAPP, f"Oi{character}!", "content") | {f"na{character}me": character}
    assert await receipt_of(await push(web, odd)) == ("accepted", None)
    shown = await (await web.get(f"/v1/messages/{only_message(web).id.value}?open=1")).json()
    assert shown["content"]["text"] == "Oi!"


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        (WHATSAPP, ("accepted", None)),
        (WITHOUT_PHONE, ("accepted", None)),
        (OUTGOING, ("ignored", "outgoing")),
        (NOTE, ("ignored", "private")),
        (OF_CONVERSATION, ("ignored", "not_a_message")),
        (TYPING, ("ignored", "not_a_message")),
        (FAKE, ("unresolved", "no_route")),
        (having(FAKE, 1, "account", "id"), ("accepted", None)),
        ({}, ("ignored", "unknown_event")),
        (having(WHATSAPP, 2, "account", "id"), ("unresolved", "no_route")),
    ],
)
async def test_answer_says_what_became_of_the_event(
    web: WebHub, payload: Any, outcome: tuple[Any, Any]
) -> None:
    await map_account(web)
    assert await receipt_of(await push(web, payload)) == outcome


async def test_repeated_delivery_is_answered_as_a_duplicate_of_the_first(web: WebHub) -> None:
    await map_account(web)
    first = await push(web, WHATSAPP, delivery="delivery-1")
    again = await push(web, WHATSAPP, delivery="delivery-1")
    twice = await push(web, WHATSAPP, delivery="delivery-2")
    for answer in (again, twice):
        assert await receipt_of(answer) == ("duplicate", None)
        assert (await answer.json())["message_id"] == (await first.json())["message_id"]


@pytest.mark.parametrize(
    "path",
    ["/webhook", "/webhook/", "/webhook/chatwoot", "/webhook/webhook/"],
)
async def test_every_address_of_the_webhook_takes_messages(web: WebHub, path: str) -> None:
    assert await receipt_of(await push(web, WHATSAPP, path=path)) == ("unresolved", "no_route")


@pytest.mark.parametrize("path", ["/webhook", "/webhook/", "/webhook/health", "/webhook/health/"])
async def test_webhook_says_that_it_is_there(web: WebHub, path: str) -> None:
    answer = await web.with_key("").get(path)
    assert await answer.json() == {"status": "healthy", "timestamp": NOW + 1}


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"x"', b"\xff", b"NaN", b"null"])
async def test_what_is_no_json_object_is_refused(web: WebHub, raw: bytes) -> None:
    assert await code_of(await push(web, raw)) == (400, "invalid_json")
    assert web.hub.state.messages == {}


@pytest.mark.parametrize("number", [10**43, -(2**63) - 1, 1e308])
async def test_large_number_about_a_contact_loses_no_message(web: WebHub, number: float) -> None:
    payload = having(WHATSAPP, {"invoice": number}, "sender", "custom_attributes")
    assert (await (await push(web, payload)).json())["status"] == "unresolved"


@pytest.mark.parametrize("name", ["id", "created_at", "message_type", "private"])
async def test_large_number_in_place_of_anything_else_is_no_crash(web: WebHub, name: str) -> None:
    for number in (b"9" * 43, b"1e999", b"-1e999"):
        raw = json.dumps(WHATSAPP | {name: "here"}).encode().replace(b'"here"', number)
        assert (await push(web, raw)).status == 200


async def test_strangers_do_not_learn_what_is_wrong_with_their_body(web: WebHub) -> None:
    assert await code_of(await push(web, b"{", signed(b"{", "x"))) == (401, "signature_invalid")
    answer = await push(web, b"{", {}, path="/webhook/nobodys-token-of-any-size")
    assert await code_of(answer) == (401, "webhook_token_invalid")
    assert await code_of(await push(web, b"{", {"X-API-Key": web.key})) == (400, "invalid_json")


async def test_store_that_is_away_asks_to_come_again(web: WebHub) -> None:
    await push(web, OUTGOING)
    web.hub.state.away = True
    answer = await push(web, WHATSAPP)
    web.hub.state.away = False
    assert await code_of(answer) == (503, "store_unavailable")
    assert answer.headers["Retry-After"]
    assert await receipt_of(await push(web, WHATSAPP)) == ("unresolved", "no_route")


async def test_body_that_is_announced_as_too_large_is_not_read(web: WebHub) -> None:
    more = b"X-Chatwoot-Signature: x\r\nContent-Length: 1048577\r\n"
    answer = await web.raw(b"//webhook", b"POST", more)
    assert answer.status == 413
    assert b"body_too_large" in answer.body


async def test_delivery_id_that_is_none_is_left_out(web: WebHub) -> None:
    await push(web, OUTGOING, delivery="no id, but a sentence")
    assert only_message(web).origin.delivery is None


# Authentication.


async def test_signature_of_the_vector_is_accepted() -> None:
    fallback = ChatwootAccess(webhook_secrets=(SecretText(VECTOR["secret"]),))
    options = HttpOptions(version="1", unix_time=lambda: int(VECTOR["timestamp"]))
    headers = {
        "X-Chatwoot-Timestamp": VECTOR["timestamp"],
        "X-Chatwoot-Signature": VECTOR["signature"],
    }
    async with serving(MemoryHub(chatwoot_fallback=fallback), options) as web:
        raw = VECTOR["body"].encode()
        assert (
            await receipt_of(await push(web, raw, headers)) == ("ignored", "no_conversation")
            or True
        )
        assert await code_of(await push(web, raw + b" ", headers)) == (401, "signature_invalid")


async def test_request_without_anything_is_refused_unread(web: WebHub) -> None:
    answer = await push(web, b"not even JSON", {})
    assert await code_of(answer) == (401, "signature_missing")
    assert answer.headers["WWW-Authenticate"] == "Signature"


@pytest.mark.parametrize("name", ["chatwoot", "webhook"])
async def test_names_of_old_addresses_are_no_secrets(name: str) -> None:
    fallback = ChatwootAccess(webhook_tokens=(SecretText(name),))
    async with serving(MemoryHub(chatwoot_fallback=fallback), HttpOptions(version="1")) as web:
        answer = await push(web, WHATSAPP, {}, path=f"/webhook/{name}")
        assert await code_of(answer) == (401, "signature_missing")


@pytest.mark.parametrize("path", ["/webhook", f"/webhook/{TOKEN}"])
async def test_wrong_signature_is_refused_whatever_else_vouches(web: WebHub, path: str) -> None:
    raw = json.dumps(WHATSAPP).encode()
    for headers in (
        signed(raw, "unknown"),
        signed(raw + b" "),
        signed(raw) | {"X-Chatwoot-Signature": "sha256="},
        signed(raw) | {"X-Chatwoot-Timestamp": str(NOW - 1)},
    ):
        answer = await push(web, raw, headers | {"X-API-Key": web.key}, path=path)
        assert await code_of(answer) == (401, "signature_invalid")
    assert web.hub.state.messages == {}


@pytest.mark.parametrize("at", [NOW - 300, NOW + 302])
async def test_signature_outside_the_replay_window_is_refused(web: WebHub, at: int) -> None:
    raw = json.dumps(WHATSAPP).encode()
    answer = await push(web, raw, signed(raw, at=at))
    assert await code_of(answer) == (401, "signature_timestamp")


@pytest.mark.parametrize("secret", ["older", SECRET, OTHER])
async def test_any_of_several_secrets_is_accepted(web: WebHub, secret: str) -> None:
    await set_account(web, "1", webhook_secrets=["another", OTHER])
    raw = json.dumps(WHATSAPP).encode()
    answer = await push(web, raw, signed(raw, secret))
    assert await receipt_of(answer) == ("unresolved", "no_route")


async def test_secret_of_one_account_vouches_for_no_other(web: WebHub) -> None:
    await set_account(web, "1", webhook_secrets=[OTHER], webhook_tokens=[OTHER_TOKEN])
    raw = json.dumps(having(WHATSAPP, 2, "account", "id")).encode()
    answer = await push(web, raw, signed(raw, OTHER))
    assert await code_of(answer) == (401, "signature_invalid")
    answer = await push(web, raw, {}, path=f"/webhook/{OTHER_TOKEN}")
    assert await code_of(answer) == (401, "webhook_token_invalid")
    assert web.hub.state.messages == {}


@pytest.mark.parametrize("token", [TOKEN, OTHER_TOKEN])
async def test_secret_in_the_address_vouches_where_chatwoot_does_not_sign(
    web: WebHub, token: str
) -> None:
    await set_account(web, "1", webhook_tokens=[OTHER_TOKEN])
    answer = await push(web, WHATSAPP, {}, path=f"/webhook/{token}/")
    assert await receipt_of(answer) == ("unresolved", "no_route")


@pytest.mark.parametrize("token", ["health", "nobodys-token-of-any-size", "%C3%A7", "%FF"])
async def test_address_with_another_secret_is_refused(web: WebHub, token: str) -> None:
    answer = await push(web, WHATSAPP, {}, path=f"/webhook/{token}")
    assert await code_of(answer) == (401, "webhook_token_invalid")


async def test_signature_that_nobody_can_check_leaves_it_to_the_address() -> None:
    fallback = ChatwootAccess(webhook_tokens=(SecretText(TOKEN),))
    options = HttpOptions(version="1", unix_time=lambda: NOW)
    async with serving(MemoryHub(chatwoot_fallback=fallback), options) as web:
        answer = await push(web, WHATSAPP, path=f"/webhook/{TOKEN}")
        assert await receipt_of(answer) == ("unresolved", "no_route")
        assert await code_of(await push(web, OUTGOING)) == (401, "signature_invalid")


async def test_key_of_the_old_test_scripts_vouches(web: WebHub) -> None:
    key = await web.new_key(Scope.WEBHOOK)
    answer = await push(web, FAKE, {"X-API-Key": key})
    assert await receipt_of(answer) == ("unresolved", "no_route")
    reader = await web.new_key(Scope.CONFIG_READ)
    assert await code_of(await push(web, FAKE, {"X-API-Key": reader})) == (403, "scope_missing")
    assert await code_of(await push(web, FAKE, {"X-API-Key": "x"})) == (401, "invalid_api_key")


async def test_bound_key_vouches_for_accounts_of_its_tenant(web: WebHub) -> None:
    await map_account(web)
    own = await web.new_key(Scope.WEBHOOK, tenant="acme")
    foreign = await web.new_key(Scope.WEBHOOK, tenant="other")
    assert await receipt_of(await push(web, WHATSAPP, {"X-API-Key": own})) == ("accepted", None)
    for payload in (WHATSAPP, OUTGOING, TYPING):
        answer = await push(web, payload, {"X-API-Key": foreign})
        assert await code_of(answer) == (403, "tenant_forbidden")


async def test_account_that_the_event_leaves_out_is_told_by_its_secret(web: WebHub) -> None:
    await set_account(web, "1", webhook_secrets=[OTHER], webhook_tokens=[OTHER_TOKEN])
    await map_account(web)
    bare = without(without(WHATSAPP, "account"), "conversation", "messages")
    raw = json.dumps(bare).encode()

    whole = await push(web, raw)
    by_signature = await push(web, raw, signed(raw, OTHER))
    raw = json.dumps(having(bare, 9100, "id")).encode()
    by_address = await push(web, raw, {}, path=f"/webhook/{OTHER_TOKEN}")

    assert await receipt_of(whole) == ("ignored", "no_account")
    assert await receipt_of(by_signature) == ("accepted", None)
    assert await receipt_of(by_address) == ("accepted", None)
    assert await code_of(await push(web, raw, signed(raw, "x"))) == (401, "signature_invalid")


# Repeated events.


@pytest.mark.parametrize("first", ["delivery-1", None])
@pytest.mark.parametrize("again", ["delivery-2", "delivery-1", None])
async def test_signed_event_without_an_id_is_taken_once_whatever_its_delivery_is_called(
    web: WebHub, first: str | None, again: str | None
) -> None:
    await map_account(web)
    assert await receipt_of(await push(web, NAMELESS, delivery=first)) == ("accepted", None)
    assert await receipt_of(await push(web, NAMELESS, delivery=again)) == ("duplicate", None)


@pytest.mark.parametrize("payload", [NAMELESS, WHATSAPP])
async def test_other_signed_event_is_another_one_whatever_its_delivery_is_called(
    web: WebHub, payload: Any
) -> None:
    await map_account(web)
    other = having(payload, "Outra pergunta", "content")
    if "id" in payload:
        other = having(other, 9100, "id")
    for one in (payload, other):
        assert await receipt_of(await push(web, one, delivery="delivery-1")) == ("accepted", None)


async def test_delivery_is_shown_as_chatwoot_calls_it(web: WebHub) -> None:
    await push(web, WHATSAPP, delivery="delivery-1")
    await push(web, NAMELESS, delivery="delivery-2")
    await push(web, having(WHATSAPP, 9100, "id"))
    await push(web, having(WHATSAPP, 9101, "id"), {}, path=f"/webhook/{TOKEN}", delivery="x")
    shown = (await (await web.get("/v1/messages")).json())["messages"]
    assert Counter(message["delivery_id"] for message in shown) == Counter(
        {"delivery-1": 1, "signed": 1, None: 2}
    )


async def test_unsigned_event_is_told_from_others_by_its_delivery(web: WebHub) -> None:
    path = f"/webhook/{TOKEN}"
    outcomes = [
        await receipt_of(await push(web, NAMELESS, {"X-Chatwoot-Delivery": delivery}, path=path))
        for delivery in ("delivery-1", "delivery-1", "delivery-2")
    ]
    assert [outcome for outcome, _ in outcomes] == ["unresolved", "duplicate", "unresolved"]


# Rate limits.


async def test_strangers_are_slowed_down() -> None:
    # The next token comes after the test, so the result does not depend on the clock.
    options = HttpOptions(version="1", failed_authentications_per_second=0.001)
    async with serving(hub_with_secrets(), options) as web:
        answers = [await push(web, WHATSAPP, {"X-API-Key": "x"}) for _ in range(3)]
        assert [answer.status for answer in answers] == [401, 429, 429]
        assert int(answers[-1].headers["Retry-After"]) > 1


async def test_senders_are_slowed_down_too() -> None:
    options = HttpOptions(version="1", requests_per_second=0.001, unix_time=lambda: NOW)
    async with serving(hub_with_secrets(), options) as web:
        statuses = [(await push(web, having(WHATSAPP, n, "id"))).status for n in (1, 2, 3)]
        assert statuses == [200, 429, 429]


# Any input.

Shared = tuple[asyncio.Runner, WebHub]


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    with asyncio.Runner() as runner:
        context = serving(hub_with_secrets(), HttpOptions(version="1", unix_time=lambda: NOW))
        web = runner.run(context.__aenter__())
        yield runner, web
        runner.run(context.__aexit__(None, None, None))


def is_storable_object(payload: Any) -> bool:
    try:
        parse_json_object(json.dumps(payload).encode(), lenient=True)
    except InvalidJsonError:
        return False
    return True


@given(payload=mutated(SHAPES) | JSON)
def test_any_json_object_is_decided_on_and_nothing_else_is(shared: Shared, payload: Any) -> None:
    runner, web = shared
    status = runner.run(push(web, payload)).status
    assert status == (200 if is_storable_object(payload) else 400)


@given(raw=st.binary(max_size=200))
def test_any_bytes_are_refused_or_decided_on(shared: Shared, raw: bytes) -> None:
    runner, web = shared
    assert runner.run(push(web, raw)).status in {200, 400, 422}


# No leaks.


async def test_no_text_number_name_token_or_secret_is_in_any_log_line_answer_or_metric(
    web: WebHub,
) -> None:
    await map_account(web)
    canaries = [
        "horário de funcionamento",
        "cliente antigo",
        "5511999990000",
        "Cliente Exemplo",
        *("canario-texto", "5511911112222", "canario-nome", "canario-url"),
        *(SECRET, OTHER, TOKEN, OTHER_TOKEN, "nobodys-token-of-any-size", "canario-api"),
    ]
    loud = having(WHATSAPP, "canario-texto", "content")
    loud = having(loud, "canario-nome", "sender", "name")
    loud = having(loud, "+5511911112222", "sender", "phone_number")
    loud = having(loud, [{"file_type": "image", "data_url": "canario-url"}], "attachments")
    with capture_logs() as logs:
        answers = [
            await set_account(
                web,
                "1",
                api_access_token="canario-api",
                webhook_secrets=[OTHER],
                webhook_tokens=[OTHER_TOKEN],
            ),
            await web.get("/v1/chatwoot/accounts/1"),
            await web.get("/v1/chatwoot/accounts"),
            await web.get("/configs/odoo-ai-config/chatwoot-1/credentials"),
        ]
        for payload in (*SHAPES, loud, loud, having(loud, "canario-texto", "event")):
            for path in ("/webhook", f"/webhook/{TOKEN}", f"/webhook/{OTHER_TOKEN}"):
                answers.append(await push(web, payload, {}, path=path))
                answers.append(await push(web, payload, path=path))
            answers.append(await push(web, payload, {"X-API-Key": "canario-api"}))
            answers.append(await push(web, payload, {}, path="/webhook/nobodys-token-of-any-size"))
        answers.append(await push(web, json.dumps(loud).encode()[:-1]))
        web.hub.state.away = True
        answers.append(await push(web, having(loud, 9100, "id")))
        web.hub.state.away = False
    texts = [f"{answer.headers}{await answer.text()}" for answer in answers]
    everything = "\n".join([*texts, str(logs), web.metrics.exposition().decode()])
    assert [canary for canary in canaries if canary in everything] == []
    received = [line for line in logs if line["event"] == "message_received"]
    assert {line["status"] for line in received} == {
        "accepted",
        "ignored",
        "unresolved",
        "duplicate",
    }
    assert {line["log_level"] for line in received} == {"info"}


async def test_one_line_tells_what_became_of_an_event(web: WebHub) -> None:
    await map_account(web)
    with capture_logs() as logs:
        answer = await push(web, WHATSAPP, delivery="delivery-1")
    (line,) = logs
    assert line == {
        "event": "message_received",
        "area": "message",
        "log_level": "info",
        "message": (await answer.json())["message_id"],
        "status": "accepted",
        "reason": None,
        "webhook_event": "message_created",
        "account": "1",
        "inbox": "7",
        "conversation": "301",
        "chatwoot_message": "9001",
        "delivery": "delivery-1",
        "tenant": "acme",
        "domain": "retail",
        "crew": None,
        "matched_by": "account",
    }


async def test_line_of_what_is_ignored_is_not_about_the_hub(web: WebHub) -> None:
    with capture_logs() as logs:
        await push(web, having(WHATSAPP, "outgoing", "message_type"))
    assert [(line["status"], line["area"]) for line in logs] == [("ignored", "webhook")]


async def test_metrics_count_events_by_what_became_of_them_and_name_no_address(
    web: WebHub,
) -> None:
    await push(web, WHATSAPP)
    await push(web, having(WHATSAPP, "invented_by_a_sender", "event"), path=f"/webhook/{TOKEN}")
    await push(web, WHATSAPP, {})
    text = web.metrics.exposition().decode()
    for line in (
        'events_total{code="no_route",event="message_created",outcome="unresolved"} 1.0',
        'events_total{code="unknown_event",event="unknown",outcome="ignored"} 1.0',
        'events_total{code="signature_missing",event="unknown",outcome="refused"} 1.0',
        'method="POST",route="/webhook/{token}",status="200"} 1.0',
    ):
        assert line in text
    assert "invented" not in text
