"""
API keys over HTTP.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.json_types import JsonObject
from tests.unit.entrypoints.http.web_hub import WebHub

NEW: JsonObject = {"name": "CRM", "scopes": ["config:read"], "tenant_id": "acme"}


async def made(web: WebHub, **more: Any) -> Any:
    answer = await web.post("/v1/keys", {**NEW, **more})
    assert answer.status == 200, await answer.text()
    assert answer.headers["Cache-Control"] == "no-store"
    return await answer.json()


async def listed(web: WebHub) -> Any:
    return (await (await web.get("/v1/keys")).json())["keys"]


async def test_new_key_is_shown_once_and_works(web: WebHub) -> None:
    key = await made(web, expires_in="90d")
    assert key["key"].split("_")[1] == key["id"]
    assert (key["name"], key["scopes"], key["tenant_id"]) == ("CRM", ["config:read"], "acme")
    [shown] = [one for one in await listed(web) if one["id"] == key["id"]]
    assert shown == {name: value for name, value in key.items() if name != "key"}
    holder = web.with_key(key["key"])
    assert (await holder.get("/v1/tenants/acme")).status in {200, 404}
    assert (await holder.get("/v1/keys")).status == 403
    web.hub.clock.tick(timedelta(days=90))
    assert (await holder.get("/v1/tenants/acme")).status == 401


async def test_use_is_listed(web: WebHub) -> None:
    await web.get("/v1/keys")
    await web.services.note_key_uses()
    assert (await listed(web))[0]["used_at"] is not None


async def test_old_and_new_key_overlap(web: WebHub) -> None:
    old = await made(web)
    answer = await web.post(f"/v1/keys/{old['id']}/rotate", {"overlap": "12h"})
    new = await answer.json()
    assert (new["name"], new["scopes"], new["tenant_id"]) == ("CRM", ["config:read"], "acme")
    statuses = []
    for hours in (0, 12):
        web.hub.clock.tick(timedelta(hours=hours))
        for key in (old, new):
            holder = web.with_key(key["key"])
            statuses.append((await holder.get("/v1/tenants/acme")).status)
    assert [status == 401 for status in statuses] == [False, False, True, False]


async def test_revoked_key_stays_revoked(web: WebHub) -> None:
    key = await made(web)
    for _ in range(2):
        answer = await web.ask("POST", f"/v1/keys/{key['id']}/revoke")
        assert (answer.status, (await answer.json())["revoked_at"] is None) == (200, False)
    assert (await web.with_key(key["key"]).get("/v1/tenants/acme")).status == 401
    for what in ("revoke", "rotate"):
        answer = await web.post(f"/v1/keys/abcdefghijkl/{what}", {})
        assert (answer.status, (await answer.json())["code"]) == (404, "api_key_not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scopes": "admin"}, "scopes"),
        ({"scopes": ["all"]}, "scopes"),
        ({"scopes": []}, "scopes"),
        ({"name": ""}, "name"),
        ({"expires_in": "90"}, "expires_in"),
        ({"expires_in": 90}, "expires_in"),
        ({"tenant_id": "a b"}, "tenant_id"),
        ({"unknown": 1}, "body"),
    ],
)
async def test_what_is_wrong_is_named(web: WebHub, body: JsonObject, field: str) -> None:
    answer = await web.post("/v1/keys", {**NEW, **body})
    assert answer.status == 422
    assert (await answer.json())["errors"][0]["field"] == field
    assert len(await listed(web)) == 1


async def test_bound_administrator_gives_no_more_than_it_has(web: WebHub) -> None:
    own = web.with_key(await web.new_key(Scope.ADMIN, tenant="acme"))
    key = await made(own, scopes=["admin"])
    assert [one["tenant_id"] for one in await listed(own)] == ["acme", "acme"]
    for tenant in (None, "other"):
        answer = await own.post("/v1/keys", {**NEW, "tenant_id": tenant})
        assert (answer.status, (await answer.json())["code"]) == (403, "tenant_forbidden")
    others = await made(web, tenant_id="other")
    answer = await own.ask("POST", f"/v1/keys/{others['id']}/revoke")
    assert (answer.status, key["tenant_id"]) == (404, "acme")
