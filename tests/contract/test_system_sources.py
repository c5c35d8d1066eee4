from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from odoo_ai_config.adapters.system.clock import SystemClock
from odoo_ai_config.adapters.system.token_source import SystemTokenSource
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.token_source import TokenSource
from tests.contract.samples import AT, DAY
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.token_source import CountingTokenSource


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock(AT)])
def test_time_is_in_utc(clock: Clock) -> None:
    assert clock.now().utcoffset() == timedelta()


def test_system_clock_tells_the_time_of_the_machine() -> None:
    before = datetime.now(UTC)
    told = SystemClock().now()
    assert before <= told <= datetime.now(UTC)


def test_manual_clock_goes_on_when_told() -> None:
    clock = ManualClock(AT)
    assert clock.now() == clock.now() == AT
    assert clock.tick() == clock.now() == AT + timedelta(seconds=1)
    assert clock.tick(DAY) == clock.now() == AT + DAY + timedelta(seconds=1)


def test_setting_a_clock_back_leaves_its_running_time_alone() -> None:
    clock = ManualClock(AT)
    started = clock.monotonic()
    clock.time -= DAY
    assert clock.monotonic() == started
    clock.tick(timedelta(seconds=3))
    assert clock.monotonic() == started + 3


def test_running_time_of_the_system_clock_goes_on() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()


@pytest.mark.parametrize("source", [SystemTokenSource(), CountingTokenSource()])
@pytest.mark.parametrize(("size", "length"), [(8, 11), (16, 22), (32, 43)])
def test_tokens_are_distinct_and_as_long_as_their_bytes(
    source: TokenSource, size: int, length: int
) -> None:
    tokens = {source.token(size) for _ in range(300)}
    assert len(tokens) == 300
    for token in tokens:
        assert re.fullmatch(r"[A-Za-z0-9_-]+", token)
        assert len(token) == length


def test_counted_tokens_can_be_foreseen() -> None:
    first, second = CountingTokenSource(), CountingTokenSource()
    assert [first.token(9) for _ in range(5)] == [second.token(9) for _ in range(5)]
