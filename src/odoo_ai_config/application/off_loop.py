"""
Computations that would hold up everybody else on the event loop, done beside it.

What is small is done at once: to hand it over would cost more than it does. What is large goes
to three threads of its own, so that many of it wait for each other and for nobody else, and the
interpreter's lock is asked for by few. They are made when there is something for them, and end
with the process.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final, TypeVar

from odoo_ai_config.domain.documents import Document
from odoo_ai_config.domain.json_types import Json

T = TypeVar("T")

# Weights are microseconds at worst, which is one for each character of the most costly JSON.
LIGHT: Final = 16 * 1024
_LENGTHY: Final = 2 * 1024 * 1024
# Deciding on one of many channels, items or secrets, or showing it.
ENTRY: Final = 64
# YAML is read by plain Python.
_YAML_CHARACTER: Final = 24
# Bytes that are hashed or unpacked in a microsecond.
_BYTES: Final = 16


async def worked_out(compute: Callable[[], T], *, weight: int) -> T:
    """
    What *compute* gives, by a thread if its *weight* is more than `LIGHT`.

    *compute* must touch nothing that the event loop may change meanwhile.
    """
    if weight <= LIGHT:
        return compute()
    # What takes seconds does not delay what takes a moment.
    lane = _threads("brief-work", 1) if weight <= _LENGTHY else _threads("lengthy-work", 2)
    return await asyncio.get_running_loop().run_in_executor(lane, compute)


@cache
def _threads(name: str, number: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(number, thread_name_prefix=name)


def weight_of_bytes(size: int) -> int:
    """
    What it weighs to hash *size* bytes, or to unpack what becomes as many.
    """
    return math.ceil(size / _BYTES)


def weight_of_yaml(text: str) -> int:
    """
    What it weighs to read or amend YAML, which is never done on the event loop.
    """
    return LIGHT + 1 + _YAML_CHARACTER * len(text)


def weight_of(*parts: Document | Json | Mapping[str, Json]) -> int:
    """
    What it weighs to go through *parts*; of what is too heavy anyhow, not all is counted.
    """
    weight = 0
    rest: list[object] = [*parts]
    while rest and weight <= LIGHT:
        part = rest.pop()
        weight += 2
        if isinstance(part, Document):
            weight += len(part.text)
        elif isinstance(part, str):
            weight += len(part)
        elif isinstance(part, Mapping):
            weight += 4 * len(part)
            if weight <= LIGHT:
                rest += part.keys()
                rest += part.values()
        elif isinstance(part, Collection):
            weight += len(part)
            if weight <= LIGHT:
                rest += part
    return weight
