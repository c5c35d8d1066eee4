"""
Rows that this process read or wrote last, for as long as they are current.

Every commit that changes a row of a kind that is kept here takes a higher change number from
the table ``sequence``. A commit of another process empties the cache. A commit of this process
only replaces what it changes: a cache that it emptied too would be empty most of the time.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from attrs import frozen

from odoo_ai_config.domain.channels.mapping import MappingRevision
from odoo_ai_config.domain.documents.revisions import Revision

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# Reads one row by its key.
Lookup: TypeAlias = Callable[[sqlite3.Connection, K], V | None]
# New rows by their lookup and key; None for one that does not exist.
RowUpdates: TypeAlias = Mapping[tuple[Lookup[Any, Any], Hashable], object]

# The new row of an update that does not know it: the next lookup reads it.
UNKNOWN_ROW: Final = object()

_CAPACITY: Final = 64 * 2**20
_ROW_OVERHEAD: Final = 1024
_UNKNOWN: Final = -1
# A routing table that missed more reads the change log instead.
_OWN_COMMITS_KEPT: Final = 1000


@frozen
class OwnCommit:
    """
    What this process committed to the mappings after change number *before*, up to *after*.
    """

    before: int
    after: int
    mappings: Sequence[MappingRevision]


class RowCache:
    """
    The rows as of the change number `known`; those used least recently leave first.

    The event loop, the writer and the readers share it; every method is short.
    """

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self.own_commits: deque[OwnCommit] = deque(maxlen=_OWN_COMMITS_KEPT)
        self._capacity = capacity
        self._rows: OrderedDict[tuple[Lookup[Any, Any], Hashable], Any] = OrderedDict()
        self._weight = 0
        self._lock = threading.Lock()
        self._known = _UNKNOWN
        # `known` and the rows after the commit under way. No reader gets them before the commit
        # has succeeded.
        self._announced = _UNKNOWN
        self._pending: RowUpdates = {}

    @property
    def known(self) -> int:
        return self._known

    def observe(self, number: int) -> None:
        """
        Take note that the database is at change number *number*.
        """
        with self._lock:
            if number > max(self._known, self._announced):
                self._clear(number)

    def find(self, lookup: Lookup[K, V], keys: Sequence[K]) -> dict[K, V] | None:
        """
        The rows of *keys*, or None if not all of them are here.
        """
        found = {}
        with self._lock:
            # Far from full, nothing has to leave before it is used again.
            in_order = self._weight * 2 > self._capacity
            for key in keys:
                row = self._rows.get((lookup, key), UNKNOWN_ROW)
                if row is UNKNOWN_ROW:
                    return None
                if in_order:
                    self._rows.move_to_end((lookup, key))
                if row is not None:
                    found[key] = row
        return found

    def keep(self, lookup: Lookup[K, V], rows: Mapping[K, V | None], number: int) -> None:
        """
        Take in rows that were read at change number *number*, if they are still current.
        """
        with self._lock:
            if self._known <= number <= self._announced:
                for key, row in rows.items():
                    if (lookup, key) not in self._pending:
                        self._put((lookup, key), row)

    def announce(self, number: int, updates: RowUpdates) -> None:
        """
        Take note that a commit is about to make *updates* and to take *number*.
        """
        with self._lock:
            self._announced, self._pending = number, updates
            for place in updates:
                self._remove(place)

    def committed(self, mappings: Sequence[MappingRevision]) -> None:
        """
        Take note that the announced commit succeeded; it wrote *mappings* too.
        """
        with self._lock:
            # Else another process has committed since, and nothing is announced any more.
            if self._announced != self._known:
                for place, row in self._pending.items():
                    if row is not UNKNOWN_ROW:
                        self._put(place, row)
                self.own_commits.append(OwnCommit(self._known, self._announced, mappings))
                self._known, self._pending = self._announced, {}

    def failed(self) -> None:
        """
        Take note that a commit failed. If it was announced, it may have succeeded nevertheless.
        """
        with self._lock:
            if self._announced != self._known:
                self._clear(_UNKNOWN)

    def _clear(self, number: int) -> None:
        self._known = self._announced = number
        self._pending = {}
        self._rows.clear()
        self._weight = 0

    def _put(self, place: tuple[Lookup[Any, Any], Hashable], row: object) -> None:
        self._remove(place)
        self._rows[place] = row
        self._weight += _weight_of(row)
        while self._weight > self._capacity:
            _, oldest = self._rows.popitem(last=False)
            self._weight -= _weight_of(oldest)

    def _remove(self, place: tuple[Lookup[Any, Any], Hashable]) -> None:
        row = self._rows.pop(place, UNKNOWN_ROW)
        if row is not UNKNOWN_ROW:
            self._weight -= _weight_of(row)


def _weight_of(row: object) -> int:
    if not isinstance(row, Revision):
        return _ROW_OVERHEAD
    document = row.document
    authored = 0 if document.authored is None else len(document.authored.text)
    return _ROW_OVERHEAD + len(document.text) + authored
