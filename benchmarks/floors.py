"""
The floors: aiohttp servers that do the least possible for the same work. Also the services that
the hub calls; they answer at once.

Run as ``python -m benchmarks.floors hello FILE`` or ``... naive FILE``; prints its port.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.Response]]


def hello(body: Path) -> Handler:
    """
    Answer every request with the same bytes.
    """
    content = body.read_bytes()

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=content, content_type="application/json")

    return answer


def unchanged(_body: Path) -> Handler:
    """
    Answer every request with 304 and an ETag, as cheaply as possible.
    """

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=304, headers={"ETag": '"1"'})

    return answer


def naive(database: Path) -> Handler:
    """
    Store each body in its own durable SQLite transaction; no checks, no encryption.
    """
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS bodies (id INTEGER PRIMARY KEY, body BLOB)")

    async def store(request: web.Request) -> web.Response:
        body = await request.read()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO bodies (body) VALUES (?)", (body,))
        connection.execute("COMMIT")
        return web.json_response({"success": True})

    return store


def others(_file: Path) -> Handler:
    """
    A crew and a Chatwoot in one, which answer at once. A GET returns what was posted, and when.
    """
    posted: list[float] = []

    async def answer(request: web.Request) -> web.Response:
        if request.method == "GET":
            seconds = posted[-1] - posted[0] if posted else 0.0
            return web.json_response({"posted": len(posted), "seconds": seconds})
        await request.read()
        if request.path == "/crew":
            return web.json_response({"answer": {"text": "Das 8 às 18."}})
        posted.append(perf_counter())
        return web.json_response({"id": len(posted)})

    return answer


async def _serve(handler: Handler) -> None:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def _main() -> None:
    kinds = {"hello": hello, "unchanged": unchanged, "naive": naive, "others": others}
    asyncio.run(_serve(kinds[sys.argv[1]](Path(sys.argv[2]))))


if __name__ == "__main__":
    _main()
