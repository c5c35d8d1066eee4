from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from odoo_ai_config.domain.conversations.hours import (
    DAYS,
    DEFAULT_ZONE,
    MOST_SPANS,
    BusinessHours,
    company_hours,
    stated_hours,
)
from odoo_ai_config.domain.errors import InvalidValueError
from tests.unit.entrypoints.http.web_hub import fixture

MONDAY = datetime(2026, 4, 20, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NINE, NOON, ONE, SIX = (hour * 60 for hour in (9, 12, 13, 18))


def stated(zone: str = "UTC", **weekly: list[str]) -> BusinessHours:
    days: dict[str, Any] = {**weekly}
    return stated_hours({"timezone": zone, "weekly": days}, "hours")


def of_company(**said: Any) -> BusinessHours | None:
    return company_hours({"business_hours": said})


def test_spans_begin_with_their_first_minute_and_end_before_their_last() -> None:
    hours = stated(monday=["09:00-12:00", "13:00-24:00"], tuesday=["00:00-02:30"])
    closed = [8.99, 12, 12.99, 26.5, 30, -1]
    opened = [9, 11.99, 13, 23.99, 24, 26.49]
    for hour in closed:
        assert not hours.open_at(MONDAY + hour * HOUR), hour
    for hour in opened:
        assert hours.open_at(MONDAY + hour * HOUR), hour


def test_hours_are_those_of_the_zone() -> None:
    hours = stated("America/Manaus", monday=["09:00-18:00"])
    assert not hours.open_at(MONDAY + 12.9 * HOUR)
    assert hours.open_at(MONDAY + 13 * HOUR)
    assert hours.open_at(MONDAY + 21.9 * HOUR)
    default = stated_hours({"weekly": {"monday": ["09:00-18:00"]}}, "hours")
    assert default.zone == DEFAULT_ZONE
    assert default.open_at(MONDAY + 12 * HOUR)


def test_hours_move_with_summer_time() -> None:
    hours = stated("America/New_York", friday=["09:00-10:00"], monday=["09:00-10:00"])
    assert hours.open_at(datetime(2026, 3, 6, 14, 0, tzinfo=UTC))
    assert hours.open_at(datetime(2026, 3, 9, 13, 0, tzinfo=UTC))
    assert not hours.open_at(datetime(2026, 3, 9, 14, 0, tzinfo=UTC))


def test_opening_counts_once_it_is_there() -> None:
    hours = stated(monday=["09:00-12:00"], tuesday=["09:00-12:00"])
    start = MONDAY + 8 * HOUR
    assert not hours.opened_between(start, MONDAY + 9 * HOUR - timedelta(seconds=1))
    assert hours.opened_between(start, MONDAY + 9 * HOUR)
    assert not hours.opened_between(MONDAY + 9 * HOUR, MONDAY + DAY)
    assert hours.opened_between(MONDAY + 9 * HOUR, MONDAY + DAY + 9 * HOUR)
    assert hours.opened_between(MONDAY + 2 * DAY, MONDAY + 7 * DAY + 9 * HOUR)
    assert not hours.opened_between(MONDAY + 10 * HOUR, MONDAY)


def test_night_that_goes_over_midnight_is_one_opening() -> None:
    hours = stated(monday=["22:00-24:00"], tuesday=["00:00-02:00", "02:00-03:00"])
    evening = MONDAY + 22 * HOUR
    assert hours.opened_between(MONDAY, evening)
    assert not hours.opened_between(evening, MONDAY + 3 * DAY)


def test_opening_in_the_hour_that_comes_twice_is_two() -> None:
    hours = stated("America/New_York", sunday=["01:30-01:45"])
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert hours.opened_between(first - HOUR, first)
    assert hours.opened_between(first, first + HOUR)
    assert not hours.opened_between(first + HOUR, first + 2 * DAY)


def test_midnight_that_summer_time_skips_is_the_next_hour() -> None:
    # In Santiago the 6th of September 2026 begins at one o'clock.
    hours = stated("America/Santiago", sunday=["00:00-02:00"])
    midnight = datetime(2026, 9, 6, 4, 0, tzinfo=UTC)
    assert not hours.opened_between(midnight - 2 * HOUR, midnight - timedelta(seconds=1))
    assert hours.opened_between(midnight - 2 * HOUR, midnight)


def test_company_does_not_open_before_the_hour_that_summer_time_skips() -> None:
    hours = stated("America/New_York", sunday=["02:30-03:30"])
    two = datetime(2026, 3, 8, 7, 0, tzinfo=UTC)
    assert not hours.opened_between(two - HOUR, two - timedelta(seconds=1))


def test_company_that_never_closes_never_opens() -> None:
    hours = stated("UTC", **{day: ["00:00-24:00"] for day in DAYS})
    assert not hours.opened_between(MONDAY, MONDAY + 30 * DAY)


NO_OBJECTS: Final[list[Any]] = [None, [], "09:00-18:00", 5]
NO_ZONES: Final[list[Any]] = [
    *(None, 5, "", "Brasília", "america/sao_paulo", "America", "../UTC"),
    *("/usr/share/zoneinfo/UTC", "UTC\x00", "\ud800", "tzdata.zi", "x" * 5000),
]
NO_SPANS: Final[list[Any]] = [
    *(None, 9, "", "9:00-12:00", "09:00-9:30", "09:00 - 12:00", "24:00-24:00"),
    *("12:00-12:00", "18:00-09:00", "09:60-12:00", "09:00-25:00", "09:00-24:01"),
    *("0٩:00-12:00", "09:00-12:00\n"),
]
NO_WEEKS: Final[list[Any]] = [
    *(None, [], {"segunda": []}, {"Monday": []}, {"monday": "09:00-12:00"}),
    *({"monday": [span]} for span in NO_SPANS),
    {"monday": ["09:00-12:00"] * (MOST_SPANS + 1)},
]


@pytest.mark.parametrize(
    ("value", "field", "rule"),
    [
        *((value, "hours", "object") for value in NO_OBJECTS),
        ({"weekly": {}, "zone": "UTC"}, "hours", "unknown_field"),
        *(({"timezone": zone, "weekly": {}}, "hours.timezone", "timezone") for zone in NO_ZONES),
        *(({"weekly": weekly}, "hours.weekly", "weekly_hours") for weekly in NO_WEEKS),
        ({}, "hours.weekly", "weekly_hours"),
    ],
)
def test_fault_is_refused_by_its_place_and_rule(value: Any, field: str, rule: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        stated_hours(value, "hours")
    assert (refused.value.field, refused.value.rule) == (field, rule)


def test_day_that_is_not_named_is_closed() -> None:
    hours = stated(monday=["00:00-24:00"] * MOST_SPANS)
    assert hours.days == (((0, 24 * 60),) * MOST_SPANS, *((),) * 6)
    assert stated_hours({"weekly": {"monday": None}}, "hours").days == ((),) * 7


def test_hours_of_the_company_are_odoos() -> None:
    hours = company_hours(fixture("company_metadata"))
    assert hours is not None
    assert hours.zone == DEFAULT_ZONE
    assert hours.days == (((NINE, NOON), (ONE, SIX)),) * 5 + ((),) * 2


USUAL: dict[str, Any] = {"business_hours_start": 9.0, "business_hours_end": 18}
LUNCH: dict[str, Any] = {"lunch_break_start": 12.0, "lunch_break_end": 13.0}


def test_weekend_has_hours_of_its_own() -> None:
    said = {**USUAL, "saturday": True, "sunday": True}
    own = {"saturday_hours_start": 9.5, "saturday_hours_end": 12.25}
    usual, short = ((NINE, SIX),), ((9 * 60 + 30, 12 * 60 + 15),)
    assert of_company(**said) == BusinessHours(DEFAULT_ZONE, ((),) * 5 + (usual,) * 2)
    assert of_company(**said, **own) == BusinessHours(DEFAULT_ZONE, ((),) * 5 + (short, usual))
    only = of_company(saturday=True, **own)
    assert only == BusinessHours(DEFAULT_ZONE, ((),) * 5 + (short, ()))
    # Nobody set them in Odoo.
    zero = {"saturday_hours_start": 0.0, "saturday_hours_end": 0.0}
    assert of_company(**said, **zero) == of_company(**said)


@pytest.mark.parametrize(
    ("lunch", "parts"),
    [
        ({}, ((NINE, SIX),)),
        ({"has_lunch_break": True}, ((NINE, SIX),)),
        ({"has_lunch_break": True, **LUNCH}, ((NINE, NOON), (ONE, SIX))),
        ({"has_lunch_break": False, **LUNCH}, ((NINE, SIX),)),
        ({"has_lunch_break": "yes", **LUNCH}, ((NINE, SIX),)),
        # It ends before it begins.
        (
            {"has_lunch_break": True, "lunch_break_start": 13, "lunch_break_end": 12},
            ((NINE, SIX),),
        ),
        (
            {"has_lunch_break": True, "lunch_break_start": 8, "lunch_break_end": 10},
            ((10 * 60, SIX),),
        ),
        ({"has_lunch_break": True, "lunch_break_start": 8, "lunch_break_end": 9}, ((NINE, SIX),)),
    ],
)
def test_lunch_is_a_break_of_every_day_that_it_is_in(
    lunch: dict[str, Any], parts: tuple[tuple[int, int], ...]
) -> None:
    hours = of_company(monday=True, **USUAL, **lunch)
    assert hours == BusinessHours(DEFAULT_ZONE, (parts, *((),) * 6))


@pytest.mark.parametrize(
    ("zone", "known"),
    [("America/Manaus", "America/Manaus"), *((zone, DEFAULT_ZONE) for zone in (None, 5, "", "X"))],
)
def test_zone_of_the_company_is_its_own_or_the_usual_one(zone: Any, known: str) -> None:
    hours = of_company(monday=True, timezone=zone, **USUAL)
    assert hours is not None
    assert hours.zone == known


@pytest.mark.parametrize(
    "metadata",
    [
        *({}, {"business_hours": None}, {"business_hours": []}, {"business_hours": {}}),
        {"business_hours": USUAL},
        {"business_hours": {**USUAL, "monday": "true"}},
        # A company that is open on a day, but at no hour, has not said its hours.
        {"business_hours": {"monday": True}},
        {"business_hours": {"monday": True, "business_hours_start": 9.0}},
        *(
            {"business_hours": {"monday": True, **USUAL, "business_hours_start": start}}
            for start in (None, True, "9", -1, 18, 18.0, 24.5, 10**400, float("nan"))
        ),
        {
            "business_hours": {
                **USUAL,
                "monday": True,
                "has_lunch_break": True,
                "lunch_break_start": 0,
                "lunch_break_end": 24,
            }
        },
    ],
)
def test_company_that_says_no_hours_has_none(metadata: dict[str, Any]) -> None:
    assert company_hours(metadata) is None
