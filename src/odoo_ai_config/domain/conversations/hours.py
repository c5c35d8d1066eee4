"""
Business hours: whether a company is open at a moment.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import product
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from attrs import frozen

from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.json_types import Json, ReadOnlyJsonObject

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Of companies whose metadata name none.
DEFAULT_ZONE: Final = "America/Sao_Paulo"
MOST_SPANS: Final = 6
_SPAN: Final = re.compile(
    r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)", re.ASCII
)
_HOUR: Final = 60
_DAY: Final = 24 * _HOUR
_MINUTE: Final = timedelta(minutes=1)

# Minutes of a day: from the first to before the second.
Span: TypeAlias = tuple[int, int]


@frozen
class BusinessHours:
    """
    The hours of each day of the week, Monday first, in the time of a zone.
    """

    zone: str
    days: tuple[tuple[Span, ...], ...]

    def open_at(self, moment: datetime) -> bool:
        """
        Whether *moment*, of any zone, is within the hours.
        """
        local = moment.astimezone(_zone(self.zone))
        minute = local.hour * _HOUR + local.minute
        return any(start <= minute < end for start, end in self.days[local.weekday()])

    def opened_between(self, start: datetime, end: datetime) -> bool:
        """
        Whether it opened after *start* and not after *end*.

        An hour that the clocks skip when summer time begins does not count.
        """
        zone = _zone(self.zone)
        day, last = start.astimezone(zone).date(), end.astimezone(zone).date()
        # After a week the days repeat.
        for _ in range(min((last - day).days, len(DAYS)) + 1):
            for (opens, _closes), fold in product(self.days[day.weekday()], (0, 1)):
                opening = time(*divmod(opens, _HOUR), fold=fold)
                at = datetime.combine(day, opening, zone).astimezone(UTC)
                if start < at <= end and self.open_at(at) and not self.open_at(at - _MINUTE):
                    return True
            day += timedelta(days=1)
        return False


def stated_hours(value: Json, where: str) -> BusinessHours:
    """
    Read ``{"timezone": "America/Manaus", "weekly": {"monday": ["09:00-12:00", "13:00-18:00"]}}``.

    A day that is not named is closed.

    Raises:
        InvalidValueError: It has another form, or there is no such zone.
    """
    if not isinstance(value, dict):
        raise InvalidValueError(where, "object")
    if value.keys() - {"timezone", "weekly"}:
        raise InvalidValueError(where, "unknown_field")
    zone, weekly = value.get("timezone", DEFAULT_ZONE), value.get("weekly")
    if not isinstance(zone, str) or not _is_zone(zone):
        raise InvalidValueError(f"{where}.timezone", "timezone")
    if not isinstance(weekly, dict) or weekly.keys() - set(DAYS):
        raise InvalidValueError(f"{where}.weekly", "weekly_hours")
    return BusinessHours(zone, tuple(_spans(weekly.get(day), where) for day in DAYS))


def company_hours(metadata: ReadOnlyJsonObject) -> BusinessHours | None:
    """
    The hours that Odoo says in a ``metadata`` document; None if it says none.

    Saturday and Sunday have hours of their own. Where they are missing, and with a start that is
    not before the end, those of the other days hold. Lunch is a break of every day that it is in.
    """
    said = metadata.get("business_hours")
    if not isinstance(said, dict):
        return None
    usual = _told(said, "business_hours")
    lunch = _told(said, "lunch_break") if said.get("has_lunch_break") is True else None
    days = []
    for day in DAYS:
        own = _told(said, f"{day}_hours") or usual
        hours = own if said.get(day) is True else None
        days.append(_without(hours, lunch))
    zone = said.get("timezone")
    known = isinstance(zone, str) and _is_zone(zone)
    if not any(days):
        return None
    return BusinessHours(str(zone) if known else DEFAULT_ZONE, tuple(days))


def _spans(value: Json, where: str) -> tuple[Span, ...]:
    spans = [] if value is None else value
    if not isinstance(spans, list) or len(spans) > MOST_SPANS:
        raise InvalidValueError(f"{where}.weekly", "weekly_hours")
    read = []
    for span in spans:
        found = _SPAN.fullmatch(span) if isinstance(span, str) else None
        if found is None:
            raise InvalidValueError(f"{where}.weekly", "weekly_hours")
        start = int(found[1]) * _HOUR + int(found[2])
        end = _DAY if found[3] is None else int(found[3]) * _HOUR + int(found[4])
        if start >= end:
            raise InvalidValueError(f"{where}.weekly", "weekly_hours")
        read.append((start, end))
    return tuple(read)


def _told(said: ReadOnlyJsonObject, name: str) -> Span | None:
    # Odoo's hours are decimal numbers: 9.5 is 09:30.
    start, end = (_minutes(said.get(f"{name}_{edge}")) for edge in ("start", "end"))
    return (start, end) if start is not None and end is not None and start < end else None


def _minutes(value: Json) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(value * _HOUR) if 0 <= value <= _DAY // _HOUR else None


def _without(hours: Span | None, pause: Span | None) -> tuple[Span, ...]:
    if hours is None:
        return ()
    (start, end), (out, back) = hours, pause or (_DAY, _DAY)
    parts = ((start, min(end, out)), (max(start, back), end))
    return tuple(part for part in parts if part[0] < part[1])


def _is_zone(name: str) -> bool:
    try:
        _zone(name)
    except (KeyError, ValueError, OSError):
        # No such zone, no name of one, or a part of the database that is none.
        return False
    return True


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
