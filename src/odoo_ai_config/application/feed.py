"""
Read what has changed, from a cursor on, or wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from itertools import chain
from typing import Final

from attrs import define, evolve, field, frozen

from odoo_ai_config.application.linking import link_soon
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.application.ports.tenant_store import TenantStore
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.audit import LinkedEntry, TrailEnd
from odoo_ai_config.domain.changes import AuditAction, AuditEntry
from odoo_ai_config.domain.feed import (
    ENDING,
    EVERYTHING,
    Change,
    FeedCompactedError,
    Interest,
    changes_of,
    ends,
)
from odoo_ai_config.domain.identifiers import TenantId

# The cursor before everything.
BEGIN: Final = "0"
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

    Args:
        more: Whether entries behind *cursor* were there when it was read; each may be of no
            change, or of none that the reader is told.
    """

    changes: tuple[Change, ...]
    cursor: str
    more: bool = False


@define(eq=False)
class _Listener:
    """
    Somebody who is told of the changes behind *joined*.

    Args:
        key_id: Who listens; to *tenant* alone, or to all.
        ended: Whether it is to ask anew: its key may not hear more.
        overrun: Whether something was not told, because too much waited already.
        failure: Why nothing is told any more.
    """

    key_id: str
    tenant: TenantId | None
    joined: TrailEnd
    ended: bool = False
    overrun: bool = False
    failure: BaseException | None = None
    news: asyncio.Event = field(init=False, factory=asyncio.Event)
    # Each time the same ones to all who want the same, so that their text is made once.
    _told: list[tuple[Change, ...]] = field(init=False, factory=list)

    def tell(self, changes: tuple[Change, ...]) -> None:
        if self.overrun or sum(map(len, self._told)) + len(changes) > MOST_CHANGES:
            self._told, self.overrun = [], True
        else:
            self._told.append(changes)
        self.news.set()

    def take(self) -> tuple[Change, ...]:
        """
        What was told since this was called last.

        Raises:
            BaseException: That because of which nothing is told any more.
        """
        if self.failure is not None:
            raise self.failure
        told, self._told = self._told, []
        self.news.clear()
        return told[0] if len(told) == 1 else tuple(chain.from_iterable(told))


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
    async def listener(self, interest: Interest, key_id: str) -> AsyncIterator[_Listener]:
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
        listener = _Listener(key_id, interest.tenant, self.end)
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

    async def read(
        self, since: TrailEnd, interest: Interest, limit: int = MOST_CHANGES
    ) -> tuple[tuple[Change, ...], TrailEnd]:
        """
        The changes among at most *limit* linked entries behind *since*, and where they end.

        Raises:
            FeedCompactedError: *since* is of another store, or of what a restored one had.
        """
        found = await self.audit.chain(after=max(since.number - 1, 0), limit=limit + 1)
        if since != TrailEnd():
            if not found or found[0].end != since:
                end, _ = await self.audit.end()
                raise FeedCompactedError(self.vault.veil(end))
            found = found[1:]
        found = found[:limit]
        changes = interest.among(changes_of(found, self.vault.veil))
        return changes, found[-1].end if found else since

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
        for linked in found:
            if linked.entry.action in ENDING:
                self._end_listeners(linked.entry)
        changes = changes_of(found, self.vault.veil)
        for interest, alike in self._listeners.items():
            told = interest.among(changes)
            for listener in alike if told else ():
                listener.tell(told)

    def _end_listeners(self, entry: AuditEntry) -> None:
        for listener in chain.from_iterable(self._listeners.values()):
            if ends(entry, key_id=listener.key_id, tenant=listener.tenant):
                listener.ended = True
                listener.news.set()

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
        Whether nothing more will come: the process ends, or the right to hear more.
        """
        return self._watch.released or self._listener.ended

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
        while not self.released:
            changes = self._told() if self._gap is None else await self._missed()
            over = waited if until is None else now() >= until
            if self.released:
                break
            if changes or over:
                return self._page(changes)
            if self._gap is None:
                waited = True
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(until):
                        await self._listener.news.wait()
        return self._page(())

    def _page(self, changes: tuple[Change, ...]) -> FeedPage:
        watch = self._watch
        more = watch.end.number > self.cursor.number
        return FeedPage(changes, watch.vault.veil(self.cursor), more)

    async def _missed(self) -> tuple[Change, ...]:
        watch, limit = self._watch, MOST_CHANGES
        changes, self.cursor = await watch.read(self.cursor, self._interest, limit)
        if self._gap is None or self.cursor.number >= self._gap.number:
            self._gap = None
        return changes

    def _told(self) -> tuple[Change, ...]:
        told = self._listener.take()
        if self._listener.overrun:
            self._listener.overrun, self._gap = False, self._watch.end
            return ()
        if told and told[0].number <= self.cursor.number:
            told = tuple(one for one in told if one.number > self.cursor.number)
        if self._watch.end.number > self.cursor.number:
            self.cursor = self._watch.end
        return told


@define(eq=False)
class Beginnings:
    """
    Where in the trail those begin who have their ids now.
    """

    audit: AuditLog
    vault: SecretVault
    tenants: TenantStore
    # With the revision of the tenant's state by which it was found.
    _known: dict[TenantId, tuple[int, int]] = field(init=False, factory=dict)

    async def of(self, tenant: TenantId) -> int:
        """
        The number of the entry by which *tenant* was last opened for somebody else; 0 if never.
        """
        state = await self.tenants.current(tenant)
        if state is None:
            return 0
        revision, number = self._known.get(tenant, (0, 0))
        if revision == state.revision:
            return number
        number, complete = await self._found(tenant, state.since)
        if complete:
            self._known[tenant] = state.revision, number
        return number

    async def _found(self, tenant: TenantId, since: datetime) -> tuple[int, bool]:
        """
        The number, and whether the trail has already what made the state that is *since* then.
        """
        await link_soon(self.audit, self.vault)
        before: int | None = None
        complete = False
        while page := await self.audit.entries(tenant=tenant, before=before, limit=MOST_CHANGES):
            # Or another process is still linking it.
            complete = complete or page[0].entry.at >= since
            for linked in page:
                if linked.entry.action is AuditAction.TENANT_REOPENED:
                    return linked.number, complete
            before = page[-1].number
        return 0, complete


@frozen(eq=False)
class ReadFeed:
    """
    The changes behind a cursor, in the one order that all readers see.
    """

    watch: FeedWatch
    beginnings: Beginnings

    async def __call__(
        self,
        since: str | None,
        *,
        caller: ApiKey,
        interest: Interest = EVERYTHING,
        limit: int = MOST_CHANGES,
    ) -> FeedPage:
        """
        The changes among at most *limit* entries behind *since*; `BEGIN` is before all of them.

        Without *since* there are none: whoever begins reads everything, and then goes on from the
        cursor. A bound caller sees the changes of its own tenant.

        Raises:
            ScopeMissingError, TenantForbiddenError: *caller* may not read that.
            FeedCompactedError: *since* is of another store, or of what a restored one had.
            MasterKeyMissingError, InvalidKeyRingError: There is no key ring to hide a cursor with.
        """
        interest = await self._permitted(interest, caller)
        newest = await self.watch.newest()
        if since is None:
            return FeedPage((), self.watch.vault.veil(newest))
        changes, end = await self.watch.read(await self._place(since), interest, limit)
        return FeedPage(changes, self.watch.vault.veil(end), newest.number > end.number)

    @asynccontextmanager
    async def following(
        self, since: str | None, *, caller: ApiKey, interest: Interest = EVERYTHING
    ) -> AsyncIterator[Follower]:
        """
        Somebody who waits for what changes behind *since*; without it, from now on.

        Raises:
            ScopeMissingError, TenantForbiddenError: *caller* may not read that.
            FeedCompactedError: *since* is of another store, or of what a restored one had.
            StoreUnavailableError, StoreUnusableError: The store does not work.
        """
        interest = await self._permitted(interest, caller)
        begin = None if since is None else await self._place(since)
        async with self.watch.listener(interest, caller.id) as listener:
            yield Follower(begin or listener.joined, interest, self.watch, listener)

    async def _permitted(self, interest: Interest, caller: ApiKey) -> Interest:
        caller.require(Scope.CONFIG_READ, interest.tenant)
        if caller.tenant is None:
            return interest
        behind = await self.beginnings.of(caller.tenant)
        return evolve(interest, tenant=caller.tenant, behind=behind)

    async def _place(self, cursor: str) -> TrailEnd:
        place = TrailEnd() if cursor == BEGIN else self.watch.vault.unveiled(cursor)
        if place is None:
            raise FeedCompactedError(self.watch.vault.veil(await self.watch.newest()))
        return place

    def release(self) -> None:
        """
        Let nobody wait any more: the process ends.
        """
        self.watch.release()
