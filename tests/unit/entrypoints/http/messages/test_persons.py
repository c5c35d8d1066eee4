from __future__ import annotations

from typing import Any

import pytest

from odoo_ai_config.domain.access import Scope
from tests.unit.entrypoints.http.web_hub import WebHub, fixture

NUMBER = "+55 11 98765-4321"


@pytest.fixture
async def said(web: WebHub) -> dict[str, Any]:
    sent = fixture("mapping_odoo")
    sent["mapping"]["special_whatsapp_numbers"] = [{"number": NUMBER, "crew": "boss"}]
    await web.send(sent)
    mapping = sent["mapping"]
    body = {
        "event": "message_created",
        "id": 1,
        "content": "c4n4ry",
        "message_type": "incoming",
        "account": {"id": mapping["chatwoot_account_id"]},
        "inbox": {"id": mapping.get("chatwoot_inbox_id") or 7},
        "conversation": {"id": 301},
        "sender": {"id": 77, "phone_number": "+5511987654321"},
    }
    assert (await web.post("/webhook", body)).status == 200
    tenant: str = mapping["internal_account_id"]
    return {"number": NUMBER, "tenant_id": tenant}


async def test_person_is_found_exported_and_erased(web: WebHub, said: dict[str, Any]) -> None:
    found = await (await web.post("/v1/persons/find", {"number": "(11) 8765-4321"})).json()
    [one] = found["found"]
    assert (one["tenant_id"], one["messages"], found["complete"]) == (said["tenant_id"], 1, True)
    assert [number["crew"] for number in one["special_numbers"]] == ["boss"]
    exported = await (await web.post("/v1/persons/export", said)).json()
    assert [one["content"]["text"] for one in exported["messages"]] == ["c4n4ry"]
    rehearsal = await (await web.post("/v1/persons/erase", said | {"dry_run": True})).json()
    assert (rehearsal["erased"]["messages"], rehearsal["dry_run"]) == (1, True)
    erased = await (await web.post("/v1/persons/erase", said | {"special_numbers": True})).json()
    assert erased["erased"] == rehearsal["erased"]
    left = await (await web.post("/v1/persons/find", {"number": NUMBER})).json()
    assert left["found"] == []
    message = exported["messages"][0]["message_id"]
    state = await (await web.get(f"/v1/messages/{message}")).json()
    assert (state["stage"], state["reason"]) == ("discarded", "erased")


async def test_export_goes_on_behind_a_message(web: WebHub, said: dict[str, Any]) -> None:
    exported = await (await web.post("/v1/persons/export", said)).json()
    last = exported["messages"][-1]["message_id"]
    rest = await (await web.post("/v1/persons/export", said | {"after": last})).json()
    assert (rest["messages"], rest["next"]) == ([], None)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_value"),
        ({"number": NUMBER, "contact": "1/77"}, 422, "invalid_value"),
        ({"number": "7"}, 422, "invalid_value"),
        ({"contact": "77"}, 422, "invalid_value"),
        ({"number": NUMBER, "more": 1}, 422, "invalid_fields"),
    ],
)
async def test_other_bodies_are_refused(
    web: WebHub, body: dict[str, Any], status: int, code: str
) -> None:
    for path in ("find", "export", "erase"):
        refused = await web.post(f"/v1/persons/{path}", body)
        assert (refused.status, (await refused.json())["code"]) == (status, code)


async def test_tenant_is_that_of_the_key_or_named(web: WebHub, said: dict[str, Any]) -> None:
    unnamed = {"number": NUMBER}
    refused = await web.post("/v1/persons/erase", unnamed)
    assert (refused.status, (await refused.json())["code"]) == (422, "incomplete_data")
    bound = web.with_key(await web.new_key(tenant=said["tenant_id"]))
    assert (await (await bound.post("/v1/persons/erase", unnamed)).json())["erased"][
        "messages"
    ] == 1
    other = await bound.post("/v1/persons/erase", said | {"tenant_id": "someone"})
    assert (other.status, (await other.json())["code"]) == (403, "tenant_forbidden")


async def test_each_needs_its_scope(web: WebHub, said: dict[str, Any]) -> None:
    reader = web.with_key(await web.new_key(Scope.MESSAGES_READ))
    assert (await reader.post("/v1/persons/find", {"number": NUMBER})).status == 200
    for path in ("export", "erase"):
        refused = await reader.post(f"/v1/persons/{path}", said)
        assert (refused.status, (await refused.json())["code"]) == (403, "scope_missing")
