"""
A hub that answers what a test tells it to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from aiohttp import web
from aiohttp.test_utils import TestServer

from odoo_ai_config.client import open_hub
from odoo_ai_config.client.remote_hub import RemoteHub

Reply: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


def document(version: int = 1, tenant: str = "acme", **more: Any) -> web.Response:
    return web.json_response(
        {
            "tenant_id": tenant,
            "domain": "default",
            "config_type": "config",
            "version": version,
            "json_data": {"version": version},
            **more,
        },
        headers={"ETag": f'"{version}"'},
    )


def problem(status: int, code: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"status": status, "code": code}, status=status, headers=headers)


async def no_feed(_: web.Request) -> web.StreamResponse:
    return problem(404, "route_not_found")


class ScriptedHub:
    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.replies: list[web.Response | Reply] = []
        self.otherwise: Callable[[], web.Response] = document
        # What is asked of the feed, and what it tells; an older hub has none.
        self.followed: list[web.Request] = []
        self.feed: Reply = no_feed
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self.server = TestServer(app)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        if request.path == "/v1/changes":
            self.followed.append(request)
            return await self.feed(request)
        self.asked.append(request)
        if not self.replies:
            return self.otherwise()
        reply = self.replies.pop(0)
        return reply if isinstance(reply, web.Response) else await reply(request)

    @asynccontextmanager
    async def opened(self, **options: Any) -> AsyncIterator[RemoteHub]:
        chosen = {"deadline": 2.0, "patience": 0.1, **options}
        async with open_hub(str(self.server.make_url("/")), api_key="key", **chosen) as hub:
            yield hub


@asynccontextmanager
async def scripted_hub() -> AsyncIterator[ScriptedHub]:
    hub = ScriptedHub()
    async with hub.server:
        yield hub
