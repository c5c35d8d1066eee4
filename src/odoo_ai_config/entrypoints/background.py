"""
Work that a process repeats beside its requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeAlias

import structlog

Noted: TypeAlias = Callable[[], None]
"""
Called for each error that nobody foresaw.
"""

_log = structlog.get_logger(area="config")


def _unnoted() -> None:
    pass


@asynccontextmanager
async def beside(
    work: Callable[[], Awaitable[None]], *, name: str, failed: Noted = _unnoted
) -> AsyncIterator[None]:
    """
    Do *work* while the context is open; give it up at the end.

    An error of it is unexpected. It is logged when it happens, and has no other effect.
    """
    task = asyncio.create_task(_noting(work, name, failed))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _noting(work: Callable[[], Awaitable[None]], name: str, failed: Noted) -> None:
    (error,) = await asyncio.gather(work(), return_exceptions=True)
    if error is not None:
        failed()
        _log.error("background_failed", task=name, exc_info=error)


@asynccontextmanager
async def in_background(
    work: Callable[[], Awaitable[None]], *, name: str, every: float, failed: Noted = _unnoted
) -> AsyncIterator[None]:
    """
    Repeat *work* while the context is open, as `repeatedly` does.
    """
    repeated = partial(repeatedly, work, name=name, every=every, failed=failed)
    async with beside(repeated, name=name, failed=failed):
        yield


async def repeatedly(
    work: Callable[[], Awaitable[None]], *, name: str, every: float, failed: Noted = _unnoted
) -> None:
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
            continue
        failed()
        if type(error) is not last:
            last = type(error)
            _log.error("background_failed", task=name, exc_info=error)
