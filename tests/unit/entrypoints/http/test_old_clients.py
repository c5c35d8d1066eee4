"""
The calls of the old server's clients against this hub.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from odoo_ai_config.domain.access import Scope
from tests.source_tree import TESTS
from tests.unit.entrypoints.http.web_hub import WebHub, fixture

MAPPING = {
    "accounts": {"1": {"domain": "retail", "account_id": "account_1"}},
    "inboxes": {"7": {"domain": "retail", "account_id": "account_1"}},
    "fallbacks": [],
    "special_numbers": [],
}
YAML_TEXT = "account_id: account_1\nname: Loja\n"


class TestAiSideConfigClient:
    """
    Checks the health first, then reads the mapping, the config and the credentials.
    """

    async def test_health_needs_no_key(self, web: WebHub) -> None:
        answer = await web.with_key("").get("/health")
        assert answer.status == 200
        assert await answer.json() == {"status": "healthy"}

    async def test_mapping_has_the_sections_that_it_reads(self, web: WebHub) -> None:
        await web.send(fixture("mapping_seed"))
        mapping = await (await web.get("/mapping/")).json()
        assert mapping["inboxes"]["12345"] == {"domain": "default", "account_id": "123456"}
        assert mapping["accounts"]["987654"] == {"domain": "default", "account_id": "123456"}

    async def test_config_and_credentials_have_json_data(self, web: WebHub) -> None:
        await web.send(fixture("credentials_nested_odoo_button"))
        for kind in ("config", "credentials"):
            answer = await web.get(f"/configs/account_1/retail/{kind}")
            assert answer.status == 200
            assert (await answer.json())["json_data"]["account_id"] == "account_1"

    async def test_yaml_is_text(self, web: WebHub) -> None:
        await web.post("/configs/account_1/retail/config", {"yaml_content": YAML_TEXT})
        answer = await web.get("/configs/account_1/retail/config/yaml")
        assert (answer.status, await answer.text()) == (200, YAML_TEXT)

    async def test_missing_document_is_anything_but_200(self, web: WebHub) -> None:
        assert (await web.get("/configs/nobody/retail/config")).status == 404

    async def test_list_takes_a_domain(self, web: WebHub) -> None:
        await web.send(fixture("credentials_nested_odoo_button"))
        found = await (await web.get("/configs/account_1?domain=retail")).json()
        assert {entry["config_type"] for entry in found} == {"config", "credentials"}
        assert {entry["domain"] for entry in found} == {"retail"}
        assert await (await web.get("/configs/account_1?domain=other")).json() == []


class TestMigrationScript:
    """
    Uploads a folder of files and the mapping file, in this order.
    """

    async def test_every_call_of_it_succeeds(self, web: WebHub) -> None:
        assert (await web.get("/health")).status == 200
        for kind in ("config", "credentials", "metadata", "crews"):
            text = "credentials: {t: 'ENC:x'}\n" if kind == "credentials" else YAML_TEXT
            answer = await web.post(f"/configs/account_1/retail/{kind}", {"yaml_content": text})
            assert answer.status in {200, 201}
        answer = await web.post("/mapping/", {"mapping_data": MAPPING})
        assert answer.status in {200, 201}
        mapping = await (await web.get("/mapping/")).json()
        assert {name: mapping[name] for name in MAPPING} == MAPPING


class TestOdooCredentialsManager:
    """
    Patches the mapping with whatever ids Odoo has, and tests the connection by the health.
    """

    async def test_connection_test(self, web: WebHub) -> None:
        assert (await web.get("/health")).status == 200

    async def test_partial_patch_on_an_empty_store(self, web: WebHub) -> None:
        partial: dict[str, Any] = {
            "accounts": {"1": {"account_id": "account_1", "domain": "retail"}},
            "inboxes": {"None": {"account_id": "account_1", "domain": "retail"}},
        }
        answer = await web.patch("/mapping/", {"mapping_data": partial})
        assert answer.status == 200
        mapping = await answer.json()
        assert mapping["accounts"] == {"1": {"account_id": "account_1", "domain": "retail"}}
        assert mapping["inboxes"] == {}

    async def test_reads_and_writes_documents(self, web: WebHub) -> None:
        path = "/configs/account_1/retail/config"
        assert (await web.post(path, {"yaml_content": YAML_TEXT})).status == 200
        assert (await (await web.get(path)).json())["yaml_content"] == YAML_TEXT


_SUPPORT = {"account_id": "account_1", "documents": [{"id": 5, "name": "d", "content": "x"}]}
_RULES = {"account_id": "account_1", "rules": [{"id": 1, "name": "r"}]}
_EVENT = fixture("credentials_nested_odoo_button")
_DOCUMENT = {"yaml_content": YAML_TEXT}
# What the modules of Odoo do at the address in a system parameter.
CALLS: dict[str, list[tuple[str, str, Any]]] = {
    "config_service_url": [
        ("GET", "/health", None),
        ("POST", "/odoo-webhook/", _EVENT),
        ("POST", "/webhook/odoo-webhook/", _EVENT),
        ("POST", "/configs/account_1/retail/config", _DOCUMENT),
    ],
    "config_service.url": [
        ("POST", "/odoo-webhook/", fixture("mapping_odoo")),
        ("POST", "/configs/account_1/default/metadata", _DOCUMENT),
        ("POST", "//configs/account_1/default/config", _DOCUMENT),
        ("POST", "/configs/account_1/default/scheduling", _DOCUMENT),
    ],
    "ai_credentials_manager.config_service_url": [
        ("GET", "/health", None),
        ("PATCH", "/mapping/", {"mapping_data": MAPPING}),
        ("GET", "/mapping/", None),
        ("POST", "/configs/account_1/retail/config", _DOCUMENT),
        ("GET", "/configs/account_1/retail/config", None),
    ],
    "company_services.config_service_url": [
        ("POST", "/company-services/account_1/metadata", _DOCUMENT),
    ],
    "business_rules.mcp_url": [
        ("POST", "/api/v1/business-rules/sync-support-documents?account_id=account_1", _SUPPORT),
        ("POST", "/tools/sync_support_documents", _SUPPORT),
        ("POST", "/tools/sync_product_to_vector_db", {**_RULES, "product_id": 7}),
        ("POST", "/api/v1/business-rules/sync", _RULES),
        ("POST", "/api/v1/scheduling-rules/sync", _RULES),
        ("POST", "/api/v1/support-documents/sync", _RULES),
    ],
}


def test_calls_at_every_parameter_that_the_guide_sets_are_known() -> None:
    guide = (TESTS.parent / "docs" / "UNIFIED_SERVER.md").read_text("utf-8")
    (row,) = (line for line in guide.splitlines() if line.startswith("| Odoo, system parameters"))
    assert set(re.findall(r"`([\w.]+)`", row)) == CALLS.keys()


@pytest.mark.parametrize("parameter", CALLS)
async def test_every_call_of_the_modules_is_understood(web: WebHub, parameter: str) -> None:
    for method, path, body in CALLS[parameter]:
        target = path.replace("//", "/")
        answer = await web.ask(method, target, **({} if body is None else {"json": body}))
        assert answer.status == 200, (path, await answer.text())


# What `company_services` writes, shortened.
COMPANY = """
account_id: account_1
security_token: 0b2c7a52-58d3-4c2f-9d19-3d5d5a2f3c11
name: Loja Exemplo
description: Roupas
version: 1
updated_at: '{updated_at}'
enabled_modules: [company_info, service_settings]
modules:
  company_info:
    name: Loja Exemplo
    address: {{street: Rua Exemplo, city: São Paulo, share_with_customers: true}}
  service_settings:
    business_hours:
      days: [0, 1, 4]
      start_time: 09:00
      end_time: '18:30'
      has_lunch_break: false
    customer_service:
      greeting_message: Olá!
      communication_style: friendly
      emoji_usage: moderate
    online_channels:
      website: {{url: 'https://loja.example.com', mention_at_end: true}}
      facebook: {{url: false, mention_at_end: false}}
enabled_collections: [business_rules]
"""


class TestCompanyServices:
    """
    Pushes its YAML with a key and with a token of its own.
    """

    PATH = "/company-services/account_1/metadata"

    async def push(self, web: WebHub, text: str, path: str = PATH, **headers: str) -> Any:
        headers = {"X_Security_Token": "0b2c7a52-58d3-4c2f-9d19-3d5d5a2f3c11", **headers}
        return await web.post(path, {"yaml_content": text}, **headers)

    async def test_company_is_where_all_readers_look(self, web: WebHub) -> None:
        odoo = web.with_key(await web.new_key(Scope.WEBHOOK, tenant="account_1"))
        answer = await self.push(odoo, COMPANY.format(updated_at="2026-11-29 12:00"))
        assert answer.status == 200
        again = await self.push(odoo, COMPANY.format(updated_at="2026-11-29 13:00"))
        assert (await again.json())["data"]["changed"] is False
        stored = (await (await web.get("/configs/account_1/default/metadata")).json())["json_data"]
        assert stored == (await (await web.get(self.PATH)).json())["json_data"]
        assert (stored["name"], stored["enabled_collections"]) == (
            "Loja Exemplo",
            ["business_rules"],
        )
        style = {
            "greeting_message": "Olá!",
            "communication_style": "friendly",
            "emoji_usage": "moderate",
        }
        assert stored["communication"].items() >= style.items()
        assert stored["online_presence"]["website"] == "https://loja.example.com"
        assert stored["online_presence"]["mention_website_at_end"] is True
        assert stored["address"]["share_address"] is True
        hours = stored["business_hours"]
        assert (hours["business_hours_start"], hours["business_hours_end"]) == (9.0, 18.5)
        assert [hours[day] for day in ("monday", "wednesday", "friday")] == [True, False, True]
        assert stored["modules"]["service_settings"]["business_hours"]["days"] == [0, 1, 4]
        assert "0b2c7a52-58d3-4c2f-9d19-3d5d5a2f3c11" not in json.dumps(stored)

    async def test_push_keeps_what_other_modules_wrote(self, web: WebHub) -> None:
        await web.send(
            {
                "event_type": "company_metadata_sync",
                "account_id": "account_1",
                "website": "https://a",
            }
        )
        await self.push(web, YAML_TEXT)
        stored = (await (await web.get("/configs/account_1/default/metadata")).json())["json_data"]
        assert (stored["name"], stored["online_presence"]["website"]) == ("Loja", "https://a")

    async def test_its_own_token_is_no_key(self, web: WebHub) -> None:
        assert (await self.push(web.with_key(""), YAML_TEXT)).status == 401
        assert (
            await self.push(web.with_key(""), YAML_TEXT, X_Security_Token=web.key)
        ).status == 401
        other = web.with_key(await web.new_key(Scope.WEBHOOK, tenant="other"))
        assert (await self.push(other, YAML_TEXT)).status in {403, 422}
        reader = web.with_key(await web.new_key(Scope.CONFIG_READ))
        assert (await self.push(reader, YAML_TEXT)).status == 403
        assert web.hub.state.histories == {}

    @pytest.mark.parametrize(
        ("text", "refused"),
        [
            ("account_id: other\n", (422, "account_mismatch")),
            ("a: [\n", (422, "invalid_yaml")),
            ("name: [1]\n", (422, "invalid_fields")),
        ],
    )
    async def test_what_is_no_company_is_refused(
        self, web: WebHub, text: str, refused: tuple[int, str]
    ) -> None:
        answer = await self.push(web, text)
        assert (answer.status, (await answer.json())["code"]) == refused
        assert web.hub.state.histories == {}

    async def test_odd_parts_are_kept_as_they_are(self, web: WebHub) -> None:
        odd = "modules: {service_settings: {business_hours: {start_time: noon, days: all}}}\n"
        assert (await self.push(web, odd)).status == 200
        stored = (await (await web.get(self.PATH)).json())["json_data"]
        assert stored["modules"]["service_settings"]["business_hours"]["start_time"] == "noon"
