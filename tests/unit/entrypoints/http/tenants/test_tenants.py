from __future__ import annotations

from typing import Any

import pytest

from tests.unit.entrypoints.http.web_hub import WebHub, fixture, having


async def test_tenants_come_in_pages(web: WebHub) -> None:
    for number in (3, 1, 2):
        await web.send(having(fixture("credentials_flat"), f"t{number}", "account_id"))
    pages: list[Any] = []
    after = ""
    while True:
        page = await (await web.get(f"/v1/tenants?limit=2&after={after}")).json()
        pages.append([tenant["tenant_id"] for tenant in page["tenants"]])
        if page["next"] is None:
            break
        after = page["next"]
    assert pages == [["t1", "t2"], ["t3"]]


async def test_full_last_page_has_no_successor(web: WebHub) -> None:
    await web.send(fixture("credentials_flat"))
    page = await (await web.get("/v1/tenants?limit=1")).json()
    assert page["next"] is None


async def test_tenant_is_shown_with_its_domains_and_versions(web: WebHub) -> None:
    await web.send(fixture("credentials_flat"))
    await web.send(fixture("credentials_flat") | {"domain": "food"})
    tenant = await (await web.get("/v1/tenants/123456")).json()
    shown = [
        (entry["domain"], [(d["config_type"], d["version"]) for d in entry["documents"]])
        for entry in tenant["domains"]
    ]
    both = [("config", 1), ("credentials", 1)]
    assert shown == [("default", both), ("food", both)]
    missing = await web.get("/v1/tenants/nobody")
    assert (missing.status, (await missing.json())["code"]) == (404, "tenant_not_found")


async def test_channels_of_a_tenant_are_shown_with_who_wrote_them(web: WebHub) -> None:
    sent = fixture("mapping_odoo")
    await web.send(sent)
    await web.send(fixture("mapping_seed"))
    bound = web.with_key(await web.new_key(tenant="account_1"))
    (channel,) = (await (await bound.get("/v1/tenants/account_1/channels")).json())["channels"]
    assert channel["chatwoot_account_id"] == str(sent["mapping"]["chatwoot_account_id"])
    assert (channel["active"], channel["version"]) == (True, 1)
    assert channel["author"] == web.key.split("_")[1]
    refused = await bound.get("/v1/tenants/someone/channels")
    assert (refused.status, (await refused.json())["code"]) == (403, "tenant_forbidden")


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=501", "limit"), ("limit=x", "limit"), ("after=a%20b", "after")],
)
async def test_page_that_cannot_be_is_a_422(web: WebHub, query: str, field: str) -> None:
    answer = await web.get(f"/v1/tenants?{query}")
    assert answer.status == 422
    assert (await answer.json())["errors"][0]["field"] == field


async def test_retention_of_a_tenant_is_set_and_shown(web: WebHub) -> None:
    path = "/v1/tenants/123456/retention"
    assert (await (await web.get(path)).json())["own"] == []
    kept = await (await web.ask("PUT", path, json={"message_days": 7})).json()
    assert (kept["message_days"], kept["own"]) == (7, ["message_days"])
    assert await (await web.get(path)).json() == kept
    refused = await web.ask("PUT", path, json={"message_days": -1})
    assert (refused.status, (await refused.json())["code"]) == (422, "invalid_value")


async def test_credential_is_deleted_and_old_versions_say_so(web: WebHub) -> None:
    await web.send(fixture("credentials_flat"))
    token = fixture("credentials_flat")["token"]
    path = f"/v1/tenants/123456/default/credentials/{token}"
    deleted = await web.ask("DELETE", path)
    told = await deleted.json()
    assert (deleted.status, told["ref"], told["version"]) == (200, token, 2)
    assert [warning["code"] for warning in told["warnings"]] == ["missing_credential"]
    for method in ("GET", "DELETE"):
        gone = await web.ask(method, path)
        assert (gone.status, (await gone.json())["code"]) == (404, "credential_not_found")
    old = await (await web.get("/configs/123456/default/credentials/version/1")).json()
    assert old["json_data"]["credentials"][token] == "sealed:erased"
    back = await web.post("/configs/123456/default/credentials/rollback", {"version": 1})
    assert "erased_credential" in [one["code"] for one in (await back.json())["warnings"]]
    assert (await web.get(path)).status == 404
