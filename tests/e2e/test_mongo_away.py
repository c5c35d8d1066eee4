"""
A MongoDB that refuses connections, or accepts them and answers nothing, while the server runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from tests.e2e.hub_process import HubProcess, credentials_event, environment, serving
from tests.e2e.load import Writer
from tests.e2e.test_store_away import until_ready
from tests.mongo_server import Gate, open_gate

# A sender waits four seconds for an answer. Nothing is asserted about times: whoever is later is
# given up, which fails the test. The rest is for a busy machine.
_BAR = 4.0 + 4.0
_REQUESTS = 100


@pytest.fixture
async def gate(mongo_uri: str) -> AsyncIterator[Gate]:
    async with open_gate(mongo_uri) as gate:
        yield gate
        gate.thaw()


@pytest.fixture(params=["pymongo", "motor"])
async def hub(
    gate: Gate, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[HubProcess]:
    variables = environment(
        # The members of a set tell their own addresses, which bypass the gate.
        ODOO_AI_CONFIG_STORE_URL=f"{gate.uri.rstrip('/')}/test_{uuid4().hex}?directConnection=true",
        ODOO_AI_CONFIG_MONGO_DRIVER=request.param,
        # With a spool, it would be ready for messages.
        ODOO_AI_CONFIG_SPOOL_BYTES="0",
    )
    with ExitStack() as stack:
        # The gate needs this loop meanwhile.
        server = serving(tmp_path, env=variables)
        yield await asyncio.to_thread(stack.enter_context, server)
        gate.thaw()


@pytest.mark.parametrize("state", ["refusing", "frozen"])
async def test_everybody_has_an_answer_before_a_sender_gives_up(
    gate: Gate, hub: HubProcess, state: str
) -> None:
    writer = Writer("a")
    async with hub.client() as client:
        await writer.write(client)
        if state == "refusing":
            await gate.close()
        else:
            gate.freeze()
        for round_ in range(2):
            statuses = await asyncio.gather(
                *(status(client, "/ready") for _ in range(5)),
                *(status(client, "/configs/a/default/config") for _ in range(_REQUESTS)),
                *(status(client, "/odoo-webhook", f"b{round_}{n}") for n in range(_REQUESTS)),
            )
            assert set(statuses) == {503}
        if state == "refusing":
            await gate.open()
        gate.thaw()
        await until_ready(client)
        await writer.write(client)
        assert await writer.stored(client) == 2


async def status(client: aiohttp.ClientSession, path: str, tenant: str | None = None) -> int:
    async with asyncio.timeout(_BAR):
        if tenant is None:
            async with client.get(path) as response:
                return response.status
        async with client.post(path, json=credentials_event(tenant, 1)) as response:
            return response.status
