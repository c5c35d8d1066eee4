"""
Messages over HTTP: reading, answering, replaying and discarding.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks
from aiohttp import ClientResponse
from structlog.testing import capture_logs

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.changes import AuditAction, Changeset
from odoo_ai_config.domain.messages.inbox import MAX_REPLAYS, InboxMessage, MessageId, Stage
from odoo_ai_config.domain.subscriptions import SubscriptionId
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from tests.contract.samples import AT, event_to
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.web_hub import WebHub, fixture, having, serving

NOW = 1_776_971_662
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_" + "A" * 32
WHATSAPP = fixture("chatwoot_message_created_whatsapp")
OUTGOING = fixture("chatwoot_message_created_outgoing")
TEXT = WHATSAPP["content"]
NOBODYS_ID = "0198b6e2-7c1f-7cc3-98f5-1a3b5c7d9e0f"
ANSWER = {"answer": {"text": "Das 9h às 18h."}}
CREWS = """
default_crew: sales
crews:
  sales: {type: http, url: "https://crew.example.com/", secret_ref: crew_secret}
"""


@pytest.fixture
def options() -> HttpOptions:
    return HttpOptions(version="1.2.3", unix_time=lambda: NOW)


@pytest.fixture
async def web(options: HttpOptions) -> AsyncIterator[WebHub]:
    async with serving(MemoryHub(), options) as web:
        await map_account(web, 1, "acme")
        yield web


async def map_account(web: WebHub, account: int, tenant: str) -> None:
    mapping = {"chatwoot_account_id": account, "internal_account_id": tenant, "domain": "retail"}
    event = {"event_type": "mapping_sync", "account_id": tenant, "mapping": mapping}
    assert (await web.send(event)).status == 200


async def set_crew(web: WebHub, secret: str | None = SECRET, crews: str = CREWS) -> None:
    documents = {"crews": crews}
    if secret is not None:
        documents["credentials"] = f"account_id: acme\ncredentials: {{crew_secret: {secret}}}\n"
    for kind, text in documents.items():
        written = await web.post(f"/configs/acme/retail/{kind}", {"yaml_content": text})
        assert written.status == 200, await written.text()


async def receive(web: WebHub, number: int = 1, *, account: int = 1) -> str:
    """
    Receive a message in its own conversation, and return its id.
    """
    payload = having(WHATSAPP, number, "id")
    payload = having(payload, number, "conversation", "id")
    payload = having(payload, account, "account", "id")
    taken = await web.post("/webhook", payload, X_Request_ID=f"webhook-{number}")
    web.hub.clock.tick()
    name: str = (await taken.json())["message_id"]
    return name


def kept(web: WebHub, message_id: str) -> InboxMessage:
    return web.hub.state.messages[MessageId(message_id)]


async def put(web: WebHub, message: InboxMessage) -> None:
    await web.hub.ports.store.commit(Changeset(messages=(message,)))


async def kill(web: WebHub, message_id: str, reason: str = "crew_refused") -> None:
    await put(web, kept(web, message_id).dead(reason=reason, at=web.hub.clock.now()))


async def listed(web: WebHub, query: str = "") -> list[str]:
    answer = await web.get(f"/v1/messages?{query}")
    body = await answer.json()
    assert answer.status == 200, body
    return [message["message_id"] for message in body["messages"]]


async def bound(web: WebHub, tenant: str, *scopes: Scope) -> WebHub:
    return web.with_key(await web.new_key(*scopes, tenant=tenant))


async def code_of(answer: ClientResponse) -> tuple[int, Any]:
    return answer.status, (await answer.json())["code"]


async def done(answer: ClientResponse) -> tuple[Any, Any]:
    body = await answer.json()
    assert answer.status == 200, body
    assert answer.headers["Cache-Control"] == "no-store"
    return body["stage"], body["reason"]


# Lists.


async def test_messages_are_listed_newest_first_page_by_page(web: WebHub) -> None:
    names = [await receive(web, number) for number in range(1, 6)]
    assert await listed(web) == names[::-1]
    first = await (await web.get("/v1/messages?limit=2")).json()
    assert [message["message_id"] for message in first["messages"]] == names[:2:-1]
    assert first["next"] == names[3]
    second = await (await web.get(f"/v1/messages/?limit=2&after={first['next']}")).json()
    assert [message["message_id"] for message in second["messages"]] == [names[2], names[1]]
    last = await (await web.get(f"/v1/messages?limit=2&after={second['next']}")).json()
    assert (last["messages"][0]["message_id"], last["next"]) == (names[0], None)
    assert await listed(web, f"after={NOBODYS_ID}") == []


async def test_messages_are_listed_by_stage_and_tenant(web: WebHub) -> None:
    await map_account(web, 2, "other")
    queued = await receive(web, 1)
    dead = await receive(web, 2)
    await kill(web, dead)
    others = await receive(web, 3, account=2)
    nobodys = await receive(web, 4, account=3)
    assert await listed(web, "stage=unresolved") == [nobodys]
    assert await listed(web, "stage=unresolved,dead") == [nobodys, dead]
    assert await listed(web, "stage=done") == []
    assert await listed(web, "tenant=acme") == [dead, queued]
    assert await listed(web, "tenant=other&stage=queued") == [others]
    assert await listed(web, "tenant=odoo-ai-config") == [nobodys]


async def test_bound_key_sees_the_messages_of_its_tenant_only(web: WebHub) -> None:
    await map_account(web, 2, "other")
    own = await receive(web, 1)
    others = await receive(web, 2, account=2)
    nobodys = await receive(web, 3, account=3)
    reader = await bound(web, "acme", Scope.MESSAGES_READ)
    assert await listed(reader) == [own]
    assert await listed(reader, "tenant=acme") == [own]
    assert await code_of(await reader.get("/v1/messages?tenant=other")) == (
        403,
        "tenant_forbidden",
    )
    assert (await reader.get(f"/v1/messages/{own}")).status == 200
    for foreign in (others, nobodys):
        refused = await reader.get(f"/v1/messages/{foreign}")
        assert await code_of(refused) == (403, "tenant_forbidden")
    unbound = web.with_key(await web.new_key(Scope.MESSAGES_READ))
    assert len(await listed(unbound)) == 3
    refused = await unbound.get("/v1/messages?tenant=odoo-ai-config")
    assert await code_of(refused) == (403, "scope_missing")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("stage=lost", "stage"),
        ("stage=dead,", "stage"),
        ("stage=DEAD", "stage"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("after=x", "after"),
        ("tenant=a/b", "tenant"),
    ],
)
async def test_listing_that_cannot_be_meant_is_refused(
    web: WebHub, query: str, field: str
) -> None:
    refused = await web.get(f"/v1/messages?{query}")
    assert await code_of(refused) == (422, "invalid_fields")
    assert [error["field"] for error in (await refused.json())["errors"]] == [field]


# One message.


async def test_message_is_shown_without_what_was_written(web: WebHub) -> None:
    await set_crew(web)
    message_id = await receive(web, 7)
    shown = await web.get(f"/v1/messages/{message_id}")
    assert shown.headers["Cache-Control"] == "no-store"
    assert await shown.json() == {
        "message_id": message_id,
        "stage": "queued",
        "reason": None,
        "tenant_id": "acme",
        "domain": "retail",
        "crew": None,
        "matched_by": "account",
        "release": {"config_version": 0, "mapping_version": 1},
        "event": "message_created",
        "account_id": "1",
        "inbox_id": str(WHATSAPP["inbox"]["id"]),
        "conversation_id": "7",
        "chatwoot_message_id": "7",
        "delivery_id": None,
        "subscription_id": None,
        "request_id": "webhook-7",
        "attempts": 0,
        "replays": 0,
        "received_at": "2060-02-29T23:59:59.123Z",
        "updated_at": "2060-02-29T23:59:59.123Z",
        "due_at": "2060-02-29T23:59:59.123Z",
        "has_text": True,
        "has_answer": False,
        "why": None,
        "part_of": None,
        "withheld": None,
        "refused": [],
        "steps": 0,
    }
    assert TEXT not in await shown.text()
    assert web.hub.state.audit[-1].action is not AuditAction.MESSAGE_READ


async def test_message_of_nobody_has_no_destination(web: WebHub) -> None:
    shown = await (await web.get(f"/v1/messages/{await receive(web, account=9)}")).json()
    assert (shown["stage"], shown["reason"]) == ("unresolved", "no_route")
    empty = ("tenant_id", "domain", "crew", "matched_by", "release", "due_at")
    assert {shown[name] for name in empty} == {None}


async def test_opened_message_shows_what_was_written_and_is_audited(web: WebHub) -> None:
    message_id = await receive(web)
    await web.post(f"/v1/messages/{message_id}/answer", ANSWER)
    key = await web.new_key(Scope.MESSAGES_READ, Scope.SECRETS_READ, tenant="acme")
    opened = await web.with_key(key).get(f"/v1/messages/{message_id}?open=1", X_Request_ID="who")
    assert opened.headers["Cache-Control"] == "no-store"
    body = await opened.json()
    sender = WHATSAPP["sender"]
    assert body["content"]["text"] == TEXT
    assert body["content"]["contact"] == {
        "id": str(sender["id"]),
        "name": sender["name"],
        "number": sender["phone_number"],
        "identifier": sender["identifier"],
    }
    assert body["content"]["sent_at"].endswith("Z")
    assert body["answer"] == ANSWER["answer"] | {
        "private": False,
        "said": {"messages": [ANSWER["answer"]]},
    }
    entry = web.hub.state.audit[-1]
    assert (entry.action, entry.subject, entry.request_id) == (
        AuditAction.MESSAGE_READ,
        message_id,
        "who",
    )


async def test_attachments_of_an_opened_message_are_shown(web: WebHub) -> None:
    audio = {"file_type": "audio", "data_url": "https://chatwoot.example.com/rails/1"}
    said = [
        audio | {"transcribed_text": "Oi"},
        {"file_type": "location", "fallback_title": "Loja"},
    ]
    taken = await web.post("/webhook", having(WHATSAPP, said, "attachments"))
    message_id = (await taken.json())["message_id"]
    body = await (await web.get(f"/v1/messages/{message_id}?open=true")).json()
    assert body["content"]["attachments"] == [
        {"kind": "audio", "url": audio["data_url"], "title": None, "transcription": "Oi"},
        {"kind": "location", "url": None, "title": "Loja", "transcription": None},
    ]
    assert body["answer"] is None


async def test_text_of_an_ignored_message_is_not_there_to_be_opened(web: WebHub) -> None:
    taken = await web.post("/webhook", {**OUTGOING, "message_type": "template"})
    message_id = (await taken.json())["message_id"]
    body = await (await web.get(f"/v1/messages/{message_id}?open=1")).json()
    assert (body["stage"], body["reason"]) == ("ignored", "outgoing")
    assert (body["has_text"], body["content"], body["answer"]) == (False, None, None)


async def test_events_to_a_subscription_are_listed_and_replayed_by_its_name(web: WebHub) -> None:
    customers = await receive(web)
    event = event_to(SubscriptionId("sub_12345678"))
    await web.hub.ports.store.commit(Changeset(messages=(event,)))
    await web.hub.ports.store.commit(Changeset(messages=(event.dead(reason="failing", at=AT),)))
    listed = await (await web.get("/v1/messages?subscription=sub_12345678")).json()
    (shown,) = listed["messages"]
    assert (shown["message_id"], shown["subscription_id"]) == (event.id.value, "sub_12345678")
    assert (shown["event"], shown["delivery_id"]) == ("hub_event", None)
    everything = await (await web.get("/v1/messages")).json()
    assert {one["message_id"] for one in everything["messages"]} == {event.id.value, customers}
    replayed = await web.ask("POST", "/v1/messages/replay?subscription=sub_12345678")
    assert (await replayed.json())["replayed"] == 1
    assert await code_of(await web.get("/v1/messages?subscription=x")) == (422, "invalid_fields")


async def test_opening_takes_more_than_reading(web: WebHub) -> None:
    message_id = await receive(web)
    for scope, lacking in (
        (Scope.MESSAGES_READ, "secrets:read"),
        (Scope.SECRETS_READ, "messages:read"),
    ):
        stranger = web.with_key(await web.new_key(scope))
        refused = await stranger.get(f"/v1/messages/{message_id}?open=1")
        assert (refused.status, (await refused.json())["scope"]) == (403, lacking)
    reader = web.with_key(await web.new_key(Scope.MESSAGES_READ))
    assert (await reader.get(f"/v1/messages/{message_id}?open=0")).status == 200


@pytest.mark.parametrize("change", ["", "/answer", "/replay", "/discard"])
async def test_message_that_is_not_there_is_not_found(web: WebHub, change: str) -> None:
    method = "POST" if change else "GET"
    sent = {"json": ANSWER} if change == "/answer" else {}
    path = f"/v1/messages/{NOBODYS_ID}{change}"
    refused = await web.ask(method, path, **sent)
    assert await code_of(refused) == (404, "message_not_found")
    assert (await refused.json())["detail"] == "Mensagem não encontrada"
    english = await web.ask(method, path, headers={"Accept-Language": "en"}, **sent)
    assert (await english.json())["detail"] == "Message not found"
    invalid = await web.ask(method, f"/v1/messages/short{change}", **sent)
    assert await code_of(invalid) == (422, "invalid_fields")


@pytest.mark.parametrize("change", ["answer", "replay", "discard"])
async def test_bound_key_changes_nothing_of_another_tenant(web: WebHub, change: str) -> None:
    message_id = await receive(web)
    await kill(web, message_id)
    nobodys = await receive(web, 2, account=9)
    stranger = await bound(web, "other", Scope.MESSAGES_WRITE)
    reader = await bound(web, "acme", Scope.MESSAGES_READ)
    for foreign in (message_id, nobodys):
        refused = await stranger.post(f"/v1/messages/{foreign}/{change}", ANSWER)
        assert await code_of(refused) == (403, "tenant_forbidden")
    refused = await reader.post(f"/v1/messages/{message_id}/{change}", ANSWER)
    assert await code_of(refused) == (403, "scope_missing")
    assert kept(web, message_id).stage is Stage.DEAD


async def test_store_that_is_away_is_told(web: WebHub) -> None:
    await web.get("/v1/messages")
    web.hub.state.away = True
    refused = await web.get("/v1/messages")
    web.hub.state.away = False
    assert await code_of(refused) == (503, "store_unavailable")


# Later answers with a key.


async def test_answer_is_kept_to_be_posted(web: WebHub) -> None:
    message_id = await receive(web)
    clerk = await bound(web, "acme", Scope.MESSAGES_WRITE)
    with capture_logs() as lines:
        answered = await clerk.post(
            f"/v1/messages/{message_id}/answer", ANSWER, X_Request_ID="callback-1"
        )
    assert await answered.json() == {
        "message_id": message_id,
        "stage": "answered",
        "reason": None,
    }
    assert kept(web, message_id).stage is Stage.ANSWERED
    (line,) = [line for line in lines if line["event"] == "message_answered"]
    assert (line["request_id"], line["by_request"]) == ("webhook-1", "callback-1")
    assert (line["tenant"], line["area"]) == ("acme", "hub")
    assert ANSWER["answer"]["text"] not in str(lines)


async def test_answer_is_understood_in_every_form_that_crews_use(web: WebHub) -> None:
    for number, said in enumerate(
        (ANSWER, {"answer": "Sim."}, {"content": "Sim."}, {"response": {"content": "Sim."}}), 1
    ):
        message_id = await receive(web, number)
        answered = await web.post(f"/v1/messages/{message_id}/answer/", said)
        assert await done(answered) == ("answered", None)


async def test_note_is_taken_in_as_a_note(web: WebHub) -> None:
    message_id = await receive(web)
    path = f"/v1/messages/{message_id}"
    note = {"text": "Cliente em atraso.", "private": True}
    assert await done(await web.post(f"{path}/answer", {"answer": note})) == ("answered", None)
    assert (await (await web.get(f"{path}?open=1")).json())["answer"] == note | {
        "said": {"messages": [note]}
    }
    assert await done(await web.post(f"{path}/answer", {"answer": note})) == ("answered", None)
    # The same text to the customer is another answer.
    public = await web.post(f"{path}/answer", {"answer": note | {"private": False}})
    assert await code_of(public) == (409, "wrong_stage")


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"answer": {"text": "canary"}, "hand_over": True}, "hand_over"),
        ({"answer": {"messages": [{"text": "canary", "files": []}]}}, "answer.messages[0].files"),
        ({"content": "canary", "content_type": "input_select"}, "items"),
        ({"answer": {"text": "canary", "handover": True}, "resolve": True}, "resolve"),
        ({"answer": {"text": "x", "<b>canary": 1}}, "answer.*"),
    ],
)
async def test_answer_that_asks_for_more_is_refused_by_name_and_nothing_is_kept(
    web: WebHub, said: Any, field: str
) -> None:
    message_id = await receive(web)
    refused = await web.post(f"/v1/messages/{message_id}/answer", said)
    body = await refused.json()
    assert (refused.status, body["code"]) == (422, "invalid_value")
    assert [error["field"] for error in body["errors"]] == [field]
    assert "canary" not in str(body)
    assert kept(web, message_id).answer is None


async def test_answer_of_many_parts_is_kept_and_shown(web: WebHub) -> None:
    message_id = await receive(web)
    path = f"/v1/messages/{message_id}"
    said = {
        "messages": [{"text": "Vou te passar para a Ana."}, {"text": "devedor", "private": True}],
        "handover": {"status": "open", "assignee": 3},
        "labels_added": ["humano"],
    }
    for _ in range(2):
        assert await done(await web.post(f"{path}/answer", {"answer": said})) == ("answered", None)
    shown = (await (await web.get(f"{path}?open=1")).json())["answer"]
    assert shown == {"text": None, "private": False, "said": said}


@pytest.mark.parametrize("said", [{}, {"answer": None}, {"answer": {"text": "  "}}])
async def test_crew_may_have_nothing_to_say(web: WebHub, said: Any) -> None:
    message_id = await receive(web)
    for _ in range(2):
        answered = await web.post(f"/v1/messages/{message_id}/answer", said)
        assert await done(answered) == ("done", "silence")
    refused = await web.post(f"/v1/messages/{message_id}/answer", ANSWER)
    assert await code_of(refused) == (409, "wrong_stage")


async def test_same_answer_again_changes_nothing_and_another_is_refused(web: WebHub) -> None:
    message_id = await receive(web)
    path = f"/v1/messages/{message_id}/answer"
    assert (await web.post(path, ANSWER)).status == 200
    before = kept(web, message_id)
    assert await done(await web.post(path, ANSWER)) == ("answered", None)
    assert kept(web, message_id) == before
    refused = await web.post(path, {"answer": {"text": "Outra."}})
    assert await code_of(refused) == (409, "wrong_stage")
    assert (await refused.json())["stage"] == "answered"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", (400, "invalid_json")),
        (b"[]", (400, "invalid_json")),
        (b'{"answer": 5}', (422, "invalid_value")),
        (b'{"error": "later"}', (422, "invalid_value")),
        (b'{"answer": {"text": "\\u0000"}}', (422, "invalid_fields")),
    ],
)
async def test_what_is_no_answer_is_refused(
    web: WebHub, raw: bytes, expected: tuple[int, str]
) -> None:
    path = f"/v1/messages/{await receive(web)}/answer"
    assert await code_of(await web.ask("POST", path, data=raw, headers=AS_JSON)) == expected
    reader = web.with_key(await web.new_key(Scope.MESSAGES_READ))
    refused = await reader.ask("POST", path, data=raw, headers=AS_JSON)
    assert await code_of(refused) == (403, "scope_missing")
    plain = await web.ask("POST", path, data=b"{}", headers={"Content-Type": "text/plain"})
    assert await code_of(plain) == (415, "unsupported_media_type")


async def test_answer_needs_a_key_or_a_signature(web: WebHub) -> None:
    path = f"/v1/messages/{await receive(web)}/answer"
    refused = await web.client.post(path, json=ANSWER)
    assert await code_of(refused) == (401, "signature_missing")
    assert refused.headers["WWW-Authenticate"] == "Signature"
    assert await code_of(await web.with_key("x").post(path, ANSWER)) == (401, "invalid_api_key")
    bearer = {"Authorization": f"Bearer {web.key}"}
    assert (await web.client.post(path, json=ANSWER, headers=bearer)).status == 200


# Later answers signed by the crew.

AS_JSON = {"Content-Type": "application/json"}


def signed(raw: bytes, message_id: str, *, secret: str = SECRET, at: int = NOW) -> dict[str, str]:
    """
    The headers with which the Standard Webhooks package signs.
    """
    moment = datetime.fromtimestamp(at, tz=UTC)
    signature = standardwebhooks.Webhook(secret).sign(message_id, moment, raw.decode())
    return {
        **AS_JSON,
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": signature,
    }


async def call_back(
    web: WebHub,
    message_id: str,
    headers: dict[str, str] | None = None,
    *,
    said: Any = ANSWER,
) -> ClientResponse:
    raw = said if isinstance(said, bytes) else json.dumps(said).encode()
    headers = signed(raw, message_id) if headers is None else headers
    path = f"/v1/messages/{message_id}/answer"
    answer = await web.client.post(path, data=raw, headers=headers)
    await answer.read()
    return answer


async def test_crew_answers_by_its_signature(web: WebHub) -> None:
    await set_crew(web)
    message_id = await receive(web)
    assert await done(await call_back(web, message_id)) == ("answered", None)
    assert await done(await call_back(web, message_id)) == ("answered", None)
    other = await call_back(web, message_id, said={"answer": {"text": "Outra."}})
    assert await code_of(other) == (409, "wrong_stage")


async def test_secret_that_is_no_standard_one_signs_by_its_text(web: WebHub) -> None:
    await set_crew(web, "a-secret-of-another-form")
    message_id = await receive(web)
    raw = json.dumps(ANSWER).encode()
    # The package only accepts base64: the same bytes in that form.
    encoded = "whsec_YS1zZWNyZXQtb2YtYW5vdGhlci1mb3Jt"
    headers = signed(raw, message_id, secret=encoded)
    assert await done(await call_back(web, message_id, headers)) == ("answered", None)


async def test_signature_is_bound_to_the_crew_the_message_the_body_and_the_time(
    web: WebHub,
) -> None:
    await set_crew(web)
    message_id, other = await receive(web, 1), await receive(web, 2)
    raw = json.dumps(ANSWER).encode()
    for headers, code in (
        (signed(raw, message_id, secret=OTHER_SECRET), "signature_invalid"),
        (signed(raw, other), "signature_invalid"),
        (signed(raw + b" ", message_id), "signature_invalid"),
        (signed(raw, message_id) | {"webhook-id": other}, "signature_invalid"),
        (signed(raw, message_id) | {"webhook-id": ""}, "signature_invalid"),
        (signed(raw, message_id) | {"webhook-signature": ""}, "signature_invalid"),
        (signed(raw, message_id, at=NOW - 301), "signature_timestamp"),
        # A key does not replace a valid signature.
        (signed(raw, other) | {"X-API-Key": web.key}, "signature_invalid"),
    ):
        assert await code_of(await call_back(web, message_id, headers)) == (401, code)
    assert {kept(web, name).stage for name in (message_id, other)} == {Stage.QUEUED}


async def refusal_of(answer: ClientResponse) -> tuple[int, Any, set[str]]:
    body = await answer.json()
    del body["request_id"]
    return answer.status, body, set(answer.headers)


@pytest.mark.parametrize("at", [NOW, NOW - 301])
async def test_unknown_message_is_not_told_from_a_wrong_signature(web: WebHub, at: int) -> None:
    await set_crew(web)
    message_id = await receive(web)
    raw = json.dumps(ANSWER).encode()
    wrong = signed(raw, message_id, secret=OTHER_SECRET, at=at)
    known = await refusal_of(await call_back(web, message_id, wrong))
    for secret in (SECRET, OTHER_SECRET):
        stray = signed(raw, NOBODYS_ID, secret=secret, at=at)
        assert await refusal_of(await call_back(web, NOBODYS_ID, stray)) == known


@pytest.mark.parametrize(
    ("secret", "crews"),
    [
        (None, CREWS),
        (SECRET, CREWS.replace(", secret_ref: crew_secret", "")),
        (SECRET, "default_crew: sales\ncrews: {sales: {type: echo}}\n"),
        ("whsec_no-base64", CREWS),
        (SECRET, "sales: {opens: 18:00}\n"),
    ],
    ids=["secret missing", "does not sign", "echo", "secret unusable", "no crews"],
)
async def test_crew_that_cannot_sign_proves_nothing_by_a_signature(
    web: WebHub, secret: str | None, crews: str
) -> None:
    await set_crew(web, secret, crews)
    message_id = await receive(web)
    assert await code_of(await call_back(web, message_id)) == (401, "signature_invalid")
    assert (await web.post(f"/v1/messages/{message_id}/answer", ANSWER)).status == 200


async def test_message_of_nobody_takes_no_signature(web: WebHub) -> None:
    message_id = await receive(web, account=9)
    assert await code_of(await call_back(web, message_id)) == (401, "signature_invalid")


@pytest.mark.parametrize(
    ("said", "expected"),
    [(b"{", (400, "invalid_json")), (b'{"answer": 5}', (422, "invalid_value"))],
)
async def test_strangers_do_not_learn_what_is_wrong_with_their_answer(
    web: WebHub, said: bytes, expected: tuple[int, str]
) -> None:
    await set_crew(web)
    message_id = await receive(web)
    wrong = signed(said, message_id, secret=OTHER_SECRET)
    refused = await call_back(web, message_id, wrong, said=said)
    assert await code_of(refused) == (401, "signature_invalid")
    assert await code_of(await call_back(web, message_id, said=said)) == expected
    assert kept(web, message_id).stage is Stage.QUEUED


async def test_who_guesses_signatures_is_told_to_wait() -> None:
    options = HttpOptions(
        version="1.2.3", unix_time=lambda: NOW, failed_authentications_per_second=0.01
    )
    async with serving(MemoryHub(), options) as web:
        statuses = [
            (await call_back(web, NOBODYS_ID, signed(b"{}", NOBODYS_ID))).status for _ in range(3)
        ]
    assert statuses[0] == 401
    assert statuses[-1] == 429


async def test_answer_that_is_announced_as_too_large_is_not_read(web: WebHub) -> None:
    target = f"/v1/messages/{NOBODYS_ID}/answer".encode()
    more = b"webhook-signature: v1,x\r\nContent-Length: 1048577\r\n"
    answer = await web.raw(target, b"POST", more)
    assert answer.status == 413


# Stuck messages.


async def test_message_goes_on_its_way_once_a_mapping_claims_it(web: WebHub) -> None:
    message_id = await receive(web, account=9)
    replay = f"/v1/messages/{message_id}/replay"
    assert await done(await web.post(replay, None)) == ("unresolved", "no_route")
    await map_account(web, 9, "acme")
    with capture_logs() as lines:
        assert await done(await web.ask("POST", replay)) == ("queued", None)
    assert lines[-1]["event"] == "message_replayed"
    assert lines[-1]["request_id"] == "webhook-1"
    entry = web.hub.state.audit[-1]
    assert (entry.action, entry.subject) == (AuditAction.MESSAGE_REPLAYED, message_id)
    again = await web.ask("POST", replay)
    assert await code_of(again) == (409, "wrong_stage")
    assert (await again.json())["stage"] == "queued"


async def test_message_is_not_sent_on_its_way_for_ever(web: WebHub) -> None:
    message_id = await receive(web)
    for _ in range(MAX_REPLAYS):
        await kill(web, message_id)
        replayed = await web.ask("POST", f"/v1/messages/{message_id}/replay")
        assert await done(replayed) == ("queued", None)
    await kill(web, message_id)
    refused = await web.ask("POST", f"/v1/messages/{message_id}/replay")
    assert await code_of(refused) == (409, "wrong_stage")


async def test_stuck_messages_are_sent_on_their_way_by_the_page(web: WebHub) -> None:
    dead = [await receive(web, number) for number in range(1, 4)]
    for message_id in dead:
        await kill(web, message_id)
    nobodys = await receive(web, 4, account=9)
    first = await (await web.ask("POST", "/v1/messages/replay?limit=2")).json()
    assert first == {
        "replayed": 2,
        "left": 0,
        "messages": [
            {"message_id": dead[0], "reason": None},
            {"message_id": dead[1], "reason": None},
        ],
        "next": dead[1],
    }
    second = await web.ask("POST", f"/v1/messages/replay/?limit=3&after={first['next']}")
    assert await second.json() == {
        "replayed": 1,
        "left": 1,
        "messages": [
            {"message_id": dead[2], "reason": None},
            {"message_id": nobodys, "reason": "no_route"},
        ],
        "next": None,
    }
    assert await listed(web, "stage=dead,unresolved") == [nobodys]


async def test_only_what_is_chosen_is_sent_on_its_way(web: WebHub) -> None:
    await map_account(web, 2, "other")
    own, others = await receive(web, 1), await receive(web, 2, account=2)
    for message_id in (own, others):
        await kill(web, message_id)
    nobodys = await receive(web, 3, account=9)
    clerk = await bound(web, "other", Scope.MESSAGES_WRITE)
    assert (await (await clerk.ask("POST", "/v1/messages/replay")).json())["messages"] == [
        {"message_id": others, "reason": None}
    ]
    refused = await clerk.ask("POST", "/v1/messages/replay?tenant=acme")
    assert await code_of(refused) == (403, "tenant_forbidden")
    chosen = await web.ask("POST", "/v1/messages/replay?stage=dead&tenant=acme")
    assert [entry["message_id"] for entry in (await chosen.json())["messages"]] == [own]
    assert kept(web, nobodys).replays == 0


@pytest.mark.parametrize("query", ["stage=queued", "stage=dead,done", "limit=101", "limit=x"])
async def test_replay_that_cannot_be_meant_is_refused(web: WebHub, query: str) -> None:
    refused = await web.ask("POST", f"/v1/messages/replay?{query}")
    assert await code_of(refused) == (422, "invalid_fields")


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS"])
async def test_replay_is_not_taken_for_a_message(web: WebHub, method: str) -> None:
    for path in ("/v1/messages/replay", "/v1/messages/replay/"):
        refused = await web.ask(method, path)
        assert await code_of(refused) == (405, "method_not_allowed")
        assert refused.headers["Allow"] == "POST"
    nowhere = await web.ask("POST", "/v1/messages/replay/discard")
    assert await code_of(nowhere) == (404, "route_not_found")


async def test_stuck_message_can_be_put_aside(web: WebHub) -> None:
    message_id = await receive(web, account=9)
    path = f"/v1/messages/{message_id}/discard"
    with capture_logs() as lines:
        assert await done(await web.ask("POST", path)) == ("discarded", "no_route")
    assert lines[-1]["event"] == "message_discarded"
    assert await done(await web.ask("POST", path)) == ("discarded", "no_route")
    entry = web.hub.state.audit[-1]
    assert (entry.action, entry.subject) == (AuditAction.MESSAGE_DISCARDED, message_id)
    assert await listed(web, "stage=unresolved") == []


async def test_message_that_the_hub_goes_on_with_cannot_be_put_aside(web: WebHub) -> None:
    refused = await web.ask("POST", f"/v1/messages/{await receive(web)}/discard")
    assert await code_of(refused) == (409, "wrong_stage")
    assert (await refused.json())["detail"].startswith("A mensagem não está numa etapa")
