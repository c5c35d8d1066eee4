from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from odoo_ai_config.entrypoints.http import routes
from odoo_ai_config.entrypoints.log_files import AREAS, LogFiles
from tests.source_tree import PACKAGE

NOON = datetime(2026, 11, 22, 12).astimezone()


class Calendar:
    """
    A clock that tests set, in local time.
    """

    def __init__(self) -> None:
        self.moment = NOON

    def __call__(self) -> float:
        return self.moment.timestamp()


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def files(tmp_path: Path, calendar: Calendar) -> Iterator[LogFiles]:
    with closing(LogFiles(tmp_path / "logs", now=calendar)) as files:
        yield files


@pytest.fixture
def folder(tmp_path: Path, files: LogFiles) -> Path:
    return tmp_path / "logs"


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_every_file_is_there_from_the_start(folder: Path) -> None:
    assert names_in(folder) == {
        "20261122_unified_server.log",
        "webhook.log",
        "hub.log",
        "config_service.log",
    }


def test_new_day_has_its_file_before_anything_happens(
    files: LogFiles, folder: Path, calendar: Calendar
) -> None:
    files.write([("old", "hub")])
    calendar.moment = datetime(2026, 11, 22, 23, 59, 59).astimezone()
    files.turn_page()
    assert "20261123_unified_server.log" not in names_in(folder)
    calendar.moment = datetime(2026, 11, 23).astimezone()
    files.turn_page()
    assert (folder / "20261123_unified_server.log").read_text() == ""
    files.write([("new", "hub")])
    assert (folder / "20261122_unified_server.log").read_text() == "old\n"
    assert (folder / "20261123_unified_server.log").read_text() == "new\n"
    assert (folder / "hub.log").read_text() == "old\nnew\n"


def test_day_before_goes_on_while_the_new_file_cannot_be_made(
    files: LogFiles, folder: Path, calendar: Calendar
) -> None:
    calendar.moment = NOON + timedelta(days=1)
    obstacle = folder / "20261123_unified_server.log"
    obstacle.mkdir()
    files.turn_page()
    files.write([("late", None)])
    assert (folder / "20261122_unified_server.log").read_text() == "late\n"
    obstacle.rmdir()
    files.turn_page()
    files.write([("fresh", None)])
    assert obstacle.read_text() == "fresh\n"


@pytest.mark.parametrize("opened_at", [NOON, NOON - timedelta(days=1)])
def test_days_long_past_are_removed_at_the_start_and_on_each_new_day(
    tmp_path: Path, calendar: Calendar, opened_at: datetime
) -> None:
    old = {
        "20261107_unified_server.log",
        "20261107_unified_server.log.5",
        "20250101_unified_server-3.log",
    }
    kept = {
        "20261108_unified_server.log",
        "20261121_unified_server-1.log.1",
        "20261107_something_else.log",
        "20261107_unified_server.log.gz",
    }
    calendar.moment = opened_at
    with closing(LogFiles(tmp_path, now=calendar)) as files:
        for name in old | kept:
            (tmp_path / name).touch()
        calendar.moment = NOON
        files.turn_page()
    with closing(LogFiles(tmp_path, now=calendar)):
        assert not old & names_in(tmp_path)
        assert kept < names_in(tmp_path)


def test_file_that_cannot_be_removed_is_no_reason_to_stop(
    files: LogFiles, folder: Path, calendar: Calendar
) -> None:
    (folder / "20260101_unified_server.log").mkdir()
    (folder / "20260102_unified_server.log").touch()
    calendar.moment = NOON + timedelta(days=1)
    files.turn_page()
    assert "20260101_unified_server.log" in names_in(folder)
    assert "20260102_unified_server.log" not in names_in(folder)


def test_further_processes_write_files_of_their_own_and_remove_none(
    tmp_path: Path, calendar: Calendar
) -> None:
    (tmp_path / "20260101_unified_server.log").touch()
    with closing(LogFiles(tmp_path, worker=2, now=calendar)):
        assert names_in(tmp_path) == {
            "20260101_unified_server.log",
            "20261122_unified_server-2.log",
            "webhook-2.log",
            "hub-2.log",
            "config_service-2.log",
        }


def test_files_rotate_before_they_grow_too_large(
    tmp_path: Path, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odoo_ai_config.entrypoints.log_files._MAX_BYTES", 1000)
    with closing(LogFiles(tmp_path, now=calendar)) as files:
        for number in range(200):
            files.write([(f"line {number:03}", "hub")])
    for name in ("hub.log", "20261122_unified_server.log"):
        parts = sorted(tmp_path.glob(f"{name}*"), reverse=True)
        assert len(parts) > 1
        assert all(path.stat().st_size <= 1000 for path in parts)
        lines = "".join(path.read_text() for path in parts).splitlines()
        assert lines == [f"line {number:03}" for number in range(200)]


def test_folder_where_one_file_cannot_be_opened_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "hub.log").mkdir()
    with pytest.raises(OSError, match=r"hub\.log"):
        LogFiles(tmp_path)


def test_line_of_no_known_area_is_in_the_file_of_the_day_only(
    files: LogFiles, folder: Path
) -> None:
    files.write([("strange", "nowhere")])
    assert (folder / "20261122_unified_server.log").read_text() == "strange\n"
    assert {path.name for path in folder.iterdir() if path.stat().st_size} == {
        "20261122_unified_server.log"
    }


def test_every_area_that_the_source_names_has_its_files() -> None:
    named = {group.area for group in routes.GROUPS if group.area is not None}
    for module in PACKAGE.rglob("*.py"):
        named |= set(re.findall(r"\barea=\"([\w-]+)\"", module.read_text("utf-8")))
    assert named <= AREAS.keys()
    assert {"config", "webhook", "odoo-webhook"} <= named


def test_only_their_owner_can_read_them(tmp_path: Path, calendar: Calendar) -> None:
    before = os.umask(0)
    try:
        with closing(LogFiles(tmp_path / "a" / "logs", now=calendar)) as files:
            calendar.moment = NOON + timedelta(days=1)
            files.turn_page()
    finally:
        os.umask(before)
    made = list((tmp_path / "a").rglob("*"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_file()} == {0o600}
    assert stat.S_IMODE((tmp_path / "a" / "logs").stat().st_mode) == 0o700


def test_link_in_the_place_of_a_log_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    (tmp_path / "hub.log").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="link") as refused:
        LogFiles(tmp_path)
    assert refused.value.errno == errno.ELOOP
    assert refused.value.filename == str(tmp_path / "hub.log")
    assert (tmp_path / "precious").read_text() == "x"
