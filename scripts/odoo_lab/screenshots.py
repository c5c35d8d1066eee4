"""
Takes the pictures of docs/odoo.md, in Portuguese, of a real Odoo with a real hub.

    make odoo-screenshots
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from attrs import frozen

from scripts.odoo_lab.demo_records import fail_to_send, fill, speak_portuguese, stop_the_clock
from tests.chromium import Page, browsing
from tests.e2e.hub_process import run, serving
from tests.odoo.odoo_server import in_lab, serving_odoo, sql
from tests.odoo.records import SIGNING_SECRET, hub_environment
from tests.source_tree import ROOT

PICTURES = ROOT / "docs" / "images" / "odoo"
OLD_MODULE = Path(__file__).with_name("old_module.sql")
# The picture of the settings shows it.
HUB_PORT = 8100
# The users and their messages do not belong into the pictures.
HIDE = "document.querySelector('.o_menu_systray').style.visibility = 'hidden'"


@frozen
class Photographer:
    """
    Opens the forms of the add-on and takes pictures of them.
    """

    page: Page
    url: str

    async def open(self, path: str) -> None:
        await self.page.open(f"{self.url}/odoo/{path}")

    async def take(self, name: str, bottom: str, *, top: str = "body", margin: int = 16) -> None:
        await self.page.shown(bottom)
        await self.page.evaluate(HIDE)
        picture = await self.page.picture(top, bottom, margin=margin)
        (PICTURES / f"{name}.png").write_bytes(picture)
        print(name)

    async def settings(self) -> None:
        await self.open("settings")
        await self.page.click("button[name=action_ai_hub_check]")
        await self.page.shown(".o_notification")
        # Otherwise it disappears by itself.
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
        await self.take("client-platforms", ".o_notebook_content", top=".o_notebook", margin=8)

    async def channel(self) -> None:
        await self.open("action-odoo_ai_config.channel_action")
        await self.page.click(".o_data_row:nth-child(2) .o_data_cell[name=chatwoot_inbox_id]")
        await self.take("channel", ".o_form_sheet")

    async def trial(self) -> None:
        await self.open("action-odoo_ai_config.channel_action")
        await self.page.click(".o_data_row:nth-child(2) .o_data_cell[name=chatwoot_inbox_id]")
        await self.page.click("[name=action_try]")
        await self.page.type(".modal [name=credentials_id] input", "Jardinagem")
        found = "document.querySelector('.o-autocomplete--dropdown-item a')"
        await self.page.until(f"{found}?.innerText.includes('Jardinagem')")
        await self.page.evaluate(f"{found}.click()")
        await self.page.until(
            "document.querySelector('.modal [name=credentials_id] input').value"
            ".includes('Jardinagem')"
        )
        await self.page.click(".modal [name=action_ask]")
        await self.page.shown(".modal .alert-info:not(.d-none)")
        await self.take("trial", ".modal-content", top=".modal-content", margin=0)

    async def look(self) -> None:
        await self.open("action-odoo_ai_config.credentials_action")
        await self.page.click(".o_data_row:nth-child(2) .o_data_cell[name=name]")
        await self.page.click("[name=action_look]")
        await self.page.shown(".modal .o_data_row")
        # The hub's clock cannot be stopped.
        await self.page.evaluate(
            "document.querySelectorAll('.modal td[name=changed_at]')"
            ".forEach(cell => { cell.textContent = '2 de mar., 13:30' })"
        )
        await self.take("look", ".modal-content", top=".modal-content", margin=0)

    async def company(self) -> None:
        await self.open("action-odoo_ai_config.company_action")
        await self.page.click(".o_data_cell[name=website]")
        await self.take("company", ".o_form_sheet")
        await self.page.click(".o_notebook_headers [name=hours]")
        await self.take("company-hours", ".o_notebook_content", top=".o_notebook", margin=8)

    async def knowledge(self) -> None:
        await self.open("action-odoo_ai_config.business_rule_action")
        await self.page.click(".o_data_row:nth-child(2) .o_data_cell[name=name]")
        await self.take("rule", ".o_form_sheet")
        await self.open("action-odoo_ai_config.client_collection_action")
        await self.take("collections", ".o_list_table")

    async def product(self) -> None:
        await self.open("action-product.product_template_action")
        await self.page.click(".o_kanban_record:not(.o_kanban_ghost)")
        await self.page.click(".o_notebook_headers [name=ai_hub]")
        await self.take("product", ".o_form_sheet", margin=8)

    async def migration(self) -> None:
        await self.open("action-odoo_ai_config.channel_action")
        await self.page.click("[data-menu-xmlid='odoo_ai_config.menu_configuration']")
        await self.page.click("[data-menu-xmlid='odoo_ai_config.menu_migration']")
        await self.page.click(".modal [name=action_try]")
        await self.page.shown(".modal .o_data_row")
        await self.take("migration", ".modal-content", top=".modal-content", margin=0)

    async def question(self) -> None:
        await self.open("action-odoo_ai_config.channel_action")
        await self.page.click("[data-menu-xmlid='odoo_ai_config.menu_questions']")
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
            await photographer.company()
            await photographer.knowledge()
            await photographer.product()
            await photographer.question()
            await photographer.trial()
            await photographer.look()
            sql(OLD_MODULE.read_text())
            await photographer.migration()
            await fail_to_send(admin, hub)
            stop_the_clock()
            await photographer.client()
            await photographer.outbox()


if __name__ == "__main__":
    asyncio.run(main())
