"""
Invalid requests, and limits on the number and slowness of connections.
"""

from __future__ import annotations

import asyncio
import json
import re
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import pytest
from aiohttp import web as web_
from structlog.testing import capture_logs

from odoo_ai_config.entrypoints.http.platform import connections
from odoo_ai_config.entrypoints.http.platform.connections import ConnectionLimits
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from tests.source_tree import ROOT
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.web_hub import WebHub, serving

CANARY = b"canario"
HOST = b"Host: hub\r\n"
LAST = b"Connection: close\r\n\r\n"


async def said_to(web: WebHub, sent: bytes) -> bytes:
    """
    Everything that the hub answers to *sent* before it closes the connection.
    """
    async with opened(web) as (reader, writer):
        writer.write(sent)
        return await reader.read()


@asynccontextmanager
async def opened(
    web: WebHub, **options: Any
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    server = web.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port, **options)
    try:
        yield reader, writer
    finally:
        writer.close()


def problem_in(answer: bytes) -> tuple[int, str]:
    """
    Status and code of an answer, which must be a problem document.
    """
    head, _, body = answer.partition(b"\r\n\r\n")
    headers = head.decode().split("\r\n")
    problem = json.loads(body)
    assert set(problem) == {"type", "title", "status", "detail", "code", "request_id"}
    assert "Content-Type: application/problem+json" in headers
    assert "Server: odoo-ai-config" in headers
    assert f"X-Request-ID: {problem['request_id']}" in headers
    assert "Cache-Control: no-store" in headers
    assert not re.search(rb"aiohttp|python", answer, re.IGNORECASE)
    assert CANARY not in answer.lower()
    assert int(headers[0].split()[1]) == problem["status"]
    return problem["status"], problem["code"]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"canario\r\n\r\n", id="no request line"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00canario\r\n\r\n", id="TLS"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
        pytest.param(b"CANARIO / HTTP/1.1\r\n" + HOST + b"\r\n", id="method"),
        pytest.param(b"get / HTTP/1.1\r\n" + HOST + b"\r\n", id="method in lower case"),
        pytest.param(b"GET / HTTP/1.1\r\ncanario\r\n\r\n", id="header without a colon"),
        pytest.param(b"GET / HTTP/1.1\r\nCanario : x\r\n\r\n", id="blank before the colon"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"A: canario\x00\r\n\r\n", id="NUL"),
        pytest.param(b"GET /\x00canario HTTP/1.1\r\n" + HOST + b"\r\n", id="NUL in the path"),
        pytest.param(b"GET /canario HTTP/1.1\r\n\r\n", id="no host"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", id="two hosts"),
        pytest.param(b"GET /" + CANARY * 1500 + b" HTTP/1.1\r\n", id="long request line"),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + CANARY * 1500 + b"\r\n", id="long header"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"A: canario\r\n" * 200 + b"\r\n", id="many headers"),
        pytest.param(
            b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: canario\r\n\r\n", id="length"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", id="negative length"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            id="two lengths",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\n"
            + HOST
            + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            id="smuggling",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\ncanario\r\n",
            id="chunk",
        ),
        pytest.param(b"GET canario HTTP/1.1\r\n" + HOST + b"\r\n", id="no path"),
        pytest.param(b"GET http:// HTTP/1.1\r\n" + HOST + b"\r\n", id="no authority"),
        pytest.param(b"GET http://[::1]:80@/ HTTP/1.1\r\n" + HOST + b"\r\n", id="no host in it"),
        pytest.param(b"GET http://[canario HTTP/1.1\r\n" + HOST + b"\r\n", id="half an address"),
    ],
)
async def test_what_is_no_request_gets_the_same_problem_document(web: WebHub, sent: bytes) -> None:
    assert await refusal_of(web, sent) == (400, "malformed_request")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET /canario\r\n\r\n", id="HTTP/0.9"),
        pytest.param(b"GET /canario HTTP/2.0\r\n\r\n", id="another version"),
        pytest.param(b"GET //[canario HTTP/1.1\r\n" + HOST + LAST, id="half an address, path"),
        pytest.param(b"CONNECT canario HTTP/1.1\r\n" + HOST + LAST, id="half a tunnel"),
    ],
)
async def test_what_is_hardly_a_request_finds_nothing(web: WebHub, sent: bytes) -> None:
    assert await refusal_of(web, sent) == (404, "route_not_found")


async def refusal_of(web: WebHub, sent: bytes) -> tuple[int, str]:
    with capture_logs() as logs:
        answer = await said_to(web, sent)
    (line,) = logs
    assert line["event"] == "request_refused"
    assert CANARY.decode() not in str(line).lower()
    return problem_in(answer)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"GET /%0A HTTP/1.1", 404),
        (b"GET /health%0A HTTP/1.1", 404),
        (b"POST /mapping%0d%0a HTTP/1.1", 404),
        (b"GET /a%0Bb%0C%1C%C2%85%E2%80%A8%E2%80%A9 HTTP/1.1", 404),
        (b"OPTIONS * HTTP/1.1", 404),
        (b"CONNECT canario:443 HTTP/1.1", 404),
        (b"GET /canario/../../.. HTTP/1.1", 404),
        (b"GET http://canario HTTP/1.1", 404),
        (b"GET http://canario/canario HTTP/1.1", 404),
        (b"GET /canario#canario HTTP/1.1", 404),
        (b"GET /?canario#canario HTTP/1.1", 200),
        (b"GET /%ff%00canario HTTP/1.1", 404),
    ],
)
@pytest.mark.parametrize("expect", [b"", b"Expect: canario\r\n", b"Expect: 100-continue\r\n"])
async def test_no_path_escapes(web: WebHub, line: bytes, expected: int, expect: bytes) -> None:
    answer = await said_to(web, line + b"\r\n" + HOST + expect + b"Connection: close\r\n\r\n")
    answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    if expected == 200:
        # Only the root, which identifies the hub.
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["name"] == "odoo-ai-config"
    else:
        assert problem_in(answer) == (expected, "route_not_found")


async def test_refused_connections_and_paths_are_counted(web: WebHub) -> None:
    await said_to(web, b"canario\r\n\r\n")
    await said_to(web, b"OPTIONS * HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    shown = await (await web.get("/metrics")).text()
    labels = 'http_requests_total{method="any",route="/{path}",status='
    assert f'{labels}"400"}} 1.0' in shown
    assert f'{labels}"404"}} 1.0' in shown


async def test_what_is_no_request_is_the_last_to_be_answered(web: WebHub) -> None:
    good = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"
    async with opened(web) as (reader, writer):
        writer.write(good)
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.write(b"canario\r\n\r\n" + good)
        assert problem_in(await reader.read()) == (400, "malformed_request")


async def test_what_comes_together_with_what_is_no_request_is_not_answered(web: WebHub) -> None:
    good = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"
    answer = await said_to(web, good + b"canario\r\n\r\n" + good)
    assert problem_in(answer) == (400, "malformed_request")


async def test_headers_that_do_not_come_end_the_connection() -> None:
    with capture_logs() as logs:
        async with serving(MemoryHub(), HttpOptions(version="1", header_seconds=0.1)) as web:
            assert await said_to(web, b"") == b""
            assert await said_to(web, b"GET / HTTP/1.1\r\nHost: h") == b""
            assert await said_to(web, b"GET / HTTP/1.1\r\nHost: h") == b""
    about = {"log_level": "warning", "event": "headers_late"}
    assert logs == [
        {**about, "connections": 1, "address": "127.0.0.1", "limit": 0.1},
        {**about, "connections": 2},
    ]


async def test_bytes_that_trickle_buy_no_time() -> None:
    async with (
        serving(MemoryHub(), HttpOptions(version="1", header_seconds=0.2)) as web,
        opened(web) as (reader, writer),
    ):
        writer.write(b"GET / HTTP/1.1\r\n")
        ended = asyncio.create_task(reader.read())
        while not ended.done():
            writer.write(b"A: b\r\n")
            await asyncio.sleep(0.01)
        # Writes after the end may be answered with a reset.
        assert isinstance(ended.exception(), ConnectionError) or ended.result() == b""


async def test_a_connection_between_requests_is_not_late() -> None:
    request = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"
    async with (
        serving(MemoryHub(), HttpOptions(version="1", header_seconds=0.1)) as web,
        opened(web) as (reader, writer),
    ):
        for _ in range(2):
            writer.write(request)
            assert b"200 OK" in await reader.readuntil(b"}")
            await asyncio.sleep(0.3)
        # But the next request has as much time as the first.
        writer.write(request[:10])
        assert await reader.read() == b""


async def test_a_body_is_not_late_headers() -> None:
    async with (
        serving(MemoryHub(), HttpOptions(version="1", header_seconds=0.1)) as web,
        opened(web) as (reader, writer),
    ):
        head = f"POST /odoo-webhook HTTP/1.1\r\nHost: h\r\nX-API-Key: {web.key}\r\n"
        writer.write(f"{head}Content-Length: 2\r\n\r\n{{".encode())
        await asyncio.sleep(0.3)
        writer.write(b"}")
        assert b"unknown_event" in await reader.readuntil(b"}")


async def test_a_body_that_comes_at_once_is_not_late_headers() -> None:
    async with (
        serving(MemoryHub(), HttpOptions(version="1", header_seconds=0.1)) as web,
        opened(web) as (reader, writer),
    ):
        writer.write(b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n")
        assert b"200 OK" in await reader.readuntil(b"}")
        runner = web.client.server.runner
        assert runner is not None
        assert isinstance(runner.server, web_.Server)
        (connection,) = runner.server.connections
        head = f"POST /odoo-webhook HTTP/1.1\r\nHost: h\r\nX-API-Key: {web.key}\r\n"
        # As uvloop does: the second packet comes before the request is handled.
        connection.data_received(f"{head}Content-Length: 3\r\n\r\n".encode())
        connection.data_received(b"{")
        await asyncio.sleep(0.3)
        writer.write(b" }")
        assert b"unknown_event" in await reader.readuntil(b"}")


async def test_one_address_has_so_many_connections_and_no_more() -> None:
    async with serving(MemoryHub(), HttpOptions(version="1", connections_per_address=3)) as web:
        assert (await web.get("/health")).status == 200
        with capture_logs() as logs:
            async with opened(web), opened(web) as (_, second):
                assert await said_to(web, b"") == b""
                assert await said_to(web, b"GET / HTTP/1.1\r\n") == b""
                # The client's own connection is one of them.
                assert (await web.get("/health")).status == 200
                async with opened(web, local_addr=("127.0.0.2", 0)) as (reader, writer):
                    writer.write(b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n")
                    assert b"200 OK" in await reader.readuntil(b"}")
                second.close()
                await second.wait_closed()
                while b"200 OK" not in await said_to(
                    web, b"GET /health HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"
                ):
                    await asyncio.sleep(0.01)
    assert [(line["event"], line["connections"]) for line in logs[:1]] == [
        ("connection_refused", 1)
    ]
    assert logs[0]["address"] == "127.0.0.1"


async def test_no_limit_is_no_limit() -> None:
    async with (
        serving(MemoryHub(), HttpOptions(version="1", connections_per_address=0)) as web,
        opened(web),
        opened(web),
    ):
        assert (await web.get("/health")).status == 200


async def test_what_goes_on_is_told_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_QUIET_SECONDS", 0.05)
    limits = ConnectionLimits(HttpOptions(version="1"))
    with capture_logs() as logs:
        for _ in range(1000):
            limits.late("192.0.2.1")
        while len(logs) < 2:
            await asyncio.sleep(0.01)
        limits.late("192.0.2.2")
        limits.tell_the_rest()
    assert [line["connections"] for line in logs] == [1, 999, 1]


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        (("192.0.2.1", 1), "192.0.2.1"),
        (("::ffff:192.0.2.1", 1, 0, 0), "192.0.2.1"),
        (("2001:db8:1:2:3:4:5:6", 1, 0, 0), "2001:db8:1:2::"),
        (("fe80::1%eth0", 1, 0, 2), "fe80::"),
        ("", ""),
        (None, ""),
    ],
)
def test_whom_a_connection_counts_for(peer: Any, address: str) -> None:
    transport = asyncio.BaseTransport({"peername": peer})
    assert connections._address_of(transport) == address


RESTS_ON = {
    web_.AppRunner: {"_kwargs", "_make_server", "_cleanup_server"},
    web_.Server: {"_kwargs", "_loop", "request_factory", "request_handler"},
    web_.RequestHandler: {
        "_current_request",
        "_loop",
        "_parser",
        "_request_count",
        "_waiter",
        "finish_response",
        "force_close",
        "handle_error",
    },
}


async def test_aiohttp_has_what_is_used_of_it_beyond_its_interface() -> None:
    runner = web_.AppRunner(web_.Application())
    await runner.setup()
    server = runner.server
    assert server is not None
    for made in (runner, server, server()):
        missing = {name for name in RESTS_ON[type(made)] if not hasattr(made, name)}
        assert missing == set()
    await runner.cleanup()


def test_no_aiohttp_is_let_in_that_was_not_tried() -> None:
    major, minor, *_ = map(int, version("aiohttp").split("."))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert f"aiohttp>={major}.{minor},<{major}.{minor + 1}" in project["dependencies"]


@pytest.mark.parametrize("most", [2, 4096])
async def test_path_that_came_before_is_answered_alike(
    web: WebHub, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(connections, "_MAX_PATHS", most)
    for tenant in ("acme", "other", "third"):
        await web.post(f"/configs/{tenant}/default/notes", {"yaml_content": f"of: {tenant}"})
    for expect in ("", "100-continue", ""):
        for tenant in ("acme", "other", "third"):
            headers = {"Expect": expect} if expect else {}
            answer = await web.get(f"/configs/{tenant}/default/notes", **headers)
            assert answer.status == 200
            assert f"of: {tenant}" in await answer.text()
            assert (await web.ask("DELETE", "/health")).status == 405
