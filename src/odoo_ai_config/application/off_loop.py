"""
Runs costly computations off the event loop.

Cheap ones run at once, because handing them over costs more. Costly ones go to three threads of
their own: they wait for each other and delay nobody else, and few threads compete for the
interpreter's lock. The threads start when they are first needed and end with the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final, TypeVar

from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.json_types import Json

T = TypeVar("T")

# Costs are microseconds in the worst case: one per character of the most costly JSON.
CHEAP: Final = 16 * 1024
_LENGTHY: Final = 2 * 1024 * 1024
# To decide on one of many channels, items or secrets, or to show it.
ENTRY: Final = 64
# YAML is read by plain Python.
_YAML_CHARACTER: Final = 24
_ATOMS: Final = frozenset({type(None), bool, int, float})
# Bytes that are hashed or unpacked per microsecond.
_BYTES: Final = 16


async def run_off_loop(compute: Callable[[], T], *, cost: int) -> T:
    """
    The result of *compute*, run by a thread if its *cost* is above `CHEAP`.

    *compute* must not touch anything that the event loop may change meanwhile.
    """
    if cost <= CHEAP:
        return compute()
    # Short computations do not wait for long ones.
    lane = _threads("brief-work", 1) if cost <= _LENGTHY else _threads("lengthy-work", 2)
    return await asyncio.get_running_loop().run_in_executor(lane, compute)


@cache
def _threads(name: str, number: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(number, thread_name_prefix=name)


def cost_of_bytes(size: int) -> int:
    """
    The cost of hashing *size* bytes, or of unpacking what becomes as many.
    """
    return -(-size // _BYTES)


def cost_of_yaml(text: str) -> int:
    """
    The cost of reading or amending YAML, which is never done on the event loop.
    """
    return CHEAP + 1 + _YAML_CHARACTER * len(text)


def cost_of(*parts: Document | Json | Mapping[str, Json]) -> int:
    """
    The cost of going through *parts*; counting stops once it is above `CHEAP`.
    """
    cost = 0
    rest: list[object] = [*parts]
    while rest and cost <= CHEAP:
        part = rest.pop()
        cost += 2
        # Frequent types first: checks against an abstract class cost the most.
        if part.__class__ is str:
            cost += len(part)
        elif isinstance(part, Document):
            cost += len(part.text)
        elif part.__class__ is dict or (
            part.__class__ not in _ATOMS and isinstance(part, Mapping)
        ):
            cost += 4 * len(part)
            if cost <= CHEAP:
                rest += part.keys()
                rest += part.values()
        elif isinstance(part, Collection):
            cost += len(part)
            if cost <= CHEAP:
                rest += part
    return cost
