"""
A bounded collection of rows, the least recently used leaving first.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from attrs import define, field

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def _one(_value: object) -> int:
    return 1


@define
class Entry(Generic[V]):
    """
    A row as of commit *seq*; None for one that does not exist.
    """

    seq: int
    value: V | None
    weight: int
    in_doubt: bool = False


@define(eq=False)
class Shelf(Generic[K, V]):
    """
    The rows of one kind that were used last.

    Args:
        select: Reads one row.
        floor: Of rows that are not here, only what was read at this commit or later may be
            taken in: what was dropped may have been newer than an older reading.
    """

    select: Callable[[sqlite3.Connection, K], V | None]
    capacity: int
    weigh: Callable[[V | None], int] = _one
    entries: OrderedDict[K, Entry[V]] = field(factory=OrderedDict)
    weight: int = 0
    floor: int = 0

    def find(self, keys: Sequence[K]) -> dict[K, V] | None:
        """
        The rows of *keys*, or None if not all of them are here.
        """
        found = {}
        # Far from full, nothing will have to leave before it is used again.
        in_order = self.weight * 2 > self.capacity
        for key in keys:
            entry = self.entries.get(key)
            if entry is None or entry.in_doubt:
                return None
            if in_order:
                self.entries.move_to_end(key)
            if entry.value is not None:
                found[key] = entry.value
        return found

    def keep(self, key: K, value: V | None, seq: int) -> None:
        """
        Take in a row that was read at commit *seq*, unless something newer is or was here.
        """
        if seq >= self.floor and key not in self.entries:
            self._put(key, value, seq)

    def doubt(self, key: K, seq: int) -> None:
        """
        Give the row to nobody until it is known whether commit *seq* succeeds.
        """
        self._remove(key)
        self.entries[key] = Entry(seq, None, 0, in_doubt=True)

    def replace(self, key: K, value: V | None, seq: int) -> None:
        """
        Put what commit *seq* wrote in the place of what was there.
        """
        self._remove(key)
        self._put(key, value, seq)

    def drop(self, key: K, seq: int) -> None:
        """
        Forget a row that commit *seq* changed.
        """
        self._remove(key)
        self.floor = max(self.floor, seq)

    def clear(self, seq: int) -> None:
        """
        Forget everything; what was read before commit *seq* comes too late.
        """
        self.entries.clear()
        self.weight = 0
        self.floor = seq

    def _put(self, key: K, value: V | None, seq: int) -> None:
        weight = self.weigh(value)
        self.entries[key] = Entry(seq, value, weight)
        self.weight += weight
        while self.weight > self.capacity:
            _, oldest = self.entries.popitem(last=False)
            self.weight -= oldest.weight
            self.floor = max(self.floor, oldest.seq)

    def _remove(self, key: K) -> None:
        entry = self.entries.pop(key, None)
        if entry is not None:
            self.weight -= entry.weight
