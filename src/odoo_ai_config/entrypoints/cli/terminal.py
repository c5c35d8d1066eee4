"""
What commands print: results on stdout, everything else on stderr.

Names and texts are input. Control and invisible characters are escaped as in JSON: a name cannot
clear the screen, forge a line or reverse its direction.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, Generic, TextIO, TypeVar

from attrs import frozen
from msgspec import to_builtins

T = TypeVar("T")

# Control characters, ends of lines, changes of direction, invisible characters, and halves of
# surrogate pairs, which cannot be encoded.
_UNSEEN: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ud800-\udfff\U000e0000-\U000e007f]"
)


def say(text: str) -> None:
    """
    Print a line of the result.
    """
    _write(sys.stdout, _plain(text))


def say_text(text: str) -> None:
    """
    Print a document of several lines: unchanged to a pipe or a file, escaped on a terminal.
    """
    _write(sys.stdout, _plain_lines(text) if sys.stdout.isatty() else text)


def tell(text: str) -> None:
    """
    Print a remark that does not belong to the result.
    """
    _write(sys.stderr, _plain(text))


def _write(stream: TextIO, text: str) -> None:
    stream.write(f"{text}\n")
    stream.flush()


def _plain_lines(text: str) -> str:
    return "\n".join(map(_plain, text.split("\n")))


def _plain(text: str) -> str:
    return _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text)


def say_json(value: object) -> None:
    """
    Print a result as indented JSON.
    """
    _write(sys.stdout, _plain_lines(json.dumps(to_builtins(value), ensure_ascii=False, indent=2)))


def say_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """
    Print columns as wide as their content, whatever the width of the terminal.
    """
    lines = [[_plain(cell) for cell in row] for row in (heading, *rows)]
    widths = [max(len(row[column]) for row in lines) for column in range(len(heading))]
    for row in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@frozen
class Listing(Generic[T]):
    """
    How a command lists things: as a table for people, or as JSON for programs.

    Args:
        heading: The names of the columns.
        row: The cells of one thing.
        shown: The same thing as the API shows it.
        none: The remark if there is nothing.
    """

    heading: Sequence[str]
    row: Callable[[T], Sequence[str]]
    shown: Callable[[T], object]
    none: str

    def say(self, found: Iterable[T], *, json: bool) -> None:
        """
        Print *found*.
        """
        if json:
            say_json([self.shown(one) for one in found])
        elif rows := [self.row(one) for one in found]:
            say_table(self.heading, rows)
        else:
            tell(self.none)


def moment(at: datetime | None) -> str:
    """
    The time in UTC, to the second.
    """
    return "-" if at is None else at.strftime("%Y-%m-%d %H:%M:%SZ")
