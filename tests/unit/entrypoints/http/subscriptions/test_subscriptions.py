"""
Subscriptions over HTTP.
"""

from __future__ import annotations

import json
import re
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import fields_dict

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.inbox import MessageId, Stage
from odoo_ai_config.entrypoints.http.mcp.tools import TOOLS
from odoo_ai_config.entrypoints.library import Hub
from tests.unit.entrypoints.http.mcp.rpc import refused
from tests.unit.entrypoints.http.web_hub import WebHub, fixture, having

DESCRIPTION = Path("tests/fixtures/openapi.json")
PLACE = "hub-subscriptions"
NEW: JsonObject = {
    "url": "https://receiver.example.com/hook",
    "kinds": ["config", "mapping"],
    "outcomes": ["dead"],
}


async def made(web: WebHub, query: str = "", **more: Any) -> Any:
    answer = await web.post(f"/v1/subscriptions{query}", {**NEW, **more})
    assert answer.status == 200, await answer.text()
    assert answer.headers["Cache-Control"] == "no-store"
    return await answer.json()


async def listed(web: WebHub, query: str = "") -> Any:
    answer = await web.get(f"/v1/subscriptions{query}")
    assert answer.status == 200, await answer.text()
    return (await answer.json())["subscriptions"]


async def test_secret_is_shown_once(web: WebHub) -> None:
    one = await made(web)
    assert one["secret"].startswith("whsec_")
    shown = {name: value for name, value in one.items() if name != "secret"}
    assert await listed(web) == [shown]
    assert (one["kinds"], one["outcomes"], one["off"]) == (["config", "mapping"], ["dead"], None)
    assert one["secret"] not in str(web.hub.state)


async def test_subscription_is_changed_tried_rotated_and_removed(web: WebHub) -> None:
    one = await made(web, "?tenant=acme")
    path = f"/v1/subscriptions/{one['id']}"
    off = await (await web.ask("PATCH", f"{path}?tenant=acme", json={"on": False})).json()
    assert off["off"]["reason"] == "by_hand"
    on = await (await web.ask("PATCH", f"{path}?tenant=acme", json={"on": True})).json()
    assert on["off"] is None
    sent = await (await web.post(f"{path}/test?tenant=acme", {})).json()
    message = await (await web.get(f"/v1/messages/{sent['message_id']}")).json()
    assert (message["event"], message["stage"]) == ("hub_event", "queued")
    rotated = await (await web.post(f"{path}/rotate?tenant=acme", {"overlap": "12h"})).json()
    assert rotated["secret"] != one["secret"]
    assert rotated["old_secret_until"] is not None
    removed = await web.ask("DELETE", f"{path}?tenant=acme")
    assert await removed.json() == {"removed": one["id"]}
    assert await listed(web, "?tenant=acme") == []
    for method, rest, body in (
        ("PATCH", "", {"on": True}),
        ("POST", "/rotate", {}),
        ("POST", "/test", {}),
        ("DELETE", "", None),
    ):
        answer = await web.ask(method, f"{path}{rest}?tenant=acme", json=body)
        assert (answer.status, (await answer.json())["code"]) == (404, "subscription_not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "x", "kinds": ["config"]}, "url"),
        ({"url": NEW["url"], "kinds": ["other"]}, "kinds"),
        ({"url": NEW["url"], "kinds": "config"}, "kinds"),
        ({"url": NEW["url"], "outcomes": ["other"]}, "outcomes"),
        ({"url": NEW["url"]}, "kinds"),
        ({"url": 7, "kinds": ["config"]}, "url"),
        ({"kinds": ["config"]}, "url"),
        ({**NEW, "more": 1}, "body"),
    ],
)
async def test_what_cannot_be_subscribed_is_a_422(
    web: WebHub, body: JsonObject, field: str
) -> None:
    answer = await web.post("/v1/subscriptions", body)
    assert answer.status == 422
    problem = await answer.json()
    assert [error["field"] for error in problem["errors"]] == [field]


async def test_bound_key_has_those_of_its_tenant(web: WebHub) -> None:
    bound = web.with_key(await web.new_key(Scope.ADMIN, tenant="acme"))
    one = await made(bound)
    assert [found["id"] for found in await listed(web, "?tenant=acme")] == [one["id"]]
    assert await listed(web) == []
    answer = await bound.get("/v1/subscriptions?tenant=other")
    assert (answer.status, (await answer.json())["code"]) == (403, "tenant_forbidden")
    reader = web.with_key(await web.new_key(Scope.CONFIG_READ))
    asked = await reader.get("/v1/subscriptions"), await reader.post("/v1/subscriptions", NEW)
    for answer in asked:
        assert (answer.status, (await answer.json())["code"]) == (403, "scope_missing")


async def test_subscriptions_are_no_news(web: WebHub) -> None:
    begin = (await (await web.get("/v1/changes")).json())["cursor"]
    await made(web, "?tenant=acme")
    found = await (await web.get(f"/v1/changes?since={begin}")).json()
    assert found["changes"] == []


async def test_odoo_cannot_write_into_the_place_of_subscriptions(web: WebHub) -> None:
    event = {**fixture("credentials_flat"), "domain": "hub-subscriptions"}
    answer = await web.send(event)
    assert answer.status == 422


def operations_on_areas() -> Iterator[tuple[str, str]]:
    """
    Each operation whose path or query names a business area.
    """
    for path, operations in json.loads(DESCRIPTION.read_text())["paths"].items():
        for method, operation in operations.items():
            names = {one.get("name"): one.get("in") for one in operation.get("parameters", ())}
            # The pages are the same for every area; their scripts ask the other addresses.
            if "domain" in names and not path.startswith("/ui/"):
                query = f"?account_id=acme&domain={PLACE}" if names["domain"] == "query" else ""
                yield method.upper(), f"{path}{query}"


@pytest.mark.parametrize(("method", "path"), [*operations_on_areas()])
async def test_no_other_address_reaches_subscriptions(method: str, path: str, web: WebHub) -> None:
    one = await made(web, "?tenant=acme")
    before = await listed(web, "?tenant=acme")
    given = {"tenant": "acme", "domain": PLACE, "kind": "config", "version": "1", "name": "x"}
    named = re.sub(r"{(\w+)}", lambda part: given.get(part[1], one["id"]), path)
    arguments = {"account_id": "acme", "yaml_content": "a: 1", "json_data": {}, "version": 1}
    body = None if method == "GET" else {**arguments, "config_data": {}, "merge": {}}
    asked = f"{named}?to=other" if path.endswith("/move") else named
    answer = await web.ask(method, asked, json=body)
    assert answer.status == 422, await answer.text()
    assert [error["field"] for error in (await answer.json())["errors"]] == ["domain"]
    assert await listed(web, "?tenant=acme") == before


async def test_area_is_not_moved_there(web: WebHub) -> None:
    written = await web.post("/configs/acme/default/config", {"yaml_content": "a: 1"})
    assert written.status == 200
    answer = await web.post(f"/v1/tenants/acme/default/move?to={PLACE}", {})
    assert answer.status == 422
    assert [error["field"] for error in (await answer.json())["errors"]] == ["to"]


async def test_lists_of_documents_leave_subscriptions_out(web: WebHub) -> None:
    await made(web, "?tenant=acme")
    assert (await web.post("/configs/acme/default/config", {"yaml_content": "a: 1"})).status == 200
    for path in ("/configs/acme", "/v1/tenants", "/v1/tenants/acme"):
        answer = await web.get(path)
        assert answer.status == 200, path
        assert PLACE not in await answer.text()


@pytest.mark.parametrize(
    "tool", [name for name, tool in TOOLS.items() if "domain" in fields_dict(tool.arguments)]
)
async def test_no_tool_reaches_subscriptions(tool: str, web: WebHub) -> None:
    await made(web, "?tenant=acme")
    more: dict[str, dict[str, Any]] = {
        "publish_document": {"yaml": "a: 1", "confirm": True},
        "roll_back_document": {"version": 1, "confirm": True},
    }
    problem = await refused(web, tool, tenant="acme", domain=PLACE, **more.get(tool, {}))
    assert [error["field"] for error in problem["errors"]] == ["domain"]


async def test_no_method_of_the_library_reaches_subscriptions(web: WebHub) -> None:
    await made(web, "?tenant=acme")
    hub = Hub(web.services)
    attempts: list[Coroutine[Any, Any, object]] = [
        hub.config("acme", PLACE),
        hub.document("acme", PLACE, "credentials", version=1),
        hub.publish("acme", PLACE, "config", "a: 1"),
        hub.roll_back("acme", PLACE, "config", 1),
        hub.credential("acme", PLACE, "sub_unknown1.secret"),
        hub.delete_credential("acme", PLACE, "sub_unknown1.secret"),
        hub.move_area("acme", PLACE, "default"),
        hub.move_area("acme", "default", PLACE),
        hub.sync_mapping(chatwoot_account_id="1", tenant="acme", domain=PLACE),
        hub.sync_credentials(account_id="acme", domain=PLACE, token="t"),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidValueError) as refusal:
            await attempt
        assert refusal.value.rule == "domain_reserved"


async def test_mapping_gives_no_channel_to_the_place_of_subscriptions(web: WebHub) -> None:
    mapping = {"chatwoot_account_id": 1, "internal_account_id": "acme", "domain": PLACE}
    event = {"event_type": "mapping_sync", "account_id": "acme", "mapping": mapping}
    assert (await web.send(event)).status == 422


@pytest.mark.parametrize("name", ["hub_event", "hub_notice"])
async def test_event_of_chatwoot_never_becomes_one_of_the_hub(name: str, web: WebHub) -> None:
    one = await made(web, "?tenant=acme")
    forged = having(fixture("chatwoot_message_created_whatsapp"), name, "event")
    delivery = f"{one['id']}:test:1"
    answer = await web.post("/webhook", forged, X_Chatwoot_Delivery=delivery)
    assert answer.status == 200
    [message] = web.hub.state.messages.values()
    assert message.id == MessageId((await answer.json())["message_id"])
    assert (message.stage, message.due_at) == (Stage.IGNORED, None)
    assert message.origin.delivery != delivery
    assert (await web.post(f"/v1/messages/{message.id}/replay", {})).status == 409


@pytest.mark.parametrize("query", ["?tenant=other", ""])
async def test_bound_administrator_reaches_only_its_own(query: str, web: WebHub) -> None:
    one = await made(web, query)
    bound = web.with_key(await web.new_key(Scope.ADMIN, tenant="acme"))
    path = f"/v1/subscriptions/{one['id']}"
    # Without a tenant it asks for its own, where there is no such subscription.
    for asked in dict.fromkeys((query, "?tenant=acme")):
        for method, rest, body in (
            ("PATCH", "", {"on": False}),
            ("POST", "/rotate", {}),
            ("POST", "/test", {}),
            ("DELETE", "", None),
        ):
            answer = await bound.ask(method, f"{path}{rest}{asked}", json=body)
            assert answer.status == (403 if asked == "?tenant=other" else 404)
    sent = await (await web.post(f"{path}/test{query}", {})).json()
    assert (await bound.get(f"/v1/messages/{sent['message_id']}")).status == 403
    assert (await (await bound.get("/v1/messages")).json())["messages"] == []
    assert [found["id"] for found in await listed(web, query)] == [one["id"]]
