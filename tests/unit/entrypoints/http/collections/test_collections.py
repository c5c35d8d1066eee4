from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientResponse

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.collections import MOST_ITEMS
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from tests.contract.samples import AT
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.web_hub import WebHub, fixture, serving

PRODUCTS = "/api/v1/collections/products_informations"
OF_ACME = f"{PRODUCTS}?account_id=acme"
SHIRT: dict[str, Any] = {"id": 1, "name": "Camisa", "price": 59.9}
SHOE: dict[str, Any] = {"id": "SKU 2/3", "name": "Tênis"}


async def put(web: WebHub, *items: Any, path: str = OF_ACME, **headers: str) -> ClientResponse:
    dashed = {name.replace("_", "-"): value for name, value in headers.items()}
    return await web.ask("PUT", path, json={"items": list(items)}, headers=dashed)


async def body(answer: ClientResponse) -> Any:
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def problem(answer: ClientResponse) -> tuple[int, str]:
    return answer.status, (await answer.json())["code"]


async def crew(web: WebHub, tenant: str = "acme") -> WebHub:
    return web.with_key(await web.new_key(Scope.CONFIG_READ, tenant=tenant))


async def enable(web: WebHub, *names: str, domain: str = "retail") -> None:
    event = fixture("credentials_flat") | {
        "account_id": "acme",
        "domain": domain,
        "enabled_collections": list(names),
    }
    assert (await web.send(event)).status == 200


async def test_snapshot_says_what_it_did(web: WebHub) -> None:
    told = await body(await put(web, SHIRT, SHOE))
    assert told == {
        "tenant_id": "acme",
        "collection": "products_informations",
        "version": 1,
        "changed": True,
        "counts": {"received": 2, "added": 2, "changed": 0, "removed": 0, "unchanged": 0},
        "timestamp": told["timestamp"],
        "digest": told["digest"],
    }
    again = await body(await put(web, SHOE, {**SHIRT, "price": 60}))
    assert again["version"] == 2
    assert again["counts"] == {
        "received": 2,
        "added": 0,
        "changed": 1,
        "removed": 0,
        "unchanged": 1,
    }


async def test_snapshot_of_the_same_changes_nothing(web: WebHub) -> None:
    await put(web, SHIRT, SHOE)
    told = await body(await put(web, SHOE, dict(reversed(SHIRT.items()))))
    assert (told["changed"], told["version"], told["counts"]["unchanged"]) == (False, 1, 2)


async def test_patch_leaves_alone_what_it_does_not_name(web: WebHub) -> None:
    await put(web, SHIRT, SHOE)
    told = await body(await web.patch(OF_ACME, {"items": [{"id": 9}], "removed": [1, "x"]}))
    assert told["counts"] == {
        "received": 3,
        "added": 1,
        "changed": 0,
        "removed": 1,
        "unchanged": 1,
    }
    page = await body(await web.get(OF_ACME))
    assert [item["id"] for item in page["items"]] == ["SKU 2/3", "9"]


async def test_reader_is_given_all_and_then_only_what_changed(web: WebHub) -> None:
    await put(web, SHIRT, SHOE)
    first = await body(await web.get(OF_ACME))
    assert first == {
        "tenant_id": "acme",
        "collection": "products_informations",
        "version": 1,
        "count": 2,
        "updated_at": first["updated_at"],
        "items": [
            {"version": 1, "id": "1", "digest": first["items"][0]["digest"], "data": SHIRT},
            {"version": 1, "id": "SKU 2/3", "digest": first["items"][1]["digest"], "data": SHOE},
        ],
        "removed": [],
        "cursor": first["cursor"],
        "more": False,
    }
    await web.patch(OF_ACME, {"items": [{**SHOE, "price": 1}], "removed": ["1"]})
    since = await body(await web.get(f"{OF_ACME}&since={first['cursor']}"))
    assert [item["data"] for item in since["items"]] == [{**SHOE, "price": 1}]
    assert since["removed"] == [{"id": "1", "version": 2}]
    nothing = await body(await web.get(f"{OF_ACME}&since={since['cursor']}"))
    assert (nothing["items"], nothing["removed"], nothing["more"]) == ([], [], False)
    assert nothing["cursor"] == since["cursor"]


async def test_pages_lead_to_the_end(web: WebHub) -> None:
    await put(web, *({"id": number} for number in range(10, 17)))
    read, since = [], ""
    for more in (True, True, False):
        page = await body(await web.get(f"{OF_ACME}&limit=3&since={since}"))
        assert page["more"] is more
        read += [item["data"]["id"] for item in page["items"]]
        since = page["cursor"]
    assert read == list(range(10, 17))


async def test_unchanged_collection_is_a_304(web: WebHub) -> None:
    await put(web, SHIRT, SHOE)
    full = await web.get(OF_ACME)
    tag = full.headers["ETag"]
    cursor = (await full.json())["cursor"]
    for path in (OF_ACME, f"{OF_ACME}&since={cursor}", f"{OF_ACME}&since={cursor}&limit=1"):
        known = await web.get(path, If_None_Match=tag)
        assert (known.status, await known.read(), known.headers["ETag"]) == (304, b"", tag)
    await put(web, SHIRT)
    changed = await web.get(f"{OF_ACME}&since={cursor}", If_None_Match=tag)
    assert changed.status == 200
    assert changed.headers["ETag"] != tag


async def test_tag_of_a_page_on_the_way_stands_for_that_page_alone(web: WebHub) -> None:
    await put(web, SHIRT, SHOE)
    first = await web.get(f"{OF_ACME}&limit=1")
    cursor = (await first.json())["cursor"]
    tag = first.headers["ETag"]
    assert (await web.get(f"{OF_ACME}&limit=1", If_None_Match=tag)).status == 304
    assert (await web.get(f"{OF_ACME}&limit=1&since={cursor}", If_None_Match=tag)).status == 200
    assert (await web.get(OF_ACME, If_None_Match=tag)).status == 200


async def test_head_answers_as_get_without_the_body(web: WebHub) -> None:
    await put(web, SHIRT)
    shown, told = await web.get(OF_ACME), await web.ask("HEAD", OF_ACME)
    assert (told.status, told.headers["ETag"]) == (200, shown.headers["ETag"])
    assert await told.read() == b""


async def test_item_is_found_by_any_id_of_its_source(web: WebHub) -> None:
    await put(web, SHIRT, SHOE)
    path = f"{PRODUCTS}/items/SKU%202%2F3?account_id=acme"
    shown = await web.ask("GET", path)
    assert (await body(shown))["data"] == SHOE
    known = await web.ask("GET", path, headers={"If-None-Match": shown.headers["ETag"]})
    assert known.status == 304
    missing = await web.get(f"{PRODUCTS}/items/9?account_id=acme")
    assert await problem(missing) == (404, "item_not_found")


async def test_list_shows_versions_sizes_and_what_is_enabled(web: WebHub) -> None:
    await enable(web, "business_rules")
    await put(web, SHIRT, SHOE)
    shown = await body(await web.get("/api/v1/collections?account_id=acme"))
    rules, products = shown["collections"]
    assert rules == {
        "collection": "business_rules",
        "enabled": True,
        "version": 0,
        "count": 0,
        "updated_at": None,
    }
    assert (products["enabled"], products["version"], products["count"]) == (False, 1, 2)


async def test_old_spellings_are_the_same_collection(web: WebHub) -> None:
    await put(web, SHIRT, path="/api/v1/collections/products?account_id=acme")
    await put(web, SHIRT, path="/api/v1/collections/Products-Informations/?account_id=acme")
    assert (await body(await web.get(OF_ACME)))["version"] == 1


async def test_crew_is_served_enabled_collections_only(web: WebHub) -> None:
    await put(web, SHIRT)
    await enable(web, "business_rules")
    reader = await crew(web)
    item = f"{PRODUCTS}/items/1"
    for path in (PRODUCTS, item, f"{PRODUCTS}?domain=retail"):
        assert await problem(await reader.get(path)) == (403, "collection_not_enabled")
    await enable(web, "products_informations")
    assert (await body(await reader.get(item)))["data"] == SHIRT
    for path in (PRODUCTS, f"{PRODUCTS}?domain=Retail"):
        assert (await body(await reader.get(path)))["count"] == 1
    other = await reader.get(f"{PRODUCTS}?domain=services")
    assert await problem(other) == (403, "collection_not_enabled")
    rules = await reader.get("/api/v1/collections/business_rules")
    assert await problem(rules) == (403, "collection_not_enabled")


async def test_collection_that_was_never_pushed_is_not_found(web: WebHub) -> None:
    await enable(web, "products_informations")
    assert await problem(await (await crew(web)).get(PRODUCTS)) == (404, "collection_not_found")


async def test_expired_cursor_is_gone_and_an_odd_one_is_wrong(web: WebHub) -> None:
    await put(web, SHIRT, SHOE)
    cursor = (await body(await web.get(OF_ACME)))["cursor"]
    await put(web, SHOE)
    await put(web, SHOE, {"id": 3})
    await web.hub.ports.store.prune(RetentionPolicy(keep=1), now=AT)
    assert await problem(await web.get(f"{OF_ACME}&since={cursor}")) == (410, "cursor_expired")
    odd = await web.get(f"{OF_ACME}&since=yesterday")
    assert await problem(odd) == (422, "invalid_value")
    assert "yesterday" not in await odd.text()


async def test_tenant_is_that_of_the_key_the_query_or_the_body(web: WebHub) -> None:
    bound = web.with_key(await web.new_key(Scope.WEBHOOK, tenant="acme"))
    assert (await put(bound, SHIRT, path=PRODUCTS)).status == 200
    sent = {"account_id": "acme", "items": [SHIRT, SHOE]}
    assert (await body(await web.ask("PUT", PRODUCTS, json=sent)))["tenant_id"] == "acme"
    number = await web.ask("PUT", PRODUCTS, json={"account_id": 7, "items": []})
    assert (await body(number))["tenant_id"] == "7"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_pain_15_query_does_not_beat_the_key_or_the_body(web: WebHub, method: str) -> None:
    bound = web.with_key(await web.new_key(Scope.WEBHOOK, Scope.CONFIG_READ, tenant="acme"))
    sent: dict[str, Any] = {"items": [SHIRT]}
    other = await bound.ask(method, f"{PRODUCTS}?account_id=other", json=sent)
    assert await problem(other) == (403, "tenant_forbidden")
    other = await bound.ask(method, PRODUCTS, json={**sent, "account_id": "other"})
    assert await problem(other) == (403, "tenant_forbidden")
    both = await web.ask(method, OF_ACME, json={**sent, "account_id": "other"})
    assert await problem(both) == (422, "account_mismatch")
    twice = await web.ask(method, f"{OF_ACME}&account_id=other", json=sent)
    assert await problem(twice) == (422, "account_mismatch")
    read = await bound.get(f"{PRODUCTS}?account_id=other")
    assert await problem(read) == (403, "tenant_forbidden")
    listed = await bound.get("/api/v1/collections?account_id=other")
    assert await problem(listed) == (403, "tenant_forbidden")
    assert web.hub.state.collections == {}


async def test_pain_16_there_is_no_default_account(web: WebHub) -> None:
    for answer in (
        await put(web, SHIRT, path=PRODUCTS),
        await web.ask("PUT", PRODUCTS, json={"account_id": False, "items": []}),
        await web.get(PRODUCTS),
        await web.get("/api/v1/collections?account_id="),
    ):
        assert await problem(answer) == (422, "incomplete_data")
    assert web.hub.state.collections == {}


async def test_pain_17_what_went_wrong_is_no_success(web: WebHub) -> None:
    refused = await put(web, {"name": "without an id"})
    assert refused.status == 422
    assert (await refused.json())["errors"] == [
        {"field": "items.0.id", "message": "é obrigatório"}
    ]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "items"),
        ({"items": None}, "items"),
        ({"items": False}, "items"),
        ({"items": {"1": {}}}, "items"),
        ({"items": ["1"]}, "items.0"),
        ({"items": [{"id": 1}, {"id": "1"}]}, "items"),
        ({"items": [{"id": True}]}, "items.0.id"),
        ({"items": [{"id": [1]}]}, "items.0.id"),
        ({"items": [{"id": 0.5}]}, "items.0.id"),
        ({"items": [{"id": " "}]}, "items.0.id"),
        ({"items": [{"id": "a\nb"}]}, "items.0.id"),
        ({"items": [{"id": "x" * 300}]}, "items.0.id"),
    ],
)
async def test_what_is_no_snapshot_is_refused(
    web: WebHub, sent: dict[str, Any], field: str
) -> None:
    refused = await web.ask("PUT", OF_ACME, json=sent)
    assert refused.status == 422
    assert (await refused.json())["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "items"),
        ({"items": "", "removed": None}, "items"),
        ({"removed": 7}, "removed"),
        ({"removed": [{}]}, "removed.0"),
        ({"removed": ["1", ["2"]]}, "removed.1"),
        ({"items": [{"id": 1}], "removed": ["1"]}, "items"),
    ],
)
async def test_what_is_no_patch_is_refused(web: WebHub, sent: dict[str, Any], field: str) -> None:
    refused = await web.patch(OF_ACME, sent)
    assert refused.status == 422
    assert (await refused.json())["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("method", "path", "field"),
    [
        ("PUT", OF_ACME, "items"),
        ("PATCH", OF_ACME, "items"),
        ("PATCH", OF_ACME, "removed"),
        ("POST", "/api/v1/business-rules/sync?account_id=acme", "rules"),
    ],
)
async def test_push_of_too_many_items_is_refused(method: str, path: str, field: str) -> None:
    async with serving(MemoryHub(), HttpOptions(version="1")) as web:
        # They are counted before any is read.
        refused = await web.ask(method, path, json={field: [None] * (MOST_ITEMS + 1)})
        assert refused.status == 422
        assert (await refused.json())["errors"] == [
            {
                "field": field,
                "message": "tem itens demais: no máximo 100.000 por envio; envie em partes",
            }
        ]
        assert web.hub.state.collections == {}


async def test_only_the_first_faults_of_a_body_are_told(web: WebHub) -> None:
    refused = await put(web, *range(1000))
    assert len((await refused.json())["errors"]) == 20


async def test_empty_ids_of_removed_items_fall_out(web: WebHub) -> None:
    await put(web, SHIRT)
    told = await body(await web.patch(OF_ACME, {"removed": [False, "", None, 1]}))
    assert told["counts"]["removed"] == 1


async def test_zero_is_an_id(web: WebHub) -> None:
    await put(web, {"id": 0})
    assert (await body(await web.get(f"{PRODUCTS}/items/0?account_id=acme")))["id"] == "0"


@pytest.mark.parametrize(
    "path", ["/api/v1/collections/a.b", "/api/v1/collections/a%20b", "/api/v1/collections/_a"]
)
async def test_what_is_no_name_is_refused(web: WebHub, path: str) -> None:
    refused = await web.get(f"{path}?account_id=acme")
    assert (await refused.json())["errors"][0]["field"] == "collection"


async def test_same_push_with_its_key_is_done_once(web: WebHub) -> None:
    first = await put(web, SHIRT, Idempotency_Key="k1")
    await put(web, SHOE)
    again = await put(web, SHIRT, Idempotency_Key="k1")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await again.json() == await first.json()
    assert (await body(await web.get(OF_ACME)))["version"] == 2
    other = await put(web, SHOE, Idempotency_Key="k1")
    assert await problem(other) == (409, "idempotency_key_reused")


async def test_same_key_for_another_tenant_is_another_request(web: WebHub) -> None:
    assert (await put(web, SHIRT, Idempotency_Key="k1")).status == 200
    other = await put(web, SHIRT, path=f"{PRODUCTS}?account_id=other", Idempotency_Key="k1")
    assert await problem(other) == (409, "idempotency_key_reused")


async def test_key_is_taken_as_a_bearer_token_too(web: WebHub) -> None:
    key = await web.new_key(Scope.WEBHOOK, tenant="acme")
    nobody = web.with_key("")
    for header in (f"Bearer {key}", f"bearer  {key} "):
        sent = await nobody.client.put(
            PRODUCTS, json={"items": []}, headers={"Authorization": header}
        )
        assert sent.status == 200
    for header in (f"Basic {key}", "Bearer", f"Bearer {key}x", key):
        sent = await nobody.client.put(
            PRODUCTS, json={"items": []}, headers={"Authorization": header}
        )
        assert sent.status == 401


async def test_first_header_of_a_key_decides(web: WebHub) -> None:
    key = await web.new_key(Scope.WEBHOOK, tenant="acme")
    sent = await web.with_key("wrong").ask(
        "PUT", PRODUCTS, json={"items": []}, headers={"Authorization": f"Bearer {key}"}
    )
    assert sent.status == 401


@pytest.fixture
def options() -> HttpOptions:
    return HttpOptions(version="1", max_body_bytes=2_000, max_collection_bytes=200_000)


def large(size: int) -> bytes:
    return json.dumps({"items": [{"id": 1, "text": "x" * size}]}).encode()


async def raw(web: WebHub, path: str, data: Any, **headers: str) -> ClientResponse:
    sent = {"Content-Type": "application/json", **headers}
    return await web.ask("PUT", path, data=data, headers=sent)


async def test_collections_may_be_larger_than_other_bodies(web: WebHub) -> None:
    assert (await raw(web, OF_ACME, large(150_000))).status == 200
    assert (await raw(web, f"{PRODUCTS}/?account_id=acme", large(150_000))).status == 200
    assert await problem(await raw(web, OF_ACME, large(250_000))) == (413, "body_too_large")
    elsewhere = await web.ask("POST", "/odoo-webhook", data=large(2_000))
    assert await problem(elsewhere) == (413, "body_too_large")


async def test_body_that_is_not_announced_is_limited_too(web: WebHub) -> None:
    async def chunks(size: int) -> AsyncIterator[bytes]:
        whole = large(size)
        for start in range(0, len(whole), 10_000):
            yield whole[start : start + 10_000]
            await asyncio.sleep(0)

    assert (await raw(web, OF_ACME, chunks(150_000))).status == 200
    assert await problem(await raw(web, OF_ACME, chunks(250_000))) == (413, "body_too_large")


async def test_compressed_body_is_limited_by_what_it_becomes(web: WebHub) -> None:
    packed = {"Content-Encoding": "gzip"}
    assert (await raw(web, OF_ACME, gzip.compress(large(150_000)), **packed)).status == 200
    bomb = await raw(web, OF_ACME, gzip.compress(large(2_500_000)), **packed)
    assert await problem(bomb) == (413, "body_too_large")


async def test_large_body_that_is_wrong_is_refused_like_a_small_one(web: WebHub) -> None:
    refused = await raw(web, OF_ACME, large(100_000)[:-1])
    assert await problem(refused) == (400, "invalid_json")
    unfit = json.dumps({"items": [{"text": "x" * 100_000}]})
    assert await problem(await raw(web, OF_ACME, unfit)) == (422, "invalid_fields")


async def test_many_items_are_one_version(options: HttpOptions) -> None:
    async with serving(MemoryHub(), HttpOptions(version="1")) as web:
        items = [{"id": number, "name": f"Produto {number}"} for number in range(10_000)]
        told = await body(await put(web, *items))
        assert (told["version"], told["counts"]["added"]) == (1, 10_000)
        page = await body(await web.get(f"{OF_ACME}&limit=1000"))
        assert (len(page["items"]), page["more"], page["count"]) == (1000, True, 10_000)


async def test_withdrawn_items_leave_by_every_way_in(web: WebHub) -> None:
    await body(await put(web, SHIRT, SHOE, {"id": 3}, {"id": 4}))
    told = await body(await put(web, SHIRT, {**SHOE, "active": False}, {"id": 3}, {"id": 4}))
    assert told["counts"]["removed"] == 1
    hidden = {"items": [{"id": 3, "visible_in_ai": "False"}, {"id": 9, "active": 0}]}
    told = await body(await web.ask("PATCH", OF_ACME, json=hidden))
    assert (told["counts"]["removed"], told["counts"]["unchanged"]) == (1, 1)
    sync = "/api/v1/products/4/sync?account_id=acme"
    await body(await web.ask("POST", sync, json={"active": False}))
    listed = await body(await web.get(OF_ACME))
    assert [item["id"] for item in listed["items"]] == ["1"]


async def test_equal_numbers_are_no_change(web: WebHub) -> None:
    await body(await put(web, {"id": 1, "price": 60.0, "stock": [0, 1e3]}))
    told = await body(await put(web, {"id": 1, "price": 60, "stock": [-0.0, 1000]}))
    assert (told["changed"], told["version"]) == (False, 1)


async def test_push_that_leaves_no_collection_has_no_tag(web: WebHub) -> None:
    answer = await web.patch(PRODUCTS, {"account_id": "acme", "removed": ["1"]})
    told = await body(answer)
    assert (told["version"], told["changed"], "digest" in told) == (0, False, False)
    assert "ETag" not in answer.headers


async def test_push_names_the_state_that_it_succeeds(web: WebHub) -> None:
    created = await put(web, SHIRT, If_None_Match="*")
    tag = created.headers["ETag"]
    read = await (await web.get(OF_ACME)).json()
    assert (await web.get(OF_ACME)).headers["ETag"] == tag
    changed = await put(web, SHIRT, SHOE, If_Match=tag)
    newer = changed.headers["ETag"]
    assert (changed.status, newer != tag) == (200, True)
    unchanged = await put(web, SHIRT, SHOE, If_Match=newer)
    assert (unchanged.status, unchanged.headers["ETag"]) == (200, newer)
    removal = {"account_id": "acme", "removed": ["1"]}
    by_version = await web.patch(PRODUCTS, removal, If_Match='"2"')
    assert by_version.status == 200
    assert read["version"] == 1


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_push_that_succeeds_another_state_is_a_412(web: WebHub, method: str) -> None:
    tag = (await put(web, SHIRT)).headers["ETag"]
    newer = (await put(web, SHIRT, SHOE)).headers["ETag"]
    before = await (await web.get(OF_ACME)).json()
    for headers in ({"If-Match": tag}, {"If-Match": '"1"'}, {"If-None-Match": "*"}):
        sent = {"json": {"items": [SHOE]}, "headers": headers}
        refused = await web.ask(method, OF_ACME, **sent)
        assert await problem(refused) == (412, "version_mismatch")
        assert (await refused.json())["current_version"] == 2
        assert refused.headers["ETag"] == newer
        odoo = web.with_key(await web.new_key(Scope.WEBHOOK, tenant="acme"))
        hidden = await odoo.ask(method, OF_ACME, **sent)
        assert (hidden.status, "ETag" in hidden.headers) == (412, False)
    assert await (await web.get(OF_ACME)).json() == before


async def test_push_of_a_collection_that_must_exist(web: WebHub) -> None:
    refused = await put(web, SHIRT, If_Match="*")
    assert await problem(refused) == (412, "version_mismatch")
    assert (await refused.json())["current_version"] == 0
    assert "ETag" not in refused.headers
    assert web.hub.state.collections == {}


async def test_repeated_request_is_not_held_to_its_precondition_again(web: WebHub) -> None:
    tag = (await put(web, SHIRT)).headers["ETag"]
    first = await put(web, SHIRT, SHOE, If_Match=tag, Idempotency_Key="k")
    again = await put(web, SHIRT, SHOE, If_Match=tag, Idempotency_Key="k")
    assert (again.status, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.headers["ETag"] == first.headers["ETag"]


async def test_another_tenants_collection_tells_nothing(web: WebHub) -> None:
    await put(web, SHIRT)
    other = web.with_key(await web.new_key(Scope.WEBHOOK, Scope.CONFIG_READ, tenant="other"))
    refused = await put(other, SHIRT, If_Match='"7"')
    assert (refused.status, "ETag" in refused.headers) == (403, False)
