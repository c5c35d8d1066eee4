"""
A receiver of events beside a real server, which is killed in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from tests.e2e.hub_process import environment, run, serving
from tests.stand_ins.local_server import listening


class Receiver:
    """
    Checks and remembers what it is told; answers 503 as often as it is *away*.
    """

    def __init__(self) -> None:
        self.secret = ""
        self.away = 0
        self.told: dict[str, Any] = {}
        self.news = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        event = Webhook(self.secret).verify(body, dict(request.headers))
        if self.away:
            self.away -= 1
            return web.Response(status=503)
        self.told[request.headers["webhook-id"]] = event
        self.news.set()
        return web.Response(status=204)

    async def until(self, count: int) -> list[Any]:
        async with asyncio.timeout(150):
            while len(self.told) < count:
                self.news.clear()
                await self.news.wait()
        return list(self.told.values())


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    async with listening(app) as url:
        yield receiver, f"{url}/hook"


@pytest.mark.bulk
async def test_changes_are_told_although_the_server_is_killed(
    tmp_path: Path, receiver: tuple[Receiver, str]
) -> None:
    taker, url = receiver
    env = environment(
        ODOO_AI_CONFIG_PRIVATE_TARGETS="127.0.0.0/8",
        # What a killed worker had in hand comes back after that.
        ODOO_AI_CONFIG_LEASE_SECONDS="75",
    )
    made = run(tmp_path, "init", env=env)
    assert made.returncode == 0, made.stderr
    made = run(tmp_path, "subscriptions", "create", url, "--kind", "document", env=env)
    assert made.returncode == 0, made.stderr
    taker.secret, taker.away = made.stdout.strip(), 1
    events: list[Any] = []
    for number in range(1, 4):
        with serving(tmp_path, env=env) as hub:
            async with hub.client() as client:
                body = {"yaml_content": f"number: {number}"}
                async with client.post("/configs/acme/default/notes", json=body) as answer:
                    assert answer.status == 200
            if number < 3:
                # Perhaps before the event is made, or before it is sent.
                await asyncio.sleep(0.5 * number)
                hub.kill()
            else:
                events = await taker.until(3)
                assert hub.stop() == 0
    assert [event["type"] for event in events] == ["document.changed"] * 3
    assert sorted(event["data"]["version"] for event in events) == [1, 2, 3]
    listed = run(tmp_path, "subscriptions", "list", "--json", env=env)
    assert taker.secret not in listed.stdout
    assert url in listed.stdout
