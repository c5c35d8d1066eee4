"""
The add-on in a real Odoo with a real hub, used through its buttons.

`make test-odoo` runs it. It needs root, and an Odoo that the lab gets from Debian's mirror.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.e2e.hub_process import run, serving
from tests.odoo.odoo_server import (
    OdooServer,
    RefusedByOdooError,
    User,
    sql,
)
from tests.odoo.records import (
    CHANNELS,
    CLIENTS,
    OUTBOX,
    PASSWORD,
    SIGNING_SECRET,
    Hub,
    account_of,
    hub_environment,
    new_channel,
    new_client,
    state_of,
    until_sent,
)

pytestmark = [pytest.mark.odoo, pytest.mark.timeout(600)]


async def test_what_is_saved_is_at_the_hub_at_once(
    hub: Hub, admin: User, request: pytest.FixtureRequest
) -> None:
    account = account_of(request)
    collections = await admin.call("ai.hub.collection", "search", [])
    client = await new_client(
        admin,
        account,
        business_area="retail",
        odoo_url="https://odoo.example.com",
        odoo_db="loja",
        odoo_username="robo",
        odoo_password=PASSWORD,
        instagram_access_token="ig-token",
        collection_ids=[[4, collection] for collection in collections],
    )
    channel = await new_channel(
        admin, client, 101, special_number_ids=[[0, 0, {"number": "+55 11 98765-4321"}]]
    )
    record = await admin.read(CLIENTS, client, "sync_state", "config_version", "token")
    assert (record["sync_state"], record["config_version"]) == ("done", 1)
    assert (await state_of(admin, CHANNELS, channel))["sync_state"] == "done"

    config = (await hub.get(f"/configs/{account}/retail/config"))["json_data"]
    assert config["integrations"]["mcp"]["config"] == {
        "url": "https://odoo.example.com",
        "db": "loja",
        "username": "robo",
        "credential_ref": record["token"],
    }
    assert len(config["enabled_collections"]) == len(collections) == 4
    opened = await hub.get(f"/v1/tenants/{account}/retail/credentials/{record['token']}")
    assert opened["value"] == PASSWORD
    route = await hub.get("/v1/route?account_id=101&inbox_id=7&number=551187654321")
    assert (route["tenant_id"], route["crew"]) == (account, "analytics")


async def test_record_with_empty_fields_is_taken(
    hub: Hub, admin: User, request: pytest.FixtureRequest
) -> None:
    account = account_of(request)
    empty = {"description": False, "odoo_url": False, "odoo_password": False, "odoo_db": False}
    client = await new_client(admin, account, **empty)
    assert (await state_of(admin, CLIENTS, client))["sync_state"] == "done"
    config = (await hub.get(f"/configs/{account}/default/config"))["json_data"]
    assert config["name"] == f"Cliente {account}"


async def test_channel_moves_is_switched_off_and_is_removed(
    hub: Hub, admin: User, request: pytest.FixtureRequest
) -> None:
    account = account_of(request)
    first = await new_client(admin, account)
    second = await new_client(admin, account, business_area="services")
    channel = await new_channel(admin, first, 102)
    assert (await hub.route(102, 7))["domain"] == "default"

    await admin.save(CHANNELS, {"credentials_id": second}, channel)
    assert (await hub.route(102, 7))["domain"] == "services"

    await admin.save(CHANNELS, {"chatwoot_inbox_id": 8}, channel)
    # The inbox that it left is one of those that nobody mapped.
    assert (await hub.route(102, 7))["matched_by"] == "account_owner"
    assert (await hub.route(102, 8))["matched_by"] == "inbox"

    await admin.call(CHANNELS, "action_archive", [channel])
    assert (await hub.route(102, 8))["resolved"] is False
    await admin.call(CHANNELS, "action_unarchive", [channel])
    assert (await hub.route(102, 8))["domain"] == "services"

    await admin.call(CHANNELS, "unlink", [channel])
    assert (await hub.route(102, 8))["resolved"] is False


async def test_channel_moves_from_one_tenant_to_another(
    hub: Hub, admin: User, request: pytest.FixtureRequest
) -> None:
    account = account_of(request)
    first = await new_client(admin, f"{account}-a")
    second = await new_client(admin, f"{account}-b")
    channel = await new_channel(admin, first, 103)
    assert (await hub.route(103, 7))["tenant_id"] == f"{account}-a"
    await admin.save(CHANNELS, {"credentials_id": second}, channel)
    assert (await hub.route(103, 7))["tenant_id"] == f"{account}-b"


async def test_business_area_that_changes_takes_everything_along(
    hub: Hub, admin: User, request: pytest.FixtureRequest
) -> None:
    account = account_of(request)
    client = await new_client(admin, account, business_area="retail", odoo_password=PASSWORD)
    await new_channel(admin, client, 109)
    await admin.save(CLIENTS, {"business_area": "services"}, client)

    record = await admin.read(CLIENTS, client, "sync_state", "moved_from", "token")
    assert (record["sync_state"], record["moved_from"]) == ("done", False)
    opened = await hub.get(f"/v1/tenants/{account}/services/credentials/{record['token']}")
    assert opened["value"] == PASSWORD
    listed = await hub.get(f"/v1/tenants/{account}")
    assert [one["domain"] for one in listed["domains"]] == ["services"]
    assert (await hub.route(109, 7))["domain"] == "services"


async def test_wrong_key_is_told_and_stays_on_the_record_until_it_is_mended(
    hub: Hub, admin: User, request: pytest.FixtureRequest
) -> None:
    told = await admin.set_up(api_key="oac_wrong_key")
    assert told["type"] == "danger"
    assert "does not accept the API key" in told["message"]

    account = account_of(request)
    client = await new_client(admin, account)
    state = await state_of(admin, CLIENTS, client)
    assert state["sync_state"] == "retrying"
    assert "does not accept the API key" in state["sync_message"]
    assert account not in await hub.tenants()

    told = await admin.set_up(api_key=hub.key)
    assert told["type"] == "success"
    assert (await state_of(admin, CLIENTS, client))["sync_state"] == "done"
    assert account in await hub.tenants()


async def test_wizard_says_where_a_message_would_go(
    hub: Hub, admin: User, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    client = await new_client(admin, account_of(request))
    await new_channel(admin, client, 108)
    question = {"chatwoot_account_id": 108, "chatwoot_inbox_id": 7, "number": "+5511987654321"}
    record = await admin.save("ai.hub.route.question", question)
    await admin.press("ai.hub.route.question", "action_ask", record)
    told = await admin.read("ai.hub.route.question", record, "answer")
    assert "config:read" in told["answer"]

    scopes = ("--scope", "webhook", "--scope", "config:read")
    created = run(tmp_path, "keys", "create", "--name", "x", *scopes)
    await admin.set_up(api_key=created.stdout.strip())
    await admin.press("ai.hub.route.question", "action_ask", record)
    told = await admin.read("ai.hub.route.question", record, "answer")
    assert told["answer"].startswith(f"The message goes to Cliente {account_of(request)}")
    assert "Inbox: this decided it" in told["answer"]
    assert "the number is not a special one" in told["answer"]


async def test_wrong_signing_secret_is_told(hub: Hub, admin: User) -> None:
    told = await admin.set_up(signing_secret="whsec_b3V0cm8=")
    assert "does not accept the signature" in told["message"]
    told = await admin.set_up(signing_secret="")
    assert "requires signed messages" in told["message"]


async def test_key_without_the_scope_is_told(hub: Hub, admin: User, tmp_path: Path) -> None:
    created = run(tmp_path, "keys", "create", "--name", "x", "--scope", "config:read")
    told = await admin.set_up(api_key=created.stdout.strip())
    assert "the scope “webhook”" in told["message"]


async def test_hub_that_is_down_gets_everything_once_it_is_up_again(
    hub: Hub, admin: User, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    account, port = account_of(request), hub.process.port
    client = await new_client(admin, account, description="antes")
    hub.process.stop()
    await admin.save(CLIENTS, {"description": "durante"}, client)
    state = await state_of(admin, CLIENTS, client)
    assert state["sync_state"] == "retrying"
    assert "Nothing answers at the hub's URL" in state["sync_message"]

    with serving(tmp_path, env=hub_environment(), port=port) as process:
        await until_sent(admin, CLIENTS, client)
        again = Hub(process, hub.key)
        config = await again.get(f"/configs/{account}/default/config")
        assert config["json_data"]["description"] == "durante"
        assert config["version"] == 2


async def test_hub_that_was_restored_from_a_backup_gets_back_what_it_lost(
    hub: Hub, admin: User, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    account, port = account_of(request), hub.process.port
    # This hub never had the records of other tests, which would count as lost.
    others = await admin.call(CLIENTS, "search", [["active", "in", [True, False]]])
    await admin.call(CLIENTS, "unlink", others)

    kept = await new_client(admin, f"{account}-kept")
    changed = await new_client(admin, f"{account}-changed", description="antes")
    moved = await new_channel(admin, kept, 106)
    removed = await new_channel(admin, kept, 107)
    hub.process.stop()
    shutil.copytree(tmp_path / "var", tmp_path / "backup")

    with serving(tmp_path, env=hub_environment(), port=port) as process:
        await admin.save(CLIENTS, {"description": "depois"}, changed)
        await admin.save(CHANNELS, {"credentials_id": changed}, moved)
        await admin.call(CHANNELS, "unlink", [removed])
        new = await new_client(admin, f"{account}-new", odoo_password=PASSWORD)
        assert (await Hub(process, hub.key).route(107, 7))["resolved"] is False
        process.stop()
    shutil.rmtree(tmp_path / "var")
    (tmp_path / "backup").rename(tmp_path / "var")

    with serving(tmp_path, env=hub_environment(), port=port) as process:
        restored = Hub(process, hub.key)
        assert (await restored.route(107, 7))["resolved"] is True
        sent = {record: await times_sent(admin, record) for record in (kept, changed, new)}
        told = (await admin.call(CLIENTS, "action_reconcile"))["params"]
        assert told["type"] == "success", told
        assert "lost 4 records" in told["message"]

        config = await restored.get(f"/configs/{account}-changed/default/config")
        assert config["json_data"]["description"] == "depois"
        token = (await admin.read(CLIENTS, new, "token"))["token"]
        opened = await restored.get(f"/v1/tenants/{account}-new/default/credentials/{token}")
        assert opened["value"] == PASSWORD
        assert (await restored.route(106, 7))["tenant_id"] == f"{account}-changed"
        assert (await restored.route(107, 7))["resolved"] is False
        # What was not lost was not sent.
        assert [sent[record] == await times_sent(admin, record) for record in sent] == [
            True, False, False,
        ]  # fmt: skip
        told = (await admin.call(CLIENTS, "action_reconcile"))["params"]
        assert "has everything" in told["message"]


async def times_sent(user: User, record: int) -> int:
    """
    The number of times that a client was sent.
    """
    lines = [["res_model", "=", CLIENTS], ["res_id", "=", record], ["state", "=", "done"]]
    count: int = await user.call(OUTBOX, "search_count", lines)
    return count


async def test_line_that_is_sent_twice_is_one_event_to_the_hub(
    hub: Hub, admin: User, request: pytest.FixtureRequest
) -> None:
    account = account_of(request)
    client = await new_client(admin, account)
    # As if Odoo was killed between the hub's answer and its own commit.
    sql(
        "UPDATE ai_hub_outbox SET state = 'pending', next_attempt = now() "
        f"WHERE res_model = '{CLIENTS}' AND res_id = {client}"
    )
    [line] = await admin.call(
        OUTBOX, "search", [["res_id", "=", client], ["state", "=", "pending"]]
    )
    await admin.press(OUTBOX, "action_retry", line)
    assert (await admin.read(OUTBOX, line, "state"))["state"] == "done"
    history = await hub.get(f"/configs/{account}/default/config/history")
    assert [entry["version"] for entry in history] == [1]
    assert "odoo_ai_config_idempotent_replays_total 1.0" in await text(hub, "/metrics")


async def text(hub: Hub, path: str) -> str:
    async with hub.process.client() as client, client.get(path) as response:
        return await response.text()


async def test_users_who_save_at_the_same_time_leave_one_truth(
    hub: Hub, admin: User, odoo: OdooServer, request: pytest.FixtureRequest
) -> None:
    account = account_of(request)
    client = await new_client(admin, account)
    async with odoo.browser() as jar:
        manager = await odoo.user("manager", "manager", jar)
        # Odoo has to repeat some of these transactions.
        await asyncio.gather(
            *(
                user.save(CLIENTS, {"description": f"{name} {turn}"}, client)
                for turn in range(5)
                for name, user in (("admin", admin), ("manager", manager))
            )
        )
    await until_sent(admin, CLIENTS, client)
    record = await admin.read(CLIENTS, client, "description", "config_version")
    config = await hub.get(f"/configs/{account}/default/config")
    assert config["json_data"]["description"] == record["description"]
    assert config["version"] == record["config_version"]
    open_lines = [["res_model", "=", CLIENTS], ["res_id", "=", client], ["state", "=", "failed"]]
    assert await admin.call(OUTBOX, "search_count", open_lines) == 0


async def test_change_that_is_rolled_back_is_not_sent(
    hub: Hub, admin: User, request: pytest.FixtureRequest
) -> None:
    account = account_of(request)
    good = {"name": "Bom", "account_id": account}
    with pytest.raises(RefusedByOdooError, match="already"):
        await admin.call(CLIENTS, "create", [good, good])
    assert account not in await hub.tenants()
    assert await admin.call(CLIENTS, "search", [["account_id", "=", account]]) == []


async def test_duplicates_and_bad_numbers_are_refused_in_words(
    hub: Hub, admin: User, request: pytest.FixtureRequest
) -> None:
    client = await new_client(admin, account_of(request))
    await new_channel(admin, client, 104)
    with pytest.raises(RefusedByOdooError, match="belongs to Cliente"):
        await new_channel(admin, client, 104)
    with pytest.raises(RefusedByOdooError, match="is not a WhatsApp number"):
        await new_channel(admin, client, 105, special_number_ids=[[0, 0, {"number": "123"}]])


async def test_secrets_are_in_no_table_log_or_answer(
    hub: Hub, admin: User, odoo: OdooServer, request: pytest.FixtureRequest
) -> None:
    client = await new_client(admin, account_of(request), odoo_password="zq7-unverwechselbar")
    shown = await admin.read(CLIENTS, client, "odoo_password")
    assert shown["odoo_password"] == "•" * 8
    settings = await admin.save("res.config.settings", {})
    for name in ("ai_hub_api_key", "ai_hub_signing_secret"):
        assert (await admin.read("res.config.settings", settings, name))[name] == "•" * 8
    with pytest.raises(RefusedByOdooError, match="AccessError"):
        await admin.call("ai.hub.secret", "search_read", [], ["value"])

    dump = "\n".join(
        sql(
            "SELECT query_to_xml(format('SELECT to_jsonb(t)::text AS row FROM %I AS t', "
            "tablename), true, false, '') FROM pg_tables "
            "WHERE schemaname = 'public' AND tablename <> 'ai_hub_secret'"
        )
    )
    # Otherwise nothing was checked.
    assert hub.process.url in dump
    for secret in ("zq7-unverwechselbar", hub.key, SIGNING_SECRET):
        assert secret not in dump
        assert secret not in odoo.log.read_text()
    assert "zq7-unverwechselbar" in "\n".join(sql("SELECT value FROM ai_hub_secret"))


@pytest.mark.parametrize("login", ["nobody", "operator", "manager"])
async def test_users_do_what_their_group_lets_them(
    hub: Hub, admin: User, odoo: OdooServer, login: str
) -> None:
    client = await new_client(admin, f"grupo-{login}")
    async with odoo.browser() as jar:
        user = await odoo.user(login, login, jar)
        if login == "nobody":
            for model in (CLIENTS, CHANNELS, OUTBOX):
                with pytest.raises(RefusedByOdooError, match="AccessError"):
                    await user.call(model, "search_read", [], ["id"])
        else:
            channel = await new_channel(user, client, 110 if login == "operator" else 111)
            assert (await state_of(user, CHANNELS, channel))["sync_state"] == "done"
            await user.press(CHANNELS, "action_send", channel)
        if login == "manager":
            await user.save(CLIENTS, {"odoo_password": "nova"}, client)
            await user.press(CLIENTS, "action_send", client)
        else:
            with pytest.raises(RefusedByOdooError, match="AccessError"):
                await user.save(CLIENTS, {"odoo_password": "nova"}, client)
        for model in ("ai.hub.secret", "ai.hub.connection", "res.config.settings"):
            with pytest.raises(RefusedByOdooError, match="AccessError"):
                await user.call(model, "search_read", [], ["id"])
