from __future__ import annotations

from collections.abc import Sequence

import pytest
from attrs import evolve

from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping, SpecialNumber
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.channels.sections import MappingSections, rewritten, sections_of
from odoo_ai_config.domain.errors import AmbiguousMappingError
from odoo_ai_config.domain.identifiers import BusinessArea, ChatwootId, TenantArea, TenantId

ONE, TWO = ChatwootId("1"), ChatwootId("2")
ANA = TenantArea(TenantId("ana"), BusinessArea("retail"))
BIA = TenantArea(TenantId("bia"), BusinessArea("retail"))
BOSS = SpecialNumber(PhoneNumber("5511987654321"), "admin")
DESK = SpecialNumber(PhoneNumber("5511911112222"), "analytics")
ACCOUNT = ChannelMapping(ChannelKey(ONE), ANA, sequence=5, fallback=True, numbers=(BOSS,))
INBOX = ChannelMapping(ChannelKey(ONE, TWO), ANA, sequence=7, fallback=True, numbers=(DESK,))
HOLDER = ChannelMapping(ChannelKey(holder=BIA), BIA, sequence=3, fallback=True)


def merged(
    before: Sequence[ChannelMapping], sections: MappingSections
) -> tuple[ChannelMapping, ...]:
    return rewritten(before, sections, replace=False)


def replaced(
    before: Sequence[ChannelMapping], sections: MappingSections
) -> tuple[ChannelMapping, ...]:
    return rewritten(before, sections, replace=True)


def test_mapping_is_shown_as_sections() -> None:
    assert sections_of([INBOX, HOLDER, ACCOUNT]) == MappingSections(
        accounts={ONE: ANA},
        inboxes={TWO: ANA},
        fallbacks={ANA: 5, BIA: 3},
        special_numbers={ANA: frozenset({BOSS, DESK})},
        channels=(ACCOUNT, INBOX, HOLDER),
    )


def test_inactive_mappings_are_only_among_the_channels() -> None:
    off = evolve(ACCOUNT, active=False)
    assert sections_of([off]) == MappingSections({}, {}, {}, {}, (off,))


def test_account_without_a_mapping_of_its_own_shows_the_owner_of_its_channels() -> None:
    other = ChannelMapping(ChannelKey(ONE, ONE), BIA)
    assert sections_of([INBOX]).accounts == {ONE: ANA}
    assert sections_of([INBOX, other]).accounts == {}
    assert sections_of([INBOX, other, ACCOUNT]).accounts == {ONE: ANA}
    assert sections_of([INBOX], shared={ONE}).accounts == {}


def test_derived_account_that_is_written_back_makes_no_channel() -> None:
    assert merged([INBOX], MappingSections(accounts={ONE: ANA})) == ()
    assert replaced([INBOX], evolve(sections_of([INBOX]), channels=None)) == ()


def test_derived_account_that_is_edited_or_kept_alone_becomes_a_channel() -> None:
    assert merged([INBOX], MappingSections(accounts={ONE: BIA})) == (
        ChannelMapping(ChannelKey(ONE), BIA),
    )
    moved = MappingSections(accounts={ONE: ANA}, inboxes={TWO: BIA})
    assert merged([INBOX], moved) == (
        ChannelMapping(INBOX.key, BIA),
        ChannelMapping(ChannelKey(ONE), ANA),
    )
    kept = MappingSections(accounts={ONE: ANA}, inboxes={}, fallbacks={ANA: 7})
    assert replaced([evolve(INBOX, numbers=())], kept) == (
        evolve(INBOX, numbers=(), active=False),
        ChannelMapping(ChannelKey(ONE), ANA),
        ChannelMapping(ChannelKey(holder=ANA), ANA, sequence=7, fallback=True),
    )


def test_account_that_is_left_out_of_the_whole_is_switched_off() -> None:
    rest = MappingSections(accounts={}, inboxes={TWO: ANA})
    plain = [ChannelMapping(ACCOUNT.key, ANA), ChannelMapping(INBOX.key, ANA)]
    assert replaced(plain, rest) == (evolve(plain[0], active=False),)


def test_inbox_of_several_owners_is_not_shown_and_cannot_be_edited() -> None:
    twin = ChannelMapping(ChannelKey(TWO, TWO), BIA)
    assert sections_of([INBOX, twin]).inboxes == {}
    for owner in (ANA, BIA):
        with pytest.raises(AmbiguousMappingError):
            merged([INBOX, twin], MappingSections(inboxes={TWO: owner}))
    with pytest.raises(AmbiguousMappingError):
        replaced([INBOX, twin], evolve(sections_of([INBOX, twin]), channels=None))
    assert merged([INBOX, twin], MappingSections(accounts={ONE: ANA, TWO: BIA})) == ()


def test_wipe_switches_off_every_channel_but_not_what_the_sections_never_showed() -> None:
    twin = ChannelMapping(ChannelKey(TWO, TWO), BIA)
    wipe = MappingSections({}, {}, {}, {})
    assert replaced([twin, evolve(twin, key=ChannelKey(ONE, TWO), owner=ANA)], wipe) == (
        evolve(twin, active=False),
        evolve(twin, key=ChannelKey(ONE, TWO), owner=ANA, active=False),
    )
    crossed = [
        ChannelMapping(ChannelKey(account, inbox), ANA if account == inbox else BIA)
        for account in (ONE, TWO)
        for inbox in (ONE, TWO)
    ]
    with pytest.raises(AmbiguousMappingError):
        replaced(crossed, wipe)


def test_entry_that_neither_the_channels_nor_the_store_have_is_a_contradiction() -> None:
    written = MappingSections(inboxes={TWO: BIA}, channels=(INBOX,))
    with pytest.raises(AmbiguousMappingError):
        merged([], written)
    # Beside channels as they are stored, it is an edit.
    assert merged([INBOX], written) == (ChannelMapping(INBOX.key, BIA),)


def test_later_sequence_of_fallbacks_that_differ_is_ambiguous_and_an_earlier_one_is_not() -> None:
    with pytest.raises(AmbiguousMappingError):
        merged([ACCOUNT, INBOX], MappingSections(fallbacks={ANA: 6}))
    assert merged([ACCOUNT, INBOX], MappingSections(fallbacks={ANA: 1})) == (
        ChannelMapping(ChannelKey(holder=ANA), ANA, sequence=1, fallback=True),
    )


def test_number_that_gets_another_crew_stays_where_it_is() -> None:
    twin = evolve(ACCOUNT, key=ChannelKey(TWO), numbers=(DESK, BOSS))
    boss = evolve(BOSS, crew="sales")
    wanted = {ANA: frozenset({boss, DESK})}
    assert merged([ACCOUNT, twin], MappingSections(special_numbers=wanted)) == (
        evolve(ACCOUNT, numbers=(boss,)),
        evolve(twin, numbers=(DESK, boss)),
    )


def test_every_entry_counts() -> None:
    assert MappingSections().size == 0
    numbers = {ANA: frozenset({BOSS, DESK}), BIA: frozenset({BOSS})}
    sections = MappingSections({ONE: ANA}, {ONE: ANA, TWO: BIA}, {ANA: 1}, numbers)
    assert sections.size == 7


def test_missing_sections_stay_when_merging_and_are_emptied_when_replacing() -> None:
    before = [ACCOUNT, HOLDER]
    assert merged(before, MappingSections()) == ()
    assert replaced(before, MappingSections(accounts={}, inboxes={})) == (
        evolve(ACCOUNT, active=False),
        evolve(HOLDER, fallback=False),
    )


@pytest.mark.parametrize(
    ("said", "section"),
    [
        (MappingSections(), "channels"),
        (MappingSections(fallbacks={}, special_numbers={}), "channels"),
        (MappingSections(accounts={}), "channels"),
        (MappingSections(inboxes={}), "channels"),
        (MappingSections(accounts={ONE: ANA}), "inboxes"),
        (MappingSections(inboxes={TWO: ANA}), "accounts"),
    ],
    ids=str,
)
def test_whole_mapping_has_to_speak_of_what_it_switches_off(
    said: MappingSections, section: str
) -> None:
    with pytest.raises(AmbiguousMappingError) as refused:
        replaced([ACCOUNT, INBOX], said)
    assert refused.value.section == section
    named = evolve(said, fallbacks=None, special_numbers=None)
    assert merged([ACCOUNT, INBOX], named) == ()


def test_section_of_channels_that_are_not_there_may_be_missing() -> None:
    owned = [ChannelMapping(ChannelKey(ONE), ANA)]
    assert replaced(owned, MappingSections(accounts={TWO: BIA})) == (
        evolve(owned[0], active=False),
        ChannelMapping(ChannelKey(TWO), BIA),
    )
    inboxes = MappingSections(inboxes={ONE: BIA})
    assert replaced([], inboxes) == (ChannelMapping(ChannelKey(inbox=ONE), BIA),)


def test_writing_the_present_sections_changes_nothing() -> None:
    before = [ACCOUNT, INBOX, HOLDER]
    assert merged(before, sections_of(before)) == ()
    assert replaced(before, sections_of(before)) == ()


def test_inbox_that_is_known_with_its_account_is_the_same_inbox() -> None:
    assert merged([INBOX], MappingSections(inboxes={TWO: BIA})) == (
        ChannelMapping(INBOX.key, BIA),
    )


def test_unknown_inbox_belongs_to_any_account() -> None:
    off = evolve(INBOX, active=False)
    assert merged([off], MappingSections(inboxes={TWO: BIA})) == (
        ChannelMapping(ChannelKey(inbox=TWO), BIA),
    )


def test_account_is_given_to_its_new_owner_without_what_belonged_to_the_loser() -> None:
    assert merged([ACCOUNT], MappingSections(accounts={ONE: BIA})) == (
        ChannelMapping(ACCOUNT.key, BIA),
    )


def test_fallback_of_a_tenant_changes_where_it_is_and_a_new_one_gets_an_entry_of_its_own() -> None:
    assert merged([ACCOUNT], MappingSections(fallbacks={ANA: 1, BIA: 2})) == (
        evolve(ACCOUNT, sequence=1),
        ChannelMapping(ChannelKey(holder=BIA), BIA, sequence=2, fallback=True),
    )


def test_fallback_of_a_tenant_that_is_not_named_is_removed() -> None:
    assert merged([HOLDER], MappingSections(fallbacks={})) == (evolve(HOLDER, fallback=False),)


def test_special_numbers_are_kept_where_they_are_and_new_ones_join_the_holder() -> None:
    wanted = {ANA: frozenset({DESK, SpecialNumber(PhoneNumber("5511933334444"), "admin")})}
    changed = merged([ACCOUNT, INBOX], MappingSections(special_numbers=wanted))
    assert changed == (
        evolve(ACCOUNT, numbers=()),
        ChannelMapping(
            ChannelKey(holder=ANA),
            ANA,
            numbers=(SpecialNumber(PhoneNumber("5511933334444"), "admin"),),
        ),
    )


def test_inactive_holder_entry_starts_empty() -> None:
    off = evolve(HOLDER, active=False, numbers=(BOSS,))
    assert merged([off], MappingSections(fallbacks={BIA: 9})) == (
        ChannelMapping(HOLDER.key, BIA, sequence=9, fallback=True),
    )


def test_special_numbers_of_a_tenant_that_is_not_named_go() -> None:
    holder = evolve(HOLDER, fallback=False, numbers=(BOSS,))
    changed = merged([ACCOUNT, holder], MappingSections(special_numbers={}))
    assert changed == (evolve(ACCOUNT, numbers=()), evolve(holder, numbers=()))


def test_fallback_is_taken_from_every_channel_of_its_tenant() -> None:
    bare = ChannelMapping(ChannelKey(TWO), ANA)
    changed = merged([ACCOUNT, INBOX, bare], MappingSections(fallbacks={}))
    assert changed == (evolve(ACCOUNT, fallback=False), evolve(INBOX, fallback=False))


def test_new_number_is_added_to_the_holder_entry() -> None:
    holder = evolve(HOLDER, numbers=(BOSS,))
    bare = ChannelMapping(ChannelKey(TWO), BIA)
    wanted = {BIA: frozenset({BOSS, DESK})}
    assert merged([holder, bare], MappingSections(special_numbers=wanted)) == (
        evolve(holder, numbers=(BOSS, DESK)),
    )
    same = MappingSections(special_numbers={BIA: frozenset({BOSS})})
    assert merged([holder, bare], same) == ()
