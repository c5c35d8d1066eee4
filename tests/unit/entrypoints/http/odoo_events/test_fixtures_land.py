from __future__ import annotations

from typing import Any

import pytest

from tests.unit.entrypoints.http.web_hub import WebHub, fixture


async def config_of(web: WebHub, tenant: str, domain: str, kind: str = "config") -> Any:
    answer = await web.get(f"/configs/{tenant}/{domain}/{kind}")
    assert answer.status == 200, await answer.text()
    return (await answer.json())["json_data"]


async def test_flat_credentials_are_stored_and_answered_as_the_seed_says(web: WebHub) -> None:
    answer = await web.send(fixture("credentials_flat"))
    assert answer.status == 200
    body = await answer.json()
    assert body == {
        "success": True,
        "message": "Credenciais sincronizadas com sucesso",
        "tenant_id": "123456",
        "domain": "default",
        "config_version": 1,
        "credentials_version": 1,
        "config_digest": body["config_digest"],
        "credentials_digest": body["credentials_digest"],
        "timestamp": body["timestamp"],
        "changed": True,
        "warnings": [],
    }
    assert await config_of(web, "123456", "default") == {
        "account_id": "123456",
        "name": "Cliente Exemplo",
        "description": "Configuração para Cliente Exemplo",
        "integrations": {
            "mcp": {
                "type": "odoo-mcp",
                "config": {
                    "url": "https://odoo.example.com",
                    "db": "odoo_db",
                    "username": "admin",
                    "credential_ref": "token_referencia",
                },
            },
            "qdrant": {"collection": "business_rules_123456"},
            "redis": {"prefix": "123456"},
        },
        "enabled_collections": [
            "business_rules",
            "products_informations",
            "scheduling_rules",
            "support_documents",
        ],
    }


async def test_nested_credentials_of_the_odoo_button_lose_nothing(web: WebHub) -> None:
    answer = await web.send(fixture("credentials_nested_odoo_button"))
    assert answer.status == 200
    assert (await answer.json())["domain"] == "retail"
    config = await config_of(web, "account_1", "retail")
    assert config["integrations"]["mcp"]["config"]["username"] == "robo@example.com"
    assert config["integrations"]["facebook"] == {
        "app_id": "123456789",
        "app_secret_ref": "fb_secret_account_1",
        "access_token_ref": "fb_token_account_1",
    }
    credentials = await config_of(web, "account_1", "retail", "credentials")
    assert set(credentials["credentials"]) == {
        "account_1-abcd1234",
        "fb_secret_account_1",
        "fb_token_account_1",
        "ig_secret_account_1",
        "ig_token_account_1",
        "ml_secret_account_1",
        "ml_token_account_1",
    }
    assert all(value.startswith("sealed:") for value in credentials["credentials"].values())
    opened = await web.get("/v1/tenants/account_1/retail/credentials/account_1-abcd1234")
    assert (await opened.json())["value"] == "senha_segura"
    assert opened.headers["Cache-Control"] == "no-store"


async def test_empty_odoo_fields_are_absent_and_free_text_areas_are_slugged(web: WebHub) -> None:
    answer = await web.send(fixture("credentials_nested_empty_fields"))
    assert answer.status == 200
    body = await answer.json()
    assert body["domain"] == "saude-e-bem-estar"
    config = await config_of(web, "account_2", "saude-e-bem-estar")
    assert config["domain_label"] == "Saúde e Bem-Estar"
    assert config["integrations"] == {
        "qdrant": {"collection": "business_rules_account_2"},
        "redis": {"prefix": "account_2"},
    }


@pytest.mark.parametrize(
    ("name", "account", "inbox"),
    [("mapping_seed", "987654", "12345"), ("mapping_odoo", "1", None)],
)
async def test_mappings_route_messages(
    web: WebHub, name: str, account: str, inbox: str | None
) -> None:
    answer = await web.send(fixture(name))
    assert answer.status == 200
    body = await answer.json()
    assert body["message"] == "Mapeamento sincronizado com sucesso"
    assert (body["mapping_version"], body["version"], body["changed"]) == (1, 1, True)
    query = {"account_id": account, "number": "+55 11 9999-9999"}
    if inbox:
        query["inbox_id"] = inbox
    route = await web.ask("GET", "/v1/route", params=query)
    assert (await route.json()) == {
        "resolved": True,
        "tenant_id": body["tenant_id"],
        "domain": body["domain"],
        "crew": "analytics",
        "matched_by": "inbox" if inbox else "account",
    }


async def test_readers_of_metadata_find_the_replaced_services_defaults(web: WebHub) -> None:
    event = {"event_type": "company_metadata_sync", "account_id": "acme", "website": "https://a"}
    for changed in (True, False):
        assert (await (await web.send(event)).json())["changed"] is changed
    metadata = await config_of(web, "acme", "default", "metadata")
    assert metadata["name"] == "Empresa acme"
    assert metadata["online_presence"] == {
        "website": "https://a",
        "facebook_url": "",
        "instagram_url": "",
        "mention_website_at_end": False,
        "mention_facebook_at_end": False,
        "mention_instagram_at_end": False,
    }
    assert metadata["communication"] == {
        "greeting_message": "",
        "communication_style": "friendly",
        "emoji_usage": "moderate",
    }


async def test_company_metadata_is_stored_in_sections(web: WebHub) -> None:
    answer = await web.send(fixture("company_metadata"))
    assert answer.status == 200
    body = await answer.json()
    assert body["message"] == "Metadados da empresa sincronizados com sucesso"
    assert body["metadata_version"] == 1
    metadata = await config_of(web, "account_1", "retail", "metadata")
    assert metadata["online_presence"] == {
        "website": "https://loja.example.com",
        "facebook_url": "",
        "instagram_url": "https://instagram.example.com/loja",
        "mention_website_at_end": True,
        "mention_facebook_at_end": False,
        "mention_instagram_at_end": True,
    }
    assert metadata["communication"]["greeting_message"] == "Olá! Como posso ajudar?"
    assert metadata["address"]["share_address"] is True
    assert "street2" not in metadata["address"]
    assert metadata["business_hours"]["saturday"] is False
    assert metadata["business_hours"]["sunday_hours_end"] == 0.0
    assert metadata["enabled_collections"] == ["business_rules", "products_informations"]
