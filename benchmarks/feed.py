"""
Listeners of the feed, and what they cost those who write.

``python -m benchmarks.feed PORT`` is the process of listeners that do nothing with what they hear.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median, quantiles
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.figures import Figure, at_least, at_most
from benchmarks.load import request, send
from benchmarks.over_http import credentials_event
from benchmarks.processes import API_KEY, Server, hub

_HEADERS = {"X-API-Key": API_KEY}
_LISTENERS = 1000
_ROUNDS = 5
_WRITES = 2000
_EVENT = b"event: change"


class _Listener(asyncio.Protocol):
    """
    One connection to the stream of changes; *heard* gets the time of each change.
    """

    def __init__(self, heard: list[float]) -> None:
        self.connected = asyncio.get_running_loop().create_future()
        self._heard = heard

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(request("GET", "/v1/changes/stream?kind=config", headers=_HEADERS))

    def data_received(self, data: bytes) -> None:
        if not self.connected.done():
            assert b" 200 " in data
            self.connected.set_result(None)
        now = perf_counter()
        self._heard += [now] * data.count(_EVENT)


async def _listen(port: int) -> None:
    """
    Listen as long as standard input is open, and give way to everybody else meanwhile.
    """
    os.nice(19)
    async with _listeners(port, _LISTENERS, []):
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


@contextmanager
def _elsewhere(server: Server) -> Iterator[None]:
    """
    A thousand listeners in a process of their own, as they are in other programs.
    """
    command = [sys.executable, "-m", "benchmarks.feed", str(server.port)]
    with Popen(command, stdin=PIPE, stdout=PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline()
        yield
        process.stdin.close()


@asynccontextmanager
async def _listeners(port: int, count: int, heard: list[float]) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    made = []
    for _ in range(count):
        _, listener = await loop.create_connection(lambda: _Listener(heard), "127.0.0.1", port)
        await listener.connected
        made.append(listener)
    try:
        yield
    finally:
        for listener in made:
            listener.transport.close()


def _write(server: Server, first: int, count: int, connections: int = 1) -> float:
    """
    Change so many configs; events a second.
    """
    requests = [
        request(
            "POST", "/odoo-webhook", headers=_HEADERS, body=credentials_event(number % 200, number)
        )
        for number in range(first, first + count)
    ]
    load = send(server.port, requests, count=count, connections=connections)
    assert set(load.statuses) == {200}, load.statuses
    return load.rate


def listening() -> Iterator[Figure]:
    """
    A thousand listeners of all changes.
    """
    with (
        TemporaryDirectory() as folder,
        hub(Path(folder) / "hub", ODOO_AI_CONFIG_CONNECTIONS_PER_ADDRESS="0") as server,
    ):
        yield from asyncio.run(_figures(server))


async def _figures(server: Server) -> list[Figure]:
    _write(server, 0, 500)
    heard: list[float] = []
    delays: list[float] = []
    async with _listeners(server.port, _LISTENERS, heard):
        for number in range(50):
            heard.clear()
            await asyncio.to_thread(_write, server, 1000 + number, 1)
            written = perf_counter()
            while len(heard) < _LISTENERS:  # noqa: ASYNC110 - an event would be in its way
                await asyncio.sleep(0.001)
            delays += [at - written for at in heard]
            # Not in step with the looks of the server.
            await asyncio.sleep(0.1 + number / 1000)
    ratios, details, added = [], [], []
    for round_ in range(_ROUNDS):
        first = 10_000 * (round_ + 1)
        alone, _ = await _written(server, first)
        with _elsewhere(server):
            rate, _ = await _written(server, first + 2000)
        ratios.append(rate / alone)
        details.append(f"{rate:.0f}/s; {alone:.0f}/s")
        _, spent = await _written(server, first + 4000, connections=16)
        async with _listeners(server.port, 1, heard):
            _, listened = await _written(server, first + 6000, connections=16)
        added.append((listened - spent) / _WRITES * 1e6)
    return [
        at_most(
            f"a change reaches {_LISTENERS} listeners, p99",
            100,
            quantiles(delays, n=100)[98] * 1000,
            "ms",
            f"median {median(delays) * 1000:.1f} ms, at most {max(delays) * 1000:.1f} ms",
        ),
        at_least(
            f"credentials_sync, one connection, {_LISTENERS} listeners / nobody listens",
            0.9,
            ratios,
            details[-1],
        ),
        at_most(
            "processor time that a listener adds to each commit, 16 connections",
            20,
            median(added),
            "µs",
            f"{min(added):.0f} to {max(added):.0f}",
        ),
    ]


async def _written(server: Server, first: int, connections: int = 1) -> tuple[float, float]:
    """
    Events a second, and the processor time that the server has for all of them, in seconds.
    """
    before = server.processor_seconds()
    rate = await asyncio.to_thread(_write, server, first, _WRITES, connections)
    return rate, server.processor_seconds() - before


if __name__ == "__main__":
    asyncio.run(_listen(int(sys.argv[1])))
