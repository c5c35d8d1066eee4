"""
Sends log lines to the console and to files.

A line may have an ``area`` of the hub's work (`log_files.AREAS`): a logger has it from the start
(``structlog.get_logger(area="hub")``), or a request binds it.
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
from typing import Final

import orjson
import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError
from structlog.contextvars import merge_contextvars
from structlog.typing import EventDict, WrappedLogger

from odoo_ai_config.domain.credentials.secret_names import is_secret_name
from odoo_ai_config.entrypoints.log_files import Line, LogFiles, append

# How long a line may wait, to be written together with others.
_PAUSE: Final = 0.1
_URGENT: Final = frozenset({"error", "critical", "exception"})
# A second line of defence: the hub logs no secrets and no texts of customers. Fields with such a
# name are masked all the same.
_CUSTOMER_DATA: Final = ("phone", "email")
_CUSTOMER_TEXT: Final = frozenset({"content", "text", "body"})
_MASK: Final = "***"
# Anybody who reaches the port can send bytes that are not HTTP, or an incomplete body.
_OF_STRANGERS: Final = (HttpProcessingError, web.RequestPayloadError)
# A data class is shown by its `repr`, which may hide fields.
_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_UTC_Z


@contextmanager
def logging_to(*, folder: Path | None, level: str, form: str, worker: int = 0) -> Iterator[None]:
    """
    Send structlog's and the standard library's log lines to standard error and to *folder*.

    Lines are rendered at once. A separate thread writes many at a time, so that logging does not
    delay a busy server. Leaving the context writes the remaining lines.

    Args:
        folder: The folder of the files; None for no files.
        level: The least severe level that is written.
        form: ``console`` for people, ``json`` for machines; ``auto`` is ``console`` if standard
            error is a terminal. Files are always JSON.
        worker: Number of the process, which has its own files.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    for_people = form == "console" or (form == "auto" and sys.stderr.isatty())
    files = None if folder is None else LogFiles(folder, worker=worker)
    writer = _Writer(files, logging.StreamHandler(sys.stderr), for_people=for_people)
    bridge = _Bridge()
    root = logging.getLogger()
    before = root.level
    structlog.configure(
        # One processor, not a chain: a busy server logs something for each event and message.
        processors=[writer.take],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.ReturnLoggerFactory(),
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
    # Nearly all names are literals in this program, so few combinations occur.
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
        # A number beyond 64 bits, or half a surrogate pair: Python's own encoder accepts them.
        return _ENCODER.encode(event)


def _written_out(value: object) -> str:
    return _iso(value) if isinstance(value, datetime) else repr(value)


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), default=_written_out)


def _tell_exception(event: EventDict) -> None:
    # Messages of unexpected exceptions may contain input: only types and places are kept.
    error = event.pop("exc_info", None)
    if isinstance(error, tuple):
        error = error[1]
    elif not isinstance(error, BaseException):
        error = sys.exc_info()[1] if error else None
    if error is None:
        return
    parts: list[str] = []
    told: set[int] = set()
    # A cause may have been raised again within what it caused: then they name each other.
    while error is not None and id(error) not in told:
        told.add(id(error))
        parts[:0] = [*traceback.format_tb(error.__traceback__), f"{type(error).__qualname__}\n"]
        context = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or context
    event["exception"] = "".join(parts).rstrip()


class _Writer:
    """
    Writes collected lines every tenth of a second, and errors at once.

    The standard library's `QueueListener` would wake up for each line and hand it to each file:
    82 microseconds per line instead of 11, a twelfth of the time of an event.
    """

    def __init__(
        self, files: LogFiles | None, console: logging.Handler, *, for_people: bool
    ) -> None:
        self._wake = threading.Event()
        self._stopping = False
        # The line for the files with its area, and the line for the console.
        self._lines: deque[tuple[Line, str]] = deque()
        self._files = files
        self._console = console
        self._renderer = (
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if for_people else None
        )
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)

    def take(
        self, logger: WrappedLogger, level: str, event: EventDict
    ) -> tuple[tuple[()], dict[str, object]]:
        """
        Render *event*, as the last of structlog's processors.
        """
        merge_contextvars(logger, level, event)
        event["level"] = level
        event["timestamp"] = datetime.now(UTC)  # noqa: TID251 - the machine's clock, not the hub's
        if "exc_info" in event:
            _tell_exception(event)
        for name in _private_among(tuple(event)):
            event[name] = _MASK
        line = shown = _line_of(event)
        if self._renderer is not None:
            # The renderer changes the event.
            readable = {**event, "timestamp": _iso(event["timestamp"])}
            shown = self._renderer(logger, level, readable)
        self._lines.append(((line, event.get("area")), shown))
        if level in _URGENT:
            self._wake.set()
        # The wrapped logger has nothing to do.
        return (), {}

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
        # Lines that arrive now are written next time.
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if self._files is not None:
            self._files.turn_page()
            self._files.write([line for line, _ in lines])
        append(self._console, [shown for _, shown in lines])


class _Bridge(logging.Handler):
    """
    Sends lines of the standard library's loggers (aiohttp, asyncio) to the same places.
    """

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, _OF_STRANGERS):
            # They were answered and need no repair: no error, no stack.
            log.info("request_unreadable", logger=record.name, error=type(error).__name__)
            return
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
