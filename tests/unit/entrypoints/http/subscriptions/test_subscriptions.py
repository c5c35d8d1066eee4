"""
Subscriptions over HTTP.
"""

from __future__ import annotations

from typing import Any

import pytest

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.json_types import JsonObject
from tests.unit.entrypoints.http.web_hub import WebHub, fixture

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
