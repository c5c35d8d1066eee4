"""
A model that keeps every state of the mapping, and a machine that compares the use cases with it.

Time stands still between some steps and goes back between others, as the clocks of several
processes do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, TypeVar

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from odoo_ai_config.application.channels.history import (
    CompareMapping,
    MappingChanges,
    ReadMappingHistory,
    RollBackMapping,
)
from odoo_ai_config.application.channels.mapping import SyncMapping
from odoo_ai_config.domain.channels.history import (
    HistoryPlace,
    HistoryPrunedError,
    MappingChange,
    Unshown,
)
from odoo_ai_config.domain.channels.mapping import (
    MAPPING_REFUSALS,
    ChannelKey,
    ChannelMapping,
    MappingRevision,
)
from odoo_ai_config.domain.channels.routing import IncomingMessage, RoutingTable
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.errors import (
    MappingNotFoundError,
    PreconditionFailedError,
    RevisionNotFoundError,
    TenantForbiddenError,
)
from odoo_ai_config.domain.identifiers import TenantId
from tests.contract.samples import AT
from tests.contract.stores import Stores
from tests.property.stores.config_store_machine import (
    TENANTS,
    OpenStores,
    channels,
    mappings,
    messages,
    policies,
)
from tests.stand_ins.clock import ManualClock
from tests.trail import pruned
from tests.unit.application.memory_hub import ANYBODY, bound_to

T = TypeVar("T")

HOUR: Final = timedelta(hours=1)
MICROSECOND: Final = timedelta(microseconds=1)
tenants = st.sampled_from(TENANTS)
steps = st.sampled_from([timedelta(), timedelta(), -HOUR, MICROSECOND, HOUR, HOUR])
moments = st.builds(
    lambda hours, more: AT + hours * HOUR + more * MICROSECOND,
    st.integers(-1, 12),
    st.integers(-1, 1),
)


@attrs.frozen
class State:
    """
    What one write made of one channel.
    """

    mapping: ChannelMapping
    at: datetime
    author: str


@attrs.define
class Model:
    """
    Every state of every channel, oldest first, and how many of the first ones are pruned.
    """

    states: dict[ChannelKey, list[State]] = attrs.field(factory=dict)
    pruned: dict[ChannelKey, int] = attrs.field(factory=dict)

    def write(self, mapping: ChannelMapping, at: datetime, author: str) -> None:
        states = self.states.setdefault(mapping.key, [])
        if not states or states[-1].mapping != mapping:
            states.append(
                State(mapping, max([at, *(one.at + MICROSECOND for one in states)]), author)
            )

    def now(self) -> dict[ChannelKey, ChannelMapping]:
        return {key: states[-1].mapping for key, states in self.states.items()}

    def at(
        self, moment: datetime, only: set[ChannelKey] | None = None
    ) -> dict[ChannelKey, ChannelMapping | None]:
        """
        The mapping of each channel at *moment*; None if it did not exist.
        """
        found: dict[ChannelKey, ChannelMapping | None] = {}
        for key, states in self.states.items():
            if only is not None and key not in only:
                continue
            number = sum(one.at <= moment for one in states)
            if 0 < number <= self.pruned.get(key, 0):
                raise HistoryPrunedError
            found[key] = states[number - 1].mapping if number else None
        return found

    def prune(self, policy: RetentionPolicy, now: datetime) -> int:
        removed = 0
        for key, states in self.states.items():
            gone = self.pruned.get(key, 0)
            for number, one in enumerate(states[:-1]):
                beyond = policy.keep is not None and number < len(states) - policy.keep
                old = policy.max_age is not None and now - one.at > policy.max_age
                if number >= gone and (beyond or old):
                    self.pruned[key] = number + 1
                    removed += 1
        return removed

    def history(self) -> list[tuple[Any, ...]]:
        """
        At, channel, version, author, before and after of each kept change, newest first.
        """
        found = []
        for key, states in self.states.items():
            for number, one in enumerate(states):
                if number < self.pruned.get(key, 0):
                    continue
                before: Any = states[number - 1].mapping if number else None
                if number and number <= self.pruned.get(key, 0):
                    before = Unshown.PRUNED
                found.append((one.at, str(key), number + 1, one.author, before, one.mapping))
        return sorted(found, key=lambda entry: entry[:3], reverse=True)

    def ever_of(self, key: ChannelKey, tenant: TenantId) -> bool:
        kept = self.states[key][self.pruned.get(key, 0) :]
        return any(one.mapping.owner.tenant == tenant for one in kept)


def entry_of(change: MappingChange) -> tuple[Any, ...]:
    inner = change.change
    return (
        change.at,
        str(inner.key),
        change.version,
        change.author,
        inner.before,
        inner.after,
    )


def is_of(mapping: object, tenant: TenantId) -> bool:
    return isinstance(mapping, ChannelMapping) and mapping.owner.tenant == tenant


class MappingHistoryMachine(RuleBasedStateMachine):
    open_stores: ClassVar[OpenStores]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.clock = ManualClock(AT)
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.stores: Stores = self.run(self.stack.enter_async_context(type(self).open_stores()))
        config, directory = self.stores.config, self.stores.channels
        self.sync = SyncMapping(config, directory, self.stores.standings, self.clock)
        self.read = ReadMappingHistory(directory)
        self.compare = CompareMapping(directory)
        self.roll_back = RollBackMapping(config, directory, self.stores.standings, self.clock)

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @rule(mapping=mappings, step=steps)
    def event(self, mapping: ChannelMapping, step: timedelta) -> None:
        self.clock.tick(step)
        current = self.model.now().get(mapping.key)
        outcome = self.run(self.sync(mapping, caller=ANYBODY))
        late = (
            current is not None
            and current.active
            and not mapping.active
            and current.owner.tenant != mapping.owner.tenant
        )
        if not late:
            self.model.write(mapping, self.clock.now(), ANYBODY.id)
        ended = self.ended_twin(mapping, ANYBODY.id)
        assert outcome.changed == (ended or (current != mapping and not late))

    @rule(mapping=mappings, step=steps)
    def event_of_a_bound_key(self, mapping: ChannelMapping, step: timedelta) -> None:
        self.clock.tick(step)
        caller = bound_to(str(mapping.owner.tenant))
        try:
            outcome = self.run(self.sync(mapping, caller=caller))
        except MAPPING_REFUSALS:
            return
        if not any(notice.code == "channel_of_another_tenant" for notice in outcome.notices):
            self.model.write(mapping, self.clock.now(), caller.id)
        self.ended_twin(mapping, caller.id)

    def ended_twin(self, mapping: ChannelMapping, author: str) -> bool:
        """
        Whether the mapping of the same inbox in any account ended with its channel.

        Which one does is not a matter of the history.
        """
        twin = ChannelKey(inbox=mapping.key.inbox) if mapping.key.inbox else mapping.key
        before = self.model.now().get(twin)
        found = self.run(self.stores.channels.current([twin])).get(twin)
        if found is None or found.mapping == before:
            return False
        assert not mapping.active
        self.model.write(found.mapping, self.clock.now(), author)
        return True

    @rule(moment=moments, step=steps, rehearsed=st.booleans(), message=messages)
    def roll_everything_back(
        self, moment: datetime, step: timedelta, rehearsed: bool, message: IncomingMessage
    ) -> None:
        self.clock.tick(step)
        before = self.model.now()
        try:
            past = self.model.at(moment)
        except HistoryPrunedError:
            self.refused(HistoryPrunedError, self.roll_back(moment, caller=ANYBODY))
            return
        after = {
            key: past[key] or attrs.evolve(mapping, active=False)
            for key, mapping in before.items()
        }
        found = self.run(self.roll_back(moment, caller=ANYBODY, dry_run=rehearsed))
        self.told(found, before, after)
        if rehearsed:
            return
        for mapping in after.values():
            self.model.write(mapping, self.clock.now(), ANYBODY.id)
        was = RoutingTable(mapping for mapping in past.values() if mapping is not None)
        table = self.run(self.stores.channels.table_for(message))
        assert table.resolve(message) == was.resolve(message)

    @rule(
        key=channels,
        to=moments | st.integers(-1, 6),
        step=steps,
        bound=st.none() | tenants,
        expected=st.none() | st.integers(0, 6),
        rehearsed=st.booleans(),
    )
    def roll_a_channel_back(
        self,
        key: ChannelKey,
        to: datetime | int,
        step: timedelta,
        bound: TenantId | None,
        expected: int | None,
        rehearsed: bool,
    ) -> None:
        self.clock.tick(step)
        caller = ANYBODY if bound is None else bound_to(str(bound))
        met = None if expected is None else lambda _, version: version == expected
        work = self.roll_back(to, key=key, caller=caller, expected=met, dry_run=rehearsed)
        refusal, after = self.restored(key, to, bound, expected)
        if refusal is not None:
            self.refused(refusal, work)
            return
        assert after is not None
        before = self.model.now()[key]
        try:
            found = self.run(work)
        except MAPPING_REFUSALS:
            assert bound is not None
            return
        assert bool(found.channels) == (before != after)
        if found.channels:
            (change,) = found.channels
            assert change.key == key
            assert change.after == after
            hidden = bound is not None and not is_of(before, bound)
            assert change.before == (Unshown.HIDDEN if hidden else before)
        if not rehearsed:
            self.model.write(after, self.clock.now(), caller.id)

    def restored(
        self, key: ChannelKey, to: datetime | int, bound: TenantId | None, expected: int | None
    ) -> tuple[type[Exception] | None, ChannelMapping | None]:
        states = self.model.states.get(key)
        if states is None:
            return MappingNotFoundError, None
        present = states[-1].mapping
        own = bound is None or is_of(present, bound)
        if isinstance(to, datetime):
            try:
                past = self.model.at(to, {key})[key]
            except HistoryPrunedError:
                return HistoryPrunedError if own else MappingNotFoundError, None
            after = past or attrs.evolve(present, active=False)
        elif self.model.pruned.get(key, 0) < to <= len(states):
            after = states[to - 1].mapping
        else:
            return RevisionNotFoundError if own else MappingNotFoundError, None
        if bound is not None and not is_of(after, bound):
            return TenantForbiddenError if own else MappingNotFoundError, None
        if expected is not None and expected != len(states):
            return PreconditionFailedError, None
        return None, after

    def refused(self, refusal: type[Exception], work: Coroutine[Any, Any, object]) -> None:
        try:
            self.run(work)
        except refusal:
            return
        raise AssertionError(refusal)

    @rule(policy=policies)
    def prune(self, policy: RetentionPolicy) -> None:
        report = self.run(pruned(self.stores, policy, now=self.clock.now()))
        assert report.mapping_revisions == self.model.prune(policy, self.clock.now())

    @rule(
        key=st.none() | channels,
        tenant=st.none() | tenants,
        bound=st.booleans(),
        size=st.integers(1, 4),
    )
    def read_history(
        self, key: ChannelKey | None, tenant: TenantId | None, bound: bool, size: int
    ) -> None:
        caller = bound_to(str(tenant)) if bound and tenant is not None else ANYBODY
        found: list[MappingChange] = []
        after: HistoryPlace | None = None
        while True:
            page = self.run(
                self.read(caller=caller, key=key, tenant=tenant, after=after, limit=size)
            )
            assert len(page) <= size
            found += page
            if len(page) < size:
                break
            after = HistoryPlace.from_text(str(page[-1].place))
        expected = [
            self.seen(entry, tenant) if bound and tenant is not None else entry
            for entry in self.model.history()
            if (key is None or entry[1] == str(key))
            and (tenant is None or is_of(entry[4], tenant) or is_of(entry[5], tenant))
        ]
        assert [entry_of(change) for change in found] == expected

    def seen(self, entry: tuple[Any, ...], tenant: TenantId) -> tuple[Any, ...]:
        *first, before, after = entry
        return (*first, hide(before, tenant), hide(after, tenant))

    @rule(before=moments, after=st.none() | moments, bound=st.none() | tenants)
    def difference(self, before: datetime, after: datetime | None, bound: TenantId | None) -> None:
        caller = ANYBODY if bound is None else bound_to(str(bound))
        work = self.compare(before, after, caller=caller)
        earlier = before if after is None else min(before, after)
        concerned = {
            key
            for key, states in self.model.states.items()
            if states[-1].at > earlier and (bound is None or self.model.ever_of(key, bound))
        }
        try:
            was = self.model.at(before, concerned)
            now = self.model.now() if after is None else self.model.at(after, concerned)
        except HistoryPrunedError:
            self.refused(HistoryPrunedError, work)
            return
        seen = {
            key
            for key in concerned
            if bound is None or is_of(was[key], bound) or is_of(now[key], bound)
        }
        self.told(
            self.run(work),
            {key: was[key] for key in seen},
            {key: now[key] for key in seen},
            bound,
        )

    def told(
        self,
        found: MappingChanges,
        before: dict[ChannelKey, Any],
        after: dict[ChannelKey, Any],
        bound: TenantId | None = None,
    ) -> None:
        expected = [
            (key, hide(before[key], bound), hide(after[key], bound))
            for key in sorted(before, key=str)
            if before[key] != after[key]
        ]
        assert [(one.key, one.before, one.after) for one in found.channels] == expected
        assert not found.truncated

    @invariant()
    def present_and_history_agree(self) -> None:
        present = self.run(self.stores.channels.mappings())
        assert {one.mapping.key: one.mapping for one in present} == self.model.now()
        for one in present:
            states = self.model.states[one.mapping.key]
            assert one == MappingRevision(
                states[-1].mapping, len(states), states[0].at, states[-1].at, states[-1].author
            )
        found = self.run(self.stores.channels.history(limit=1000))
        assert [entry_of(change) for change in found] == self.model.history()


def hide(mapping: object, tenant: TenantId | None) -> object:
    shown = tenant is None or is_of(mapping, tenant) or not isinstance(mapping, ChannelMapping)
    return mapping if shown else Unshown.HIDDEN


def mapping_history_machine(open_stores: OpenStores) -> type[RuleBasedStateMachine]:
    """
    A machine over the stores of *open_stores*, which opens empty ones for each run.
    """

    class OpeningMachine(MappingHistoryMachine):
        pass

    OpeningMachine.open_stores = staticmethod(open_stores)
    return OpeningMachine
