"""
What differs between two revisions of a document.
"""

from __future__ import annotations

import difflib
import enum
import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.json_types import Json, ReadOnlyJsonObject

# Each change names its place, and places can be long.
MOST_CHANGES: Final = 10_000
MOST_POINTER_CHARACTERS: Final = 2**20
# Counted from the first line that differs to the last one. The cost of matching them grows with
# the square of their number; for so many it is a tenth of a second.
MOST_DIFFERING_LINES: Final = 1000
_CONTEXT: Final = 3
_HUNK: Final = re.compile(r"@@ -([0-9]+)(,[0-9]+)? \+([0-9]+)(,[0-9]+)? @@")


class ChangeKind(enum.Enum):
    """
    What happened to a value.
    """

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@frozen
class ValueChange:
    """
    One value that differs, at a JSON pointer (RFC 6901).
    """

    kind: ChangeKind
    pointer: str
    before: Json = field(default=None, repr=False)
    after: Json = field(default=None, repr=False)


@frozen
class Changes:
    """
    The places where two documents differ.

    Args:
        truncated: There are more.
    """

    places: tuple[ValueChange, ...]
    truncated: bool = False


def changes_between(before: ReadOnlyJsonObject, after: ReadOnlyJsonObject) -> Changes:
    """
    The innermost places where *after* differs from *before*. A list counts as one value.

    There are at most `MOST_CHANGES`, with at most `MOST_POINTER_CHARACTERS` in their pointers.
    """
    places: list[ValueChange] = []
    characters = 0
    for change in _walk(before, after, ()):
        characters += len(change.pointer)
        if len(places) == MOST_CHANGES or characters > MOST_POINTER_CHARACTERS:
            return Changes(tuple(places), truncated=True)
        places.append(change)
    return Changes(tuple(places))


def _walk(
    before: ReadOnlyJsonObject, after: ReadOnlyJsonObject, path: tuple[str, ...]
) -> Iterator[ValueChange]:
    for key in dict.fromkeys([*before, *after]):
        if key not in after:
            yield ValueChange(ChangeKind.REMOVED, _pointer(*path, key), before=before[key])
        elif key not in before:
            yield ValueChange(ChangeKind.ADDED, _pointer(*path, key), after=after[key])
        else:
            old, new = before[key], after[key]
            if isinstance(old, dict) and isinstance(new, dict):
                yield from _walk(old, new, (*path, key))
            elif _text(old) != _text(new):
                yield ValueChange(ChangeKind.CHANGED, _pointer(*path, key), old, new)


def _pointer(*path: str) -> str:
    return "".join(f"/{key.replace('~', '~0').replace('/', '~1')}" for key in path)


def _text(value: Json) -> str:
    # In Python 1, 1.0 and True are equal at any depth; in JSON they are not.
    return json.dumps(value, sort_keys=True)


def unified_diff(before: str, after: str, *, names: tuple[str, str]) -> str | None:
    """
    The lines that differ, as a unified diff; None for more than `MOST_DIFFERING_LINES`.
    """
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    start = _shared(old, new)
    end = min(_shared(old[::-1], new[::-1]), min(len(old), len(new)) - start)
    if max(len(old), len(new)) - start - end > MOST_DIFFERING_LINES:
        return None
    skipped = max(0, start - _CONTEXT)
    left = max(0, end - _CONTEXT)
    lines = difflib.unified_diff(
        old[skipped : len(old) - left], new[skipped : len(new) - left], *names, n=_CONTEXT
    )
    return "".join(_moved(line, skipped) for line in lines)


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _moved(line: str, by: int) -> str:
    # Only the header of a hunk starts like this: lines of the texts follow a sign or a space.
    hunk = _HUNK.match(line)
    if hunk is None:
        return line
    old, old_size, new, new_size = hunk.groups(default="")
    return f"@@ -{int(old) + by}{old_size} +{int(new) + by}{new_size} @@{line[hunk.end() :]}"
