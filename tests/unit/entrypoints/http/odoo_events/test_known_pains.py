"""
Known problems of the old server, as far as HTTP solves them.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from structlog.testing import capture_logs

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.http.platform.signature import SignaturePolicy
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.web_hub import WebHub, fixture, having, serving

CONFIG = "/configs/account_1/retail/config"


async def config(web: WebHub) -> Any:
    return (await (await web.get(CONFIG)).json())["json_data"]


async def test_two_writers_of_one_config_do_not_overwrite_each_others_sections(
    web: WebHub,
) -> None:
    await web.send(fixture("credentials_nested_odoo_button"))
    await web.patch(CONFIG, {"company_metadata": {"company_info": {"website": "x"}}})
    await web.send(fixture("credentials_nested_odoo_button") | {"enabled_collections": ["a"]})
    await web.send(fixture("credentials_nested_odoo_button"))
    assert (await config(web))["company_metadata"] == {"company_info": {"website": "x"}}
    assert (await config(web))["enabled_collections"] == ["a"]
    assert (await config(web))["integrations"]["mcp"]["config"]["db"] == "account_1"


async def test_one_mapping_event_leaves_the_other_tenants_mappings_alone(web: WebHub) -> None:
    await web.send(fixture("mapping_seed"))
    await web.send(fixture("mapping_odoo"))
    mapping = await (await web.get("/mapping/")).json()
    assert mapping["inboxes"] == {"12345": {"domain": "default", "account_id": "123456"}}
    assert mapping["accounts"]["1"] == {"domain": "retail", "account_id": "account_1"}
    assert len(mapping["special_numbers"]) == 2


async def test_nested_credentials_keep_domain_url_database_user_and_password(
    web: WebHub,
) -> None:
    await web.send(fixture("credentials_nested_odoo_button"))
    assert (await config(web))["integrations"]["mcp"]["config"] == {
        "url": "http://localhost:8069",
        "db": "account_1",
        "username": "robo@example.com",
        "credential_ref": "account_1-abcd1234",
    }


async def test_forty_patches_at_once_keep_forty_accounts(web: WebHub) -> None:
    def patch(number: int) -> dict[str, Any]:
        owner = {"account_id": f"a{number}", "domain": "retail"}
        return {"mapping_data": {"accounts": {str(number): owner}}}

    answers = await asyncio.gather(
        *(web.patch("/mapping/", patch(number)) for number in range(1, 41))
    )
    assert {answer.status for answer in answers} == {200}
    mapping = await (await web.get("/mapping/")).json()
    assert len(mapping["accounts"]) == 40


async def test_forty_events_of_one_tenant_at_once_make_contiguous_versions(web: WebHub) -> None:
    event = fixture("credentials_nested_odoo_button")
    answers = await asyncio.gather(
        *(web.send(having(event, f"n{n}", "credentials", "name")) for n in range(40))
    )
    versions = sorted([(await answer.json())["config_version"] for answer in answers])
    assert versions == list(range(1, 41))


async def test_patch_of_a_mapping_without_accounts_does_not_crash(web: WebHub) -> None:
    await web.post("/mapping/", {"mapping_data": {"inboxes": {}}})
    owner = {"account_id": "a1", "domain": "retail"}
    answer = await web.patch("/mapping/", {"mapping_data": {"accounts": {"1": owner}}})
    assert answer.status == 200


async def test_patch_without_lists_keeps_the_lists(web: WebHub) -> None:
    await web.send(fixture("mapping_seed"))
    await web.patch("/mapping/", {"mapping_data": {"accounts": {}}})
    mapping = await (await web.get("/mapping/")).json()
    assert mapping["fallbacks"]
    assert mapping["special_numbers"]


@pytest.mark.parametrize("odd", ["None", "False"])
async def test_inboxes_named_none_or_false_are_no_inboxes(web: WebHub, odd: str) -> None:
    owner = {"account_id": "a1", "domain": "retail"}
    sent = {"accounts": {"1": owner}, "inboxes": {odd: owner}}
    answer = await web.patch("/mapping/", {"mapping_data": sent})
    assert (await answer.json())["inboxes"] == {}
    # Without its account it says nothing that could be kept.
    for part in ({"inboxes": {odd: owner}}, {**sent, "accounts": {"1": {"account_id": "a2"}}}):
        refused = await web.patch("/mapping/", {"mapping_data": part})
        assert refused.status == 422
        assert (await refused.json())["errors"][0]["field"] == "mapping_data.inboxes.*"


@pytest.mark.parametrize(
    "name", ["credentials_nested_odoo_button", "mapping_odoo", "company_metadata"]
)
async def test_sending_the_same_five_times_makes_one_version(web: WebHub, name: str) -> None:
    answers = [await (await web.send(fixture(name))).json() for _ in range(5)]
    assert [answer["changed"] for answer in answers] == [True] + [False] * 4
    versions = [{k: v for k, v in a.items() if k.endswith("version")} for a in answers]
    assert all(version == versions[0] for version in versions)


async def test_passwords_and_tokens_are_in_no_log(
    web: WebHub, caplog: pytest.LogCaptureFixture
) -> None:
    event = fixture("credentials_nested_odoo_button")
    with caplog.at_level(logging.DEBUG), capture_logs() as logs:
        await web.send(event)
        await web.send(having(event, 5, "credentials", "name"))
    text = str(logs) + caplog.text
    for name in ("odoo_password", "facebook_app_secret", "token", "facebook_access_token"):
        assert event["credentials"][name] not in text


async def test_wrong_signature_is_a_refusal_and_not_a_log_line() -> None:
    policy = SignaturePolicy(odoo_module=[SigningKey.from_text(SecretText("shared"))])
    async with serving(MemoryHub(), HttpOptions(version="1", signatures=policy)) as web:
        answer = await web.send(fixture("mapping_odoo"), X_Webhook_Signature="0" * 64)
        assert answer.status == 401
        assert web.hub.state.mappings == {}


async def test_a_500_holds_no_data_of_the_store(web: WebHub) -> None:
    await web.send(fixture("credentials_nested_odoo_button"))
    key = next(iter(web.hub.state.secrets))
    web.hub.state.keys[key[0].tenant].clear()
    answer = await web.get(f"/v1/tenants/account_1/retail/credentials/{key[0].ref}")
    assert answer.status == 500
    problem = await answer.json()
    assert problem["code"] == "seal_broken"
    assert "account_1" not in json.dumps(problem)


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({"event_type": "credentials_sync"}, 422),
        ({"event_type": "mapping_sync"}, 422),
        ({"event_type": "nothing"}, 400),
        ([], 400),
    ],
)
async def test_a_4xx_is_neither_wrapped_into_a_500_nor_into_a_success(
    web: WebHub, payload: Any, status: int
) -> None:
    answer = await web.send(payload)
    assert answer.status == status
    assert "success" not in await answer.json()


async def test_event_is_looked_at(web: WebHub) -> None:
    answer = await web.send({"event": "company_metadata_sync", "account_id": "a1"})
    assert (await answer.json())["metadata_version"] == 1


async def test_missing_slash_costs_no_redirect(web: WebHub) -> None:
    for path in ("/odoo-webhook", "/odoo-webhook/"):
        answer = await web.post(path, fixture("mapping_odoo"))
        assert (answer.status, answer.history) == (200, ())


@pytest.mark.parametrize("domain", [None, False, ""])
async def test_integer_account_and_empty_domain_are_fine(web: WebHub, domain: Any) -> None:
    event = fixture("credentials_flat") | {"account_id": 7, "domain": domain}
    body = await (await web.send(event)).json()
    assert (body["tenant_id"], body["domain"]) == ("7", "default")


async def test_doubled_slash_of_a_cut_url_finds_its_way(web: WebHub) -> None:
    body = json.dumps({"yaml_content": "a: 1"}).encode()
    more = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    assert (await web.raw(b"//configs/a/default/scheduling", b"POST", more)).status == 200
    assert (await web.raw(b"//configs/a/default/scheduling")).status == 200


async def test_times_and_dates_in_yaml_stay_what_they_are(web: WebHub) -> None:
    text = "opens: 18:00\ncloses: 09:00\nsince: 2024-01-31\nyes_no: yes\n"
    answer = await web.post(CONFIG, {"yaml_content": text})
    assert answer.status == 200
    assert await config(web) == {
        "opens": "18:00",
        "closes": "09:00",
        "since": "2024-01-31",
        "yes_no": "yes",
    }


async def test_client_that_hangs_up_is_no_error(
    web: WebHub, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), capture_logs() as logs:
        for length in (100, 0):
            _reader, writer = await asyncio.open_connection(
                web.client.server.host, web.client.server.port
            )
            head = f"POST /odoo-webhook HTTP/1.1\r\nHost: h\r\nX-API-Key: {web.key}\r\n"
            writer.write(f"{head}Content-Length: {length}\r\n\r\n".encode())
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        # An answered request after them proves that the server has read both.
        assert (await web.get("/health")).status == 200
    assert [line for line in logs if line["event"] == "request_failed"] == []
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []
