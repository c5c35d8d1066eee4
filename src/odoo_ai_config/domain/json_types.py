"""
JSON values as types, and the limits of what every store can keep.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]
ReadOnlyJsonObject: TypeAlias = Mapping[str, Json]
# The path to a value: names of members and numbers of items.
Place: TypeAlias = "tuple[str | int, ...]"

# The integers that every store and every reader of JSON can represent.
INTEGERS: Final = range(-(2**63), 2**63)

# Only a name of this form is repeated to readers. Anything else may be a value in a wrong place.
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", re.ASCII)

_NOT_STORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def unique_members(pairs: list[tuple[str, Json]]) -> JsonObject:
    """
    Make an object of *pairs*; JSON parsers would keep the last member of a repeated name.

    Raises:
        ValueError: A name occurs twice.
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def is_storable(text: str) -> bool:
    """
    Whether every store can keep *text*: it has no null character and no half surrogate pair.
    """
    return _NOT_STORABLE.search(text) is None


def storable(text: str) -> str:
    """
    *text* without null characters and halves of surrogate pairs.
    """
    # A printable text has neither.
    return text if text.isprintable() else _NOT_STORABLE.sub("", text)


def shown_name(name: str) -> str:
    """
    *name* for an answer, a log or a page; ``*`` if it does not have the form of a name.
    """
    return name if _NAME.fullmatch(name) else "*"


def shown_place(place: Place) -> str:
    """
    *place* for an answer, a log or a page: ``items[2].name``.
    """
    steps = (f"[{step}]" if isinstance(step, int) else f".{shown_name(step)}" for step in place)
    return "".join(steps).removeprefix(".")
