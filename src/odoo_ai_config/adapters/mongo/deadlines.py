"""
Calls of the driver that end in time, whatever the server does.

The driver's own limits do not do this alone: each counts from a later moment, when one of motor's
threads, a server or a connection is found, and a repeated call has them again. `pymongo.timeout`
would, but it replaces the limits of the URL and repeats without a pause.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar, cast

import pymongo
from pymongo.errors import NetworkTimeout

T = TypeVar("T")
_Record: TypeAlias = dict[str, Any]

# The driver's own limit comes first if it works: it tells more.
_AFTER_DRIVER: Final = 0.2
# As long as an index of many records takes.
_UNHURRIED_SECONDS: Final = 86_400.0
# Records of one reply, as far as they are small; later replies have more.
_BATCH: Final = 1000


async def within(seconds: float | None, call: Callable[[], Awaitable[T]]) -> T:
    """
    Return the result of the driver's *call*, which has *seconds* from now; None for any time.

    Raises:
        NetworkTimeout: It took longer.
    """
    calling = asyncio.ensure_future(call())
    try:
        limit = None if seconds is None else seconds + _AFTER_DRIVER
        _, late = await asyncio.wait({calling}, timeout=limit)
    finally:
        # It ends by the driver's own limits: a cancellation breaks the locks of pymongo.
        if not calling.done():
            calling.add_done_callback(forgotten)
    if late:
        raise NetworkTimeout("no answer within the deadline of the call")
    return calling.result()


def forgotten(calling: asyncio.Future[Any]) -> None:
    """
    Take note of how *calling* ended, which nobody else asks for; asyncio reports it otherwise.
    """
    if not calling.cancelled():
        calling.exception()


async def unhurried(call: Callable[[], Awaitable[T]]) -> T:
    """
    Return the result of the driver's *call*, which may take as long as the index of a large store.
    """
    # In place of the limits of the connection. Motor takes it along to the thread of the call.
    with pymongo.timeout(_UNHURRIED_SECONDS):
        return await call()


async def settled(value: Awaitable[T] | T) -> T:
    """
    Return *value*, awaited if it is awaitable.

    Motor and pymongo's asynchronous client differ here: sessions, transactions and aggregations
    start with an await in one and without in the other.
    """
    if inspect.isawaitable(value):
        result: T = await value
        return result
    return value


class TimedCollection:
    """
    A collection of either driver. Each call has *seconds*, each reply of a cursor anew.
    """

    def __init__(self, collection: object, seconds: float | None) -> None:
        self._collection: Any = collection
        self._seconds = seconds

    def find(self, *args: object, **options: object) -> TimedCursor:
        return TimedCursor(self._collection.find(*args, **options), self._seconds)

    async def aggregate(self, *args: object, **options: object) -> TimedCursor:
        cursor = await within(
            self._seconds, lambda: settled(self._collection.aggregate(*args, **options))
        )
        return TimedCursor(cursor, self._seconds)

    def create_indexes(self, *args: object, **options: object) -> Awaitable[object]:
        return unhurried(partial(self._collection.create_indexes, *args, **options))

    def __getattr__(self, name: str) -> object:
        member = getattr(self._collection, name)
        if not inspect.isroutine(member):
            return member

        def call(*args: object, **options: object) -> Awaitable[object]:
            return within(self._seconds, partial(member, *args, **options))

        return call


class TimedCursor:
    """
    A cursor of either driver. Each reply of the server has *seconds*.
    """

    def __init__(self, cursor: object, seconds: float | None) -> None:
        self._cursor: Any = cursor
        self._seconds = seconds

    def sort(self, *args: object) -> TimedCursor:
        self._cursor.sort(*args)
        return self

    def limit(self, count: int) -> TimedCursor:
        self._cursor.limit(count)
        return self

    async def to_list(self, length: int | None = None) -> list[_Record]:
        found: list[_Record] = []
        while self._cursor.alive and (length is None or len(found) < length):
            room = _BATCH if length is None else min(_BATCH, length - len(found))
            read = partial(self._cursor.to_list, room)
            part = await within(
                self._seconds, cast("Callable[[], Awaitable[list[_Record]]]", read)
            )
            if not part:
                break
            found += part
        return found

    def __aiter__(self) -> AsyncIterator[_Record]:
        return self

    async def __anext__(self) -> _Record:
        record: _Record = await within(self._seconds, self._cursor.__anext__)
        return record

    async def close(self) -> None:
        await within(self._seconds, self._cursor.close)
