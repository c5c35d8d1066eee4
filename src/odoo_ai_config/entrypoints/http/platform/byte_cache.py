"""
Keeps bytes that are made at some cost, up to a total size.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class ByteCache(Generic[K]):
    """
    The most recently read bytes, by what they are made of.

    Args:
        max_bytes: The maximum size of all entries together.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[K, tuple[bytes, int]] = OrderedDict()
        self._weight = 0

    def get(self, key: K) -> bytes | None:
        """
        What is kept as *key*.
        """
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        return kept[0]

    def keep(self, key: K, made: bytes, *, weight: int) -> None:
        """
        Keep *made*, an entry of *weight* bytes, and forget those that were not read for longest.

        One that is larger than the cache is not kept, and nothing is forgotten for it.
        """
        # Two requests may make the same one at the same time.
        if key in self._kept or weight > self._max_bytes:
            return
        self._kept[key] = made, weight
        self._weight += weight
        while self._weight > self._max_bytes:
            _, (_, forgotten) = self._kept.popitem(last=False)
            self._weight -= forgotten
