"""
What was read last: in memory and on disk, with the hub as the only one who says what is right.

A read is answered from memory while nothing says that it changed. Otherwise the hub is asked, and
while it is away the last good answer counts. A read never goes back to an older version than it
had before, unless the hub says that its store is another one now.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar, cast

from attrs import define, field, frozen

from odoo_ai_config.client.disk import Disk, Kept
from odoo_ai_config.client.transport import NO_ANSWER, Answer, OutageError, Transport
from odoo_ai_config.domain.errors import CodedError, InvalidApiKeyError
from odoo_ai_config.domain.identifiers import TenantId

T = TypeVar("T")

# Versions and marks are small: they are remembered longer than what was read.
_MOST_REMEMBERED: Final = 20_000
# How long what has an answer that cannot be used is not asked for again: at first, and at most.
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0


@frozen(eq=False)
class Resource(Generic[T]):
    """
    Something that can be read.

    Args:
        path: Where, with its query.
        subject: What a change names that makes it stale.
        understand: Reads the body: what it says, and its version; 0 if it has none. What it
            raises means that the body is not an answer to this question.
        tenant: Whose it is; errors name it.
        secret: It is on disk only if it is sealed there.
        is_told: Whether the feed tells the reader of every change of what was read.
    """

    path: str
    subject: Hashable
    understand: Callable[[bytes], tuple[T, int]]
    tenant: TenantId | None = None
    secret: bool = False
    is_told: Callable[[T], bool] = lambda _: True


@define(eq=False)
class _Entry:
    value: Any
    version: int
    tag: str | None
    size: int
    tenant: TenantId | None
    is_told: bool
    # When it was asked for: by `Cache._clock`, and in seconds of the monotonic clock.
    asked: int
    checked: float
    # When an answer was asked for that could not be used, and before when it is not asked again.
    failed: int = 0
    next_try: float = 0.0
    pause: float = _FIRST_PAUSE


@frozen
class _Floor:
    """
    The newest version that was served, and whose.
    """

    version: int
    tenant: TenantId | None


@define(eq=False)
class _Flight:
    asked: int
    since: float
    task: asyncio.Task[Any] = field(init=False)


class Cache:
    """
    The reads of one hub.

    Args:
        patience: The seconds that a read with a last good answer waits for the hub.
        refresh: The seconds for which an answer counts while no feed is followed.
        most_entries: How many answers are kept.
        most_bytes: How large their bodies are together.
    """

    def __init__(
        self,
        transport: Transport,
        disk: Disk | None,
        *,
        patience: float,
        refresh: float,
        most_entries: int,
        most_bytes: int,
    ) -> None:
        self._transport = transport
        self._disk = disk
        self._patience = patience
        self._refresh = refresh
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._size = 0
        self._flights: dict[str, _Flight] = {}
        # Counts requests and changes: an answer is fresh if nothing changed after its request.
        self._clock = 0
        self._changed: OrderedDict[Hashable, int] = OrderedDict()
        self._all_changed = 0
        # Before this, tags prove nothing: the feed was cut, or the store is another one.
        self._unproven = 0
        self._served: OrderedDict[str, _Floor] = OrderedDict()
        # What was asked for before says nothing of the versions of this store.
        self._versions_began = 0
        # What was asked for before is of a tenant that is another one now, or of no one, or was
        # refused since; by tenant or path.
        self._ended: OrderedDict[TenantId | str | None, int] = OrderedDict()
        self._all_ended = 0
        self._any_ended = 0
        # What is removed is not written back by an answer of before.
        self._disk_order = asyncio.Lock()
        self._writes: set[asyncio.Task[None]] = set()
        self.following = False
        # Called before each request.
        self.on_request: Callable[[], None] = lambda: None
        # Waits until the feed tells what happens from now on, or cannot.
        self.told_from_now_on: Callable[[], Awaitable[None]] | None = None
        self._opened_at = time.time()
        # When the newest of what was read from disk was answered.
        self._kept_at: float | None = None

    @property
    def stale_since(self) -> datetime | None:
        """
        The last time at which the hub answered, while it does not; None while it does.

        If it never has, that is when the client was opened.
        """
        if not self._transport.away:
            return None
        contact = self._transport.last_contact or self._kept_at or self._opened_at
        return datetime.fromtimestamp(contact, UTC)

    async def close(self) -> None:
        """
        End all requests. What was read is on disk then.
        """
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.settled()

    async def settled(self) -> None:
        """
        Wait until what was read is on disk.
        """
        while self._writes:
            await asyncio.gather(*self._writes, return_exceptions=True)

    def now(self) -> int:
        """
        A moment; what is asked for after it is younger.
        """
        self._clock += 1
        return self._clock

    def note_change(self, subjects: Iterable[Hashable]) -> None:
        """
        What has one of *subjects* is asked for again before it counts.
        """
        moment = self.now()
        for subject in subjects:
            self._changed[subject] = moment
            self._changed.move_to_end(subject)
        while len(self._changed) > _MOST_REMEMBERED:
            self._changed.popitem(last=False)
            self._all_changed = moment

    def distrust(self) -> None:
        """
        All is asked for again, without a condition.
        """
        self._all_changed = self._unproven = self.now()

    def forget_versions(self) -> None:
        """
        Versions begin anew: nobody knows whether the store is still the same.
        """
        self._versions_began = self.now()
        self._served.clear()
        for entry in self._entries.values():
            entry.version = 0

    def end_tenants(self, tenants: Collection[TenantId]) -> None:
        """
        Keep nothing of *tenants* in memory: the hub no longer serves them, or they are others now.
        """
        self._any_ended = moment = self.now()
        for tenant in tenants:
            self._note_end(tenant, moment)
        for path in [path for path, entry in self._entries.items() if entry.tenant in tenants]:
            self._drop(path)
        for path in [path for path, floor in self._served.items() if floor.tenant in tenants]:
            del self._served[path]

    def _note_end(self, of: TenantId | str, moment: int) -> None:
        self._ended[of] = moment
        self._ended.move_to_end(of)
        if len(self._ended) > _MOST_REMEMBERED:
            _, forgotten = self._ended.popitem(last=False)
            self._all_ended = max(self._all_ended, forgotten)

    async def remove_tenants(self, tenants: Collection[TenantId]) -> None:
        """
        Keep nothing of *tenants* on disk, nor what may name them.
        """
        if self._disk is not None:
            async with self._disk_order:
                await self._disk.remove_of({"", *(tenant.value for tenant in tenants)})

    async def end_all(self) -> None:
        """
        Keep nothing at all: the key is no longer one of the hub.
        """
        self._all_ended = self._all_changed = self._unproven = self.now()
        self.forget_versions()
        for path in list(self._entries):
            self._drop(path)
        await self.remove_files()

    async def remove_files(self) -> None:
        """
        Keep nothing on disk.
        """
        if self._disk is not None:
            async with self._disk_order:
                await self._disk.clear()

    async def kept_cursor(self) -> str | None:
        """
        Where the feed was when it was last followed, if that is on disk.
        """
        return None if self._disk is None else await self._disk.cursor()

    async def keep_cursor(self, cursor: str) -> None:
        """
        Remember where the feed is, for the next start.
        """
        if self._disk is not None:
            async with self._disk_order:
                await self._disk.keep_cursor(cursor)

    def peek(self, resource: Resource[T]) -> T | None:
        """
        What `get` would answer from memory without asking; None if it would ask.
        """
        entry = self._entries.get(resource.path)
        if entry is None or entry.asked <= self._last_change(resource):
            return None
        told = self.following and entry.is_told
        if not told and time.monotonic() - entry.checked >= self._refresh:
            return None
        self._entries.move_to_end(resource.path)
        return cast("T", entry.value)

    async def get(self, resource: Resource[T]) -> T:
        """
        What *resource* says now, or said last if the hub is away.

        Raises:
            CodedError: The hub refuses it; or it is away, and nothing is kept.
        """
        known = self.peek(resource)
        if known is not None:
            return known
        path, changed, ended = resource.path, self._last_change(resource), self._end_of(resource)
        entry = self._entries.get(path)
        if entry is None and self._disk is not None:
            entry = await self._from_disk(self._disk, resource)
        flight = self._flights.get(path)
        if flight is None or flight.asked <= changed:
            if entry is not None and self._is_resting(entry, changed):
                return cast("T", self._last_good(path, entry))
            flight = self._take_off(resource)
        if entry is None:
            try:
                return cast("T", await asyncio.shield(flight.task))
            except OutageError as outage:
                raise outage.told from outage
        try:
            return cast("T", await self._landed(flight))
        except OutageError:
            if self._end_of(resource) != ended:
                # What was found at first is of nobody any more.
                return await self.get(resource)
            return cast("T", self._last_good(path, self._entries.get(path, entry)))

    async def _landed(self, flight: _Flight) -> Any:  # noqa: ANN401 - of any resource
        left = flight.since + self._patience - time.monotonic()
        await asyncio.wait((flight.task,), timeout=max(left, 0.0))
        if flight.task.done():
            return await asyncio.shield(flight.task)
        late = OutageError()
        if not self._transport.has_answered_since(flight.since):
            self._transport.missed(late)
        raise late

    def _is_resting(self, entry: _Entry, changed: int) -> bool:
        unusable = entry.failed > changed and time.monotonic() < entry.next_try
        return unusable or self._transport.is_resting

    def _last_change(self, resource: Resource[Any]) -> int:
        return max(self._all_changed, self._changed.get(resource.subject, 0))

    def _end_of(self, resource: Resource[Any]) -> int:
        ended = self._ended.get(resource.tenant, 0), self._ended.get(resource.path, 0)
        return max(self._all_ended, *ended)

    def _may_be_on_disk_since(self, resource: Resource[Any]) -> int:
        # What is of no tenant may name any of them.
        named = self._any_ended if resource.tenant is None else 0
        # The feed tells a later start nothing of what came before its beginning or a restore.
        return max(self._end_of(resource), self._versions_began, named)

    def _last_good(self, path: str, entry: _Entry) -> Any:  # noqa: ANN401 - of any resource
        self._remember(path, entry)
        return entry.value

    def _take_off(self, resource: Resource[Any]) -> _Flight:
        self.on_request()
        flight = _Flight(self.now(), time.monotonic())
        flight.task = task = asyncio.create_task(self._fetched(resource, flight))
        self._flights[resource.path] = flight

        def land(_task: asyncio.Task[Any]) -> None:
            if self._flights.get(resource.path) is flight:
                del self._flights[resource.path]
            # Perhaps nobody waits for it any more.
            if not task.cancelled():
                task.exception()

        task.add_done_callback(land)
        return flight

    async def _fetched(self, resource: Resource[T], flight: _Flight) -> T:
        if self._disk is not None and self.told_from_now_on is not None:
            # Otherwise nobody would tell a later start what became of it meanwhile.
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await self.told_from_now_on()
            flight.asked = self.now()
        asked = flight.asked
        entry = self._entries.get(resource.path)
        try:
            found, answer = await self._asked_for(resource, asked, entry)
        except InvalidApiKeyError:
            await self.end_all()
            raise
        except CodedError:
            await self._forget(resource.path, asked)
            raise
        except OutageError as outage:
            if entry is not None and not outage.of_hub:
                entry.failed, entry.next_try = asked, time.monotonic() + entry.pause
                entry.pause = min(2 * entry.pause, _LONGEST_PAUSE)
            raise
        if found is not None:
            value, version = found
            if asked <= self._versions_began:
                version = 0
            size, told = len(answer.body or b""), resource.is_told(value)
            tenant = resource.tenant
            entry = _Entry(value, version, answer.tag, size, tenant, told, asked, 0.0)
        if entry is None:
            # Nothing is unchanged: there was no tag to ask with.
            raise OutageError
        # Otherwise whoever asked is answered, and nothing of it is kept.
        if asked > self._end_of(resource):
            entry.asked, entry.checked = max(entry.asked, asked), time.monotonic()
            entry.pause = _FIRST_PAUSE
            self._put(resource.path, entry)
            await self._written(resource, entry, answer, asked)
        return cast("T", entry.value)

    async def _asked_for(
        self, resource: Resource[T], asked: int, entry: _Entry | None
    ) -> tuple[tuple[T, int] | None, Answer]:
        path = resource.path

        def understood(body: bytes) -> tuple[T, int]:
            value, version = resource.understand(body)
            floor = self._served.get(path)
            if floor is not None and 0 < version < floor.version:
                newer = self._entries.get(path)
                if newer is None or newer.asked < asked:
                    raise ValueError("older than what was served")
                # Another request came after this one, and was answered before it.
                return cast("T", newer.value), newer.version
            return value, version

        # What is not on disk is asked for with its body.
        proven = max(self._unproven, self._may_be_on_disk_since(resource))
        tag = entry.tag if entry is not None and entry.asked > proven else None
        return await self._transport.read(
            path, understood, tag=tag, tenant=resource.tenant, insist=entry is None
        )

    async def _written(
        self, resource: Resource[Any], entry: _Entry, answer: Answer, asked: int
    ) -> None:
        if self._disk is None or answer.body is None:
            return
        of = "" if resource.tenant is None else resource.tenant.value
        kept = Kept(resource.path, of, time.time(), answer.body)

        async def write(disk: Disk) -> None:
            async with self._disk_order:
                # Also what has changed since: it was served, and a start while the hub is away
                # has nothing newer. But an answer that another one has overtaken was not.
                newest = self._entries.get(resource.path) is entry
                fresh = asked > self._last_change(resource)
                if asked > self._may_be_on_disk_since(resource) and (newest or fresh):
                    await disk.write(kept, secret=resource.secret)

        # Others may have read it from memory: it is written even if this request is ended.
        task = asyncio.create_task(write(self._disk))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        await asyncio.shield(task)

    def _put(self, path: str, entry: _Entry) -> None:
        present = self._entries.get(path)
        if present is not None and present.asked > entry.asked:
            # It was asked for later, and has come sooner.
            return
        self._remember(path, entry)
        self._keep(path, entry)

    def _keep(self, path: str, entry: _Entry) -> None:
        self._drop(path)
        self._entries[path] = entry
        self._size += entry.size
        while len(self._entries) > self._most_entries or (
            self._size > self._most_bytes and len(self._entries) > 1
        ):
            self._drop(next(iter(self._entries)))

    def _drop(self, path: str) -> None:
        entry = self._entries.pop(path, None)
        self._size -= 0 if entry is None else entry.size

    def _remember(self, path: str, entry: _Entry) -> None:
        if entry.version:
            floor = self._served.pop(path, None)
            version = entry.version if floor is None else max(entry.version, floor.version)
            self._served[path] = _Floor(version, entry.tenant)
            if len(self._served) > _MOST_REMEMBERED:
                self._served.popitem(last=False)

    async def _forget(self, path: str, asked: int) -> None:
        entry = self._entries.get(path)
        if entry is None or entry.asked < asked:
            # An answer that was asked for before and comes later is not kept, either.
            self._note_end(path, asked)
            self._drop(path)
            self._served.pop(path, None)
            if self._disk is not None:
                async with self._disk_order:
                    await self._disk.remove(path)

    async def _from_disk(self, disk: Disk, resource: Resource[Any]) -> _Entry | None:
        began, ended = self._versions_began, self._end_of(resource)
        kept = await disk.read(resource.path, secret=resource.secret)
        changed = self._versions_began != began or self._end_of(resource) != ended
        if kept is None or changed or resource.path in self._entries:
            return self._entries.get(resource.path)
        try:
            value, version = resource.understand(kept.body)
        except NO_ANSWER:
            # Of another version of this program, for instance.
            return None
        floor = self._served.get(resource.path)
        if floor is not None and version < floor.version:
            return None
        self._kept_at = max(kept.at, self._kept_at or 0.0)
        size, tenant = len(kept.body), resource.tenant
        entry = _Entry(value, version, None, size, tenant, is_told=False, asked=0, checked=0.0)
        self._keep(resource.path, entry)
        return entry
