from __future__ import annotations

import json
from typing import Any

import pytest

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping, MappingRevision
from odoo_ai_config.domain.identifiers import BusinessArea, ChatwootId, TenantArea, TenantId
from tests.contract.samples import AT
from tests.unit.entrypoints.http.web_hub import WebHub, fixture, having, without

MAPPING = fixture("mapping_odoo")
OWNER = TenantArea(TenantId("account_1"), BusinessArea())


async def test_explanation_says_what_became_of_every_rule(web: WebHub) -> None:
    await web.send(MAPPING)
    route = await (await web.get("/v1/route?account_id=1&inbox_id=9&explain=1")).json()
    assert [(step["rule"], step["verdict"]) for step in route["considered"]] == [
        ("inbox", "no_mapping"),
        ("account", "won"),
        ("account_owner", "not_needed"),
        ("special_number", "no_number"),
        ("fallback", "no_fallback"),
    ]
    assert route["considered"][1]["owners"] == [{"tenant_id": "account_1", "domain": "retail"}]
    for unexplained in ("", "&explain=0", "&explain=no"):
        answer = await web.get(f"/v1/route?account_id=1{unexplained}")
        assert "considered" not in await answer.json()


@pytest.mark.parametrize(
    "number", ["+55 11 99999-9999", "551199999999", "whatsapp:+5511999999999"]
)
async def test_special_number_gives_the_crew(web: WebHub, number: str) -> None:
    await web.send(MAPPING)
    answer = await web.ask("GET", "/v1/route", params={"account_id": "1", "number": number})
    assert (await answer.json())["crew"] == "analytics"


@pytest.mark.parametrize("number", ["", "BR.123", "123@lid", "x" * 5000, "\u202e", "+"])
async def test_number_that_is_none_simply_does_not_match(web: WebHub, number: str) -> None:
    await web.send(MAPPING)
    answer = await web.ask("GET", "/v1/route", params={"account_id": "1", "number": number})
    assert answer.status == 200
    assert (await answer.json())["crew"] is None


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "incomplete_data"),
        ("?account_id=", "incomplete_data"),
        ("?account_id=0", "incomplete_data"),
        ("?account_id=a%20b", "invalid_fields"),
        ("?account_id=%ff", "invalid_fields"),
        ("?account_id=1&inbox_id=../7", "invalid_fields"),
    ],
)
async def test_route_needs_ids_that_can_be(web: WebHub, query: str, code: str) -> None:
    answer = await web.raw(f"/v1/route{query}".encode())
    assert answer.status == 422
    assert code.encode() in answer.body


async def lines(web: WebHub, **headers: str) -> list[dict[str, Any]]:
    answer = await web.get("/v1/route/table", **headers)
    assert (answer.status, answer.content_type) == (200, "application/x-ndjson")
    return [json.loads(line) for line in (await answer.read()).splitlines()]


async def test_table_has_what_routes_messages(web: WebHub) -> None:
    await web.send(MAPPING)
    head, channel = await lines(web)
    assert head == {
        "whole": True,
        "version": 1,
        "channels": 1,
        "unserved": [],
        "left": [],
        "shared": [],
    }
    assert (channel["tenant"], channel["version"], channel["active"]) == ("account_1", 1, True)
    assert (await web.ask("HEAD", "/v1/route/table")).status == 200


async def test_table_is_sent_in_portions_and_only_if_it_changed(web: WebHub) -> None:
    for inbox in range(1, 1002):
        key = ChannelKey(ChatwootId("1"), ChatwootId(str(inbox)))
        revision = MappingRevision(ChannelMapping(key, OWNER), 2, AT, AT, "me")
        web.hub.state.mapping_histories[key] = [revision]
    answer = await web.get("/v1/route/table")
    assert (await answer.read()).count(b"\n") == 1002
    tag = answer.headers["ETag"]
    assert (await web.get("/v1/route/table", If_None_Match=tag)).status == 304
    await web.send(without(MAPPING, "mapping", "special_whatsapp_numbers"))
    assert (await web.get("/v1/route/table", If_None_Match=tag)).status == 200


async def test_table_of_a_bound_key_has_nothing_of_others(web: WebHub) -> None:
    await web.send(MAPPING)
    await web.send(having(MAPPING, "other", "mapping", "internal_account_id"))
    for inbox, owner in (("7", "account_1"), ("8", "other")):
        moved = having(MAPPING, owner, "mapping", "internal_account_id")
        await web.send(having(moved, inbox, "mapping", "chatwoot_inbox_id"))
    bound = web.with_key(await web.new_key(Scope.CONFIG_READ, tenant="account_1"))
    head, *channels = await lines(bound)
    assert (head["whole"], head["version"], head["shared"]) == (False, 0, ["1"])
    assert {channel["tenant"] for channel in channels} == {"account_1"}
