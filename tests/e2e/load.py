"""
Writers that keep a server busy and remember its acknowledgements.
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
        sent: Number of the last sent event, answered or not.
        acknowledged: Number of the last acknowledged event.
        failures: The errors of unanswered events.
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
        The number of the last stored event; requires that no part of it is missing.
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
    Return once *count* events are acknowledged, or no writer is left.
    """
    while sum(writer.acknowledged for writer in writers) < count:
        if all(writer.failures for writer in writers):
            return
        await asyncio.sleep(0.001)


async def require_every_promise_kept(hub: HubProcess, writers: list[Writer]) -> None:
    """
    Require that every acknowledged event is stored, and no event that was not sent.
    """
    async with hub.client() as client:
        for writer in writers:
            stored = await writer.stored(client)
            assert writer.acknowledged <= stored <= writer.sent
            # Events stored without an answer count as known from now on.
            writer.acknowledged = writer.sent = stored
