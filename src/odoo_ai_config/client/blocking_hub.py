"""
The hub for programs without an event loop: each call of `RemoteHub`, run to its end.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from datetime import datetime
from functools import wraps
from threading import Lock, Thread
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeAlias, TypeVar

from odoo_ai_config.client.remote_hub import RemoteCollection, RemoteHub
from odoo_ai_config.domain.feed import Change

P = ParamSpec("P")
T = TypeVar("T")
Of = TypeVar("Of", RemoteHub, RemoteCollection)
Opening: TypeAlias = Callable[[], AbstractAsyncContextManager[RemoteHub]]

_CLOSED: Final = "the hub is closed"


class _Running:
    """
    A hub that is open on a loop in a thread of its own.
    """

    def __init__(self, opening: Opening) -> None:
        self.process = os.getpid()
        self._closed = False
        # What is asked before the end is known to it.
        self._order = Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="hub-client", daemon=True)
        self._thread.start()
        with ExitStack() as failed:
            failed.callback(self._stop)
            self._opened = opening()
            self.hub = self.result(self._opened.__aenter__())
            failed.pop_all()

    def result(self, call: Coroutine[Any, Any, T]) -> T:
        """
        Wait for *call*.

        Raises:
            RuntimeError: The hub is closed, perhaps meanwhile.
        """
        with self._order:
            if self._closed:
                call.close()
                raise RuntimeError(_CLOSED)
            running = asyncio.run_coroutine_threadsafe(call, self._loop)
        try:
            return running.result()
        except CancelledError:
            raise RuntimeError(_CLOSED) from None
        finally:
            # Somebody may have interrupted the program meanwhile.
            running.cancel()

    def close(self) -> None:
        with self._order:
            self._closed = True
        try:
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        finally:
            self._stop()

    async def _end(self) -> None:
        # Writing to disk must not be cancelled.
        await self.hub.cache.settled()
        # Other threads would wait for ever for what they asked.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        # It is a generator itself, which only this call may end.
        await self._opened.__aexit__(None, None, None)
        # Somebody may have stopped in the middle of `changes`.
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Processes:
    """
    What runs in this process.

    A process that was forked does not have the thread of the one before it, and must not use its
    connections: with its first call it opens the hub anew.
    """

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._closed = False
        self.order = Lock()
        self._running = _Running(opening)
        # Kept, because to close it here would end what the other process still uses.
        self._inherited: list[_Running] = []

    def running(self) -> _Running:
        if self._closed:
            raise RuntimeError(_CLOSED)
        if self._running.process != os.getpid():
            with self.order:
                if self._running.process != os.getpid():
                    self._inherited.append(self._running)
                    self._running = _Running(self._opening)
        return self._running

    def result(self, call: Callable[[RemoteHub], Coroutine[Any, Any, T]]) -> T:
        running = self.running()
        return running.result(call(running.hub))

    def close(self) -> None:
        self._closed = True
        if self._running.process == os.getpid():
            self._running.close()


class _Blocking(Generic[Of]):
    """
    What *of* finds in the hub of this process.
    """

    def __init__(self, processes: _Processes, of: Callable[[RemoteHub], Of]) -> None:
        self._processes = processes
        self._of: Callable[[RemoteHub], Of] = of


def _blocking(
    method: Callable[Concatenate[Of, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[_Blocking[Of], P], T]:
    @wraps(method)
    def call(self: _Blocking[Of], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._processes.result(lambda hub: method(self._of(hub), *args, **kwargs))

    return call


class BlockingCollection(_Blocking[RemoteCollection]):
    """
    A `RemoteCollection`, without ``await``.
    """

    replace = _blocking(RemoteCollection.replace)
    amend = _blocking(RemoteCollection.amend)
    read = _blocking(RemoteCollection.read)
    item = _blocking(RemoteCollection.item)


class BlockingChanges(Iterator[Change]):
    """
    What changes; made by `BlockingHub.changes`.

    Threads that share it take turns: each change is given to one of them. In a process that was
    forked it goes on behind the last change.
    """

    def __init__(
        self, processes: _Processes, since: str | None, tenant: str | None, kinds: Collection[str]
    ) -> None:
        self._processes = processes
        self._since = since
        self._tenant = tenant
        self._kinds = kinds
        self._begin(processes.running())

    def __next__(self) -> Change:
        running = self._processes.running()
        if self._running is not running:
            with self._processes.order:
                if self._running is not running:
                    self._begin(running)
        with self._turn:
            change = running.result(_following_one(self._following))
            if change is None:
                raise StopIteration
            self._since = change.cursor
        return change

    def _begin(self, running: _Running) -> None:
        # A thread of the other process may have been inside.
        self._turn = Lock()
        self._following = running.hub.changes(self._since, tenant=self._tenant, kinds=self._kinds)
        self._running = running


async def _following_one(following: AsyncIterator[Change]) -> Change | None:
    return await anext(following, None)


class BlockingHub(_Blocking[RemoteHub]):
    """
    A `RemoteHub`, without ``await``; made by `open_hub_sync`.

    Several threads may use it, and a process that is forked while it is open.

    Raises:
        RuntimeError: The hub is closed. Every method may raise it.
    """

    config = _blocking(RemoteHub.config)
    credential = _blocking(RemoteHub.credential)
    route = _blocking(RemoteHub.route)
    sync_credentials = _blocking(RemoteHub.sync_credentials)
    sync_mapping = _blocking(RemoteHub.sync_mapping)
    receive = _blocking(RemoteHub.receive)
    answer = _blocking(RemoteHub.answer)
    replay = _blocking(RemoteHub.replay)
    cursor = _blocking(RemoteHub.cursor)

    @property
    def stale_since(self) -> datetime | None:
        """
        As of a `RemoteHub`.
        """
        return self._processes.running().hub.stale_since

    def changes(
        self, since: str | None = None, *, tenant: str | None = None, kinds: Collection[str] = ()
    ) -> BlockingChanges:
        """
        As of a `RemoteHub`; the iterator waits for the next change.
        """
        return BlockingChanges(self._processes, since, tenant, kinds)

    def collection(self, tenant: str, name: str) -> BlockingCollection:
        """
        As of a `RemoteHub`.
        """
        # Malformed names are refused here.
        self._processes.running().hub.collection(tenant, name)
        return BlockingCollection(self._processes, lambda hub: hub.collection(tenant, name))


@contextmanager
def blocking(opening: Opening) -> Iterator[BlockingHub]:
    """
    Run what *opening* opens on a loop in a thread of its own, until the context ends.
    """
    processes = _Processes(opening)
    try:
        yield BlockingHub(processes, lambda hub: hub)
    finally:
        processes.close()
