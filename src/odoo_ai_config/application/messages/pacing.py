"""
How fast receivers are sent events.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from attrs import define, field

from odoo_ai_config.application.errors import SubscriberUnavailableError
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.domain.subscriptions import SubscriptionId

# Events that a receiver gets at the same time.
MOST_AT_ONCE: Final = 4
# How long a receiver is left alone after it did not take an event, and at most after several.
REST: Final = 30.0
LONGEST_REST: Final = 900.0
# Events that wait come one after the other: each that comes too early costs a commit.
APART: Final = 0.025


@define
class _Pace:
    """
    What one receiver is sent.

    Args:
        sending: How many events it is being sent.
        failures: How many it did not take since it took one.
        rests_until: Before that it is sent nothing.
        last_turn: When the last one of those that wait comes.
    """

    sending: int = 0
    failures: int = 0
    rests_until: float = 0.0
    last_turn: float = 0.0


@define(eq=False)
class Pacing:
    """
    Keeps a receiver that hangs or fails from taking the workers of this process from customers.
    """

    clock: Clock
    _paces: dict[SubscriptionId, _Pace] = field(factory=dict, init=False)

    def pause(self, id_: SubscriptionId) -> float:
        """
        How many seconds the next event has to wait; 0 if it may be sent now.
        """
        now, pace = self.clock.monotonic(), self._paces.get(id_)
        if pace is None:
            return 0.0
        # After a failure one event shows whether the others may follow.
        free = pace.sending < (1 if pace.failures else MOST_AT_ONCE)
        if free and now >= pace.rests_until:
            return 0.0
        soonest = now + (APART if not pace.failures else REST)
        pace.last_turn = max(pace.last_turn + APART, pace.rests_until, soonest)
        return pace.last_turn - now

    @contextmanager
    def sending(self, id_: SubscriptionId) -> Iterator[None]:
        """
        Around the sending of an event: its end tells how fast the next ones may come.
        """
        pace = self._paces.setdefault(id_, _Pace())
        pace.sending += 1
        try:
            yield
        except SubscriberUnavailableError:
            rest = min(REST * 2.0**pace.failures, LONGEST_REST)
            pace.failures += 1
            pace.rests_until = self.clock.monotonic() + rest
            raise
        else:
            pace.failures, pace.rests_until = 0, 0.0
        finally:
            pace.sending -= 1
            if not pace.sending and not pace.failures:
                self.forget(id_)

    def forget(self, id_: SubscriptionId) -> None:
        """
        Begin anew: it is told nothing until somebody has looked after it.
        """
        self._paces.pop(id_, None)
