"""
How long something took, told to whoever wants to know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TypeAlias

Observe: TypeAlias = Callable[[str, float], None]
"""
Takes the name of an operation and the seconds that it took.
"""


@contextmanager
def timed(observe: Observe, operation: str) -> Iterator[None]:
    """
    Tell *observe* how long the block took, also if it failed.
    """
    start = perf_counter()
    try:
        yield
    finally:
        observe(operation, perf_counter() - start)
