"""
Pushes of Odoo's older modules in all their forms, and the answers that they read.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientResponse

from odoo_ai_config.domain.access import Scope
from tests.unit.entrypoints.http.web_hub import WebHub, fixture

API = "/api/v1"
RULE = {"id": 1, "name": "Frete grátis", "description": "Acima de 100", "type": "delivery"}
DOCUMENT = {
    "id": 5,
    "name": "Trocas",
    "document_type": "policy",
    "content": "Trocas em 30 dias",
    "active": True,
    "visible_in_ai": True,
    "create_date": "2026-04-23 19:14:20",
}
# A company in the form of business_rules, with Odoo's false for empty texts.
COMPANY = {
    "company_info": {
        "company_name": "Loja Exemplo",
        "website": "https://loja.example.com",
        "description": False,
        "company_values": "Qualidade",
        "business_area": "retail",
        "business_area_other": False,
    },
    "customer_service": {
        "greeting_message": "Olá!",
        "communication_style": "friendly",
        "emoji_usage": "moderate",
        "inform_promotions_at_start": True,
    },
    "business_hours": {
        "start": 9.0,
        "end": 18.0,
        "lunch_break": {"enabled": True, "start": 12.0, "end": 13.0},
        "days": {
            "monday": True,
            "sunday": False,
            "saturday_hours": {"start": 9.0, "end": 13.0},
        },
    },
    "social_media": {
        "show_website": True,
        "show_instagram": False,
        "show_facebook": False,
        "instagram_url": "https://instagram.example.com/loja",
        "facebook_url": False,
    },
}


async def push(web: WebHub, path: str, /, **sent: Any) -> Any:
    answer = await web.post(path, {"account_id": "acme", **sent})
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def problem(answer: ClientResponse) -> tuple[int, str]:
    return answer.status, (await answer.json())["code"]


async def stored(web: WebHub, name: str) -> dict[str, Any]:
    answer = await web.get(f"{API}/collections/{name}?account_id=acme")
    page = await answer.json()
    return {item["id"]: item["data"] for item in page["items"]}


async def test_rules_are_answered_in_the_old_envelope_and_more(web: WebHub) -> None:
    told = await push(web, f"{API}/business-rules/sync", business_rule_id=3, rules=[RULE])
    numbers = {
        "permanent_rules": 1,
        "temporary_rules": 0,
        "vectorized_rules": 1,
        "removed_rules": 0,
        "sync_status": "stored",
    }
    moment = told["meta"]["timestamp"]
    assert told == {
        "success": True,
        "data": {
            "tenant_id": "acme",
            "collection": "business_rules",
            "version": 1,
            "changed": True,
            "counts": {"received": 1, "added": 1, "changed": 0, "removed": 0, "unchanged": 0},
            "timestamp": moment,
            "hidden": 0,
            **numbers,
        },
        "meta": {"request_id": told["meta"]["request_id"], "timestamp": moment},
        "error": None,
        **numbers,
    }
    assert await stored(web, "business_rules") == {"1": RULE}


@pytest.mark.parametrize("nested", [True, False])
async def test_permanent_and_temporary_rules_count_their_ids_apart(
    web: WebHub, nested: bool
) -> None:
    named = {"name": "Horário", "description": "Das 9 às 18", "type": "business_hours"}
    twice = {"name": "Horário", "description": "Outro", "type": "business_hours"}
    rules = {
        "basic_info": {"name": "Loja"},
        "permanent_rules": [RULE, named, twice],
        "temporary_rules": [{**RULE, "date_start": "2026-12-01", "date_end": False}],
    }
    told = await push(web, f"{API}/business-rules/sync", **({"rules": rules} if nested else rules))
    assert (told["permanent_rules"], told["temporary_rules"]) == (3, 1)
    found = await stored(web, "business_rules")
    assert set(found) == {
        "permanent:1",
        "permanent:Horário",
        "permanent:Horário #2",
        "temporary:1",
    }
    assert found["temporary:1"]["is_temporary"] is True
    assert found["permanent:1"] == {**RULE, "is_temporary": False}


async def test_sync_of_rules_is_all_there_is(web: WebHub) -> None:
    path = f"{API}/business-rules/sync"
    await push(web, path, rules=[RULE, {**RULE, "id": 2}])
    told = await push(web, path, rules=[{**RULE, "id": 2}, {**RULE, "id": 3, "active": False}])
    assert (told["removed_rules"], told["vectorized_rules"], told["data"]["hidden"]) == (1, 1, 1)
    assert set(await stored(web, "business_rules")) == {"2"}
    told = await push(web, path, rules=[])
    assert (told["removed_rules"], await stored(web, "business_rules")) == (1, {})


async def test_support_documents_are_counted_at_the_top(web: WebHub) -> None:
    secret = {**DOCUMENT, "id": 6, "visible_in_ai": False}
    path = f"{API}/business-rules/sync-support-documents?account_id=acme"
    told = await push(web, path, business_rule_id=3, documents=[DOCUMENT, secret])
    assert (told["success"], told["synced_docs"], told["error"]) == (True, ["5"], None)
    assert await stored(web, "support_documents") == {"5": DOCUMENT}
    cleared = await push(web, f"{API}/business-rules/clear-support-documents")
    assert (cleared["removed_docs"], await stored(web, "support_documents")) == (1, {})


def mark_documents(told: Any) -> Any:
    return [int(document) for document in told.get("synced_docs") or []]


def show_number(told: Any) -> Any:
    return int(told["data"].get("vectorized_rules", 0))


def keep_vector(told: Any) -> Any:
    vector = told.get("vector_id")
    assert isinstance(vector, str)
    return vector


# What the modules do with an answer, and their result.
READERS = [
    ("/tools/sync_support_documents", {"documents": [DOCUMENT]}, mark_documents, [5]),
    (f"{API}/business-rules/sync-support-documents", {"documents": []}, mark_documents, []),
    (
        f"{API}/business_rules/sync-support-documents",
        {"documents": [DOCUMENT]},
        mark_documents,
        [5],
    ),
    (f"{API}/support-documents/sync", {"rules": [DOCUMENT]}, show_number, 1),
    (f"{API}/support_documents/sync", {"rules": [DOCUMENT]}, mark_documents, [5]),
    (f"{API}/business-rules/sync", {"rules": [RULE]}, show_number, 1),
    (f"{API}/business-rules/sync-scheduling-rules", {"rules": [RULE]}, show_number, 1),
    (f"{API}/scheduling-rules/sync", {"rules": [RULE]}, show_number, 1),
    (f"{API}/business-rules/sync-company-metadata", COMPANY, show_number, 1),
    (f"{API}/company-metadata/sync", {"rules": COMPANY}, show_number, 1),
    ("/tools/sync_product_to_vector_db", {"product_id": 7, "price": 1}, keep_vector, "7"),
]


@pytest.mark.parametrize(("path", "sent", "read", "found"), READERS)
async def test_modules_find_in_an_answer_what_they_look_for(
    web: WebHub, path: str, sent: dict[str, Any], read: Callable[[Any], Any], found: Any
) -> None:
    for _ in range(2):
        told = await push(web, path, business_rule_id=3, **sent)
        # They show the error unless it is a success.
        assert (told.get("success"), told.get("error")) == (True, None)
        assert read(told) == found


@pytest.mark.parametrize(
    ("path", "field", "name"),
    [
        ("business-rules/sync-scheduling-rules", "scheduling_rules", "scheduling_rules"),
        ("scheduling-rules/sync", "rules", "scheduling_rules"),
        ("scheduling_rules/sync", "items", "scheduling_rules"),
        ("support-documents/sync", "rules", "support_documents"),
        ("support_documents/sync", "documents", "support_documents"),
        ("business_rules/sync", "rules", "business_rules"),
        ("products/sync-batch", "products", "products_informations"),
    ],
)
async def test_every_old_name_leads_to_its_collection(
    web: WebHub, path: str, field: str, name: str
) -> None:
    entry = {"rule_id" if "rule" in path else "id": 4, "name": "Corte"}
    await push(web, f"{API}/{path}", **{field: [entry]})
    assert await stored(web, name) == {"4": entry}


async def test_legacy_queue_names_its_tenant_in_the_metadata(web: WebHub) -> None:
    metadata = {"account_id": "acme", "module": "business_rules", "operation": "sync"}
    answer = await web.post(f"{API}/business_rules/sync", {"rules": [RULE], "metadata": metadata})
    assert answer.status == 200
    assert set(await stored(web, "business_rules")) == {"1"}
    other = {"rules": [], "account_id": "b", "metadata": metadata}
    refused = await web.post(f"{API}/business_rules/sync", other)
    assert await problem(refused) == (422, "account_mismatch")


@pytest.mark.parametrize(
    ("path", "field", "number"),
    [
        ("business-rules/sync-support-documents", "documents", "vectorized_rules"),
        ("business-rules/sync", "rules", "vectorized_rules"),
        ("scheduling-rules/sync", "rules", "vectorized_rules"),
        ("products/sync-batch", "products", "synced_products"),
    ],
)
async def test_late_push_is_told_what_the_hub_has(
    web: WebHub, path: str, field: str, number: str
) -> None:
    newer, older = "2026-01-01T00:00:00Z", "2025-01-01T00:00:00Z"
    if path == "products/sync-batch":
        whole = f"{API}/collections/products?account_id=acme"
        sent = {"items": [{"id": 1}, {"id": 2}], "timestamp": newer}
        put = await web.ask("PUT", whole, json=sent)
        assert put.status == 200
    else:
        await push(web, f"{API}/{path}", **{field: [{"id": 1}, {"id": 2}]}, timestamp=newer)
    for _ in range(2):
        late = {field: [{"id": 1}, {"id": 99}, {"id": 98}], "timestamp": older}
        answer = await web.post(
            f"{API}/{path}", {"account_id": "acme", **late}, Idempotency_Key="late"
        )
        told = await answer.json()
        assert [warning["code"] for warning in told["data"]["warnings"]] == ["stale"]
        assert (told["sync_status"], told["data"]["sync_status"]) == ("stale", "stale")
        assert told["data"]["counts"] == {
            **dict.fromkeys(("added", "changed", "removed"), 0),
            "received": 3,
            "unchanged": 1,
        }
        # Complete pushes are told of the whole collection, others of what they name.
        assert told[number] == told["data"][number] == (1 if field == "products" else 2)
        if field == "documents":
            assert told["synced_docs"] == ["1", "2"]


async def test_batch_of_products_leaves_the_others_alone(web: WebHub) -> None:
    path = f"{API}/products/sync-batch"
    await push(web, path, products=[{"id": 1}, {"id": 2, "active": True}])
    told = await push(web, path, products=[{"id": 2, "active": False}, {"product_id": 3}])
    assert (told["synced_products"], told["data"]["counts"]["removed"]) == (1, 1)
    assert set(await stored(web, "products_informations")) == {"1", "3"}


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/tools/sync_product_to_vector_db", {"product_id": 7}),
        (f"{API}/products/7/sync", {"skip_odoo_update": True}),
    ],
)
async def test_description_of_a_product_joins_what_is_there(
    web: WebHub, path: str, named: dict[str, Any]
) -> None:
    await push(web, f"{API}/products/sync-batch", products=[{"id": "7", "name": "Camisa"}])
    told = await push(web, path, description="Leve", price=59.9, is_minimal=False, **named)
    assert (told["success"], told["vector_id"]) == (True, "7")
    assert (await stored(web, "products_informations"))["7"] == {
        "id": "7",
        "name": "Camisa",
        "description": "Leve",
        "price": 59.9,
        "is_minimal": False,
    }


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("products/sync-batch", {"product_ids": [1, 2], "options": {"force_update": True}}),
        ("business-rules/sync", {}),
        ("business-rules/sync", {"rules": False}),
        ("business-rules/sync", {"rules": {"basic_info": {}}}),
        ("business-rules/sync-company-metadata", {"business_rule_id": 3}),
        ("company-metadata/sync", {"company_metadata": {"name": False, "address": {}}}),
        ("products/7/sync", {"description": ""}),
    ],
)
async def test_sync_without_data_is_no_success(
    web: WebHub, path: str, sent: dict[str, Any]
) -> None:
    refused = await web.post(f"{API}/{path}", {"account_id": "acme", **sent})
    assert await problem(refused) == (422, "source_data_missing")
    assert web.hub.state.collections == {}


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/tools/generate_product_description", Scope.WEBHOOK),
        ("POST", f"{API}/products/7/description", Scope.WEBHOOK),
        ("POST", f"{API}/products/search", Scope.WEBHOOK),
        ("POST", f"{API}/products/update-prices", Scope.WEBHOOK),
        ("GET", f"{API}/business-rules/semantic-search?query=a", Scope.CONFIG_READ),
    ],
)
async def test_tasks_of_the_ai_service_are_refused_by_name(
    web: WebHub, method: str, path: str, scope: Scope
) -> None:
    odoo = web.with_key(await web.new_key(scope, tenant="acme"))
    refused = await odoo.ask(method, path)
    assert await problem(refused) == (422, "ai_service_task")


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"rules": "all"}, "rules"),
        ({"rules": [1]}, "rules.0"),
        ({"rules": [{"description": "nameless"}]}, "rules.0.id"),
        ({"rules": {"permanent_rules": [{"id": {}}]}}, "rules.permanent_rules.0.id"),
        ({"rules": [RULE, {**RULE, "id": "1"}]}, "items"),
        ({"rules": [{**RULE, "name": "x" * 2**20}]}, "rules.0"),
    ],
)
async def test_what_are_no_rules_is_refused(web: WebHub, sent: dict[str, Any], field: str) -> None:

    body = io.BytesIO(json.dumps({"account_id": "acme", **sent}).encode())
    refused = await web.ask(
        "POST",
        f"{API}/business-rules/sync",
        data=body,
        headers={"Content-Type": "application/json"},
    )
    assert refused.status == 422
    assert (await refused.json())["errors"][0]["field"] == field


@pytest.mark.parametrize("place", ["company_metadata", "rules", "metadata", None])
async def test_company_of_old_becomes_the_metadata_document(
    web: WebHub, place: str | None
) -> None:
    sent = COMPANY if place is None else {place: COMPANY}
    told = await push(
        web,
        f"{API}/business-rules/sync-company-metadata",
        enabled_collections=["business_rules"],
        **sent,
    )
    assert told["data"]["metadata_version"] == 1
    document = await (await web.get("/configs/acme/retail/metadata")).json()
    assert document["json_data"] == {
        "account_id": "acme",
        "name": "Loja Exemplo",
        "description": "Metadados para acme",
        "business_area": "retail",
        "business_area_other": "",
        "company_values": "Qualidade",
        "online_presence": {
            "website": "https://loja.example.com",
            "facebook_url": "",
            "instagram_url": "https://instagram.example.com/loja",
            "mention_website_at_end": True,
            "mention_facebook_at_end": False,
            "mention_instagram_at_end": False,
        },
        "communication": {
            "greeting_message": "Olá!",
            "communication_style": "friendly",
            "emoji_usage": "moderate",
        },
        "business_hours": {
            "monday": True,
            "sunday": False,
            "has_lunch_break": True,
            "business_hours_start": 9.0,
            "business_hours_end": 18.0,
            "lunch_break_start": 12.0,
            "lunch_break_end": 13.0,
            "saturday_hours_start": 9.0,
            "saturday_hours_end": 13.0,
        },
        "enabled_collections": ["business_rules"],
    }


async def test_flat_company_is_the_webhooks_event(web: WebHub) -> None:
    event = fixture("company_metadata") | {"account_id": "acme"}
    told = await push(web, f"{API}/company-metadata/sync", **event)
    assert (told["data"]["domain"], told["data"]["changed"]) == ("retail", True)
    again = await push(web, f"{API}/company-metadata/sync", **event)
    assert (again["data"]["metadata_version"], again["data"]["changed"]) == (1, False)
    assert not (await (await web.send(event)).json())["changed"]


@pytest.mark.parametrize(
    ("said", "domain"),
    [
        ({"domain": "Saúde", "business_area": "retail"}, "saude"),
        ({"business_area": "other", "business_area_other": "Pet Shop"}, "pet-shop"),
        ({"business_area": "retail", "domain": False}, "retail"),
        ({"name": "Loja"}, "default"),
    ],
)
async def test_company_without_a_business_area_is_what_it_does(
    web: WebHub, said: dict[str, Any], domain: str
) -> None:
    told = await push(web, f"{API}/company_metadata/sync", **said)
    assert told["data"]["domain"] == domain


async def test_same_sync_with_its_key_is_done_once(web: WebHub) -> None:
    for path, sent in (
        ("business-rules/sync", {"rules": [RULE]}),
        ("company-metadata/sync", {"name": "Loja"}),
    ):
        body = {"account_id": "acme", **sent}
        first = await web.post(f"{API}/{path}", body, webhook_id=path)
        again = await web.post(f"{API}/{path}", body, webhook_id=path)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert (await again.json())["data"] == (await first.json())["data"]


async def test_pushing_takes_the_scope_that_odoos_key_has(web: WebHub) -> None:
    reader = web.with_key(await web.new_key(Scope.CONFIG_READ, Scope.CONFIG_WRITE))
    for path in ("business-rules/sync", "company-metadata/sync", "products/7/sync"):
        refused = await reader.post(f"{API}/{path}", {"account_id": "acme"})
        assert await problem(refused) == (403, "scope_missing")
    odoo = web.with_key(await web.new_key(Scope.WEBHOOK, tenant="acme"))
    assert (await odoo.post(f"{API}/business-rules/sync", {"rules": [RULE]})).status == 200


async def test_pain_15_old_addresses_let_no_query_beat_the_key(web: WebHub) -> None:
    odoo = web.with_key(await web.new_key(Scope.WEBHOOK, tenant="acme"))
    for path in ("business-rules/sync", "company-metadata/sync", "products/7/sync"):
        sent = {"rules": [RULE], "name": "Loja", "description": "Leve"}
        refused = await odoo.post(f"{API}/{path}?account_id=other", sent)
        assert await problem(refused) == (403, "tenant_forbidden")


@pytest.mark.parametrize("account", ["a b", "x" * 200, "é"])
async def test_what_is_no_tenant_is_refused(web: WebHub, account: str) -> None:
    for refused in (
        await web.post(f"{API}/business-rules/sync", {"rules": [], "account_id": account}),
        await web.ask("GET", f"{API}/collections", params={"account_id": account}),
    ):
        assert refused.status == 422
        assert (await refused.json())["errors"][0]["field"] == "account_id"


async def test_product_without_an_id_is_refused(web: WebHub) -> None:
    sent = {"account_id": "acme", "description": "Leve"}
    refused = await web.post("/tools/sync_product_to_vector_db", sent)
    assert await problem(refused) == (422, "incomplete_data")


async def test_item_may_have_a_mebibyte(web: WebHub) -> None:
    for size, status in ((2**20 - 100, 200), (2**20, 422)):
        body = json.dumps({"account_id": "acme", "items": [{"id": 1, "text": "x" * size}]})
        answer = await web.ask(
            "PUT",
            f"{API}/collections/products",
            data=io.BytesIO(body.encode()),
            headers={"Content-Type": "application/json"},
        )
        assert answer.status == status


async def test_pain_16_product_modules_have_no_default_account(web: WebHub) -> None:
    sent = {"product_id": 7, "description": "Leve"}
    refused = await web.post("/tools/sync_product_to_vector_db", sent)
    assert await problem(refused) == (422, "incomplete_data")
    assert web.hub.state.collections == {}


@pytest.mark.parametrize("inside", [True, False])
async def test_company_of_old_clears_what_it_names(web: WebHub, *, inside: bool) -> None:
    path = f"{API}/business-rules/sync-company-metadata"
    await push(web, path, company_metadata=COMPANY)
    clear = {"clear": ["website", "business_hours.monday"]}
    info = {"company_info": {"business_area": "retail"}}
    within, beside = (clear, {}) if inside else ({}, clear)
    await push(web, path, company_metadata=info | within, **beside)
    document = (await (await web.get("/configs/acme/retail/metadata")).json())["json_data"]
    assert document["online_presence"]["website"] == ""
    assert "monday" not in document["business_hours"]
