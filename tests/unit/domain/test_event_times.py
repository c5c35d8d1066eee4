from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.event_times import believed, time_in
from odoo_ai_config.domain.json_types import Json


@given(st.integers(10**9, 10**10), st.integers(-12, 14))
def test_every_form_of_a_time_is_the_same_moment(seconds: int, hours: int) -> None:
    whole = datetime.fromtimestamp(seconds, UTC)
    local = whole.astimezone(timezone(timedelta(hours=hours)))
    forms: list[Json] = [seconds, f"{seconds}", float(seconds), f"{seconds}.0", local.isoformat()]
    forms += [
        f"{whole:%Y-%m-%d %H:%M:%S}",
        f"{whole:%Y-%m-%dT%H:%M:%S}Z",
        f" {whole.isoformat()} ",
        f"{whole:%Y%m%dT%H%M%S}Z",
        f"{whole:%Y%m%dT%H%M%S}",
        f"{local:%Y%m%dT%H%M%S%z}",
        f"{local:%Y%m%d %H:%M:%S%z}",
        f"{whole:%Y-%m-%dt%H:%M:%Sz}",
        f"{whole:%Y-%m-%d %H:%M:%S} UTC",
        f"{local:%Y-%m-%d %H:%M:%S %z}",
        f"{whole:%G-W%V-%uT%H:%M:%S.000000000Z}",
        f"{whole:%GW%V%uT%H%M%S},000Z",
        format_datetime(local),
        format_datetime(whole, usegmt=True),
        format_datetime(whole).removeprefix(f"{whole:%a}, ").replace("+0000", "-0000 (UTC)"),
    ]
    if whole.year < 2100:
        forms += [f"{whole:%Y%m%d%H%M%S}", int(f"{whole:%Y%m%d%H%M%S}")]
    forms += [seconds * 1000, seconds * 1_000_000, seconds * 1_000_000_000]
    for form in forms:
        assert time_in(form) == whole, form
    exact = whole + timedelta(microseconds=hours % 7)
    assert time_in(exact.isoformat(sep=" ")) == exact


@given(st.one_of(st.text(), st.integers(), st.floats(allow_nan=True), st.booleans(), st.none()))
def test_anything_is_a_time_or_none(value: Json) -> None:
    at = time_in(value)
    assert at is None or at >= datetime(2001, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        *("", "now", "2025-13-01T10:00:00", "2025-05-01", "٢٠٢٥-05-01T10:00", "1e9", "9" * 40),
        *(1, 20250501, "20250502", 10**20, 1e300, "1970-01-01T00:00:05", "2000-12-31T23:59:59Z"),
        *("Mon, 24 Nov 2025", "Mon, 24 Nov 2025 16:00:00", "Mon, 24 Nov 2025 16:00:00 BRT"),
        *("Mon, 99 Nov 2025 16:00:00 GMT", "24 Abc 2025 16:00:00 GMT", "20251124", "2025-11-24T"),
        *("2025-11-24T16:00:00 BRT", "20251324T160000Z", "2025-W60-1T10:00", "2025-11-24T16:0"),
        *([1], {"a": 1}, True, "0001-01-01T00:00:00+14:00", "2025-05-01T10:00:00" + "0" * 999),
    ],
)
def test_what_is_no_time(value: Json) -> None:
    assert time_in(value) is None


def test_time_of_a_library_without_an_offset_is_in_utc() -> None:
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    assert believed(datetime(2026, 11, 29, 11), now=now) == datetime(2026, 11, 29, 11, tzinfo=UTC)  # noqa: DTZ001
    assert believed(datetime(2026, 11, 29, 13), now=now) == now  # noqa: DTZ001
