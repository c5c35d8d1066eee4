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

# What every store and every reader of JSON can hold as an integer.
INTEGERS: Final = range(-(2**63), 2**63)

# What a name, a comma or a number adds, more or less.
_TRIFLE: Final = 4

_NOT_STORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def is_longer(value: Json | ReadOnlyJsonObject, limit: int) -> bool:
    """
    Whether *value*, as JSON text, has more than about *limit* characters.

    It is found out without looking at much more than that of it.
    """
    length = 0
    parts: list[Json | ReadOnlyJsonObject] = [value]
    while parts and length <= limit:
        part = parts.pop()
        length += _TRIFLE
        if isinstance(part, str):
            length += len(part)
        elif isinstance(part, Mapping):
            length += sum(map(len, part))
            parts += part.values()
        elif isinstance(part, list):
            parts += part
    return length > limit


def is_storable(text: str) -> bool:
    """
    Whether *text* can be kept: it has no null character and no half of a surrogate pair.
    """
    return _NOT_STORABLE.search(text) is None


def storable(text: str) -> str:
    """
    What of *text* can be kept: all but its null characters and halves of surrogate pairs.
    """
    return _NOT_STORABLE.sub("", text)
