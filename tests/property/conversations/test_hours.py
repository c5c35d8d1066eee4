"""
Business hours against a model that goes from minute to minute and compares texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from odoo_ai_config.domain.conversations.hours import (
    DAYS,
    DEFAULT_ZONE,
    BusinessHours,
    company_hours,
    stated_hours,
)
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.json_types import Json, JsonObject
from tests import strategies

MINUTE = timedelta(minutes=1)
# With summer time and without, in steps of half an hour, beyond a day's end, at midnight.
ZONES = (
    *("America/Sao_Paulo", "America/Manaus", "America/Santiago", "America/New_York"),
    *("Europe/Lisbon", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Kiritimati", "UTC"),
)
MOMENTS = st.datetimes(
    datetime(2024, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2028, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.just(UTC),
) | st.sampled_from(
    [
        # When clocks change in New York, Santiago, Lisbon and on Lord Howe.
        *(datetime(2026, 3, 8, 6, 30, tzinfo=UTC), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        *(datetime(2026, 9, 6, 3, 59, tzinfo=UTC), datetime(2026, 4, 5, 2, 30, tzinfo=UTC)),
        *(datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 10, 3, 15, 0, tzinfo=UTC)),
    ]
)


@st.composite
def spans(draw: st.DrawFn) -> str:
    # Not in the hours that the clocks skip when summer time begins.
    start = draw(st.just(0) | st.integers(4 * 60, 24 * 60 - 1))
    end = draw(st.integers(start + 1, 24 * 60))
    return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (start, end))


WEEKS = st.dictionaries(
    st.sampled_from(DAYS),
    st.lists(spans() | st.sampled_from(["00:00-24:00", "22:00-24:00", "00:00-02:00"]), max_size=6),
)


def is_open(weekly: Mapping[str, list[str]], zone: str, moment: datetime) -> bool:
    local = moment.astimezone(ZoneInfo(zone))
    told = weekly.get(f"{local:%A}".lower(), [])
    clock = f"{local:%H:%M}"
    return any(start <= clock < end for start, end in (span.split("-") for span in told))


def hours_of(weekly: Mapping[str, list[str]], zone: str) -> BusinessHours:
    days: JsonObject = {day: [*spans] for day, spans in weekly.items()}
    return stated_hours({"timezone": zone, "weekly": days}, "hours")


@given(WEEKS, st.sampled_from(ZONES), MOMENTS, st.integers(-12, 14))
def test_company_is_open_in_the_minutes_of_its_spans(
    weekly: dict[str, list[str]], zone: str, moment: datetime, shift: int
) -> None:
    hours = hours_of(weekly, zone)
    for minute in range(0, 3 * 24 * 60, 7):
        at = moment + minute * MINUTE
        assert hours.open_at(at) == is_open(weekly, zone, at)
    elsewhere = moment.astimezone(ZoneInfo(f"Etc/GMT{-shift:+}"))
    assert hours.open_at(elsewhere) == is_open(weekly, zone, moment)


@given(
    WEEKS,
    st.sampled_from(ZONES),
    MOMENTS,
    st.integers(-60, 2 * 24 * 3600) | st.sampled_from([0, 60, 24 * 3600]),
    st.booleans(),
)
def test_company_opened_if_a_minute_began_that_it_was_open_in_and_not_before(
    weekly: dict[str, list[str]], zone: str, start: datetime, seconds: int, aligned: bool
) -> None:
    if aligned:
        start = start.replace(second=0, microsecond=0)
    end = start + timedelta(seconds=seconds)
    minute = start.replace(second=0, microsecond=0)
    minute += MINUTE
    opened = False
    before = is_open(weekly, zone, minute - MINUTE)
    while minute <= end:
        now = is_open(weekly, zone, minute)
        opened = opened or (now and not before)
        before, minute = now, minute + MINUTE
    hours = hours_of(weekly, zone)
    assert hours.opened_between(start, end) == opened
    local = ZoneInfo(zone)
    assert hours.opened_between(start.astimezone(local), end.astimezone(local)) == opened


@given(WEEKS, st.sampled_from(ZONES), MOMENTS, st.integers(8, 400))
def test_week_has_every_opening(
    weekly: dict[str, list[str]], zone: str, start: datetime, days: int
) -> None:
    hours = hours_of(weekly, zone)
    ever = hours.opened_between(start, start + timedelta(days=8))
    assert hours.opened_between(start, start + timedelta(days=days)) == ever


@given(strategies.json_values())
@example({"timezone": "UTC", "weekly": {"monday": ["09:00-12:00"]}})
def test_any_value_is_hours_or_refused(value: Json) -> None:
    with suppress(InvalidValueError):
        assert isinstance(stated_hours(value, "hours"), BusinessHours)


@given(st.text() | st.sampled_from(["America", "tzdata.zi", "leapseconds", "..", "/etc/passwd"]))
def test_any_text_is_a_zone_or_refused(name: str) -> None:
    with suppress(InvalidValueError):
        hours = stated_hours({"timezone": name, "weekly": {}}, "hours")
        assert not hours.open_at(datetime(2026, 1, 1, tzinfo=UTC))
    assert company_hours({"business_hours": {"timezone": name, "monday": True}}) is None


QUARTERS = st.integers(0, 96).map(lambda quarter: quarter / 4)
USUAL: dict[str, st.SearchStrategy[Any]] = {day: st.booleans() for day in DAYS} | {
    "has_lunch_break": st.booleans(),
    **{
        f"{name}_{edge}": QUARTERS
        for name in ("business_hours", "lunch_break", "saturday_hours", "sunday_hours")
        for edge in ("start", "end")
    },
}


@given(st.fixed_dictionaries({}, optional=USUAL), st.integers(0, 7 * 24 * 4 - 1))
def test_company_is_open_as_odoo_says(said: dict[str, Any], quarter: int) -> None:
    # The 5th of January 2026 is a Monday.
    moment = datetime(2026, 1, 5, tzinfo=ZoneInfo(DEFAULT_ZONE)) + quarter * 15 * MINUTE
    day, hour = DAYS[quarter // 96], (quarter % 96) / 4

    def within(name: str) -> bool | None:
        start, end = said.get(f"{name}_start"), said.get(f"{name}_end")
        return None if start is None or end is None or start >= end else start <= hour < end

    own = within(f"{day}_hours") if day in {"saturday", "sunday"} else None
    at_work = within("business_hours") if own is None else own
    lunch = said.get("has_lunch_break") and within("lunch_break")
    expected = bool(said.get(day) and at_work and not lunch)
    hours = company_hours({"business_hours": said})
    if hours is None:
        assert not expected
    else:
        assert hours.open_at(moment) == expected
        assert any(hours.days)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: strategies.json_values() | strategy
            for name, strategy in {**USUAL, "timezone": st.sampled_from(ZONES)}.items()
        },
    )
    | strategies.json_values()
)
def test_any_metadata_give_hours_or_none(said: Json) -> None:
    hours = company_hours({"business_hours": said})
    if hours is not None:
        for minute in range(0, 7 * 24 * 60, 61):
            assert hours.open_at(datetime(2026, 1, 5, tzinfo=UTC) + minute * MINUTE) in {
                True,
                False,
            }
        assert all(0 <= start < end <= 24 * 60 for day in hours.days for start, end in day)
