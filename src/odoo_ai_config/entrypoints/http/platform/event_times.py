"""
The time that a request claims for its event.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.http.platform.app_keys import EVENT_AT, OPTIONS

_NUMBER: Final = re.compile(r"[0-9]{1,17}(?:\.[0-9]{1,9})?", re.ASCII)
# A date without a time says nothing about the order of a day's events.
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.{0,24}", re.ASCII)
# Seconds have at most eleven digits (until the year 5138), milliseconds fourteen.
_LONGEST_SECONDS: Final = 10**11
_THOUSAND: Final = 1000
# Beyond nanoseconds.
_TOO_LARGE: Final = _LONGEST_SECONDS * _THOUSAND**3
# An earlier time is that of a clock that was never set, or a number that counts something else,
# such as 20250501.
_EARLIEST: Final = datetime(2001, 1, 1, tzinfo=UTC)


def event_time(request: web.Request, stated: Json) -> datetime | None:
    """
    When the event of *request* is from: *stated*, its `timestamp`, or else `webhook-timestamp`.

    The latter is the time of an attempt to send it. None if the order of events does not matter to
    the operator, or if neither is a time.
    """
    if not request.app[OPTIONS].ignore_stale:
        return None
    return moment_of(stated) or moment_of(request.headers.get("webhook-timestamp"))


def note_event_time(request: web.Request, body: JsonObject) -> None:
    """
    Keep the `event_time` of *request* with it, for where the event is taken in.
    """
    event_at = event_time(request, body.get("timestamp"))
    if event_at is not None:
        request[EVENT_AT] = event_at


def moment_of(value: Json) -> datetime | None:
    """
    The time that *value* is: ISO text, in UTC if it names no offset, or a number since 1970.

    The number counts seconds, milliseconds, microseconds or nanoseconds, which its size tells.
    None if it is no time, or one before 2001.
    """
    at = _read(value)
    return at if at is not None and at >= _EARLIEST else None


def _read(value: Json) -> datetime | None:
    try:
        if isinstance(value, str):
            text = value.strip()
            if _MOMENT.fullmatch(text) is not None:
                at = datetime.fromisoformat(text)
                return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
            value = float(text) if _NUMBER.fullmatch(text) is not None else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if not 0 < value < _TOO_LARGE:
            return None
        while value >= _LONGEST_SECONDS:
            value /= _THOUSAND
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        # Whoever sends no time is taken in as before.
        return None
