"""
The time that all processes share: the server's.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Final

# Clocks drift by less than a millisecond in this time.
_KNOWN_SECONDS: Final = 30.0
# Half of the way to the server and back is unknown, and clocks that are kept right differ by less.
_SAME: Final = timedelta(seconds=1)


class ServerClock:
    """
    How far the server's clock is ahead of that of this process.

    A claim lasts until an instant that other processes compare with their own clocks. So instants
    of claims are stored by the server's clock.

    Args:
        ask: What the server says the time is.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[datetime]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._asked_at = -inf
        # The server's time when the monotonic clock was zero.
        self._zero = datetime.min.replace(tzinfo=UTC)
        self._ahead: timedelta | None = None

    async def ahead(self, now: datetime | None = None) -> timedelta:
        """
        How far it is ahead of a clock that says *now*.

        Without *now* the last comparison counts; if there was none, that of this machine's clock.
        A clock that was set in the meantime is noticed without asking the server again.
        """
        if self._ahead is None or now is not None:
            # Both are of this moment: asking the server takes time.
            own, at = now or datetime.fromtimestamp(time.time(), UTC), self._monotonic()
            self._ahead = await self._server_time(at) - own
            if abs(self._ahead) < _SAME:
                self._ahead = timedelta(0)
        return self._ahead

    async def _server_time(self, at: float) -> datetime:
        if at - self._asked_at > _KNOWN_SECONDS:
            told = await self._ask()
            self._asked_at = self._monotonic()
            self._zero = told - timedelta(seconds=(at + self._asked_at) / 2)
        return self._zero + timedelta(seconds=at)
