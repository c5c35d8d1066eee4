"""
Where tenants stand, in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from typing import TypeVar

from attrs import evolve

from odoo_ai_config.adapters.memory.state import MemoryAdapter
from odoo_ai_config.application.ports.tenant_store import TenantStore
from odoo_ai_config.domain.channels.mapping import SpecialNumber
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import TEXT_PURPOSES
from odoo_ai_config.domain.tenants import (
    Remembered,
    Standing,
    TenantContents,
    TenantState,
    TenantVersion,
)

K = TypeVar("K")
V = TypeVar("V")


class MemoryTenantStore(MemoryAdapter, TenantStore):
    """
    Removes everything in one step.
    """

    async def current(self, tenant: TenantId) -> TenantState | None:
        return self.state.tenant_states.get(tenant)

    async def remembered(self, tenant: TenantId) -> Remembered:
        return (await self.unusual()).get(tenant, Remembered())

    async def unusual(self) -> Mapping[TenantId, Remembered]:
        known = {
            tenant: Remembered(state.standing, state.moves, state.successor)
            for tenant, state in self.state.tenant_states.items()
        }
        return {tenant: one for tenant, one in known.items() if one != Remembered()}

    async def states(
        self, standings: Collection[Standing], *, after: TenantId | None = None, limit: int = 100
    ) -> Sequence[TenantState]:
        found = sorted(self.state.tenant_states.items())
        return [
            state
            for tenant, state in found
            if state.standing in standings and (after is None or tenant > after)
        ][:limit]

    async def contents(self, tenant: TenantId) -> TenantContents:
        state = self.state
        histories = [one for key, one in state.histories.items() if key.tenant == tenant]
        collections = [one for key, one in state.collections.items() if key.tenant == tenant]
        return TenantContents(
            documents=len(histories),
            revisions=sum(map(len, histories)),
            credentials=sum(
                context.tenant == tenant and context.purpose not in TEXT_PURPOSES
                for context, _ in state.secrets
            ),
            channels=sum(one.mapping.owner.tenant == tenant for one in state.mappings.values()),
            collections=len(collections),
            items=sum(len(kept.states) for kept in collections),
            messages=sum(one.holder.tenant == tenant for one in state.messages.values()),
            conversations=sum(one.tenant == tenant for one in state.conversations.values()),
            requests=sum(
                one.outcome.owner.tenant == tenant for one in state.idempotency_records.values()
            ),
            api_keys=sum(one.tenant == tenant for one in state.api_keys.values()),
            addresses=sum(one.feed.owner.tenant == tenant for one in state.addresses.values()),
        )

    async def version(self, tenant: TenantId) -> TenantVersion:
        return self.state.version_of(tenant)

    async def remove_some(self, tenant: TenantId) -> bool:
        state = self.state
        removed = (
            _remove(state.histories, lambda key, _: key.tenant == tenant),
            _remove(state.secrets, lambda place, _: place[0].tenant == tenant),
            _remove(state.collections, lambda key, _: key.tenant == tenant),
            _remove(state.messages, lambda _, one: one.holder.tenant == tenant),
            _remove(state.conversations, lambda _, one: one.tenant == tenant),
            _remove(state.idempotency_records, lambda _, one: one.outcome.owner.tenant == tenant),
            _remove(state.api_keys, lambda _, one: one.tenant == tenant),
            _remove(state.addresses, lambda _, one: one.feed.owner.tenant == tenant),
            self._forget_numbers(tenant, lambda _: True),
        )
        return any(removed)

    async def forget_number(self, tenant: TenantId, number: str) -> None:
        self._forget_numbers(tenant, lambda special: special.number.comparable == number)

    async def scrub(self, *, large: bool) -> bool:  # noqa: ARG002 - there are no files
        self._state.require_presence()
        return True

    def _forget_numbers(self, tenant: TenantId, is_gone: Callable[[SpecialNumber], bool]) -> bool:
        forgot = False
        for history in self.state.mapping_histories.values():
            for place, revision in enumerate(history):
                mapping = revision.mapping
                if mapping.owner.tenant == tenant and any(map(is_gone, mapping.numbers)):
                    left = tuple(one for one in mapping.numbers if not is_gone(one))
                    history[place] = evolve(revision, mapping=evolve(mapping, numbers=left))
                    forgot = True
        return forgot


def _remove(kept: MutableMapping[K, V], is_gone: Callable[[K, V], bool]) -> bool:
    gone = [key for key, value in kept.items() if is_gone(key, value)]
    for key in gone:
        del kept[key]
    return bool(gone)
