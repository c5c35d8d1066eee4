"""
People are told of every customer without an answer, and once.
"""

from __future__ import annotations

import asyncio
import enum
from collections import Counter, deque
from datetime import timedelta

import pytest
from attrs import define, evolve, field
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.application.errors import (
    ChatwootUnavailableError,
    CrewRefusedError,
    CrewUnavailableError,
    StoreUnavailableError,
)
from odoo_ai_config.application.messages.people import TellPeople
from odoo_ai_config.application.messages.progress import GOES_ON
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.conversations.state import ConversationKey, Seen, Sighting, Status
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.answers import DEFERRED, NO_REPLY
from odoo_ai_config.domain.messages.inbox import STUCK, Stage
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.application.messages.deliveries import (
    ACME,
    ANSWER,
    PLENTY,
    Reaction,
    has_crews,
    hub_with,
    owns,
    received,
)

CONVERSATIONS = (301, 302)
MINUTE = timedelta(minutes=1)
REACTIONS: tuple[Reaction, ...] = (
    ANSWER,
    DEFERRED,
    NO_REPLY,
    CrewUnavailableError(),
    CrewRefusedError(),
)


class Event(enum.Enum):
    """
    What happens in the world of the hub.
    """

    WRITES = "a customer writes"
    WORK = "a worker delivers what is due"
    LOOK = "two processes look at once"
    AWAY = "the store is away while a process looks"
    WAIT = "time passes"
    TAKES = "a person takes the conversation"
    BACK = "a person gives it back"
    DOWN = "Chatwoot fails once"


def key_of(conversation: int) -> ConversationKey:
    return ConversationKey(ChatwootId("1"), ChatwootId(str(conversation)))


async def worked(hub: MemoryHub) -> None:
    now = hub.clock.now()
    for message in await hub.ports.inbox.claim(
        PLENTY, now=now, until=now + hub.deliver_message.lease
    ):
        step = await hub.deliver_message(message)
        while step.progress in GOES_ON:
            step = await hub.deliver_message(step.message, unposted=True)


async def looked(tell: TellPeople) -> int:
    return len([cause async for cause in tell()])


@define
class World:
    """
    A hub, two processes that tell people, and how often each conversation was given back.
    """

    hub: MemoryHub
    processes: tuple[TellPeople, TellPeople]
    written: int = 0
    backs: Counter[int] = field(factory=Counter)

    @classmethod
    async def begun(cls, reactions: list[Reaction]) -> World:
        hub, _ = hub_with(*reactions)
        await owns(hub, ACME)
        await has_crews(hub, ACME)
        return cls(hub, (hub.tell_people, evolve(hub.tell_people)))

    async def happens(self, event: Event, which: int) -> None:
        hub, conversation = self.hub, CONVERSATIONS[which]
        match event:
            case Event.WRITES:
                self.written += 1
                await received(hub, self.written, conversation=conversation)
            case Event.WORK:
                await worked(hub)
            case Event.LOOK:
                await asyncio.gather(*map(looked, self.processes))
            case Event.AWAY:
                await self._look_in_vain(self.processes[which])
            case Event.WAIT:
                hub.clock.tick(2 * MINUTE)
            case Event.TAKES | Event.BACK:
                await self._change(conversation, back=event is Event.BACK)
            case Event.DOWN:
                hub.chatwoot.failures = deque([ChatwootUnavailableError()])

    async def ends(self) -> None:
        """
        Everything is tried as often as it is tried at all.
        """
        self.hub.chatwoot.failures.clear()
        for _ in range(60):
            await worked(self.hub)
            await asyncio.gather(*map(looked, self.processes))
            self.hub.clock.tick(12 * MINUTE)

    async def _look_in_vain(self, tell: TellPeople) -> None:
        self.hub.state.away = True
        with pytest.raises(StoreUnavailableError):
            await looked(tell)
        self.hub.state.away = False

    async def _change(self, conversation: int, *, back: bool) -> None:
        assignee = None if back else ChatwootId("3")
        status = Status.PENDING if back else Status.OPEN
        seen = Seen(status=status, assignee=assignee, resumes=back)
        sighting = Sighting(key_of(conversation), seen, self.hub.clock.tick())
        await self.hub.ports.store.commit(Changeset(sightings=(sighting,)))
        self.backs[conversation] += back


@given(
    events=st.lists(
        st.tuples(st.sampled_from(Event), st.sampled_from([0, 1])), min_size=3, max_size=25
    ),
    reactions=st.lists(st.sampled_from(REACTIONS), min_size=1, max_size=4),
)
def test_people_are_told_of_every_customer_without_an_answer_and_once(
    events: list[tuple[Event, int]], reactions: list[Reaction]
) -> None:
    async def check() -> None:
        world = await World.begun(reactions)
        for event, which in events:
            await world.happens(event, which)
        await world.ends()
        hub, backs = world.hub, world.backs
        every = await hub.ports.inbox.page(set(Stage), limit=1000)
        assert all(message.told_at is not None for message in every if message.stage in STUCK)
        assert not any(message.is_open for message in every)
        for conversation in CONVERSATIONS:
            name = ChatwootId(str(conversation))
            notices = [
                message
                for message in every
                if message.is_notice and message.origin.conversation == name
            ]
            # Each is done, and before the next one the conversation was given back.
            assert all(notice.stage is Stage.DONE for notice in notices)
            assert len(notices) <= backs[conversation] + 1
            marks = [
                posted.mark
                for posted in hub.chatwoot.posted
                if posted.conversation == name and posted.message.private
            ]
            assert len(marks) == len(set(marks))
            dead = any(
                message.stage in STUCK and message.origin.conversation == name for message in every
            )
            known = await hub.ports.conversations.find(key_of(conversation))
            if dead:
                # They were told, or had it already.
                assert known is not None
                assert known.people_told_at or known.with_people_since or known.assignee

    asyncio.run(check())
