"""
Takes the pictures of docs/odoo.md, in Portuguese, of a real Odoo beside a real hub.

    make odoo-screenshots
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from attrs import frozen

from tests.e2e.hub_process import HubProcess, run, serving
from tests.odoo.chromium import Page, browsing
from tests.odoo.odoo_server import User, in_lab, serving_odoo, sql
from tests.odoo.records import CHANNELS, CLIENTS, SIGNING_SECRET, hub_environment
from tests.source_tree import ROOT

PICTURES = ROOT / "docs" / "images" / "odoo"
# It is in the picture of the settings.
HUB_PORT = 8100
MOMENT = "2026-03-02 13:30:00"


async def speak_portuguese(admin: User) -> None:
    languages = await admin.call(
        "res.lang", "search", [["code", "=", "pt_BR"]], context={"active_test": False}
    )
    wizard = await admin.save(
        "base.language.install", {"lang_ids": [[6, 0, languages]], "overwrite": True}
    )
    await admin.press("base.language.install", "lang_install", wizard)
    [user] = await admin.call("res.users", "search", [["login", "=", "admin"]])
    await admin.save("res.users", {"lang": "pt_BR", "name": "Ana Souza"}, user)
    await admin.save("res.company", {"name": "Agência Exemplo"}, 1)


async def fill(admin: User) -> None:
    """
    A shop with two business areas and three channels, and a client that the hub refuses.
    """
    rules, products, scheduling, documents = [
        await admin.call("ai.hub.collection", "search", [["technical_name", "=", name]])
        for name in (
            "business_rules", "products_informations", "scheduling_rules", "support_documents",
        )
    ]  # fmt: skip
    casa_verde = {
        "account_id": "casa_verde",
        "odoo_url": "https://odoo.casaverde.example",
        "odoo_db": "casaverde",
        "odoo_username": "robo@casaverde.example",
        "odoo_password": "uma senha",
    }
    shop = await admin.save(
        CLIENTS,
        {
            **casa_verde,
            "name": "Casa Verde Loja",
            "business_area": "retail",
            "description": "Plantas, vasos e ferramentas para jardim",
            "collection_ids": [[6, 0, rules + products + documents]],
            "facebook_app_id": "1029384756",
            "facebook_app_secret": "um segredo",
            "facebook_access_token": "um token",
            "instagram_client_id": "5647382910",
            "instagram_client_secret": "um segredo",
            "instagram_access_token": "um token",
        },
    )
    gardens = await admin.save(
        CLIENTS,
        {
            **casa_verde,
            "name": "Casa Verde Jardinagem",
            "business_area": "services",
            "description": "Visitas, projetos e manutenção de jardins",
            "collection_ids": [[6, 0, rules + scheduling]],
        },
    )
    numbers = [
        {"number": "+55 11 98765-4321", "crew": "analytics"},
        {"number": "+55 21 99876-5432", "crew": "admin"},
    ]
    for values in (
        {"credentials_id": shop, "chatwoot_inbox_id": 7,
         "special_number_ids": [[0, 0, number] for number in numbers]},
        {"credentials_id": gardens, "chatwoot_inbox_id": 8},
        {"credentials_id": shop, "is_fallback": True},
    ):  # fmt: skip
        await admin.save(CHANNELS, {"chatwoot_account_id": 12, **values})
    await admin.save(
        CLIENTS,
        {
            "name": "Padaria do Porto",
            "account_id": "padaria_do_porto",
            "business_area": "restaurant",
            "description": "Pães, bolos e doces. " * 1000,
        },
    )


async def fail_to_send(admin: User, hub: HubProcess) -> None:
    hub.stop()
    await admin.save(
        CLIENTS,
        {"name": "Clínica Boa Vista", "account_id": "boa_vista", "business_area": "healthcare"},
    )


def stop_the_clock() -> None:
    """
    Put the same moment everywhere, so that the pictures are not other ones each time.
    """
    for table, columns in {
        "ai_hub_outbox": ("create_date", "next_attempt", "sent_at"),
        "ai_hub_credentials": ("synced_at",),
        "ai_hub_channel": ("synced_at",),
        # Of which the colours of the users' initials are made.
        "res_partner": ("create_date",),
        "res_users": ("create_date",),
    }.items():
        for column in columns:
            sql(f"UPDATE {table} SET {column} = '{MOMENT}' WHERE {column} IS NOT NULL")


@frozen
class Photographer:
    """
    Somebody who goes through the add-on and takes pictures of it.
    """

    page: Page
    url: str

    async def open(self, path: str) -> None:
        await self.page.open(f"{self.url}/odoo/{path}")

    async def take(self, name: str, bottom: str, *, top: str = "body", margin: int = 16) -> None:
        picture = await self.page.picture(top, bottom, margin=margin)
        (PICTURES / f"{name}.png").write_bytes(picture)
        print(name)

    async def settings(self) -> None:
        await self.open("settings")
        await self.page.click("button[name=action_ai_hub_check]")
        await self.page.shown(".o_notification")
        # Else it goes away by itself.
        await self.page.point_at(".o_notification")
        await self.page.evaluate(
            "document.querySelector('#ai_hub').closest('.o_settings_container')"
            ".previousElementSibling.scrollIntoView()"
        )
        await self.take("settings", "#ai_hub")

    async def client(self) -> None:
        await self.open("action-odoo_ai_config.credentials_action")
        await self.take("clients", ".o_list_table")
        await self.page.click(".o_data_row:nth-child(2) .o_data_cell[name=name]")
        await self.take("client", ".o_form_sheet")
        await self.page.click(".o_notebook_headers [name=platforms]")
        last = ".o_notebook .o_inner_group:last-child"
        await self.take("client-platforms", last, top=".o_notebook")

    async def channel(self) -> None:
        await self.open("action-odoo_ai_config.channel_action")
        await self.page.click(".o_data_row:nth-child(2) .o_data_cell[name=chatwoot_inbox_id]")
        await self.take("channel", ".o_form_sheet")

    async def question(self) -> None:
        await self.open("action-odoo_ai_config.channel_action")
        await self.page.click("[data-menu-xmlid='odoo_ai_config.menu_route_question']")
        for field, text in {
            "chatwoot_account_id": "12",
            "chatwoot_inbox_id": "7",
            "number": "+55 11 98765-4321",
        }.items():
            await self.page.type(f".modal [name={field}] input", text)
        await self.page.click(".modal [name=action_ask]")
        await self.page.shown(".modal .alert-info:not(.d-none)")
        await self.take("question", ".modal-content", top=".modal-content", margin=0)

    async def outbox(self) -> None:
        await self.open("action-odoo_ai_config.outbox_action")
        await self.take("outbox", ".o_list_table")


async def main() -> None:
    in_lab("build")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving_odoo(Path(folder)) as odoo,
        serving(Path(folder), env=hub_environment(), port=HUB_PORT) as hub,
    ):
        async with odoo.browser() as jar, browsing() as page:
            admin = await odoo.user("admin", "admin", jar)
            await speak_portuguese(admin)
            scopes = ("--scope", "webhook", "--scope", "config:read")
            key = run(Path(folder), "keys", "create", "--name", "odoo", *scopes).stdout.strip()
            url = f"http://localhost:{HUB_PORT}"
            await admin.set_up(url=url, api_key=key, signing_secret=SIGNING_SECRET)
            await fill(admin)
            stop_the_clock()

            await page.log_in(jar.cookie_jar, odoo.url)
            photographer = Photographer(page, odoo.url)
            await photographer.settings()
            await photographer.channel()
            await photographer.question()
            await fail_to_send(admin, hub)
            stop_the_clock()
            await photographer.client()
            await photographer.outbox()


if __name__ == "__main__":
    asyncio.run(main())
