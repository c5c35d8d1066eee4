"""
Short transactions, repeated when they collide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from math import inf
from random import SystemRandom
from typing import Any, Final, TypeAlias, TypeVar

from pymongo import ReadPreference
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from odoo_ai_config.adapters.mongo.database import DURABLE, MongoDatabase, Session
from odoo_ai_config.adapters.mongo.deadlines import settled, within
from odoo_ai_config.adapters.mongo.driver_errors import (
    COMMIT_UNKNOWN,
    is_conflict,
    is_passing,
    is_silence,
)
from odoo_ai_config.application.errors import ContentionError

T = TypeVar("T")
Work: TypeAlias = Callable[[Session], Awaitable[T]]

# The drivers' own loop takes 120 seconds, for which nobody waits here. An election takes 12.
_PATIENCE_SECONDS: Final = 15.0
# The pauses of the drivers' own loop.
_FIRST_PAUSE: Final = 0.005
_GROWTH: Final = 1.5
_LONGEST_PAUSE: Final = 0.5
# A server that did not answer a write hardly answers this. It forgets the transaction by itself,
# after a minute.
_END_SECONDS: Final = 0.2
_random: Final = SystemRandom()


async def in_transaction(database: MongoDatabase, work: Work[T]) -> T:
    """
    Return what *work* does in one transaction, repeated while the server asks for that.

    It asks if the transaction collides with another one, or if a member stops being the primary.
    If it does not answer at all, the first error counts: `database.call_seconds` are long enough.

    A cancelled caller waits for the attempt that runs, after which there is no other: a
    transaction that nobody ends blocks its records for a minute.

    Raises:
        ContentionError: Every attempt collided, for 15 seconds.
    """
    given_up = asyncio.Event()
    return await _uninterrupted(_repeatedly(database, work, _Patience(given_up)), given_up)


async def _uninterrupted(work: Coroutine[Any, Any, T], given_up: asyncio.Event) -> T:
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    finally:
        if not task.done():
            given_up.set()
            await asyncio.wait([task])


class _Patience:
    """
    How long to try again, and the pauses in between.
    """

    def __init__(self, given_up: asyncio.Event) -> None:
        self._given_up = given_up
        self._ends_at = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        self._longest = _FIRST_PAUSE

    async def lasts(self) -> bool:
        """
        Pause, and return whether to try again.
        """
        pause = _random.uniform(0, self._longest)
        self._longest = min(_GROWTH * self._longest, _LONGEST_PAUSE)
        if asyncio.get_running_loop().time() + pause > self._ends_at:
            # Also for whoever asks again: a shorter pause would not be too long.
            self._ends_at = -inf
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._given_up.wait()
        return not self._given_up.is_set()


async def _repeatedly(database: MongoDatabase, work: Work[T], patience: _Patience) -> T:
    # Causal consistency adds nothing: each transaction starts from the newest majority.
    session: Session = await within(
        database.call_seconds,
        lambda: settled(database.client.start_session(causal_consistency=False)),
    )
    try:
        while True:
            try:
                return await _once(database, session, work, patience)
            except PyMongoError as error:
                collided = is_conflict(error)
                if not collided and not is_passing(error):
                    raise
                if not await patience.lasts():
                    if collided:
                        raise ContentionError from error
                    raise
    finally:
        with suppress(PyMongoError):
            await within(_END_SECONDS, session.end_session)


async def _once(
    database: MongoDatabase, session: Session, work: Work[T], patience: _Patience
) -> T:
    await settled(
        session.start_transaction(
            read_concern=ReadConcern("snapshot"),
            write_concern=DURABLE,
            read_preference=ReadPreference.PRIMARY,
        )
    )
    done = silent = False
    try:
        result = await work(session)
        done = True
    except PyMongoError as error:
        silent = is_silence(error)
        raise
    finally:
        # After silence, the end of the session tries it, for a moment.
        if not done and not silent:
            with suppress(PyMongoError):
                await within(database.call_seconds, session.abort_transaction)
    await _commit(database, session, patience)
    return result


async def _commit(database: MongoDatabase, session: Session, patience: _Patience) -> None:
    while True:
        try:
            return await within(database.call_seconds, session.commit_transaction)
        except PyMongoError as error:
            # Repeating a commit is safe: the server recognises one that it has seen.
            if not error.has_error_label(COMMIT_UNKNOWN) or is_silence(error):
                raise
            if not await patience.lasts():
                raise
