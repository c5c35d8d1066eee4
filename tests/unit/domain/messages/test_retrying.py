from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.messages.retrying import RetryPolicy
from tests.strategies import message_ids

NOTHING = timedelta()
POLICY = RetryPolicy()

durations = st.timedeltas(timedelta(milliseconds=1), timedelta(days=1))
failures = st.integers(1, 10_000)


@st.composite
def policies(draw: st.DrawFn) -> RetryPolicy:
    first, longest = sorted((draw(durations), draw(durations)))
    return RetryPolicy(draw(st.integers(1, 100)), first, longest, draw(durations))


def test_pauses_double_up_to_the_limit() -> None:
    policy = RetryPolicy(first=timedelta(seconds=2), longest=timedelta(seconds=10))
    pauses = [policy.pause(number, of="m").total_seconds() for number in range(1, 6)]
    for pause, most in zip(pauses, [2, 4, 8, 10, 10], strict=True):
        assert most / 2 <= pause < most


@given(policies(), failures, message_ids())
def test_pause_is_at_least_half_of_the_longest(
    policy: RetryPolicy, number: int, message_id: object
) -> None:
    pause = policy.pause(number, of=str(message_id))
    most = min(policy.first * 2 ** min(number - 1, 29), policy.longest)
    assert most / 2 <= pause <= most


@given(policies(), failures)
def test_pause_is_the_same_whenever_it_is_asked_for(policy: RetryPolicy, number: int) -> None:
    assert policy.pause(number, of="a") == policy.pause(number, of="a")


def test_pauses_of_different_messages_are_spread() -> None:
    pauses = [POLICY.pause(5, of=f"message-{number}") for number in range(200)]
    assert len(set(pauses)) == 200
    most = timedelta(seconds=32)
    early = sum(pause < most * 0.75 for pause in pauses)
    assert 60 < early < 140


@given(policies(), failures, st.floats(allow_nan=True, allow_infinity=True))
def test_pause_that_the_other_side_asks_for_has_a_limit(
    policy: RetryPolicy, number: int, wish: float
) -> None:
    without = policy.pause(number, of="a")
    pause = policy.pause(number, of="a", wish=wish)
    assert without <= pause <= max(without, policy.longest_wish)
    if 0 <= wish <= policy.longest_wish.total_seconds():
        assert pause >= timedelta(seconds=wish)


@pytest.mark.parametrize(("number", "over"), [(1, False), (11, False), (12, True), (13, True)])
def test_attempts_are_counted(number: int, over: bool) -> None:
    assert POLICY.gives_up(number) is over


@pytest.mark.parametrize(("attempts", "losses"), [(1, 3), (3, 3), (4, 4), (12, 12)])
def test_one_or_two_lost_workers_never_end_the_attempts(attempts: int, losses: int) -> None:
    policy = RetryPolicy(attempts=attempts)
    assert not policy.abandons(losses - 1)
    assert policy.abandons(losses)
