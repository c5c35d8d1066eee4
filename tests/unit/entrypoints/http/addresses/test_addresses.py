from __future__ import annotations

import io
import json
from typing import Any

import pytest

from odoo_ai_config.domain.access import Scope
from tests.unit.entrypoints.http.web_hub import WebHub, having, without

ASKED = {
    "name": "Odoo Online",
    "tenant_id": "a13",
    "domain": "retail",
    "kind": "credentials",
    "model": "x_ai_client",
    "fields": {"odoo_url": "x_endereco"},
}
# As Odoo's own action sends it.
RECORD = {
    "_action": "Send Webhook Notification(#312)",
    "_id": 5,
    "_model": "x_ai_client",
    "account_id": "a13",
    "domain": "retail",
    "odoo_url": False,
    "token": "a13-1",
    "id": 5,
}


async def created(web: WebHub, **changes: Any) -> dict[str, Any]:
    answer = await web.post("/v1/addresses", ASKED | changes)
    assert answer.status == 200, await answer.text()
    assert answer.headers["Cache-Control"] == "no-store"
    made: dict[str, Any] = await answer.json()
    return made


async def posted(web: WebHub, path: str, record: Any = None, **options: Any) -> tuple[int, Any]:
    """
    Post as Odoo does: without a key, and with no header but the content type.
    """
    body = io.BytesIO(json.dumps(RECORD if record is None else record, sort_keys=True).encode())
    method = options.pop("method", "POST")
    headers = {"Content-Type": "application/json", **options.pop("headers", {})}
    async with web.client.request(method, path, data=body, headers=headers) as answer:
        return answer.status, json.loads(await answer.text())


async def test_record_of_an_automation_rule_is_taken_in(web: WebHub) -> None:
    path = (await created(web, fields={}))["path"]

    status, answer = await posted(web, path)
    again = await posted(web, path)

    assert (status, answer["success"], answer["changed"]) == (200, True, True)
    assert (answer["tenant_id"], answer["domain"]) == ("a13", "retail")
    assert (answer["config_version"], answer["message"]) == (
        1,
        "Credenciais sincronizadas com sucesso",
    )
    assert again[1]["changed"] is False
    config = (await (await web.get("/configs/a13/retail/config")).json())["json_data"]
    assert config["account_id"] == "a13"
    history = await (await web.get("/configs/a13/retail/config/history")).json()
    assert {version["author"] for version in history} == {path.split("_")[1]}


async def test_record_that_says_nothing_has_the_id_as_its_reference(web: WebHub) -> None:
    path = (await created(web))["path"]
    record = {"_id": 5, "_model": "x_ai_client", "x_endereco": "https://a.example"}
    record["x_studio_odoo_password"] = "s3nha"

    assert (await posted(web, path, record))[0] == 200

    found = await web.get("/v1/tenants/a13/retail/credentials/5")
    assert (await found.json())["value"] == "s3nha"
    config = (await (await web.get("/configs/a13/retail/config")).json())["json_data"]
    assert config["integrations"]["mcp"]["config"]["url"] == "https://a.example"


async def test_records_of_each_kind_are_taken_in(web: WebHub) -> None:
    mapping = await created(web, kind="mapping", fields={}, model=None)
    channel = {"_id": 1, "_model": "m", "x_chatwoot_account_id": 3, "x_chatwoot_inbox_id": False}
    status, answer = await posted(web, mapping["path"], channel)
    assert (status, answer["mapping_version"], answer["version"]) == (200, 1, 1)
    route = await (await web.get("/v1/route?account_id=3")).json()
    assert route["tenant_id"] == "a13"

    metadata = await created(web, kind="metadata", fields={"website": "x_site"}, model=None)
    company = {"_id": 1, "_model": "m", "x_site": "https://a.example", "x_studio_monday": True}
    status, answer = await posted(web, metadata["path"], company)
    assert (status, answer["metadata_version"]) == (200, 1)

    goods = await created(web, kind="collection", collection="products", fields={}, model=None)
    assert goods["collection"] == "products_informations"
    for active, version, counts in ((True, 1, 1), (True, 1, 1), (False, 2, 0)):
        item = {"_id": 7, "_model": "m", "id": 7, "name": "Camisa", "active": active}
        status, answer = await posted(web, goods["path"], item)
        assert (status, answer["collection"], answer["version"]) == (
            200,
            "products_informations",
            version,
        )
        assert "products_informations_version" not in answer
        page = await web.get("/api/v1/collections/products?account_id=a13")
        assert (await page.json())["count"] == counts
    status, answer = await posted(web, goods["path"], {"_id": 9, "active": False})
    assert (status, answer["changed"], answer["version"]) == (200, False, 2)


async def test_removal_before_the_first_item_has_no_version(web: WebHub) -> None:
    goods = await created(web, kind="collection", collection="faq", fields={}, model=None)
    status, answer = await posted(web, goods["path"], {"_id": 9, "active": False})
    assert (status, answer["changed"], "version" in answer) == (200, False, False)


async def test_answers_are_in_the_language_of_the_reader(web: WebHub) -> None:
    path = (await created(web))["path"]
    english = {"Accept-Language": "en"}
    record = {**RECORD, "_model": "res.partner"}
    for headers, text in (
        ({}, "Erro ao processar evento de credenciais: O registro não é deste endereço secreto"),
        (english, "Error while processing the credentials event: The record is not for this"),
    ):
        status, answer = await posted(web, path, record, headers=headers)
        assert (status, answer["code"]) == (422, "address_mismatch")
        assert answer["detail"].startswith(text)
        assert answer["detail"].endswith(": _model")
        assert [problem["field"] for problem in answer["errors"]] == ["_model"]


@pytest.mark.parametrize(
    ("record", "status", "code"),
    [
        ({**RECORD, "account_id": "victim"}, 422, "address_mismatch"),
        ({**RECORD, "domain": "services"}, 422, "address_mismatch"),
        (without(RECORD, "_model"), 422, "address_mismatch"),
        ({**RECORD, "x_name": "a", "x_studio_name": "b"}, 422, "invalid_value"),
        ({**RECORD, "name": [1]}, 422, "invalid_fields"),
        ([], 400, "invalid_json"),
    ],
)
async def test_refused_record_changes_nothing(
    web: WebHub, record: Any, status: int, code: str
) -> None:
    path = (await created(web))["path"]
    seen = await posted(web, path, record)
    assert (seen[0], seen[1]["code"]) == (status, code)
    assert web.hub.state.histories == {}


async def test_record_is_taken_in_once_per_idempotency_key(web: WebHub) -> None:
    path = (await created(web, fields={}))["path"]
    headers = {"Idempotency-Key": "one"}
    first = await posted(web, path, headers=headers)
    assert await posted(web, path, headers=headers) == first
    other = await posted(web, path, {**RECORD, "name": "x"}, headers=headers)
    assert (other[0], other[1]["code"]) == (409, "idempotency_key_reused")


async def test_older_record_that_comes_late_does_not_win(web: WebHub) -> None:
    path = (await created(web, fields={}))["path"]
    for second, name, changed in ((2, "new", True), (1, "old", False), (3, "newest", True)):
        at = f"2026-11-22 00:21:0{second}.123456"
        status, answer = await posted(web, path, {**RECORD, "name": name, "write_date": at})
        assert (status, answer["changed"]) == (200, changed)
        assert [one["code"] for one in answer["warnings"] if one["code"] == "stale"] == (
            [] if changed else ["stale"]
        )
    config = (await (await web.get("/configs/a13/retail/config")).json())["json_data"]
    assert config["name"] == "newest"


async def test_items_do_not_make_each_other_stale(web: WebHub) -> None:
    goods = await created(web, kind="collection", collection="faq", fields={}, model=None)
    for id_, second in ((1, 2), (2, 1)):
        at = f"2026-11-22 00:21:0{second}"
        status, answer = await posted(web, goods["path"], {"_id": id_, "write_date": at})
        assert (status, answer["changed"]) == (200, True)


async def test_record_must_be_json(web: WebHub) -> None:
    path = (await created(web))["path"]
    seen = await posted(web, path, headers={"Content-Type": "text/plain"})
    assert (seen[0], seen[1]["code"]) == (415, "unsupported_media_type")
    large = {**RECORD, "name": "x" * 1_100_000}
    seen = await posted(web, path, large)
    assert (seen[0], seen[1]["code"]) == (413, "body_too_large")


async def test_address_claims_nothing_of_others(web: WebHub) -> None:
    theirs = {"chatwoot_account_id": 1, "chatwoot_inbox_id": 7, "domain": "retail"}
    event = {"event_type": "mapping_sync", "mapping": {**theirs, "internal_account_id": "b"}}
    assert (await web.send(event)).status == 200
    path = (await created(web, kind="mapping", fields={}, model=None))["path"]
    for record, code in (
        ({"chatwoot_account_id": 1, "chatwoot_inbox_id": 7}, "channel_owned"),
        ({"chatwoot_account_id": 1, "chatwoot_inbox_id": 8}, "account_shared"),
        ({"chatwoot_account_id": 2, "is_fallback": True}, "fallback_reserved"),
    ):
        seen = await posted(web, path, {"_id": 1, **record})
        assert seen[1]["code"] == code
    route = await (await web.get("/v1/route?account_id=1&inbox_id=7")).json()
    assert route["tenant_id"] == "b"


async def test_revoked_address_is_refused_at_once(web: WebHub) -> None:
    made = await created(web, fields={})
    assert (await posted(web, made["path"]))[0] == 200

    revoked = await web.post(f"/v1/addresses/{made['id']}/revoke", {})

    assert (await revoked.json())["revoked_at"] is not None
    status, answer = await posted(web, made["path"])
    assert (status, answer["code"]) == (404, "address_not_found")


async def test_nobody_learns_whether_an_address_exists(web: WebHub) -> None:
    made = await created(web)
    path, id_ = made["path"], made["id"]
    secret = path.split("_", 2)[2]
    wrong = [
        f"/odoo-webhook/oaa_{id_}_{'A' * 43}",
        f"/odoo-webhook/oaa_{'A' * 12}_{secret}",
        f"/odoo-webhook/oac_{id_}_{secret}",
        f"/odoo-webhook/{secret}",
        f"/odoo-webhook/{'x' * 5000}",
        "/odoo-webhook/%00",
        "/odoo-webhook/%ff%fe",
    ]
    answers = set()
    for tried in wrong:
        status, answer = await posted(web, tried)
        answers.add((status, answer["code"], answer["detail"]))
    assert len(answers) == 1, answers
    [(status, code, _)] = answers
    assert (status, code) == (404, "address_not_found")
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        seen = set()
        for tried in (path, *wrong):
            status, answer = await posted(web, tried, method=method)
            seen.add((status, answer["code"]))
        assert seen == {(405, "method_not_allowed")}


async def test_every_form_of_the_path_works(web: WebHub) -> None:
    path = (await created(web, fields={}))["path"]
    encoded = path.replace("_", "%5F")
    found, missing = "invalid_json", "route_not_found"
    for form, code in (
        (path, found),
        (f"{path}/", found),
        (f"/{path}", found),
        (f"/{path}/", found),
        (encoded, found),
        (f"{path}/x", missing),
        (path.replace("webhook/", "webhook//"), missing),
    ):
        answer = await web.raw(form.encode(), b"POST", b"Content-Length: 0\r\n")
        assert json.loads(answer.body)["code"] == code


async def test_token_opens_nothing_but_its_address(web: WebHub) -> None:
    token = (await created(web))["path"].rpartition("/")[2]
    for stranger in (web.with_key(token), web.with_key(token.replace("oaa_", "oac_"))):
        for path in ("/configs/a13", "/v1/tenants", "/v1/addresses"):
            assert (await stranger.get(path)).status == 401
        assert (await stranger.send({"event_type": "credentials_sync"})).status == 401


async def test_api_key_does_not_open_an_address(web: WebHub) -> None:
    path = f"/odoo-webhook/{web.key}"
    assert (await posted(web, path))[0] == 404


async def test_addresses_are_listed_without_their_tokens(web: WebHub) -> None:
    made = [await created(web, name=f"n{number}") for number in range(3)]
    other = await created(web, tenant_id="b")
    ids = sorted(one["id"] for one in (*made, other))

    first = await (await web.get("/v1/addresses?limit=3")).json()
    rest = await (await web.get(f"/v1/addresses?limit=3&after={first['next']}")).json()

    listed = first["addresses"] + rest["addresses"]
    assert [one["id"] for one in listed] == ids
    assert rest["next"] is None
    of_b = await (await web.get("/v1/addresses?tenant=b")).json()
    assert [one["id"] for one in of_b["addresses"]] == [other["id"]]
    shown = await (await web.get(f"/v1/addresses/{other['id']}")).json()
    assert shown == of_b["addresses"][0] == without(other, "path")
    everything = json.dumps([listed, of_b, shown])
    assert not any(one["path"].split("_", 2)[2] in everything for one in (*made, other))


async def test_list_shows_who_made_used_and_revoked_an_address(web: WebHub) -> None:
    made = await created(web, fields={})
    await posted(web, made["path"])
    await web.post(f"/v1/addresses/{made['id']}/revoke", {})
    shown = await (await web.get(f"/v1/addresses/{made['id']}")).json()
    caller = web.key.split("_")[1]
    assert (shown["created_by"], shown["revoked_by"]) == (caller, caller)
    assert shown["used_at"] is not None
    assert shown["fields"] == {}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (without(ASKED, "name"), "incomplete_data", "name"),
        (without(ASKED, "tenant_id"), "incomplete_data", "tenant_id"),
        (without(ASKED, "kind"), "incomplete_data", "kind"),
        (having(ASKED, "crew", "kind"), "invalid_fields", "kind"),
        (having(ASKED, {}, "feilds"), "invalid_fields", "body"),
        (having(ASKED, {"odoo_urls": "a"}, "fields"), "invalid_value", "fields.odoo_urls"),
        (having(ASKED, {"odoo url": "a"}, "fields"), "invalid_value", "fields"),
        (having(ASKED, {"odoo_url": 7}, "fields"), "invalid_fields", "fields"),
        (having(ASKED, ["odoo_url"], "fields"), "invalid_fields", "fields"),
        (having(ASKED, "faq", "collection"), "invalid_value", "collection"),
        (having(ASKED, "collection", "kind"), "invalid_value", "collection"),
        (having(ASKED, "x client", "model"), "invalid_value", "model"),
        (having(ASKED, "x" * 129, "name"), "invalid_value", "name"),
    ],
)
async def test_wrong_address_is_not_created(
    web: WebHub, body: dict[str, Any], code: str, field: str
) -> None:
    answer = await web.post("/v1/addresses", body)
    problem = await answer.json()
    assert (answer.status, problem["code"]) == (422, code)
    assert [one["field"] for one in problem["errors"]] == [field]
    assert web.hub.state.addresses == {}


async def test_only_administrators_see_addresses(web: WebHub) -> None:
    made = await created(web)
    for scopes, tenant, status in (
        ([scope for scope in Scope if scope is not Scope.ADMIN], None, 403),
        ([Scope.ADMIN], "b", 404),
        ([Scope.ADMIN], "a13", 200),
    ):
        other = web.with_key(await web.new_key(*scopes, tenant=tenant))
        assert (await other.get(f"/v1/addresses/{made['id']}")).status == status
    foreign = web.with_key(await web.new_key(Scope.ADMIN, tenant="b"))
    assert (await foreign.post("/v1/addresses", ASKED)).status == 403
    assert (await foreign.post(f"/v1/addresses/{made['id']}/revoke", {})).status == 404
    assert (await (await foreign.get("/v1/addresses")).json())["addresses"] == []
