"""
Tells who works on messages in this process that there is something to do.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from attrs import define, field


@define(eq=False)
class WorkSignal:
    """
    Rung when a message can be gone on with, so that nobody has to look all the time.

    It saves waiting and is nothing to rely on: other processes are not heard here.
    """

    _rung: asyncio.Event = field(init=False, factory=asyncio.Event)

    def ring(self) -> None:
        """
        Wake who waits, or else let the next one not wait at all.
        """
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """
        Return when it is rung, and after *seconds* in any case.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()
