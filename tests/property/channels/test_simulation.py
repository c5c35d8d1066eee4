from __future__ import annotations

from attrs import evolve
from hypothesis import given

from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.channels.phone import comparable, sender_of
from odoo_ai_config.domain.channels.routing import IncomingMessage, Route, RoutingTable
from odoo_ai_config.domain.channels.simulation import (
    UNCLAIMED,
    Rerouting,
    probes_of,
    reroutings,
    telling,
)
from odoo_ai_config.domain.identifiers import ChatwootId
from tests.property.channels.test_routing import Routing, asked, latest
from tests.strategies import routings

SOME_ROUTINGS = routings(min_mappings=1)


def changed(routing: Routing) -> tuple[list[ChannelMapping], ChannelMapping]:
    """
    Some mappings, and another one that may replace one of them.
    """
    *mappings, last = routing[0]
    if last.key.account is None:
        # Odoo's events name the account.
        last = evolve(last, key=ChannelKey(ChatwootId("1"), last.key.inbox))
    return latest(mappings), last


def spoken(message: IncomingMessage) -> str | None:
    sender = sender_of(message.number)
    return None if sender is None else comparable(sender)


def stands_for(general: IncomingMessage, message: IncomingMessage) -> bool:
    return (
        general.account in {None, message.account}
        and general.inbox in {None, message.inbox}
        and spoken(general) in {None, spoken(message)}
    )


def whither(route: Route) -> tuple[object, ...]:
    return route.owner, route.matched_by


@given(SOME_ROUTINGS)
def test_supposed_table_routes_as_one_that_was_changed(routing: Routing) -> None:
    mappings, new = changed(routing)
    table, rebuilt = RoutingTable(mappings), RoutingTable([*mappings, new])
    unmapped = [IncomingMessage(None, None, message.number) for message in asked(routing)]

    with table.supposing(new):
        for message in (*asked(routing), *unmapped):
            assert table.explain(message) == rebuilt.explain(message)
        assert vars(table) == vars(rebuilt)

    assert vars(table) == vars(RoutingTable(mappings))


@given(SOME_ROUTINGS)
def test_preview_shows_every_message_that_would_be_rerouted(routing: Routing) -> None:
    mappings, new = changed(routing)
    table, rebuilt = RoutingTable(mappings), RoutingTable([*mappings, new])
    old = next((mapping for mapping in mappings if mapping.key == new.key), None)
    tenants = {state.owner.tenant for state in (old, new) if state is not None}
    neighbours = [mapping for mapping in table if mapping.owner.tenant in tenants]
    present = {mapping.owner.tenant for mapping in table if mapping.key.account == new.key.account}
    common = [one.resolve(UNCLAIMED).owner for one in (table, rebuilt)]
    present |= {owner.tenant for owner in common if owner is not None}
    others = [m for m in table if m.owner.tenant in present - tenants]
    states = [new] if new.active else []
    held = {s.number.comparable for m in (*neighbours, *others, *states) for s in m.numbers}

    told = telling(reroutings(table, [new], probes_of(old, new, neighbours, others).messages))

    for message in asked(routing):
        before, after = table.resolve(message), rebuilt.resolve(message)
        if before != after:
            assert any(explains(one, message, before, after, held) for one in told), message
    assert all(one.differs for one in told)


def explains(
    told: Rerouting, message: IncomingMessage, before: Route, after: Route, held: set[str]
) -> bool:
    if not stands_for(told.message, message):
        return False
    if spoken(message) is None or spoken(message) in held:
        return (told.before, told.after) == (before, after)
    # The preview does not show the crews of the numbers of others.
    return (whither(told.before), whither(told.after)) == (whither(before), whither(after))
