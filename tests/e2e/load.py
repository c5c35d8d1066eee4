"""
Writers that keep a server busy and remember what it promised them.
"""

from __future__ import annotations

import asyncio

import aiohttp
from attrs import define, field

from tests.e2e.hub_process import HubProcess, credentials_event


@define
class Writer:
    """
    The only writer of one tenant: event n makes version n of config and credentials.

    Args:
        sent: Number of the last event that was sent, answered or not.
        acknowledged: Number of the last event that the server said was stored.
        failures: What became of those that were not answered.
    """

    tenant: str
    sent: int = 0
    acknowledged: int = 0
    failures: list[aiohttp.ClientError] = field(factory=list)

    async def write(self, client: aiohttp.ClientSession) -> None:
        """
        Send the next event.

        Raises:
            aiohttp.ClientError: It was not answered.
        """
        self.sent += 1
        event = credentials_event(self.tenant, self.sent)
        async with client.post("/odoo-webhook", json=event) as response:
            body = await response.json()
            assert response.status == 200, body
            assert body["config_version"] == body["credentials_version"], body
            self.acknowledged = self.sent

    async def write_until_it_fails(self, client: aiohttp.ClientSession) -> None:
        while True:
            try:
                await self.write(client)
            except aiohttp.ClientError as error:
                self.failures.append(error)
                return

    async def stored(self, client: aiohttp.ClientSession) -> int:
        """
        Number of the last event that is stored, after making sure that no part of it is missing.
        """
        async with client.get(f"/configs/{self.tenant}/default/config") as response:
            if response.status == 404:
                config = None
            else:
                config = await response.json()
        async with client.get(f"/configs/{self.tenant}/default/credentials") as response:
            assert (response.status == 404) == (config is None)
            credentials = await response.json()
        if config is None:
            return 0
        number = int(config["json_data"]["name"].removeprefix("Cliente "))
        assert credentials["version"] == config["version"]
        async with client.get(f"/v1/tenants/{self.tenant}/default/credentials/odoo") as response:
            assert f'"senha {number}"' in await response.text()
        return number


async def until_writers_wrote(writers: list[Writer], count: int) -> None:
    """
    Return once *count* events were acknowledged, or nobody writes any more.
    """
    while sum(writer.acknowledged for writer in writers) < count:
        if all(writer.failures for writer in writers):
            return
        await asyncio.sleep(0.001)


async def require_every_promise_kept(hub: HubProcess, writers: list[Writer]) -> None:
    """
    Every acknowledged event is stored, and none is stored that was never sent.
    """
    async with hub.client() as client:
        for writer in writers:
            stored = await writer.stored(client)
            assert writer.acknowledged <= stored <= writer.sent
            # What was stored without an answer counts as known from now on.
            writer.acknowledged = writer.sent = stored
