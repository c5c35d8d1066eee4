"""
Where log lines go: the console for people, a rotating file for the record.
"""

from __future__ import annotations

import logging
import logging.handlers
import queue
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

FILE_NAME: Final = "config_service.log"
_MAX_BYTES: Final = 10 * 1024 * 1024
_BACKUPS: Final = 5
# A second line of defence: nothing of the hub logs a secret, and nothing that is called like
# one gets through.
_SENSITIVE: Final = ("password", "senha", "secret", "token", "api_key", "authorization")
_MASK: Final = "***"


def _mask_sensitive(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name in event:
        if any(word in name.lower() for word in _SENSITIVE):
            event[name] = _MASK
    return event


def _exception_without_message(
    _logger: WrappedLogger, _method: str, event: EventDict
) -> EventDict:
    # Done where the exception is at hand, which it is not on the writing thread. Messages of
    # exceptions that nobody expected may hold input, so only types and places are kept.
    error = event.pop("exc_info", None)
    if isinstance(error, tuple):
        error = error[1]
    elif not isinstance(error, BaseException):
        error = sys.exc_info()[1] if error else None
    if error is None:
        return event
    parts: list[str] = []
    while error is not None:
        parts[:0] = [*traceback.format_tb(error.__traceback__), f"{type(error).__qualname__}\n"]
        error = error.__cause__ or error.__context__
    event["exception"] = "".join(parts).rstrip()
    return event


class _Handoff(logging.handlers.QueueHandler):
    """
    Passes records on as they are: the writing thread renders them, not the event loop.
    """

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record


@contextmanager
def logging_to(
    *, folder: Path | None, level: str, console: str, worker: int = 0
) -> Iterator[None]:
    """
    Send structlog's and the standard library's log lines to the console and to *folder*.

    Rendering and writing happen on a thread of their own; leaving the context writes what is
    left.

    Args:
        folder: Where the file goes; None for no file.
        level: Least severe level that is written.
        console: ``console`` for people or ``json`` for machines.
        worker: Number of the process. Only one process may rotate a file, so each further
            one writes a file of its own.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception_without_message,
        _mask_sensitive,
    ]
    handlers = [_console_handler(console, shared)]
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        handlers.append(_file_handler(folder, worker, shared))
    lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(lines, *handlers)
    root = logging.getLogger()
    handoff = _Handoff(lines)
    root.addHandler(handoff)
    before = root.level
    root.setLevel(threshold)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    listener.start()
    try:
        yield
    finally:
        listener.stop()
        root.removeHandler(handoff)
        root.setLevel(before)
        structlog.reset_defaults()
        for handler in handlers:
            handler.close()


def _console_handler(form: str, shared: list[Processor]) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    if form == "json":
        handler.setFormatter(_formatter(shared, _json()))
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        handler.setFormatter(_formatter(shared, [renderer]))
    return handler


def _file_handler(folder: Path, worker: int, shared: list[Processor]) -> logging.Handler:
    name = FILE_NAME if worker == 0 else f"config_service-{worker}.log"
    handler = logging.handlers.RotatingFileHandler(
        folder / name, maxBytes=_MAX_BYTES, backupCount=_BACKUPS, encoding="utf-8"
    )
    handler.setFormatter(_formatter(shared, _json()))
    return handler


def _json() -> list[Processor]:
    return [structlog.processors.JSONRenderer(ensure_ascii=False)]


def _formatter(
    shared: list[Processor], renderers: list[Processor]
) -> structlog.stdlib.ProcessorFormatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
    )
