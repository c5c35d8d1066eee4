"""
Clients without a key cannot keep the hub from serving others.
"""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bomb import bomb
from tests.e2e.hub_process import HubProcess, environment, serving

MANY = 999
USUAL_LIMIT = 1024
LIMIT = 512
HEALTH = b"GET /health HTTP/1.1\r\nHost: hub\r\n\r\n"
# On Linux, all of 127.0.0.0/8 is this machine.
ANOTHER_ADDRESS = ("127.0.0.2", 0)


@contextmanager
def open_files(limit: int) -> Iterator[None]:
    """
    Limit the open files of this process and its children to *limit*.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def connected(
    hub: HubProcess, sent: bytes, **options: Any
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port, **options)
    writer.write(sent)
    return reader, writer


async def healthy(hub: HubProcess, **options: Any) -> bool:
    reader, writer = await connected(hub, HEALTH, **options)
    try:
        return b"200 OK" in await reader.readuntil(b"}")
    except (asyncio.IncompleteReadError, ConnectionError):
        return False
    finally:
        writer.close()


def logged(hub: HubProcess, event: str) -> list[dict[str, Any]]:
    lines = (hub.folder / "stderr.txt").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["event"] == event]


@pytest.mark.parametrize("arguments", [(), ("--workers", "2")], ids=["one process", "workers"])
async def test_what_would_unpack_to_a_thousand_times_its_size_is_not_unpacked(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    with serving(tmp_path, *arguments) as hub:
        for path, key, status in [
            ("/health", "", 415),
            ("/odoo-webhook", "", 415),
            ("/odoo-webhook", hub.api_key, 415),
            ("/nowhere", "", 415),
            ("/webhook/token", "", 415),
            ("/api/v1/collections/products?account_id=1", "", 401),
            ("/api/v1/nowhere", "", 404),
            ("/api/v1/collections/products?account_id=1", hub.api_key, 413),
        ]:
            head = (
                f"PUT {path} HTTP/1.1\r\nHost: hub\r\nX-API-Key: {key}\r\n"
                "Content-Type: application/json\r\nContent-Encoding: deflate\r\n"
                f"Content-Length: {len(bomb())}\r\n\r\n"
            ).replace("PUT", "PUT" if "/api/" in path else "POST")
            reader, writer = await connected(hub, head.encode() + bomb())
            assert await healthy(hub)
            answer = await reader.readuntil(b"\r\n")
            assert answer.split()[1] == str(status).encode(), (path, answer)
            writer.close()


async def test_half_sent_headers_of_one_address_leave_room_for_others(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with open_files(USUAL_LIMIT):
            # The limit of connections ends them, not the time that this takes.
            env = environment(ODOO_AI_CONFIG_HEADER_SECONDS="3600")
            hub = stack.enter_context(serving(tmp_path, env=env))
        stack.enter_context(open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        half = [await connected(hub, b"GET / HTTP/1.1\r\nHost: h") for _ in range(MANY)]
        assert await healthy(hub, local_addr=ANOTHER_ADDRESS)
        assert not await healthy(hub)
        for reader, writer in half[LIMIT:]:
            assert await ended(reader)
            writer.close()
        for reader, writer in half[:LIMIT]:
            assert not reader.at_eof()
            writer.close()
        # As soon as those are closed, there is room again.
        while not await healthy(hub):
            await asyncio.sleep(0.05)
    (start,) = logged(hub, "open_files")
    assert start["before"] == USUAL_LIMIT
    assert start["limit"] > USUAL_LIMIT
    lines = logged(hub, "connection_refused")
    assert sum(line["connections"] for line in lines) >= MANY - LIMIT + 1
    assert len(lines) <= 2


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("arguments", [(), ("--workers", "2")], ids=["one process", "workers"])
async def test_headers_that_do_not_come_are_not_waited_for(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    env = environment(ODOO_AI_CONFIG_HEADER_SECONDS="1")
    with serving(tmp_path, *arguments, env=env) as hub:
        half = [await connected(hub, b"GET / HTTP/1.1\r\nHost: h") for _ in range(20)]
        for reader, writer in half:
            assert await reader.read() == b""
            writer.close()
        assert await healthy(hub)
    lines = logged(hub, "headers_late")
    assert sum(line["connections"] for line in lines) == len(half)
    assert len(lines) <= 2 * (2 if arguments else 1)


async def test_what_is_no_request_is_answered_like_one(tmp_path: Path) -> None:
    with serving(tmp_path) as hub:
        reader, writer = await connected(hub, b"canario\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
    assert json.loads(body)["code"] == "malformed_request"
    assert b"\r\nServer: odoo-ai-config" in head
    assert b"canario" not in head + body
