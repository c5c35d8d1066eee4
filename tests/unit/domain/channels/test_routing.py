from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from types import FrameType
from typing import TypedDict, Unpack

import pytest
from attrs import evolve

from odoo_ai_config.domain.channels.mapping import (
    ChannelKey,
    ChannelMapping,
    MappingRevision,
    SpecialNumber,
)
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.channels.routing import (
    Consideration,
    IncomingMessage,
    Route,
    RoutingTable,
    Rule,
    Verdict,
)
from odoo_ai_config.domain.identifiers import BusinessArea, ChatwootId, TenantArea, TenantId

ONE, TWO = ChatwootId("1"), ChatwootId("2")
RETAIL, HEALTH = BusinessArea("retail"), BusinessArea("health")
ANA, BIA, EVA = (TenantArea(TenantId(name), RETAIL) for name in ("ana", "bia", "eva"))
BOSS = "5511987654321"
NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


class Data(TypedDict, total=False):
    sequence: int
    fallback: bool
    numbers: tuple[SpecialNumber, ...]
    active: bool


def number(crew: str, digits: str = BOSS) -> tuple[SpecialNumber, ...]:
    return (SpecialNumber(PhoneNumber(digits), crew),)


def inbox_of(owner: TenantArea, **data: Unpack[Data]) -> ChannelMapping:
    return ChannelMapping(ChannelKey(ONE, TWO), owner, **data)


def account_of(owner: TenantArea, **data: Unpack[Data]) -> ChannelMapping:
    return ChannelMapping(ChannelKey(ONE), owner, **data)


def holder_of(owner: TenantArea, **data: Unpack[Data]) -> ChannelMapping:
    return ChannelMapping(ChannelKey(holder=owner), owner, **data)


def elsewhere(owner: TenantArea, inbox: str = "9", **data: Unpack[Data]) -> ChannelMapping:
    return ChannelMapping(ChannelKey(ONE, ChatwootId(inbox)), owner, **data)


def considered(route: Route, rule: Rule) -> Consideration:
    return next(step for step in route.considered if step.rule is rule)


# With it, the account has no single owner.
BESIDE = elsewhere(EVA, "6")
IN_INBOX = IncomingMessage(ONE, TWO, f"+{BOSS}")
OUTSIDE = IncomingMessage(ONE, ChatwootId("404"), f"+{BOSS}")


def test_inbox_comes_before_account() -> None:
    table = RoutingTable([account_of(ANA), inbox_of(BIA)])
    assert table.resolve(IN_INBOX) == Route(BIA, None, Rule.INBOX)
    assert table.resolve(OUTSIDE) == Route(ANA, None, Rule.ACCOUNT)
    assert table.resolve(IncomingMessage(ONE)) == Route(ANA, None, Rule.ACCOUNT)


def test_inbox_with_its_account_comes_before_the_inbox_of_any_account() -> None:
    anywhere = ChannelMapping(ChannelKey(inbox=TWO), ANA)
    assert RoutingTable([anywhere, inbox_of(BIA)]).resolve(IN_INBOX).owner == BIA
    other_account = IncomingMessage(TWO, TWO)
    assert RoutingTable([anywhere, inbox_of(BIA)]).resolve(other_account).owner == ANA


def test_account_whose_channels_have_one_owner_is_that_owners() -> None:
    common = holder_of(BIA, fallback=True, sequence=0)
    table = RoutingTable([elsewhere(ANA), elsewhere(ANA, "8"), common])
    for asked in (OUTSIDE, IncomingMessage(ONE)):
        assert table.resolve(asked) == Route(ANA, None, Rule.ACCOUNT_OWNER)
    table.put(elsewhere(BIA, "7"))
    assert table.resolve(OUTSIDE) == Route(BIA, None, Rule.FALLBACK)
    # It is switched off, or moves: neither makes an owner.
    table.put(elsewhere(BIA, "7", active=False))
    assert table.resolve(OUTSIDE) == Route(ANA, None, Rule.ACCOUNT_OWNER)
    table.put(elsewhere(BIA, "8"))
    table.put(elsewhere(BIA, "9"))
    assert table.resolve(OUTSIDE) == Route(BIA, None, Rule.ACCOUNT_OWNER)


def test_two_business_areas_of_one_tenant_are_two_owners() -> None:
    health = TenantArea(ANA.tenant, HEALTH)
    table = RoutingTable([elsewhere(ANA, "8"), elsewhere(health)])
    assert table.resolve(OUTSIDE) == Route(None, None, Rule.UNRESOLVED)
    step = considered(table.explain(OUTSIDE), Rule.ACCOUNT_OWNER)
    assert (step.verdict, step.owners) == (Verdict.SEVERAL_OWNERS, (health, ANA))


def test_inbox_of_any_account_makes_nobody_the_owner_of_one() -> None:
    anywhere = ChannelMapping(ChannelKey(inbox=TWO), BIA)
    assert RoutingTable([anywhere]).resolve(OUTSIDE).owner is None
    table = RoutingTable([anywhere, elsewhere(ANA)])
    assert table.resolve(OUTSIDE) == Route(ANA, None, Rule.ACCOUNT_OWNER)
    assert table.resolve(IN_INBOX) == Route(BIA, None, Rule.INBOX)


def test_owner_of_the_account_comes_before_special_numbers_and_sets_the_crew() -> None:
    special = holder_of(TenantArea(ANA.tenant, HEALTH), numbers=number("health"))
    table = RoutingTable([elsewhere(ANA), special])
    assert table.resolve(OUTSIDE) == Route(ANA, "health", Rule.ACCOUNT_OWNER)
    table.put(elsewhere(ANA, "8", numbers=number("retail")))
    assert table.resolve(OUTSIDE) == Route(ANA, "retail", Rule.ACCOUNT_OWNER)


def test_special_number_decides_where_no_channel_does() -> None:
    table = RoutingTable(
        [elsewhere(ANA, numbers=number("admin")), BESIDE, holder_of(BIA, fallback=True)]
    )
    assert table.resolve(OUTSIDE) == Route(ANA, "admin", Rule.SPECIAL_NUMBER)


def test_special_number_matches_without_its_ninth_digit() -> None:
    table = RoutingTable([elsewhere(ANA, numbers=number("admin")), BESIDE])
    message = evolve(OUTSIDE, number="whatsapp:+551187654321")
    assert table.resolve(message) == Route(ANA, "admin", Rule.SPECIAL_NUMBER)


def test_special_number_of_two_tenants_of_the_account_decides_nothing() -> None:
    mine, other = (
        elsewhere(ANA, numbers=number("admin")),
        elsewhere(BIA, "8", numbers=number("admin")),
    )
    route = RoutingTable([mine, other]).explain(OUTSIDE)
    assert (route.owner, route.matched_by) == (None, Rule.UNRESOLVED)
    assert considered(route, Rule.SPECIAL_NUMBER) == Consideration(
        Rule.SPECIAL_NUMBER, Verdict.AMBIGUOUS_NUMBER, (ANA, BIA)
    )


def test_special_number_of_a_tenant_of_another_account_decides_nothing() -> None:
    stranger = ChannelMapping(ChannelKey(TWO), BIA, numbers=number("admin"))
    table = RoutingTable([stranger, holder_of(ANA, numbers=number("admin"))])
    assert table.resolve(OUTSIDE) == Route(None, None, Rule.UNRESOLVED)
    both = RoutingTable([stranger, elsewhere(ANA, numbers=number("crew")), BESIDE])
    assert both.resolve(OUTSIDE) == Route(ANA, "crew", Rule.SPECIAL_NUMBER)


def test_special_number_of_two_business_areas_goes_to_the_first() -> None:
    health = TenantArea(ANA.tenant, HEALTH)
    table = RoutingTable(
        [
            elsewhere(ANA, "8", numbers=number("retail"), sequence=1),
            elsewhere(health, "9", numbers=number("health"), sequence=2),
        ]
    )
    assert table.resolve(OUTSIDE) == Route(health, "health", Rule.SPECIAL_NUMBER)
    assert considered(table.explain(OUTSIDE), Rule.SPECIAL_NUMBER).owners == (health, ANA)


def test_lowest_sequence_falls_back_and_ties_go_to_the_first_tenant() -> None:
    ana = holder_of(ANA, fallback=True, sequence=2)
    bia = holder_of(BIA, fallback=True, sequence=1)
    assert RoutingTable([ana, bia]).resolve(OUTSIDE) == Route(BIA, None, Rule.FALLBACK)
    tie = evolve(bia, sequence=2)
    assert RoutingTable([tie, ana]).resolve(OUTSIDE) == Route(ANA, None, Rule.FALLBACK)
    assert RoutingTable([evolve(ana, fallback=False)]).resolve(OUTSIDE).owner is None


def test_fallbacks_of_one_sequence_go_by_tenant_then_by_business_area() -> None:
    elsewhere = IncomingMessage(ChatwootId("404"))
    # The order of the keys would be the opposite one.
    owners = [
        TenantArea(TenantId(tenant), BusinessArea(area))
        for tenant, area in (("ana", "a"), ("ana", "b"), ("bia", "a"), ("bia", "b"))
    ]
    mappings = [
        ChannelMapping(
            ChannelKey(ONE, ChatwootId(str(9 - place))), owner, fallback=True, sequence=3
        )
        for place, owner in enumerate(owners)
    ]
    for place, owner in enumerate(owners):
        for order in (mappings[place:], mappings[place:][::-1]):
            assert RoutingTable(order).resolve(elsewhere).owner == owner


def test_fallback_serves_every_account() -> None:
    table = RoutingTable([account_of(ANA, fallback=True)])
    assert table.resolve(IncomingMessage(TWO)) == Route(ANA, None, Rule.FALLBACK)


def test_special_number_of_the_fallback_sets_its_crew() -> None:
    table = RoutingTable([holder_of(ANA, fallback=True, numbers=number("admin"))])
    assert table.resolve(OUTSIDE) == Route(ANA, "admin", Rule.FALLBACK)


def test_number_of_one_tenant_never_captures_a_message_of_another() -> None:
    table = RoutingTable([inbox_of(ANA), elsewhere(BIA, numbers=number("admin"))])
    assert table.resolve(IN_INBOX) == Route(ANA, None, Rule.INBOX)


def test_crew_comes_from_the_channel_then_the_business_area_then_the_tenant() -> None:
    health = TenantArea(ANA.tenant, HEALTH)
    own = inbox_of(ANA, numbers=number("own"), sequence=9)
    area = elsewhere(ANA, "8", numbers=number("area"), sequence=2)
    later = elsewhere(ANA, "7", numbers=number("later"), sequence=3)
    tenant = elsewhere(health, "6", numbers=number("tenant"), sequence=1)
    bare = inbox_of(ANA)
    assert RoutingTable([own, area, tenant]).resolve(IN_INBOX).crew == "own"
    assert RoutingTable([bare, later, area, tenant]).resolve(IN_INBOX).crew == "area"
    assert RoutingTable([bare, tenant]).resolve(IN_INBOX).crew == "tenant"
    last = inbox_of(TenantArea(ANA.tenant, BusinessArea("zoo")))
    assert RoutingTable([last, later, area]).resolve(IN_INBOX).crew == "area"


def test_explanation_has_a_verdict_for_every_rule() -> None:
    table = RoutingTable(
        [
            inbox_of(ANA),
            account_of(BIA, numbers=number("admin")),
            holder_of(ANA, fallback=True),
        ]
    )
    assert table.explain(IN_INBOX) == Route(
        ANA,
        None,
        Rule.INBOX,
        (
            Consideration(Rule.INBOX, Verdict.WON, (ANA,)),
            Consideration(Rule.ACCOUNT, Verdict.NOT_NEEDED, (BIA,)),
            Consideration(Rule.ACCOUNT_OWNER, Verdict.SEVERAL_OWNERS, (ANA, BIA)),
            Consideration(Rule.SPECIAL_NUMBER, Verdict.NOT_NEEDED, (BIA,)),
            Consideration(Rule.FALLBACK, Verdict.NOT_NEEDED, (ANA,)),
        ),
    )


def test_explanation_says_what_is_missing() -> None:
    def verdicts(message: IncomingMessage) -> list[Verdict]:
        return [step.verdict for step in RoutingTable().explain(message).considered]

    assert verdicts(IncomingMessage(ONE)) == [
        Verdict.NO_INBOX,
        Verdict.NO_MAPPING,
        Verdict.NO_CHANNEL,
        Verdict.NO_NUMBER,
        Verdict.NO_FALLBACK,
    ]
    assert verdicts(IN_INBOX) == [
        Verdict.NO_MAPPING,
        Verdict.NO_MAPPING,
        Verdict.NO_CHANNEL,
        Verdict.UNKNOWN_NUMBER,
        Verdict.NO_FALLBACK,
    ]


def test_inactive_mapping_routes_nothing() -> None:
    off = inbox_of(ANA, active=False, fallback=True, numbers=number("admin"))
    assert RoutingTable([off]).resolve(IN_INBOX).owner is None
    assert len(RoutingTable([off])) == 0


def test_channel_that_moves_or_goes_leaves_nothing_behind() -> None:
    full = inbox_of(ANA, fallback=True, numbers=number("admin"))
    table = RoutingTable([full])
    table.put(inbox_of(BIA))
    assert table.resolve(IN_INBOX) == Route(BIA, None, Rule.INBOX)
    assert table.resolve(OUTSIDE) == Route(BIA, None, Rule.ACCOUNT_OWNER)
    table.put(inbox_of(BIA, active=False))
    table.put(inbox_of(BIA, active=False))
    assert table.resolve(IN_INBOX).owner is None
    assert list(table) == []


def test_last_mapping_of_a_channel_counts() -> None:
    table = RoutingTable([inbox_of(ANA, fallback=True, numbers=number("admin")), inbox_of(BIA)])
    assert list(table) == [inbox_of(BIA)]
    assert table.explain(OUTSIDE) == RoutingTable([inbox_of(BIA)]).explain(OUTSIDE)


def calls_made(routed: Callable[[IncomingMessage], Route], message: IncomingMessage) -> int:
    calls = 0

    # The garbage collector may run at any moment and call its hooks.
    def count(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        rules = frame.f_globals["__name__"].startswith("odoo_ai_config.")
        calls += rules and event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        routed(message)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize(
    "message",
    [OUTSIDE, IncomingMessage(ONE, ChatwootId("i7"), BOSS), IncomingMessage(TWO, None, BOSS)],
)
def test_work_does_not_grow_with_the_tenants_that_share_a_number(
    message: IncomingMessage,
) -> None:
    few, many = (
        RoutingTable(
            elsewhere(
                TenantArea(TenantId(f"t{place}"), RETAIL),
                f"i{place}",
                numbers=number("admin"),
                fallback=True,
            )
            for place in range(size)
        )
        for size in (10, 1000)
    )
    assert 0 < calls_made(few.resolve, message) == calls_made(many.resolve, message)


def test_explaining_reads_few_of_the_channels_and_owners_of_an_account() -> None:
    tables = (
        RoutingTable(
            elsewhere(
                TenantArea(TenantId(f"t{place % tenants}"), RETAIL),
                f"i{place}",
                numbers=number("admin"),
            )
            for place in range(size)
        )
        for tenants, size in ((2, 20), (2, 2000), (100, 100), (1000, 1000))
    )
    few, many, crowd, crowds = (calls_made(table.explain, OUTSIDE) for table in tables)
    # To skip the channels of an area, its end is searched by halving.
    assert many < 2 * few
    assert crowd == crowds


def test_work_does_not_grow_with_the_channels_of_an_account() -> None:
    few, many = (
        RoutingTable(elsewhere(ANA, f"i{place}", sequence=place % 7) for place in range(size))
        for size in (10, 1000)
    )
    assert few.resolve(OUTSIDE).matched_by is Rule.ACCOUNT_OWNER
    assert 0 < calls_made(few.resolve, OUTSIDE) == calls_made(many.resolve, OUTSIDE)


def test_number_is_looked_for_after_an_account_that_nobody_mapped() -> None:
    table = RoutingTable([holder_of(ANA, numbers=number("admin"))])
    step = considered(table.explain(OUTSIDE), Rule.SPECIAL_NUMBER)
    assert step.verdict is Verdict.UNKNOWN_NUMBER


def test_removing_one_channel_leaves_the_others_that_share_its_number_and_account() -> None:
    gone = elsewhere(ANA, "8", numbers=number("admin"), fallback=True)
    rest = [
        elsewhere(ANA, "9", numbers=number("admin")),
        elsewhere(BIA, "7", numbers=number("admin")),
        ChannelMapping(ChannelKey(inbox=TWO), ANA),
        holder_of(BIA),
    ]
    table = RoutingTable([gone, *rest])
    table.put(evolve(gone, active=False))
    assert vars(table) == vars(RoutingTable(rest))
    table.put(gone)
    assert vars(table) == vars(RoutingTable([gone, *rest]))
    for mapping in [gone, *rest]:
        table.put(evolve(mapping, active=False))
    assert vars(table) == vars(RoutingTable())


def test_route_tells_the_version_of_the_mapping_that_decided() -> None:
    def deciding(message: IncomingMessage, *mappings: ChannelMapping) -> int:
        revisions = [
            MappingRevision(one, version, NOON, NOON, "k")
            for version, one in enumerate(mappings, start=1)
        ]
        return RoutingTable.of(revisions).resolve(message).mapping_version

    special = elsewhere(ANA, numbers=number("admin"))
    of_inbox, of_account = inbox_of(BIA), account_of(BIA)
    falling = holder_of(BIA, fallback=True)

    assert deciding(IN_INBOX, of_account, of_inbox) == 2
    assert deciding(OUTSIDE, of_account, of_inbox) == 1
    assert deciding(OUTSIDE, falling, special) == 2
    assert deciding(OUTSIDE, falling, BESIDE, special) == 3
    assert deciding(OUTSIDE, evolve(special, active=False), falling) == 2
    assert deciding(OUTSIDE) == 0
    # Of the channels of an account's owner, the first one stands for all.
    later, first = elsewhere(BIA, "7", sequence=2), elsewhere(BIA, "8", sequence=1)
    assert deciding(OUTSIDE, later, first) == 2
    assert deciding(OUTSIDE, evolve(later, sequence=1), first) == 1


def test_table_keeps_the_newest_version_of_a_mapping() -> None:
    table = RoutingTable.of([MappingRevision(inbox_of(BIA), 1, NOON, NOON, "k")])
    with table.supposing(inbox_of(ANA)):
        pass
    assert table.resolve(IN_INBOX).mapping_version == 1
    table.put(inbox_of(ANA), 2)
    assert table.resolve(IN_INBOX).mapping_version == 2
    table.put(evolve(inbox_of(ANA), active=False), 3)
    assert vars(table) == vars(RoutingTable())


def test_explanation_distinguishes_no_fallback_from_a_fallback_of_others() -> None:
    table = RoutingTable([inbox_of(ANA), BESIDE])
    asked = IncomingMessage(ONE, ChatwootId("8"))
    assert table.explain(asked).considered[-1].verdict is Verdict.NO_FALLBACK
    table.put(ChannelMapping(ChannelKey(TWO), BIA, fallback=True))
    step = table.explain(asked).considered[-1]
    # The tenants of this account must not learn the owner.
    assert (step.verdict, step.owners) == (Verdict.NO_FALLBACK_IN_ACCOUNT, ())
