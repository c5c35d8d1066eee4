from __future__ import annotations

from attrs import evolve

from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping, SpecialNumber
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.channels.sections import (
    MappingSections,
    merged_sections,
    replaced_sections,
    sections_of,
)
from odoo_ai_config.domain.identifiers import BusinessArea, ChatwootId, TenantArea, TenantId

ONE, TWO = ChatwootId("1"), ChatwootId("2")
ANA = TenantArea(TenantId("ana"), BusinessArea("retail"))
BIA = TenantArea(TenantId("bia"), BusinessArea("retail"))
BOSS = SpecialNumber(PhoneNumber("5511987654321"), "admin")
DESK = SpecialNumber(PhoneNumber("5511911112222"), "analytics")
ACCOUNT = ChannelMapping(ChannelKey(ONE), ANA, sequence=5, fallback=True, numbers=(BOSS,))
INBOX = ChannelMapping(ChannelKey(ONE, TWO), ANA, sequence=7, fallback=True, numbers=(DESK,))
HOLDER = ChannelMapping(ChannelKey(holder=BIA), BIA, sequence=3, fallback=True)


def test_mapping_is_shown_as_four_sections() -> None:
    assert sections_of([ACCOUNT, INBOX, HOLDER]) == MappingSections(
        accounts={ONE: ANA},
        inboxes={TWO: ANA},
        fallbacks={ANA: 5, BIA: 3},
        special_numbers={ANA: frozenset({BOSS, DESK})},
    )


def test_inactive_mappings_are_not_shown() -> None:
    assert sections_of([evolve(ACCOUNT, active=False)]) == MappingSections({}, {}, {}, {})


def test_everybody_named_in_any_section_is_an_owner() -> None:
    sections = MappingSections({ONE: ANA}, None, {BIA: 1}, {ANA: frozenset()})
    assert list(sections.owners()) == [ANA, BIA, ANA]
    assert list(MappingSections().owners()) == []


def test_every_entry_counts() -> None:
    assert MappingSections().size == 0
    numbers = {ANA: frozenset({BOSS, DESK}), BIA: frozenset({BOSS})}
    sections = MappingSections({ONE: ANA}, {ONE: ANA, TWO: BIA}, {ANA: 1}, numbers)
    assert sections.size == 7


def test_missing_sections_stay_when_merging_and_are_emptied_when_replacing() -> None:
    before = [ACCOUNT, HOLDER]
    assert merged_sections(before, MappingSections()) == ()
    assert replaced_sections(before, MappingSections()) == (
        evolve(ACCOUNT, active=False),
        evolve(HOLDER, fallback=False),
    )


def test_writing_the_present_sections_changes_nothing() -> None:
    before = [ACCOUNT, INBOX, HOLDER]
    assert merged_sections(before, sections_of(before)) == ()
    assert replaced_sections(before, sections_of(before)) == ()


def test_inbox_that_is_known_with_its_account_is_the_same_inbox() -> None:
    assert merged_sections([INBOX], MappingSections(inboxes={TWO: BIA})) == (
        ChannelMapping(INBOX.key, BIA),
    )


def test_unknown_inbox_belongs_to_any_account() -> None:
    off = evolve(INBOX, active=False)
    assert merged_sections([off], MappingSections(inboxes={TWO: BIA})) == (
        ChannelMapping(ChannelKey(inbox=TWO), BIA),
    )


def test_account_is_given_to_its_new_owner_without_what_belonged_to_the_loser() -> None:
    assert merged_sections([ACCOUNT], MappingSections(accounts={ONE: BIA})) == (
        ChannelMapping(ACCOUNT.key, BIA),
    )


def test_fallback_of_a_tenant_moves_to_an_entry_of_its_own() -> None:
    assert merged_sections([ACCOUNT], MappingSections(fallbacks={ANA: 1, BIA: 2})) in {
        (
            evolve(ACCOUNT, fallback=False),
            ChannelMapping(ChannelKey(holder=owner), owner, sequence=sequence, fallback=True),
            ChannelMapping(ChannelKey(holder=other), other, sequence=later, fallback=True),
        )
        for owner, sequence, other, later in ((ANA, 1, BIA, 2), (BIA, 2, ANA, 1))
    }


def test_fallback_of_a_tenant_that_is_not_named_is_removed() -> None:
    assert merged_sections([HOLDER], MappingSections(fallbacks={})) == (
        evolve(HOLDER, fallback=False),
    )


def test_special_numbers_are_kept_where_they_are_and_new_ones_join_the_holder() -> None:
    wanted = {ANA: frozenset({DESK, SpecialNumber(PhoneNumber("5511933334444"), "admin")})}
    changed = merged_sections([ACCOUNT, INBOX], MappingSections(special_numbers=wanted))
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
    assert merged_sections([off], MappingSections(fallbacks={BIA: 9})) == (
        ChannelMapping(HOLDER.key, BIA, sequence=9, fallback=True),
    )


def test_special_numbers_of_a_tenant_that_is_not_named_go() -> None:
    holder = evolve(HOLDER, fallback=False, numbers=(BOSS,))
    changed = merged_sections([ACCOUNT, holder], MappingSections(special_numbers={}))
    assert changed == (evolve(ACCOUNT, numbers=()), evolve(holder, numbers=()))


def test_fallback_is_taken_from_every_channel_of_its_tenant() -> None:
    bare = ChannelMapping(ChannelKey(TWO), ANA)
    changed = merged_sections([ACCOUNT, INBOX, bare], MappingSections(fallbacks={}))
    assert changed == (evolve(ACCOUNT, fallback=False), evolve(INBOX, fallback=False))


def test_new_number_is_added_to_the_holder_entry() -> None:
    holder = evolve(HOLDER, numbers=(BOSS,))
    bare = ChannelMapping(ChannelKey(TWO), BIA)
    wanted = {BIA: frozenset({BOSS, DESK})}
    assert merged_sections([holder, bare], MappingSections(special_numbers=wanted)) == (
        evolve(holder, numbers=(BOSS, DESK)),
    )
    same = MappingSections(special_numbers={BIA: frozenset({BOSS})})
    assert merged_sections([holder, bare], same) == ()
