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
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, holder: str) -> float:
        """
        Take one token: 0 if there was one, or else the seconds until there will be.
        """
        if not self._rate:
            return 0.0
        now = self._clock()
        tokens, filled_at = self._buckets.pop(holder, (self._size, now))
        tokens = min(self._size, tokens + (now - filled_at) * self._rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
        # Put back last, so that whoever was away longest is the first to be forgotten.
        self._buckets[holder] = (tokens if wait else tokens - 1, now)
        if len(self._buckets) > _MAX_HOLDERS:
            del self._buckets[next(iter(self._buckets))]
        return wait


@frozen
class CallerLimits:
    """
    Buckets by API key, and by address for those who come with a key that is none.
    """

    keys: TokenBuckets
    failures: TokenBuckets
