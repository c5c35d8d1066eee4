"""
How long something took, told to whoever wants to know.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TypeAlias

Observe: TypeAlias = Callable[[str, float], None]
"""
Takes the name of an operation and the seconds that it took.
"""


class Timed:
    """
    Tells *observe* how long its block took, also if it failed.

    A class of its own, because a generator costs more than some of what is timed.
    """

    __slots__ = ("_observe", "_operation", "_start")

    def __init__(self, observe: Observe, operation: str) -> None:
        self._observe = observe
        self._operation = operation

    def __enter__(self) -> None:
        self._start = perf_counter()

    def __exit__(self, *_exception: object) -> None:
        self._observe(self._operation, perf_counter() - self._start)
