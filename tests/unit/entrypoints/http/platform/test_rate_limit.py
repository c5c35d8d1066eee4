from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from odoo_ai_config.adapters.memory.api_key_store import MemoryApiKeyStore
from odoo_ai_config.application.errors import StoreUnavailableError
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.entrypoints.http.platform import rate_limit
from odoo_ai_config.entrypoints.http.platform.errors import (
    RateLimitedError,
)
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.http.platform.rate_limit import (
    FailureLimits,
    KnownKeys,
    TokenBuckets,
)
from tests.unit.application.memory_hub import ANYBODY, MemoryHub


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


def test_waiting_takes_nothing_and_charges_are_owed() -> None:
    clock = Stopwatch()
    buckets = TokenBuckets(2, clock)
    assert [buckets.wait("a") for _ in range(9)] == [0] * 9
    for _ in range(4):
        buckets.charge("a")
    assert buckets.wait("a") == 1.5
    for _ in range(1000):
        buckets.charge("a")
    assert buckets.wait("a") == 60
    clock.seconds = 61
    assert [buckets.wait("a"), buckets.take("a")] == [0, 0]


def test_zero_is_no_limit_for_charges_either() -> None:
    buckets = TokenBuckets(0, Stopwatch())
    buckets.charge("a")
    assert (buckets.wait("a"), len(buckets._full_at)) == (0, 0)


def test_tenth_failure_in_a_second_is_the_last() -> None:
    limits = FailureLimits(HttpOptions("1").failed_authentications_per_second, Stopwatch())
    for _ in range(9):
        limits.failed("192.0.2.1")
    assert limits.wait("192.0.2.1") == 0
    limits.failed("192.0.2.1")
    assert limits.wait("192.0.2.1") == pytest.approx(0.1)
    assert limits.wait("192.0.2.2") == limits.wait(None) == 0


def test_who_has_failed_too_often_and_is_wrong_again_is_told_to_wait() -> None:
    limits = FailureLimits(1, Stopwatch())
    limits.failed("192.0.2.1")
    wait = limits.wait("192.0.2.1")
    with pytest.raises(RateLimitedError):
        limits.failed("192.0.2.1", wait)
    # Its debt does not grow.
    assert limits.wait("192.0.2.1") == wait == 1


def test_addresses_of_one_network_of_ipv6_fail_together() -> None:
    limits = FailureLimits(1, Stopwatch())
    limits.failed("2001:db8::1")
    assert limits.wait("2001:db8::ffff:1%eth0") == 1
    assert limits.wait("2001:db8:0:1::1") == 0
    limits.failed("::ffff:192.0.2.1")
    assert (limits.wait("192.0.2.1"), limits.wait("::ffff:192.0.2.2")) == (1, 0)


def test_all_addresses_together_fail_a_hundred_times_as_often() -> None:
    limits = FailureLimits(1, Stopwatch())
    for number in range(95):
        limits.failed(f"192.0.2.{number}")
    assert not limits.exhausted
    for number in range(10):
        limits.failed(f"198.51.100.{number}")
    assert limits.exhausted


def test_flood_of_failures_does_not_outlast_its_end() -> None:
    clock = Stopwatch()
    limits = FailureLimits(1, clock)
    for number in range(1000):
        limits.failed(f"192.0.{number // 250}.{number % 250}")
    assert limits.exhausted
    clock.seconds = 0.01
    assert not limits.exhausted


def test_failures_are_forgotten_once_nothing_is_owed_for_them() -> None:
    clock = Stopwatch()
    limits = FailureLimits(10, clock)
    for _ in range(10_000):
        limits.failed("192.0.2.1")
    clock.seconds = 60.89
    assert limits.wait("192.0.2.1") == 0
    assert not limits.calm
    clock.seconds = 60.91
    assert limits.wait("192.0.2.1") == 0
    assert limits.calm


async def test_known_keys_are_read_at_most_every_two_seconds() -> None:
    hub, clock = MemoryHub(), Stopwatch()
    known = KnownKeys(hub.ports.api_keys, clock)
    assert await known.all() == {}
    hub.state.api_keys["k"] = ANYBODY
    clock.seconds = 1.9
    assert await known.all() == {}
    clock.seconds = 2
    assert await known.all() == {ANYBODY.id: ANYBODY}


async def test_keys_are_not_known_while_the_store_is_away() -> None:
    hub, clock = MemoryHub(), Stopwatch()
    known = KnownKeys(hub.ports.api_keys, clock)
    hub.state.api_keys["k"] = ANYBODY
    assert await known.all() == {ANYBODY.id: ANYBODY}
    clock.seconds = 2
    hub.state.away = True
    for _ in range(5):
        with pytest.raises(StoreUnavailableError) as refused:
            await known.all()
        # The same error is raised again; its traceback must not grow.
        assert len(refused.traceback) == 2
    hub.state.away = False
    clock.seconds = 3.9
    with pytest.raises(StoreUnavailableError):
        await known.all()
    clock.seconds = 4
    assert await known.all() == {ANYBODY.id: ANYBODY}


async def test_keys_are_asked_for_again_if_nobody_waited_for_them() -> None:
    hub, asked = MemoryHub(), asyncio.Event()
    hub.state.api_keys["k"] = ANYBODY

    class SlowAtFirst(MemoryApiKeyStore):
        async def api_keys(self) -> Sequence[ApiKey]:
            if not asked.is_set():
                asked.set()
                await asyncio.Event().wait()
            return await super().api_keys()

    known = KnownKeys(SlowAtFirst(hub.state), Stopwatch())
    first = asyncio.create_task(known.all())
    await asked.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await known.all() == {ANYBODY.id: ANYBODY}
