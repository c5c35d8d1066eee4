"""
Objects as rows and rows as objects, by the attributes of their class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from operator import attrgetter, itemgetter
from typing import Any, Final, Generic, TypeAlias, TypeVar, get_args, get_type_hints

import attrs

Row: TypeAlias = tuple[Any, ...]
# What turns a value into what a column holds, and back.
Codec: TypeAlias = tuple[Callable[[Any], Any], Callable[[Any], Any]]
T = TypeVar("T", bound="attrs.AttrsInstance")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_VALUE: Final = attrgetter("value")


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


class RowLayout(Generic[T]):
    """
    Rows hold an object's attributes in their order; those of a nested object take its place.

    Identifiers and enumerations are stored as their values, and None as NULL in each of its
    columns.

    Args:
        columns: Their names, in that order.
        codecs: How attributes of further types are stored, each in one column.
    """

    def __init__(
        self, type_: type[T], columns: str = "", codecs: Mapping[Any, Codec] | None = None
    ) -> None:
        self.columns = columns
        self._type = type_
        self.width = 0
        self._paths: list[str] = []
        # By the places of their paths: what is not stored as it is, and optional objects.
        self._dumps: list[tuple[int, Callable[[Any], Any]]] = []
        self._optional: list[tuple[int, RowLayout[Any]]] = []
        self._loads: list[Callable[[Row], Any]] = []
        hints = get_type_hints(type_)
        for attribute in attrs.fields(type_):
            self._add(attribute.name, hints[attribute.name], codecs or {})
        self._values = attrgetter(*self._paths)

    @property
    def places(self) -> str:
        """
        A parameter for each column.
        """
        return ", ".join("?" * self.width)

    def row(self, value: T) -> Row:
        values = list(self._values(value))
        for place, dump in self._dumps:
            if (part := values[place]) is not None:
                values[place] = dump(part)
        # From the end, so that the places before stay what they are.
        for place, layout in reversed(self._optional):
            part = values[place]
            columns = (None,) * layout.width if part is None else layout.row(part)
            values[place : place + 1] = columns
        return tuple(values)

    def of(self, row: Row) -> T:
        return self._type(*[load(row) for load in self._loads])

    def _add(self, name: str, hint: object, codecs: Mapping[Any, Codec]) -> None:
        optional = type(None) in get_args(hint)
        type_: Any = get_args(hint)[0] if optional else hint
        codec = codecs.get(type_) or _CODECS.get(type_)
        place = len(self._paths)
        if codec is not None:
            self._dumps.append((place, codec[0]))
            load: Callable[[Any], Any] | None = codec[1]
        elif _has_value(type_):
            load = type_
            if optional:
                self._dumps.append((place, _VALUE))
            else:
                name = f"{name}.value"
        elif attrs.has(type_):
            self._add_object(name, RowLayout(type_, codecs=codecs), optional=optional)
            return
        else:
            load = None
        self._paths.append(name)
        self._loads.append(_column(self.width, load))
        self.width += 1

    def _add_object(self, name: str, layout: RowLayout[Any], *, optional: bool) -> None:
        place = len(self._paths)
        if optional:
            self._paths.append(name)
            self._optional.append((place, layout))
        else:
            self._paths += [f"{name}.{path}" for path in layout._paths]
            self._dumps += [(place + inner, dump) for inner, dump in layout._dumps]
            self._optional += [(place + inner, nested) for inner, nested in layout._optional]
        self._loads.append(_columns(self.width, layout))
        self.width += layout.width


def _has_value(type_: object) -> bool:
    if not isinstance(type_, type):
        return False
    return issubclass(type_, Enum) or (
        attrs.has(type_) and [attribute.name for attribute in attrs.fields(type_)] == ["value"]
    )


def _column(place: int, load: Callable[[Any], Any] | None) -> Callable[[Row], Any]:
    if load is None:
        return itemgetter(place)

    def loaded(row: Row) -> object:
        value = row[place]
        return None if value is None else load(value)

    return loaded


def _columns(start: int, layout: RowLayout[Any]) -> Callable[[Row], Any]:
    end = start + layout.width
    return lambda row: None if row[start] is None else layout.of(row[start:end])
