"""
What the add-on shows about the hub: effects of a channel, and stored data.
"""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.e2e.hub_process import run
from tests.odoo.odoo_server import OdooServer, RefusedByOdooError, User
from tests.odoo.records import CHANNELS, CLIENTS, Hub, account_of, new_channel, new_client

pytestmark = [pytest.mark.odoo, pytest.mark.timeout(600)]

TRIAL = "ai.hub.channel.trial"
LOOK = "ai.hub.look"


async def let_read(hub: Hub, admin: User) -> None:
    """
    Give Odoo a key that may also read.
    """
    scopes = ("--scope", "webhook", "--scope", "config:read")
    created = run(hub.process.folder, "keys", "create", "--name", "reader", *scopes)
    told = await admin.set_up(api_key=created.stdout.strip())
    assert told["type"] == "success", told


async def lines(user: User, model: str, record: int, field: str, *names: str) -> list[Any]:
    """
    The values in the lines *field* of the *record*.
    """
    found = (await user.read(model, record, field))[field]
    told = await user.call(f"{model}.{field.removesuffix('_ids')}", "read", found, list(names))
    return [tuple(line[name] for name in names) for line in told]


async def look_at(user: User, model: str, record: int) -> int:
    action = await user.press(model, "action_look", record)
    assert action["res_model"] == LOOK
    look: int = action["res_id"]
    return look


async def test_trial_tells_what_would_change_and_changes_nothing(
    hub: Hub, admin: User, request: pytest.FixtureRequest
) -> None:
    account = account_of(request)[:40]
    first = await new_client(admin, f"{account}-a")
    second = await new_client(admin, f"{account}-b")
    channel = await new_channel(admin, first, 241)
    trial = (await admin.press(CHANNELS, "action_try", channel))["res_id"]
    assert "config:read" in (await admin.read(TRIAL, trial, "answer"))["answer"]

    await let_read(hub, admin)
    await admin.press(TRIAL, "action_ask", trial)
    assert "exactly this" in (await admin.read(TRIAL, trial, "answer"))["answer"]

    boss = [0, 0, {"number": "+55 11 98765-4321", "crew": "analytics"}]
    await admin.save(TRIAL, {"credentials_id": second, "number_ids": [boss]}, trial)
    await admin.press(TRIAL, "action_ask", trial)
    answer = (await admin.read(TRIAL, trial, "answer"))["answer"]
    names = [f"Cliente {account}-{end} ({account}-{end}/default)" for end in "ab"]
    assert f"The channel would pass from {names[0]} to {names[1]}." in answer
    assert await lines(admin, TRIAL, trial, "effect_ids", "messages", "before", "after") == [
        ("Account 241, inbox 7", f"{names[0]}: Inbox", f"{names[1]}: Inbox"),
        (
            "Account 241, inboxes without a line of their own",
            f"{names[0]}: The account's only client",
            f"{names[1]}: The account's only client",
        ),
        (
            "Account 241, inbox 7, from +5511987654321",
            f"{names[0]}: Inbox",
            f"{names[1]}: Inbox, crew analytics",
        ),
        (
            "Account 241, inboxes without a line of their own, from +5511987654321",
            f"{names[0]}: The account's only client",
            f"{names[1]}: The account's only client, crew analytics",
        ),
    ]
    assert (await hub.route(241, 7))["tenant_id"] == f"{account}-a"
    assert (await admin.read(CHANNELS, channel, "credentials_id"))["credentials_id"][0] == first


async def test_look_tells_who_changed_what(
    hub: Hub, admin: User, request: pytest.FixtureRequest
) -> None:
    account = account_of(request)
    client = await new_client(admin, account, odoo_password="s3nha")
    channel = await new_channel(admin, client, 242)
    look = await look_at(admin, CLIENTS, client)
    assert "config:read" in (await admin.read(LOOK, look, "trouble"))["trouble"]

    await let_read(hub, admin)
    # Another writer, with the hub's first key.
    async with hub.process.client() as stranger:
        path = f"/configs/{account}/default/config"
        async with stranger.patch(path, json={"tone": "warm"}) as answer:
            assert answer.status == 200
    look = await look_at(admin, CLIENTS, client)
    told = await admin.read(LOOK, look, "trouble", "page_url")
    assert not told["trouble"]
    things = await lines(admin, LOOK, look, "thing_ids", "name", "standing", "version")
    assert things == [
        ("Settings", "later", 2),
        ("Credentials", "equal", 1),
        ("Account 242, inbox 7", "equal", 1),
    ]
    changes = await lines(admin, LOOK, look, "change_ids", "name", "version")
    assert changes[0] == ("Settings", 2)
    assert sorted(changes[1:]) == [("Credentials", 1), ("Settings", 1)]
    async with aiohttp.ClientSession() as anybody, anybody.get(told["page_url"]) as page:
        assert (page.status, page.content_type) == (200, "text/html")

    await admin.save(CLIENTS, {"name": "Outro nome"}, client)
    look = await look_at(admin, CLIENTS, client)
    [mended, *_] = await lines(admin, LOOK, look, "change_ids", "name", "version", "author")
    assert mended == ("Settings", 3, "This Odoo")
    look = await look_at(admin, CHANNELS, channel)
    things = await lines(admin, LOOK, look, "thing_ids", "name", "standing", "acknowledged")
    assert things == [("Account 242, inbox 7", "equal", 1)]


async def test_look_tells_what_somebody_deleted(
    hub: Hub, admin: User, request: pytest.FixtureRequest
) -> None:
    account = account_of(request)
    client = await new_client(admin, account)
    await let_read(hub, admin)
    gone = f"/configs/{account}/default/config"
    async with hub.process.client() as stranger, stranger.delete(gone) as answer:
        assert answer.status == 200
    look = await look_at(admin, CLIENTS, client)
    things = await lines(admin, LOOK, look, "thing_ids", "name", "standing", "acknowledged")
    assert things[-1] == ("Settings", "deleted", 1)


async def test_ordinary_users_look_within_their_rights(
    hub: Hub, admin: User, odoo: OdooServer, request: pytest.FixtureRequest
) -> None:
    client = await new_client(admin, account_of(request))
    await let_read(hub, admin)
    async with odoo.browser() as jar:
        operator = await odoo.user("operator", "operator", jar)
        look = await look_at(operator, CLIENTS, client)
        told = await operator.read(LOOK, look, "trouble", "page_url")
        assert told["page_url"].startswith(hub.process.url)
        with pytest.raises(RefusedByOdooError, match="AccessError"):
            await operator.call(LOOK, "write", [look], {"trouble": "x"})
        nobody = await odoo.user("nobody", "nobody", jar)
        with pytest.raises(RefusedByOdooError, match="AccessError"):
            await nobody.press(CLIENTS, "action_look", client)
