"""
A program that reads a real hub through crashes, restarts and a restore.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from odoo_ai_config.application.errors import StoreUnavailableError
from odoo_ai_config.client import open_hub
from odoo_ai_config.client.remote_hub import RemoteHub
from odoo_ai_config.domain.feed import Change
from tests.e2e.hub_process import HubProcess, serving


async def write(hub: HubProcess, name: str) -> None:
    async with open_hub(hub.url, api_key=hub.api_key) as writer:
        await writer.sync_credentials(account_id="acme", token="ref", name=name)


async def name_in(hub: RemoteHub) -> object:
    return (await hub.config("acme"))["name"]


async def until_named(hub: RemoteHub, name: str) -> None:
    async with asyncio.timeout(30):
        while await name_in(hub) != name:
            await asyncio.sleep(0.02)


async def until_followed(hub: RemoteHub, *, followed: bool) -> None:
    async with asyncio.timeout(30):
        while hub.cache.following is not followed:
            await asyncio.sleep(0.02)


async def test_reader_goes_on_through_crashes_of_the_hub(tmp_path: Path) -> None:
    heard: list[int | None] = []
    cache = tmp_path / "cache"
    with serving(tmp_path) as first:
        key, url = first.api_key, first.url
        await write(first, "0")
        async with open_hub(url, api_key=key, cache_dir=cache) as hub:

            @hub.on_change("config")
            def hear(change: Change) -> None:
                heard.append(change.version)

            assert await name_in(hub) == "0"
            await until_followed(hub, followed=True)
            first.kill()
            assert await name_in(hub) == "0"
            await until_followed(hub, followed=False)
            assert hub.stale_since is not None
            with serving(tmp_path, port=first.port) as second:
                await write(second, "1")
                await until_named(hub, "1")
                await until_followed(hub, followed=True)
                assert hub.stale_since is None
                async with asyncio.timeout(30):
                    while heard != [2]:
                        await asyncio.sleep(0.02)
                second.kill()
    async with open_hub(url, api_key=key, cache_dir=cache, deadline=1) as hub:
        assert await name_in(hub) == "1"
        assert hub.stale_since is not None
    async with open_hub(url, api_key=key, deadline=1) as hub:
        with pytest.raises(StoreUnavailableError):
            await name_in(hub)


async def test_reader_follows_a_hub_that_was_restored(tmp_path: Path) -> None:
    data, copy = tmp_path / "var", tmp_path / "copy"
    with serving(tmp_path) as server:
        await write(server, "0")
        port, key = server.port, server.api_key
        server.stop()
    shutil.copytree(data, copy)
    with serving(tmp_path, port=port) as server:
        async with open_hub(server.url, api_key=key) as hub:
            for name in ("1", "2"):
                await write(server, name)
                await until_named(hub, name)
                await until_followed(hub, followed=True)
            server.stop()
            shutil.rmtree(data)
            copy.rename(data)
            with serving(tmp_path, port=port):
                # An older version, which the hub's feed explains.
                await until_named(hub, "0")


PROGRAM = """
import sys
from odoo_ai_config.client import open_hub_sync

url, key, folder = sys.argv[1:]
with open_hub_sync(url, api_key=key, cache_dir=folder, deadline=1) as hub:
    print(hub.config("acme")["name"])
"""


async def test_program_that_reads_once_finds_it_again_while_the_hub_is_away(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as server:
        await write(server, "0")
        programs = [
            [sys.executable, "-c", PROGRAM, server.url, server.api_key, str(tmp_path / f"{one}")]
            for one in range(4)
        ]
        for program in programs:
            assert subprocess.check_output(program, text=True) == "0\n"
        server.kill()
    for program in programs:
        assert subprocess.check_output(program, text=True) == "0\n"
