"""
A crew as a separate service. It receives tasks as `docs/crews.md` says, and follows a script.

By default it answers at once and repeats the question. `script` has its behaviours for the next
tasks, one after the other; `then` is its behaviour for all others.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias

import aiohttp
import standardwebhooks
from aiohttp import web
from attrs import define, field, frozen

from tests.stand_ins.local_server import listening


@frozen
class Asked:
    """
    A received task: the body, parsed and as bytes, the headers, and the port of the sender.
    """

    task: dict[str, Any]
    body: bytes
    headers: Mapping[str, str]
    port: int


Behaviour: TypeAlias = Callable[[Asked, web.Request], Awaitable[web.StreamResponse]]


def answers(text: str | None = None) -> Behaviour:
    """
    Answer *text*, or the customer's text.
    """

    async def behave(asked: Asked, _request: web.Request) -> web.StreamResponse:
        said = asked.task["text"] if text is None else text
        return web.json_response({"answer": {"text": said}})

    return behave


def replies(
    status: int = 200, body: bytes | str = b"", headers: Mapping[str, str] | None = None
) -> Behaviour:
    """
    Reply with exactly this.
    """

    async def behave(_asked: Asked, _request: web.Request) -> web.StreamResponse:
        raw = body.encode() if isinstance(body, str) else body
        return web.Response(status=status, body=raw, headers=headers)

    return behave


def fails(*, retry_after: str | None = None) -> Behaviour:
    """
    Fail for now.
    """
    return replies(503, headers=None if retry_after is None else {"Retry-After": retry_after})


def hangs() -> Behaviour:
    """
    Never answer.
    """

    async def behave(_asked: Asked, _request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets the event")

    return behave


def floods() -> Behaviour:
    """
    Answer with a body without end.
    """

    async def behave(_asked: Asked, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 65_536)

    return behave


def breaks_off() -> Behaviour:
    """
    Answer half a body.
    """

    async def behave(_asked: Asked, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"answer": ')
        assert request.transport is not None
        request.transport.close()
        return response

    return behave


def signed(secret: str, message_id: str, body: str) -> dict[str, str]:
    """
    The headers with which the Standard Webhooks package signs *body* now.
    """
    now = datetime.now(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": standardwebhooks.Webhook(secret).sign(message_id, now, body),
    }


@define
class CrewStandIn:
    """
    Args:
        url: Its URL for tasks; set while it is open.
        secret: The secret that tasks must be signed with, if any; others get a 401.
        asked: All received tasks, oldest first.
    """

    url: str = ""
    secret: str | None = None
    then: Behaviour = field(factory=answers)
    script: deque[Behaviour] = field(factory=deque)
    asked: list[Asked] = field(factory=list)
    _calls: set[asyncio.Task[None]] = field(factory=set)
    answered_later: list[int] = field(factory=list)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self.secret is not None:
            try:
                standardwebhooks.Webhook(self.secret).verify(body, dict(request.headers))
            except standardwebhooks.WebhookVerificationError:
                return web.json_response({"error": "not signed by the hub"}, status=401)
        assert request.transport is not None
        port: int = request.transport.get_extra_info("peername")[1]
        asked = Asked(json.loads(body), body, request.headers, port)
        self.asked.append(asked)
        behave = self.script.popleft() if self.script else self.then
        return await behave(asked, request)

    def later(self, text: str, *, api_key: str | None = None, after: float = 0) -> Behaviour:
        """
        Accept, and answer *text* at the callback URL *after* this many seconds.

        The answer has *api_key*, or else a signature with the crew's secret. It may overtake the
        acceptance, and is sent again while the hub is down. `answered_later` gets the status.
        """

        async def behave(asked: Asked, _request: web.Request) -> web.StreamResponse:
            call = asyncio.create_task(self._call_back(asked, text, api_key, after))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
            return web.Response(status=202)

        return behave

    async def _call_back(self, asked: Asked, text: str, api_key: str | None, after: float) -> None:
        await asyncio.sleep(after)
        body = json.dumps({"answer": {"text": text}})
        headers = {"Content-Type": "application/json"}
        if api_key is not None:
            headers["X-API-Key"] = api_key
        elif self.secret is not None:
            headers |= signed(self.secret, asked.task["id"], body)
        async with aiohttp.ClientSession() as session:
            heard = False
            while not heard:
                try:
                    call = session.post(asked.task["callback_url"], data=body, headers=headers)
                    async with call as response:
                        self.answered_later.append(response.status)
                        heard = True
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.2)

    async def calls_made(self) -> None:
        """
        Wait until every later answer is given.
        """
        await asyncio.gather(*self._calls)

    @asynccontextmanager
    async def open(self, *, port: int = 0) -> AsyncIterator[CrewStandIn]:
        """
        Receive tasks at `url`.
        """
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/tasks", self._take)
        async with listening(app, port=port) as base:
            self.url = f"{base}/tasks"
            try:
                yield self
            finally:
                for call in self._calls:
                    call.cancel()
