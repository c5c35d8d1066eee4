from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest
import structlog

from odoo_ai_config.adapters.crews.crew_client import (
    CrewClientByKind,
    EchoCrewClient,
    InProcessCrewClient,
)
from odoo_ai_config.application.errors import CrewRefusedError, CrewUnavailableError
from odoo_ai_config.application.ports.crew_registry import CrewFunction, Said
from odoo_ai_config.domain.crews import Crew, CrewKind, CrewTask
from odoo_ai_config.domain.messages.answers import DEFERRED, NO_REPLY, Answer
from tests.contract.crew_client_contract import (
    ANSWER,
    INSTANT,
    QUESTION,
    CrewClientContract,
    CrewsBench,
    task,
)
from tests.contract.samples import owner


class InProcessBench(CrewsBench):
    def __init__(self) -> None:
        self.client: InProcessCrewClient = InProcessCrewClient()
        self._asked: list[tuple[str, str | None]] = []
        self._crews = 0

    def crew(self, handler: CrewFunction) -> Crew:
        async def noting(given: CrewTask) -> Said:
            self._asked.append((given.received.id.value, given.message.text))
            return await handler(given)

        self._crews += 1
        name = f"crew-{self._crews}"
        self.client.register(name, noting)
        return Crew(name, owner(), CrewKind.IN_PROCESS)

    def crew_that_returns(self, said: Said) -> Crew:
        async def handler(_task: CrewTask) -> Said:
            return said

        return self.crew(handler)

    def crew_that_raises(self, error: BaseException) -> Crew:
        async def handler(_task: CrewTask) -> Said:
            raise error

        return self.crew(handler)

    def crew_that_says(self, text: str) -> Crew:
        return self.crew_that_returns(text)

    def crew_that_has_nothing_to_say(self) -> Crew:
        return self.crew_that_returns(None)

    def crew_that_answers_later(self) -> Crew:
        return self.crew_that_returns(DEFERRED)

    def crew_that_fails(self) -> Crew:
        return self.crew_that_raises(KeyError(QUESTION))

    def crew_that_refuses(self) -> Crew:
        return self.crew_that_raises(CrewRefusedError())

    def crew_that_hangs(self) -> Crew:
        async def handler(_task: CrewTask) -> Said:
            await asyncio.Event().wait()
            return None

        return self.crew(handler)

    def crew_that_is_not_there(self) -> Crew:
        return Crew("nobody", owner(), CrewKind.IN_PROCESS)

    def asked(self) -> Sequence[tuple[str, str | None]]:
        return self._asked


@pytest.fixture
def bench() -> InProcessBench:
    return InProcessBench()


class TestInProcessCrewClient(CrewClientContract):
    @pytest.fixture
    def bench(self) -> CrewsBench:
        return InProcessBench()


@pytest.mark.parametrize("said", [Answer.of_text(ANSWER), DEFERRED, NO_REPLY])
async def test_function_may_return_what_the_client_does(bench: InProcessBench, said: Said) -> None:
    assert await bench.client.ask(bench.crew_that_returns(said), task(), secret=None) == said


async def test_function_that_returns_something_else_is_refused(bench: InProcessBench) -> None:
    crew = bench.crew_that_returns(cast("str", 42))

    with pytest.raises(CrewRefusedError):
        await bench.client.ask(crew, task(), secret=None)


async def test_function_may_say_when_to_ask_again(bench: InProcessBench) -> None:
    crew = bench.crew_that_raises(CrewUnavailableError(7))

    with pytest.raises(CrewUnavailableError) as failure:
        await bench.client.ask(crew, task(), secret=None)

    assert failure.value.retry_after == 7


async def test_function_that_is_not_async_fails_as_others_do(bench: InProcessBench) -> None:
    bench.client.register("plain", cast("CrewFunction", lambda _task: ANSWER))

    with pytest.raises(CrewUnavailableError):
        await bench.client.ask(Crew("plain", owner(), CrewKind.IN_PROCESS), task(), secret=None)


async def test_function_that_cancels_itself_cancels_nothing_else(bench: InProcessBench) -> None:
    crew = bench.crew_that_raises(asyncio.CancelledError())

    with pytest.raises(CrewUnavailableError):
        await bench.client.ask(crew, task(), secret=None)


async def test_newest_function_of_a_name_answers(bench: InProcessBench) -> None:
    crew = bench.crew_that_says("old")
    other = bench.crew_that_says("new")
    bench.client.register(crew.name, bench.client._handlers[other.name])

    assert await bench.client.ask(crew, task(), secret=None) == Answer.of_text("new")


async def test_function_that_took_too_long_is_cancelled(bench: InProcessBench) -> None:
    ended = asyncio.Event()

    async def handler(_task: CrewTask) -> Said:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return None

    bench.client.register("slow", handler)
    slow = Crew("slow", owner(), CrewKind.IN_PROCESS, timeout=INSTANT)

    with pytest.raises(CrewUnavailableError):
        await bench.client.ask(slow, task(), secret=None)

    await ended.wait()


async def test_log_tells_the_type_of_an_exception_and_not_its_text(
    bench: InProcessBench,
) -> None:
    crew = bench.crew_that_fails()

    with structlog.testing.capture_logs() as lines, pytest.raises(CrewUnavailableError):
        await bench.client.ask(crew, task(), secret=None)

    (line,) = lines
    assert line["error"] == "KeyError"
    assert QUESTION not in str(lines)


@pytest.mark.parametrize(
    ("text", "said"), [(QUESTION, Answer.of_text(QUESTION)), (None, NO_REPLY)]
)
async def test_echo_says_what_the_customer_said(text: str | None, said: object) -> None:
    crew = Crew("echo", owner(), CrewKind.ECHO)

    assert await EchoCrewClient().ask(crew, task(text=text), secret=None) == said


@pytest.mark.parametrize("kind", CrewKind)
async def test_crew_is_asked_by_the_client_of_its_kind(kind: CrewKind) -> None:
    benches = {one: InProcessBench() for one in CrewKind}
    crew = benches[kind].crew_that_says(ANSWER)
    by_kind = CrewClientByKind({one: bench.client for one, bench in benches.items()})

    await by_kind.ask(Crew(crew.name, owner(), kind), task(), secret=None)

    assert [one for one, bench in benches.items() if bench.asked()] == [kind]
