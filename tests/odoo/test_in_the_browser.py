"""
The forms in a browser: Odoo's own tests only see the server's answers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.chromium import Page, browsing
from tests.odoo.odoo_server import OdooServer, User
from tests.odoo.records import Hub, account_of, new_client

pytestmark = [
    pytest.mark.odoo,
    pytest.mark.timeout(600),
]


@pytest.fixture
async def page(odoo: OdooServer, admin: User) -> AsyncIterator[Page]:
    async with browsing() as page:
        await page.log_in(admin.session.cookie_jar, odoo.url)
        yield page


async def test_form_shows_what_the_hub_answered_to_what_was_just_saved(
    odoo: OdooServer, hub: Hub, admin: User, page: Page, request: pytest.FixtureRequest
) -> None:
    client = await new_client(admin, account_of(request))
    hub.process.stop()
    await page.open(f"{odoo.url}/odoo/action-odoo_ai_config.credentials_action/{client}")
    await page.type("[name=description] input", "Plantas e vasos")
    await page.click(".o_form_button_save")
    await page.shown("[data-value=retrying].o_arrow_button_current")
    shown = await page.evaluate("document.querySelector('.o_form_sheet .alert').innerText")
    assert "Nothing answers at the hub's URL" in shown
