"""
The server against its floors, over real sockets.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure, at_least
from benchmarks.load import Load, request, send
from benchmarks.processes import API_KEY, Server, floor, hub

_ROUNDS = 5
_HEADERS = {"X-API-Key": API_KEY}


def credentials_event(tenant: int, change: int) -> bytes:
    """
    The body that Odoo's button sends for one of many tenants, different for every *change*.
    """
    account = f"account_{tenant}"
    return json.dumps(
        {
            "source": "credentials",
            "event": "credentials_sync",
            "account_id": account,
            "token": f"{account}-abcd1234",
            "credentials": {
                "domain": "retail",
                "name": f"Loja {tenant} ({change})",
                "odoo_url": "http://localhost:8069",
                "odoo_db": account,
                "odoo_username": "robo@example.com",
                "odoo_password": f"senha_{tenant}_{change}",
                "token": f"{account}-abcd1234",
                "qdrant_collection": f"business_rules_{account}",
                "redis_prefix": account,
                "facebook_app_id": "123456789",
                "facebook_app_secret": f"segredo_{change}",
                "facebook_access_token": "EAAGexemplo",
            },
        }
    ).encode()


def credentials() -> Iterator[Figure]:
    """
    Credentials events at 16 connections against the naive floor, both durable.

    Every event changes the config and seals two new values.
    """
    yield from credentials_on("SQLite")


def credentials_on(disk: str, count: int = 3000, **environment: str) -> Iterator[Figure]:
    """
    The same on *disk*, to which *environment* lets both servers write.
    """
    bodies = [credentials_event(n % 200, n) for n in range(count)]
    requests = [request("POST", "/odoo-webhook", headers=_HEADERS, body=b) for b in bodies]
    with TemporaryDirectory() as folder:
        ours, floors = [], []
        for round_ in range(_ROUNDS):
            with floor("naive", Path(folder) / f"naive{round_}.db", **environment) as server:
                floors.append(_all_answered(send(server.port, requests, count=count)))
            with hub(Path(folder) / f"hub{round_}", **environment) as server:
                ours.append(_all_answered(send(server.port, requests, count=count)))
    yield at_least(
        f"credentials_sync over HTTP, {disk}, 16 connections / naive floor",
        1.5,
        _ratios(ours, floors),
        _detail(ours, floors),
    )


def reading(count: int = 20_000) -> Iterator[Figure]:
    """
    Reads and conditional reads of a current config against an aiohttp hello.
    """
    with TemporaryDirectory() as text, hub(Path(text) / "hub") as server:
        folder = Path(text)
        event = credentials_event(1, 1)
        _call(server, "/odoo-webhook", event)
        path = "/configs/account_1/retail/config"
        body, etag = _call(server, path)
        (folder / "body.json").write_bytes(body)
        get = [request("GET", path, headers=_HEADERS)]
        conditional = [request("GET", path, headers={**_HEADERS, "If-None-Match": etag})]
        with floor("hello", folder / "body.json") as hello:
            ours, floors = _pairs(server, get, hello, get, count)
            yield at_least(
                "GET config, 16 connections / aiohttp hello with the same body",
                0.6,
                _ratios(ours, floors),
                _detail(ours, floors),
            )
            ours, floors = _pairs(server, conditional, hello, get, count, status=304)
            yield at_least(
                "GET config answered 304, 16 connections / aiohttp hello with the same body",
                0.75,
                _ratios(ours, floors),
                _detail(ours, floors),
            )


def calling_tools(count: int = 5000) -> Iterator[Figure]:
    """
    A tool of MCP that reads a config, against a read of the same config.
    """
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    place = {"tenant": "account_1", "domain": "retail"}
    params = {"name": "read_document", "arguments": place, "_meta": meta}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {
        **_HEADERS,
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "read_document",
    }
    call = [request("POST", "/mcp", headers=headers, body=json.dumps(message).encode())]
    get = [request("GET", "/configs/account_1/retail/config", headers=_HEADERS)]
    with TemporaryDirectory() as text, hub(Path(text) / "hub") as server:
        _call(server, "/odoo-webhook", credentials_event(1, 1))
        ours, floors = _pairs(server, call, server, get, count)
    yield at_least(
        "read_document over /mcp, 16 connections / GET of the same config",
        0.2,
        _ratios(ours, floors),
        _detail(ours, floors),
    )


def _pairs(
    server: Server,
    ours: list[bytes],
    hello: Server,
    theirs: list[bytes],
    count: int,
    status: int = 200,
) -> tuple[list[Load], list[Load]]:
    send(server.port, ours, count=count // 10)
    send(hello.port, theirs, count=count // 10)
    found, floors = [], []
    for _ in range(_ROUNDS):
        floors.append(_all_answered(send(hello.port, theirs, count=count)))
        found.append(_all_answered(send(server.port, ours, count=count), status))
    return found, floors


def _call(server: Server, path: str, body: bytes | None = None) -> tuple[bytes, str]:
    call = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}",
        data=body,
        headers={**_HEADERS, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(call) as answer:
        return answer.read(), answer.headers.get("ETag", "")


def _all_answered(load: Load, status: int = 200) -> Load:
    if set(load.statuses) != {status}:
        raise RuntimeError(f"not every answer was {status}: {load.statuses}")
    return load


def _ratios(ours: list[Load], floors: list[Load]) -> list[float]:
    return [our.rate / floor_.rate for our, floor_ in zip(ours, floors, strict=True)]


def _detail(ours: list[Load], floors: list[Load]) -> str:
    return (
        f"{median(load.rate for load in ours):.0f}/s, p99 "
        f"{median(load.p99_ms for load in ours):.1f} ms; floor "
        f"{median(load.rate for load in floors):.0f}/s, p99 "
        f"{median(load.p99_ms for load in floors):.1f} ms"
    )
