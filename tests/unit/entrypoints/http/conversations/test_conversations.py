"""
Conversations over HTTP: why the AI is silent, and its pauses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.changes import AuditAction, Changeset
from odoo_ai_config.domain.conversations.answering import Silence
from odoo_ai_config.domain.conversations.state import ConversationKey, Seen, Sighting, Status
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from tests.contract.samples import owner
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.web_hub import WebHub, fixture, having, serving

WHATSAPP = fixture("chatwoot_message_created_whatsapp")
CONVERSATION = "/v1/conversations/1/301"
CHANNEL = "/v1/channels/1/7"
TENANT = "/v1/tenants/acme"
PLACES = (CONVERSATION, CHANNEL, TENANT)
UNTIL = "2060-12-01T09:00:00-03:00"


@pytest.fixture
async def web() -> AsyncIterator[WebHub]:
    async with serving(MemoryHub(), HttpOptions(version="1.2.3")) as web:
        for account, tenant in ((1, "acme"), (2, "other")):
            mapping = {
                "chatwoot_account_id": account,
                "internal_account_id": tenant,
                "domain": "retail",
            }
            event = {"event_type": "mapping_sync", "account_id": tenant, "mapping": mapping}
            assert (await web.send(event)).status == 200
            document = f"/configs/{tenant}/retail/crews"
            text = "default_crew: sales\ncrews: {sales: {type: echo}}"
            assert (await web.post(document, {"yaml_content": text})).status == 200
        yield web


async def see(web: WebHub, account: str = "1", id_: str = "301", **seen: Any) -> None:
    """
    Something about a conversation, of the tenant that has the account.
    """
    key = ConversationKey(ChatwootId(account), ChatwootId(id_))
    tenant = owner("acme" if account == "1" else "other", "retail")
    said = Seen(**{"owner": tenant, "inbox": ChatwootId("7"), **seen})
    sighting = Sighting(key, said, web.hub.clock.now())
    await web.hub.ports.store.commit(Changeset(sightings=(sighting,)))


async def answered(web: WebHub, method: str, path: str, **arguments: Any) -> Any:
    answer = await web.ask(method, path, **arguments)
    body = await answer.json()
    assert answer.status == 200, body
    assert answer.headers["Cache-Control"] == "no-store"
    return body


async def refused(web: WebHub, method: str, path: str, **arguments: Any) -> tuple[int, str]:
    answer = await web.ask(method, path, **arguments)
    return answer.status, (await answer.json())["code"]


async def listed(web: WebHub, query: str = "") -> tuple[list[str], str | None]:
    page = await answered(web, "GET", f"/v1/conversations?{query}")
    names = [f"{one['account_id']}/{one['conversation_id']}" for one in page["conversations"]]
    return names, page["next"]


async def test_conversations_are_listed_page_by_page(web: WebHub) -> None:
    for account, id_ in (("1", "301"), ("1", "302"), ("2", "9")):
        await see(web, account, id_)
    assert await listed(web) == (["1/301", "1/302", "2/9"], None)
    assert await listed(web, "limit=2") == (["1/301", "1/302"], "1/302")
    assert await listed(web, "limit=2&after=1/302") == (["2/9"], None)
    assert await listed(web, "tenant=other") == (["2/9"], None)
    assert await listed(web, "after=9/9") == ([], None)


@pytest.mark.parametrize(
    "query", ["after=1", "after=1/2/3", "after=/", "tenant=%20", "limit=0", "limit=501"]
)
async def test_page_that_cannot_be_is_refused(web: WebHub, query: str) -> None:
    path = f"/v1/conversations?{query}"
    assert await refused(web, "GET", path) == (422, "invalid_fields")


async def test_conversation_is_told_in_words(web: WebHub) -> None:
    await see(
        web,
        status=Status.OPEN,
        assignee=ChatwootId("3"),
        team="vendas",
        labels=("vip",),
        can_reply=False,
    )
    told = await answered(web, "GET", CONVERSATION)
    assert told["tenant_id"] == "acme"
    assert (told["inbox_id"], told["crew"]) == ("7", None)
    assert (told["status"], told["assignee_id"], told["team"]) == ("open", "3", "vendas")
    assert (told["labels"], told["can_reply"], told["blocked"]) == (["vip"], False, False)
    assert (told["last_wrote"], told["pause"]) == (None, None)
    answering = told["answering"]
    assert (answering["answers"], answering["reason"]) == (False, "human_has_it")
    assert answering["why"] == "A conversa está atribuída a uma pessoa"
    assert {"rule": "human_has_it", "silent": True, "sees": "3"} in answering["rules"]
    english = await web.get(CONVERSATION, Accept_Language="en")
    why = (await english.json())["answering"]["why"]
    assert why == "The conversation is assigned to a person"


async def test_conversation_that_waits_for_the_ai_has_no_reason(web: WebHub) -> None:
    await see(web, status=Status.PENDING)
    answering = (await answered(web, "GET", CONVERSATION))["answering"]
    assert (answering["answers"], answering["reason"], answering["why"]) == (True, None, None)
    assert not any(rule["silent"] for rule in answering["rules"])


async def test_unknown_conversation_is_not_found(web: WebHub) -> None:
    for method, path in (
        ("GET", CONVERSATION),
        ("POST", f"{CONVERSATION}/pause"),
        ("DELETE", f"{CONVERSATION}/pause"),
    ):
        assert await refused(web, method, path) == (404, "conversation_not_found")


@pytest.mark.parametrize("place", PLACES)
async def test_pause_is_shown_with_its_author_and_end(web: WebHub, place: str) -> None:
    await see(web)
    paused = await answered(web, "POST", f"{place}/pause", json={"until": UNTIL})
    assert paused["pause"]["until"] == "2060-12-01T12:00:00.000Z"
    assert paused["pause"]["by"]
    assert paused["tenant_id"] == "acme"
    bodies: tuple[dict[str, Any], ...] = ({"json": {}}, {"json": {"until": None}}, {})
    for body in bodies:
        paused = await answered(web, "POST", f"{place}/pause", **body)
        assert paused["pause"]["until"] is None
    answering = (await answered(web, "GET", CONVERSATION))["answering"]
    assert (answering["reason"], answering["why"]) == ("paused", "A IA está em pausa")
    (rule,) = [rule for rule in answering["rules"] if rule["rule"] == "paused"]
    assert (
        rule["sees"] == {CONVERSATION: "conversation", CHANNEL: "channel", TENANT: "tenant"}[place]
    )
    assert (await answered(web, "DELETE", f"{place}/pause"))["pause"] is None
    assert (await answered(web, "GET", CONVERSATION))["answering"]["reason"] is None


async def test_channel_is_named_in_the_answer(web: WebHub) -> None:
    paused = await answered(web, "POST", f"{CHANNEL}/pause")
    assert (paused["account_id"], paused["inbox_id"]) == ("1", "7")
    assert "inbox_id" not in await answered(web, "POST", f"{TENANT}/pause")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "until",
    ["2060-12-01", "2060-12-01T09:00:00", "amanhã", 4102444800, True, ["x"], {"a": 1},
     "2060-02-29T23:59:59Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"],
)  # fmt: skip
async def test_end_that_cannot_be_changes_nothing(web: WebHub, place: str, until: Any) -> None:
    await see(web)
    answer = await web.ask("POST", f"{place}/pause", json={"until": until})
    text = await answer.text()
    assert answer.status == 422
    assert "until" in text
    assert str(until) not in text or until is True
    assert (await answered(web, "GET", CONVERSATION))["answering"]["reason"] is None


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b'{"untill": null}', 422, "invalid_fields"),
        (b"[]", 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b"until=1", 400, "invalid_json"),
        (b'{"until": "x", "until": null}', 400, "invalid_json"),
    ],
)
async def test_body_that_says_something_else_is_refused(
    web: WebHub, place: str, raw: bytes, status: int, code: str
) -> None:
    await see(web)
    json = {"Content-Type": "application/json"}
    path = f"{place}/pause"
    assert await refused(web, "POST", path, data=raw, headers=json) == (status, code)
    assert (await refused(web, "POST", path, data=raw))[0] == 415
    assert (await answered(web, "GET", CONVERSATION))["answering"]["reason"] is None


@pytest.mark.parametrize(
    "path",
    ["/v1/conversations/%20/1", "/v1/conversations/1/..%2F", "/v1/conversations/1/%00"],
)
async def test_conversation_that_cannot_be_is_refused(web: WebHub, path: str) -> None:
    assert await refused(web, "GET", path) == (422, "invalid_fields")
    assert await refused(web, "POST", f"{path}/pause") == (422, "invalid_fields")


async def test_nobody_and_nowhere_cannot_be_paused(web: WebHub) -> None:
    for path, code in (
        ("/v1/tenants/nobody/pause", "tenant_not_found"),
        ("/v1/channels/9/7/pause", "mapping_not_found"),
    ):
        for method in ("POST", "DELETE"):
            assert await refused(web, method, path) == (404, code)
    tenants = (await (await web.get("/v1/tenants")).json())["tenants"]
    assert [one["tenant_id"] for one in tenants] == ["acme", "other"]


@pytest.mark.parametrize("place", PLACES)
async def test_key_of_another_tenant_sees_and_pauses_nothing(web: WebHub, place: str) -> None:
    await see(web)
    other = web.with_key(await web.new_key(tenant="other"))
    for method in ("POST", "DELETE"):
        assert await refused(other, method, f"{place}/pause") == (403, "tenant_forbidden")
    assert await refused(other, "GET", CONVERSATION) == (403, "tenant_forbidden")
    assert await listed(other) == ([], None)
    assert (await answered(web, "GET", CONVERSATION))["answering"]["reason"] is None
    own = web.with_key(await web.new_key(tenant="acme"))
    assert (await answered(own, "POST", f"{place}/pause"))["pause"]["by"]


@pytest.mark.parametrize("place", PLACES)
async def test_scopes_are_those_of_messages(web: WebHub, place: str) -> None:
    await see(web)
    reader = web.with_key(await web.new_key(Scope.MESSAGES_READ))
    writer = web.with_key(await web.new_key(Scope.MESSAGES_WRITE))
    for method in ("POST", "DELETE"):
        assert await refused(reader, method, f"{place}/pause") == (403, "scope_missing")
        # Who may not write learns nothing about the body.
        broken = {"data": b"{"} if method == "POST" else {}
        assert await refused(reader, method, f"{place}/pause", **broken) == (403, "scope_missing")
        await answered(writer, method, f"{place}/pause")
    assert await refused(writer, "GET", CONVERSATION) == (403, "scope_missing")
    assert await refused(writer, "GET", "/v1/conversations") == (403, "scope_missing")
    await answered(reader, "GET", CONVERSATION)


async def test_pauses_are_in_the_audit_trail(web: WebHub) -> None:
    await see(web)
    for place in PLACES:
        await answered(web, "POST", f"{place}/pause")
        await answered(web, "DELETE", f"{place}/pause")
    trail = await (await web.get("/v1/audit?tenant=acme")).json()
    ours = [
        (entry["action"], entry["subject"])
        for entry in trail["entries"][::-1]
        if entry["action"].endswith(("_paused", "_resumed"))
    ]
    assert ours == [
        (AuditAction.CONVERSATION_PAUSED.value, "conversation/1/301"),
        (AuditAction.CONVERSATION_RESUMED.value, "conversation/1/301"),
        (AuditAction.CHANNEL_PAUSED.value, "channel/1/7"),
        (AuditAction.CHANNEL_RESUMED.value, "channel/1/7"),
        (AuditAction.TENANT_PAUSED.value, "acme"),
        (AuditAction.TENANT_RESUMED.value, "acme"),
    ]


# The route of a message.

ROUTE = "/v1/route?account_id=1&inbox_id=7&explain=1"


async def test_route_tells_whether_the_ai_would_answer(web: WebHub) -> None:
    await see(web, status=Status.OPEN, assignee=ChatwootId("3"))
    route = await (await web.get(f"{ROUTE}&conversation=301")).json()
    assert (route["answering"]["answers"], route["answering"]["reason"]) == (False, "human_has_it")
    new = await (await web.get(f"{ROUTE}&conversation=999")).json()
    assert (new["answering"]["answers"], new["answering"]["reason"]) == (True, None)
    await answered(web, "POST", f"{CHANNEL}/pause")
    new = await (await web.get(f"{ROUTE}&conversation=999")).json()
    assert new["answering"]["reason"] == "paused"
    other_inbox = ROUTE.replace("inbox_id=7", "inbox_id=8")
    new = await (await web.get(f"{other_inbox}&conversation=999")).json()
    assert new["answering"]["reason"] is None


async def test_route_tells_nothing_of_conversations_unless_asked(web: WebHub) -> None:
    for query in (ROUTE, ROUTE.replace("explain=1", "explain=0&conversation=301")):
        assert "answering" not in await (await web.get(query)).json()
    unclaimed = "/v1/route?account_id=9&explain=1&conversation=1"
    assert (await (await web.get(unclaimed)).json())["answering"] is None


async def test_route_tells_of_conversations_only_to_those_who_read_messages(web: WebHub) -> None:
    await see(web)
    config = web.with_key(await web.new_key(Scope.CONFIG_READ))
    assert (await config.get(ROUTE)).status == 200
    assert await refused(config, "GET", f"{ROUTE}&conversation=301") == (403, "scope_missing")


# Messages that were not answered.


async def test_message_tells_why_it_was_not_answered(web: WebHub) -> None:
    await answered(web, "POST", f"{CHANNEL}/pause")
    payload = having(WHATSAPP, 1, "account", "id")
    payload = having(payload, ["humano"], "conversation", "labels")
    payload = having(payload, 7, "inbox", "id")
    taken = await (await web.post("/webhook", payload)).json()
    assert (taken["status"], taken["reason"]) == ("ignored", "paused")
    message = await (await web.get(f"/v1/messages/{taken['message_id']}")).json()
    assert (message["reason"], message["why"]) == ("paused", "A IA está em pausa")
    assert (message["withheld"], message["refused"], message["steps"]) == (None, [], 0)
    english = await (await web.get("/v1/messages", Accept_Language="en")).json()
    assert english["messages"][0]["why"] == "The AI is paused"


@pytest.mark.parametrize("silence", Silence)
def test_every_silence_is_counted_from_zero(web: WebHub, silence: Silence) -> None:
    series = f'odoo_ai_config_silences_total{{reason="{silence.value}"}}'
    assert f"{series} 0.0" in web.metrics.exposition().decode()
    web.metrics.delivery("ignored", silence.value)
    web.metrics.delivery("withheld", silence.value)
    # The hub itself has answered.
    web.metrics.delivery("answered", silence.value)
    web.metrics.event("message_created", "ignored", silence.value)
    assert f"{series} 4.0" in web.metrics.exposition().decode()


def test_other_reasons_make_no_series_of_silences(web: WebHub) -> None:
    before = web.metrics.exposition().decode().count("odoo_ai_config_silences_total{")
    web.metrics.delivery("ignored", "deleted")
    web.metrics.delivery("ignored", None)
    web.metrics.delivery("answered", None)
    web.metrics.event("message_created", "ignored", "outgoing")
    after = web.metrics.exposition().decode().count("odoo_ai_config_silences_total{")
    assert before == after == len(Silence)
