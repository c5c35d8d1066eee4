"""
Where log lines go: the console for people, a rotating file for the record.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import structlog
from structlog.contextvars import merge_contextvars
from structlog.typing import EventDict, WrappedLogger

FILE_NAME: Final = "config_service.log"
_MAX_BYTES: Final = 10 * 1024 * 1024
_BACKUPS: Final = 5
# How long a line may wait to be written together with others.
_PAUSE: Final = 0.1
_URGENT: Final = frozenset({"error", "critical"})
# A second line of defence: nothing of the hub logs a secret, and nothing that is called like
# one gets through.
_SENSITIVE: Final = ("password", "senha", "secret", "token", "api_key", "authorization")
_MASK: Final = "***"
_STAMPER: Final = structlog.processors.TimeStamper(fmt="iso", utc=True)
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, default=repr)


@contextmanager
def logging_to(*, folder: Path | None, level: str, form: str, worker: int = 0) -> Iterator[None]:
    """
    Send structlog's and the standard library's log lines to standard error and to *folder*.

    Lines are rendered at once and written by a thread of their own, many at a time: what a
    busy server logs must not hold up what it does. Leaving the context writes what is left.

    Args:
        folder: Where the file goes; None for no file.
        level: Least severe level that is written.
        form: ``console`` for people, ``json`` for machines; ``auto`` takes standard error
            for people's if it is a terminal. The file is always JSON.
        worker: Number of the process. Only one process may rotate a file, so each further
            one writes a file of its own.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    console = logging.StreamHandler(sys.stderr)
    machines = [_rotating_file(folder, worker)] if folder is not None else []
    people: list[logging.Handler] = []
    for_people = form == "console" or (form == "auto" and sys.stderr.isatty())
    (people if for_people else machines).append(console)
    writer = _Writer(machines, people)
    bridge = _Bridge()
    root = logging.getLogger()
    before = root.level
    structlog.configure(
        # One and not a chain: a busy server logs twice for each event.
        processors=[writer.rendered],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=writer.logger,
    )
    root.addHandler(bridge)
    root.setLevel(threshold)
    writer.start()
    try:
        yield
    finally:
        root.removeHandler(bridge)
        root.setLevel(before)
        structlog.reset_defaults()
        writer.stop()


def _rotating_file(folder: Path, worker: int) -> logging.Handler:
    folder.mkdir(parents=True, exist_ok=True)
    name = FILE_NAME if worker == 0 else f"config_service-{worker}.log"
    return logging.handlers.RotatingFileHandler(
        folder / name, maxBytes=_MAX_BYTES, backupCount=_BACKUPS, encoding="utf-8"
    )


@cache
def _sounds_secret(name: str) -> bool:
    # Names are literals of this program, so there are few.
    lowered = name.lower()
    return any(word in lowered for word in _SENSITIVE)


def _tell_exception(event: EventDict) -> None:
    # Messages of exceptions that nobody expected may hold input: types and places are kept.
    error = event.pop("exc_info", None)
    if isinstance(error, tuple):
        error = error[1]
    elif not isinstance(error, BaseException):
        error = sys.exc_info()[1] if error else None
    if error is None:
        return
    parts: list[str] = []
    while error is not None:
        parts[:0] = [*traceback.format_tb(error.__traceback__), f"{type(error).__qualname__}\n"]
        error = error.__cause__ or error.__context__
    event["exception"] = "".join(parts).rstrip()


class _Lines:
    """
    A logger for structlog: takes rendered lines.
    """

    def __init__(self, lines: deque[str], urgent: threading.Event) -> None:
        self._lines = lines
        self._urgent = urgent

    def info(self, line: str) -> None:
        self._lines.append(line)

    debug = warning = info

    def error(self, line: str) -> None:
        self._lines.append(line)
        self._urgent.set()

    critical = exception = error


class _Writer:
    """
    Writes what has gathered, every tenth of a second; errors at once.
    """

    def __init__(self, machines: list[logging.Handler], people: list[logging.Handler]) -> None:
        self._wake = threading.Event()
        self._for_machines: deque[str] = deque()
        self._for_people: deque[str] = deque()
        self._sinks = [(self._for_machines, machines), (self._for_people, people)]
        self._console = (
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if people else None
        )
        self._lines = _Lines(self._for_machines, self._wake)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)

    def logger(self, *_names: object) -> _Lines:
        return self._lines

    def rendered(self, logger: WrappedLogger, level: str, event: EventDict) -> str:
        merge_contextvars(logger, level, event)
        event["level"] = level
        _STAMPER(logger, level, event)
        if "exc_info" in event:
            _tell_exception(event)
        for name in event:
            if _sounds_secret(name):
                event[name] = _MASK
        if self._console is not None:
            self._for_people.append(self._console(logger, level, dict(event)))
        return _ENCODER.encode(event)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        self._thread.join()
        self._write()
        for _lines, handlers in self._sinks:
            for handler in handlers:
                handler.close()

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(_PAUSE)
            self._wake.clear()
            self._write()

    def _write(self) -> None:
        for lines, handlers in self._sinks:
            # What comes in meanwhile is written next time.
            text = "\n".join([lines.popleft() for _ in range(len(lines))])
            if not text:
                continue
            record = logging.LogRecord("", logging.INFO, "", 0, text, None, None)
            for handler in handlers:
                handler.handle(record)


class _Bridge(logging.Handler):
    """
    Brings lines of the standard library's loggers (aiohttp, asyncio) to the same places.
    """

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
