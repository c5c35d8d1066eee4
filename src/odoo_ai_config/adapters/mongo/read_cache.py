"""
A cache of what was read from the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_MOST: Final = 10_000


class ReadCache(Generic[K, V]):
    """
    At most *most* values, each for *seconds* after it was read.

    Absent values are not remembered: a new one is found at once, and invented keys take no
    memory.
    """

    def __init__(
        self, seconds: float = inf, *, most: int = _MOST, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.now = now
        self._seconds = seconds
        self._most = most
        self._values: dict[K, tuple[float, V]] = {}
        self._cleared_at = -inf

    def get(self, key: K) -> V | None:
        read_at, value = self._values.get(key, (-inf, None))
        return value if self.now() - read_at < self._seconds else None

    def remember(self, key: K, value: V, *, read_at: float) -> None:
        """
        Keep *value*, unless the cache was cleared since *read_at*, when its reading began.
        """
        if read_at <= self._cleared_at:
            return
        self._values.pop(key, None)
        if len(self._values) >= self._most:
            del self._values[next(iter(self._values))]
        self._values[key] = (read_at, value)

    def forget(self, key: K) -> None:
        self._values.pop(key, None)

    def clear(self) -> None:
        """
        Forget everything: this process has written.
        """
        self._cleared_at = self.now()
        self._values.clear()
