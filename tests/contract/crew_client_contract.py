from __future__ import annotations

import asyncio
import traceback
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from odoo_ai_config.application.errors import CrewRefusedError, CrewUnavailableError
from odoo_ai_config.application.ports.crew_client import CrewClient
from odoo_ai_config.domain.crews import (
    Assignee,
    Attachment,
    Contact,
    ContactCard,
    ConversationAtMessage,
    Crew,
    CrewTask,
    CustomerMessage,
    Location,
    Reply,
    Team,
)
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.answers import DEFERRED, NO_REPLY, Answer
from tests.contract.samples import message

QUESTION = "Qual o horário de funcionamento? 🕘"
ANSWER = "Das 9h às 18h. 😀"
INSTANT = timedelta(seconds=0.1)


def task(name: str = "message-1", text: str | None = QUESTION) -> CrewTask:
    customer = Contact(id="42", name="Cliente Exemplo", number="+5511999990000")
    said = CustomerMessage(
        text,
        customer,
        "Channel::Whatsapp",
        "WhatsApp Vendas",
        (
            Attachment(
                "image",
                "https://chatwoot.example/rails/blobs/1",
                extension="jpg",
                size=48213,
                width=1280,
                height=960,
            ),
            Attachment("location", title="Loja Centro", location=Location(-23.55, -46.63)),
            Attachment("contact", contact=ContactCard("Joana Silva", ("+5511977776666",))),
        ),
        datetime(2026, 11, 22, 11, 59, 58, tzinfo=UTC),
        "text",
        Reply(ChatwootId("8990"), "wamid.EXEMPLO"),
        conversation=ConversationAtMessage(
            "pending",
            Assignee("3", "Ana Atendente"),
            Team("5", "vendas"),
            ("vip",),
            can_reply=True,
            priority="high",
            custom_attributes={"pedido": 1200},
        ),
    )
    return CrewTask(message(name), said)


class CrewsBench(ABC):
    """
    A client, and crews that follow a script.
    """

    client: CrewClient

    @abstractmethod
    def crew_that_says(self, text: str) -> Crew: ...

    @abstractmethod
    def crew_that_has_nothing_to_say(self) -> Crew: ...

    @abstractmethod
    def crew_that_answers_later(self) -> Crew: ...

    @abstractmethod
    def crew_that_fails(self) -> Crew: ...

    @abstractmethod
    def crew_that_refuses(self) -> Crew: ...

    @abstractmethod
    def crew_that_hangs(self) -> Crew: ...

    @abstractmethod
    def crew_that_is_not_there(self) -> Crew: ...

    @abstractmethod
    def asked(self) -> Sequence[tuple[str, str | None]]:
        """
        Id and text of every task that a crew received.
        """


class CrewClientContract:
    """
    The guarantees of every CrewClient for crews outside the process.
    """

    @pytest.fixture
    def bench(self) -> CrewsBench:
        raise NotImplementedError("subclasses provide the bench")

    @pytest.mark.parametrize("text", [ANSWER, "  com espaços \n", "x" * 100_000])
    async def test_answer_comes_back_as_it_was_said(self, bench: CrewsBench, text: str) -> None:
        crew = bench.crew_that_says(text)

        assert await bench.client.ask(crew, task(), secret=None) == Answer.of_text(text)

    async def test_crew_gets_the_text_under_the_id_of_the_message(self, bench: CrewsBench) -> None:
        crew = bench.crew_that_says(ANSWER)

        await bench.client.ask(crew, task("message-7"), secret=None)

        assert bench.asked() == [("message-7", QUESTION)]

    async def test_task_that_is_asked_again_has_the_same_id(self, bench: CrewsBench) -> None:
        crew = bench.crew_that_says(ANSWER)
        again = CrewTask(evolve(task().received, attempts=1, revision=3), task().message)

        await bench.client.ask(crew, task(), secret=None)
        await bench.client.ask(crew, again, secret=None)

        first, second = bench.asked()
        assert first == second

    async def test_message_may_have_no_text(self, bench: CrewsBench) -> None:
        crew = bench.crew_that_says(ANSWER)

        await bench.client.ask(crew, task(text=None), secret=None)

        assert bench.asked() == [("message-1", None)]

    async def test_crew_may_have_nothing_to_say(self, bench: CrewsBench) -> None:
        crew = bench.crew_that_has_nothing_to_say()

        assert await bench.client.ask(crew, task(), secret=None) is NO_REPLY

    @pytest.mark.parametrize("blank", ["", " \n\t"])
    async def test_blank_answer_counts_as_no_answer(self, bench: CrewsBench, blank: str) -> None:
        crew = bench.crew_that_says(blank)

        assert await bench.client.ask(crew, task(), secret=None) is NO_REPLY

    async def test_crew_may_answer_later(self, bench: CrewsBench) -> None:
        crew = bench.crew_that_answers_later()

        assert await bench.client.ask(crew, task(), secret=None) is DEFERRED

    async def test_crew_that_fails_may_be_asked_again(self, bench: CrewsBench) -> None:
        crew = bench.crew_that_fails()

        with pytest.raises(CrewUnavailableError):
            await bench.client.ask(crew, task(), secret=None)

    async def test_crew_that_refuses_does_so_for_good(self, bench: CrewsBench) -> None:
        crew = bench.crew_that_refuses()

        with pytest.raises(CrewRefusedError):
            await bench.client.ask(crew, task(), secret=None)

    @pytest.mark.parametrize("text", ["a\x00b", "\ud83d"])
    async def test_answer_that_cannot_be_kept_is_refused(
        self, bench: CrewsBench, text: str
    ) -> None:
        crew = bench.crew_that_says(text)

        with pytest.raises(CrewRefusedError):
            await bench.client.ask(crew, task(), secret=None)

    async def test_crew_that_hangs_is_given_its_time_and_no_more(self, bench: CrewsBench) -> None:
        crew = evolve(bench.crew_that_hangs(), timeout=INSTANT)

        with pytest.raises(CrewUnavailableError):
            await bench.client.ask(crew, task(), secret=None)

    async def test_crew_that_is_not_there_may_come_back(self, bench: CrewsBench) -> None:
        with pytest.raises(CrewUnavailableError):
            await bench.client.ask(bench.crew_that_is_not_there(), task(), secret=None)

    async def test_crew_that_hangs_does_not_hold_others_up(self, bench: CrewsBench) -> None:
        hanging = asyncio.create_task(
            bench.client.ask(bench.crew_that_hangs(), task(), secret=None)
        )
        quick = bench.crew_that_says(ANSWER)

        assert await bench.client.ask(quick, task("message-2"), secret=None) == Answer.of_text(
            ANSWER
        )

        assert not hanging.done()
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging

    async def test_errors_tell_nothing_of_the_message(self, bench: CrewsBench) -> None:
        for crew in (bench.crew_that_fails(), bench.crew_that_refuses()):
            with pytest.raises((CrewUnavailableError, CrewRefusedError)) as failure:
                await bench.client.ask(crew, task(), secret=None)
            shown = "".join(traceback.format_exception(failure.value))
            assert QUESTION not in shown
            assert "99999" not in shown
