from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from odoo_ai_config.domain.channels.mapping import (
    ChannelClaim,
    ChannelKey,
    ChannelMapping,
    ChannelOwnedError,
    MappingRevision,
    SpecialNumber,
    decided,
    previous_owner,
    remapped,
)
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import (
    HUB,
    BusinessArea,
    ChatwootId,
    TenantArea,
    TenantId,
)

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
ONE = ChatwootId("1")
ANA = TenantArea(TenantId("ana"), BusinessArea("retail"))
BIA = TenantArea(TenantId("bia"), BusinessArea("retail"))
OWNED = ChannelMapping(ChannelKey(ONE), ANA)
CURRENT = MappingRevision(OWNED, 3, NOON, NOON, "k1")
NUMBERS = (SpecialNumber(PhoneNumber("5511987654321"), "boss"),)
OFF = evolve(CURRENT, mapping=evolve(OWNED, active=False))


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (ChannelKey(ONE, ChatwootId("2")), "channel/1/2"),
        (ChannelKey(ONE), "channel/1/*"),
        (ChannelKey(inbox=ONE), "channel/*/1"),
        (ChannelKey(holder=ANA), "holder/ana/retail"),
    ],
)
def test_each_kind_of_channel_has_a_name(key: ChannelKey, text: str) -> None:
    assert str(key) == text


def test_key_is_a_channel_or_a_holder_and_never_both_or_neither() -> None:
    for account, inbox, holder in (
        (None, None, None),
        (ONE, None, ANA),
        (None, ONE, ANA),
        (ONE, ONE, ANA),
    ):
        with pytest.raises(InvalidValueError):
            ChannelKey(account, inbox, holder)


@pytest.mark.parametrize("key", [ChannelKey(ONE), ChannelKey(holder=TenantArea(HUB, ANA.domain))])
def test_no_channel_belongs_to_the_hub_itself(key: ChannelKey) -> None:
    with pytest.raises(InvalidValueError) as caught:
        ChannelMapping(key, TenantArea(HUB, ANA.domain))
    assert caught.value.rule == "account_id"


def test_holder_entry_belongs_to_its_holder() -> None:
    assert ChannelMapping(ChannelKey(holder=ANA), ANA).owner == ANA
    with pytest.raises(InvalidValueError):
        ChannelMapping(ChannelKey(holder=ANA), BIA)


@pytest.mark.parametrize("sequence", [-1, 2**31])
def test_sequence_fits_an_odoo_integer(sequence: int) -> None:
    with pytest.raises(InvalidValueError) as caught:
        evolve(OWNED, sequence=sequence)
    assert caught.value.field == "sequence"


def test_sequence_is_ten_unless_said() -> None:
    assert OWNED.sequence == 10


@pytest.mark.parametrize("crew", ["", " ", "-a", "a b", "a" * 65, "é", "a\n"])
def test_crew_has_a_name(crew: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        SpecialNumber(PhoneNumber("5511987654321"), crew)
    assert caught.value.field == "crew"


def test_crew_is_found_by_the_number_and_the_first_entry_counts() -> None:
    numbers = (
        SpecialNumber(PhoneNumber("5511987654321"), "analytics"),
        SpecialNumber(PhoneNumber("551187654321"), "admin"),
    )
    mapping = evolve(OWNED, numbers=numbers)
    assert mapping.crew_of("551187654321") == "analytics"
    assert mapping.crew_of("551187654322") is None
    assert mapping.crew_of(None) is None


def test_first_mapping_of_a_channel_is_version_one() -> None:
    assert remapped(None, OWNED, author="k1", at=NOON) == MappingRevision(
        OWNED, 1, NOON, NOON, "k1"
    )


def test_mapping_that_changes_nothing_makes_no_version() -> None:
    assert remapped(CURRENT, OWNED, author="k2", at=LATER) is None


def test_ninth_digit_alone_makes_no_version() -> None:
    long, short = (
        evolve(OWNED, numbers=(SpecialNumber(PhoneNumber(digits), "admin"),))
        for digits in ("5511987654321", "551187654321")
    )
    assert remapped(evolve(CURRENT, mapping=long), short, author="k2", at=LATER) is None


def test_switching_a_channel_off_is_the_next_version() -> None:
    assert remapped(CURRENT, OFF.mapping, author="k2", at=LATER) == MappingRevision(
        OFF.mapping, 4, NOON, LATER, "k2"
    )


def write(current: MappingRevision | None, mapping: ChannelMapping, *, bound: bool) -> None:
    decided(current, mapping, author="k", at=NOON, bound=bound)


@pytest.mark.parametrize("bound", [True, False])
def test_free_channel_may_be_claimed(bound: bool) -> None:
    taken = evolve(OWNED, owner=BIA)
    for current in (None, OFF):
        assert previous_owner(current, taken) is None
        write(current, taken, bound=bound)


@pytest.mark.parametrize("bound", [True, False])
def test_tenant_may_change_its_own_channel_and_its_business_area(bound: bool) -> None:
    own = evolve(OWNED, owner=TenantArea(ANA.tenant, BusinessArea("health")))
    assert previous_owner(CURRENT, own) is None
    write(CURRENT, own, bound=bound)


def test_caller_for_all_tenants_may_move_a_channel() -> None:
    moved = evolve(OWNED, owner=BIA)
    assert previous_owner(CURRENT, moved) == ANA.tenant
    write(CURRENT, moved, bound=False)


def test_caller_for_one_tenant_may_not_take_a_channel_from_another() -> None:
    with pytest.raises(ChannelOwnedError) as caught:
        write(CURRENT, evolve(OWNED, owner=BIA), bound=True)
    assert (caught.value.owner, caught.value.claimant) == (ANA.tenant, BIA.tenant)


@pytest.mark.parametrize(
    ("changed", "touched"),
    [
        ({}, True),
        ({"active": False}, False),
        ({"owner": TenantArea(TenantId("mine"), BusinessArea())}, False),
        ({"key": ChannelKey(ChatwootId("2"))}, False),
        ({"key": ChannelKey(inbox=ChatwootId("1"))}, False),
        ({"key": ChannelKey(ChatwootId("2")), "numbers": NUMBERS}, True),
    ],
)
def test_claim_affects_mappings_of_others_that_have_a_part_of_it(
    changed: dict[str, Any],
    touched: bool,
) -> None:
    held = frozenset(special.number.comparable for special in NUMBERS)
    other = TenantArea(TenantId("other"), BusinessArea())
    here = ChannelMapping(ChannelKey(ChatwootId("1"), ChatwootId("7")), other)
    claim = ChannelClaim(TenantId("mine"), ChatwootId("1"), numbers=held)
    assert claim.touches(evolve(here, **changed)) is touched
    # Without an account only the numbers count.
    assert not ChannelClaim(TenantId("mine")).touches(here)
