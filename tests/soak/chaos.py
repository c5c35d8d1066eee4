"""
The failures of a soak: crews and Chatwoot misbehave, and processes are killed.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web
from attrs import define, field

from tests.e2e.hub_process import HubProcess, serving
from tests.soak.people import NOTE
from tests.stand_ins import chatwoot, crew
from tests.stand_ins.chatwoot import ChatwootStandIn
from tests.stand_ins.crew import Asked, Behaviour, CrewStandIn

# Seconds that a hub runs between two kills, and Chatwoot between two failures.
_RUN = (4.0, 40.0)
_DOWN = (0.0, 3.0)
_FAIR = (0.5, 6.0)
_AWAY_SECONDS = 15.0
_STARTS = 60


def moody(crew_: CrewStandIn, chance: random.Random) -> Behaviour:
    """
    Everything that a crew may do, mostly the right thing.
    """

    async def slow(asked: Asked, request: web.Request) -> web.StreamResponse:
        # Sometimes too slow.
        await asyncio.sleep(chance.uniform(0, 2.5))
        return await crew.answers()(asked, request)

    async def says_more(asked: Asked, _request: web.Request) -> web.StreamResponse:
        messages = [{"text": NOTE, "private": True}, {"text": asked.task["text"]}]
        handover = {"team": 2, "note": NOTE} if chance.random() < 0.5 else None
        more = {} if handover is None else {"handover": handover}
        return web.json_response({"answer": {"messages": messages, **more}})

    async def behave(asked: Asked, request: web.Request) -> web.StreamResponse:
        later = crew_.later(asked.task["text"], after=chance.uniform(0, 4))
        behaviours = {
            crew.answers(): 60,
            later: 12,
            slow: 8,
            says_more: 6,
            crew.fails(): 8,
            crew.replies(200, "{}"): 4,
            crew.fails(retry_after="3"): 2,
            crew.hangs(): 2,
            crew.breaks_off(): 2,
            # It will never call.
            crew.replies(202): 1,
            crew.replies(400): 1,
        }
        (chosen,) = chance.choices(list(behaviours), weights=list(behaviours.values()))
        return await chosen(asked, request)

    return behave


async def trouble(place: ChatwootStandIn, chance: random.Random, met: Counter[str]) -> None:
    """
    Let Chatwoot fail now and then, for ever.
    """
    while True:
        await asyncio.sleep(chance.uniform(*_FAIR))
        kinds = {"lost": 6, "fails": 4, "slow down": 2, "refuses": 1, "hangs": 1, "away": 0.5}
        (kind,) = chance.choices(list(kinds), weights=list(kinds.values()))
        met[kind] += 1
        match kind:
            case "lost":
                place.lost_answers += chance.randint(1, 3)
            case "fails":
                place.failures.extend([chatwoot.answers_with(503)] * chance.randint(1, 3))
            case "slow down":
                place.failures.append(chatwoot.answers_with(429, retry_after="2"))
            case "refuses":
                place.failures.append(chatwoot.answers_with(422))
            case "hangs":
                place.failures.append(chatwoot.hangs())
            case _:
                place.failures.extend([chatwoot.answers_with(502)] * 10_000)
                await asyncio.sleep(_AWAY_SECONDS)
                place.failures.clear()


@define
class Keeper:
    """
    Starts and kills a hub again and again, until it is told to stop.

    Args:
        kills: The killed processes.
    """

    folder: Path
    arguments: tuple[str, ...]
    environment: dict[str, str]
    port: int
    chance: random.Random
    kills: Counter[str]
    running: HubProcess | None = None
    calm: asyncio.Event = field(factory=asyncio.Event)
    over: asyncio.Event = field(factory=asyncio.Event)

    async def keep(self) -> None:
        """
        Keep the hub running until `over`; after `calm` nothing is killed.
        """
        while not self.over.is_set():
            async with AsyncExitStack() as stack:
                self.running = await self._started(stack)
                if await self._left_alone():
                    await self.over.wait()
                    assert await asyncio.to_thread(self.running.stop) == 0
                    return
                await asyncio.to_thread(self.running.kill)
                self.kills["process"] += 1
                self.running = None
            await asyncio.sleep(self.chance.uniform(*_DOWN))

    async def _started(self, stack: AsyncExitStack) -> HubProcess:
        for _ in range(_STARTS):
            server = serving(self.folder, *self.arguments, env=self.environment, port=self.port)
            try:
                # Waiting for it to be ready must not block the services that it calls.
                return await asyncio.to_thread(stack.enter_context, server)
            except AssertionError:
                # Workers of a killed parent still finish their requests.
                self.kills["start that found the port in use"] += 1
                await asyncio.sleep(1)
        raise AssertionError((self.folder / "stderr.txt").read_text())

    async def _left_alone(self) -> bool:
        assert self.running is not None
        while True:
            try:
                async with asyncio.timeout(self.chance.uniform(*_RUN)):
                    await self.calm.wait()
            except TimeoutError:
                workers = sorted(self.running.workers())
                if not workers or self.chance.random() < 0.5:
                    return False
                os.kill(self.chance.choice(workers), signal.SIGKILL)
                self.kills["worker"] += 1
            else:
                return True
