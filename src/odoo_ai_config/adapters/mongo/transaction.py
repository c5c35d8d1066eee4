"""
Short transactions, repeated when they collide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from random import SystemRandom
from typing import Any, Final, TypeAlias, TypeVar

from pymongo import ReadPreference
from pymongo.errors import PyMongoError, ServerSelectionTimeoutError
from pymongo.read_concern import ReadConcern

from odoo_ai_config.adapters.mongo.database import DURABLE, Client, Session, settled
from odoo_ai_config.adapters.mongo.driver_errors import COMMIT_UNKNOWN, is_conflict, is_passing
from odoo_ai_config.application.errors import ContentionError

T = TypeVar("T")
Work: TypeAlias = Callable[[Session], Awaitable[T]]

# The pauses add up to 1.5 seconds on average: the time of a hundred short transactions.
_ATTEMPTS: Final = 25
_FIRST_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.16
# A primary that stepped down soon has a successor; more interruptions are an outage.
_INTERRUPTIONS: Final = 2
_COMMIT_REPEATS: Final = 2
_random: Final = SystemRandom()


async def in_transaction(client: Client, work: Work[T]) -> T:
    """
    Return what *work* does in one transaction, repeated if it collides with another one.

    Cancelling the caller does not interrupt it: a transaction that nobody ends blocks its
    records for a minute.

    Raises:
        ContentionError: Every attempt collided.
    """
    return await _uninterrupted(_repeatedly(client, work))


async def _uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    finally:
        if not task.done():
            await asyncio.wait([task])


async def _repeatedly(client: Client, work: Work[T]) -> T:
    # Causal consistency adds nothing: each transaction starts from the newest majority.
    session: Session = await settled(client.start_session(causal_consistency=False))
    interruptions = 0
    async with session:
        for pause in _pauses():
            try:
                return await _once(session, work)
            except PyMongoError as error:
                if not is_conflict(error):
                    interruptions += 1
                    if not is_passing(error) or interruptions > _INTERRUPTIONS:
                        raise
            await asyncio.sleep(pause)
    raise ContentionError


async def _once(session: Session, work: Work[T]) -> T:
    await settled(
        session.start_transaction(
            read_concern=ReadConcern("snapshot"),
            write_concern=DURABLE,
            read_preference=ReadPreference.PRIMARY,
        )
    )
    done = False
    try:
        result = await work(session)
        done = True
    finally:
        if not done:
            await session.abort_transaction()
    await _commit(session)
    return result


async def _commit(session: Session) -> None:
    for _ in range(_COMMIT_REPEATS):
        try:
            return await session.commit_transaction()
        except ServerSelectionTimeoutError:
            raise
        except PyMongoError as error:
            # Repeating a commit is safe: the server recognises one that it has seen.
            if not error.has_error_label(COMMIT_UNKNOWN):
                raise
    return await session.commit_transaction()


def _pauses() -> Iterator[float]:
    longest = _FIRST_PAUSE
    for _ in range(_ATTEMPTS):
        yield _random.uniform(0, longest)
        longest = min(2 * longest, _LONGEST_PAUSE)
