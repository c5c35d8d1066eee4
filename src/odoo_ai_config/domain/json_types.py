"""
The JSON values that documents are made of, as types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]
ReadOnlyJsonObject: TypeAlias = Mapping[str, Json]
