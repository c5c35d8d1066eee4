from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from odoo_ai_config.application.errors import SubscriberGoneError, SubscriberUnavailableError
from odoo_ai_config.application.messages.pacing import (
    APART,
    LONGEST_REST,
    MOST_AT_ONCE,
    REST,
    Pacing,
)
from odoo_ai_config.domain.subscriptions import SubscriptionId
from tests.contract.samples import AT
from tests.stand_ins.clock import ManualClock

ONE, OTHER = SubscriptionId("sub_12345678"), SubscriptionId("sub_87654321")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


@pytest.fixture
def pacing(clock: ManualClock) -> Pacing:
    return Pacing(clock)


def fail(pacing: Pacing) -> None:
    with pytest.raises(SubscriberUnavailableError), pacing.sending(ONE):
        raise SubscriberUnavailableError


def wait(clock: ManualClock, seconds: float) -> None:
    clock.tick(timedelta(seconds=seconds))


def test_few_events_are_sent_at_a_time(pacing: Pacing) -> None:
    under_way = [pacing.sending(ONE) for _ in range(MOST_AT_ONCE)]
    for sending in under_way:
        assert pacing.pause(ONE) == 0
        sending.__enter__()
    assert pacing.pause(ONE) > 0
    assert pacing.pause(OTHER) == 0
    under_way[0].__exit__(None, None, None)
    assert pacing.pause(ONE) == 0


def test_those_that_wait_come_one_after_the_other(pacing: Pacing, clock: ManualClock) -> None:
    fail(pacing)
    pauses = [pacing.pause(ONE) for _ in range(1000)]
    assert pauses == pytest.approx([REST + number * APART for number in range(1000)])
    # The next round of them does not come all at once, either.
    wait(clock, REST)
    fail(pacing)
    again = [pacing.pause(ONE) for _ in range(1000)]
    assert all(after - before >= APART * 0.99 for before, after in pairwise(again))
    assert again[0] >= 2 * REST


def test_receiver_that_goes_on_failing_rests_longer(pacing: Pacing, clock: ManualClock) -> None:
    rests = []
    for _ in range(8):
        fail(pacing)
        rests.append(pacing.pause(ONE))
        wait(clock, LONGEST_REST + 1000 * APART)
        assert pacing.pause(ONE) == 0
    assert rests == pytest.approx([30, 60, 120, 240, 480, 900, 900, 900])


def test_one_event_shows_whether_the_others_may_follow(pacing: Pacing, clock: ManualClock) -> None:
    fail(pacing)
    wait(clock, REST)
    assert pacing.pause(ONE) == 0
    with pacing.sending(ONE):
        assert pacing.pause(ONE) >= REST
    assert pacing.pause(ONE) == 0
    fail(pacing)
    assert pacing.pause(ONE) == pytest.approx(REST)


def test_pace_begins_anew_for_who_was_off(pacing: Pacing) -> None:
    fail(pacing)
    pacing.forget(ONE)
    assert pacing.pause(ONE) == 0


def test_address_that_is_gone_is_no_rest(pacing: Pacing) -> None:
    with pytest.raises(SubscriberGoneError), pacing.sending(ONE):
        raise SubscriberGoneError
    assert pacing.pause(ONE) == 0
