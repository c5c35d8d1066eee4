"""
Wakes the delivery worker of this process when there is something to do.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from attrs import define, field


@define(eq=False)
class WorkSignal:
    """
    Rung when a message can be delivered, so that the worker need not poll all the time.

    It only saves time: signals of other processes do not arrive here.
    """

    _rung: asyncio.Event = field(init=False, factory=asyncio.Event)

    def ring(self) -> None:
        """
        Wake the waiter; if there is none, the next one does not wait.
        """
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """
        Return when it is rung, or after *seconds*.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()
