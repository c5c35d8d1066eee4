from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from ipaddress import ip_network

import pytest

from odoo_ai_config.adapters.crews.http_crew_client import HttpCrewClient
from odoo_ai_config.adapters.outbound.sessions import HttpSessions
from odoo_ai_config.adapters.system.clock import SystemClock
from odoo_ai_config.domain.crews import Crew, CrewKind
from tests.contract.crew_client_contract import CrewClientContract, CrewsBench
from tests.contract.samples import owner
from tests.stand_ins.crew import Behaviour, CrewStandIn, fails, hangs, replies


class HttpBench(CrewsBench):
    """
    Each crew is a server of its own.
    """

    def __init__(self, sessions: HttpSessions, servers: Sequence[CrewStandIn]) -> None:
        self.client = HttpCrewClient(sessions, SystemClock())
        self._servers = servers
        self._free = iter(servers)

    def crew(self, then: Behaviour) -> Crew:
        server = next(self._free)
        server.then = then
        return Crew("crew", owner(), CrewKind.HTTP, url=server.url)

    def crew_that_says(self, text: str) -> Crew:
        return self.crew(replies(body=json.dumps({"answer": {"text": text}})))

    def crew_that_has_nothing_to_say(self) -> Crew:
        return self.crew(replies(204))

    def crew_that_answers_later(self) -> Crew:
        return self.crew(replies(202))

    def crew_that_fails(self) -> Crew:
        return self.crew(fails())

    def crew_that_refuses(self) -> Crew:
        return self.crew(replies(400))

    def crew_that_hangs(self) -> Crew:
        return self.crew(hangs())

    def crew_that_is_not_there(self) -> Crew:
        # Nothing listens on the port of TCP's multiplexer.
        return Crew("crew", owner(), CrewKind.HTTP, url="http://127.0.0.1:1/tasks")

    def asked(self) -> Sequence[tuple[str, str | None]]:
        return [
            (asked.task["id"], asked.task["text"])
            for server in self._servers
            for asked in server.asked
        ]


class TestHttpCrewClient(CrewClientContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[CrewsBench]:
        async with AsyncExitStack() as stack:
            servers = [await stack.enter_async_context(CrewStandIn().open()) for _ in range(2)]
            sessions = HttpSessions([ip_network("127.0.0.0/8")])
            stack.push_async_callback(sessions.close)
            yield HttpBench(sessions, servers)
