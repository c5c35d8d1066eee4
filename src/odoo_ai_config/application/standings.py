"""
Whether anything of a tenant may be served.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from typing import Final, TypeAlias, TypeVar

from attrs import frozen

from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.tenant_store import TenantStore
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.channels.mapping import ChannelKey, MappingRevision
from odoo_ai_config.domain.channels.routing import IncomingMessage, Route, Rule
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import TenantArea, TenantId
from odoo_ai_config.domain.tenants import (
    CLOSED,
    ERASURE,
    AreaMovedError,
    Remembered,
    Standing,
    TenantState,
    place_in,
    refuse_closed,
    require_served,
)

T = TypeVar("T")

OnFailure: TypeAlias = Callable[[TenantId, BaseException], None]
"""
Called with each tenant for which something failed, and the error.
"""

# Neither the channel nor the account belongs to somebody.
_OF_NOBODY: Final = frozenset({Rule.FALLBACK, Rule.UNRESOLVED})


@frozen(eq=False)
class Standings:
    """
    Asks where tenants stand, before something of them is served.
    """

    tenants: TenantStore
    channels: ChannelDirectory

    async def require_served(self, tenant: TenantId) -> None:
        """
        Refuse to serve anything of *tenant* unless it is active.

        Raises:
            TenantSuspendedError, TenantErasedError, TenantRenamedError: It is not.
        """
        require_served(tenant, await self.tenants.remembered(tenant))

    async def place(self, area: TenantArea, *, exact: bool = False) -> TenantArea:
        """
        Where *area* is, if it has moved or its tenant is renamed; otherwise itself.

        By what this process remembers, unless it is to be *exact*.
        """
        read: Callable[[TenantId], Awaitable[TenantState | Remembered | None]]
        read = self.tenants.current if exact else self.tenants.remembered
        known = await read(area.tenant)
        while known is not None and known.successor is not None:
            area = TenantArea(known.successor, area.domain)
            known = await read(area.tenant)
        if known is None or not known.moves:
            return area
        return TenantArea(area.tenant, place_in(known.moves, area.domain))

    async def require_served_at(self, area: TenantArea) -> None:
        """
        Refuse to serve anything of *area* unless its tenant is active and the area is there.

        Raises:
            TenantSuspendedError, TenantErasedError, TenantRenamedError: The tenant is not active.
            AreaMovedError: It has moved.
        """
        await self.require_served(area.tenant)
        place = await self.place(area)
        if place != area:
            raise AreaMovedError(place)

    async def require_open(self, tenant: TenantId) -> None:
        """
        Refuse to plan a write to *tenant* if it is closed. Each commit asks by itself.

        Raises:
            TenantErasedError, TenantRenamedError: It is erased or renamed.
        """
        refuse_closed(tenant, await self.tenants.remembered(tenant))

    async def require_written_at(
        self, area: TenantArea, newest: Iterable[Revision | None]
    ) -> None:
        """
        Refuse to write into *area* if it has moved.

        Args:
            area: Where to write.
            newest: The newest revisions of its documents that the write follows on. A move
                deletes them: what this process remembers need not be exact if one is living.

        Raises:
            AreaMovedError: It has moved.
            TenantErasedError, TenantRenamedError: Its tenant is erased or renamed.
        """
        known: TenantState | Remembered | None = await self.tenants.remembered(area.tenant)
        if not any(one is not None and not one.deleted for one in newest):
            known = await self.tenants.current(area.tenant)
        refuse_gone(area, known)

    async def require_all_mapped(
        self, stored: Collection[MappingRevision], revisions: Collection[MappingRevision]
    ) -> None:
        """
        Refuse *revisions* of an operator that no commit would take.

        Those of a closed tenant, and those that give a channel to an area which has moved: by what
        this process remembers, as it is about very many areas.

        Args:
            stored: The mapping, or the part of it that *revisions* follow on.
            revisions: What is to be committed.

        Raises:
            AreaMovedError: It has moved.
            TenantErasedError, TenantRenamedError: Its tenant is erased or renamed.
        """
        unusual = await self.tenants.unusual()
        if not unusual:
            return

        def refuse() -> None:
            mappings = [one.mapping for one in revisions if one.mapping.owner.tenant in unusual]
            keys = {mapping.key for mapping in mappings}
            before = {
                one.mapping.key: one.mapping.owner for one in stored if one.mapping.key in keys
            }
            gained = {one.owner for one in mappings if before.get(one.key) != one.owner}
            for tenant in sorted({one.owner.tenant for one in mappings}):
                refuse_closed(tenant, unusual[tenant])
            for owner in sorted(gained):
                refuse_gone(owner, unusual[owner.tenant])

        await run_off_loop(refuse, cost=ENTRY * (len(stored) + len(revisions)))

    async def require_mapped_at(self, owner: TenantArea, current: MappingRevision | None) -> None:
        """
        Refuse to give *owner* a channel if it has moved, unless the channel is its *current* one.

        Raises:
            AreaMovedError: It has moved.
        """
        if current is None or current.mapping.owner != owner:
            await self.require_written_at(owner, ())

    async def require_caller_served(self, caller: ApiKey) -> None:
        """
        Refuse to serve anything to a key that is bound to a tenant which is not active.

        Raises:
            TenantSuspendedError, TenantErasedError: It is not.
        """
        if caller.tenant is not None:
            await self.require_served(caller.tenant)

    async def is_served(self, tenant: TenantId) -> bool:
        """
        Whether *tenant* is active.
        """
        return (await self.tenants.remembered(tenant)).standing is Standing.ACTIVE

    async def is_open(self, tenant: TenantId) -> bool:
        """
        Whether a commit takes something new of *tenant*.
        """
        state = await self.tenants.current(tenant)
        return state is None or not state.is_closed

    async def erased_owner(self, message: IncomingMessage, route: Route) -> TenantId | None:
        """
        The erased tenant that had the channel of *message*, which takes *route* now; mostly None.

        Nobody else gets its messages because it has left, unless the channel was given away or
        the account has one other owner.
        """
        if route.matched_by not in _OF_NOBODY:
            # Its channels may still be to give up.
            owner = None if route.owner is None else route.owner.tenant
            gone = owner is not None and (await self.tenants.remembered(owner)).standing in ERASURE
            return owner if gone else None
        if message.account is None:
            return None
        keys = [ChannelKey(message.account)]
        if message.inbox is not None:
            keys.append(ChannelKey(message.account, message.inbox))
        found = await self.channels.current(keys)
        for revision in found.values():
            owner = revision.mapping.owner.tenant
            if (await self.tenants.remembered(owner)).standing in CLOSED:
                return owner
        return None


async def heir_of(tenants: TenantStore, tenant: TenantId) -> tuple[TenantId, TenantState | None]:
    """
    Who has everything of *tenant* now, which may have been renamed several times, and its state.
    """
    state = await tenants.current(tenant)
    while state is not None and state.successor is not None:
        tenant = state.successor
        state = await tenants.current(tenant)
    return tenant, state


async def following(tenants: TenantStore) -> dict[TenantId, TenantId]:
    """
    The ids whose messages still follow a rename, and who has everything else of them now.
    """
    return {
        state.tenant: (await heir_of(tenants, state.tenant))[0]
        async for state in states_of(tenants, {Standing.RENAMING})
    }


async def states_of(
    tenants: TenantStore, standings: Collection[Standing]
) -> AsyncIterator[TenantState]:
    """
    All states of tenants with one of *standings*, by their ids.
    """
    after = None
    while page := await tenants.states(standings, after=after):
        for state in page:
            yield state
        after = page[-1].tenant


def raised(_tenant: TenantId, error: BaseException) -> None:
    """
    Raise *error*: a failure is one of the whole work.
    """
    raise error


async def for_each(
    tenants: TenantStore,
    standing: Standing,
    work: Callable[[TenantId], Awaitable[T]],
    on_failure: OnFailure,
) -> list[T]:
    """
    Do *work* for each tenant that is *standing*, also if it fails for others; return what it did.
    """
    done: list[T] = []
    async for state in states_of(tenants, {standing}):
        (outcome,) = await asyncio.gather(work(state.tenant), return_exceptions=True)
        if isinstance(outcome, BaseException):
            on_failure(state.tenant, outcome)
        else:
            done.append(outcome)
    return done


def refuse_gone(area: TenantArea, known: TenantState | Remembered | None) -> None:
    """
    Refuse *area* if its tenant is closed, or if it has moved.

    Raises:
        TenantErasedError, TenantRenamedError, AreaMovedError: That is so.
    """
    refuse_closed(area.tenant, known)
    place = area.domain if known is None else place_in(known.moves, area.domain)
    if place != area.domain:
        raise AreaMovedError(TenantArea(area.tenant, place))
