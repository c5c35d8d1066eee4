"""
The people of a soak, who take conversations over, write in them and give them back.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from attrs import define, field

from tests.e2e.customers import Customer
from tests.stand_ins.chatwoot import ChatwootStandIn, Conversation

_PAUSE = (0.2, 1.5)
# An answer that the hub is posting in the moment of the takeover still arrives.
_ON_ITS_WAY = 3.0
_HEARD_WITHIN = 6.0
# What must happen in a soak of some minutes, or it shows nothing.
DANGERS = (
    "person begins, takes over: heard",
    "person begins, replies: heard",
    "person begins, on the phone: heard",
    "person begins, by a note: heard",
    "AI called back by a note",
    "given back",
    "resolved",
)
# The same, of the stages and reasons of messages.
ENDS = (
    "done",
    "done (human_took_over)",
    "done (gathered)",
    "ignored (human_has_it)",
    "ignored (human_wrote)",
    "ignored (paused)",
)
NOTE = "Nota da crew para as pessoas"
_NEVER = float("inf")


@define
class Turn:
    """
    A time in which a person has a conversation and the hub knows it; `until` they give it back.
    """

    since: float
    until: float = _NEVER

    def holds(self, at: float) -> bool:
        """
        Whether an answer of the AI that Chatwoot got at *at* breaks the promise.
        """
        return self.since + _ON_ITS_WAY < at < self.until


@define
class People:
    """
    The people who work with one installation of Chatwoot.

    Args:
        turns: Their turns, by conversation.
        met: What they did, and whether the hub heard of it.
    """

    chatwoot: ChatwootStandIn
    chance: random.Random
    turns: dict[int, list[Turn]] = field(factory=lambda: defaultdict(list))
    silenced: set[int] = field(factory=set)
    met: Counter[str] = field(factory=Counter)

    async def work(self, customers: Sequence[Customer]) -> None:
        """
        Look after *customers* for ever.
        """
        while True:
            await asyncio.sleep(self.chance.uniform(*_PAUSE))
            customer = self.chance.choice(customers)
            place = self.chatwoot.conversation(
                customer.conversation, account=customer.shop.account
            )
            turns = self.turns[place.id]
            has_it = bool(turns) and turns[-1].until == _NEVER
            if has_it or place.assignee is not None:
                await self._goes_on(place)
            else:
                await self._begins(place)

    async def _begins(self, place: Conversation) -> None:
        chatwoot, id_ = self.chatwoot, place.id
        way = self.chance.choice(("takes over", "replies", "on the phone", "by a note"))
        before = len(chatwoot.deliveries)
        match way:
            case "takes over":
                chatwoot.person_takes_over(conversation=id_)
            case "replies":
                chatwoot.person_replies("Oi, é a Ana.", conversation=id_)
            case "on the phone":
                chatwoot.owner_writes_on_the_phone("Já vejo.", conversation=id_)
            case _:
                chatwoot.agent_notes("/bot off", conversation=id_)
                self.silenced.add(id_)
        told_of = id_ if way == "takes over" else place.messages[-1]["id"]
        heard = await self._heard(told_of, since=before)
        self.met[f"person begins, {way}: {'heard' if heard else 'unheard'}"] += 1
        self.turns[id_].append(Turn(time.time() if heard else _NEVER))

    async def _goes_on(self, place: Conversation) -> None:
        chatwoot, id_ = self.chatwoot, place.id
        match self.chance.choice(("replies", "notes", "ends", "ends")):
            case "replies":
                chatwoot.person_replies("Mais alguma coisa?", conversation=id_)
            case "notes":
                chatwoot.agent_notes("Cliente antigo.", conversation=id_)
            case _:
                await self._ends(place)

    async def _ends(self, place: Conversation) -> None:
        chatwoot, id_ = self.chatwoot, place.id
        if self.turns[id_]:
            turn = self.turns[id_][-1]
            turn.until = min(turn.until, time.time())
        if id_ in self.silenced:
            self.silenced.remove(id_)
            before = len(chatwoot.deliveries)
            chatwoot.agent_notes("/bot on", conversation=id_)
            self.met["AI called back by a note"] += 1
            if not await self._heard(place.messages[-1]["id"], since=before):
                # Somebody says it again until it helps.
                self.silenced.add(id_)
        elif place.status == "open" and self.chance.random() < 0.5:
            chatwoot.person_gives_back(conversation=id_)
            self.met["given back"] += 1
        else:
            chatwoot.person_resolves(conversation=id_)
            self.met["resolved"] += 1

    async def _heard(self, message_id: int, *, since: int) -> bool:
        """
        Whether a hub acknowledged an event about *message_id*.
        """
        deadline = time.monotonic() + _HEARD_WITHIN
        while time.monotonic() < deadline:
            told = self.chatwoot.deliveries[since:]
            if any(one.message_id == message_id and one.status == 200 for one in told):
                return True
            await asyncio.sleep(0.05)
        return False

    def broken_promises(self, customers: Iterable[Customer]) -> list[str]:
        """
        The answers of the AI in conversations that a person had, as the hub knew.
        """
        return [
            f"conversation {customer.conversation}: the AI answered {message['content']!r} at "
            f"{message['at']:.3f} although a person had it"
            for customer in customers
            for message in customer.posted()
            if any(turn.holds(message["at"]) for turn in self.turns[customer.conversation])
        ]

    def told_people(self, customers: Iterable[Customer]) -> list[str]:
        """
        The private texts that reached customers.
        """
        return [
            f"conversation {customer.conversation}: a private text reached the customer"
            for customer in customers
            for message in customer.posted()
            if "A IA não enviou" in message["content"] or NOTE in message["content"]
        ]
