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

from odoo_ai_config.client.answers import changes_in
from odoo_ai_config.client.cache import Cache
from odoo_ai_config.client.transport import NO_ANSWER, OutageError, Transport, json_object
from odoo_ai_config.domain.errors import CodedError, InvalidApiKeyError
from odoo_ai_config.domain.feed import Change, FeedCompactedError, FeedKind
from odoo_ai_config.domain.identifiers import TenantId

Callback: TypeAlias = Callable[[Change], Awaitable[None] | None]
Restored: TypeAlias = Callable[[], Awaitable[None] | None]

_log = logging.getLogger(__name__)
_PATH: Final = "/v1/changes"
_WAIT: Final = 25
# How much later than asked for an answer may come.
_SLACK: Final = 10.0
_PAUSE: Final = 1.0
# An older hub has no feed, and not every key may read it.
_WITHOUT_FEED: Final = 300.0
_KINDS_OF_TENANT: Final = (FeedKind.CONFIG, FeedKind.CREDENTIALS, FeedKind.COLLECTION)
# What a hub says of a cursor that it never wrote, or wrote in another form.
_MALFORMED: Final = "invalid_fields"


class FeedReader:
    """
    Follows the feed of one hub, as soon as something is read.
    """

    def __init__(self, transport: Transport, cache: Cache) -> None:
        self._transport = transport
        self._cache = cache
        self._callbacks: list[tuple[frozenset[FeedKind], Callback]] = []
        self._restored: list[Restored] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        # Where the follower is; None before the hub has told it.
        self.cursor: str | None = None
        self._has_begun = asyncio.Event()
        cache.on_request = self._start_following
        cache.told_from_now_on = self._begun

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
            return await self._newest()
        except OutageError as outage:
            raise outage.told from outage

    async def _newest(self) -> str:
        found, _ = await self._transport.read(_PATH, _understood)
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
            query["kind"] = ",".join(kind.value for kind in map(FeedKind.from_text, kinds))
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

    def call_restored(self, callback: Restored) -> None:
        """
        Call *callback* when the hub's store is another one.
        """
        self._restored.append(callback)
        self._start("callbacks", self._call_back)

    def _start_following(self) -> None:
        self._start("follower", self._follow)

    async def _begun(self) -> None:
        await self._has_begun.wait()

    def _start(self, name: str, work: Callable[[], Any]) -> None:
        if name not in self._tasks or self._tasks[name].done():
            self._tasks[name] = asyncio.create_task(work(), name=f"hub-client-{name}")

    async def _follow(self) -> None:
        try:
            await self._follow_on()
        finally:
            # Whatever ended it: without it, what is kept counts for a time only.
            self._cache.following = False
            self._has_begun.set()

    async def _follow_on(self) -> None:
        if self.cursor is None:
            self.cursor = await self._cache.kept_cursor()
        while True:
            cursor = self.cursor
            if cursor is not None:
                self._has_begun.set()
            try:
                # Whoever comes back hears at once what it has missed.
                wait = _WAIT if self._cache.following else 0
                _, self.cursor = await self._poll(cursor, wait=wait)
            except FeedCompactedError as compacted:
                # What the hub said about tenants meanwhile is not told any more.
                await self._cache.remove_files()
                self.cursor = compacted.cursor
                await _rest(_PAUSE)
            except OutageError as outage:
                self._cache.following = False
                self._has_begun.set()
                await _rest(_PAUSE, outage)
                continue
            except CodedError as refusal:
                await self._refused(refusal)
                continue
            if cursor is None:
                # What was kept may be of another store: no cursor tells.
                self._cache.forget_versions()
            if self.cursor != cursor:
                await self._cache.keep_cursor(self.cursor)
            if not self._cache.following:
                # Something may have changed meanwhile that the feed does not know.
                self._cache.distrust()
                self._cache.following = True

    async def _refused(self, refusal: CodedError) -> None:
        self._cache.following = False
        followed, self.cursor = self.cursor is not None, None
        if followed and refusal.code == _MALFORMED:
            # The next answer tells another cursor, and nothing of what was before it.
            await self._cache.remove_files()
            await _rest(_PAUSE)
            return
        if followed or isinstance(refusal, InvalidApiKeyError):
            # The key may no longer read what it has read.
            await self._cache.end_all()
        self._has_begun.set()
        _log.info("the hub has no feed for this key: %s", refusal.code)
        await _rest(_WITHOUT_FEED)
        # Nobody tells when versions begin anew.
        self._cache.forget_versions()

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
        except FeedCompactedError:
            self._cache.distrust()
            self._cache.forget_versions()
            raise
        ended: set[TenantId] = set()
        for change in found:
            self._note(change)
            if change is not None and change.kind is FeedKind.TENANT:
                ended.update(change.tenants)
        if ended:
            await self._cache.remove_tenants(ended)
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
            self._cache.end_tenants(change.tenants)
        elif change.kind is FeedKind.MAPPING:
            self._cache.note_change([FeedKind.MAPPING.value])
        else:
            self._cache.note_change((change.kind.value, one) for one in change.tenants)

    async def _call_back(self) -> None:
        since: str | None = None
        while True:
            try:
                if since is None:
                    since = await self._newest()
                found, since = await self._poll(since, wait=_WAIT)
            except FeedCompactedError as compacted:
                since = compacted.cursor
                for restored in self._restored:
                    await _called(restored)
                await _rest(_PAUSE)
            except OutageError as outage:
                await _rest(_PAUSE, outage)
            except CodedError as refusal:
                # One that the hub does not know would be refused for ever.
                since = None if refusal.code == _MALFORMED else since
                _log.warning("no callback is called: %s", refusal.code)
                await _rest(_WITHOUT_FEED)
            else:
                for change in found:
                    await self._tell(change)

    async def _tell(self, change: Change | None) -> None:
        for kinds, callback in self._callbacks:
            if change is not None and change.kind in kinds:
                await _called(callback, change)


def _understood(body: bytes) -> tuple[list[Change | None], str]:
    return changes_in(json_object(body))


async def _rest(seconds: float, outage: OutageError | None = None) -> None:
    asked = 0.0 if outage is None else outage.retry_after or 0.0
    await asyncio.sleep(max(uniform(seconds / 2, seconds), asked))  # noqa: S311 - not together


async def _called(callback: Callable[..., Awaitable[None] | None], *args: Change) -> None:
    async def call() -> None:
        result = callback(*args)
        if isawaitable(result):
            await result

    (failure,) = await asyncio.gather(call(), return_exceptions=True)
    if failure is not None:
        _log.error("a callback failed", exc_info=failure)
