"""
A client gets another id while its customers write, with kill -9 between any two steps.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.customers import (
    Customer,
    Shop,
    broken_promises,
    connect,
    database_of,
    free_port,
    let_pass,
    new_crew,
    until_settled,
)
from tests.e2e.hub_process import HubProcess, environment, run, serving
from tests.e2e.test_erasure import TENANT, fill
from tests.e2e.test_message_crashes import (
    LONG,
    acknowledged_by,
    moody,
    write_until_it_fails,
)
from tests.stand_ins.chatwoot import ChatwootStandIn, Webhook
from tests.stand_ins.crew import answers

CUSTOMERS = 6


async def rename(hub: HubProcess, old: str, new: str) -> int:
    path = f"/v1/tenants/{old}/rename"
    async with hub.client() as client, client.post(path, params={"to": new}) as answer:
        await answer.read()
        return answer.status


async def standing_of(hub: HubProcess, tenant: str) -> str:
    path = f"/v1/tenants/{tenant}/standing"
    async with hub.client() as client, client.get(path) as answer:
        return str((await answer.json())["standing"])


@pytest.mark.parametrize(
    "rounds",
    [3, pytest.param(30, marks=[pytest.mark.long, pytest.mark.timeout(1800)])],
)
async def test_customers_of_a_renamed_client_are_answered_once_and_in_order(
    rounds: int, tmp_path: Path
) -> None:
    chance = random.Random(rounds)
    port = free_port()
    variables = environment(
        ODOO_AI_CONFIG_PUBLIC_URL=f"http://127.0.0.1:{port}",
        ODOO_AI_CONFIG_PRIVATE_TARGETS="127.0.0.0/8",
    )
    database, name = database_of(tmp_path), "loja-0"
    async with AsyncExitStack() as stack:
        chatwoot = await stack.enter_async_context(ChatwootStandIn(slowness=0.02).open())
        webhook = Webhook(f"http://127.0.0.1:{port}/webhook")
        chatwoot.webhooks.append(webhook)
        crew = await stack.enter_async_context(new_crew().open())
        shop = Shop(name, 1, crew)
        customers = [Customer(chatwoot, shop, 300 + n) for n in range(CUSTOMERS)]
        crew.then = moody(crew, chance)
        for round_ in range(rounds):
            with serving(tmp_path, env=variables, port=port) as hub:
                if round_ == 0:
                    async with hub.client() as client:
                        await connect(client, chatwoot)
                        await shop.open(client)
                enough = acknowledged_by(customers) + 20
                tasks = [
                    asyncio.create_task(write_until_it_fails(customer, webhook))
                    for customer in customers
                ]
                while acknowledged_by(customers) < enough:
                    await asyncio.sleep(0.001)
                new = f"loja-{round_ + 1}"
                renaming = asyncio.create_task(rename(hub, name, new))
                await asyncio.sleep(chance.random() * 0.2)
                hub.kill()
                with suppress(aiohttp.ClientError):
                    await renaming
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            let_pass(LONG, database)
            # Without a server, the command goes on with what the server has begun.
            done = run(tmp_path, "tenants", "rename", name, "--to", new, env=variables)
            assert done.returncode == 0, done.stderr
            assert f"com outro identificador ({new})" in done.stdout
            name = new
        crew.then = answers()
        with serving(tmp_path, env=variables, port=port) as hub:
            await until_settled(database)
            await chatwoot.events_told()
            async with hub.client() as client:
                async with client.get(f"/configs/{name}/retail/config") as answer:
                    assert answer.status == 200
                async with client.get("/configs/loja-0/retail/config") as answer:
                    shown = await answer.json()
                    assert (answer.status, shown["code"]) == (410, "tenant_renamed")
                    assert shown["moved_to"] == "loja-1"
                async with client.get("/v1/messages", params={"tenant": "loja-0"}) as answer:
                    assert (await answer.json())["messages"] == []
            assert hub.stop() == 0
    assert broken_promises(customers, database) == []


async def test_server_finishes_a_rename_by_itself(tmp_path: Path) -> None:
    # The server that has been asked for it is killed; another one goes on.
    with serving(tmp_path) as hub:
        await fill(hub)
        renaming = asyncio.create_task(rename(hub, TENANT, "novo"))
        while await standing_of(hub, TENANT) == "active":
            await asyncio.sleep(0)
        hub.kill()
        with suppress(aiohttp.ClientError):
            await renaming
    with serving(tmp_path) as hub:
        while await standing_of(hub, TENANT) != "renamed":
            await asyncio.sleep(0.2)
        assert await rename(hub, TENANT, "novo") == 200
