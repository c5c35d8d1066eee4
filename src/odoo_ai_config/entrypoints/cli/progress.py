"""
How far a long command is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from odoo_ai_config.entrypoints.cli.terminal import tell


@contextmanager
def progress(what: str) -> Iterator[Callable[[int], None]]:
    """
    Show people at a terminal how many of *what* are done.
    """
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.completed} {task.description}"),
        TimeElapsedColumn(),
        console=Console(file=sys.stderr),
        disable=not sys.stderr.isatty(),
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def counts_shown() -> Iterator[Callable[[str, int], None]]:
    """
    Show people at a terminal how many of each kind are done.
    """
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}: {task.completed}"),
        TimeElapsedColumn(),
        console=Console(file=sys.stderr),
        disable=not sys.stderr.isatty(),
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=None)
            bars.update(tasks[what], completed=done)

        yield show


@contextmanager
def steps_shown() -> Iterator[Callable[[str, int, int], None]]:
    """
    Show people each step of a long work: at a terminal how far it is, in a log that it begins.
    """
    at_terminal = sys.stderr.isatty()
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        console=Console(file=sys.stderr),
        disable=not at_terminal,
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what)
                if not at_terminal:
                    tell(f"{what} ({total} registros)")
            bars.update(tasks[what], completed=done, total=total)

        yield show
