"""
MongoDB that goes away under load, also with a kill -9 meanwhile: what was acknowledged is answered
once and in order.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import pytest
from attrs import frozen

from odoo_ai_config.domain.conversations.answering import Silence
from odoo_ai_config.domain.messages.inbox import HUB_NOTICE
from tests.e2e.customers import Customer, Kept, Shop, called, connect, free_port, new_crew
from tests.e2e.hub_process import HubProcess, environment, serving
from tests.mongo_server import Gate, mongo_uri, open_gate
from tests.stand_ins.chatwoot import ChatwootStandIn, Webhook
from tests.stand_ins.crew import answers

__all__ = ["mongo_uri"]

CUSTOMERS: Final = 6
ADDRESS: Final = {"name": "Odoo", "tenant_id": "loja", "domain": "retail", "kind": "credentials"}
SILENCES: Final = {silence.value for silence in Silence}


@frozen
class Scene:
    """
    A hub on MongoDB behind a gate, and customers of one shop.
    """

    folder: Path
    gate: Gate
    port: int
    variables: dict[str, str]
    chatwoot: ChatwootStandIn
    customers: list[Customer]
    shop: Shop

    @asynccontextmanager
    async def hub(self, *arguments: str) -> AsyncIterator[HubProcess]:
        # Entered on a thread: the gate needs the loop.
        context = serving(self.folder, *arguments, env=self.variables, port=self.port)
        hub = await asyncio.to_thread(context.__enter__)
        try:
            yield hub
        finally:
            await asyncio.to_thread(context.__exit__, None, None, None)

    @property
    def webhook(self) -> Webhook:
        return Webhook(f"http://127.0.0.1:{self.port}/webhook")

    async def all_write(self) -> None:
        await asyncio.gather(*(one.write(self.webhook) for one in self.customers))

    async def until_answered(self) -> None:
        while any(one.unanswered() for one in self.customers):
            await asyncio.sleep(0.05)


@pytest.fixture
async def scene(mongo_uri: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        gate = await stack.enter_async_context(open_gate(mongo_uri))
        store = urlsplit(gate.uri)._replace(
            path=f"/spool_{uuid4().hex}", query="directConnection=true"
        )
        port = free_port()
        variables = environment(
            ODOO_AI_CONFIG_STORE_URL=store.geturl(),
            ODOO_AI_CONFIG_PUBLIC_URL=f"http://127.0.0.1:{port}",
            ODOO_AI_CONFIG_PRIVATE_TARGETS="127.0.0.0/8",
            ODOO_AI_CONFIG_LEASE_SECONDS="75",
        )
        chatwoot = await stack.enter_async_context(ChatwootStandIn().open())
        crew = await stack.enter_async_context(new_crew().open())
        crew.then = answers()
        shop = Shop("loja", 1, crew)
        customers = [Customer(chatwoot, shop, 300 + number) for number in range(CUSTOMERS)]
        yield Scene(tmp_path, gate, port, variables, chatwoot, customers, shop)


def kill(hub: HubProcess) -> None:
    """
    Kill the server with its workers, which would otherwise keep the port until they notice.
    """
    workers = hub.workers()
    hub.kill()
    for worker in workers:
        os.kill(worker, signal.SIGKILL)


async def rows(client: aiohttp.ClientSession) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        query = f"&after={after}" if after else ""
        page = await called(client, "GET", f"/v1/messages?limit=500{query}")
        found += page["messages"]
        after = page["next"]
    return found


def kept_in(found: list[dict[str, Any]]) -> Kept:
    return {
        (one["account_id"], one["chatwoot_message_id"]): (one["stage"], one["reason"])
        for one in found
        if one["event"] != HUB_NOTICE and (one["stage"] != "ignored" or one["reason"] in SILENCES)
    }


async def broken_promises(scene: Scene, client: aiohttp.ClientSession) -> list[str]:
    found = await rows(client)
    times = Counter(
        (one["account_id"], one["event"], one["chatwoot_message_id"], one["stage"])
        for one in found
        if one["event"] == "message_created"
    )
    broken = [f"{key}: stored {count} times" for key, count in times.items() if count > 1]
    for customer in scene.customers:
        broken += customer.broken_promises(kept_in(found))
    return broken


async def readiness(client: aiohttp.ClientSession) -> tuple[int, str]:
    async with client.get("/ready") as response:
        answer = await response.json()
        return response.status, answer.get("status") or answer["cause"]


async def spooled(client: aiohttp.ClientSession) -> float:
    async with client.get("/metrics") as response:
        lines = (await response.text()).splitlines()
    name = 'odoo_ai_config_spool_requests_total{outcome="spooled"}'
    return next(float(line.split()[-1]) for line in lines if line.startswith(name))


async def set_up(scene: Scene, client: aiohttp.ClientSession) -> None:
    await connect(client, scene.chatwoot)
    await scene.shop.open(client)
    scene.chatwoot.webhooks.append(scene.webhook)
    await scene.all_write()
    await scene.until_answered()


async def test_messages_of_a_cut_survive_a_kill_and_are_answered_once_and_in_order(
    scene: Scene,
) -> None:
    async with scene.hub() as hub, hub.client() as client:
        await set_up(scene, client)
        await scene.chatwoot.events_told()
        address = await called(client, "POST", "/v1/addresses", ADDRESS)
        await scene.gate.close()
        for _ in range(3):
            await scene.all_write()
        record = {"_id": 5, "odoo_url": "https://a.example", "odoo_password": "senha do registro"}
        told = await called(client, "POST", address["path"], record)
        assert told["status"] == "spooled"
        assert all(len(one.acknowledged) == 4 for one in scene.customers)
        assert await readiness(client) == (200, "spooling")
        assert await spooled(client) == 3 * CUSTOMERS + 1
        async with client.get("/configs/loja/retail/config") as response:
            assert response.status == 503
        kill(hub)
    disk = b"".join(
        path.read_bytes() for path in (scene.folder / "var").iterdir() if "spool" in path.name
    )
    for secret in ("Pergunta", "senha do registro", address["path"], hub.api_key):
        assert secret.encode() not in disk
    await scene.gate.open()
    async with scene.hub("--workers", "2") as hub, hub.client() as client:
        # They go behind those that wait.
        await scene.all_write()
        await scene.until_answered()
        await scene.chatwoot.events_told()
        while await readiness(client) != (200, "ready"):
            await asyncio.sleep(0.05)
        assert await broken_promises(scene, client) == []
        config = await called(client, "GET", "/configs/loja/retail/config")
        assert config["version"] == 2


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_twelve_seconds_without_a_store_under_load_lose_nothing(
    scene: Scene, workers: str
) -> None:
    writing = True

    async def write(customer: Customer) -> None:
        while writing:
            await customer.write(scene.webhook)
            while customer.unanswered() > 40 and writing:
                await asyncio.sleep(0.01)

    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(scene.hub("--workers", workers))
        async with hub.client() as client:
            await set_up(scene, client)
        tasks = [asyncio.create_task(write(one)) for one in scene.customers]
        await asyncio.sleep(2)
        await scene.gate.close()
        await asyncio.sleep(6)
        kill(hub)
        await asyncio.sleep(6)
        await scene.gate.open()
        hub = await stack.enter_async_context(scene.hub("--workers", workers))
        await asyncio.sleep(2)
        await scene.gate.close()
        await asyncio.sleep(12)
        await scene.gate.open()
        await asyncio.sleep(3)
        writing = False
        await asyncio.gather(*tasks)
        async with hub.client() as client:
            # What a killed process, or one without a store, had in hand comes back by its lease.
            while await readiness(client) != (200, "ready") or any(
                one["due_at"] for one in await rows(client)
            ):
                await asyncio.sleep(1)
            await scene.chatwoot.events_told()
            assert await broken_promises(scene, client) == []
