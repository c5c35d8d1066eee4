"""
While the hub is killed, slow, and answers errors, noise and cut bodies, every read is answered.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from odoo_ai_config.client import open_hub
from odoo_ai_config.client.remote_hub import RemoteHub
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.library import Hub
from tests.stand_ins.bad_network import BadNetwork, bad_network
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.web_hub import serving


async def write_on(hub: Hub, written: list[int]) -> None:
    while True:
        number = written[-1] + 1
        await hub.sync_credentials(account_id="acme", token="ref", name=str(number))
        await hub.sync_mapping(
            chatwoot_account_id="1",
            tenant="acme",
            special_whatsapp_numbers={"+5511999999999": str(number)},
        )
        written.append(number)
        await asyncio.sleep(0.02)


async def read_on(hub: RemoteHub, seen: list[int]) -> None:
    while True:
        config = await hub.config("acme")
        assert isinstance(config["name"], str)
        seen.append(int(config["name"]))
        await asyncio.sleep(0.01)


async def route_on(hub: RemoteHub, seen: list[int]) -> None:
    while True:
        seen.append(int((await hub.route("1", None, "5511999999999")).crew or ""))
        await asyncio.sleep(0.01)


async def open_on(hub: RemoteHub, seen: list[str]) -> None:
    while True:
        seen.append((await hub.credential("acme", "default", "ref")).reveal())
        await asyncio.sleep(0.01)


async def kill_on(network: BadNetwork) -> None:
    while True:
        await asyncio.sleep(network.random.uniform(0.3, 1))
        await network.stop()
        await asyncio.sleep(network.random.uniform(0.05, 0.5))
        await network.start()


async def storm(seconds: float, folder: Path) -> None:
    async with serving(MemoryHub(), HttpOptions(version="1")) as web:
        port = web.client.server.port
        assert port is not None
        here, written = Hub(web.services), [0]
        await here.sync_credentials(account_id="acme", token="ref", odoo_password="senha")
        writer = asyncio.create_task(write_on(here, written))
        while len(written) < 2:
            await asyncio.sleep(0.01)
        async with (
            bad_network(port) as network,
            open_hub(
                f"http://127.0.0.1:{network.port}",
                api_key=web.key,
                deadline=1,
                patience=0.05,
                refresh=0.05,
                cache_dir=folder,
            ) as hub,
        ):
            configs: list[int] = []
            crews: list[int] = []
            secrets: list[str] = []
            await hub.config("acme")
            await hub.route("1")
            await hub.credential("acme", "default", "ref")
            network.share = 0.7
            tasks = [
                asyncio.create_task(work)
                for work in (
                    read_on(hub, configs),
                    read_on(hub, configs),
                    route_on(hub, crews),
                    open_on(hub, secrets),
                    kill_on(network),
                )
            ]
            end = time.monotonic() + seconds
            latest = end + 60
            # On a slow machine it takes longer until a reader learns something.
            while not any(task.done() for task in tasks) and (
                time.monotonic() < end or (len(set(configs)) <= 2 and time.monotonic() < latest)
            ):
                await asyncio.wait(tasks, timeout=0.25, return_when=asyncio.FIRST_EXCEPTION)
            network.share = 0.0
            for task in (writer, *tasks[3:]):
                task.cancel()
            await asyncio.gather(writer, *tasks[3:], return_exceptions=True)
            await network.stop()
            await network.start()
            deadline, last = time.monotonic() + 20, [written[-1]] * 2
            while time.monotonic() < deadline:
                if hub.stale_since is None and configs[-1:] + crews[-1:] == last:
                    break
                await asyncio.sleep(0.05)
            assert hub.stale_since is None
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert [one for one in results if not isinstance(one, asyncio.CancelledError)] == []
            assert configs == sorted(configs)
            assert crews == sorted(crews)
            assert (configs[-1], crews[-1]) == (written[-1], written[-1])
            assert set(secrets) == {"senha"}
            # It did learn something meanwhile.
            assert len(set(configs)) > 2


async def test_no_read_fails_or_goes_back_in_time(tmp_path: Path) -> None:
    await storm(4, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_no_read_fails_or_goes_back_in_time_for_minutes(tmp_path: Path) -> None:
    await storm(300, tmp_path)
