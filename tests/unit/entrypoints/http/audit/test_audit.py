"""
The audit trail over HTTP: who may read it, and its pages.
"""

from __future__ import annotations

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
    (entry,) = page["entries"]
    assert page["next"] is None
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


async def test_id_that_names_nothing_ends_the_listing(web: WebHub) -> None:
    page = await (await web.get("/v1/audit?after=ffffff")).json()
    assert page == {"entries": [], "next": None}
