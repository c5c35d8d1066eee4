"""
The migration wizard in a real Odoo with a real hub.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.odoo.odoo_server import OdooServer, RefusedByOdooError, User, sql
from tests.odoo.records import CHANNELS, CLIENTS, PASSWORD, SIGNING_SECRET, Hub

pytestmark = [pytest.mark.odoo, pytest.mark.timeout(600)]

WIZARD = "ai.hub.migration"
LINES = "ai.hub.migration.line"
SEALING_KEY = Fernet.generate_key()


def sealed(text: str) -> str:
    """
    A value as the old module stores it: encrypted, in base64.
    """
    return base64.b64encode(Fernet(SEALING_KEY).encrypt(text.encode())).decode()


def old_tables() -> str:
    return f"""
    CREATE TABLE ai_system_credentials (
        id serial PRIMARY KEY, name varchar NOT NULL, account_id varchar NOT NULL UNIQUE,
        token varchar UNIQUE, client_name varchar, business_area varchar,
        business_area_other varchar, odoo_url varchar, odoo_db varchar, odoo_username varchar,
        odoo_password_encrypted bytea, instagram_client_id varchar,
        instagram_access_token_encrypted bytea, active bool);
    CREATE TABLE ai_channel_mapping (
        id serial PRIMARY KEY, chatwoot_account_id int4 NOT NULL, chatwoot_inbox_id int4,
        business_area varchar NOT NULL, business_area_other varchar,
        credential_id int4 NOT NULL REFERENCES ai_system_credentials, is_fallback bool,
        sequence int4, special_whatsapp_number1 varchar, special_whatsapp_number2 varchar,
        special_whatsapp_number3 varchar, special_crew varchar, active bool,
        UNIQUE (chatwoot_account_id, chatwoot_inbox_id));
    INSERT INTO ai_system_credentials VALUES
        (1, 'Credenciais', 'velha_1', 'velha_1-abcd1234', 'Loja Velha', 'retail', NULL,
         'https://odoo.example.com', 'loja', 'robo', '{sealed(PASSWORD)}', 'ig-app',
         '{sealed("ig-token")}', true),
        (2, 'Clínica', 'velha_2', 'velha_2-beef0001', NULL, 'other', 'Saúde e Bem-Estar',
         NULL, NULL, NULL, NULL, NULL, NULL, true),
        (3, 'Torta', 'conta com espaços', 't3', NULL, 'retail', NULL,
         NULL, NULL, NULL, NULL, NULL, NULL, true);
    INSERT INTO ai_channel_mapping VALUES
        (1, 201, 7, 'retail', NULL, 1, false, 10, '+55 11 98765-4321', 'ramal',
         NULL, 'admin', true),
        (2, 201, NULL, 'other', 'Saúde e Bem-Estar', 2, true, 5, NULL, NULL, NULL, NULL, true),
        (3, 202, 1, 'retail', NULL, 3, false, 10, NULL, NULL, NULL, NULL, true);
    """


@pytest.fixture
def old_module(odoo: OdooServer) -> Iterator[None]:
    sql(old_tables())
    yield
    sql("DROP TABLE ai_channel_mapping, ai_system_credentials")


@pytest.fixture
async def old_settings(hub: Hub, admin: User) -> AsyncIterator[None]:
    """
    A database in which only the old module is set up.
    """
    connections = await admin.call("ai.hub.connection", "search", [])
    await admin.call("ai.hub.connection", "unlink", connections)
    settings = {
        "ai_credentials.encryption_key": SEALING_KEY.decode(),
        "config_service_url": f"{hub.process.url}/odoo-webhook/",
        "config_service_api_key": hub.key,
        "webhook_secret_key": SIGNING_SECRET,
    }
    for name, value in settings.items():
        await admin.call("ir.config_parameter", "set_param", name, value)
    yield
    for name in settings:
        await admin.call("ir.config_parameter", "set_param", name, False)


async def pressed(user: User, button: str, wizard: int) -> Any:
    await user.press(WIZARD, button, wizard)
    return await user.read(WIZARD, wizard, "state", "new_count", "known_count", "left_count")


async def lines_of(user: User, wizard: int) -> list[tuple[str, int, str]]:
    lines = await user.call(
        LINES, "search_read", [["migration_id", "=", wizard]], ["kind", "old_id", "outcome"]
    )
    return [(line["kind"], line["old_id"], line["outcome"]) for line in lines]


@pytest.mark.usefixtures("old_module", "old_settings")
async def test_old_records_arrive_at_the_hub_once_the_dry_run_was_looked_at(
    hub: Hub, admin: User, odoo: OdooServer
) -> None:
    wizard = await admin.save(WIZARD, {})
    tried = await pressed(admin, "action_try", wizard)
    assert tried == {
        "id": wizard, "state": "tried", "new_count": 5, "known_count": 0, "left_count": 2
    }  # fmt: skip
    old = ["account_id", "in", ["velha_1", "velha_2"]]
    assert await admin.call(CLIENTS, "search", [old]) == []
    assert {"velha_1", "velha_2"}.isdisjoint(await hub.tenants())

    done = await pressed(admin, "action_take_over", wizard)
    assert done == tried | {"state": "done"}
    assert await lines_of(admin, wizard) == [
        ("connection", 0, "made"),
        ("client", 1, "made"),
        ("client", 2, "made"),
        ("client", 3, "left"),
        ("channel", 1, "made"),
        ("channel", 2, "made"),
        ("channel", 3, "left"),
    ]
    states = await admin.call(CLIENTS, "search_read", [old], ["sync_state"])
    states += await admin.call(
        CHANNELS, "search_read", [["chatwoot_account_id", "=", 201]], ["sync_state"]
    )
    assert [record["sync_state"] for record in states] == ["done"] * 4

    config = (await hub.get("/configs/velha_1/retail/config"))["json_data"]
    assert config["name"] == "Loja Velha"
    assert config["integrations"]["mcp"]["config"] == {
        "url": "https://odoo.example.com",
        "db": "loja",
        "username": "robo",
        "credential_ref": "velha_1-abcd1234",
    }
    opened = await hub.get("/v1/tenants/velha_1/retail/credentials/velha_1-abcd1234")
    assert opened["value"] == PASSWORD
    clinic = (await hub.get("/configs/velha_2/saude-e-bem-estar/config"))["json_data"]
    assert clinic["name"] == "Clínica"
    route = await hub.get("/v1/route?account_id=201&inbox_id=7&number=551187654321")
    assert (route["tenant_id"], route["crew"]) == ("velha_1", "admin")
    assert (await hub.route(201, 8))["tenant_id"] == "velha_2"
    assert (await hub.route(999, 8))["matched_by"] == "fallback"

    again = await admin.save(WIZARD, {})
    tried = await pressed(admin, "action_try", again)
    assert (tried["new_count"], tried["known_count"], tried["left_count"]) == (0, 5, 2)
    await pressed(admin, "action_take_over", again)
    assert await admin.call(CLIENTS, "search_count", [old]) == 2
    history = await hub.get("/configs/velha_1/retail/config/history")
    assert [entry["version"] for entry in history] == [1]

    kept = "\n".join(sql("SELECT to_jsonb(t) FROM ai_hub_migration_line t"))
    kept += "\n".join(sql("SELECT to_jsonb(t) FROM ai_hub_migration t"))
    # Otherwise nothing was checked.
    assert "Loja Velha" in kept
    for secret in (PASSWORD, "ig-token", hub.key, SIGNING_SECRET, SEALING_KEY.decode()):
        assert secret not in kept
        assert secret not in odoo.log.read_text()


@pytest.mark.usefixtures("old_module")
@pytest.mark.parametrize("login", ["nobody", "operator", "manager"])
async def test_only_administrators_migrate(admin: User, odoo: OdooServer, login: str) -> None:
    wizard = await admin.save(WIZARD, {})
    async with odoo.browser() as jar:
        user = await odoo.user(login, login, jar)
        for attempt in (
            user.save(WIZARD, {}),
            user.press(WIZARD, "action_try", wizard),
            user.read(WIZARD, wizard, "found"),
            user.call(LINES, "search_read", [], ["name"]),
        ):
            with pytest.raises(RefusedByOdooError, match="AccessError"):
                await attempt


async def test_database_without_the_old_tables_has_nothing_to_migrate(admin: User) -> None:
    wizard = await admin.save(WIZARD, {})
    assert (await admin.read(WIZARD, wizard, "nothing_found"))["nothing_found"] is True
    tried = await pressed(admin, "action_try", wizard)
    assert tried["new_count"] == tried["left_count"] == 0
