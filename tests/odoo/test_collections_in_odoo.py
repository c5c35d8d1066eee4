"""
Company profiles and collections, from a real Odoo to a real hub.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.hub_process import serving
from tests.odoo.odoo_server import OdooServer, User
from tests.odoo.records import Hub, account_of, hub_environment, new_client, state_of

pytestmark = [pytest.mark.odoo, pytest.mark.timeout(600)]

PROFILES = "ai.hub.company"
RULES = "ai.hub.business.rule"
SCHEDULES = "ai.hub.scheduling.rule"
DOCUMENTS = "ai.hub.support.document"
PRODUCTS = "product.template"


async def test_company_introduces_itself(
    hub: Hub, admin: User, request: pytest.FixtureRequest
) -> None:
    account = account_of(request)
    client = await new_client(admin, account, business_area="retail", description="Roupas")
    action = await admin.press("ai.hub.credentials", "action_profile", client)
    assert action["res_model"] == PROFILES
    profile = await admin.save(
        PROFILES,
        {
            "credentials_id": action["context"]["default_credentials_id"],
            "greeting_message": "Olá!",
            "website": "https://loja.example.com",
            "mention_website_at_end": True,
            "city": "São Paulo",
            "saturday": True,
        },
    )
    assert (await state_of(admin, PROFILES, profile))["sync_state"] == "done"
    stored = (await hub.get(f"/configs/{account}/retail/metadata"))["json_data"]
    assert stored["name"] == f"Cliente {account}"
    assert stored["description"] == "Roupas"
    assert stored["communication"]["greeting_message"] == "Olá!"
    assert stored["online_presence"]["mention_website_at_end"] is True
    assert stored["address"] == {"city": "São Paulo", "share_address": True}
    assert stored["business_hours"]["saturday_hours_end"] == 13.0


async def items_of(hub: Hub, account: str, name: str) -> dict[str, Any]:
    """
    The items of a collection at the hub, by id.
    """
    page = await hub.get(f"/api/v1/collections/{name}?account_id={account}")
    return {item["id"]: item["data"] for item in page["items"]}


async def item_state(user: User, model: str, record: int) -> Any:
    return (await user.read(model, record, "ai_hub_state"))["ai_hub_state"]


async def client_with(user: User, account: str, *names: str) -> int:
    """
    A client that enables the collections *names*.
    """
    tags = await user.call("ai.hub.collection", "search", [["technical_name", "in", names]])
    return await new_client(user, account, collection_ids=[[4, tag] for tag in tags])


async def test_rules_and_documents_are_at_the_hub_at_once_and_leave_it_again(
    hub: Hub, admin: User, request: pytest.FixtureRequest
) -> None:
    account = account_of(request)
    client = await client_with(
        admin, account, "business_rules", "scheduling_rules", "support_documents"
    )
    rule = await admin.save(
        RULES,
        {
            "credentials_id": client,
            "name": "Frete grátis",
            "description": "Acima de R$ 200,00",
            "is_temporary": True,
            "date_end": "2999-12-24",
        },
    )
    assert await item_state(admin, RULES, rule) == "done"
    schedule = await admin.save(SCHEDULES, {"credentials_id": client, "name": "Consulta"})
    document = await admin.save(
        DOCUMENTS, {"credentials_id": client, "name": "Trocas", "content": "Como troco?"}
    )
    [stored] = (await items_of(hub, account, "business_rules")).values()
    assert (stored["id"], stored["name"]) == (rule, "Frete grátis")
    assert (stored["date_start"], stored["date_end"]) == (None, "2999-12-24")
    assert list(await items_of(hub, account, "scheduling_rules")) == [str(schedule)]
    assert list(await items_of(hub, account, "support_documents")) == [str(document)]

    await admin.save(RULES, {"name": "Frete"}, rule)
    assert (await items_of(hub, account, "business_rules"))[str(rule)]["name"] == "Frete"
    await admin.save(DOCUMENTS, {"visible_in_ai": False}, document)
    assert await items_of(hub, account, "support_documents") == {}
    await admin.call(SCHEDULES, "action_archive", [schedule])
    assert await items_of(hub, account, "scheduling_rules") == {}
    await admin.call(RULES, "unlink", [rule])
    assert await items_of(hub, account, "business_rules") == {}


async def test_hub_that_lost_a_collection_gets_it_back_as_a_whole(
    hub: Hub, admin: User, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    account, port = account_of(request), hub.process.port
    # This hub never had the records of other tests, which would count as lost.
    others = await admin.call("ai.hub.credentials", "search", [["active", "in", [True, False]]])
    await admin.call("ai.hub.credentials", "unlink", others)
    client = await client_with(admin, account, "business_rules", "support_documents")
    kept = await admin.save(
        DOCUMENTS, {"credentials_id": client, "name": "Trocas", "content": "Como troco?"}
    )
    rules = {"credentials_id": client, "description": "..."}
    first = await admin.save(RULES, rules | {"name": "Antes"})
    hub.process.stop()
    shutil.copytree(tmp_path / "var", tmp_path / "backup")

    with serving(tmp_path, env=hub_environment(), port=port) as process:
        second = await admin.save(RULES, rules | {"name": "Depois"})
        assert await item_state(admin, RULES, second) == "done"
        process.stop()
    shutil.rmtree(tmp_path / "var")
    (tmp_path / "backup").rename(tmp_path / "var")

    with serving(tmp_path, env=hub_environment(), port=port) as process:
        restored = Hub(process, hub.key)
        assert list(await items_of(restored, account, "business_rules")) == [str(first)]
        told = (await admin.call("ai.hub.credentials", "action_reconcile"))["params"]
        assert "lost 1 records" in told["message"]
        found = await items_of(restored, account, "business_rules")
        assert set(found) == {str(first), str(second)}
        assert list(await items_of(restored, account, "support_documents")) == [str(kept)]
        told = (await admin.call("ai.hub.credentials", "action_reconcile"))["params"]
        assert "has everything" in told["message"]


async def test_hub_that_was_down_gets_the_items_and_refuses_none_silently(
    hub: Hub, admin: User, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    account, port = account_of(request), hub.process.port
    client = await client_with(admin, account, "business_rules")
    hub.process.stop()
    rules = {"credentials_id": client, "name": "Frete"}
    good = await admin.save(RULES, rules | {"description": "Grátis"})
    # Together more than the hub accepts for one item.
    bad = await admin.save(RULES, rules | {"description": "x" * 2**19})
    await admin.save(RULES, {"name": "x" * 2**19}, bad)
    state = await admin.read(RULES, good, "ai_hub_state", "ai_hub_message")
    assert state["ai_hub_state"] == "pending"
    assert "Nothing answers at the hub's URL" in state["ai_hub_message"]

    with serving(tmp_path, env=hub_environment(), port=port) as process:
        # Saving it again does not wait for the cron.
        await admin.save(RULES, {"name": "Entrega"}, good)
        state = await admin.read(RULES, bad, "ai_hub_state", "ai_hub_message")
        for _ in range(180):
            if (
                state["ai_hub_state"] == "failed"
                and await item_state(admin, RULES, good) == "done"
            ):
                break
            await asyncio.sleep(1)
            state = await admin.read(RULES, bad, "ai_hub_state", "ai_hub_message")
        assert state["ai_hub_state"] == "failed"
        assert "at most 1 MiB per item" in state["ai_hub_message"]
        again = Hub(process, hub.key)
        assert list(await items_of(again, account, "business_rules")) == [str(good)]


async def test_products_that_are_chosen_follow_their_prices(
    hub: Hub, admin: User, request: pytest.FixtureRequest
) -> None:
    account = account_of(request)
    client = await client_with(admin, account, "products_informations")
    shirt, trousers = [
        await admin.save(PRODUCTS, {"name": name, "list_price": 59.9})
        for name in ("Camisa", "Calça")
    ]
    choice = {"client_ids": [[6, 0, [client]]]}
    chosen = {"active_ids": [shirt, trousers]}
    wizard = await admin.save("ai.hub.product.choice", choice)
    await admin.call("ai.hub.product.choice", "action_add", [wizard], context=chosen)
    found = await items_of(hub, account, "products_informations")
    assert {data["name"] for data in found.values()} == {"Camisa", "Calça"}

    await admin.save(PRODUCTS, {"list_price": 49.9}, shirt)
    found = await items_of(hub, account, "products_informations")
    assert found[str(shirt)]["price"] == 49.9
    assert await item_state(admin, PRODUCTS, shirt) == "done"

    await admin.call(PRODUCTS, "action_archive", [shirt])
    await admin.call(PRODUCTS, "unlink", [trousers])
    assert await items_of(hub, account, "products_informations") == {}


async def test_users_who_save_items_at_the_same_time_leave_one_truth(
    hub: Hub, admin: User, odoo: OdooServer, request: pytest.FixtureRequest
) -> None:
    account = account_of(request)
    client = await client_with(admin, account, "business_rules")
    rule = {"credentials_id": client, "name": "Regra", "description": "..."}
    rules = [await admin.save(RULES, rule) for _ in range(3)]
    async with odoo.browser() as jar:
        operator = await odoo.user("operator", "operator", jar)
        # Their pushes overlap, and only one at a time is sent.
        await asyncio.gather(
            *(
                user.save(RULES, {"name": f"{name} {turn}"}, one)
                for turn in range(4)
                for one in rules
                for name, user in (("admin", admin), ("operator", operator))
            )
        )
    for one in rules:
        for _ in range(180):
            if await item_state(admin, RULES, one) == "done":
                break
            await asyncio.sleep(1)
    names = {
        str(found["id"]): found["name"]
        for found in await admin.call(RULES, "read", rules, ["name"])
    }
    stored = await items_of(hub, account, "business_rules")
    assert {id_: item["name"] for id_, item in stored.items()} == names
