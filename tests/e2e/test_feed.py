"""
Readers of the feed of real processes, some of which are killed while clients write.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import pytest

from tests.e2e.hub_process import HubProcess, environment, serving
from tests.mongo_server import mongo_uri

__all__ = ["mongo_uri"]

BEGIN = "0"
AWAY = (aiohttp.ClientError, TimeoutError)
WRITERS = 4


@pytest.fixture(params=["sqlite", "mongodb"])
def store(request: pytest.FixtureRequest) -> tuple[dict[str, str], int]:
    """
    The environment of a store, and how many changes are made in it.
    """
    if request.param == "sqlite":
        return environment(), 10_000
    server: str = request.getfixturevalue("mongo_uri")
    url = urlsplit(server)._replace(path=f"/feed_{uuid4().hex}").geturl()
    return environment(ODOO_AI_CONFIG_STORE_URL=url), 1000


async def write(client: aiohttp.ClientSession, tenant: str, count: int) -> None:
    number = 0
    while number < count:
        with suppress(*AWAY):
            body = {"yaml_content": f"number: {number}"}
            async with client.post(f"/configs/{tenant}/default/notes", json=body) as answer:
                # What was written although its answer was lost changes nothing.
                number += answer.status == 200
                assert answer.status in {200, 503}, await answer.text()


class Reader:
    """
    Reads on behind its cursor, with cuts; *seen* are the changes in their order.
    """

    def __init__(self, client: aiohttp.ClientSession, seed: int) -> None:
        self.seen: list[dict[str, Any]] = []
        self.cursor = BEGIN
        self.cuts = 0
        self._client = client
        self._random = Random(seed)

    async def read(self, most: int) -> None:
        while len(self.seen) < most:
            self.cuts += 1
            with suppress(*AWAY):
                if self._random.random() < 0.5:
                    await self._ask()
                else:
                    await self._listen(self._random.randrange(1, 300))

    async def _ask(self) -> None:
        query = {"since": self.cursor, "wait": "1", "kind": "document"}
        async with self._client.get("/v1/changes", params=query) as answer:
            assert answer.status in {200, 503}, await answer.text()
            if answer.status == 200:
                page = await answer.json()
                self.seen += page["changes"]
                self.cursor = page["cursor"]

    async def _listen(self, most: int) -> None:
        headers = {"Last-Event-ID": self.cursor}
        heard, cursor = 0, self.cursor
        async with self._client.get("/v1/changes/stream?kind=document", headers=headers) as answer:
            assert answer.status in {200, 503}, await answer.text()
            async with asyncio.timeout(2):
                async for line in answer.content:
                    if line.startswith(b"id: "):
                        cursor = line[4:].decode().strip()
                    if line.startswith(b"data: "):
                        change = {**json.loads(line[6:]), "cursor": cursor}
                        self.seen.append(change)
                        self.cursor = cursor
                        heard += 1
                        if heard == most:
                            return


async def kill_some(hub: HubProcess, times: int) -> None:
    random = Random(7)
    for _ in range(times):
        await asyncio.sleep(1.5)
        for worker in random.sample(sorted(hub.workers()), 1):
            os.kill(worker, signal.SIGKILL)


@pytest.mark.bulk
@pytest.mark.timeout(400)
async def test_readers_miss_nothing_and_see_one_order(
    tmp_path: Path, store: tuple[dict[str, str], int]
) -> None:
    env, count = store
    with serving(tmp_path, "--workers", "3", env=env) as hub:
        async with hub.client() as client:
            readers = [Reader(client, seed) for seed in range(3)]
            writing = [write(client, f"t{n}", count // WRITERS) for n in range(WRITERS)]
            reading = [reader.read(count) for reader in readers]
            await asyncio.wait_for(
                asyncio.gather(kill_some(hub, 4), *writing, *reading), timeout=350
            )
            first = readers[0].seen
            for reader in readers:
                assert reader.seen == first
                assert reader.cuts > 4
            versions: defaultdict[str, list[int]] = defaultdict(list)
            for change in first:
                [tenant] = change["tenants"]
                versions[tenant].append(change["version"])
            expected = list(range(1, count // WRITERS + 1))
            assert versions == {f"t{n}": expected for n in range(WRITERS)}
        assert hub.stop() == 0
