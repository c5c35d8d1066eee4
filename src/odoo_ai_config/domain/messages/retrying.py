"""
When to try again, and when to give up.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

from attrs import frozen

_SPREAD: Final = 2**64
_FEWEST_LOSSES: Final = 3


@frozen
class RetryPolicy:
    """
    Exponential backoff with jitter.

    Args:
        attempts: How many may fail, including the first one.
        first: The longest pause after the first failure. It doubles with each further failure.
        longest: The limit of that doubling.
        longest_wish: The longest pause that the other side may ask for.
    """

    attempts: int = 12
    first: timedelta = timedelta(seconds=2)
    longest: timedelta = timedelta(minutes=15)
    longest_wish: timedelta = timedelta(hours=1)

    def gives_up(self, failures: int) -> bool:
        """
        Whether there is no further attempt after that many *failures*.
        """
        return failures >= self.attempts

    def abandons(self, losses: int) -> bool:
        """
        Whether there is no further attempt after that many workers were lost.

        One or two losses are never enough: a power cut or a failed deploy can explain them.
        """
        return losses >= max(self.attempts, _FEWEST_LOSSES)

    def pause(self, failures: int, *, of: str, wish: float | None = None) -> timedelta:
        """
        How long to wait after that many *failures*.

        Half of the pause is fixed. The other half depends on a hash of *of* and the number of
        failures, so that attempts that failed together do not come back together.

        Args:
            failures: Counted from 1.
            of: Names the thing that is tried.
            wish: Seconds that the other side asked for. The pause is at least that long, up to
                a limit.
        """
        # This many doublings reach the longest pause; many more would overflow a timedelta.
        enough = (self.longest // self.first).bit_length()
        pause = min(self.first * (1 << min(failures - 1, enough)), self.longest)
        chosen = pause / 2 + pause / 2 * _fraction(f"{of}/{failures}")
        if wish is None:
            return chosen
        # It came over the network: it may be any number, or NaN.
        granted = min(self.longest_wish.total_seconds(), max(0.0, wish))
        return max(chosen, timedelta(seconds=granted))


def _fraction(text: str) -> float:
    # Evenly spread over [0, 1).
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest) / _SPREAD
