from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.channels.history import (
    ChannelChange,
    ChannelChangeKind,
    HistoryPlace,
    HistoryPrunedError,
    MappingChange,
    Unshown,
    moment_of,
    moment_text,
    past_of,
    place_of,
    restored,
)
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping, remapped
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import ChatwootId, TenantId
from tests.contract.samples import AT, DAY, mapping, owner
from tests.strategies import channel_keys, mapping_revisions

NOW = mapping(numbers=(("5511987654321", "boss"),)).mapping
OFF = evolve(NOW, active=False)


@pytest.mark.parametrize(
    ("before", "after", "kind", "fields"),
    [
        (None, NOW, ChannelChangeKind.ADDED, ()),
        (NOW, None, ChannelChangeKind.REMOVED, ()),
        (NOW, evolve(OFF, owner=owner("b")), ChannelChangeKind.MOVED, ("owner", "active")),
        (NOW, evolve(NOW, owner=owner(domain="b")), ChannelChangeKind.MOVED, ("owner",)),
        (
            NOW,
            evolve(OFF, owner=owner(domain="b")),
            ChannelChangeKind.SWITCHED_OFF,
            ("owner", "active"),
        ),
        (OFF, evolve(NOW, owner=owner(domain="b")), ChannelChangeKind.MOVED, ("owner", "active")),
        (OFF, NOW, ChannelChangeKind.SWITCHED_ON, ("active",)),
        (
            NOW,
            evolve(OFF, sequence=1),
            ChannelChangeKind.SWITCHED_OFF,
            ("sequence", "active"),
        ),
        (
            NOW,
            evolve(NOW, fallback=True, numbers=()),
            ChannelChangeKind.CHANGED,
            ("fallback", "numbers"),
        ),
        (Unshown.PRUNED, NOW, ChannelChangeKind.CHANGED, ()),
    ],
)
def test_change_says_what_happened_and_which_fields_differ(
    before: ChannelMapping | Unshown | None,
    after: ChannelMapping | None,
    kind: ChannelChangeKind,
    fields: tuple[str, ...],
) -> None:
    change = ChannelChange.of(NOW.key, before, after)
    assert (change.kind, change.fields) == (kind, fields)
    assert (change.before, change.after) == (before, after)


def test_others_are_hidden_from_a_tenant() -> None:
    moved = ChannelChange.of(NOW.key, NOW, evolve(NOW, owner=owner("b")))
    assert moved.seen_by(None) == moved
    assert moved.seen_by(TenantId("acme")) == evolve(moved, after=Unshown.HIDDEN)
    assert moved.seen_by(TenantId("b")) == evolve(moved, before=Unshown.HIDDEN)
    assert moved.concerns(TenantId("acme"))
    assert moved.concerns(TenantId("b"))
    assert not moved.concerns(TenantId("c"))
    added = ChannelChange.of(NOW.key, None, NOW)
    assert added.seen_by(TenantId("acme")) == added


def test_line_of_the_audit_trail_has_names_and_no_values() -> None:
    first, second = mapping(), mapping(version=2, tenant="b", sequence=7)
    assert str(MappingChange.of(first, None)) == "channel/1/1 v1 added: acme/default"
    assert (
        str(MappingChange.of(second, first))
        == "channel/1/1 v2 moved: acme/default -> b/default (owner, sequence)"
    )
    assert str(MappingChange.of(second, None)) == "channel/1/1 v2 changed: b/default"


def test_change_is_at_the_place_of_its_revision() -> None:
    revision = mapping()
    assert MappingChange.of(revision, None).place == place_of(revision)


@given(mapping_revisions())
def test_place_survives_its_text(revision: object) -> None:
    place = place_of(revision)  # type: ignore[arg-type]
    assert HistoryPlace.from_text(str(place)) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.1",
        "1.1.",
        "1.1.channel/1",
        "1.1.channel/*/*",
        "1.1.channel/1/7/8",
        "1.-1.channel/1/7",
        "1_0.1.channel/1/7",
        "9" * 18 + ".1.channel/1/7",
        "-" + "9" * 18 + ".1.channel/1/7",
        "1.1.channel/1/7\n",
    ],
)
def test_text_that_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        HistoryPlace.from_text(text)
    assert refusal.value.rule == "cursor"


@given(channel_keys())
def test_channel_survives_its_text(key: ChannelKey) -> None:
    assert ChannelKey.from_text(str(key)) == key
    # No text sorts before the first place of a moment.
    assert str(key) >= str(HistoryPlace.before(AT).key)


@pytest.mark.parametrize(
    "text", ["", "1/7", "channel/1", "channel/*/*", "channel/1/7/8", "inbox/1/7", "holder/a b/c"]
)
def test_text_that_is_no_channel_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        ChannelKey.from_text(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_moment_survives_its_text(moment: datetime) -> None:
    assert moment_of(moment_text(moment)) == moment


def test_moment_is_read_in_any_time_zone_but_not_without_one() -> None:
    there = datetime(2026, 4, 23, 16, tzinfo=timezone(timedelta(hours=-3)))
    assert moment_of("2026-04-23T16:00:00-03:00") == there
    assert moment_text(there) == "2026-04-23T19:00:00.000000Z"
    for text in ("", "2026-04-23T16:00:00", "agora", "0001-01-01T00:00:00+12:00"):
        with pytest.raises(InvalidValueError) as refusal:
            moment_of(text)
        assert refusal.value.rule == "moment"


def test_past_of_a_channel_is_known_or_refused() -> None:
    present = mapping(version=3)
    kept = mapping(version=2)
    assert past_of(present, kept, kept.updated_at) == kept.mapping
    assert past_of(present, None, present.created_at - timedelta.resolution) is None
    with pytest.raises(HistoryPrunedError):
        past_of(present, None, present.created_at)


def test_channel_that_did_not_exist_is_switched_off_and_keeps_its_data() -> None:
    assert restored(NOW, None) == OFF
    assert restored(OFF, NOW) == NOW


def test_revision_is_always_later_than_the_one_before_it() -> None:
    current = mapping()
    late = remapped(current, OFF, author="x", at=current.updated_at - DAY)
    assert late is not None
    assert late.updated_at == current.updated_at + timedelta(microseconds=1)
    other = ChannelMapping(ChannelKey(ChatwootId("9")), owner())
    first = remapped(None, other, author="x", at=AT - DAY)
    assert first is not None
    assert first.updated_at == AT - DAY
