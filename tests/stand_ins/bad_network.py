"""
A way to a hub that does to answers whatever networks, proxies and crashes do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Final

FAULTS: Final = (
    "reset",
    "slow",
    "cut",
    "old",
    "error",
    "page",
    "noise",
    "empty",
    "other",
    "redirect",
)


def _plain(status: str, body: str, kind: str = "application/json") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        f"Connection: close\r\n\r\n{body}"
    ).encode()


_CANNED: Final = {
    "error": _plain("500 Internal Server Error", "boom", "text/plain"),
    "page": _plain("404 Not Found", "<html>no such backend</html>", "text/html"),
    "noise": b"\x00\xffnot HTTP at all\r\n\r\n",
    "empty": _plain("200 OK", "{}"),
    "other": _plain("200 OK", '{"tenant_id": "other", "version": 99, "json_data": []}'),
    "redirect": _plain("302 Found", "", "text/html"),
}


class BadNetwork:
    """
    Listens on *port*, and passes requests on to the hub at *hub_port*, as *faults* allow.
    """

    def __init__(self, hub_port: int, random: Random) -> None:
        self.hub_port = hub_port
        self.random = random
        # The share of requests that a fault happens to, and the faults that may.
        self.share = 0.0
        self.faults: tuple[str, ...] = FAULTS
        self.port = 0
        self.requests: list[str] = []
        self._old: dict[bytes, bytes] = {}
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """
        Nobody listens any more, and open connections end.
        """
        if self._server is not None:
            self._server.close()
            self._server = None
            while self._open:
                for writer in self._open:
                    writer.transport.abort()
                await asyncio.sleep(0.001)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with suppress(OSError, EOFError):
            await self._answer(reader, writer)
        writer.close()
        self._open.discard(writer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line = head.partition(b"\r\n")[0]
        self.requests.append(line.decode())
        length = 0
        for field in head.lower().split(b"\r\n"):
            if field.startswith(b"content-length:"):
                length = int(field.partition(b":")[2])
        body = await reader.readexactly(length)
        fault = ""
        if self.random.random() < self.share:
            fault = self.random.choice(self.faults)
        if fault == "reset":
            writer.transport.abort()
            return
        if fault in _CANNED:
            writer.write(_CANNED[fault])
            await writer.drain()
            return
        if fault == "slow":
            await asyncio.sleep(self.random.uniform(0.1, 3))
        answer = self._old.get(line, b"") if fault == "old" else b""
        if not answer:
            answer = await self._passed_on(
                head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + body
            )
            if b"\r\n\r\n{" in answer:
                self._old.setdefault(line, answer)
        if fault == "cut":
            writer.write(answer[: self.random.randrange(len(answer))])
            await writer.drain()
            writer.transport.abort()
            return
        writer.write(answer)
        await writer.drain()

    async def _passed_on(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.hub_port)
        self._open.add(writer)
        try:
            writer.write(request)
            return await reader.read()
        finally:
            self._open.discard(writer)
            writer.close()


@asynccontextmanager
async def bad_network(hub_port: int, seed: int = 0) -> AsyncIterator[BadNetwork]:
    network = BadNetwork(hub_port, Random(seed))
    await network.start()
    try:
        yield network
    finally:
        await network.stop()
