from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.channels.mapping import ChannelMapping, MappingRevision
from odoo_ai_config.domain.channels.routing import IncomingMessage, Route, RoutingTable
from odoo_ai_config.domain.errors import DomainError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.tenants import Standing, Wish
from tests.contract.samples import AT
from tests.property.channels.test_routing import asked, latest
from tests.strategies import routings
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to

Routing = tuple[list[ChannelMapping], list[IncomingMessage]]


def hub_with(mappings: list[ChannelMapping], standings: dict[TenantId, Standing]) -> MemoryHub:
    hub = MemoryHub()
    for mapping in latest(mappings):
        hub.state.mapping_histories[mapping.key] = [MappingRevision(mapping, 3, AT, AT, "me")]
        hub.state.routing.put(mapping, 3)
    for tenant, standing in standings.items():
        hub.state.tenant_states[tenant] = Wish(tenant, "me", AT).granted(None, standing)
    return hub


async def answers(
    hub: MemoryHub, message: IncomingMessage, caller: ApiKey, *, explain: bool
) -> tuple[Route | None, Route | DomainError]:
    """
    What a reader decides by itself, and what the hub says.
    """
    limits, revisions = await hub.read_known_routes(caller=caller)
    own = limits.resolve(RoutingTable.of(revisions), message, explain=explain)
    try:
        return own, await hub.resolve_route(message, caller=caller, explain=explain)
    except DomainError as error:
        return own, error


@given(
    routing=routings(),
    standings=st.dictionaries(
        st.sampled_from([TenantId(name) for name in ("a", "b", "c")]),
        st.sampled_from([Standing.SUSPENDED, Standing.ERASED]),
    ),
    explain=st.booleans(),
)
def test_reader_decides_as_the_hub_does_or_asks_it(
    routing: Routing, standings: dict[TenantId, Standing], explain: bool
) -> None:
    mappings, _ = routing
    hub = hub_with(mappings, standings)
    owners = {mapping.owner.tenant for mapping in mappings} - standings.keys()
    callers = [ANYBODY, *(bound_to(owner.value) for owner in sorted(owners))]

    async def compare() -> None:
        for caller in callers:
            for message in asked(routing):
                own, told = await answers(hub, message, caller, explain=explain)
                assert own is None or own == told
                if caller is ANYBODY and not standings:
                    assert own is not None

    asyncio.run(compare())
