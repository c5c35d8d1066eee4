"""
Whether every technology was held to the same contracts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, TypeAlias

Runs: TypeAlias = dict[str, set[str]]

TECHNOLOGIES: Final = ("memory", "sqlite", "mongo")


def unevenness(runs: Mapping[str, set[str]], technologies: Collection[str]) -> list[str]:
    """
    One line for each contract test that ran for some technologies but not for all of them.
    """
    every = set().union(*runs.values())
    return [
        f"{technology} did not run {name}"
        for technology in technologies
        for name in sorted(every - runs.get(technology, set()))
    ]
