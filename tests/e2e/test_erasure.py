"""
kill -9 between any two steps of an erasure: going on finishes it, and no byte comes back.
"""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import bson
import pytest
from pymongo import MongoClient

from tests.e2e.hub_process import HubProcess, credentials_event, environment, run, serving
from tests.mongo_server import mongo_uri

__all__ = ["mongo_uri"]

TENANT, CANARY = "cliente-que-sai", "c4n4ry-of-the-client"
PATH = f"/v1/tenants/{TENANT}"
ITEMS, EVENTS = 3000, 60


async def fill(hub: HubProcess) -> None:
    """
    Store the canary in versions, items and messages.
    """
    mapping: dict[str, object] = {
        "event_type": "mapping_sync",
        "account_id": TENANT,
        "mapping": {
            "internal_account_id": TENANT,
            "domain": "default",
            "chatwoot_account_id": 1,
            "chatwoot_inbox_id": 7,
        },
    }
    async with hub.client() as client:

        async def sent(event: dict[str, object]) -> None:
            async with client.post("/odoo-webhook", json=event) as answer:
                assert answer.status == 200, await answer.text()

        for number in range(EVENTS):
            event = credentials_event(TENANT, number) | {
                "description": CANARY,
                "odoo_password": f"{CANARY} {number}",
                "enabled_collections": ["products_informations"],
            }
            await sent(event)
        await sent(credentials_event("cliente-que-fica", 1))
        await sent(mapping)
        items = [{"id": str(number), "name": CANARY} for number in range(ITEMS)]
        url = f"/api/v1/collections/products_informations?account_id={TENANT}"
        async with client.put(url, json={"items": items}) as answer:
            assert answer.status == 200, await answer.text()


async def erase(hub: HubProcess) -> int:
    async with hub.client() as client, client.delete(PATH, params={"confirm": TENANT}) as answer:
        await answer.read()
        return answer.status


async def standing_of(hub: HubProcess) -> str:
    async with hub.client() as client, client.get(f"{PATH}/standing") as answer:
        shown = await answer.json()
        return str(shown["standing"])


async def is_refused(hub: HubProcess, code: str) -> None:
    async with hub.client() as client:
        async with client.get(f"/configs/{TENANT}/default/config") as answer:
            assert (answer.status, (await answer.json())["code"]) == (410, code)
        async with client.post("/odoo-webhook", json=credentials_event(TENANT, 0)) as answer:
            assert (answer.status, (await answer.json())["code"]) == (410, code)


def traces(folder: Path) -> list[str]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [file.name for file in files if CANARY.encode() in file.read_bytes()]


@pytest.mark.parametrize(
    "rounds",
    [3, pytest.param(30, marks=[pytest.mark.long, pytest.mark.timeout(1800)])],
)
async def test_erasure_survives_a_kill_at_any_moment(rounds: int, tmp_path: Path) -> None:
    chance = random.Random(rounds)
    interrupted = 0
    for number in range(rounds):
        folder = tmp_path / str(number)
        folder.mkdir()
        with serving(folder) as hub:
            await fill(hub)
            assert traces(folder)
            erasure = asyncio.create_task(erase(hub))
            await asyncio.sleep(chance.random() * 0.15)
            hub.kill()
            with suppress(aiohttp.ClientError):
                await erasure
        with serving(folder) as hub:
            if await standing_of(hub) != "active":
                # Whatever is left, nothing of it is served.
                interrupted += await standing_of(hub) == "erasing"
                await is_refused(hub, "tenant_erased")
            assert await erase(hub) == 200
            assert await standing_of(hub) == "erased"
            await is_refused(hub, "tenant_erased")
            assert traces(folder) == []
            certificate = run(folder, "tenants", "certificate", TENANT).stdout
            removed = json.loads(certificate)["certificate"]["removed"]
            assert (removed["items"], removed["revisions"]) == (ITEMS, 2 * EVENTS)
            (folder / "certificate.json").write_text(certificate)
            assert run(folder, "tenants", "verify", "certificate.json").returncode == 0
            other = "/configs/cliente-que-fica/default/config"
            async with hub.client() as client, client.get(other) as answer:
                assert answer.status == 200
            assert hub.stop() == 0
        assert traces(folder) == []
    assert interrupted or rounds == 3


@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(2, marks=pytest.mark.bulk),
        pytest.param(15, marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
    ],
)
async def test_erasure_on_mongodb_survives_a_kill_at_any_moment(
    rounds: int, mongo_uri: str, tmp_path: Path
) -> None:
    chance = random.Random(rounds)
    for number in range(rounds):
        folder, name = tmp_path / str(number), f"e2e_{uuid4().hex}"
        folder.mkdir()
        store = urlsplit(mongo_uri)._replace(path=f"/{name}").geturl()
        env = environment(ODOO_AI_CONFIG_STORE_URL=store)
        with MongoClient[Any](mongo_uri) as client:

            def canaries(database: Any = client[name]) -> list[str]:
                return [
                    found
                    for found in database.list_collection_names()
                    for record in database[found].find()
                    if CANARY.encode() in bson.encode(record)
                ]

            with serving(folder, env=env) as hub:
                await fill(hub)
                assert canaries()
                erasure = asyncio.create_task(erase(hub))
                await asyncio.sleep(chance.random() * 0.6)
                hub.kill()
                with suppress(aiohttp.ClientError):
                    await erasure
            with serving(folder, env=env) as hub:
                if await standing_of(hub) != "active":
                    await is_refused(hub, "tenant_erased")
                while (status := await erase(hub)) == 503:
                    # What a killed process has begun ends by itself after a minute.
                    client.admin.command("killAllSessions", [])
                assert status == 200
                await is_refused(hub, "tenant_erased")
                assert canaries() == []
                certificate = json.loads(
                    run(folder, "tenants", "certificate", TENANT, env=env).stdout
                )["certificate"]
                assert certificate["removed"]["items"] == ITEMS
                assert certificate["removed"]["revisions"] == 2 * EVENTS
                assert hub.stop() == 0
            # Dropping waits for what the killed process has begun, on the stand-in for ever.
            client.admin.command("killAllSessions", [])
            client.drop_database(name)


async def test_server_finishes_an_erasure_by_itself(tmp_path: Path) -> None:
    with serving(tmp_path) as hub:
        await fill(hub)
        erasure = asyncio.create_task(erase(hub))
        while await standing_of(hub) == "active":
            await asyncio.sleep(0)
        hub.kill()
        with suppress(aiohttp.ClientError):
            await erasure
    with serving(tmp_path) as hub:
        while await standing_of(hub) != "erased":
            await asyncio.sleep(0.2)
        assert traces(tmp_path) == []
