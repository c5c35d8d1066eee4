"""
The audit trail over HTTP: who may read it, and its pages.
"""

from __future__ import annotations

import json

import pytest

from odoo_ai_config.domain.access import Scope
from tests.unit.entrypoints.http.web_hub import WebHub, fixture

SECRET_PATH = "/v1/tenants/123456/default/credentials/token_referencia"


async def test_reading_of_a_credential_is_told_with_the_request(web: WebHub) -> None:
    await web.send(fixture("credentials_flat"))
    assert (await web.get(SECRET_PATH, X_Request_ID="reading-1")).status == 200
    answer = await web.get("/v1/audit?tenant=123456")
    assert answer.headers["Cache-Control"] == "no-store"
    page = await answer.json()
    entry, *others = page["entries"]
    assert page["next"] is None
    assert {other["action"] for other in others} == {"document_changed"}
    assert entry["action"] == "credential_read"
    assert entry["subject"] == "123456/default/token_referencia"
    assert entry["actor"] == web.key.split("_")[1]
    assert entry["request_id"] == "reading-1"


async def test_trail_comes_in_pages_newest_first(web: WebHub) -> None:
    keys = [web.key] + [await web.new_key(Scope.CONFIG_READ) for _ in range(4)]
    found: list[str] = []
    after = ""
    while True:
        page = await (await web.get(f"/v1/audit?limit=2&after={after}")).json()
        found += [entry["subject"] for entry in page["entries"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert found == [key.split("_")[1] for key in reversed(keys)]


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope is not Scope.ADMIN])
async def test_trail_is_not_for_other_scopes(web: WebHub, scope: Scope) -> None:
    answer = await web.with_key(await web.new_key(scope)).get("/v1/audit")
    assert (answer.status, (await answer.json())["code"]) == (403, "scope_missing")


async def test_trail_is_not_for_a_key_of_one_tenant(web: WebHub) -> None:
    bound = web.with_key(await web.new_key(Scope.ADMIN, tenant="123456"))
    for query in ("", "?tenant=123456"):
        answer = await bound.get(f"/v1/audit{query}")
        assert (answer.status, (await answer.json())["code"]) == (403, "tenant_forbidden")


@pytest.mark.parametrize(
    ("query", "field"), [("limit=501", "limit"), ("after=x", "after"), ("tenant=a%20b", "tenant")]
)
async def test_page_that_cannot_be_is_a_422(web: WebHub, query: str, field: str) -> None:
    answer = await web.get(f"/v1/audit?{query}")
    assert answer.status == 422
    assert (await answer.json())["errors"][0]["field"] == field


async def test_nothing_is_before_the_first_entry(web: WebHub) -> None:
    page = await (await web.get("/v1/audit?after=1")).json()
    assert page == {"entries": [], "next": None}


async def test_export_is_lines_oldest_first(web: WebHub) -> None:
    keys = [web.key] + [await web.new_key(Scope.CONFIG_READ) for _ in range(4)]
    answer = await web.get("/v1/audit/export?limit=3")
    assert (answer.content_type, answer.headers["Cache-Control"]) == (
        "application/x-ndjson",
        "no-store",
    )
    first = [json.loads(line) for line in (await answer.text()).splitlines()]
    rest = await (await web.get(f"/v1/audit/export?after={first[-1]['id']}")).text()
    found = [*first, *map(json.loads, rest.splitlines())]
    assert [entry["subject"] for entry in found] == [key.split("_")[1] for key in keys]
    assert [entry["id"] for entry in found] == ["1", "2", "3", "4", "5"]
    assert await (await web.get("/v1/audit/export?after=5")).text() == ""
    bound = web.with_key(await web.new_key(Scope.ADMIN, tenant="123456"))
    assert (await bound.get("/v1/audit/export")).status == 403


async def test_whoever_changes_something_says_why(web: WebHub) -> None:
    why = "INC-4711: senha trocada pela operação"
    await web.send(fixture("credentials_flat"), X_Reason=why)
    await web.get(SECRET_PATH, X_Reason="INC-4712")
    page = await (await web.get("/v1/audit?tenant=123456")).json()
    assert [(entry["action"], entry["reason"]) for entry in page["entries"]] == [
        ("credential_read", "INC-4712"),
        ("document_changed", why),
        ("document_changed", why),
    ]
    documents = {entry["subject"].split("/")[-1] for entry in page["entries"][1:]}
    assert documents == {"config v1", "credentials v1"}


@pytest.mark.parametrize("why", ["x" * 501, "senha=hunter2hunter2"])
async def test_reason_that_cannot_be_is_refused_and_not_repeated(web: WebHub, why: str) -> None:
    answer = await web.send(fixture("credentials_flat"), X_Reason=why)
    assert answer.status == 422
    body = await answer.json()
    assert body["errors"][0]["field"] == "X-Reason"
    assert why not in json.dumps(body)
    assert web.hub.state.histories == {}
