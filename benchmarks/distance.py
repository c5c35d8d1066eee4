"""
A server that is far away: a proxy that keeps every byte for a while, in both directions.

Run as ``python -m benchmarks.distance HOST PORT SECONDS``; prints its port.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def away(host: str, port: int, seconds: float) -> AsyncIterator[int]:
    """
    Serve *host*:*port* from *seconds* away, there and back, and yield the port.
    """

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(host, port)
        try:
            await asyncio.gather(
                _carry(reader, there_writer, seconds / 2),
                _carry(there_reader, writer, seconds / 2),
                return_exceptions=True,
            )
        finally:
            writer.transport.abort()
            there_writer.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float
) -> None:
    # What follows is on its way before what is ahead arrives, as on a long wire.
    on_its_way = asyncio.Queue[tuple[float, bytes]]()
    loop = asyncio.get_running_loop()

    async def arrive() -> None:
        while True:
            at, chunk = await on_its_way.get()
            await asyncio.sleep(at - loop.time())
            writer.write(chunk)
            await writer.drain()

    arriving = asyncio.create_task(arrive())
    try:
        while chunk := await reader.read(65536):
            on_its_way.put_nowait((loop.time() + seconds, chunk))
        await asyncio.sleep(2 * seconds)
    finally:
        arriving.cancel()
        writer.close()


async def _serve(host: str, port: int, seconds: float) -> None:
    async with away(host, port, seconds) as own:
        print(own, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
