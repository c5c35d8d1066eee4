"""
What reading a hub over HTTP costs a program: loading, and reads that need no request.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure, at_most
from benchmarks.processes import API_KEY, hub
from odoo_ai_config.client import open_hub
from odoo_ai_config.client.remote_hub import RemoteHub

READS = 20_000
CHANNELS = 300
CHANGES = 300
# The usage of resources would count what the parent had when it forked.
_IMPORT = """
import time
begun = time.perf_counter()
import {module}
took = time.perf_counter() - begun
with open("/proc/self/status") as status:
    memory = next(line.split()[1] for line in status if line.startswith("VmHWM"))
print(took * 1000, int(memory) / 1024)
"""


def loading() -> Iterator[Figure]:
    """
    Importing the client into a fresh interpreter, and what the first `open_hub` loads.
    """
    light, memory = _loaded("odoo_ai_config.client")
    yield at_most("import odoo_ai_config.client", 150, light, "ms")
    yield at_most(
        "memory after it", 35, memory, "MiB", f"Python alone {_loaded('sys')[1]:.1f} MiB"
    )
    opened, memory = _loaded("odoo_ai_config.client.remote_hub")
    aiohttp, its = _loaded("aiohttp")
    yield at_most(
        "what open_hub loads / aiohttp alone", 2, opened / aiohttp, "x", f"{opened:.0f} ms"
    )
    yield at_most(
        "memory of what open_hub loads", 45, memory, "MiB", f"aiohttp alone {its:.1f} MiB"
    )


def reading() -> Iterator[Figure]:
    """
    Reads that are answered from memory, with a feed or within the time that an answer counts.
    """
    with TemporaryDirectory() as text, hub(Path(text) / "hub") as server:
        found = asyncio.run(_read(f"http://127.0.0.1:{server.port}", API_KEY))
    yield at_most("config from the client's cache", 20, found[0], "µs")
    yield at_most("credential from the client's cache", 20, found[1], "µs")
    yield at_most("route in the client, of a number asked for before", 5, found[2], "µs")
    yield at_most("route in the client, of a new number", 10, found[3], "µs")


def hearing() -> Iterator[Figure]:
    """
    From the answer to a write until a callback of another program has read what is new.
    """
    with TemporaryDirectory() as text, hub(Path(text) / "hub") as server:
        found = asyncio.run(_hear(f"http://127.0.0.1:{server.port}", API_KEY))
    detail = f"median {median(found):.0f} ms"
    slowest = sorted(found)[len(found) * 99 // 100]
    yield at_most("a change read by a callback, 99 of 100", 100, slowest, "ms", detail)


async def _hear(url: str, key: str) -> list[float]:
    found: list[float] = []
    heard: asyncio.Queue[tuple[object, float]] = asyncio.Queue()
    async with open_hub(url, api_key=key) as writer, open_hub(url, api_key=key) as reader:
        await writer.sync_credentials(account_id="acme", token="ref", name="0")

        @reader.on_change("config")
        async def renew(_: object) -> None:
            name = (await reader.config("acme"))["name"]
            heard.put_nowait((name, time.perf_counter()))

        # Until the callback listens.
        await asyncio.sleep(1)
        for number in range(1, CHANGES + 1):
            await writer.sync_credentials(account_id="acme", token="ref", name=str(number))
            begun, name = time.perf_counter(), None
            while name != str(number):
                name, at = await heard.get()
            found.append((at - begun) * 1000)
    return found


def _loaded(module: str) -> tuple[float, float]:
    command = [sys.executable, "-c", _IMPORT.format(module=module)]
    runs = [[*map(float, subprocess.check_output(command).split())] for _ in range(7)]
    return median(run[0] for run in runs), median(run[1] for run in runs)


def _number(place: int) -> str:
    return f"55119{88_000_000 + place}"


def _inbox(place: int) -> str:
    return str(1 + place % CHANNELS)


async def _read(url: str, key: str) -> list[float]:
    async with open_hub(url, api_key=key, refresh=3600) as client:
        await client.sync_credentials(account_id="acme", token="ref", odoo_password="senha")
        for place in range(CHANNELS):
            await client.sync_mapping(
                chatwoot_account_id="1",
                chatwoot_inbox_id=_inbox(place),
                tenant="acme",
                special_whatsapp_numbers={_number(place): "sales"},
            )
        calls: list[Callable[[RemoteHub, int], Awaitable[object]]] = [
            lambda client, _: client.config("acme"),
            lambda client, _: client.credential("acme", "default", "ref"),
            lambda client, n: client.route("1", _inbox(n), _number(n % CHANNELS)),
            lambda client, n: client.route("1", _inbox(n), _number(n)),
        ]
        found = []
        for call in calls:
            await call(client, 0)
            rounds = []
            for _ in range(5):
                begun = time.perf_counter()
                for number in range(READS):
                    await call(client, number)
                rounds.append((time.perf_counter() - begun) / READS * 1e6)
            found.append(median(rounds))
        return found
