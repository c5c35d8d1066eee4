"""
Short transactions, repeated when they collide, and their writes in as few commands as possible.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from random import SystemRandom
from typing import Any, Final, TypeAlias, TypeVar

from attrs import frozen
from pymongo import ReadPreference
from pymongo.errors import (
    ClientBulkWriteException,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern

from odoo_ai_config.adapters.mongo.database import DURABLE, MongoDatabase, Record, Session
from odoo_ai_config.adapters.mongo.deadlines import forgotten, settled, within
from odoo_ai_config.adapters.mongo.driver_errors import (
    COMMIT_UNKNOWN,
    TRANSIENT,
    is_conflict,
    is_duplicate,
    is_passing,
    is_silence,
    translated,
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
# Makes the driver's operation: with the name of its collection where it goes beside others.
Write: TypeAlias = "partial[Any]"
# The server handles so many within the time that the driver waits for an answer.
_CHUNK: Final = 250
# CommandNotFound, CommandNotSupported: a server of 8.0 whose compatibility version is older.
_DOES_NOT_JOIN: Final = frozenset({59, 115})


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


class _RehearsedError(Exception):
    """
    The transaction was a rehearsal, and is rolled back.
    """


@translated
async def rehearse(database: MongoDatabase) -> None:
    """
    Write in a transaction, and roll it back.
    """

    async def write(session: Session) -> None:
        await database["checks"].insert_one({"_id": "rehearsal"}, session=session)
        raise _RehearsedError

    with suppress(_RehearsedError):
        await in_transaction(database, write)


async def _uninterrupted(work: Coroutine[Any, Any, T], given_up: asyncio.Event) -> T:
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    finally:
        if not task.done():
            given_up.set()
            task.add_done_callback(forgotten)
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
                # A server that did not even answer the abort has this transaction still.
                # Motor's types take the property for a method.
                open_still: Any = session.in_transaction
                if open_still or not await patience.lasts():
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


@frozen
class BulkWrite:
    """
    Writes that go to one collection.

    Args:
        refusal: Raised if a write finds a record where there should be none, or does not find
            the state that it follows; None if that cannot happen.
        is_refused: Whether an error of the driver means the same.
    """

    collection: str
    writes: Sequence[Write]
    refusal: type[Exception] | None = None
    is_refused: Callable[[PyMongoError], bool] = is_duplicate


def chunks(many: Sequence[T]) -> Iterator[Sequence[T]]:
    """
    *many* in parts of the size of one command.
    """
    return (many[start : start + _CHUNK] for start in range(0, len(many), _CHUNK))


async def send(
    database: MongoDatabase, bulks: Sequence[BulkWrite], session: Session | None
) -> None:
    """
    Write *bulks* in this order.

    From MongoDB 8.0 on, one command writes to many collections. Only the round trips of many
    small writes are worth that: the server handles a large one of one collection faster.
    """
    writes = [(bulk, write) for bulk in bulks for write in bulk.writes]
    if len(bulks) > 1 and len(writes) <= _CHUNK and await database.joins_writes():
        await _send_joined(database, writes, session)
        return
    for bulk in bulks:
        await _send_one(database, bulk, session)


async def is_written(database: MongoDatabase, bulk: BulkWrite, session: Session) -> bool:
    """
    Whether the only write of *bulk* has happened, although its answer was lost.

    If not, or if that cannot be seen, it may be repeated.
    """
    [write] = bulk.writes
    place, change = write.args[0], write.args[-1]
    after: Record = change.get("$set", change)
    if any(name.startswith("$") for name in after):
        return False
    wanted = {**after, "_id": place["_id"]}
    return await database[bulk.collection].find_one(wanted, ["_id"], session=session) is not None


async def _send_one(database: MongoDatabase, bulk: BulkWrite, session: Session | None) -> None:
    collection = database[bulk.collection]
    for some in chunks(bulk.writes):
        try:
            result = await collection.bulk_write([write() for write in some], session=session)
        except OperationFailure as error:
            _refuse(bulk, error)
            raise
        done = result.inserted_count + result.matched_count + result.upserted_count
        if bulk.refusal is not None and done != len(some):
            raise bulk.refusal


async def _send_joined(
    database: MongoDatabase, writes: Sequence[tuple[BulkWrite, Write]], session: Session | None
) -> None:
    models = [write(namespace=f"{database.name}.{bulk.collection}") for bulk, write in writes]
    # What was matched is told for each write only if somebody wants to know it.
    verbose = any(bulk.refusal is not None for bulk, _ in writes)
    try:
        result = await within(
            database.call_seconds,
            lambda: database.client.bulk_write(
                models,
                # Motor names another type here than that of its sessions.
                session=session,  # type: ignore[arg-type]
                verbose_results=verbose,
            ),
        )
    except InvalidOperation as error:
        # Another member is the primary now, with an older version.
        raise _apart_from_now_on(database) from error
    except ClientBulkWriteException as error:
        if getattr(error.error, "code", None) in _DOES_NOT_JOIN:
            raise _apart_from_now_on(database) from error
        _refuse_joined(writes, error)
        raise
    if not verbose:
        return
    for number, (bulk, _) in enumerate(writes):
        update = result.update_results.get(number)
        if update is None or bulk.refusal is None:
            continue
        if update.matched_count == 0 and not update.did_upsert:
            raise bulk.refusal


def _apart_from_now_on(database: MongoDatabase) -> PyMongoError:
    # The refusal has ended the transaction. This error repeats it.
    database.write_apart()
    return OperationFailure("does not join writes", details={"errorLabels": [TRANSIENT]})


def _refuse_joined(
    writes: Sequence[tuple[BulkWrite, Write]], error: ClientBulkWriteException
) -> None:
    whole: Any = error.error
    if whole is not None:
        # The command failed as a whole: its own error has the code and the labels.
        if isinstance(whole, Exception):
            raise whole from None
        raise OperationFailure(whole.get("errmsg", ""), whole.get("code"), whole) from None
    for refused in error.details["writeErrors"]:
        _refuse(writes[refused["idx"]][0], error)


def _refuse(bulk: BulkWrite, error: PyMongoError) -> None:
    if bulk.refusal is not None and bulk.is_refused(error):
        raise bulk.refusal from error
