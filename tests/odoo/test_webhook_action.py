"""
Odoo's own webhook action, in an Odoo where nobody needs an add-on, and a secret address.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.e2e.hub_process import PATIENCE, run
from tests.odoo.odoo_server import OdooServer, User
from tests.odoo.records import Hub

pytestmark = [pytest.mark.odoo, pytest.mark.timeout(600)]

MODEL = "x_ai_client"
# As Studio makes them.
FIELDS = {
    "x_name": "char",
    "x_studio_odoo_url": "char",
    "x_studio_odoo_db": "char",
    "x_studio_odoo_password": "char",
    "x_studio_description": "html",
    "x_studio_since": "date",
    "x_studio_seen": "datetime",
    "x_studio_price": "float",
    "x_studio_count": "integer",
    "x_studio_shown": "boolean",
    "x_studio_notes": "text",
}
LINKS = {"x_studio_partner": "many2one", "x_studio_tags": "many2many"}


async def new_model(admin: User) -> int:
    fields = [
        (0, 0, {"name": name, "field_description": name, "ttype": type_})
        for name, type_ in FIELDS.items()
    ] + [
        (0, 0, {"name": name, "field_description": name, "ttype": type_, "relation": relation})
        for (name, type_), relation in zip(
            LINKS.items(), ("res.partner", "res.partner.category"), strict=True
        )
    ]
    rights = {f"perm_{right}": True for right in ("read", "write", "create", "unlink")}
    model: int = await admin.call(
        "ir.model",
        "create",
        {
            "name": "Cliente de IA",
            "model": MODEL,
            "state": "manual",
            "field_id": fields,
            "access_ids": [(0, 0, {"name": "everybody", **rights})],
        },
    )
    return model


async def new_action(admin: User, model: int, url: str) -> int:
    named = [("model_id", "=", model), ("name", "in", [*FIELDS, *LINKS])]
    fields = await admin.call("ir.model.fields", "search", named)
    action: int = await admin.call(
        "ir.actions.server",
        "create",
        {
            "name": "Send Webhook Notification",
            "model_id": model,
            "state": "webhook",
            "webhook_url": url,
            "webhook_field_ids": [(6, 0, fields)],
        },
    )
    return action


async def send(admin: User, action: int, record: int) -> None:
    context = {"active_model": MODEL, "active_id": record, "active_ids": [record]}
    await admin.call("ir.actions.server", "run", [action], context=context)


def address(hub: Hub, *more: str) -> str:
    made = run(
        hub.process.folder, "addresses", "create", "--name", "Odoo Online", "--tenant",
        "studio", "--domain", "retail", "--model", MODEL, *more,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return f"{hub.process.url}/odoo-webhook/{made.stdout.strip().rpartition('/')[2]}"


async def eventually(hub: Hub, path: str, wanted: Any) -> None:
    """
    Wait until *path* shows *wanted*: Odoo sends after its commit.
    """
    deadline = time.monotonic() + PATIENCE
    async with hub.process.client() as client:
        while True:
            async with client.get(path) as answer:
                seen = await answer.json()
            if seen.get("json_data", seen.get("items")) == wanted or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.2)
    assert seen.get("json_data", seen.get("items")) == wanted, seen


async def test_webhook_action_reaches_the_hub(odoo: OdooServer, hub: Hub, admin: User) -> None:
    model = await new_model(admin)
    record = await admin.call(
        MODEL,
        "create",
        {
            "x_name": "Loja",
            "x_studio_odoo_url": "https://loja.example.com",
            "x_studio_odoo_password": "s3nha",
            "x_studio_description": "<p>Olá</p>",
            "x_studio_since": "2026-11-22",
            "x_studio_seen": "2026-11-22 00:21:17",
            "x_studio_price": 59.9,
        },
    )

    url = address(hub, "--kind", "credentials")
    await send(admin, await new_action(admin, model, url), record)

    await eventually(
        hub,
        "/configs/studio/retail/config",
        {
            "account_id": "studio",
            "name": "Loja",
            "description": "<p>Olá</p>",
            "integrations": {
                "mcp": {
                    "type": "odoo-mcp",
                    "config": {
                        "url": "https://loja.example.com",
                        "credential_ref": str(record),
                    },
                },
                "qdrant": {"collection": "business_rules_studio"},
                "redis": {"prefix": "studio"},
            },
        },
    )
    secret = await hub.get(f"/v1/tenants/studio/retail/credentials/{record}")
    assert secret["value"] == "s3nha"

    goods = address(
        hub, "--kind", "collection", "--collection", "faq", "--field", "password=x_none",
        "--field", "title=x_name",
    )  # fmt: skip
    await send(admin, await new_action(admin, model, goods), record)
    deadline = time.monotonic() + PATIENCE
    page: Any = {}
    while not page.get("items") and time.monotonic() < deadline:
        async with (
            hub.process.client() as client,
            client.get("/api/v1/collections/faq?account_id=studio") as answer,
        ):
            page = await answer.json()
    [item] = page["items"]
    # Each form in which Odoo sends a value, as it came; `false` is left out.
    assert item["id"] == str(record)
    assert item["data"] == {
        "id": record,
        "title": "Loja",
        "odoo_url": "https://loja.example.com",
        "odoo_password": "s3nha",
        "description": "<p>Olá</p>",
        "since": "2026-11-22",
        "seen": "2026-11-22 00:21:17",
        "price": 59.9,
        "count": 0,
        "tags": [],
    }
    # Odoo writes the whole address into its own log, as docs/odoo.md says.
    assert url in odoo.log.read_text()
