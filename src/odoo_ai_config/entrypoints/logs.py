"""
Where log lines go: the console for people, files for the record.

A line may be about an area of the hub's work (`log_files.AREAS`), which it names as ``area``: a
logger has it from the start (``structlog.get_logger(area="hub")``), or a request binds it.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar

import orjson
import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError
from structlog.contextvars import merge_contextvars
from structlog.typing import EventDict, WrappedLogger

from odoo_ai_config.domain.credentials.secret_names import is_secret_name
from odoo_ai_config.entrypoints.log_files import Line, LogFiles, append

_T = TypeVar("_T")
# How long a line may wait to be written together with others.
_PAUSE: Final = 0.1
# A second line of defence: nothing of the hub logs a secret or what a customer wrote, and
# nothing that is called like one gets through.
_CUSTOMER_DATA: Final = ("phone", "email")
_CUSTOMER_TEXT: Final = frozenset({"content", "text", "body"})
_MASK: Final = "***"
# Anybody who gets at the port can send what is no HTTP, or a body that breaks off.
_OF_STRANGERS: Final = (HttpProcessingError, web.RequestPayloadError)
# What a data class shows of itself is for its `repr` to say: it may hide fields.
_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_UTC_Z


@contextmanager
def logging_to(*, folder: Path | None, level: str, form: str, worker: int = 0) -> Iterator[None]:
    """
    Send structlog's and the standard library's log lines to standard error and to *folder*.

    Lines are rendered at once; a thread of their own sorts and writes them, many at a time: what
    a busy server logs must not hold up what it does. Leaving the context writes what is left.

    Args:
        folder: Where the files go; None for no files.
        level: Least severe level that is written.
        form: ``console`` for people, ``json`` for machines; ``auto`` takes standard error
            for people's if it is a terminal. The files are always JSON.
        worker: Number of the process, whose files are its own.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    for_people = form == "console" or (form == "auto" and sys.stderr.isatty())
    files = None if folder is None else LogFiles(folder, worker=worker)
    writer = _Writer(files, logging.StreamHandler(sys.stderr), for_people=for_people)
    bridge = _Bridge()
    root = logging.getLogger()
    before = root.level
    structlog.configure(
        # One and not a chain: a busy server logs something for each event and message.
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


@lru_cache(maxsize=1024)
def _private_among(names: tuple[str, ...]) -> tuple[str, ...]:
    # Nearly all names are literals of this program, so there are few lines of different names.
    return tuple(
        name
        for name in names
        if is_secret_name(name)
        or name.lower() in _CUSTOMER_TEXT
        or any(word in name.lower() for word in _CUSTOMER_DATA)
    )


def _line_of(event: EventDict) -> str:
    try:
        return orjson.dumps(event, default=repr, option=_OPTIONS).decode()
    except TypeError:
        # A number beyond 64 bits, or half a surrogate pair: Python's own writer takes them all.
        return _ENCODER.encode(event)


def _written_out(value: object) -> str:
    return _iso(value) if isinstance(value, datetime) else repr(value)


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), default=_written_out)


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

    def __init__(self, lines: deque[Line], urgent: threading.Event) -> None:
        self._lines = lines
        self._urgent = urgent

    def info(self, line: Line) -> None:
        self._lines.append(line)

    debug = warning = info

    def error(self, line: Line) -> None:
        self._lines.append(line)
        self._urgent.set()

    critical = exception = error


class _Writer:
    """
    Writes what has gathered, every tenth of a second; errors at once.
    """

    def __init__(
        self, files: LogFiles | None, console: logging.Handler, *, for_people: bool
    ) -> None:
        self._wake = threading.Event()
        self._for_machines: deque[Line] = deque()
        self._for_people: deque[str] = deque()
        self._files = files
        self._console = console
        self._renderer = (
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if for_people else None
        )
        self._lines = _Lines(self._for_machines, self._wake)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)

    def logger(self, *_names: object) -> _Lines:
        return self._lines

    def rendered(
        self, logger: WrappedLogger, level: str, event: EventDict
    ) -> tuple[tuple[Line], dict[str, object]]:
        merge_contextvars(logger, level, event)
        event["level"] = level
        event["timestamp"] = datetime.now(UTC)  # noqa: TID251 - the machine's, whatever the hub's is
        if "exc_info" in event:
            _tell_exception(event)
        for name in _private_among(tuple(event)):
            event[name] = _MASK
        if self._renderer is not None:
            shown = {**event, "timestamp": _iso(event["timestamp"])}
            self._for_people.append(self._renderer(logger, level, shown))
        # The arguments of the logger's method.
        return ((_line_of(event), event.get("area")),), {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        self._thread.join()
        self._write()
        self._console.close()
        if self._files is not None:
            self._files.close()

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(_PAUSE)
            self._wake.clear()
            self._write()

    def _write(self) -> None:
        lines = _taken(self._for_machines)
        if self._files is not None:
            self._files.turn_page()
            if lines:
                self._files.write(lines)
        shown = [line for line, _ in lines] if self._renderer is None else _taken(self._for_people)
        if shown:
            append(self._console, shown)


def _taken(lines: deque[_T]) -> list[_T]:
    # What comes in meanwhile is written next time.
    return [lines.popleft() for _ in range(len(lines))]


class _Bridge(logging.Handler):
    """
    Brings lines of the standard library's loggers (aiohttp, asyncio) to the same places.
    """

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, _OF_STRANGERS):
            # They were answered, and there is nothing to mend: no error, and no stack for each.
            log.info("request_unreadable", logger=record.name, error=type(error).__name__)
            return
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
