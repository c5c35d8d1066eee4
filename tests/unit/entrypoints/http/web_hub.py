"""
The HTTP boundary over memory stores, on a real socket.
"""

from __future__ import annotations

import asyncio
import copy
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientResponse
from aiohttp import web as web_
from aiohttp.test_utils import TestClient, TestServer
from attrs import evolve, frozen

from odoo_ai_config.adapters.system.token_source import SystemTokenSource
from odoo_ai_config.adapters.yaml.yaml_codec import RuamelYamlCodec
from odoo_ai_config.domain.access import ALL_SCOPES, Scope
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.http.app import build_app
from odoo_ai_config.entrypoints.http.platform.connections import HubRunner
from odoo_ai_config.entrypoints.http.platform.metrics import Metrics
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.startup import trusted
from odoo_ai_config.entrypoints.wiring import Services, build_services
from tests.source_tree import TESTS
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.described_answers import Witness

FIXTURES = TESTS / "fixtures"


def fixture(name: str) -> dict[str, Any]:
    """
    A fresh copy of a recorded payload.
    """
    payload: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
    return payload


def without(payload: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """
    *payload* without the field at *path*.
    """
    changed = copy.deepcopy(dict(payload))
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner.pop(path[-1], None)
    return changed


def having(payload: Mapping[str, Any], value: Any, *path: str) -> dict[str, Any]:
    """
    *payload* with *value* at *path*.
    """
    changed = copy.deepcopy(dict(payload))
    inner = changed
    for step in path[:-1]:
        inner = inner.setdefault(step, {})
    inner[path[-1]] = value
    return changed


class HubServer(TestServer):
    """
    A server on the hub's own connections.
    """

    async def _make_runner(self, **arguments: Any) -> web_.BaseRunner:
        return HubRunner(self.app, **arguments)


@frozen
class RawAnswer:
    status: int
    head: bytes
    body: bytes


@frozen
class WebHub:
    """
    A client of the hub with a key, and the hub's memory stores.
    """

    hub: MemoryHub
    services: Services
    metrics: Metrics
    client: TestClient[Any, Any]
    key: str

    async def new_key(self, *scopes: Scope, tenant: str | None = None) -> str:
        bound = None if tenant is None else TenantId(tenant)
        _, text = await self.services.create_api_key(
            name="test",
            scopes=frozenset(scopes) or ALL_SCOPES,
            tenant=bound,
            caller=trusted("test"),
        )
        return text.reveal()

    def with_key(self, key: str) -> WebHub:
        return evolve(self, key=key)

    async def ask(self, method: str, path: str, **arguments: Any) -> ClientResponse:
        headers = {"X-API-Key": self.key, **arguments.pop("headers", {})}
        answer = await self.client.request(
            method, path, headers=headers, allow_redirects=False, **arguments
        )
        await answer.read()
        return answer

    async def get(self, path: str, **headers: str) -> ClientResponse:
        return await self.ask("GET", path, headers=_dashed(headers))

    async def raw(self, target: bytes, method: bytes = b"GET", more: bytes = b"") -> RawAnswer:
        """
        Request a target that client libraries would change.
        """
        reader, writer = await asyncio.open_connection(
            self.client.server.host, self.client.server.port
        )
        key = self.key.encode()
        writer.write(
            method + b" " + target + b" HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n"
            b"X-API-Key: " + key + b"\r\n" + more + b"\r\n"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: ([0-9]+)", head.lower())
        # Not to the end of the connection: it stays open for a while for the rest of a body that
        # is refused unread.
        if length is None or method == b"HEAD":
            body = await reader.read()
        else:
            body = await reader.readexactly(int(length[1]))
        writer.close()
        await writer.wait_closed()
        lines = head.split(b"\r\n")
        return RawAnswer(int(lines[0].split(b" ")[1]), head.lower(), body)

    async def send(self, payload: Any, **headers: str) -> ClientResponse:
        """
        Post an event as Odoo does.
        """
        return await self.ask("POST", "/odoo-webhook", json=payload, headers=_dashed(headers))

    async def post(self, path: str, payload: Any, **headers: str) -> ClientResponse:
        return await self.ask("POST", path, json=payload, headers=_dashed(headers))

    async def patch(self, path: str, payload: Any, **headers: str) -> ClientResponse:
        return await self.ask("PATCH", path, json=payload, headers=_dashed(headers))


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@asynccontextmanager
async def serving(hub: MemoryHub, options: HttpOptions) -> AsyncIterator[WebHub]:
    real = evolve(hub.ports, yaml=RuamelYamlCodec(), tokens=SystemTokenSource())
    services = build_services(real, hub.policies)
    metrics = Metrics()
    app = build_app(services, options, metrics)
    witness = Witness(app)
    async with TestClient(HubServer(app)) as client:
        web = WebHub(hub, services, metrics, client, "")
        yield web.with_key(await web.new_key())
    assert not witness.found, witness.found
