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
        self._seconds_a_token = 1 / rate if rate else 0.0
        self._clock = clock
        # A bucket that needs longer than this to be full has no whole token left.
        self._slack = (max(rate, 1.0) - 1) * self._seconds_a_token
        # When each bucket is full; one that was never asked, or is not here, is full already.
        self._full_at: dict[str, float] = {}

    def take(self, holder: str) -> float:
        """
        Take one token: 0 if there was one, or else the seconds until there will be.
        """
        if not self._seconds_a_token:
            return 0.0
        now = self._clock()
        full_at = self._full_at.get(holder)
        if full_at is None:
            self._make_room(now)
            full_at = now
        elif full_at < now:
            full_at = now
        wait = full_at - now - self._slack
        if wait > 0:
            return wait
        self._full_at[holder] = full_at + self._seconds_a_token
        return 0.0

    def _make_room(self, now: float) -> None:
        if len(self._full_at) >= _MAX_HOLDERS:
            self._full_at = {name: at for name, at in self._full_at.items() if at > now}
        while len(self._full_at) >= _MAX_HOLDERS:
            del self._full_at[next(iter(self._full_at))]


@frozen
class CallerLimits:
    """
    Buckets by API key, and by address for those who come with a key that is none.
    """

    keys: TokenBuckets
    failures: TokenBuckets
