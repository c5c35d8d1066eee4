"""
What a client's company says of itself and what it knows many of, from a real Odoo to a real hub.
"""

from __future__ import annotations

import pytest

from tests.odoo.odoo_server import User
from tests.odoo.records import Hub, account_of, new_client, state_of

pytestmark = [pytest.mark.odoo, pytest.mark.timeout(600)]

PROFILES = "ai.hub.company"


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
