"""
Writes of one transaction in as few commands as the server allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from attrs import frozen
from pymongo.errors import (
    ClientBulkWriteException,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
)

from odoo_ai_config.adapters.mongo.database import MongoDatabase, Record, Session
from odoo_ai_config.adapters.mongo.deadlines import within
from odoo_ai_config.adapters.mongo.driver_errors import TRANSIENT, is_duplicate

T = TypeVar("T")
# Makes the driver's operation: with the name of its collection where it goes beside others.
Write: TypeAlias = "partial[Any]"
# The server handles so many within the time that the driver waits for an answer.
_CHUNK: Final = 250
# CommandNotFound, CommandNotSupported: a server of 8.0 whose compatibility version is older.
_DOES_NOT_JOIN: Final = frozenset({59, 115})


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
