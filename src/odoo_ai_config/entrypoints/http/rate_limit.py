"""
How often one caller may ask.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from attrs import frozen

_MAX_HOLDERS: Final = 10_000


class TokenBuckets:
    """
    One bucket per holder, filled steadily and holding a second's worth of requests.

    Args:
        rate: Requests a second; 0 for no limit.
        clock: Seconds that never go back.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._size = max(rate, 1.0)
        self._clock = clock
        # Tokens, and when they were counted.
        self._buckets: dict[str, list[float]] = {}

    def take(self, holder: str) -> float:
        """
        Take one token: 0 if there was one, or else the seconds until there will be.
        """
        if not self._rate:
            return 0.0
        now = self._clock()
        bucket = self._buckets.get(holder)
        if bucket is None:
            bucket = self._new_bucket(holder, now)
        tokens = bucket[0] + (now - bucket[1]) * self._rate
        tokens = min(tokens, self._size)
        bucket[1] = now
        if tokens < 1:
            bucket[0] = tokens
            return (1 - tokens) / self._rate
        bucket[0] = tokens - 1
        return 0.0

    def _new_bucket(self, holder: str, now: float) -> list[float]:
        if len(self._buckets) >= _MAX_HOLDERS:
            # A bucket that had the time to fill is as good as none.
            full = now - self._size / self._rate
            self._buckets = {
                name: bucket for name, bucket in self._buckets.items() if bucket[1] > full
            }
        while len(self._buckets) >= _MAX_HOLDERS:
            del self._buckets[next(iter(self._buckets))]
        bucket = self._buckets[holder] = [self._size, now]
        return bucket


@frozen
class CallerLimits:
    """
    Buckets by API key, and by address for those who come with a key that is none.
    """

    keys: TokenBuckets
    failures: TokenBuckets
