from __future__ import annotations

import pytest

from odoo_ai_config.entrypoints.http import rate_limit
from odoo_ai_config.entrypoints.http.rate_limit import TokenBuckets


class Stopwatch:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_bucket_holds_a_seconds_worth_and_fills_steadily() -> None:
    clock = Stopwatch()
    buckets = TokenBuckets(2, clock)
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 0.5]
    clock.seconds = 0.25
    assert buckets.take("a") == 0.25
    clock.seconds = 0.5
    assert buckets.take("a") == 0
    clock.seconds = 100
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 0.5]


def test_holders_do_not_share() -> None:
    buckets = TokenBuckets(1, Stopwatch())
    assert [buckets.take("a"), buckets.take("b")] == [0, 0]
    assert buckets.take("a") == 1


def test_slow_rate_still_lets_one_through() -> None:
    clock = Stopwatch()
    buckets = TokenBuckets(0.1, clock)
    assert [buckets.take("a"), buckets.take("a")] == [0, 10]


def test_zero_is_no_limit() -> None:
    buckets = TokenBuckets(0, Stopwatch())
    assert {buckets.take("a") for _ in range(100)} == {0}


def test_full_buckets_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "_MAX_HOLDERS", 2)
    clock = Stopwatch()
    buckets = TokenBuckets(1, clock)
    buckets.take("old")
    clock.seconds = 1.5
    buckets.take("young")
    buckets.take("new")
    assert buckets.take("young") == 1
    assert buckets.take("old") == 0


def test_holders_never_outgrow_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "_MAX_HOLDERS", 3)
    buckets = TokenBuckets(1, Stopwatch())
    for number in range(10):
        assert buckets.take(f"h{number}") == 0
    assert len(buckets._full_at) == 3
    assert buckets.take("h9") == 1
