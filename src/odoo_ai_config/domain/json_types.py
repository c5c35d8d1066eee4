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

_NOT_STORABLE: Final = re.compile("[\x00\ud800-\udfff]")


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
