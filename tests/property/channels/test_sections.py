from __future__ import annotations

from collections.abc import Iterable

import pytest
from attrs import evolve, fields_dict
from hypothesis import assume, given
from hypothesis import strategies as st

from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.channels.sections import MappingSections, rewritten, sections_of
from odoo_ai_config.domain.errors import AmbiguousMappingError
from odoo_ai_config.domain.identifiers import BusinessArea, ChatwootId, TenantArea, TenantId
from tests.strategies import channel_keys, channel_mappings, special_numbers

OWNERS = [
    TenantArea(TenantId(tenant), BusinessArea(area))
    for tenant in ("a", "b")
    for area in ("retail", "health")
]
owners = st.sampled_from(OWNERS)
IDS = [ChatwootId(str(number)) for number in (1, 2, 3)]
# Once accepted; it is no id.
NO_INBOX = ChatwootId("0")
ids = st.sampled_from(IDS)
stored_ids = st.sampled_from([*IDS * 3, NO_INBOX])
numbers = st.sampled_from([PhoneNumber(f"55119876543{number}0") for number in (1, 2, 3)])
sequences = st.integers(0, 3)
mappings = channel_mappings(
    keys=channel_keys(owners=owners, accounts=stored_ids, inboxes=stored_ids),
    owners=owners,
    numbers=numbers,
    sequences=sequences,
)
tables = st.lists(mappings, max_size=8, unique_by=lambda mapping: mapping.key)
names = list(fields_dict(MappingSections))


@st.composite
def old_sections(draw: st.DrawFn) -> MappingSections:
    named = st.dictionaries(ids, owners, max_size=3)
    special = st.frozensets(special_numbers(numbers), min_size=1, max_size=2)
    return MappingSections(
        accounts=draw(st.none() | named),
        inboxes=draw(st.none() | named),
        fallbacks=draw(st.none() | st.dictionaries(owners, sequences, max_size=3)),
        special_numbers=draw(st.none() | st.dictionaries(owners, special, max_size=3)),
    )


def after(
    before: list[ChannelMapping], written: MappingSections, *, replace: bool
) -> list[ChannelMapping]:
    changed = rewritten(before, written, replace=replace)
    return list({mapping.key: mapping for mapping in (*before, *changed)}.values())


def owners_of(channels: Iterable[ChannelMapping]) -> set[TenantArea]:
    return {mapping.owner for mapping in channels if mapping.active}


def unsayable(table: list[ChannelMapping]) -> set[ChatwootId]:
    """
    Inboxes that the old form cannot show.
    """
    inboxes = {m.key.inbox for m in table if m.active and m.key.inbox is not None}
    return {
        inbox
        for inbox in inboxes
        if inbox == NO_INBOX or len(owners_of(m for m in table if m.key.inbox == inbox)) > 1
    }


def is_wipe(before: list[ChannelMapping], written: MappingSections) -> bool:
    """
    Whether the writer took away all channels that the old form showed.
    """
    shown = sections_of(before)
    return written.accounts == {} == written.inboxes and bool(shown.accounts or shown.inboxes)


def unsaid(before: list[ChannelMapping], written: MappingSections, *, replace: bool) -> set[str]:
    """
    The sections that a whole mapping without `channels` must have, and does not.
    """
    if not replace:
        return set()
    channels = [m.key for m in before if m.active and m.key.holder is None]
    needed = {"accounts": any(not key.inbox for key in channels)}
    needed |= {"inboxes": any(key.inbox for key in channels)}
    missing = {name for name in needed if getattr(written, name) is None}
    nothing = missing and not (written.accounts or written.inboxes)
    return {"channels"} if nothing else {name for name in missing if needed[name]}


def ambiguous(
    before: list[ChannelMapping], written: MappingSections, *, replace: bool
) -> set[str]:
    """
    The sections that may be refused.
    """
    hidden = unsayable(before)
    if not replace or is_wipe(before, written):
        hidden &= (written.inboxes or {}).keys()
    fallbacks = [m for m in before if m.active and m.fallback]
    differ = {
        m.owner
        for m in fallbacks
        for other in fallbacks
        if m.owner == other.owner and m.sequence != other.sequence
    }
    return {name for name, found in (("inboxes", hidden), ("fallbacks", differ)) if found}


@given(tables)
def test_old_sections_show_who_alone_has_an_account_or_an_inbox(
    table: list[ChannelMapping],
) -> None:
    shown = sections_of(table)
    assert shown.accounts is not None
    assert shown.inboxes is not None
    for id_ in IDS:
        own = owners_of(m for m in table if m.key == ChannelKey(id_))
        found = own or owners_of(m for m in table if m.key.account == id_)
        assert shown.accounts.get(id_) == (found.pop() if len(found) == 1 else None)
        found = owners_of(m for m in table if m.key.inbox == id_)
        assert shown.inboxes.get(id_) == (found.pop() if len(found) == 1 else None)


@given(tables, st.sets(st.sampled_from(names)))
def test_what_was_read_changes_nothing_when_it_is_written_back(
    table: list[ChannelMapping], left_out: set[str]
) -> None:
    read = sections_of(table)
    part = evolve(read, **dict.fromkeys(left_out))
    assert rewritten(table, part, replace=False) == ()
    assert rewritten(table, read, replace=True) == ()
    assert rewritten(table, evolve(part, channels=read.channels), replace=True) == ()


@given(tables)
def test_old_sections_of_the_whole_mapping_change_nothing_or_are_refused(
    table: list[ChannelMapping],
) -> None:
    read = evolve(sections_of(table), channels=None)
    if unsayable(table):
        with pytest.raises(AmbiguousMappingError):
            rewritten(table, read, replace=True)
    else:
        assert rewritten(table, read, replace=True) == ()


@given(tables, st.booleans())
def test_empty_hub_takes_a_mapping_over_as_it_is(
    table: list[ChannelMapping], replace: bool
) -> None:
    now = after([], sections_of(table), replace=replace)
    assert sorted(now, key=str) == sorted(table, key=str)


@given(tables, tables)
def test_channels_are_the_whole_mapping_or_a_part_of_it(
    before: list[ChannelMapping], written: list[ChannelMapping]
) -> None:
    channels = MappingSections(channels=tuple(written))
    upserted = {m.key: m for m in (*before, *written)}
    assert after(before, channels, replace=False) == list(upserted.values())
    for mapping in after(before, channels, replace=True):
        expected = {m.key: m for m in written}.get(mapping.key)
        assert mapping == (expected or evolve(upserted[mapping.key], active=False))


@given(tables, tables, st.booleans())
def test_edited_channels_win_over_the_sections_that_were_read_with_them(
    before: list[ChannelMapping], edited: list[ChannelMapping], replace: bool
) -> None:
    alone = MappingSections(channels=tuple(edited))
    beside = evolve(sections_of(before), channels=tuple(edited))
    assert after(before, beside, replace=replace) == after(before, alone, replace=replace)


@given(tables, old_sections(), st.booleans())
def test_edited_sections_win_over_the_channels_that_were_read_with_them(
    before: list[ChannelMapping], written: MappingSections, replace: bool
) -> None:
    assume(not (replace and unsayable(before)))
    assume(not unsaid(before, written, replace=replace))
    beside = evolve(written, channels=sections_of(before).channels)
    if replace:
        # Beside channels, a section that is left out says nothing.
        beside = evolve(
            beside,
            accounts=beside.accounts or {},
            inboxes=beside.inboxes or {},
            fallbacks=beside.fallbacks or {},
            special_numbers=beside.special_numbers or {},
        )
    try:
        expected = after(before, written, replace=replace)
    except AmbiguousMappingError:
        with pytest.raises(AmbiguousMappingError):
            rewritten(before, beside, replace=replace)
    else:
        assert after(before, beside, replace=replace) == expected


@given(tables, old_sections(), st.booleans())
def test_written_entries_are_shown_or_refused_where_they_are_ambiguous(
    before: list[ChannelMapping], written: MappingSections, replace: bool
) -> None:
    refusals = []
    now = before
    try:
        now = after(before, written, replace=replace)
    except AmbiguousMappingError as refusal:
        refusals.append(refusal.section)
    if refusals:
        missing = unsaid(before, written, replace=replace)
        assert set(refusals) <= (missing or ambiguous(before, written, replace=replace))
        return
    shown = sections_of(now)
    for name in ("accounts", "inboxes"):
        entries = getattr(written, name) or {}
        assert {id_: getattr(shown, name).get(id_) for id_ in entries} == entries
    for name in ("fallbacks", "special_numbers"):
        if getattr(written, name) is not None:
            assert getattr(shown, name) == getattr(written, name)
    assert rewritten(now, written, replace=replace) == ()


@given(tables, old_sections())
def test_merging_touches_only_what_is_named(
    before: list[ChannelMapping], written: MappingSections
) -> None:
    known = {mapping.key: mapping for mapping in before}
    try:
        changed = rewritten(before, written, replace=False)
    except AmbiguousMappingError:
        return
    for mapping in changed:
        key = mapping.key
        named = key.inbox in (written.inboxes or {}) or (
            key.inbox is None and key.account in (written.accounts or {})
        )
        was = known.get(key)
        # Only data of the owner: its fallback and its numbers.
        owned = key.holder is not None or (
            was is not None
            and (was.owner, was.active) == (mapping.owner, mapping.active)
            and (written.fallbacks is not None or written.special_numbers is not None)
        )
        assert named or owned


@given(tables, old_sections())
def test_nobody_switches_off_what_they_do_not_speak_of(
    before: list[ChannelMapping], written: MappingSections
) -> None:
    if unsaid(before, written, replace=True):
        with pytest.raises(AmbiguousMappingError):
            rewritten(before, written, replace=True)
        return
    try:
        changed = rewritten(before, written, replace=True)
    except AmbiguousMappingError:
        return
    for mapping in changed:
        if not mapping.active:
            section = written.accounts if mapping.key.inbox is None else written.inboxes
            assert section is not None


@given(tables.filter(unsayable), old_sections())
def test_replacing_without_channels_loses_none_that_the_sections_cannot_say(
    before: list[ChannelMapping], written: MappingSections
) -> None:
    if is_wipe(before, written):
        now = after(before, written, replace=True)
        assert not any(mapping.active and mapping.key.holder is None for mapping in now)
    else:
        with pytest.raises(AmbiguousMappingError):
            rewritten(before, written, replace=True)


@given(tables, old_sections(), st.booleans())
def test_inactive_channels_stay_as_they_are_unless_they_are_named(
    before: list[ChannelMapping], written: MappingSections, replace: bool
) -> None:
    named = {ChannelKey(account) for account in written.accounts or {}}
    named |= {ChannelKey(inbox=inbox) for inbox in written.inboxes or {}}
    try:
        changed = rewritten(before, written, replace=replace)
    except AmbiguousMappingError:
        return
    for mapping in changed:
        if mapping.key.holder is None and mapping.key not in named:
            assert next(old for old in before if old.key == mapping.key).active
