"""
Whole deliveries, with every failure at every step.
"""

from __future__ import annotations

import asyncio
import enum
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.crews import CrewLookup
from odoo_ai_config.application.errors import (
    CrewRefusedError,
    CrewUnavailableError,
    StoreUnavailableError,
)
from odoo_ai_config.application.messages.delivery import DeliverMessage
from odoo_ai_config.application.messages.progress import GOES_ON
from odoo_ai_config.application.messages.reply_sender import ReplySender
from odoo_ai_config.application.messages.texts import MessageTexts
from odoo_ai_config.application.ports.crew_client import CrewClient
from odoo_ai_config.application.ports.message_inbox import ClaimLimits
from odoo_ai_config.domain.credentials.secrets import (
    SecretText,
)
from odoo_ai_config.domain.crews import Crew, CrewTask
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.answers import DEFERRED, NO_REPLY, Answer, Deferred, NoReply
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId, Stage, WrongStageError
from tests.property.messages.perils import (
    Fate,
    Fates,
    KilledError,
    PerilousChatwoot,
    PerilousSecrets,
    PerilousStore,
)
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, standings_of
from tests.unit.application.messages.deliveries import (
    ACME,
    OTHER,
    found,
    has_crews,
    hub_with,
    owns,
    received,
    remade,
)

T = TypeVar("T")

ENDS = {Stage.DONE, Stage.DEAD, Stage.UNRESOLVED}


class Mood(enum.Enum):
    """
    How a crew takes one message.
    """

    ANSWERS = "answers"
    NOTES = "notes"
    DEFERRED = "later"
    SILENT = "silent"
    AWAY = "away"
    REFUSES = "refuses"


@define
class MoodyCrew(CrewClient):
    """
    Never gives the same answer twice.
    """

    moods: deque[Mood]
    fates: Fates
    number: int = 0

    async def ask(
        self, crew: Crew, task: CrewTask, *, secret: SecretText | None
    ) -> Answer | Deferred | NoReply:
        return await self.fates.meet(self._said(), CrewUnavailableError())

    async def _said(self) -> Answer | Deferred | NoReply:
        self.number += 1
        match self.moods.popleft() if self.moods else Mood.ANSWERS:
            case Mood.ANSWERS:
                return Answer.of_text(f"resposta {self.number}")
            case Mood.NOTES:
                return Answer.of_text(f"nota {self.number}", private=True)
            case Mood.DEFERRED:
                return DEFERRED
            case Mood.SILENT:
                return NO_REPLY
            case Mood.AWAY:
                raise CrewUnavailableError
            case Mood.REFUSES:
                raise CrewRefusedError


@define
class Delivery:
    """
    A message that one worker has taken.
    """

    message: InboxMessage
    unposted: bool = False


@define
class World:
    """
    Two tenants, three conversations, and workers that come and go.
    """

    hub: MemoryHub
    deliver: DeliverMessage
    fates: Fates
    hands: list[Delivery] = field(factory=list)
    ids: list[MessageId] = field(factory=list)

    async def claim(self, number: int) -> None:
        hub = self.hub
        in_hand: dict[TenantId, int] = {}
        now = hub.clock.now()
        claim_limits = ClaimLimits(number, number, in_hand)
        messages = await hub.ports.inbox.claim(
            claim_limits, now=now, until=now + self.deliver.lease
        )
        heads = Counter(message.conversation for message in messages)
        assert set(heads.values()) <= {1}
        self.hands += map(Delivery, messages)

    async def step(self, number: int) -> None:
        if not self.hands:
            return
        hand = self.hands[number % len(self.hands)]
        try:
            step = await self.deliver(hand.message, unposted=hand.unposted)
        except (KilledError, StoreUnavailableError):
            self.hands.remove(hand)
            return
        if step.progress in GOES_ON:
            hand.message, hand.unposted = step.message, True
        else:
            self.hands.remove(hand)

    async def act(self, action: str, number: int) -> None:
        match action:
            case "claim":
                await self.claim(number)
            case "step":
                await self.step(number)
            case "forget":
                del self.hands[number : number + 1]
            case "answer":
                # It may have another answer by now, or be finished.
                with suppress(WrongStageError):
                    await self.hub.answer_message(
                        self.ids[number % len(self.ids)],
                        Answer.of_text(f"tarde {number}"),
                        caller=ANYBODY,
                    )
            case _:
                self.hub.clock.tick(timedelta(seconds=number))

    async def go_on_to_the_end(self) -> None:
        for _ in range(1000):
            while self.hands:
                await self.step(0)
            due = await self.hub.ports.inbox.next_due()
            if due is None:
                return
            self.hub.clock.time = max(self.hub.clock.time, due)
            await self.claim(10)
        raise AssertionError("the messages do not come to an end")


async def world_of(fates: Sequence[Fate], moods: Sequence[Mood]) -> World:
    hub, _ = hub_with()
    for owner, account in ((ACME, "1"), (OTHER, "2")):
        await owns(hub, owner, account=account)
        await has_crews(hub, owner)
    coming = Fates(deque(fates))
    store = PerilousStore(hub.state, coming)
    secrets = PerilousSecrets(hub.state, coming)
    deliver = remade(
        hub.deliver_message,
        store=store,
        texts=MessageTexts(Sealer(secrets, hub.vault)),
        crews=CrewLookup(store, standings_of(hub), Sealer(secrets, hub.vault)),
        crew_client=MoodyCrew(deque(moods), coming),
        reply_sender=ReplySender(
            hub.chatwoot_accounts, PerilousChatwoot(chatwoot=hub.chatwoot, fates=coming)
        ),
    )
    return World(hub, deliver, coming)


numbers = st.integers(0, 9)
actions = st.lists(
    st.tuples(st.just("claim"), st.integers(1, 4))
    | st.tuples(st.just("step"), numbers)
    | st.tuples(st.just("forget"), numbers)
    | st.tuples(st.just("wait"), st.sampled_from([1, 30, 120, 900]))
    | st.tuples(st.just("answer"), numbers),
    max_size=40,
)
fates = st.lists(st.just(Fate.WORKS) | st.sampled_from(Fate), min_size=40, max_size=60)
moods = st.lists(st.sampled_from(Mood), max_size=20)


@given(actions, fates, moods)
def test_every_message_ends_once_and_in_order(
    chosen: list[tuple[str, int]], coming: list[Fate], moods_of_crews: list[Mood]
) -> None:
    asyncio.run(_run(chosen, coming, moods_of_crews))


async def _run(
    chosen: list[tuple[str, int]], coming: list[Fate], moods_of_crews: list[Mood]
) -> None:
    world = await world_of(coming, moods_of_crews)
    hub = world.hub
    world.ids = ids = [
        await received(hub, number, conversation=300 + number % 2, account=1 + number // 4)
        for number in range(1, 7)
    ]
    for action, number in chosen:
        await world.act(action, number)
    await world.go_on_to_the_end()

    messages = [await found(hub, message_id) for message_id in ids]
    assert {message.stage for message in messages} <= ENDS
    posted = Counter(one.mark for one in hub.chatwoot.posted)
    assert set(posted.values()) <= {1}
    for message in messages:
        if message.stage is Stage.DONE:
            assert (message.id.value in posted) == (message.reason is None)
    turns = defaultdict(list)
    for one in hub.chatwoot.posted:
        turns[one.account, one.conversation].append(ids.index(MessageId(one.mark)))
    for turn in turns.values():
        assert turn == sorted(turn)


def test_poison_message_blocks_no_other_conversation_and_no_other_tenant() -> None:
    async def run() -> None:
        world = await world_of([], [])
        hub = world.hub
        poison = await received(hub, 1, conversation=1)
        behind = await received(hub, 2, conversation=1)
        beside = await received(hub, 3, conversation=2)
        elsewhere = await received(hub, 4, account=2)

        class Poisoned(MoodyCrew):
            async def ask(
                self, crew: Crew, task: CrewTask, *, secret: SecretText | None
            ) -> Answer | Deferred | NoReply:
                if task.received.id == poison:
                    raise CrewUnavailableError
                return await super().ask(crew, task, secret=secret)

        world.deliver = remade(world.deliver, crew_client=Poisoned(deque(), world.fates))
        await world.claim(10)
        while world.hands:
            await world.step(0)
        assert {one.mark for one in hub.chatwoot.posted} == {beside.value, elsewhere.value}
        assert (await found(hub, behind)).revision == 1
        await world.go_on_to_the_end()
        assert (await found(hub, poison)).stage is Stage.DEAD
        assert (await found(hub, behind)).stage is Stage.DONE

    asyncio.run(run())
