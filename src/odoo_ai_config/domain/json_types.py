"""
The JSON values that documents are made of, as types, and the limits of what can be kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]
ReadOnlyJsonObject: TypeAlias = Mapping[str, Json]
# The names of members and the numbers of items that lead to a value.
Place: TypeAlias = "tuple[str | int, ...]"

# What every store and every reader of JSON can hold as an integer.
INTEGERS: Final = range(-(2**63), 2**63)

# What may be repeated of a name that somebody sent. Anything else is input, and no name.
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", re.ASCII)

_NOT_STORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def unique_members(pairs: list[tuple[str, Json]]) -> JsonObject:
    """
    The object of *pairs*, for readers of JSON, which by themselves let the last of a name win.

    Raises:
        ValueError: A name is there twice.
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is there twice")
    return members


def is_storable(text: str) -> bool:
    """
    Whether *text* can be kept: it has no null character and no half of a surrogate pair.
    """
    return _NOT_STORABLE.search(text) is None


def storable(text: str) -> str:
    """
    What of *text* can be kept: all but its null characters and halves of surrogate pairs.
    """
    # What can be printed has neither.
    return text if text.isprintable() else _NOT_STORABLE.sub("", text)


def shown_name(name: str) -> str:
    """
    *name* as an answer, a log or a page may show it: ``*`` if it does not look like a name.
    """
    return name if _NAME.fullmatch(name) else "*"


def shown_place(place: Place) -> str:
    """
    *place* as it may be shown: ``items[2].name``.
    """
    steps = (f"[{step}]" if isinstance(step, int) else f".{shown_name(step)}" for step in place)
    return "".join(steps).removeprefix(".")
