from __future__ import annotations

import json
from typing import Any

import pytest

from odoo_ai_config.domain.access import Scope
from tests.unit.entrypoints.http.web_hub import WebHub, fixture

TENANT = "/v1/tenants/123456"
CONFIG = "/configs/123456/default/config"


async def problem(web: WebHub, method: str, path: str) -> tuple[int, str]:
    answer = await web.ask(method, path)
    return answer.status, (await answer.json())["code"]


async def erased(web: WebHub, query: str = "confirm=123456") -> Any:
    answer = await web.ask("DELETE", f"{TENANT}?{query}")
    assert answer.status == 200, await answer.text()
    assert answer.headers["Cache-Control"] == "no-store"
    return await answer.json()


@pytest.fixture
async def web(web: WebHub) -> WebHub:
    await web.send(fixture("credentials_flat"))
    return web


async def test_suspended_tenant_is_not_served(web: WebHub) -> None:
    answer = await web.ask("POST", f"{TENANT}/suspension?reason=n%C3%A3o+pagou")
    shown = await answer.json()
    assert (shown["standing"], shown["reason"]) == ("suspended", "não pagou")
    assert shown["by"] == web.key.split("_")[1]
    assert await problem(web, "GET", CONFIG) == (409, "tenant_suspended")
    listed = await (await web.get("/v1/tenants")).json()
    assert [one["standing"] for one in listed["tenants"]] == ["suspended"]
    changed = fixture("credentials_flat") | {"name": "Outro"}
    assert (await web.send(changed)).status == 200
    assert (await (await web.ask("DELETE", f"{TENANT}/suspension")).json())["standing"] == "active"
    assert (await web.get(CONFIG)).status == 200


async def test_standing_of_any_tenant_can_be_read(web: WebHub) -> None:
    bound = web.with_key(await web.new_key(Scope.CONFIG_READ, tenant="123456"))
    shown = await (await bound.get(f"{TENANT}/standing")).json()
    assert shown == {
        "tenant_id": "123456",
        "standing": "active",
        "since": None,
        "by": None,
        "reason": None,
        "renamed_to": None,
    }
    assert (await bound.get("/v1/tenants/other/standing")).status == 403


async def test_dry_run_counts(web: WebHub) -> None:
    planned = await erased(web, "dry_run=1")
    assert (planned["dry_run"], planned["erased"]) == (True, False)
    assert planned["removed"]["documents"] == 2
    assert (await web.get(CONFIG)).status == 200


async def test_erased_tenant_is_gone_until_it_is_reopened(web: WebHub) -> None:
    shown = await erased(web, "confirm=123456&reason=left&large=1")
    assert (shown["dry_run"], shown["erased"], shown["removed"]["credentials"]) == (False, True, 1)
    for path in (CONFIG, TENANT, f"{TENANT}/channels"):
        assert await problem(web, "GET", path) == (410, "tenant_erased")
    refused = await web.send(fixture("credentials_flat"))
    assert (refused.status, (await refused.json())["code"]) == (410, "tenant_erased")
    assert "foi apagado do hub" in (await refused.json())["detail"]
    assert await problem(web, "POST", f"{TENANT}/suspension") == (410, "tenant_erased")
    reopened = await (await web.ask("POST", f"{TENANT}/reopening?reason=back")).json()
    assert (reopened["standing"], reopened["reason"]) == ("active", "back")
    assert (await web.send(fixture("credentials_flat"))).status == 200
    assert (await web.get(CONFIG)).status == 200


@pytest.mark.parametrize(
    "query",
    [
        "",
        "confirm=",
        "confirm=12345",
        "confirm=123456&confirm=12345",
        "confirm=123456&reason=" + "x" * 501,
    ],
)
async def test_erasure_that_is_not_confirmed_is_refused(web: WebHub, query: str) -> None:
    answer = await web.ask("DELETE", f"{TENANT}?{query}")
    assert answer.status == 422
    assert (await web.get(CONFIG)).status == 200


@pytest.mark.parametrize("reason", ["senha%3Dhunter2hunter2", "a%0Ab", "+"])
@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("POST", "suspension?"),
        ("DELETE", "suspension?"),
        ("POST", "reopening?"),
        ("POST", "rename?to=654321&"),
        ("POST", "default/move?to=Varejo&"),
        ("DELETE", "?confirm=123456&"),
    ],
)
async def test_reason_with_a_secret_is_refused_everywhere(
    web: WebHub, method: str, route: str, reason: str
) -> None:
    place = f"{TENANT}/{route}" if not route.startswith("?") else TENANT + route
    answer = await web.ask(method, f"{place}reason={reason}")
    assert (answer.status, (await answer.json())["errors"][0]["field"]) == (422, "reason")
    assert "hunter2" not in await answer.text()
    assert (await web.get(CONFIG)).status == 200


async def test_certificate_is_verified_with_the_published_key(web: WebHub) -> None:
    assert await problem(web, "GET", f"{TENANT}/certificate") == (404, "certificate_not_found")
    await erased(web)
    answer = await web.get(f"{TENANT}/certificate")
    certificate = json.loads(await answer.text())
    assert certificate["certificate"]["tenant"] == "123456"
    assert certificate["certificate"]["scrubbed"] is True
    anonymous = await web.client.get("/v1/certificates/keys")
    (key,) = (await anonymous.json())["keys"]
    assert key["public_key"] == certificate["signature"]["public_key"]
    verified = web.services.read_standing.verify(await answer.text())
    assert verified.statement == certificate["certificate"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{TENANT}/suspension"),
        ("DELETE", f"{TENANT}/suspension"),
        ("DELETE", f"{TENANT}?confirm=123456"),
        ("DELETE", f"{TENANT}?dry_run=1"),
        ("POST", f"{TENANT}/reopening"),
        ("POST", f"{TENANT}/rename?to=654321"),
        ("GET", f"{TENANT}/certificate"),
    ],
)
async def test_only_an_admin_may(web: WebHub, method: str, path: str) -> None:
    writer = web.with_key(await web.new_key(Scope.CONFIG_WRITE, Scope.CONFIG_READ))
    assert await problem(writer, method, path) == (403, "scope_missing")


async def test_unknown_tenant_is_not_found(web: WebHub) -> None:
    missing = (404, "tenant_not_found")
    assert await problem(web, "DELETE", "/v1/tenants/nobody?confirm=nobody") == missing
    assert await problem(web, "POST", "/v1/tenants/nobody/suspension") == missing
    hub = "/v1/tenants/odoo-ai-config?confirm=odoo-ai-config"
    assert await problem(web, "DELETE", hub) == (422, "invalid_value")


async def test_business_area_moves_and_says_where_it_is(web: WebHub) -> None:
    move = f"{TENANT}/default/move?to=Varejo"
    planned = await (await web.ask("POST", f"{move}&dry_run=1")).json()
    assert (planned["dry_run"], planned["to_domain"], planned["revisions"]) == (True, "varejo", 2)
    assert (await web.get(CONFIG)).status == 200
    moved = await (await web.ask("POST", move)).json()
    assert moved == planned | {"dry_run": False}
    refused = await web.send(fixture("credentials_flat"))
    shown = await refused.json()
    assert (refused.status, shown["code"], shown["moved_to"]) == (410, "area_moved", "varejo")
    assert shown["detail"].endswith("use o novo também no Odoo (varejo)")
    assert await problem(web, "GET", CONFIG) == (410, "area_moved")
    again = await web.send(fixture("credentials_flat") | {"domain": "Varejo"})
    assert (again.status, (await again.json())["changed"]) == (200, True)
    assert await problem(web, "POST", f"{TENANT}/default/move?to=food") == (410, "area_moved")
    await web.send(fixture("credentials_flat") | {"domain": "food"})
    assert await problem(web, "POST", f"{TENANT}/food/move?to=varejo") == (409, "area_in_use")
    for to in ("", "?to=", "?to=food", "?to=%21"):
        assert (await web.ask("POST", f"{TENANT}/food/move{to}")).status == 422


@pytest.mark.parametrize("kind", ["credentials_flat", "company_metadata"])
async def test_area_follows_the_event_that_says_what_it_was(web: WebHub, kind: str) -> None:
    renamed = fixture(kind) | {"account_id": "123456", "domain": "Varejo"}
    moved = await web.send(renamed | {"moved_from": "default"})
    assert moved.status == 200
    assert (await web.get("/configs/123456/varejo/config")).status == 200
    assert await problem(web, "GET", CONFIG) == (410, "area_moved")
    # Sent again, and with its own name.
    for former in ("default", "varejo", ""):
        assert (await web.send(renamed | {"moved_from": former})).status == 200
    # Another area has the old name; then both have documents.
    await web.send(fixture("credentials_flat") | {"domain": "food"})
    refused = await web.send(renamed | {"moved_from": "food"})
    assert (refused.status, (await refused.json())["code"]) == (409, "area_in_use")


async def test_tenant_gets_another_id(web: WebHub) -> None:
    rename = f"{TENANT}/rename?to=654321"
    planned = await (await web.ask("POST", f"{rename}&dry_run=1")).json()
    assert (planned["dry_run"], planned["finished"]) == (True, False)
    assert planned["moved"]["documents"] == 2
    assert (await web.get(CONFIG)).status == 200
    renamed = await (await web.ask("POST", f"{rename}&reason=contract")).json()
    assert renamed == planned | {"dry_run": False, "finished": True}
    refused = await web.send(fixture("credentials_flat"))
    shown = await refused.json()
    assert (refused.status, shown["code"], shown["moved_to"]) == (410, "tenant_renamed", "654321")
    assert shown["detail"].endswith("use o novo também no Odoo (654321)")
    assert await problem(web, "GET", CONFIG) == (410, "tenant_renamed")
    assert (await web.get(CONFIG.replace("123456", "654321"))).status == 200
    standing = await (await web.get(f"{TENANT}/standing")).json()
    assert (standing["standing"], standing["renamed_to"]) == ("renamed", "654321")
    assert (await web.ask("POST", f"{TENANT}/reopening")).status == 200
    await web.send(fixture("credentials_flat"))
    assert await problem(web, "POST", rename) == (409, "tenant_in_use")
    for to in ("", "?to=", "?to=123456", "?to=%21"):
        assert (await web.ask("POST", f"{TENANT}/rename{to}")).status == 422


async def test_late_event_does_not_move_an_area_again(web: WebHub) -> None:
    def event(domain: str, moved_from: str, at: str) -> dict[str, Any]:
        return fixture("credentials_flat") | {
            "domain": domain,
            "moved_from": moved_from,
            "timestamp": at,
        }

    to_retail = event("varejo", "default", "2026-04-23T19:00:00Z")
    assert (await web.send(to_retail)).status == 200
    assert (await web.send(event("default", "varejo", "2026-04-23T19:05:00Z"))).status == 200
    late = await web.send(to_retail)
    assert (late.status, (await late.json())["code"]) == (410, "area_moved")
    assert (await web.get(CONFIG)).status == 200
    # A person moves it back, too.
    assert (await web.send(event("varejo", "default", "2026-04-23T19:10:00Z"))).status == 200
    assert (await web.ask("POST", f"{TENANT}/varejo/move?to=default")).status == 200
    assert (await web.send(event("varejo", "default", "2026-04-23T19:10:00Z"))).status == 410
    assert (await web.get(CONFIG)).status == 200


@pytest.mark.parametrize("words", ["sim", "on", "x", "1&dry_run=0"])
async def test_dry_run_in_other_words_changes_nothing(web: WebHub, words: str) -> None:
    for method, path in (
        ("DELETE", f"{TENANT}?confirm=123456"),
        ("POST", f"{TENANT}/default/move?to=varejo"),
    ):
        refused = await problem(web, method, f"{path}&dry_run={words}")
        assert refused == (422, "invalid_fields")
    assert (await web.get(CONFIG)).status == 200
