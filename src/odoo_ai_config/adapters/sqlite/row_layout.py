"""
Objects as rows and rows as objects, by the attributes of their class.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from operator import itemgetter
from typing import Any, Final, Generic, TypeAlias, TypeVar, get_args, get_type_hints

import attrs

Row: TypeAlias = tuple[Any, ...]
# What turns a value into what a column holds, and back.
Codec: TypeAlias = tuple[Callable[[Any], Any], Callable[[Any], Any]]
T = TypeVar("T", bound="attrs.AttrsInstance")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(at: datetime) -> int:
    """
    A time as it is stored.
    """
    return (at - _EPOCH) // _MICROSECOND


def time_of(stored: int) -> datetime:
    """
    A time that was stored.
    """
    return _EPOCH + timedelta(microseconds=stored)


_CODECS: Final[Mapping[Any, Codec]] = {bool: (bool, bool), datetime: (microseconds, time_of)}


# Several texts in one column; mostly there are none.
TEXTS: Final[Codec] = (
    lambda texts: json.dumps(texts) if texts else "[]",
    lambda stored: tuple(json.loads(stored)),
)


class RowLayout(Generic[T]):
    """
    Rows hold an object's attributes in their order; those of a nested object take its place.

    Identifiers and enumerations are stored as their values, and None as NULL in each of its
    columns.

    Args:
        columns: Their names, in that order.
        codecs: How attributes of further types are stored, each in one column.
        without: The last attributes, if they are not stored.
    """

    def __init__(
        self,
        type_: type[T],
        columns: str = "",
        codecs: Mapping[Any, Codec] | None = None,
        *,
        without: Collection[str] = (),
    ) -> None:
        self.columns = columns
        self._type = type_
        # For each column the Python expression of an object, which stands in for the braces.
        self._expressions: list[str] = []
        self._dumps: dict[str, Callable[[Any], Any]] = {}
        self._loads: list[Callable[[Row], Any]] = []
        hints = get_type_hints(type_)
        for attribute in attrs.fields(type_):
            if attribute.name in without:
                continue
            self._add(attribute.name, hints[attribute.name], codecs or {})
        expressions = "".join(f"{one}, " for one in self._expressions).format("it")
        # Made once, as attrs makes methods: a loop over the columns takes twice as long.
        self.row: Callable[[T], Row] = eval(  # noqa: S307 - of names of attributes alone
            f"lambda it: ({expressions})", self._dumps
        )

    @property
    def width(self) -> int:
        """
        The number of columns.
        """
        return len(self._expressions)

    @property
    def places(self) -> str:
        """
        A parameter for each column.
        """
        return ", ".join("?" * self.width)

    def of(self, row: Row) -> T:
        return self._type(*[load(row) for load in self._loads])

    def _add(self, name: str, hint: object, codecs: Mapping[Any, Codec]) -> None:
        optional = type(None) in get_args(hint)
        type_: Any = get_args(hint)[0] if optional else hint
        codec = codecs.get(type_) or _CODECS.get(type_)
        place = f"{{0}}.{name}"
        load: Callable[[Row], Any]
        if codec is not None:
            dump, make = codec
            self._dumps[f"dump_{id(dump)}"] = dump
            expressions, load = [f"dump_{id(dump)}({place})"], _column(self.width, make)
        elif _has_value(type_):
            expressions, load = [f"{place}.value"], _column(self.width, type_)
        elif attrs.has(type_):
            inner = RowLayout(type_, codecs=codecs)
            self._dumps |= inner._dumps
            expressions = [one.format(place) for one in inner._expressions]
            load = _columns(self.width, inner)
        else:
            expressions, load = [place], itemgetter(self.width)
        self._loads.append(load)
        if optional and expressions != [place]:
            expressions = [f"(None if {place} is None else {one})" for one in expressions]
        self._expressions += expressions


def _has_value(type_: object) -> bool:
    if not isinstance(type_, type):
        return False
    return issubclass(type_, Enum) or (
        attrs.has(type_) and [attribute.name for attribute in attrs.fields(type_)] == ["value"]
    )


def _column(place: int, make: Callable[[Any], Any]) -> Callable[[Row], Any]:
    def load(row: Row) -> object:
        value = row[place]
        return None if value is None else make(value)

    return load


def _columns(start: int, layout: RowLayout[Any]) -> Callable[[Row], Any]:
    end = start + layout.width
    return lambda row: None if row[start] is None else layout.of(row[start:end])
