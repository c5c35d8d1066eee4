from __future__ import annotations

import pytest

from tests.unit.entrypoints.http.web_hub import WebHub, fixture

MAPPING = fixture("mapping_odoo")


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
