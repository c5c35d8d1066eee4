"""
One Odoo with its users for all tests, and a hub for each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e.hub_process import run, serving
from tests.odoo.odoo_server import OdooServer, User, in_lab, serving_odoo
from tests.odoo.records import SIGNING_SECRET, Hub, hub_environment

USERS = """
from odoo import Command
for login, group in (
    ("manager", "odoo_ai_config.group_manager"),
    ("operator", "odoo_ai_config.group_user"),
    ("nobody", "base.group_user"),
):
    user = env["res.users"].create({"login": login, "name": login, "password": login})
    env.ref(group).write({"user_ids": [Command.link(user.id)]})
env.cr.commit()
"""


@pytest.fixture(scope="session")
def odoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OdooServer]:
    in_lab("build")
    with serving_odoo(tmp_path_factory.mktemp("odoo")) as server:
        in_lab("odoo", "shell", "-d", "proof", "--no-http", given=USERS)
        yield server


@pytest.fixture
async def admin(odoo: OdooServer) -> AsyncIterator[User]:
    async with odoo.browser() as jar:
        yield await odoo.user("admin", "admin", jar)


@pytest.fixture
async def hub(tmp_path: Path, admin: User) -> AsyncIterator[Hub]:
    with serving(tmp_path, env=hub_environment()) as process:
        created = run(tmp_path, "keys", "create", "--name", "odoo", "--scope", "webhook")
        hub = Hub(process, created.stdout.strip())
        told = await admin.set_up(url=process.url, api_key=hub.key, signing_secret=SIGNING_SECRET)
        assert told["type"] == "success", told
        yield hub
