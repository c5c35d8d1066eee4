"""
API keys as they were a moment ago, so that not every request asks the database for its key.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from attrs import frozen

from odoo_ai_config.domain.access import ApiKey

# What the port allows a revocation through another process to take.
_FRESH_SECONDS: Final = 2.0


@frozen
class Reading:
    """
    When a look into the database began: what it finds may be older than what follows.
    """

    at: float
    generation: int


class RecentApiKeys:
    """
    Keys that were read within the last two seconds.

    Keys that do not exist are not remembered: a new one is good at once, and strangers
    cannot fill the memory with inventions.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._keys: dict[str, tuple[float, ApiKey]] = {}
        self._generation = 0

    def get(self, key_id: str) -> ApiKey | None:
        """
        The key, if it was read a moment ago.
        """
        read_at, key = self._keys.get(key_id, (0.0, None))
        if key is None or self._monotonic() - read_at >= _FRESH_SECONDS:
            return None
        return key

    def begin(self) -> Reading:
        """
        Note that the database is about to be asked.
        """
        return Reading(self._monotonic(), self._generation)

    def remember(self, key: ApiKey, reading: Reading) -> None:
        """
        Keep what *reading* found, unless keys were written since it began.
        """
        if reading.generation == self._generation:
            self._keys[key.id] = (reading.at, key)

    def forget(self) -> None:
        """
        Forget every key: this process has written some.
        """
        self._generation += 1
        self._keys.clear()
