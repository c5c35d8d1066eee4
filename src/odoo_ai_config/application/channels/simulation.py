"""
Preview what an event about a Chatwoot channel would change.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve, frozen

from odoo_ai_config.application.channels.mapping import EventDecision, decided_in, told
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.channels.mapping import (
    MAPPING_REFUSALS,
    ChannelEnd,
    ChannelMapping,
    MappingDecision,
)
from odoo_ai_config.domain.channels.routing import IncomingMessage, Route
from odoo_ai_config.domain.channels.simulation import (
    MOST_ACCOUNTS,
    MOST_EFFECTS,
    MOST_TENANTS,
    UNCLAIMED,
    Probes,
    Rerouting,
    probes_of,
    reroutings,
    telling,
)
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId
from odoo_ai_config.domain.outcomes import Notice


@frozen
class SeenRerouting:
    """
    Where a message goes now and would go then; None for a route that the caller may not see.
    """

    message: IncomingMessage
    before: Route | None
    after: Route | None
    differs: bool


@frozen
class Simulation:
    """
    What an event would do.

    Args:
        version: The version that the channel's mapping would have; 0 for no mapping.
        changed: Whether there would be a new one.
        refusal: The code of the error that the event would meet.
        loser: The tenant that would lose the channel.
        effects: What would be routed differently.
        truncated: There are more effects.
        messages: Where each of the given messages goes now and would go then.
    """

    mapping: ChannelMapping
    version: int
    changed: bool
    refusal: str | None = None
    loser: TenantId | None = None
    notices: tuple[Notice, ...] = ()
    effects: tuple[SeenRerouting, ...] = ()
    truncated: bool = False
    messages: tuple[SeenRerouting, ...] = ()


@frozen(eq=False)
class SimulateMapping:
    """
    Decide as `SyncMapping` does, and compare routes instead of committing.

    The cost grows with the number of the owners' own mappings, up to a limit.
    """

    store: ConfigStore
    channels: ChannelDirectory
    clock: Clock

    async def __call__(
        self,
        said: ChannelMapping | ChannelEnd,
        *,
        caller: ApiKey,
        messages: Sequence[IncomingMessage] = (),
        event_at: datetime | None = None,
    ) -> Simulation:
        """
        What the event of *event_at* would do, and where *messages* would go.

        A caller that is bound to a tenant sees that tenant's part of it.
        """
        caller.require(Scope.CONFIG_READ, said.owner.tenant)
        refusal = None
        try:
            event = await decided_in(
                self.store,
                self.channels,
                said,
                caller=caller,
                at=self.clock.now(),
                event_at=event_at,
            )
        except MAPPING_REFUSALS as error:
            refusal = error.code
            known = await self.channels.current((said.key,))
            event = EventDecision(MappingDecision(None), known.get(said.key))
        current, decision = event.current, event.decision
        mapping = told(said, None if current is None else current.mapping)
        newest = decision.revision or current
        # Nothing would be written, so nothing would change.
        supposed = mapping if newest is None else newest.mapping
        probes = Probes((), complete=True)
        if event.revisions:
            # Where the channel is not mapped, its twin decides until now.
            twin = None if event.twin is None else evolve(event.twin.mapping, active=True)
            here = None if current is None else current.mapping
            probes = await self._probes(
                here if here is not None and here.active else twin or here,
                mapping,
                bound=caller.tenant is not None,
            )
            if twin is not None:
                elsewhere = await self._anywhere(twin.key.inbox, bound=caller.tenant is not None)
                probes = probes.together(elsewhere)
        everything = (*probes.messages, *messages)
        table = await self.channels.table_for(*everything, supposing=supposed)
        then = (supposed, *(() if event.twin is None else (event.twin.mapping,)))
        found = reroutings(table, then, everything)
        tried, asked = found[: len(probes.messages)], found[len(probes.messages) :]
        seen = (_seen(rerouting, caller.tenant) for rerouting in telling(tried))
        effects = tuple(effect for effect in seen if _concerns(effect, caller.tenant))
        return Simulation(
            mapping,
            0 if newest is None else newest.version,
            changed=bool(event.revisions),
            refusal=refusal,
            loser=decision.loser,
            notices=event.notices,
            effects=effects[:MOST_EFFECTS],
            truncated=len(effects) > MOST_EFFECTS or not probes.complete,
            messages=tuple(_seen(rerouting, caller.tenant) for rerouting in asked),
        )

    async def _probes(
        self, before: ChannelMapping | None, after: ChannelMapping, *, bound: bool
    ) -> Probes:
        owners = {state.owner.tenant for state in (before, after) if state is not None}
        present: Sequence[TenantId] = ()
        others: set[TenantId] = set()
        # A bound caller must not see the numbers of others, and cannot take their messages away.
        if not bound:
            if after.key.account is not None:
                present = await self.channels.tenants_in(after.key.account, limit=MOST_TENANTS + 1)
                others |= {*present}
            # The common fallback may go to another tenant, and with it the crews by number.
            table = await self.channels.table_for(UNCLAIMED, supposing=after)
            (common,) = reroutings(table, [after], [UNCLAIMED])
            fallbacks = (common.before.owner, common.after.owner)
            others |= {owner.tenant for owner in fallbacks if owner is not None}
        revisions = await self.channels.mappings_of(owners | others)
        active = [revision.mapping for revision in revisions if revision.mapping.active]
        probes = probes_of(
            before,
            after,
            [mapping for mapping in active if mapping.owner.tenant in owners],
            [mapping for mapping in active if mapping.owner.tenant not in owners],
        )
        return evolve(probes, complete=probes.complete and len(present) <= MOST_TENANTS)

    async def _anywhere(self, inbox: ChatwootId | None, *, bound: bool) -> Probes:
        # The inbox in each account. A bound caller must not see the accounts of others.
        accounts: Sequence[ChatwootId] = ()
        if not bound:
            accounts = await self.channels.accounts(limit=MOST_ACCOUNTS + 1)
        some: Sequence[ChatwootId | None] = (None, *accounts[:MOST_ACCOUNTS])
        messages = tuple(IncomingMessage(account, inbox) for account in some)
        return Probes(messages, complete=len(accounts) <= MOST_ACCOUNTS)


def _seen(rerouting: Rerouting, bound_to: TenantId | None) -> SeenRerouting:
    return SeenRerouting(
        rerouting.message,
        _visible(rerouting.before, bound_to),
        _visible(rerouting.after, bound_to),
        rerouting.differs,
    )


def _visible(route: Route, bound_to: TenantId | None) -> Route | None:
    strange = route.owner is not None and bound_to not in {None, route.owner.tenant}
    return None if strange else route


def _concerns(effect: SeenRerouting, bound_to: TenantId | None) -> bool:
    owners = {
        route.owner.tenant
        for route in (effect.before, effect.after)
        if route is not None and route.owner is not None
    }
    return bound_to is None or bound_to in owners
