"""
The hub for programs without an event loop: each call of `RemoteHub`, run to its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import datetime
from functools import wraps
from threading import Thread
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from odoo_ai_config.client.remote_hub import RemoteCollection, RemoteHub
from odoo_ai_config.domain.feed import Change

P = ParamSpec("P")
T = TypeVar("T")
Of = TypeVar("Of", RemoteHub, RemoteCollection)


class _Blocking(Generic[Of]):
    """
    *of* something that lives on *loop*, which runs in a thread of its own.
    """

    def __init__(self, of: Of, loop: asyncio.AbstractEventLoop) -> None:
        self._of: Of = of
        self._loop = loop

    def _wait(self, call: Coroutine[Any, Any, T]) -> T:
        return _result(call, self._loop)


def _result(call: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    running = asyncio.run_coroutine_threadsafe(call, loop)
    try:
        return running.result()
    finally:
        # Somebody may have interrupted the program meanwhile.
        running.cancel()


def _blocking(
    method: Callable[Concatenate[Of, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[_Blocking[Of], P], T]:
    @wraps(method)
    def call(self: _Blocking[Of], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._wait(method(self._of, *args, **kwargs))

    return call


class BlockingCollection(_Blocking[RemoteCollection]):
    """
    A `RemoteCollection`, without ``await``.
    """

    replace = _blocking(RemoteCollection.replace)
    amend = _blocking(RemoteCollection.amend)
    read = _blocking(RemoteCollection.read)
    item = _blocking(RemoteCollection.item)


class BlockingHub(_Blocking[RemoteHub]):
    """
    A `RemoteHub`, without ``await``; made by `open_hub_sync`. Several threads may use it.
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
        return self._of.stale_since

    def changes(
        self, since: str | None = None, *, tenant: str | None = None, kinds: Collection[str] = ()
    ) -> Iterator[Change]:
        """
        As of a `RemoteHub`; the iterator waits for the next change.
        """
        following = self._of.changes(since, tenant=tenant, kinds=kinds)

        async def following_one() -> Change:
            return await anext(following)

        while True:
            yield self._wait(following_one())

    def collection(self, tenant: str, name: str) -> BlockingCollection:
        """
        As of a `RemoteHub`.
        """
        return BlockingCollection(self._of.collection(tenant, name), self._loop)


async def _end(
    opened: AbstractAsyncContextManager[RemoteHub], loop: asyncio.AbstractEventLoop
) -> None:
    # Somebody may have stopped in the middle of `changes`.
    await loop.shutdown_asyncgens()
    await opened.__aexit__(None, None, None)
    await loop.shutdown_default_executor()


@contextmanager
def blocking(opening: AbstractAsyncContextManager[RemoteHub]) -> Iterator[BlockingHub]:
    """
    Run what *opening* opens on a loop in a thread of its own, until the context ends.
    """
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="hub-client", daemon=True)
    thread.start()
    try:
        hub = _result(opening.__aenter__(), loop)
        try:
            yield BlockingHub(hub, loop)
        finally:
            _result(_end(opening, loop), loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
