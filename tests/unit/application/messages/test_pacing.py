from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from itertools import pairwise

import pytest
from attrs import evolve

from odoo_ai_config.application.errors import SubscriberGoneError, SubscriberUnavailableError
from odoo_ai_config.application.messages.pacing import (
    APART,
    CROWDED,
    LONGEST_REST,
    REST,
    EventShare,
    Pacing,
)
from odoo_ai_config.domain.feed import FeedKind
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.subscriptions import Subscription, SubscriptionId
from tests.contract.samples import AT
from tests.stand_ins.clock import ManualClock

ACME, BETA = TenantId("acme"), TenantId("beta")
SHARE = EventShare(each=2, per_tenant=4, total=6)


def subscription(number: int) -> Subscription:
    id_, url = SubscriptionId(f"sub_{number:08}"), "https://crm.example.com/"
    return Subscription(id_, url, {FeedKind.CONFIG: 0}, frozenset(), AT, AT)


ONE = subscription(1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


@pytest.fixture
def pacing(clock: ManualClock) -> Pacing:
    return Pacing(clock, SHARE)


def fail(pacing: Pacing, one: Subscription = ONE) -> None:
    with pytest.raises(SubscriberUnavailableError), pacing.sending(one, ACME):
        raise SubscriberUnavailableError


def wait(clock: ManualClock, seconds: float) -> None:
    clock.tick(timedelta(seconds=seconds))


def test_receivers_get_few_events_at_a_time_each_and_together(pacing: Pacing) -> None:
    with ExitStack() as under_way:

        def sent(number: int, tenant: TenantId | None) -> bool:
            one = subscription(number)
            if pacing.pause(one, tenant):
                return False
            under_way.enter_context(pacing.sending(one, tenant))
            return True

        assert [sent(1, ACME) for _ in range(3)] == [True, True, False]
        assert [sent(2, ACME) for _ in range(3)] == [True, True, False]
        # Of one tenant there are four: others have their own.
        assert not sent(3, ACME)
        assert [sent(4, BETA), sent(5, None), sent(6, None)] == [True, True, False]
    assert not any(pacing.pause(subscription(number), ACME) for number in range(1, 7))


def test_share_is_a_quarter_of_the_workers() -> None:
    assert EventShare.of(64, 16) == EventShare()
    assert EventShare.of(1, 1) == EventShare(1, 1, 1)


def test_those_that_wait_come_one_after_the_other(pacing: Pacing, clock: ManualClock) -> None:
    fail(pacing)
    pauses = [pacing.pause(ONE, ACME) for _ in range(1000)]
    assert pauses == pytest.approx([REST + number * APART for number in range(1000)])
    # The next round of them does not come all at once, either.
    wait(clock, REST)
    fail(pacing)
    again = [pacing.pause(ONE, ACME) for _ in range(1000)]
    assert all(after - before >= APART * 0.99 for before, after in pairwise(again))
    assert again[0] >= 2 * REST


def test_receiver_that_is_slow_is_asked_as_often_as_it_answers(
    pacing: Pacing, clock: ManualClock
) -> None:
    with pacing.sending(ONE, ACME), pacing.sending(ONE, ACME):
        assert pacing.pause(ONE, ACME) == pytest.approx(APART)
        wait(clock, 12)
        # It takes 12 seconds for two.
        pauses = [pacing.pause(ONE, ACME) for _ in range(3)]
        assert pauses == pytest.approx([6, 12, 18])
    wait(clock, 20)
    with pacing.sending(ONE, ACME), pacing.sending(ONE, ACME):
        assert pacing.pause(ONE, ACME) == pytest.approx(6)


def test_who_waits_for_others_looks_again_a_little_later(pacing: Pacing) -> None:
    busy = [subscription(number) for number in (1, 1, 2, 2)]
    with ExitStack() as under_way:
        for one in busy:
            under_way.enter_context(pacing.sending(one, ACME))
        pauses = [pacing.pause(subscription(3), ACME) for _ in range(2)]
    assert pauses == pytest.approx([CROWDED, 2 * CROWDED])


def test_receiver_that_goes_on_failing_rests_longer(pacing: Pacing, clock: ManualClock) -> None:
    rests = []
    for _ in range(8):
        fail(pacing)
        rests.append(pacing.pause(ONE, ACME))
        wait(clock, LONGEST_REST + 1000 * APART)
        assert pacing.pause(ONE, ACME) == 0
    assert rests == pytest.approx([30, 60, 120, 240, 480, 900, 900, 900])


def test_one_event_shows_whether_the_others_may_follow(pacing: Pacing, clock: ManualClock) -> None:
    fail(pacing)
    wait(clock, REST)
    assert pacing.pause(ONE, ACME) == 0
    with pacing.sending(ONE, ACME):
        assert pacing.pause(ONE, ACME) >= REST
    assert pacing.pause(ONE, ACME) == 0
    fail(pacing)
    assert pacing.pause(ONE, ACME) >= REST


def test_trial_waits_for_no_end_of_a_rest_but_for_its_turn(pacing: Pacing) -> None:
    fail(pacing)
    assert pacing.pause(ONE, ACME, trial=True) == 0
    with pacing.sending(ONE, ACME), pacing.sending(ONE, ACME):
        assert pacing.pause(ONE, ACME, trial=True) > 0


def test_pace_begins_anew_at_another_address_and_after_it_was_off(
    pacing: Pacing, clock: ManualClock
) -> None:
    moved = evolve(ONE, url="https://elsewhere.example.com/")
    switched_on = evolve(moved, on_since=AT + timedelta(days=1))
    for one in (ONE, moved, switched_on):
        assert pacing.pause(one, ACME) == 0
        fail(pacing, one)
        assert pacing.pause(one, ACME) == pytest.approx(REST)


def test_address_that_is_gone_is_no_rest(pacing: Pacing) -> None:
    with pytest.raises(SubscriberGoneError), pacing.sending(ONE, ACME):
        raise SubscriberGoneError
    assert pacing.pause(ONE, ACME) == 0


def test_receivers_without_trouble_are_not_remembered(pacing: Pacing, clock: ManualClock) -> None:
    for number in range(100):
        with pacing.sending(subscription(number), ACME):
            pass
    assert len(pacing._paces) == 0


def test_rest_has_an_end_however_often_it_failed(pacing: Pacing, clock: ManualClock) -> None:
    for _ in range(1100):
        fail(pacing)
        wait(clock, 2 * LONGEST_REST)
    fail(pacing)
    assert pacing.pause(ONE, ACME) == pytest.approx(LONGEST_REST)
