from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve, frozen

from odoo_ai_config.application.errors import ChatwootRefusedError, ChatwootUnavailableError
from odoo_ai_config.application.messages.payloads import read_event, read_message
from odoo_ai_config.application.ports.chatwoot_client import (
    ChatwootClient,
    ConversationAccess,
    ListedMessage,
)
from odoo_ai_config.domain.conversations.state import Status
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.answers import Priority
from odoo_ai_config.domain.messages.outgoing import OutgoingMessage
from odoo_ai_config.domain.messages.receiving import Act, Direction

ANSWER = OutgoingMessage("Das 9h às 18h. 😀\n*Até já!*")
NOTE = OutgoingMessage("Cliente em atraso.", private=True)
FIRST, SECOND = "message-1", "message-1/2"
WRONG_TOKEN = "canary-token-9d1f"
ANA, NOBODYS = ChatwootId("3"), ChatwootId("404")
SALES = ChatwootId("2")
UNTIL = datetime(2026, 12, 1, 9, tzinfo=UTC)

Action = Callable[[ChatwootClient, ConversationAccess], Awaitable[Any]]
# What needs reading, and what does not.
READING: dict[str, Action] = {
    "labels": lambda chatwoot, place: chatwoot.set_labels(place, added=["vip"]),
    "attributes": lambda chatwoot, place: chatwoot.set_custom_attributes(place, {"pedido": 7}),
}
WRITING: dict[str, Action] = {
    "post": lambda chatwoot, place: chatwoot.post(place, ANSWER, mark=FIRST),
    "status": lambda chatwoot, place: chatwoot.set_status(place, Status.OPEN),
    "assignee": lambda chatwoot, place: chatwoot.assign(place, ANA),
    "team": lambda chatwoot, place: chatwoot.assign_team(place, SALES),
    "priority": lambda chatwoot, place: chatwoot.set_priority(place, Priority.HIGH),
}
EVERY: dict[str, Action] = {
    **READING,
    **WRITING,
    "mark": lambda chatwoot, place: chatwoot.has_mark(place, FIRST, private=False),
    "live": lambda chatwoot, place: chatwoot.live(place),
}


class UnwantedError(Exception):
    """
    A message is not wanted.
    """


def each(actions: dict[str, Action]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("action", actions.values(), ids=actions.keys())


@frozen
class Looks:
    """
    What a conversation looks like in Chatwoot.
    """

    custom_attributes: JsonObject
    priority: str | None
    snoozed_until: datetime | None
    typing: bool


class ChatwootBench(ABC):
    """
    A Chatwoot with two pending conversations that the token may access, a person and a team.
    """

    chatwoot: ChatwootClient
    conversation: ConversationAccess
    other: ConversationAccess

    @abstractmethod
    def read_by_the_customer(self, conversation: ConversationAccess) -> Sequence[str]:
        """
        The answers that reached the customer.
        """

    @abstractmethod
    def looks(self, conversation: ConversationAccess) -> Looks:
        """
        What `ChatwootClient.live` does not tell.
        """

    @abstractmethod
    def customer_writes(self, conversation: ConversationAccess, text: str) -> None:
        """
        Let the customer write in inbox 7.
        """

    @abstractmethod
    def go_away_for_a_call(self) -> None:
        """
        Let the next call fail as if Chatwoot were unavailable.
        """

    @abstractmethod
    def forbid_reading(self) -> None:
        """
        Let the token write only.
        """


class ChatwootContract:
    """
    The guarantees of every ChatwootClient.
    """

    @pytest.fixture
    def bench(self) -> ChatwootBench:
        raise NotImplementedError("subclasses provide the bench")

    @pytest.mark.parametrize(
        "answer", [ANSWER, OutgoingMessage(" x "), OutgoingMessage("ç" * 50_000)]
    )
    async def test_answer_reaches_the_customer_of_its_conversation(
        self, bench: ChatwootBench, answer: OutgoingMessage
    ) -> None:
        await bench.chatwoot.post(bench.conversation, answer, mark=FIRST)

        assert bench.read_by_the_customer(bench.conversation) == [answer.text]
        assert bench.read_by_the_customer(bench.other) == []

    async def test_nothing_is_posted_that_is_not_wanted_any_more(
        self, bench: ChatwootBench
    ) -> None:
        async def unwanted() -> None:
            raise UnwantedError

        with pytest.raises(UnwantedError):
            await bench.chatwoot.post(bench.conversation, ANSWER, mark=FIRST, at_hand=unwanted)

        assert bench.read_by_the_customer(bench.conversation) == []

    async def test_mark_that_was_posted_is_found(self, bench: ChatwootBench) -> None:
        await bench.chatwoot.post(bench.conversation, ANSWER, mark=FIRST)

        assert await bench.chatwoot.has_mark(bench.conversation, FIRST, private=False)

    async def test_mark_that_was_not_posted_is_not_found(self, bench: ChatwootBench) -> None:
        assert not await bench.chatwoot.has_mark(bench.conversation, FIRST, private=False)

    async def test_another_mark_is_not_taken_for_it(self, bench: ChatwootBench) -> None:
        await bench.chatwoot.post(bench.conversation, ANSWER, mark=SECOND)

        assert not await bench.chatwoot.has_mark(bench.conversation, FIRST, private=False)

    async def test_mark_in_another_conversation_is_not_taken_for_it(
        self, bench: ChatwootBench
    ) -> None:
        await bench.chatwoot.post(bench.other, ANSWER, mark=FIRST)

        assert not await bench.chatwoot.has_mark(bench.conversation, FIRST, private=False)

    async def test_each_of_several_marks_is_found(self, bench: ChatwootBench) -> None:
        await bench.chatwoot.post(bench.conversation, ANSWER, mark=FIRST)
        await bench.chatwoot.post(bench.conversation, ANSWER, mark=SECOND)

        assert await bench.chatwoot.has_mark(bench.conversation, FIRST, private=False)
        assert await bench.chatwoot.has_mark(bench.conversation, SECOND, private=False)

    async def test_note_does_not_reach_the_customer_and_is_found(
        self, bench: ChatwootBench
    ) -> None:
        await bench.chatwoot.post(bench.conversation, NOTE, mark=FIRST)

        assert bench.read_by_the_customer(bench.conversation) == []
        assert await bench.chatwoot.has_mark(bench.conversation, FIRST, private=True)
        assert not await bench.chatwoot.has_mark(bench.conversation, SECOND, private=True)

    async def test_note_is_not_taken_for_an_answer_that_the_customer_is_to_read(
        self, bench: ChatwootBench
    ) -> None:
        await bench.chatwoot.post(bench.conversation, NOTE, mark=FIRST)

        assert not await bench.chatwoot.has_mark(bench.conversation, FIRST, private=False)

    async def test_live_state_is_told(self, bench: ChatwootBench) -> None:
        seen = await bench.chatwoot.live(bench.conversation)

        assert seen is not None
        assert (seen.status, seen.assignee, seen.team, seen.labels) == (
            Status.PENDING,
            None,
            None,
            (),
        )
        assert (seen.can_reply, seen.blocked, seen.wrote, seen.mark) == (True, False, None, None)

    @pytest.mark.parametrize("status", Status)
    async def test_status_is_set(self, bench: ChatwootBench, status: Status) -> None:
        await bench.chatwoot.set_status(bench.conversation, status)

        seen = await bench.chatwoot.live(bench.conversation)
        assert seen is not None
        assert seen.status is status
        untouched = await bench.chatwoot.live(bench.other)
        assert untouched is not None
        assert untouched.status is Status.PENDING

    async def test_conversation_rests_until_a_time(self, bench: ChatwootBench) -> None:
        place = bench.conversation
        await bench.chatwoot.set_status(place, Status.SNOOZED, snoozed_until=UNTIL)
        assert bench.looks(place).snoozed_until == UNTIL

        await bench.chatwoot.set_status(place, Status.SNOOZED, snoozed_until=UNTIL)
        assert bench.looks(place).snoozed_until == UNTIL

    async def test_conversation_goes_to_a_person_and_a_team(self, bench: ChatwootBench) -> None:
        place = bench.conversation
        await bench.chatwoot.assign(place, ANA)
        await bench.chatwoot.assign_team(place, SALES)

        assigned = await bench.chatwoot.live(place)
        assert assigned is not None
        assert (assigned.assignee, assigned.team) == (ANA, "vendas")

    async def test_unknown_person_and_team_are_refused(self, bench: ChatwootBench) -> None:
        with pytest.raises(ChatwootRefusedError):
            await bench.chatwoot.assign(bench.conversation, NOBODYS)
        with pytest.raises(ChatwootRefusedError):
            await bench.chatwoot.assign_team(bench.conversation, NOBODYS)

    async def test_labels_that_are_not_named_stay(self, bench: ChatwootBench) -> None:
        place = bench.conversation
        await bench.chatwoot.set_labels(place, added=["vip", "humano", "boleto"])
        await bench.chatwoot.set_labels(place, added=["ia", "vip"], removed=["humano", "outra"])

        seen = await bench.chatwoot.live(place)
        assert seen is not None
        assert isinstance(seen.labels, tuple)
        assert set(seen.labels) == {"vip", "boleto", "ia"}

    async def test_custom_attributes_that_are_not_named_stay(self, bench: ChatwootBench) -> None:
        place = bench.conversation
        await bench.chatwoot.set_custom_attributes(place, {"pedido": 7, "vip": True})
        await bench.chatwoot.set_custom_attributes(place, {"pedido": 8, "motivo": "boleto"})

        assert bench.looks(place).custom_attributes == {
            "pedido": 8,
            "vip": True,
            "motivo": "boleto",
        }

    @pytest.mark.parametrize("priority", Priority)
    async def test_priority_is_set(self, bench: ChatwootBench, priority: Priority) -> None:
        await bench.chatwoot.set_priority(bench.conversation, priority)

        assert bench.looks(bench.conversation).priority == priority.value

    async def test_customer_sees_that_somebody_types(self, bench: ChatwootBench) -> None:
        await bench.chatwoot.typing(bench.conversation, on=True)
        assert bench.looks(bench.conversation).typing

        await bench.chatwoot.typing(bench.conversation, on=False)
        assert not bench.looks(bench.conversation).typing

    async def test_typing_that_does_not_work_disturbs_nobody(self, bench: ChatwootBench) -> None:
        bench.go_away_for_a_call()
        await bench.chatwoot.typing(bench.conversation, on=True)
        await bench.chatwoot.typing(
            evolve(bench.conversation, token=SecretText(WRONG_TOKEN)), on=True
        )

        assert not bench.looks(bench.conversation).typing

    async def test_conversations_with_the_newest_messages_are_listed_first(
        self, bench: ChatwootBench
    ) -> None:
        for place in (bench.conversation, bench.other, bench.conversation):
            bench.customer_writes(place, "Oi")

        listed = await bench.chatwoot.conversations(bench.conversation, page=1)

        assert listed is not None
        assert [one.id for one in listed] == [bench.conversation.id, bench.other.id]
        assert {one.status for one in listed} == {Status.PENDING}
        assert all(one.active_at is not None for one in listed)
        assert await bench.chatwoot.conversations(bench.conversation, page=2) == []

    async def test_conversations_are_not_listed_for_a_token_that_may_not_read(
        self, bench: ChatwootBench
    ) -> None:
        bench.customer_writes(bench.conversation, "Oi")
        bench.forbid_reading()
        assert await bench.chatwoot.conversations(bench.conversation, page=1) is None

    async def test_messages_are_listed_page_by_page_as_their_events(
        self, bench: ChatwootBench
    ) -> None:
        texts = [f"Mensagem {number}" for number in range(45)]
        for text in texts:
            bench.customer_writes(bench.conversation, text)
        bench.customer_writes(bench.other, "Outra")
        listed = await bench.chatwoot.conversations(bench.conversation, page=1)
        assert listed is not None
        place = next(one for one in listed if one.id == bench.conversation.id)

        found: list[ListedMessage] = []
        while page := await bench.chatwoot.messages(
            bench.conversation, place, before=found[0].id if found else None
        ):
            found = [*page, *found]

        assert [read_message(message.event).text for message in found] == texts
        for message in found:
            event = read_event(message.event)
            assert event.origin.account == bench.conversation.account
            assert event.origin.conversation == place.id
            assert event.origin.inbox == ChatwootId("7")
            assert event.origin.message == message.id
            assert event.direction is Direction.INCOMING
            assert event.act is Act.WRITTEN
            assert message.at is not None
            assert not message.deleted

    @each(WRITING)
    async def test_token_that_may_not_read_may_act(
        self, bench: ChatwootBench, action: Action
    ) -> None:
        bench.forbid_reading()

        await action(bench.chatwoot, bench.conversation)

        assert await bench.chatwoot.live(bench.conversation) is None
        assert not await bench.chatwoot.has_mark(bench.conversation, FIRST, private=False)

    @each(READING)
    async def test_what_cannot_be_read_is_not_replaced(
        self, bench: ChatwootBench, action: Action
    ) -> None:
        await bench.chatwoot.set_custom_attributes(bench.conversation, {"vip": True})
        bench.forbid_reading()

        with pytest.raises(ChatwootRefusedError):
            await action(bench.chatwoot, bench.conversation)

        assert bench.looks(bench.conversation).custom_attributes == {"vip": True}

    @each(READING | WRITING)
    async def test_wrong_token_is_refused_and_not_shown(
        self, bench: ChatwootBench, action: Action
    ) -> None:
        wrong = evolve(bench.conversation, token=SecretText(WRONG_TOKEN))

        with pytest.raises(ChatwootRefusedError) as refusal:
            await action(bench.chatwoot, wrong)

        shown = "".join(traceback.format_exception(refusal.value))
        assert WRONG_TOKEN not in shown
        assert str(ANSWER.text) not in shown
        assert bench.read_by_the_customer(bench.conversation) == []

    @each(EVERY)
    async def test_conversation_that_is_not_there_is_refused(
        self, bench: ChatwootBench, action: Action
    ) -> None:
        with pytest.raises(ChatwootRefusedError):
            await action(bench.chatwoot, evolve(bench.conversation, id=ChatwootId("404404")))

    @each(EVERY)
    async def test_chatwoot_that_is_away_may_be_asked_again(
        self, bench: ChatwootBench, action: Action
    ) -> None:
        bench.go_away_for_a_call()
        with pytest.raises(ChatwootUnavailableError):
            await action(bench.chatwoot, bench.conversation)

        await action(bench.chatwoot, bench.conversation)
