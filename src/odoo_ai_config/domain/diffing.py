"""
What differs between two revisions of a document.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator

from attrs import field, frozen

from odoo_ai_config.domain.json_types import Json, ReadOnlyJsonObject


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


def changes_between(
    before: ReadOnlyJsonObject, after: ReadOnlyJsonObject
) -> tuple[ValueChange, ...]:
    """
    The smallest places at which *after* differs from *before*; lists count as one value.
    """
    return tuple(_walk(before, after, ""))


def _walk(
    before: ReadOnlyJsonObject, after: ReadOnlyJsonObject, pointer: str
) -> Iterator[ValueChange]:
    for key in dict.fromkeys([*before, *after]):
        place = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
        if key not in after:
            yield ValueChange(ChangeKind.REMOVED, place, before=before[key])
        elif key not in before:
            yield ValueChange(ChangeKind.ADDED, place, after=after[key])
        else:
            old, new = before[key], after[key]
            if isinstance(old, dict) and isinstance(new, dict):
                yield from _walk(old, new, place)
            elif _text(old) != _text(new):
                yield ValueChange(ChangeKind.CHANGED, place, old, new)


def _text(value: Json) -> str:
    # Python takes 1, 1.0 and True for equal, at any depth; JSON does not.
    return json.dumps(value, sort_keys=True)
