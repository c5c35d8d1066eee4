"""
The calls of the old server's clients against this hub.
"""

from __future__ import annotations

from typing import Any

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
        assert mapping["accounts"] == {}

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
        assert await (await web.get("/mapping/")).json() == MAPPING


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
