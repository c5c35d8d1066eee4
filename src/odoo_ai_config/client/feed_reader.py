"""
The hub's feed: what it says has changed is asked for again, and whoever listens is told.

By long polls, because they get through every proxy. While the feed is followed, what is kept
counts until the feed names it; otherwise it counts for a time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from inspect import isawaitable
from random import uniform
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

from odoo_ai_config.application.errors import ApplicationError
from odoo_ai_config.client.answers import changes_in
from odoo_ai_config.client.cache import Cache
from odoo_ai_config.client.transport import NO_ANSWER, OutageError, Transport, json_object
from odoo_ai_config.domain.changes import AuditAction
from odoo_ai_config.domain.errors import CodedError, DomainError, InvalidValueError
from odoo_ai_config.domain.feed import Change, FeedCompactedError, FeedKind
from odoo_ai_config.domain.identifiers import TenantId

Callback: TypeAlias = Callable[[Change], Awaitable[None] | None]

_log = logging.getLogger(__name__)
_PATH: Final = "/v1/changes"
_WAIT: Final = 25
# How much later than asked for an answer may come.
_SLACK: Final = 10.0
_PAUSE: Final = 1.0
# An older hub has no feed, and not every key may read it.
_WITHOUT_FEED: Final = 300.0
_KINDS_OF_TENANT: Final = (FeedKind.CONFIG, FeedKind.CREDENTIALS, FeedKind.COLLECTION)


# What follows is not for programs that start later, or while the hub is away.
_NOT_SERVED: Final = frozenset(
    {
        AuditAction.TENANT_SUSPENDED,
        AuditAction.ERASURE_BEGUN,
        AuditAction.TENANT_ERASED,
        AuditAction.TENANT_RENAMED,
    }
)


class FeedReader:
    """
    Follows the feed of one hub, as soon as something is read.
    """

    def __init__(self, transport: Transport, cache: Cache) -> None:
        self._transport = transport
        self._cache = cache
        self._callbacks: list[tuple[frozenset[FeedKind], Callback]] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        # Where the follower is; None before the hub has told it.
        self.cursor: str | None = None
        cache.on_request = self._start_following

    async def close(self) -> None:
        """
        Follow it no longer.
        """
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def now(self) -> str:
        """
        Where the feed is now.
        """
        try:
            found, _ = await self._transport.read(_PATH, _understood)
        except OutageError as outage:
            raise outage.told from outage
        # Without a condition there is a body.
        return "" if found is None else found[1]

    async def changes(
        self, since: str | None, *, tenant: str | None, kinds: Collection[str]
    ) -> AsyncIterator[Change]:
        """
        What changes behind *since*, by *kinds* and *tenant*; while the hub is away, it waits.
        """
        query = {}
        if tenant is not None:
            query["tenant"] = TenantId(tenant).value
        if kinds:
            query["kind"] = ",".join(kind.value for kind in map(feed_kind, kinds))
        cursor = await self.now() if since is None else since
        while True:
            try:
                found, cursor = await self._poll(cursor, wait=_WAIT, **query)
            except OutageError as outage:
                await _rest(_PAUSE, outage)
                continue
            for change in found:
                if change is not None:
                    yield change

    def call(self, callback: Callback, kinds: Collection[FeedKind]) -> None:
        """
        Call *callback* with each change of *kinds* from now on.
        """
        self._callbacks.append((frozenset(kinds), callback))
        self._start("callbacks", self._call_back)

    def _start_following(self) -> None:
        self._start("follower", self._follow)

    def _start(self, name: str, work: Callable[[], Any]) -> None:
        if name not in self._tasks or self._tasks[name].done():
            self._tasks[name] = asyncio.create_task(work(), name=f"hub-client-{name}")

    async def _follow(self) -> None:
        try:
            await self._follow_on()
        finally:
            # Whatever ended it: without it, what is kept counts for a time only.
            self._cache.following = False

    async def _follow_on(self) -> None:
        while True:
            try:
                # Whoever comes back hears at once what it has missed.
                wait = _WAIT if self._cache.following else 0
                _, self.cursor = await self._poll(self.cursor, wait=wait)
            except FeedCompactedError as compacted:
                self.cursor = compacted.cursor
                self._cache.distrust(another_store=True)
            except OutageError as outage:
                self._cache.following = False
                await _rest(_PAUSE, outage)
                continue
            except CodedError as refusal:
                self._cache.following = False
                _log.info("the hub has no feed for this key: %s", refusal.code)
                await _rest(_WITHOUT_FEED)
                continue
            if not self._cache.following:
                # Something may have changed meanwhile that the feed does not know.
                self._cache.distrust()
                self._cache.following = True

    async def _poll(
        self, cursor: str | None, *, wait: int, **query: str
    ) -> tuple[list[Change | None], str]:
        if cursor is not None:
            query |= {"since": cursor, "wait": str(wait)}
        path = f"{_PATH}?{urlencode(query)}" if query else _PATH

        async def ask() -> tuple[list[Change | None], str]:
            answer = await self._transport.ask("GET", path)
            try:
                return _understood(answer.body or b"")
            except NO_ANSWER:
                raise OutageError from None

        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(wait + _SLACK):
                found, following = await self._transport.once(ask)
        except TimeoutError:
            outage = OutageError()
            self._transport.missed(outage)
            raise outage from None
        for change in found:
            self._note(change)
            if change is not None and change.action in _NOT_SERVED:
                await self._cache.drop_tenants(change.tenants)
        if wait and following == cursor and clock() - began < _PAUSE:
            # Something on the way answers at once, for instance a cache.
            await _rest(_PAUSE)
        return found, following

    def _note(self, change: Change | None) -> None:
        if change is None:
            self._cache.distrust()
        elif change.kind is FeedKind.TENANT:
            kinds = [(kind.value, one) for one in change.tenants for kind in _KINDS_OF_TENANT]
            self._cache.note_change([FeedKind.MAPPING.value, *kinds])
        elif change.kind is FeedKind.MAPPING:
            self._cache.note_change([FeedKind.MAPPING.value])
        else:
            self._cache.note_change((change.kind.value, one) for one in change.tenants)

    async def _call_back(self) -> None:
        since = None
        while True:
            try:
                async for change in self.changes(since, tenant=None, kinds=()):
                    since = change.cursor
                    for kinds, callback in self._callbacks:
                        if change.kind in kinds:
                            await _called(callback, change)
            except FeedCompactedError as compacted:
                since = compacted.cursor
            except ApplicationError:
                await _rest(_PAUSE)
            except DomainError as refusal:
                _log.warning("no callback is called: %s", refusal.code)
                await _rest(_WITHOUT_FEED)


def feed_kind(name: str) -> FeedKind:
    """
    The kind of changes called *name*.

    Raises:
        InvalidValueError: There is none.
    """
    try:
        return FeedKind(name)
    except ValueError:
        raise InvalidValueError("kind", "feed_kind") from None


def _understood(body: bytes) -> tuple[list[Change | None], str]:
    return changes_in(json_object(body))


async def _rest(seconds: float, outage: OutageError | None = None) -> None:
    asked = 0.0 if outage is None else outage.retry_after or 0.0
    await asyncio.sleep(max(uniform(seconds / 2, seconds), asked))  # noqa: S311 - not together


async def _called(callback: Callback, change: Change) -> None:
    async def call() -> None:
        result = callback(change)
        if isawaitable(result):
            await result

    (failure,) = await asyncio.gather(call(), return_exceptions=True)
    if failure is not None:
        _log.error("a callback failed", exc_info=failure)
