from __future__ import annotations

import re
from collections.abc import Iterable
from random import Random

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.channels.mapping import ChannelMapping
from odoo_ai_config.domain.channels.routing import (
    IncomingMessage,
    Route,
    RoutingTable,
    Rule,
    Verdict,
)
from odoo_ai_config.domain.identifiers import ChatwootId
from tests.strategies import routings

Routing = tuple[list[ChannelMapping], list[IncomingMessage]]


def latest(mappings: Iterable[ChannelMapping]) -> list[ChannelMapping]:
    return list({mapping.key: mapping for mapping in mappings}.values())


def every_message(numbers: Iterable[str | None]) -> list[IncomingMessage]:
    """
    Messages of every account and inbox in the mappings, and of one that is not there.
    """
    one, two, nowhere = (ChatwootId(name) for name in ("1", "2", "404"))
    return [
        IncomingMessage(account, inbox, number)
        for account in (one, two, nowhere)
        for inbox in (None, one, nowhere)
        for number in numbers
    ]


def asked(routing: Routing) -> list[IncomingMessage]:
    mappings, messages = routing
    spoken = {message.number for message in messages}
    special = {special.number.digits for m in mappings for special in m.numbers}
    return [*messages, *every_message({None, *spoken, *special})]


# The rules again, written from their description: they scan all mappings.


def said_number(text: str | None) -> str | None:
    around = r"^(?:whatsapp:|tel:|TEL:)|(?:@s\.whatsapp\.net|@c\.us)$|[+\s]"
    bare = re.sub(around, "", text or "")
    if re.fullmatch(r"BR\.[0-9]+|[0-9]{5,}@lid", bare):
        return bare
    return bare if re.fullmatch(r"[0-9]{8,15}", bare) else None


def same_number(one: str, other: str) -> bool:
    def spellings(digits: str) -> set[str]:
        if re.fullmatch(r"55[1-9][0-9]9[6-9][0-9]{7}", digits):
            return {digits, digits[:4] + digits[5:]}
        if re.fullmatch(r"55[1-9][0-9][6-9][0-9]{7}", digits):
            return {digits, digits[:4] + "9" + digits[4:]}
        return {digits}

    return bool(spellings(one) & spellings(other))


def scanned(mappings: list[ChannelMapping], message: IncomingMessage) -> Route:
    active = [mapping for mapping in latest(mappings) if mapping.active]
    channels = [mapping for mapping in active if mapping.key.holder is None]
    number = said_number(message.number)
    special = [
        (mapping, entry.crew)
        for mapping in active
        for entry in mapping.numbers
        if number is not None and same_number(entry.number.digits, number)
    ]

    def crew_at(winner: ChannelMapping, *, channel: bool) -> str | None:
        own = [crew for mapping, crew in special if channel and mapping.key == winner.key]
        if own:
            return own[0]
        tenants = [pair for pair in special if pair[0].owner.tenant == winner.owner.tenant]
        areas = [pair for pair in tenants if pair[0].owner == winner.owner]
        ranked = sorted(
            areas or tenants,
            key=lambda pair: (pair[0].owner, pair[0].sequence, str(pair[0].key)),
        )
        return ranked[0][1] if ranked else None

    inboxes = [m for m in channels if message.inbox is not None and m.key.inbox == message.inbox]
    for winners, rule in (
        ([m for m in inboxes if m.key.account == message.account], Rule.INBOX),
        ([m for m in inboxes if m.key.account is None], Rule.INBOX),
        (
            [m for m in channels if m.key.account == message.account and m.key.inbox is None],
            Rule.ACCOUNT,
        ),
    ):
        if winners:
            return Route(winners[0].owner, crew_at(winners[0], channel=True), rule)
    owners = {m.owner for m in channels if m.key.account == message.account}
    if len(owners) == 1:
        first = min(
            (m for m in channels if m.key.account == message.account),
            key=lambda m: (m.sequence, str(m.key)),
        )
        return Route(first.owner, crew_at(first, channel=False), Rule.ACCOUNT_OWNER)
    present = {owner.tenant for owner in owners}
    holders = [mapping for mapping, _ in special if mapping.owner.tenant in present]
    if len({mapping.owner.tenant for mapping in holders}) == 1:
        first = min(holders, key=lambda m: (m.owner, m.sequence, str(m.key)))
        return Route(first.owner, crew_at(first, channel=False), Rule.SPECIAL_NUMBER)
    fallbacks = [mapping for mapping in active if mapping.fallback]
    if present:
        fallbacks = [mapping for mapping in fallbacks if mapping.owner.tenant in present]
    if fallbacks:
        first = min(fallbacks, key=lambda m: (m.sequence, m.owner))
        return Route(first.owner, crew_at(first, channel=False), Rule.FALLBACK)
    return Route(None, None, Rule.UNRESOLVED)


@given(routings())
def test_table_agrees_with_a_scan_of_all_mappings(routing: Routing) -> None:
    table = RoutingTable(routing[0])
    for message in asked(routing):
        assert table.resolve(message) == scanned(routing[0], message)


@given(routings(), st.randoms(use_true_random=False))
def test_order_of_the_mappings_does_not_matter(routing: Routing, random: Random) -> None:
    mappings = latest(routing[0])
    shuffled = random.sample(mappings, len(mappings))
    one, other = RoutingTable(mappings), RoutingTable(shuffled)
    for message in asked(routing):
        assert one.explain(message) == other.explain(message)


@given(routings(), st.data())
def test_history_of_the_mappings_does_not_matter(routing: Routing, data: st.DataObject) -> None:
    puts = list(routing[0])
    again = data.draw(st.lists(st.sampled_from(puts), max_size=6)) if puts else []
    puts += [evolve(mapping, active=data.draw(st.booleans())) for mapping in again]
    start = data.draw(st.integers(0, len(puts)))
    table = RoutingTable(puts[:start])
    for mapping in puts[start:]:
        table.put(mapping)
    final = RoutingTable(latest(puts))
    for message in asked(routing):
        assert table.explain(message) == final.explain(message)
    # No index keeps anything that could come back later.
    assert vars(table) == vars(final)


@given(routings())
def test_table_of_inactive_mappings_is_empty(routing: Routing) -> None:
    table = RoutingTable(routing[0])
    for mapping in routing[0]:
        table.put(evolve(mapping, active=False))
    assert vars(table) == vars(RoutingTable())


@given(routings())
def test_explanation_agrees_with_the_decision_and_names_every_rule(routing: Routing) -> None:
    table = RoutingTable(routing[0])
    for message in asked(routing):
        route, explained = table.resolve(message), table.explain(message)
        assert evolve(explained, considered=()) == route
        rules = [considered.rule for considered in explained.considered]
        assert rules == [rule for rule in Rule if rule is not Rule.UNRESOLVED]
        won = [c for c in explained.considered if c.verdict is Verdict.WON]
        assert [c.rule for c in won] == (
            [] if route.matched_by is Rule.UNRESOLVED else [route.matched_by]
        )
        for considered in explained.considered:
            able = considered.verdict in {Verdict.WON, Verdict.NOT_NEEDED}
            several = considered.verdict in {Verdict.SEVERAL_OWNERS, Verdict.AMBIGUOUS_NUMBER}
            assert (len(considered.owners) > 1) >= several
            assert bool(considered.owners) == (able or several)
            if considered.verdict is Verdict.NOT_NEEDED:
                assert won
                assert rules.index(won[0].rule) < rules.index(considered.rule)
            if considered.verdict is Verdict.WON:
                assert route.owner in considered.owners


@given(routings())
def test_message_of_an_account_never_leaves_those_who_have_a_channel_there(
    routing: Routing,
) -> None:
    active = [mapping for mapping in latest(routing[0]) if mapping.active]
    table = RoutingTable(routing[0])
    for message in asked(routing):
        present = {m.owner.tenant for m in active if m.key.account == message.account}
        # An inbox without an account belongs to its owner in every account.
        anywhere = {
            m.owner.tenant
            for m in active
            if m.key.account is None and m.key.inbox is not None and m.key.inbox == message.inbox
        }
        owner = table.resolve(message).owner
        if present and owner is not None:
            assert owner.tenant in present | anywhere


@given(routings())
def test_number_of_another_tenant_never_captures_a_message(routing: Routing) -> None:
    mappings, _ = routing
    table = RoutingTable(mappings)
    for message in asked(routing):
        route = table.resolve(message)
        if route.owner is None:
            continue
        tenant = route.owner.tenant
        own = [m if m.owner.tenant == tenant else evolve(m, numbers=()) for m in mappings]
        alone = RoutingTable(own).resolve(message)
        # Without the numbers of others, a number can only become unambiguous.
        if route.matched_by is not Rule.FALLBACK:
            assert alone == route
        crews = {
            special.crew for m in mappings if m.owner.tenant == tenant for special in m.numbers
        }
        assert route.crew is None or route.crew in crews


@given(routings())
def test_ninth_digit_of_the_sender_does_not_matter(routing: Routing) -> None:
    table = RoutingTable(routing[0])
    for message in asked(routing):
        digits = said_number(message.number)
        if digits is not None and re.fullmatch(r"55[1-9][0-9]9[6-9][0-9]{7}", digits):
            short = evolve(message, number=digits[:4] + digits[5:])
            assert table.explain(short) == table.explain(message)


@given(routings())
def test_text_that_is_not_a_number_routes_like_no_number(routing: Routing) -> None:
    table = RoutingTable(routing[0])
    for message in asked(routing):
        for text in ("BR.", "176415330668607@g.us", ""):
            assert table.explain(evolve(message, number=text)) == table.explain(
                evolve(message, number=None)
            )


@given(routings())
def test_table_holds_the_active_mappings(routing: Routing) -> None:
    table = RoutingTable(routing[0])
    active = [mapping for mapping in latest(routing[0]) if mapping.active]
    assert sorted(table, key=lambda m: str(m.key)) == sorted(active, key=lambda m: str(m.key))
    assert len(table) == len(active)
