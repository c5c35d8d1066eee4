"""
The results of a benchmark and their goals.
"""

from __future__ import annotations

from statistics import median

from attrs import frozen


@frozen
class Figure:
    """
    One line of the report.

    Args:
        goal: The goal in `docs/benchmarks.md`, as text.
        found: The result of this run, as text.
        met: Whether the result meets the goal.
        detail: The absolute numbers behind a ratio, on this machine.
    """

    name: str
    goal: str
    found: str
    met: bool
    detail: str = ""


def at_least(name: str, goal: float, ratios: list[float], detail: str = "") -> Figure:
    """
    A ratio that must reach *goal*; the median of the pairs counts.
    """
    found = median(ratios)
    spread = f"{found:.2f} x ({min(ratios):.2f} to {max(ratios):.2f})"
    return Figure(name, f"at least {goal:.2f} x", spread, found >= goal, detail)


def rate_of_at_least(name: str, goal: float, rates: list[float], detail: str = "") -> Figure:
    """
    A rate per second that must reach *goal*; the median of the rounds counts.
    """
    found = median(rates)
    spread = f"{found:.0f}/s ({min(rates):.0f} to {max(rates):.0f})"
    return Figure(name, f"at least {goal:g}/s", spread, found >= goal, detail)


def at_most(name: str, goal: float, found: float, unit: str, detail: str = "") -> Figure:
    """
    A quantity that must not exceed *goal*.
    """
    return Figure(name, f"at most {goal:g} {unit}", f"{found:.2f} {unit}", found <= goal, detail)
