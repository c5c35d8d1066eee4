"""
Request bodies: size, encoding and time limits.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.http_parser import DeflateBuffer

from odoo_ai_config.entrypoints.http.platform import bodies
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from tests.bomb import MEBIBYTE, bomb
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.web_hub import WebHub, serving

COLLECTION = "/api/v1/collections/products?account_id=acme"
ITEMS = json.dumps({"items": [{"id": 1}]}).encode()
RAW_DEFLATE = zlib.compressobj(wbits=-zlib.MAX_WBITS)
BARE = RAW_DEFLATE.compress(ITEMS) + RAW_DEFLATE.flush()


@pytest.fixture(autouse=True)
def _nothing_is_unpacked_by_aiohttp(monkeypatch: pytest.MonkeyPatch) -> None:
    def unpack(*_: Any, **__: Any) -> None:
        raise AssertionError("aiohttp unpacks a body on the event loop")

    monkeypatch.setattr(DeflateBuffer, "__init__", unpack)


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """
    The sizes of the bodies that the hub decompressed.
    """
    lengths: list[int] = []
    real = bodies._unpacked

    def counted(raw: bytes, encoding: str, limit: int) -> bytes:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        body = real(raw, encoding, limit)
        lengths.append(len(body))
        return body

    monkeypatch.setattr(bodies, "_unpacked", counted)
    return lengths


async def code_of(answer: ClientResponse) -> tuple[int, str]:
    return answer.status, (await answer.json(content_type=None))["code"]


async def put(web: WebHub, data: Any, encoding: str) -> ClientResponse:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    return await web.ask("PUT", COLLECTION, data=data, headers=headers)


@pytest.mark.parametrize("key", ["good", "none", ""])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health"),
        ("POST", "/health"),
        ("POST", "/odoo-webhook"),
        ("POST", "//odoo-webhook/"),
        ("POST", "/webhook/token"),
        ("POST", "/v1/messages/1/answer"),
        ("PATCH", "/configs/a/b/config"),
        ("POST", "/mapping"),
        ("POST", "/nowhere"),
        ("POST", "/%0A"),
        ("OPTIONS", "/ui"),
    ],
)
async def test_a_compressed_body_is_refused_unread(
    web: WebHub, unpacked: list[int], method: str, path: str, key: str
) -> None:
    caller = web if key == "good" else web.with_key(key)
    more = b"Content-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(bomb())
    answer = await caller.raw(path.encode(), method.encode(), more + bomb())
    assert (answer.status, json.loads(answer.body)["code"]) == (415, "unsupported_encoding")
    assert b"accept-encoding: identity\r\n" in answer.head + b"\r\n"
    assert unpacked == []


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Encoding: gzip\r\n",
        b"Content-Encoding: x-gzip\r\n",
        b"content-encoding:   GZIP  \r\n",
        b"Content-Encoding: deflate, gzip\r\n",
        b"Content-Encoding: identity\r\nContent-Encoding: deflate\r\n",
        b"Content-Encoding: br\r\n",
        b"Content-Encoding: zstd\r\n",
        b"Content-Encoding: compress\r\n",
        b"Content-Encoding: gzip;q=1\r\n",
        b"Content-Encoding: \r\n",
        b"Content-Encoding: ,\r\n",
        b"Content-Encoding: g\xffzip\r\n",
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_however_it_is_said(web: WebHub, lines: bytes, chunked: bool) -> None:
    framed = b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n" if chunked else b""
    framed = framed or b"Content-Length: 3\r\n\r\nabc"
    answer = await web.raw(b"/odoo-webhook", b"POST", lines + framed)
    assert (answer.status, json.loads(answer.body)["code"]) == (415, "unsupported_encoding")


@pytest.mark.parametrize("name", ["identity", "Identity"])
async def test_a_body_that_is_said_to_be_plain_is_plain(web: WebHub, name: str) -> None:
    answer = await web.ask("POST", "/odoo-webhook", json={}, headers={"Content-Encoding": name})
    assert await code_of(answer) == (400, "unknown_event")


async def test_without_a_body_nothing_is_compressed(web: WebHub) -> None:
    assert (await web.get("/health", Content_Encoding="gzip")).status == 200


async def test_a_cautious_client_is_not_invited_to_send_it(web: WebHub) -> None:
    more = b"Content-Encoding: gzip\r\nExpect: 100-continue\r\nContent-Length: 3\r\n"
    answer = await web.raw(b"/odoo-webhook", b"POST", more)
    assert answer.status == 415


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(ITEMS, mtime=0)),
        ("X-GZip", gzip.compress(ITEMS, mtime=0)),
        ("deflate", zlib.compress(ITEMS)),
        ("deflate", BARE),
    ],
)
async def test_pushes_may_be_compressed(
    web: WebHub, unpacked: list[int], encoding: str, body: bytes
) -> None:
    answer = await put(web, body, encoding)
    assert (await answer.json())["counts"]["received"] == 1
    assert unpacked == [len(ITEMS)]


async def test_but_not_by_whom_nobody_knows(web: WebHub, unpacked: list[int]) -> None:
    answer = await put(web.with_key("none"), gzip.compress(ITEMS, mtime=0), "gzip")
    assert await code_of(answer) == (401, "invalid_api_key")
    assert unpacked == []


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", ""])
async def test_nor_in_other_ways(web: WebHub, encoding: str) -> None:
    answer = await put(web, b"abc", encoding)
    assert await code_of(answer) == (415, "unsupported_encoding")
    assert answer.headers["Accept-Encoding"] == "identity, gzip, deflate"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"abc"),
        ("gzip", b""),
        ("gzip", gzip.compress(ITEMS, mtime=0)[:-1]),
        ("gzip", gzip.compress(ITEMS, mtime=0) + b"x"),
        ("gzip", gzip.compress(ITEMS, mtime=0) * 2),
        ("gzip", zlib.compress(ITEMS)),
        ("deflate", gzip.compress(ITEMS, mtime=0)),
        ("deflate", zlib.compress(ITEMS)[:-4] + b"\0\0\0\0"),
    ],
)
async def test_what_does_not_unpack_is_unreadable(web: WebHub, encoding: str, body: bytes) -> None:
    # Chunked, so that an empty body counts as one.
    async def pieces() -> AsyncIterator[bytes]:
        yield body

    assert await code_of(await put(web, pieces(), encoding)) == (400, "body_unreadable")


async def test_what_becomes_too_large_is_given_up_at_the_limit(
    unpacked: list[int],
) -> None:
    options = HttpOptions(version="1", max_collection_bytes=2 * MEBIBYTE)
    async with serving(MemoryHub(), options) as web:
        assert await code_of(await put(web, bomb(), "deflate")) == (413, "body_too_large")
        assert unpacked == []
        full = ITEMS.ljust(2 * MEBIBYTE)
        assert (await put(web, zlib.compress(full), "deflate")).status == 200
        assert unpacked == [len(full)]
        over = await put(web, zlib.compress(full + b" "), "deflate")
        assert await code_of(over) == (413, "body_too_large")


async def test_a_body_that_comes_too_slowly_is_given_up() -> None:
    options = HttpOptions(version="1", body_seconds=0.05)
    async with serving(MemoryHub(), options) as web:
        more = b"Content-Length: 100\r\n\r\n{"
        answer = await web.raw(b"/odoo-webhook", b"POST", more)
        assert (answer.status, json.loads(answer.body)["code"]) == (408, "body_late")
        assert b"connection: close" in answer.head


async def test_what_has_come_buys_time() -> None:
    options = HttpOptions(version="1", body_seconds=0.05)

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(3):
            # Enough bytes for four seconds.
            yield b" " * 64 * 1024
            await asyncio.sleep(0.1)
        yield b"{}"

    async with serving(MemoryHub(), options) as web:
        headers = {"Content-Type": "application/json"}
        answer = await web.ask("POST", "/odoo-webhook", data=slowly(), headers=headers)
        assert await code_of(answer) == (400, "unknown_event")


@pytest.mark.parametrize(
    "broken",
    [b"zz\r\n", b"3\r\nabcde\r\n", b"-1\r\n", b"3\x00\r\nabc\r\n", b"f" * 9000 + b"\r\n"],
)
async def test_a_body_whose_chunks_are_none_is_unreadable(web: WebHub, broken: bytes) -> None:
    reader, writer = await asyncio.open_connection(web.client.server.host, web.client.server.port)
    head = f"POST /odoo-webhook HTTP/1.1\r\nHost: hub\r\nX-API-Key: {web.key}\r\n"
    writer.write(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
    # So that the answer begins before the rest arrives.
    assert (await web.get("/health")).status == 200
    writer.write(broken)
    answer = await reader.read()
    writer.close()
    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert b"\r\nConnection: close" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "body_unreadable"
