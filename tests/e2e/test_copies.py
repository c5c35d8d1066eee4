"""
Copies and restores of a real hub that are killed, and go on.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pymongo
import pytest

from odoo_ai_config.entrypoints.library import open_hub
from odoo_ai_config.entrypoints.settings import read_settings
from tests.e2e.hub_process import PROGRAM, environment, run
from tests.mongo_server import mongo_uri
from tests.unit.application.messages.deliveries import payload

__all__ = ["mongo_uri"]

# Seconds for a copy beside others on a slow machine.
LONG = 240
CREWS = "default_crew: sales\ncrews: {sales: {type: http, url: 'https://crew.invalid/'}}"
ITEMS = {str(number): {"name": f"item {number}", "text": "x" * 500} for number in range(3000)}


@pytest.fixture(params=["sqlite", pytest.param("mongodb", marks=pytest.mark.bulk)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """
    A store that is not there yet.
    """
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/target.db"
    server: str = request.getfixturevalue("mongo_uri")
    return urlsplit(server)._replace(path=f"/copy_{uuid4().hex}").geturl()


async def fill(folder: Path) -> None:
    settings = read_settings(environment=environment(), flags={"data_dir": str(folder / "var")})
    async with open_hub(settings) as hub:
        await hub.sync_mapping(chatwoot_account_id="1", tenant="acme")
        await hub.publish("acme", "default", "crews", CREWS)
        for number in range(5):
            await hub.sync_credentials(
                account_id="acme", token="t", odoo_password=f"senha {number}"
            )
        await hub.collection("acme", "products").replace(ITEMS)
        for number in range(1, 30):
            await hub.receive(payload(number))


def begun(target: str) -> bool:
    """
    Whether *target* has some of its items.
    """
    if target.startswith("mongodb"):
        with pymongo.MongoClient[dict[str, Any]](target) as client:
            return client.get_default_database()["items"].find_one() is not None
    with suppress(sqlite3.Error), closing(sqlite3.connect(target.partition("///")[2])) as copy:
        return copy.execute("SELECT 1 FROM items").fetchone() is not None
    return False


def kill(folder: Path, target: str, *command: str) -> None:
    """
    Kill *command* while it fills *target*, which nothing opens then.
    """
    with subprocess.Popen([str(PROGRAM), *command], cwd=folder, env=environment()) as process:
        while process.poll() is None and not begun(target):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    refused = run(folder, "tenants", "--store-url", target)
    assert (refused.returncode, "não terminou" in refused.stderr) == (1, True)


async def password(folder: Path, url: str) -> str:
    flags = {"data_dir": str(folder / "var"), "store_url": url}
    async with open_hub(read_settings(environment=environment(), flags=flags)) as hub:
        return (await hub.credential("acme", "default", "t")).reveal()


async def test_killed_copy_goes_on_and_has_everything(tmp_path: Path, target: str) -> None:
    await fill(tmp_path)
    back = f"sqlite:///{tmp_path}/back.db"
    kill(tmp_path, target, "copy", "--to", target)
    assert run(tmp_path, "copy", "--to", target).returncode == 0

    returned = run(tmp_path, "copy", "--from", target, "--to", back)

    assert returned.returncode == 0, returned.stderr
    again = run(tmp_path, "copy", "--to", f"sqlite:///{tmp_path}/other.db")
    assert again.stdout == returned.stdout
    assert await password(tmp_path, target) == await password(tmp_path, back) == "senha 4"


@pytest.mark.timeout(2 * LONG)
async def test_copy_from_a_store_that_is_always_written_ends_and_goes_on(
    tmp_path: Path, target: str
) -> None:
    await fill(tmp_path)
    settings = read_settings(environment=environment(), flags={"data_dir": str(tmp_path / "var")})
    async with open_hub(settings) as hub:
        copying = partial(run, tmp_path, "copy", "--to", target, patience=LONG)
        busy = asyncio.create_task(asyncio.to_thread(copying))
        written = 0
        while not busy.done():
            written += 1
            await hub.sync_credentials(
                account_id="acme", token="t", odoo_password=f"nova {written}"
            )
            # Two cores have to do both.
            await asyncio.sleep(0.01)
    ended = busy.result()
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "A origem não para de mudar" in ended.stderr
    assert "(busy)" in ended.stderr
    refused = run(tmp_path, "tenants", "--store-url", target)
    assert (refused.returncode, "não terminou" in refused.stderr) == (1, True)

    again = copying()

    assert again.returncode == 0, again.stderr
    assert await password(tmp_path, target) == f"nova {written}"


async def test_killed_restore_begins_again_and_has_everything(tmp_path: Path, target: str) -> None:
    await fill(tmp_path)
    made = run(tmp_path, "backup", "hub.backup")
    assert made.returncode == 0, made.stderr
    restore = ("restore", "hub.backup", "--to", target)
    kill(tmp_path, target, *restore)
    assert run(tmp_path, *restore).returncode == 0
    listed = run(tmp_path, "messages", "list", "--stage", "dead", "--store-url", target)
    assert len(listed.stdout.splitlines()) == 30
    trail = run(tmp_path, "audit", "--store-url", target).stdout
    assert trail.count("store_restored") == 1
    assert await password(tmp_path, target) == "senha 4"
