"""
Each tool: what it answers, whom it refuses, and that nothing changes before it is confirmed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from odoo_ai_config.application.errors import StoreFailure, StoreUnavailableError
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.changes import AuditAction, Changeset
from odoo_ai_config.domain.messages.inbox import MessageId
from odoo_ai_config.entrypoints.http.mcp.tools import TOOLS
from odoo_ai_config.entrypoints.http.platform.fields import shape_of
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.mcp.rpc import asked, called, refused
from tests.unit.entrypoints.http.web_hub import WebHub, fixture, having, serving

CANARIES = [f"canario-{number}-Qz7" for number in range(6)]
YAML = "# da loja\nname: Loja\nenabled_collections: [products_informations]\n"
WHATSAPP = fixture("chatwoot_message_created_whatsapp")
UNTIL = "2099-12-01T09:00:00-03:00"


@pytest.fixture
async def web() -> AsyncIterator[WebHub]:
    async with serving(MemoryHub(), HttpOptions(version="1")) as web:
        for account, tenant in ((1, "acme"), (2, "other")):
            mapping = {
                "chatwoot_account_id": account,
                "internal_account_id": tenant,
                "domain": "default",
            }
            event = {"event_type": "mapping_sync", "account_id": tenant, "mapping": mapping}
            assert (await web.send(event)).status == 200
            path = f"/configs/{tenant}/default"
            for kind, text in {
                "config": YAML,
                "crews": "default_crew: sales\ncrews: {sales: {type: echo}}",
            }.items():
                written = await web.post(f"{path}/{kind}", {"yaml_content": text})
                assert written.status == 200, await written.text()
        items = [{"id": 1, "name": "Pão"}, {"id": 2, "name": "Camisa azul"}]
        pushed = {"account_id": "acme", "items": items}
        answer = await web.ask("PUT", "/api/v1/collections/products", json=pushed)
        assert answer.status == 200
        yield web


async def receive(web: WebHub, *, account: int = 1, number: int = 301) -> str:
    payload = having(WHATSAPP, account, "account", "id")
    payload = having(payload, number, "id")
    payload = having(payload, number, "conversation", "id")
    web.hub.clock.tick()
    name: str = (await (await web.post("/webhook", payload)).json())["message_id"]
    return name


async def give_up(web: WebHub, message_id: str) -> None:
    message = web.hub.state.messages[MessageId(message_id)]
    dead = message.dead(reason="crew_refused", at=web.hub.clock.now())
    await web.hub.ports.store.commit(Changeset(messages=(dead,)))


def actions(web: WebHub) -> list[AuditAction]:
    return [entry.action for entry in web.hub.state.audit]


# Reading.


async def test_clients_are_listed_page_by_page(web: WebHub) -> None:
    first = await called(web, "list_tenants", limit=1)
    assert [one["tenant_id"] for one in first["tenants"]] == ["acme"]
    assert first["next"] == "acme"
    rest = await called(web, "list_tenants", after=first["next"])
    assert [one["tenant_id"] for one in rest["tenants"]] == ["other"]
    assert rest["next"] is None
    assert rest["tenants"][0]["domains"][0]["documents"][0]["config_type"] == "config"


async def test_document_is_read_as_it_is_or_was(web: WebHub) -> None:
    await web.patch("/configs/acme/default/config", {"name": "Loja 2"})
    newest = await called(web, "read_document", tenant="acme")
    assert (newest["version"], newest["json_data"]["name"]) == (2, "Loja 2")
    text = await called(web, "read_document", tenant="acme", version=1, as_yaml=True)
    assert (text["version"], text["yaml_content"]) == (1, YAML)
    history = await called(web, "document_history", tenant="acme")
    assert [one["version"] for one in history["versions"]] == [2, 1]
    older = await called(web, "document_history", tenant="acme", before=2)
    assert [one["version"] for one in older["versions"]] == [1]
    differs = await called(web, "compare_versions", tenant="acme")
    assert (differs["from"], differs["to"]) == (1, 2)
    assert [change["pointer"] for change in differs["changes"]] == ["/name"]
    none = await called(web, "compare_versions", tenant="acme", before=1, after=1)
    assert none["changes"] == []


async def test_collection_is_searched_and_read(web: WebHub) -> None:
    (overview,) = (await called(web, "list_collections", tenant="acme"))["collections"]
    assert (overview["collection"], overview["enabled"]) == ("products_informations", True)
    place = {"tenant": "acme", "collection": "products"}
    found = await called(web, "search_collection", **place, text="pao")
    assert [item["data"]["name"] for item in found["items"]] == ["Pão"]
    assert not found["more"]
    first = await called(web, "search_collection", **place, limit=1)
    rest = await called(web, "search_collection", **place, since=first["cursor"])
    assert [item["id"] for item in first["items"] + rest["items"]] == ["1", "2"]
    assert (first["more"], rest["more"]) == (True, False)


async def test_route_is_explained_and_simulated(web: WebHub) -> None:
    route = await called(web, "explain_route", account=1, number="+55 11 99999-9999")
    assert (route["tenant_id"], route["resolved"]) == ("acme", True)
    assert route["considered"]
    assert "answering" not in route
    nobody = await called(web, "explain_route", account=9, inbox="7", conversation=1)
    assert (nobody["resolved"], nobody["answering"]) == (False, None)
    known = await called(web, "explain_route", account=1, conversation=301)
    assert known["answering"]["answers"] is True
    mapping = {"chatwoot_account_id": 1, "internal_account_id": "other", "domain": "default"}
    question = {"account_id": 1, "number": "5511999999999"}
    simulated = await called(web, "simulate_route", mapping=mapping, messages=[question])
    (message,) = simulated["messages"]
    assert (message["before"]["tenant_id"], message["after"]["tenant_id"]) == ("acme", "other")
    own = {**mapping, "internal_account_id": "acme"}
    gone = await called(web, "simulate_route", event_type="mapping_delete", mapping=own)
    assert gone["changed"]
    assert (await called(web, "explain_route", account=1))["tenant_id"] == "acme"


async def test_stuck_messages_are_shown_with_the_reason_and_without_their_text(
    web: WebHub,
) -> None:
    dead, nobodys = await receive(web), await receive(web, account=9, number=302)
    await receive(web, number=303)
    await give_up(web, dead)
    stuck = await called(web, "list_stuck_messages")
    assert [one["message_id"] for one in stuck["messages"]] == [nobodys, dead]
    assert stuck["messages"][1]["why"] == "A crew recusou a mensagem"
    mine = await called(web, "list_stuck_messages", tenant="acme", limit=1)
    assert [one["message_id"] for one in mine["messages"]] == [dead]
    shown = await called(web, "show_message", message_id=dead)
    assert shown == stuck["messages"][1]
    assert WHATSAPP["content"] not in str(stuck)


# Changing.


async def test_publishing_is_rehearsed_with_what_differs_and_then_done(web: WebHub) -> None:
    new = {"tenant": "acme", "yaml": YAML.replace("Loja", "Empório"), "expected_version": 1}
    before = len(web.hub.state.audit)
    rehearsed = await called(web, "publish_document", **new)
    assert (rehearsed["done"], "confirm: true" in rehearsed["note"]) == (False, True)
    result = rehearsed["result"]
    assert (result["version"], result["changed"]) == (2, True)
    assert [(one["pointer"], one["after"]) for one in result["changes"]] == [("/name", "Empório")]
    assert (await called(web, "read_document", tenant="acme"))["version"] == 1
    assert len(web.hub.state.audit) == before
    done = await called(web, "publish_document", **new, confirm=True)
    assert (done["done"], done["result"]["version"]) == (True, 2)
    assert "note" not in done
    stale = await refused(web, "publish_document", **new, confirm=True)
    assert (stale["code"], stale["current_version"]) == ("version_mismatch", 2)
    first = await called(web, "publish_document", tenant="new", yaml="a: 1\n")
    assert first["result"]["changes"] == [{"kind": "added", "pointer": "/a", "after": 1}]


async def test_document_is_rolled_back(web: WebHub) -> None:
    await web.patch("/configs/acme/default/config", {"name": "Loja 2"})
    back = {"tenant": "acme", "version": 1}
    rehearsed = await called(web, "roll_back_document", **back)
    assert [one["after"] for one in rehearsed["result"]["changes"]] == ["Loja"]
    assert (await called(web, "read_document", tenant="acme"))["version"] == 2
    done = await called(web, "roll_back_document", **back, confirm=True)
    assert done["result"]["version"] == 3
    missing = await refused(web, "roll_back_document", tenant="acme", version=9)
    assert missing["code"] == "version_not_found"


async def test_message_is_replayed(web: WebHub) -> None:
    dead = await receive(web)
    await give_up(web, dead)
    nobodys = await receive(web, account=9, number=302)
    rehearsed = await called(web, "replay_message", message_id=dead)
    result = rehearsed["result"]
    assert (result["stage"], result["tenant_id"], result["crew"]) == ("queued", "acme", None)
    assert AuditAction.MESSAGE_REPLAYED not in actions(web)
    with capture_logs() as logs:
        done = await called(web, "replay_message", message_id=dead, confirm=True)
    assert (done["done"], done["result"]["stage"]) == (True, "queued")
    assert [line["message"] for line in logs if line["event"] == "message_replayed"] == [dead]
    again = await refused(web, "replay_message", message_id=dead)
    assert (again["code"], again["stage"]) == ("wrong_stage", "queued")
    stays = await called(web, "replay_message", message_id=nobodys)
    assert (stays["result"]["stage"], stays["result"]["tenant_id"]) == ("unresolved", None)


async def test_conversation_is_paused_and_given_back(web: WebHub) -> None:
    await receive(web)
    place = {"account": 1, "conversation": 301}
    rehearsed = await called(web, "pause_conversation", **place, until=UNTIL)
    assert rehearsed["result"]["pause"]["until"] == "2099-12-01T12:00:00.000Z"
    silent = await called(web, "explain_route", **place)
    assert silent["answering"]["answers"]
    await called(web, "pause_conversation", **place, until=UNTIL, confirm=True)
    silent = await called(web, "explain_route", **place)
    assert silent["answering"]["reason"] == "paused"
    await called(web, "resume_conversation", **place)
    assert AuditAction.CONVERSATION_RESUMED not in actions(web)
    done = await called(web, "resume_conversation", **place, confirm=True)
    assert done["result"]["pause"] is None


async def test_audit_trail_has_why_and_by_which_request(web: WebHub) -> None:
    await receive(web)
    place = {"account": 1, "conversation": 301, "confirm": True}
    await called(web, "pause_conversation", **place)
    await called(web, "resume_conversation", **place, reason="INC-1: cliente pediu")
    entries = web.hub.state.audit[-2:]
    assert [entry.reason for entry in entries] == ["mcp", "INC-1: cliente pediu"]
    assert all(entry.request_id for entry in entries)
    secret = await refused(web, "pause_conversation", **place, reason="senha=segredo-1234-abcd")
    assert (secret["code"], secret["errors"][0]["field"]) == ("invalid_fields", "reason")


# Refusals.


@pytest.mark.parametrize("tool", sorted(TOOLS))
async def test_key_without_the_scope_is_refused(web: WebHub, tool: str) -> None:
    other = web.with_key(await web.new_key(Scope.WEBHOOK))
    arguments = {
        "tenant": "acme",
        "yaml": "a: 1",
        "version": 1,
        "collection": "products",
        "account": 1,
        "conversation": 301,
        "message_id": await receive(web),
        "mapping": {
            "chatwoot_account_id": 1,
            "internal_account_id": "acme",
            "domain": "default",
        },
        "confirm": True,
    }
    names = shape_of(TOOLS[tool].arguments).types
    before = len(web.hub.state.audit)
    given = {name: value for name, value in arguments.items() if name in names}
    problem = await refused(other, tool, **given)
    assert (problem["code"], problem["scope"]) == ("scope_missing", TOOLS[tool].scope.value)
    assert problem["detail"] == "A chave de API não tem o escopo desta operação"
    assert len(web.hub.state.audit) == before


async def test_unknown_argument_is_told_which_ones_there_are(web: WebHub) -> None:
    problem = await refused(web, "read_document", tenants="acme")
    [error] = problem["errors"]
    assert error["field"] == "arguments"
    assert error["message"] == (
        "tem um nome desconhecido; os que há: tenant, domain, kind, version, as_yaml"
    )


async def test_who_may_write_but_not_read_does_not_see_what_is_there(web: WebHub) -> None:
    writer = web.with_key(await web.new_key(Scope.CONFIG_WRITE))
    rehearsed = await called(writer, "publish_document", tenant="acme", yaml="name: x")
    assert rehearsed["result"].keys() == {
        "tenant_id",
        "domain",
        "config_type",
        "version",
        "changed",
        "warnings",
    }


async def test_client_that_is_suspended_may_be_written_to_and_is_not_shown(web: WebHub) -> None:
    assert (await web.post("/v1/tenants/acme/suspension", {})).status == 200
    assert (await refused(web, "read_document", tenant="acme"))["code"] == "tenant_suspended"
    new = {"tenant": "acme", "yaml": "name: x"}
    assert "changes" not in (await called(web, "publish_document", **new))["result"]
    done = await called(web, "publish_document", **new, confirm=True)
    assert done["result"]["version"] == 2


async def test_bound_key_sees_its_client_only(web: WebHub) -> None:
    mine, others = await receive(web), await receive(web, account=2, number=302)
    for message in (mine, others):
        await give_up(web, message)
    bound = web.with_key(await web.new_key(tenant="acme"))
    listed = await called(bound, "list_tenants")
    assert [one["tenant_id"] for one in listed["tenants"]] == ["acme"]
    stuck = await called(bound, "list_stuck_messages")
    assert [one["message_id"] for one in stuck["messages"]] == [mine]
    place = {"account": 2, "conversation": 302}
    calls: dict[str, dict[str, Any]] = {
        "read_document": {"tenant": "other"},
        "document_history": {"tenant": "other"},
        "compare_versions": {"tenant": "other"},
        "list_collections": {"tenant": "other"},
        "search_collection": {"tenant": "other", "collection": "products"},
        "list_stuck_messages": {"tenant": "other"},
        "show_message": {"message_id": others},
        "explain_route": {"account": 2},
        "publish_document": {"tenant": "other", "yaml": "a: 1", "confirm": True},
        "roll_back_document": {"tenant": "other", "version": 1, "confirm": True},
        "replay_message": {"message_id": others, "confirm": True},
        "pause_conversation": {**place, "confirm": True},
        "resume_conversation": {**place, "confirm": True},
    }
    for tool, arguments in calls.items():
        problem = await refused(bound, tool, **arguments)
        assert problem["code"] in {"tenant_forbidden", "message_not_found"}, tool


@pytest.mark.parametrize(
    ("tool", "arguments", "field"),
    [
        ("list_tenants", {"limit": 0}, "limit"),
        ("list_tenants", {"limit": 201}, "limit"),
        ("list_tenants", {"limit": "x"}, "limit"),
        ("read_document", {}, "tenant"),
        ("read_document", {"tenant": "acme", "version": 0}, "version"),
        ("read_document", {"tenant": "acme", "as_yaml": 1}, "as_yaml"),
        ("read_document", {"tenant": "acme", "typo": 1}, "arguments"),
        ("simulate_route", {"mapping": 5}, "mapping"),
        ("show_message", {"message_id": "../x"}, "message_id"),
        ("publish_document", {"tenant": "acme", "yaml": 5}, "yaml"),
        ("publish_document", {"tenant": "acme", "yaml": "a: 1", "confirm": "yes"}, "confirm"),
        (
            "publish_document",
            {"tenant": "a", "yaml": "a: 1", "expected_version": -1},
            "expected_version",
        ),
        ("pause_conversation", {"account": 1, "conversation": 1, "until": "amanhã"}, "until"),
    ],
)
async def test_wrong_argument_is_named(
    web: WebHub, tool: str, arguments: dict[str, Any], field: str
) -> None:
    problem = await refused(web, tool, **arguments)
    assert problem["status"] == 422
    assert problem["errors"][0]["field"] == field


async def test_store_that_is_away_is_told_and_noticed(
    web: WebHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise StoreUnavailableError(StoreFailure.AWAY)

    monkeypatch.setattr(type(web.services.list_tenants), "__call__", fails)
    problem = await refused(web, "list_tenants")
    assert (problem["code"], problem["status"]) == ("store_unavailable", 503)
    assert b'odoo_ai_config_store_failures_total{cause="away"} 1.0' in web.metrics.exposition()


async def test_texts_are_in_the_language_of_the_caller(web: WebHub) -> None:
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "read_document", "arguments": {"tenant": "nobody"}},
    }
    for language, text in (("en", "Document not found"), ("pt-BR", "não encontrado")):
        answer = await web.post("/mcp", message, Accept_Language=language)
        assert text in (await answer.text())
        assert answer.headers["Content-Language"] == language


async def test_no_tool_shows_the_value_of_a_secret(web: WebHub) -> None:
    event = fixture("credentials_flat") | {
        "account_id": "acme",
        "domain": "default",
        "odoo_password": CANARIES[0],
        "facebook_app_secret": CANARIES[1],
    }
    assert (await web.send(event)).status == 200
    secret = (
        f"{YAML}smtp_password: {CANARIES[2]}\nheaders: {{Authorization: Bearer {CANARIES[3]}}}\n"
    )
    credentials = f"account_id: acme\ncredentials: {{crew_secret: {CANARIES[4]}}}\n"
    message = await receive(web)
    await give_up(web, message)
    texts = {"config": secret, "credentials": credentials}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("publish_document", {"kind": kind, "yaml": text, "confirm": confirm})
        for kind, text in texts.items()
        for confirm in (False, True)
    ]
    for kind in texts:
        calls += [
            ("read_document", {"kind": kind}),
            ("read_document", {"kind": kind, "as_yaml": True}),
            ("document_history", {"kind": kind}),
            ("compare_versions", {"kind": kind}),
            ("roll_back_document", {"kind": kind, "version": 1}),
        ]
    calls.append(("publish_document", {"yaml": f"a: [{CANARIES[5]}"}))
    calls = [(tool, {"tenant": "acme", **more}) for tool, more in calls]
    calls += [
        ("list_tenants", {}),
        ("list_stuck_messages", {}),
        ("show_message", {"message_id": message}),
        ("explain_route", {"account": 1}),
    ]
    with capture_logs() as logs:
        answers = [
            await asked(web, "tools/call", name=tool, arguments=arguments)
            for tool, arguments in calls
        ]
    everything = f"{answers}{logs}"
    assert [canary for canary in CANARIES if canary in everything] == []
    opened = await web.get("/v1/tenants/acme/default/credentials/crew_secret")
    assert (await opened.json())["value"] == CANARIES[4]
