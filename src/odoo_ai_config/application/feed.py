"""
Read what has changed, from a cursor on, or wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import chain
from typing import Final

from attrs import define, evolve, field, frozen

from odoo_ai_config.application.linking import link_soon
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.audit import LinkedEntry, TrailEnd
from odoo_ai_config.domain.feed import (
    EVERYTHING,
    Change,
    FeedCompactedError,
    Interest,
    changes_of,
)

# How many entries of the trail are read at a time, and how many changes wait for a listener.
MOST_CHANGES: Final = 1000
# The pause between two looks for changes, in seconds. After a look that found something it is so
# many times what telling took, so that a stream of changes that many hear leaves the time to
# those who write, and a single one is told at once.
_PAUSE: Final = 0.04
_SHORT_REST: Final = 2
_REST: Final = 19
_LONGEST_PAUSE: Final = 1.0
# So that a timer for each listener is not needed, which costs as much as telling it something.
BEAT: Final = 15.0


@frozen
class FeedPage:
    """
    What has changed, oldest first, and where to go on.
    """

    changes: tuple[Change, ...]
    cursor: TrailEnd


@define(eq=False)
class _Listener:
    """
    Somebody who is told of the changes behind *joined*.

    Args:
        overrun: Whether something was not told, because too much waited already.
        failure: Why nothing is told any more.
    """

    joined: TrailEnd
    overrun: bool = False
    failure: BaseException | None = None
    news: asyncio.Event = field(init=False, factory=asyncio.Event)
    _told: list[Change] = field(init=False, factory=list)

    def tell(self, changes: Sequence[Change]) -> None:
        if self.overrun or len(self._told) + len(changes) > MOST_CHANGES:
            self._told, self.overrun = [], True
        else:
            self._told += changes
        self.news.set()

    def take(self) -> list[Change]:
        """
        What was told since this was called last.

        Raises:
            BaseException: That because of which nothing is told any more.
        """
        if self.failure is not None:
            raise self.failure
        told, self._told = self._told, []
        self.news.clear()
        return told


@define(eq=False)
class FeedWatch:
    """
    Looks for changes while somebody listens: once for all who do so in this process.

    A change costs as much as there are listeners that it concerns.

    Args:
        beat: How often all listeners are woken, whether or not something changed, in seconds.
        end: All changes up to here were told.
        released: Whether nothing more will be told: the process ends.
    """

    audit: AuditLog
    vault: SecretVault
    beat: float = BEAT
    end: TrailEnd = field(init=False, factory=TrailEnd)
    released: bool = field(init=False, default=False)
    _listeners: dict[Interest, set[_Listener]] = field(init=False, factory=dict)
    _looking: asyncio.Task[None] | None = field(init=False, default=None)

    @asynccontextmanager
    async def listener(self, interest: Interest) -> AsyncIterator[_Listener]:
        """
        A listener that is told of changes until the context is left.
        """
        if self._looking is None:
            end = await self.newest()
            # Somebody else may have begun meanwhile.
            if self._looking is None:
                self.end = end
                self._looking = asyncio.create_task(self._look())
                self._looking.add_done_callback(self._ended)
        listener = _Listener(self.end)
        alike = self._listeners.setdefault(interest, set())
        alike.add(listener)
        try:
            yield listener
        finally:
            alike.discard(listener)
            if not alike:
                del self._listeners[interest]
            if not self._listeners and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def newest(self) -> TrailEnd:
        """
        The end of the trail, with everything that is committed.
        """
        await link_soon(self.audit, self.vault)
        end, _ = await self.audit.end()
        return end

    def release(self) -> None:
        """
        Let nobody wait any more.
        """
        self.released = True
        self._wake(None)

    def _ended(self, looking: asyncio.Task[None]) -> None:
        if not looking.cancelled():
            # Whoever comes next begins anew.
            self._looking = None
            self._wake(looking.exception())

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time
        beat, steady = now() + self.beat, False
        while True:
            await link_soon(self.audit, self.vault)
            found = await self.audit.chain(after=self.end.number, limit=MOST_CHANGES)
            began = now()
            if found:
                self._tell(found)
                # They go first.
                await asyncio.sleep(0)
            rest = _REST if steady else _SHORT_REST
            steady = bool(found)
            if began >= beat:
                self._wake(None)
                beat = began + self.beat
            pause = max(_PAUSE, rest * (now() - began))
            await asyncio.sleep(min(pause, _LONGEST_PAUSE))

    def _tell(self, found: Sequence[LinkedEntry]) -> None:
        self.end = found[-1].end
        changes = changes_of(found)
        for interest, alike in self._listeners.items():
            told = interest.among(changes)
            for listener in alike if told else ():
                listener.tell(told)

    def _wake(self, failure: BaseException | None) -> None:
        for listener in chain.from_iterable(self._listeners.values()):
            listener.failure = failure
            listener.news.set()


@define(eq=False)
class Follower:
    """
    A reader that goes on and on.

    Args:
        cursor: Behind which it goes on.
    """

    cursor: TrailEnd
    _interest: Interest
    _watch: FeedWatch
    _listener: _Listener
    # How far the store has to be read before what the listener is told follows on it.
    _gap: TrailEnd | None = field(init=False)

    @_gap.default
    def _gap_at_first(self) -> TrailEnd | None:
        joined = self._listener.joined
        return None if self.cursor == joined else joined

    @property
    def released(self) -> bool:
        """
        Whether nothing more will come: the process ends.
        """
        return self._watch.released

    async def page(self, seconds: float | None = None) -> FeedPage:
        """
        What has changed next; nothing if that takes more than *seconds*.

        By default it returns at the next beat, at latest.

        Raises:
            FeedCompactedError: The cursor is of another store, or of what a restored one had.
            StoreUnavailableError, StoreUnusableError: The store does not work.
        """
        now = asyncio.get_running_loop().time
        until = None if seconds is None else now() + seconds
        waited = False
        while True:
            while self._gap is not None:
                page = await read_page(self._watch.audit, self.cursor, self._interest)
                self.cursor = page.cursor
                if page.cursor.number >= self._gap.number:
                    self._gap = None
                if page.changes or (until is not None and now() >= until):
                    return page
            told = self._listener.take()
            if self._listener.overrun:
                self._listener.overrun, self._gap = False, self._watch.end
                continue
            changes = tuple(one for one in told if one.cursor.number > self.cursor.number)
            if self._watch.end.number > self.cursor.number:
                self.cursor = self._watch.end
            if changes or self.released or (waited if until is None else now() >= until):
                return FeedPage(changes, self.cursor)
            waited = True
            if until is None:
                await self._listener.news.wait()
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._listener.news.wait()


@frozen(eq=False)
class ReadFeed:
    """
    The changes behind a cursor, in the one order that all readers see.
    """

    watch: FeedWatch

    async def __call__(
        self,
        since: TrailEnd | None,
        *,
        caller: ApiKey,
        interest: Interest = EVERYTHING,
        limit: int = MOST_CHANGES,
    ) -> FeedPage:
        """
        The changes among at most *limit* entries behind *since*.

        Without *since* there are none: whoever begins reads everything, and then goes on from the
        cursor. A bound caller sees the changes of its own tenant.

        Raises:
            ScopeMissingError, TenantForbiddenError: *caller* may not read that.
            FeedCompactedError: *since* is of another store, or of what a restored one had.
        """
        interest = _permitted(interest, caller)
        end = await self.watch.newest()
        if since is None:
            return FeedPage((), end)
        return await read_page(self.watch.audit, since, interest, limit)

    @asynccontextmanager
    async def following(
        self, since: TrailEnd | None, *, caller: ApiKey, interest: Interest = EVERYTHING
    ) -> AsyncIterator[Follower]:
        """
        Somebody who waits for what changes behind *since*; without it, from now on.

        Raises:
            ScopeMissingError, TenantForbiddenError: *caller* may not read that.
            StoreUnavailableError, StoreUnusableError: The store does not work.
        """
        interest = _permitted(interest, caller)
        async with self.watch.listener(interest) as listener:
            yield Follower(since or listener.joined, interest, self.watch, listener)

    def release(self) -> None:
        """
        Let nobody wait any more: the process ends.
        """
        self.watch.release()


def _permitted(interest: Interest, caller: ApiKey) -> Interest:
    caller.require(Scope.CONFIG_READ, interest.tenant)
    return interest if caller.tenant is None else evolve(interest, tenant=caller.tenant)


async def read_page(
    audit: AuditLog, since: TrailEnd, interest: Interest, limit: int = MOST_CHANGES
) -> FeedPage:
    """
    The changes among at most *limit* linked entries behind *since*.

    Raises:
        FeedCompactedError: *since* is of another store, or of what a restored one had.
    """
    found = await audit.chain(after=max(since.number - 1, 0), limit=limit + 1)
    if since != TrailEnd():
        if not found or found[0].end != since:
            end, _ = await audit.end()
            raise FeedCompactedError(end)
        found = found[1:]
    found = found[:limit]
    changes = interest.among(changes_of(found))
    return FeedPage(changes, found[-1].end if found else since)
