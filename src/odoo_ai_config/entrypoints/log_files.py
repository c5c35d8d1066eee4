"""
Writes log lines to their files, and limits the size of the files.

Every line goes to the file of the day, ``20261122_unified_server.log``. A line about an area of
the hub's work goes to that area's files as well, so that each can be watched alone.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final, TextIO, TypeAlias

from odoo_ai_config.adapters.private_files import make_private_folder
from odoo_ai_config.entrypoints.private_files import append_private

# A rendered line, and its area, if it has one.
Line: TypeAlias = tuple[str, str | None]

AREAS: Final[Mapping[str, tuple[str, ...]]] = {
    # Events at the webhooks.
    "webhook": ("webhook",),
    # Routing, deliveries, crews, answers.
    "hub": ("hub",),
    # Documents, mapping, collections, keys.
    "config": ("config_service",),
    # A customer's message arrives at a webhook, and is routed.
    "message": ("webhook", "hub"),
    # Odoo's events arrive at a webhook, and are configuration.
    "odoo-webhook": ("webhook", "config_service"),
}
_NAMES: Final = frozenset(name for names in AREAS.values() for name in names)
_UNIFIED: Final = "unified_server"
_OF_A_DAY: Final = re.compile(rf"(\d{{8}})_{_UNIFIED}(-\d+)?\.log(\.\d+)?")
_SECONDS_KEPT: Final = 14 * 24 * 60 * 60
_MAX_BYTES: Final = 10 * 1024 * 1024
_BACKUPS: Final = 5


class LogFiles:
    """
    The open files of one process.

    Args:
        folder: Their folder; created if it is missing.
        worker: Number of the process. Only one process may rotate a file, so each process has its
            own files; the first one removes those of old days.
        now: Seconds since the epoch. Days are those of the machine's time zone, as for `date`.
    """

    def __init__(
        self, folder: Path, *, worker: int = 0, now: Callable[[], float] = time.time
    ) -> None:
        make_private_folder(folder)
        self._folder = folder
        self._suffix = f"-{worker}" if worker else ""
        self._removes = worker == 0
        self._now = now
        self._day = self._day_of(now())
        with ExitStack() as opened:
            self._unified = opened.enter_context(closing(self._opened(self._unified_name())))
            self._of_area = {
                name: opened.enter_context(closing(self._opened(name))) for name in _NAMES
            }
            opened.pop_all()
        self._remove_old()

    def write(self, lines: Sequence[Line]) -> None:
        """
        Append each line to its files.
        """
        append(self._unified, [line for line, _ in lines])
        by_name: dict[str, list[str]] = {}
        for line, area in lines:
            for name in AREAS.get(area or "", ()):
                by_name.setdefault(name, []).append(line)
        for name, chosen in by_name.items():
            append(self._of_area[name], chosen)

    def turn_page(self) -> None:
        """
        Begin the file of a new day, even if there is nothing to write.

        If it cannot be opened, the previous one stays in use.
        """
        day = self._day_of(self._now())
        if day == self._day:
            return
        before, self._day = self._day, day
        try:
            fresh = self._opened(self._unified_name())
        except OSError:
            self._day = before
            return
        self._unified.close()
        self._unified = fresh
        self._remove_old()

    def close(self) -> None:
        """
        Close all files.
        """
        for file in (self._unified, *self._of_area.values()):
            file.close()

    def _opened(self, name: str) -> RotatingFileHandler:
        return _PrivateLog(
            self._folder / f"{name}{self._suffix}.log",
            maxBytes=_MAX_BYTES,
            backupCount=_BACKUPS,
            encoding="utf-8",
        )

    def _unified_name(self) -> str:
        return f"{self._day}_{_UNIFIED}"

    def _remove_old(self) -> None:
        oldest = self._day_of(self._now() - _SECONDS_KEPT)
        for path in self._folder.glob(f"*_{_UNIFIED}*") if self._removes else ():
            of_a_day = _OF_A_DAY.fullmatch(path.name)
            if of_a_day is not None and of_a_day[1] < oldest:
                # The server runs without it, and tries again tomorrow.
                with suppress(OSError):
                    path.unlink()

    @staticmethod
    def _day_of(moment: float) -> str:
        return time.strftime("%Y%m%d", time.localtime(moment))


class _PrivateLog(RotatingFileHandler):
    def _open(self) -> TextIO:  # type: ignore[override]  # Its type depends on the handler.
        return append_private(Path(self.baseFilename))


def append(file: logging.Handler, lines: Sequence[str]) -> None:
    """
    Write *lines* to *file*, if there are any.
    """
    if not lines:
        return
    # As one record: handlers count bytes and seek the end of the file for each record.
    file.handle(logging.LogRecord("", logging.INFO, "", 0, "\n".join(lines), None, None))
