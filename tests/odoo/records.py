"""
Common steps of the tests in Odoo, and the hub that they check.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from attrs import frozen

from tests.e2e.hub_process import HubProcess, environment
from tests.odoo.odoo_server import User

CLIENTS = "ai.hub.credentials"
CHANNELS = "ai.hub.channel"
OUTBOX = "ai.hub.outbox"
SIGNING_SECRET = "whsec_c2VncmVkby1kby1lbnNhaW8tY29tLW9kb28="
PASSWORD = "s3nha-do-cliente-çã"


def hub_environment() -> dict[str, str]:
    return environment(
        ODOO_AI_CONFIG_WEBHOOK_SECRETS=SIGNING_SECRET, ODOO_AI_CONFIG_REQUIRE_SIGNATURE="1"
    )


@frozen
class Hub:
    """
    A running hub, and Odoo's key for it.
    """

    process: HubProcess
    key: str

    async def get(self, path: str) -> Any:
        async with self.process.client() as client, client.get(path) as response:
            assert response.status == 200, (path, response.status, await response.text())
            return await response.json()

    async def tenants(self) -> list[str]:
        """
        The tenants that it knows; those of other tests may be among them.
        """
        found = (await self.get("/v1/tenants?limit=100"))["tenants"]
        return [tenant["tenant_id"] for tenant in found]

    async def route(self, account: int, inbox: int) -> Any:
        return await self.get(f"/v1/route?account_id={account}&inbox_id={inbox}")


def account_of(test: pytest.FixtureRequest) -> str:
    """
    A client for each test: they share one Odoo.
    """
    name: str = test.node.name
    return name.removeprefix("test_")[:100]


async def new_client(user: User, account: str, **values: Any) -> int:
    return await user.save(CLIENTS, {"name": f"Cliente {account}", "account_id": account} | values)


async def new_channel(user: User, client: int, account: int, **values: Any) -> int:
    channel = {"credentials_id": client, "chatwoot_account_id": account, "chatwoot_inbox_id": 7}
    return await user.save(CHANNELS, channel | values)


async def state_of(user: User, model: str, record: int) -> Any:
    return await user.read(model, record, "sync_state", "sync_message")


async def until_sent(user: User, model: str, record: int, *, within: int = 180) -> None:
    """
    Wait for the cron, which runs once a minute.
    """
    deadline = time.monotonic() + within
    while (state := await state_of(user, model, record))["sync_state"] != "done":
        assert time.monotonic() < deadline, state
        await asyncio.sleep(0.5)
