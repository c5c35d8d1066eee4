"""
Customers, people, crews and workers in the same conversations, in any order, whatever fails.
"""

from __future__ import annotations

import asyncio
import enum
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from attrs import define, field, frozen
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from odoo_ai_config.adapters.memory.chatwoot_client import MemoryChatwootClient
from odoo_ai_config.adapters.memory.chatwoot_client import Talk as Live
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
from odoo_ai_config.application.ports.chatwoot_client import ConversationAccess
from odoo_ai_config.application.ports.crew_client import CrewClient
from odoo_ai_config.application.ports.message_inbox import ClaimLimits
from odoo_ai_config.domain.conversations.state import Status
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Crew, CrewTask
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.answers import (
    DEFERRED,
    NO_REPLY,
    Answer,
    Deferred,
    HandOver,
    NoReply,
)
from odoo_ai_config.domain.messages.inbox import (
    OPEN,
    STUCK,
    InboxMessage,
    MessageId,
    Stage,
    WrongStageError,
    marked_message,
)
from odoo_ai_config.domain.messages.outgoing import OutgoingMessage
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
    CREWS_DOCUMENT,
    found,
    has_crews,
    hub_with,
    owns,
    remade,
)
from tests.unit.application.messages.talks import BOT, PERSON, Talk

T = TypeVar("T")

ANA = ChatwootId("3")
TEAM = ChatwootId("2")
IDS = (301, 302)
NOTE = "só entre nós"


class Mood(enum.Enum):
    """
    How a crew takes one message.
    """

    ANSWERS = "answers"
    SAYS_MORE = "says more"
    NOTES = "notes"
    NOTES_AND_ANSWERS = "notes and answers"
    HANDS_OVER = "hands over"
    DEFERRED = "later"
    SILENT = "silent"
    AWAY = "away"
    REFUSES = "refuses"


_FAILURES = {Mood.AWAY: CrewUnavailableError(), Mood.REFUSES: CrewRefusedError()}


@define
class MoodyCrew(CrewClient):
    """
    Never gives the same answer twice.

    Args:
        asked: What it was asked last about each message.
        promised: The messages that it said it would answer later.
    """

    moods: deque[Mood]
    fates: Fates
    number: int = 0
    asked: dict[MessageId, str] = field(factory=dict)
    promised: list[MessageId] = field(factory=list)

    async def ask(
        self, crew: Crew, task: CrewTask, *, secret: SecretText | None
    ) -> Answer | Deferred | NoReply:
        self.asked[task.received.id] = task.message.text or ""
        return await self.fates.meet(self._said(task.received.id), CrewUnavailableError())

    async def _said(self, id_: MessageId) -> Answer | Deferred | NoReply:
        self.number += 1
        mood = self.moods.popleft() if self.moods else Mood.ANSWERS
        if mood in _FAILURES:
            raise _FAILURES[mood]
        if mood is Mood.DEFERRED:
            self.promised.append(id_)
        text, note = (
            OutgoingMessage(f"resposta {self.number}"),
            OutgoingMessage(NOTE, private=True),
        )
        says: dict[Mood, Answer | Deferred | NoReply] = {
            Mood.ANSWERS: Answer((text,)),
            Mood.SAYS_MORE: Answer((text, OutgoingMessage("e mais"), note)),
            Mood.NOTES: Answer((note,)),
            Mood.NOTES_AND_ANSWERS: Answer((note, text)),
            Mood.HANDS_OVER: Answer((text,), HandOver(team=TEAM, note=NOTE)),
            Mood.DEFERRED: DEFERRED,
            Mood.SILENT: NO_REPLY,
        }
        return says[mood]


class Kind(enum.Enum):
    """
    What people do that matters to the AI.
    """

    TAKES = "takes"
    GIVES_BACK = "gives back"
    PAUSES = "pauses"
    RESUMES = "resumes"


class Doing(enum.Enum):
    """
    What happens in a conversation beside the customer's questions.
    """

    PERSON_WRITES = "person writes"
    OWNER_WRITES = "owner writes on the phone"
    TAKES = "person takes over"
    GIVES_BACK = "person gives back"
    RESOLVES = "person resolves"
    SWITCHES_OFF = "person writes /bot off"
    SWITCHES_ON = "person writes /bot on"
    WRITES = "customer writes"
    EDITS = "customer edits"
    DELETES = "customer deletes"
    REFUSED = "channel refuses the last answer"


@frozen
class Deed:
    """
    A deed of people in a conversation, counted in the order in which it happened.
    """

    number: int
    kind: Kind


@frozen(eq=False)
class Event:
    """
    An event of Chatwoot on its way to the hub, and the deed that it tells of.
    """

    talk: int
    body: JsonObject
    deed: Deed | None = None


@define
class WatchedChatwoot(MemoryChatwootClient):
    """
    Tells the world of what was posted, as soon as it was.
    """

    world: World | None = None

    async def post(
        self,
        conversation: ConversationAccess,
        message: OutgoingMessage,
        *,
        mark: str,
        at_hand: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        await super().post(conversation, message, mark=mark, at_hand=at_hand)
        if self.world is not None:
            await self.world.sees_post(conversation, message, mark)

    async def set_status(
        self, conversation: ConversationAccess, status: Status, **more: Any
    ) -> None:
        await super().set_status(conversation, status, **more)
        if self.world is not None:
            self.world.state_changed(int(conversation.id.value))


@define
class LiveTalk(Talk):
    """
    A conversation whose state is what Chatwoot's API shows.
    """

    @property
    def live(self) -> Live:
        return self.hub.chatwoot.talks.setdefault((self.key.account, self.key.id), Live())

    def described(self) -> JsonObject:
        self.status = self.live.status.value
        self.assignee = None if self.live.assignee is None else int(self.live.assignee.value)
        return super().described()


@define
class Hand:
    """
    A message that one worker has taken.
    """

    message: InboxMessage
    unposted: bool = False


@define
class World:
    """
    Two conversations of one tenant, the people in them, and workers that come and go.

    Args:
        events: Those that are on their way.
        deeds: What people did, by conversation.
        seen: What of that the hub was told.
        faults: What must not happen and did.
    """

    hub: MemoryHub
    deliver: DeliverMessage
    fates: Fates
    crew: MoodyCrew
    talks: dict[int, LiveTalk]
    events: list[Event] = field(factory=list)
    deeds: dict[int, list[Deed]] = field(factory=lambda: {id_: [] for id_ in IDS})
    seen: set[Deed] = field(factory=set)
    hands: list[Hand] = field(factory=list)
    accepted: list[MessageId] = field(factory=list)
    replayed: set[MessageId] = field(factory=set)
    faults: list[str] = field(factory=list)
    written: dict[int, list[JsonObject]] = field(factory=lambda: {id_: [] for id_ in IDS})
    stalled: bool = False

    # People and customers

    def act(self, id_: int, does: Doing) -> None:
        match does:
            case Doing.PERSON_WRITES | Doing.OWNER_WRITES:
                self.person_writes(id_, phone=does is Doing.OWNER_WRITES)
            case Doing.TAKES:
                self.person_takes(id_)
            case Doing.GIVES_BACK:
                self.person_gives_back(id_)
            case Doing.RESOLVES:
                self.person_resolves(id_)
            case Doing.SWITCHES_OFF | Doing.SWITCHES_ON:
                self.person_commands(id_, off=does is Doing.SWITCHES_OFF)
            case Doing.WRITES:
                self.customer_writes(id_)
            case Doing.EDITS | Doing.DELETES:
                self.customer_changes(id_, deletes=does is Doing.DELETES)
            case Doing.REFUSED:
                self.channel_refuses(id_)

    def customer_writes(self, id_: int) -> None:
        talk = self.talks[id_]
        if talk.live.status is Status.RESOLVED:
            talk.live.status = Status.PENDING
            self.state_changed(id_)
        body = talk.event(f"pergunta {talk.number} de {id_}.")
        self.written[id_].append(body)
        self.happens(id_, body)

    def person_writes(self, id_: int, *, phone: bool) -> None:
        said: JsonObject = {"message_type": "outgoing", "sender": None if phone else PERSON}
        body = self.talks[id_].event("Aqui é a Ana.", **said)
        self.happens(id_, body, Kind.TAKES)

    def person_takes(self, id_: int) -> None:
        live = self.talks[id_].live
        live.status, live.assignee = Status.OPEN, ANA
        self.state_changed(id_, Kind.TAKES)

    def person_gives_back(self, id_: int) -> None:
        live = self.talks[id_].live
        if live.status is Status.OPEN:
            live.assignee = None
            self.state_changed(id_)
            live.status = Status.PENDING
            self.state_changed(id_, Kind.GIVES_BACK)

    def person_resolves(self, id_: int) -> None:
        live = self.talks[id_].live
        live.status, live.assignee = Status.RESOLVED, None
        self.state_changed(id_, Kind.GIVES_BACK)

    def person_commands(self, id_: int, *, off: bool) -> None:
        said: JsonObject = {"message_type": "outgoing", "sender": PERSON, "private": True}
        body = self.talks[id_].event("/bot off" if off else "/bot on", **said)
        self.happens(id_, body, Kind.PAUSES if off else Kind.RESUMES)

    def customer_changes(self, id_: int, *, deletes: bool) -> None:
        if self.written[id_]:
            body = self.written[id_][-1]
            attributes: JsonObject = {"deleted": True} if deletes else {"is_edited": True}
            change: JsonObject = {"event": "message_updated", "content_attributes": attributes}
            change |= {"conversation": self.talks[id_].described()}
            change |= {"content": f"{body['content']} editada."}
            self.happens(id_, body | change)

    def channel_refuses(self, id_: int) -> None:
        talk = self.talks[id_]
        public = [
            one
            for one in self.hub.chatwoot.posted
            if not one.message.private and one.conversation == talk.key.id
        ]
        if public:
            one = public[-1]
            attributes: JsonObject = {"odoo_ai_config_answer_to": one.mark, "external_error": "x"}
            said: JsonObject = {"event": "message_updated", "message_type": "outgoing"}
            said |= {"sender": BOT, "content_attributes": attributes}
            self.happens(id_, talk.event(one.message.text, **said))

    def state_changed(self, id_: int, kind: Kind | None = None) -> None:
        talk = self.talks[id_]
        body: JsonObject = {"event": "conversation_updated", "account": {"id": 1}}
        self.happens(id_, body | talk.described(), kind)

    def happens(self, id_: int, body: JsonObject, kind: Kind | None = None) -> None:
        deed = None
        if kind is not None:
            deed = Deed(sum(map(len, self.deeds.values())), kind)
            self.deeds[id_].append(deed)
        self.events.append(Event(id_, body, deed))
        self.hub.clock.tick()

    # The hub

    async def told(self, event: Event) -> None:
        if event.deed is not None:
            self.seen.add(event.deed)
        receipt = await self.talks[event.talk].tell(event.body)
        if (await found(self.hub, receipt.id)).stage in OPEN and receipt.id not in self.accepted:
            self.accepted.append(receipt.id)

    async def sees_post(
        self, conversation: ConversationAccess, message: OutgoingMessage, mark: str
    ) -> None:
        id_, text = int(conversation.id.value), message.text or ""
        if not message.private:
            if NOTE in text or "A IA não enviou" in text:
                self.faults.append(f"a private text reached the customer: {text}")
            for taken, back in (
                (Kind.TAKES, Kind.GIVES_BACK),
                (Kind.PAUSES, Kind.RESUMES),
            ):
                deeds = self.deeds[id_]
                last = max((deed.number for deed in deeds if deed.kind is back), default=-1)
                known = [deed for deed in deeds if deed.kind is taken and deed in self.seen]
                # `/bot on` ends what people wrote, too.
                if taken is Kind.TAKES:
                    on = [deed.number for deed in deeds if deed.kind is Kind.RESUMES]
                    last = max([last, *on])
                if any(deed.number > last for deed in known):
                    self.faults.append(f"{taken.value}, and the AI says {text}")
        attributes: JsonObject = {"odoo_ai_config_answer_to": mark}
        echo: JsonObject = {"message_type": "outgoing", "sender": BOT}
        echo |= {"private": message.private, "content_attributes": attributes}
        event = Event(id_, self.talks[id_].event(text, **echo))
        if self.hub.chatwoot.readable:
            self.events.append(event)
        else:
            await self.told(event)

    async def claim(self, number: int) -> None:
        hub = self.hub
        now = hub.clock.now()
        messages = await hub.ports.inbox.claim(
            ClaimLimits(number, number, {}), now=now, until=now + self.deliver.lease
        )
        self.hands += map(Hand, messages)

    async def step(self, number: int) -> None:
        if not self.hands:
            return
        hand = self.hands.pop(number % len(self.hands))
        # A worker is cancelled when its lease ends. Only what it reads and stores is late then.
        asks = hand.message.stage is Stage.QUEUED
        self.fates.meanwhile = self.others_go_on if asks else None
        try:
            step = await self.deliver(hand.message, unposted=hand.unposted)
        except (KilledError, StoreUnavailableError):
            return
        if step.progress in GOES_ON:
            self.hands.append(Hand(step.message, unposted=True))

    async def answers_later(self, number: int) -> None:
        if self.crew.promised:
            id_ = self.crew.promised.pop(number % len(self.crew.promised))
            answer = Answer.of_text(f"tarde {number}")
            # Another answer may have been faster.
            with suppress(WrongStageError):
                await self.hub.answer_message(id_, answer, caller=ANYBODY)

    async def replays(self, number: int) -> None:
        stuck = [
            message.id for message in self.hub.state.messages.values() if message.stage in STUCK
        ]
        if stuck:
            id_ = stuck[number % len(stuck)]
            self.replayed.add(id_)
            with suppress(WrongStageError):
                await self.hub.replay_messages(id_, caller=ANYBODY)

    async def others_go_on(self) -> None:
        """
        While a worker stalls, its lease ends, another worker does all there is, and time goes on.
        """
        if self.stalled:
            return
        self.stalled = True
        mine, self.hands = self.hands, []
        self.hub.clock.tick(self.deliver.lease + timedelta(seconds=1))
        await self.claim(10)
        while self.hands:
            await self.step(0)
        for id_ in IDS:
            self.customer_writes(id_)
            await self.told(self.events.pop())
        self.hands, self.stalled = mine, False

    async def go_on_to_the_end(self) -> None:
        self.fates.left.clear()
        self.crew.moods.clear()
        for _ in range(1000):
            while self.hands:
                await self.step(0)
            due = await self.hub.ports.inbox.next_due()
            if due is None:
                return
            self.hub.clock.time = max(self.hub.clock.time, due)
            await self.claim(10)
        raise AssertionError("the messages do not come to an end")

    async def promises_kept(self) -> None:
        await self.go_on_to_the_end()
        assert self.faults == []
        posted = Counter(one.mark for one in self.hub.chatwoot.posted)
        assert set(posted.values()) <= {1}, posted
        answered = {marked_message(mark) for mark in posted}
        for id_ in self.accepted:
            message = await found(self.hub, id_)
            assert message.stage not in OPEN
            if message.stage is Stage.DONE and message.reason is None:
                assert id_ in answered
            if message.stage is Stage.IGNORED:
                assert message.reason is not None
            if message.part_of is not None:
                assert await self._told_with(message)
        asked = Counter(line for text in self.crew.asked.values() for line in text.split("\n"))
        assert set(asked.values()) <= {1}, asked
        turns: dict[str, list[int]] = {}
        for one in self.hub.chatwoot.posted:
            of = marked_message(one.mark)
            if of is not None and of not in self.replayed:
                turns.setdefault(one.conversation.value, []).append(self.accepted.index(of))
        assert all(turn == sorted(turn) for turn in turns.values())

    async def _told_with(self, part: InboxMessage) -> bool:
        """
        Whether the crew of the whole was asked about *part* too, if it was asked at all after.
        """
        assert part.part_of is not None
        whole = await found(self.hub, part.part_of)
        if whole.answer is None:
            return whole.stage is not Stage.DONE or whole.reason is not None
        read = await self.deliver.asking.texts.read(part)
        return whole.id not in self.crew.asked or (read.text or "") in self.crew.asked[whole.id]


async def world_of(*, gather: int, readable: bool) -> World:
    hub, _ = hub_with()
    await owns(hub, ACME)
    rules: JsonObject = {"gather_seconds": gather, "most_answers": {"answers": 100, "minutes": 1}}
    await has_crews(hub, ACME, {**CREWS_DOCUMENT, "answer_when": rules})
    coming = Fates(deque())
    crew = MoodyCrew(deque(), coming)
    store, secrets = PerilousStore(hub.state, coming), PerilousSecrets(hub.state, coming)
    sealer = Sealer(secrets, hub.vault)
    watched = WatchedChatwoot()
    watched.readable, watched.teams, watched.agents = readable, {TEAM: "vendas"}, {ANA}
    object.__setattr__(hub, "chatwoot", watched)
    deliver = remade(
        hub.deliver_message,
        store=store,
        texts=MessageTexts(sealer),
        crews=CrewLookup(store, standings_of(hub), sealer),
        crew_client=crew,
        reply_sender=ReplySender(
            hub.chatwoot_accounts, PerilousChatwoot(chatwoot=watched, fates=coming)
        ),
    )
    silent = hub_with()[1]
    talks = {id_: LiveTalk(hub, silent, id_, number=id_ * 1000) for id_ in IDS}
    world = World(hub, deliver, coming, crew, talks)
    watched.world = world
    return world


conversations = st.sampled_from(IDS)
numbers = st.integers(0, 9)


class Conversations(RuleBasedStateMachine):
    """
    The world, one deed after the other.
    """

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.world: World

    def run_(self, work: Any) -> None:
        self.runner.run(_awaited(work))

    @initialize(gather=st.sampled_from([0, 3]), readable=st.booleans())
    def begin(self, gather: int, readable: bool) -> None:
        self.world = self.runner.run(world_of(gather=gather, readable=readable))

    @rule(id_=conversations)
    def customer_is_heard(self, id_: int) -> None:
        # Most events come at once.
        self.world.customer_writes(id_)
        self.run_(self.world.told(self.world.events.pop()))

    @rule(id_=conversations, does=st.sampled_from(Doing))
    def person_is_heard(self, id_: int, does: Doing) -> None:
        world = self.world
        before = len(world.events)
        world.act(id_, does)
        for event in world.events[before:]:
            world.events.remove(event)
            self.run_(world.told(event))

    @rule(id_=conversations, does=st.sampled_from(Doing))
    def something_happens(self, id_: int, does: Doing) -> None:
        self.world.act(id_, does)

    @precondition(lambda self: self.world.events)
    @rule(number=st.integers(0, 30), again=st.booleans())
    def event_comes(self, number: int, again: bool) -> None:
        world = self.world
        event = world.events[-1 - number % len(world.events)]
        if not again:
            world.events.remove(event)
        self.run_(world.told(event))

    @rule(coming=st.lists(st.sampled_from(Fate), max_size=4), safe=st.integers(0, 12))
    def trouble_comes(self, coming: list[Fate], safe: int) -> None:
        self.world.fates.left.extend([*[Fate.WORKS] * safe, *coming])

    @rule(moods=st.lists(st.sampled_from(Mood), min_size=1, max_size=3))
    def crew_changes_its_mood(self, moods: list[Mood]) -> None:
        self.world.crew.moods.extend(moods)

    @rule(count=st.integers(0, 6))
    def workers_work(self, count: int) -> None:
        self.run_(self.world.claim(3))
        self.workers_go_on(0, count)

    @precondition(lambda self: self.world.hands)
    @rule(number=numbers, count=st.integers(1, 4))
    def workers_go_on(self, number: int, count: int) -> None:
        for _ in range(count):
            self.run_(self.world.step(number))

    @precondition(lambda self: self.world.hands)
    @rule(number=numbers)
    def worker_is_lost(self, number: int) -> None:
        del self.world.hands[number % len(self.world.hands)]
        self.world.hub.clock.tick(self.world.deliver.lease)

    @rule(number=numbers)
    def crew_answers_later(self, number: int) -> None:
        self.run_(self.world.answers_later(number))

    @rule(number=numbers)
    def operator_replays(self, number: int) -> None:
        self.run_(self.world.replays(number))

    @rule(seconds=st.sampled_from([5, 30, 150, 900]))
    def time_goes_by(self, seconds: int) -> None:
        self.world.hub.clock.tick(timedelta(seconds=seconds))

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.run_(self.world.promises_kept())
        self.runner.close()


async def _awaited(work: Awaitable[T]) -> T:
    return await work


TestConversations = Conversations.TestCase
# Each example is one of very many orders.
TestConversations.settings = settings(
    max_examples=4 * settings().max_examples, stateful_step_count=60
)
