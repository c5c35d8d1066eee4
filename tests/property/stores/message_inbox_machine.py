"""
A model of the inbox, and a machine that compares a store with it over random histories.

The bundle holds states that somebody read earlier, so slow workers and callbacks that overtake
each other occur often.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, TypeAlias, TypeVar

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, multiple, rule

from odoo_ai_config.application.errors import MessageRecordedError
from odoo_ai_config.application.ports.message_inbox import ClaimLimits, StageCount
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.credentials.secrets import SealedSecret
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.identifiers import HUB, ChatwootId, TenantId
from odoo_ai_config.domain.messages.inbox import (
    OPEN,
    STUCK,
    InboxMessage,
    Origin,
    Stage,
    WrongStageError,
)
from tests.contract.samples import (
    AT,
    MINUTE,
    answer_to,
    destination,
    fingerprint,
    message,
    stray,
    text_of,
)
from tests.contract.stores import Stores

T = TypeVar("T")
Step: TypeAlias = Callable[[], tuple[InboxMessage, list[SealedSecret]]]
OpenStores: TypeAlias = Callable[[], AbstractAsyncContextManager[Stores]]

TENANTS: Final = ("a", "b", "c")
OPEN_STAGES: Final = {Stage.QUEUED, Stage.AWAITING, Stage.ANSWERED}
STUCK_STAGES: Final = {Stage.UNRESOLVED, Stage.DEAD}

tenants = st.sampled_from(TENANTS)
delays = st.integers(0, 5).map(lambda minutes: minutes * MINUTE)
few = st.integers(0, 4)


@attrs.define
class Model:
    """
    The expected content of the inbox: a list in the order of receipt, and its rules.
    """

    messages: list[InboxMessage] = attrs.field(factory=list)
    texts: list[SealedSecret] = attrs.field(factory=list)

    def at(self, place: InboxMessage) -> int | None:
        ids = [one.id for one in self.messages]
        return ids.index(place.id) if place.id in ids else None

    def same(self, origin: Origin) -> list[InboxMessage]:
        return [
            one
            for one in self.messages
            if (origin.delivery is not None and one.origin.delivery_mark == origin.delivery_mark)
            or (
                origin.message is not None
                and (one.origin.account, one.origin.message, one.origin.event)
                == (origin.account, origin.message, origin.event)
            )
        ]

    def take(self, state: InboxMessage, texts: Sequence[SealedSecret]) -> None:
        place = self.at(state)
        if place is None:
            self.messages.append(state)
        else:
            self.messages[place] = state
        self.texts += texts

    def heads(self) -> list[InboxMessage]:
        heads: list[InboxMessage] = []
        conversations: list[ChatwootId] = []
        for one in self.messages:
            conversation = one.origin.conversation
            if one.stage in OPEN_STAGES and conversation not in conversations:
                heads.append(one)
                if conversation is not None:
                    conversations.append(conversation)
        return heads

    def due(self, now: datetime) -> dict[str, list[InboxMessage]]:
        due: dict[str, list[InboxMessage]] = {tenant: [] for tenant in TENANTS}
        for one in self.heads():
            if one.due_at is not None and one.due_at <= now:
                due[tenant_of(one)].append(one)
        return due

    def prune(self, before: datetime) -> int:
        finished = [
            one
            for one in self.messages
            if one.stage not in OPEN_STAGES | STUCK_STAGES and one.updated_at < before
        ]
        self.messages = [one for one in self.messages if one not in finished]
        self.texts = [text for text in self.texts if self.needs(text)]
        return len(finished)

    def needs(self, text: SealedSecret) -> bool:
        return any(
            str(one.id) == str(text.context.ref) and holder_of(one) == str(text.context.owner)
            for one in self.messages
        )


def tenant_of(one: InboxMessage) -> str:
    return holder_of(one).partition("/")[0]


def holder_of(one: InboxMessage) -> str:
    return f"{HUB}/unresolved" if one.destination is None else str(one.destination.owner)


class MessageInboxMachine(RuleBasedStateMachine):
    open_stores: ClassVar[OpenStores]

    seen = Bundle("seen")

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.now = AT
        self.serial = 0
        # hypothesis knows no async rules (HypothesisWorks/hypothesis#4107), and a driver
        # may stay with the loop that first used it.
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.stores = self.run(self.stack.enter_async_context(type(self).open_stores()))

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def number(self) -> int:
        self.serial += 1
        return self.serial

    def commit(
        self,
        state: InboxMessage,
        texts: Sequence[SealedSecret],
        expected: type[Exception] | None,
    ) -> None:
        refusal: type[Exception] | None = None
        try:
            self.run(self.stores.config.commit(Changeset(messages=(state,), secrets=tuple(texts))))
        except (MessageRecordedError, RevisionConflictError) as error:
            refusal = type(error)
        assert refusal is expected
        if refusal is None:
            self.model.take(state, texts)
        self.look()

    def look(self) -> None:
        """
        Compare everything with the model, after each rule that could write.

        A reader that writes is found out after the next of them.
        """
        self.messages_are_those_of_the_model()
        self.census_is_that_of_the_model()
        self.next_due_is_that_of_the_model()
        self.texts_are_those_of_the_model()
        self.no_message_has_lost_its_text()

    @rule(
        target=seen,
        conversation=st.sampled_from(["1", "2", "3", None]),
        tenant=tenants,
        known_as=st.integers(1, 20),
        delivered_as=st.none() | st.integers(1, 20),
        stage=st.sampled_from([*[Stage.QUEUED] * 6, Stage.IGNORED, Stage.UNRESOLVED]),
    )
    def receive(
        self,
        conversation: str | None,
        tenant: str,
        known_as: int,
        delivered_as: int | None,
        stage: Stage,
    ) -> Any:
        self.tick()
        name = f"message-{self.number()}"
        received = (
            message(name, conversation, tenant=tenant)
            if stage is Stage.QUEUED
            else stray(name, stage)
        )
        origin = attrs.evolve(
            received.origin,
            message=ChatwootId(str(known_as)),
            delivery=None if delivered_as is None else str(delivered_as),
        )
        new = attrs.evolve(
            received,
            origin=origin,
            received_at=self.now,
            updated_at=self.now,
            due_at=self.now if stage is Stage.QUEUED else None,
            body=None if stage is Stage.IGNORED else fingerprint(self.serial),
        )
        known = self.model.same(origin)
        found = self.run(self.stores.inbox.received(origin))
        assert (found in known) if known else (found is None)
        texts = [] if new.body is None else [text_of(new, self.serial)]
        self.commit(new, texts, MessageRecordedError if known else None)
        return multiple() if known else new

    @rule(target=seen, total=few, per_tenant=few, in_hand=st.dictionaries(tenants, few))
    def claim(self, total: int, per_tenant: int, in_hand: dict[str, int]) -> Any:
        hands = {TenantId(tenant): number for tenant, number in in_hand.items()}
        until = self.now + 3 * MINUTE
        due = self.model.due(self.now)
        taken = self.run(
            self.stores.inbox.claim(
                ClaimLimits(total, per_tenant, hands), now=self.now, until=until
            )
        )
        could = {
            tenant: max(0, min(per_tenant - in_hand.get(tenant, 0), len(due[tenant])))
            for tenant in TENANTS
        }
        assert len(taken) == min(total, sum(could.values()))
        got = Counter(map(tenant_of, taken))
        for tenant in TENANTS:
            assert got[tenant] <= could[tenant]
            # A claimer with fewer messages than another could not get more.
            assert got[tenant] >= min(could[tenant], max(got.values(), default=0) - 1)
            own = [one for one in taken if tenant_of(one) == tenant]
            before = [self.model.messages[self.model.at(one) or 0] for one in own]
            assert own == [one.taken(until=until) for one in before]
            assert all(one in due[tenant] for one in before)
            longest = sorted(one.due_at for one in due[tenant] if one.due_at is not None)
            assert [one.due_at for one in before] == longest[: len(before)]
        for one in taken:
            self.model.take(one, ())
        self.look()
        return multiple(*taken)

    @rule(target=seen, which=st.integers(0, 50))
    def read(self, which: int) -> Any:
        if not self.model.messages:
            return multiple()
        expected = self.model.messages[which % len(self.model.messages)]
        assert self.run(self.stores.inbox.find(expected.id)) == expected
        return expected

    @rule(
        target=seen,
        state=seen,
        act=st.sampled_from(
            ["put_off", "awaiting", "answered", "done", "dead", "unresolved", "discard", "replay"]
        ),
        delay=delays,
        tenant=tenants,
    )
    def go_on(self, state: InboxMessage, act: str, delay: timedelta, tenant: str) -> Any:
        if act in {"put_off", "awaiting", "done", "dead", "unresolved"} and not state.is_open:
            # The use cases only process open messages.
            return multiple()
        at, number = self.tick(), self.number()
        mark = fingerprint(number)
        ways: dict[str, Step] = {
            "put_off": lambda: (state.put_off(until=at + delay, reason="busy", at=at), []),
            "awaiting": lambda: (state.awaiting(until=at + delay, at=at), []),
            "answered": lambda: (state.answered(mark, at=at), [answer_to(state, number)]),
            "done": lambda: (state.done(at=at), []),
            "dead": lambda: (state.dead(reason="crew_refused", at=at), []),
            "unresolved": lambda: (state.unresolved(reason="crew_not_found", at=at), []),
            "discard": lambda: (state.discarded(at=at), []),
            "replay": lambda: self.replayed(state, tenant, number),
        }
        try:
            following, texts = ways[act]()
        except WrongStageError:
            return multiple()
        place = self.model.at(state)
        stored = None if place is None else self.model.messages[place]
        fits = stored is not None and stored.revision == state.revision
        self.commit(following, texts, None if fits else RevisionConflictError)
        return following if fits else multiple()

    def replayed(
        self, state: InboxMessage, tenant: str, number: int
    ) -> tuple[InboxMessage, list[SealedSecret]]:
        following = state.replayed(destination(tenant), at=self.now, body=fingerprint(number))
        moved = following.holder != state.holder
        return following, [text_of(following, number)] if moved else []

    @rule(delay=delays)
    def wait(self, delay: timedelta) -> None:
        self.now += delay

    @rule(age=delays)
    def prune(self, age: timedelta) -> None:
        before = self.now - age
        assert self.run(self.stores.inbox.prune(before=before)) == self.model.prune(before)
        self.look()

    @rule(
        stages=st.sets(st.sampled_from(Stage)),
        tenant=st.none() | st.sampled_from([*TENANTS, str(HUB)]),
        after=st.none() | seen,
        limit=st.integers(0, 4),
        oldest_first=st.booleans(),
    )
    def list_page(
        self,
        stages: set[Stage],
        tenant: str | None,
        after: InboxMessage | None,
        limit: int,
        oldest_first: bool,
    ) -> None:
        ordered = self.model.messages if oldest_first else self.model.messages[::-1]
        if after is not None:
            place = next((n for n, one in enumerate(ordered) if one.id == after.id), len(ordered))
            ordered = ordered[place + 1 :]
        found = self.run(
            self.stores.inbox.page(
                stages,
                tenant=None if tenant is None else TenantId(tenant),
                after=None if after is None else after.id,
                limit=limit,
                oldest_first=oldest_first,
            )
        )
        assert (
            list(found)
            == [
                one for one in ordered if one.stage in stages and tenant in {None, tenant_of(one)}
            ][:limit]
        )

    def messages_are_those_of_the_model(self) -> None:
        found = self.run(self.stores.inbox.page(list(Stage), limit=1000))
        assert list(found) == self.model.messages[::-1]

    def census_is_that_of_the_model(self) -> None:
        waiting = [one for one in self.model.messages if one.stage in OPEN | STUCK]
        counts = Counter(one.stage for one in waiting)
        found = self.run(self.stores.inbox.census())
        assert found.messages == {
            stage: StageCount(count, min(one.received_at for one in waiting if one.stage is stage))
            for stage, count in counts.items()
        }
        assert found.events == {}

    def next_due_is_that_of_the_model(self) -> None:
        due = [one.due_at for one in self.model.heads() if one.due_at is not None]
        assert self.run(self.stores.inbox.next_due()) == min(due, default=None)

    def texts_are_those_of_the_model(self) -> None:
        holders = {str(one.id): holder_of(one) for one in self.model.messages}
        for text in self.model.texts:
            found = self.run(self.stores.secrets.sealed(text.context, text.fingerprint))
            if found is None:
                # A store may remove what a former holder had before the next pruning.
                assert holders.get(str(text.context.ref)) != str(text.context.owner)
            else:
                assert found == text

    def no_message_has_lost_its_text(self) -> None:
        # Checks the model itself: the machine must be able to reach this state.
        for one in self.model.messages:
            marks = {
                text.fingerprint
                for text in self.model.texts
                if str(text.context.ref) == str(one.id)
                and str(text.context.owner) == holder_of(one)
            }
            assert {one.body, one.answer} - {None} <= marks


def message_inbox_machine(open_stores: OpenStores) -> type[RuleBasedStateMachine]:
    """
    A machine over the stores of *open_stores*, which opens empty ones for each run.
    """

    class OpeningMachine(MessageInboxMachine):
        pass

    OpeningMachine.open_stores = staticmethod(open_stores)
    return OpeningMachine
