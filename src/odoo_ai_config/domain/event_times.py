"""
The order of a source's events, by the times that they claim.

Requests overtake each other, and a source sends an event again if it had no answer. A late event
that is older than the one behind the stored state must not win.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from odoo_ai_config.domain.json_types import Json
from odoo_ai_config.domain.outcomes import Notice

STALE: Final = Notice("stale", "timestamp")
_NUMBER: Final = re.compile(r"[0-9]{1,17}(?:\.[0-9]{1,9})?", re.ASCII)
# ISO 8601: the date, the time and the zone, each in its basic or extended form. A date without a
# time says nothing about the order of a day's events.
_MOMENT: Final = re.compile(
    r"(\d{4}-?(?:W\d\d-?\d|\d\d-?\d\d))[T ](\d\d[\d:.,]{0,20}) ?(Z|UTC|GMT|[+-]\d\d[\d:]{0,7})?",
    re.ASCII,
)
# As a number of milliseconds it would be of the year 2600.
_COMPACT: Final = re.compile(r"(20\d{6})(\d{6})", re.ASCII)
# RFC 2822, with the zones that it knows.
_MAIL_DATE: Final = re.compile(
    r"(?:[A-Z]{3}, ?)?\d\d? [A-Z]{3} \d{4} \d\d:\d\d(?::\d\d)?"
    r" (?:[+-]\d{4}|GMT|UTC?|[ECMP][SD]T)(?: \([A-Z ]{1,40}\))?",
    re.ASCII,
)
_UTC_NAMES: Final = frozenset({"UTC", "GMT"})
# Seconds have at most eleven digits (until the year 5138), milliseconds fourteen.
_LONGEST_SECONDS: Final = 10**11
_THOUSAND: Final = 1000
# Beyond nanoseconds.
_TOO_LARGE: Final = _LONGEST_SECONDS * _THOUSAND**3
# An earlier time is that of a clock that was never set, or a number that counts something else,
# such as 20250501.
_EARLIEST: Final = datetime(2001, 1, 1, tzinfo=UTC)
# What every store tells apart.
_TICK: Final = timedelta(microseconds=1)


def time_in(value: Json) -> datetime | None:
    """
    The time that *value* is: text in ISO 8601 or of a mail (RFC 2822), or a number since 1970.

    ISO text without an offset is in UTC.

    The number counts seconds, milliseconds, microseconds or nanoseconds, which its size tells.
    None if it is no time, or one before 2001.
    """
    at = _read(value)
    return at if at is not None and at >= _EARLIEST else None


def _read(value: Json) -> datetime | None:
    try:
        compact = _COMPACT.fullmatch(str(value)) if isinstance(value, str | int) else None
        if compact is not None:
            return datetime.fromisoformat("{}T{}Z".format(*compact.groups()))
        found = _in_text(value.strip().upper()) if isinstance(value, str) else value
        return found if isinstance(found, datetime) else _counted(found)
    except (ValueError, OverflowError, OSError):
        # Out of the calendar's range.
        return None


def _in_text(text: str) -> datetime | float | None:
    moment = _MOMENT.fullmatch(text)
    if moment is not None:
        date, time, zone = moment.groups("Z")
        zone = "Z" if zone in _UTC_NAMES else zone
        return _in_utc(datetime.fromisoformat(f"{date}T{time}{zone}"))
    if _MAIL_DATE.fullmatch(text) is not None:
        return _in_utc(parsedate_to_datetime(text))
    return float(text) if _NUMBER.fullmatch(text) is not None else None


def _counted(value: Json) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 < value < _TOO_LARGE:
        return None
    while value >= _LONGEST_SECONDS:
        value /= _THOUSAND
    return datetime.fromtimestamp(value, UTC)


def _in_utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def believed(claimed: datetime | None, *, now: datetime) -> datetime | None:
    """
    The time of an event that claims to be of *claimed*.

    A source whose clock is ahead is believed only up to *now*: otherwise one event could block
    all others for years. A time without an offset is in UTC.
    """
    return None if claimed is None else min(_in_utc(claimed), now)


def is_stale(event_at: datetime | None, *stored: datetime | None) -> bool:
    """
    Whether an event is older than one of those that led to the *stored* states.

    Equal times are not: a source sends the same event again. None is an event, or a state, of
    unknown time.
    """
    return event_at is not None and any(at is not None and event_at < at for at in stored)


def latest(*times: datetime | None) -> datetime | None:
    """
    The latest of *times*; None if all are unknown.
    """
    return max((at for at in times if at is not None), default=None)


def later_than(before: datetime, at: datetime) -> datetime:
    """
    The time of the version that is written *at* this moment behind one of *before*.

    The clocks of processes differ. So that times alone tell the order of versions, each is later
    than the one before it.
    """
    return max(at, before + _TICK)
