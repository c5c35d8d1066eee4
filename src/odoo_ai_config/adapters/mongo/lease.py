"""
Work that one process does at a time, whatever the clocks of the others say.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

from attrs import Factory, field, frozen
from bson import ObjectId
from pymongo.errors import DuplicateKeyError, PyMongoError

from odoo_ai_config.adapters.mongo.database import MongoDatabase, Record
from odoo_ai_config.application.errors import StoreUnavailableError

T = TypeVar("T")
LEASES: Final = "leases"
_MICROSECONDS: Final = 1_000_000
SECONDS: Final = 60.0
# Microseconds since 1970 by the clock of the server that executes the command.
SERVER_NOW: Final[Record] = {"$multiply": [{"$toLong": "$$NOW"}, 1000]}
# A third of the time is left when a renewal fails twice.
_RENEWALS: Final = 3


def _this_process() -> str:
    # The token tells two takers in one process apart.
    return f"{socket.gethostname()} (pid {os.getpid()}) {ObjectId()}"


async def alone(
    database: MongoDatabase,
    name: str,
    work: Callable[[], Awaitable[T]],
    otherwise: T,
    *,
    seconds: float = SECONDS,
) -> T:
    """
    Return what *work* does, or *otherwise* while another process does it.

    A process that was killed meanwhile keeps others from it for *seconds*.
    """
    lease = Lease(database, name, seconds)
    return await lease.while_held(work) if await lease.take() else otherwise


@frozen
class Lease:
    """
    The right to do the work *name*, until it is given back or not renewed for *seconds*.

    Args:
        database: Where it is.
        name: The work.
        seconds: How long a process that was killed keeps others waiting.
        holder: Who takes it. Others see the host and the process.
    """

    database: MongoDatabase
    name: str
    seconds: float = SECONDS
    holder: str = field(default=Factory(_this_process))

    async def take(self) -> bool:
        """
        Take or renew it, and return whether this holder has it now.
        """
        leases, place = self.database[LEASES], {"_id": self.name}
        free = {"$or": [{"$lte": ["$until", SERVER_NOW]}, {"$eq": ["$holder", self.holder]}]}
        until = {"$add": [SERVER_NOW, int(self.seconds * _MICROSECONDS)]}
        taken: list[Record] = [{"$set": {"holder": {"$literal": self.holder}, "until": until}}]
        while True:
            result = await leases.update_one(place | {"$expr": free}, taken)
            if result.matched_count:
                return True
            try:
                # The first time, there is none.
                await leases.insert_one(place | {"until": 0})
            except DuplicateKeyError:
                return False

    async def holder_now(self) -> str | None:
        """
        The host and the process that have it, as far as is known.
        """
        lease: Record | None = await self.database[LEASES].find_one({"_id": self.name})
        # One that was never taken has no holder.
        return (lease or {}).get("holder", "").rpartition(" ")[0] or None

    async def give_back(self) -> None:
        """
        Let others take it at once, if this holder has it.
        """
        await self.database[LEASES].delete_one({"_id": self.name, "holder": self.holder})

    async def while_held(self, work: Callable[[], Awaitable[T]]) -> T:
        """
        Return what *work* does, under this lease, which the caller has taken.

        Raises:
            StoreUnavailableError: The lease could not be renewed; *work* was cancelled.
        """
        working = asyncio.ensure_future(work())
        renewing = asyncio.create_task(self._renew())
        try:
            await asyncio.wait([working, renewing], return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise StoreUnavailableError
            return working.result()
        finally:
            for task in (working, renewing):
                task.cancel()
            await asyncio.gather(working, renewing, return_exceptions=True)
            with suppress(PyMongoError):
                # If not, it ends by itself.
                await self.give_back()

    async def _renew(self) -> None:
        # Returns when others may have it.
        loop = asyncio.get_running_loop()
        renewed_at, pause = loop.time(), self.seconds / _RENEWALS
        while loop.time() < renewed_at + self.seconds:
            await asyncio.sleep(pause)
            asked_at = loop.time()
            with suppress(PyMongoError, TimeoutError):
                # A patient connection would wait for a server that is gone.
                async with asyncio.timeout(pause):
                    if not await self.take():
                        return
                renewed_at = asked_at
