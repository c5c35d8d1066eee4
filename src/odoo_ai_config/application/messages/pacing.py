"""
How fast receivers are sent events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

from attrs import define, field, frozen

from odoo_ai_config.application.errors import SubscriberUnavailableError
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.subscriptions import Subscription, SubscriptionId

# How long a receiver is left alone after it did not take an event, and at most after several.
REST: Final = 30.0
LONGEST_REST: Final = 900.0
_MOST_DOUBLED: Final = 9
# Events that wait come one after the other: each that comes too early costs a commit. Other
# receivers are not known to be done soon.
APART: Final = 0.025
CROWDED: Final = 0.25

_Whose: TypeAlias = TenantId | None


@frozen
class EventShare:
    """
    How many events are sent at the same time: customers need the other workers of the process.

    Args:
        each: To one subscription.
        per_tenant: To those of one tenant, or to those of the hub.
        total: To all.
    """

    each: int = 2
    per_tenant: int = 4
    total: int = 16

    @classmethod
    def of(cls, total: int, per_tenant: int) -> EventShare:
        """
        A quarter of *total* workers, of which one tenant has *per_tenant* at most.
        """
        own = max(1, per_tenant // 4)
        return cls(max(1, own // 2), own, max(1, total // 4))


@define
class _Pace:
    """
    What one receiver is sent.

    Args:
        of: The subscription; a change of its address or of its being on begins anew.
        begun: When the sending of each event began that is under way, the first one first.
        took: How many seconds the last one took that it accepted.
        failures: How many it did not take since it took one.
        rests_until: Before that it is sent nothing.
        last_turn: When the last one comes of the events that wait.
    """

    of: tuple[object, ...]
    begun: list[float] = field(factory=list)
    took: float = 0.0
    failures: int = 0
    rests_until: float = 0.0
    last_turn: float = 0.0


@define(eq=False)
class Pacing:
    """
    Keeps receivers that hang, fail or are slow from taking a process's workers from customers.
    """

    clock: Clock
    share: EventShare = EventShare()
    _paces: dict[SubscriptionId, _Pace] = field(factory=dict, init=False)
    _sending: Counter[_Whose] = field(factory=Counter, init=False)

    def pause(self, one: Subscription, tenant: _Whose, *, trial: bool = False) -> float:
        """
        How many seconds the next event to *one* of *tenant* has to wait; 0 if it may be sent now.

        A *trial* does not wait for the end of a rest.
        """
        now, pace, share = self.clock.monotonic(), self._pace_of(one), self.share
        failing = pace.failures > 0 and not trial
        # After a failure one event shows whether the others may follow.
        full = len(pace.begun) >= (1 if failing else share.each)
        crowded = self._sending[tenant] >= share.per_tenant or self._sending.total() >= share.total
        if not full and not crowded and (trial or now >= pace.rests_until):
            return 0.0
        apart = CROWDED
        if failing:
            apart = APART
        elif full:
            apart = max(APART, max(pace.took, now - pace.begun[0]) / share.each)
        soonest = now + (REST if failing else apart)
        if failing and now < pace.rests_until:
            soonest = pace.rests_until
        pace.last_turn = max(pace.last_turn + apart, soonest)
        return pace.last_turn - now

    @contextmanager
    def sending(self, one: Subscription, tenant: _Whose) -> Iterator[None]:
        """
        Around the sending of an event: its end tells how fast the next ones may come.
        """
        pace, began = self._pace_of(one), self.clock.monotonic()
        pace.begun.append(began)
        self._sending[tenant] += 1
        try:
            yield
        except SubscriberUnavailableError:
            rest = min(REST * 2.0 ** min(pace.failures, _MOST_DOUBLED), LONGEST_REST)
            pace.failures += 1
            pace.rests_until = self.clock.monotonic() + rest
            raise
        else:
            pace.failures, pace.rests_until = 0, 0.0
            pace.took = self.clock.monotonic() - began
        finally:
            pace.begun.remove(began)
            self._sending -= Counter([tenant])
            idle = not pace.begun and not pace.failures and pace.took < APART
            if idle and pace.last_turn <= self.clock.monotonic():
                self._paces.pop(one.id, None)

    def _pace_of(self, one: Subscription) -> _Pace:
        of = (one.url, one.on_since)
        pace = self._paces.get(one.id)
        if pace is None or pace.of != of:
            pace = self._paces[one.id] = _Pace(of)
        return pace
