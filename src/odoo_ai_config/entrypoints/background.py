"""
Work that a process repeats beside its requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

import structlog

_log = structlog.get_logger(area="config")


@asynccontextmanager
async def beside(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """
    Do *work* while the context is open; give it up at the end.
    """
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def in_background(
    work: Callable[[], Awaitable[None]], *, every: float
) -> AsyncIterator[None]:
    """
    Repeat *work* while the context is open, as `repeatedly` does.
    """
    async with beside(repeatedly(work, every=every)):
        yield


async def repeatedly(work: Callable[[], Awaitable[None]], *, every: float) -> None:
    """
    Repeat *work* with pauses of *every* seconds, also after an error.

    An error is unexpected. It is logged with its stack once, and again if it changes or returns.
    """
    last: type[BaseException] | None = None
    while True:
        await asyncio.sleep(every)
        (error,) = await asyncio.gather(work(), return_exceptions=True)
        if error is None:
            last = None
        elif type(error) is not last:
            last = type(error)
            _log.error("background_failed", exc_info=error)
