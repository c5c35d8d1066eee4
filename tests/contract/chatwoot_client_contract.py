from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections.abc import Sequence

import pytest
from attrs import evolve

from odoo_ai_config.application.errors import ChatwootRefusedError, ChatwootUnavailableError
from odoo_ai_config.application.ports.chatwoot_client import ChatwootClient, Conversation
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Answer
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.inbox import MessageId

ANSWER = Answer("Das 9h às 18h. 😀\n*Até já!*")
NOTE = Answer("Cliente em atraso.", private=True)
FIRST, SECOND = MessageId("message-1"), MessageId("message-2")
WRONG_TOKEN = "canary-token-9d1f"


class ChatwootBench(ABC):
    """
    A Chatwoot with two conversations that the token may access.
    """

    chatwoot: ChatwootClient
    conversation: Conversation
    other: Conversation

    @abstractmethod
    def read_by_the_customer(self, conversation: Conversation) -> Sequence[str]:
        """
        The answers that reached the customer.
        """

    @abstractmethod
    def go_away_for_a_call(self) -> None:
        """
        Let the next call fail as if Chatwoot were unavailable.
        """


class ChatwootContract:
    """
    The guarantees of every ChatwootClient.
    """

    @pytest.fixture
    def bench(self) -> ChatwootBench:
        raise NotImplementedError("subclasses provide the bench")

    @pytest.mark.parametrize("answer", [ANSWER, Answer(" x "), Answer("ç" * 50_000)])
    async def test_answer_reaches_the_customer_of_its_conversation(
        self, bench: ChatwootBench, answer: Answer
    ) -> None:
        await bench.chatwoot.post(bench.conversation, answer, to=FIRST)

        assert bench.read_by_the_customer(bench.conversation) == [answer.text]
        assert bench.read_by_the_customer(bench.other) == []

    async def test_answer_that_was_posted_is_found(self, bench: ChatwootBench) -> None:
        await bench.chatwoot.post(bench.conversation, ANSWER, to=FIRST)

        assert await bench.chatwoot.has_answer(bench.conversation, ANSWER, to=FIRST)

    async def test_answer_that_was_not_posted_is_not_found(self, bench: ChatwootBench) -> None:
        assert not await bench.chatwoot.has_answer(bench.conversation, ANSWER, to=FIRST)

    async def test_answer_to_another_message_is_not_taken_for_it(
        self, bench: ChatwootBench
    ) -> None:
        await bench.chatwoot.post(bench.conversation, ANSWER, to=SECOND)

        assert not await bench.chatwoot.has_answer(bench.conversation, ANSWER, to=FIRST)

    async def test_answer_in_another_conversation_is_not_taken_for_it(
        self, bench: ChatwootBench
    ) -> None:
        await bench.chatwoot.post(bench.other, ANSWER, to=FIRST)

        assert not await bench.chatwoot.has_answer(bench.conversation, ANSWER, to=FIRST)

    async def test_each_of_several_answers_is_found(self, bench: ChatwootBench) -> None:
        await bench.chatwoot.post(bench.conversation, ANSWER, to=FIRST)
        await bench.chatwoot.post(bench.conversation, ANSWER, to=SECOND)

        assert await bench.chatwoot.has_answer(bench.conversation, ANSWER, to=FIRST)
        assert await bench.chatwoot.has_answer(bench.conversation, ANSWER, to=SECOND)

    async def test_note_does_not_reach_the_customer_and_is_found(
        self, bench: ChatwootBench
    ) -> None:
        await bench.chatwoot.post(bench.conversation, NOTE, to=FIRST)

        assert bench.read_by_the_customer(bench.conversation) == []
        assert await bench.chatwoot.has_answer(bench.conversation, NOTE, to=FIRST)
        assert not await bench.chatwoot.has_answer(bench.conversation, NOTE, to=SECOND)

    async def test_note_is_not_taken_for_an_answer_that_the_customer_is_to_read(
        self, bench: ChatwootBench
    ) -> None:
        await bench.chatwoot.post(bench.conversation, NOTE, to=FIRST)

        assert not await bench.chatwoot.has_answer(bench.conversation, ANSWER, to=FIRST)

    async def test_wrong_token_is_refused_and_not_shown(self, bench: ChatwootBench) -> None:
        wrong = evolve(bench.conversation, token=SecretText(WRONG_TOKEN))

        with pytest.raises(ChatwootRefusedError) as refusal:
            await bench.chatwoot.post(wrong, ANSWER, to=FIRST)

        shown = "".join(traceback.format_exception(refusal.value))
        assert WRONG_TOKEN not in shown
        assert ANSWER.text not in shown
        assert bench.read_by_the_customer(bench.conversation) == []

    async def test_conversation_that_is_not_there_is_refused(self, bench: ChatwootBench) -> None:
        nowhere = evolve(bench.conversation, id=ChatwootId("404404"))

        with pytest.raises(ChatwootRefusedError):
            await bench.chatwoot.post(nowhere, ANSWER, to=FIRST)
        with pytest.raises(ChatwootRefusedError):
            await bench.chatwoot.has_answer(nowhere, ANSWER, to=FIRST)

    async def test_chatwoot_that_is_away_may_be_asked_again(self, bench: ChatwootBench) -> None:
        bench.go_away_for_a_call()
        with pytest.raises(ChatwootUnavailableError):
            await bench.chatwoot.post(bench.conversation, ANSWER, to=FIRST)
        bench.go_away_for_a_call()
        with pytest.raises(ChatwootUnavailableError):
            await bench.chatwoot.has_answer(bench.conversation, ANSWER, to=FIRST)

        assert not await bench.chatwoot.has_answer(bench.conversation, ANSWER, to=FIRST)
