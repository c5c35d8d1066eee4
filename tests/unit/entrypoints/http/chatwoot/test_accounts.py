from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any

import pytest

from odoo_ai_config.domain.access import Scope
from tests.unit.entrypoints.http.web_hub import WebHub

ACCOUNT = "/v1/chatwoot/accounts/1"
INSTALLATION = "/v1/chatwoot/installation"
FULL = {
    "base_url": "https://chatwoot.example/",
    "api_access_token": "api-1",
    "webhook_secrets": ["s1", "s2"],
    "webhook_tokens": ["x7Kq2-wP9_zR4vT8mB1n"],
}
EMPTY: dict[str, Any] = {
    "base_url": None,
    "api_access_token": None,
    "webhook_secrets": [],
    "webhook_tokens": [],
    "agent_bot": None,
}


async def put(web: WebHub, path: str, settings: Any) -> Any:
    answer = await web.ask("PUT", path, json=settings)
    assert answer.status == 200, await answer.text()
    assert answer.headers["Cache-Control"] == "no-store"
    return await answer.json()


@pytest.mark.parametrize(("path", "account"), [(ACCOUNT, "1"), (INSTALLATION, None)])
async def test_secrets_go_in_and_only_fingerprints_come_out(
    web: WebHub, path: str, account: str | None
) -> None:
    after = await put(web, path, FULL)
    assert after == await (await web.get(path)).json()
    assert after["account_id"] == account
    assert after["base_url"] == "https://chatwoot.example"
    values = [after["api_access_token"], *after["webhook_secrets"], *after["webhook_tokens"]]
    assert len(set(values)) == 4
    assert all(value.startswith("sealed:") for value in values)


async def test_what_was_read_can_be_written_back(web: WebHub) -> None:
    after = await put(web, ACCOUNT, FULL)
    account = {name: value for name, value in after.items() if name != "account_id"}
    assert await put(web, ACCOUNT, account) == after
    rotated = await put(web, ACCOUNT, {"webhook_secrets": ["s3", after["webhook_secrets"][0]]})
    assert rotated["webhook_secrets"][1] == after["webhook_secrets"][0]
    assert rotated["api_access_token"] == after["api_access_token"]


async def test_null_and_empty_remove_and_what_is_absent_stays(web: WebHub) -> None:
    after = await put(web, ACCOUNT, FULL)
    for name in ("webhook_secrets", "webhook_tokens"):
        assert await put(web, ACCOUNT, {name: after[name]}) == after
    absent = {"base_url": False, "api_access_token": False}
    assert await put(web, ACCOUNT, absent | {"webhook_tokens": after["webhook_tokens"]}) == after
    assert await put(web, ACCOUNT, EMPTY) == EMPTY | {"account_id": "1"}
    await put(web, ACCOUNT, FULL)
    nulls = dict.fromkeys(EMPTY)
    assert await put(web, ACCOUNT, nulls) == EMPTY | {"account_id": "1"}


async def test_accounts_are_listed_and_the_installation_is_not_one(web: WebHub) -> None:
    assert await (await web.get("/v1/chatwoot/accounts")).json() == {"accounts": []}
    await put(web, INSTALLATION, FULL)
    after = await put(web, ACCOUNT, FULL)
    assert await (await web.get("/v1/chatwoot/accounts/")).json() == {"accounts": [after]}


@pytest.mark.parametrize(
    ("settings", "status", "code"),
    [
        ({"base_url": 5}, 422, "invalid_fields"),
        ({"base_url": "chatwoot"}, 422, "invalid_value"),
        ({"api_access_token": ["a"]}, 422, "invalid_fields"),
        ({"webhook_secrets": "s"}, 422, "invalid_fields"),
        ({"webhook_secrets": [""]}, 422, "invalid_fields"),
        ({"webhook_secrets": [5]}, 422, "invalid_fields"),
        ({"webhook_secrets": ["s"] * 17}, 422, "invalid_value"),
        ({"webhook_tokens": ["short"]}, 422, "invalid_value"),
        ({"webhook_secrets": [f"sealed:{'0' * 32}"]}, 422, "unknown_fingerprint"),
    ],
)
async def test_what_cannot_be_right_is_refused_and_not_repeated(
    web: WebHub, settings: Any, status: int, code: str
) -> None:
    answer = await web.ask("PUT", ACCOUNT, json=settings)
    assert (answer.status, (await answer.json())["code"]) == (status, code)
    assert "chatwoot'" not in await answer.text()


@pytest.mark.parametrize("path", [ACCOUNT, INSTALLATION])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"canario": 1}, "tem um campo desconhecido"),
        (FULL | {"canario": "canario"}, "tem um campo desconhecido"),
        ({"account_id": "1", "base_url": "https://chatwoot.example"}, "tem um campo desconhecido"),
        ({}, "deve ter ao menos um campo preenchido"),
        ({"base_url": False, "api_access_token": False}, "deve ter ao menos um campo preenchido"),
    ],
)
async def test_unknown_fields_and_bodies_that_say_nothing_make_no_account(
    web: WebHub, path: str, settings: Any, message: str
) -> None:
    before = await (await web.get(path)).json()
    answer = await web.ask("PUT", path, json=settings)
    problem = await answer.json()
    assert (answer.status, problem["code"]) == (422, "invalid_fields")
    assert problem["errors"] == [{"field": "body", "message": message}]
    assert "canario" not in await answer.text()
    assert await (await web.get(path)).json() == before
    assert await (await web.get("/v1/chatwoot/accounts")).json() == {"accounts": []}


@pytest.mark.parametrize("account", ["Account_1", "x" * 64, "a%20b"])
async def test_account_that_chatwoot_cannot_have_is_refused(web: WebHub, account: str) -> None:
    answer = await web.ask("PUT", f"/v1/chatwoot/accounts/{account}", json=FULL)
    assert answer.status == 422


async def test_only_an_administrator_of_everything_may_ask(web: WebHub) -> None:
    for scopes, tenant in (([Scope.CONFIG_WRITE], None), ([Scope.ADMIN], "acme")):
        key = await web.new_key(*scopes, tenant=tenant)
        for path in (ACCOUNT, INSTALLATION, "/v1/chatwoot/accounts"):
            assert (await web.with_key(key).get(path)).status == 403
        for settings in (FULL, {"canario": 1}, {}):
            assert (await web.with_key(key).ask("PUT", ACCOUNT, json=settings)).status == 403
    assert (await web.with_key("").get(ACCOUNT)).status == 401


async def test_settings_of_accounts_are_no_tenants_documents(web: WebHub) -> None:
    await put(web, ACCOUNT, FULL)
    key = await web.new_key(Scope.CONFIG_READ, Scope.SECRETS_READ)
    for path in (
        "/configs/odoo-ai-config/chatwoot-1/config",
        "/v1/tenants/odoo-ai-config/chatwoot-1/credentials/webhook_secret_1",
    ):
        assert (await web.with_key(key).get(path)).status == 403
        assert (await web.get(path)).status == 200


async def test_ciphertext_of_the_replaced_server_is_refused_by_its_field(web: WebHub) -> None:
    token = urlsafe_b64encode(b"\x80" + bytes(8 + 16 + 16 + 32)).decode()
    answer = await web.ask("PUT", ACCOUNT, json={**FULL, "api_access_token": f"ENC:{token}"})
    body = await answer.json()
    assert (answer.status, body["code"]) == (422, "encrypted_value")
    assert [error["field"] for error in body["errors"]] == ["api_access_token"]
    assert await (await web.get(ACCOUNT)).json() == EMPTY | {"account_id": "1"}


async def test_bot_of_an_account_is_said_and_taken_back(web: WebHub) -> None:
    assert (await put(web, ACCOUNT, {"agent_bot": True}))["agent_bot"] is True
    assert (await put(web, ACCOUNT, {"base_url": None}))["agent_bot"] is True
    assert (await put(web, ACCOUNT, {"agent_bot": False}))["agent_bot"] is False
    assert (await put(web, ACCOUNT, {"agent_bot": None}))["agent_bot"] is None
    assert (await put(web, INSTALLATION, {"agent_bot": True}))["agent_bot"] is True


@pytest.mark.parametrize("value", ["true", 1, [], {}, "sealed"])
async def test_bot_of_an_account_is_yes_or_no(web: WebHub, value: Any) -> None:
    answer = await web.ask("PUT", ACCOUNT, json={"agent_bot": value})
    assert answer.status == 422
    assert "agent_bot" in await answer.text()
    assert (await (await web.get(ACCOUNT)).json())["agent_bot"] is None
