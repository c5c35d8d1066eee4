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
        attempts: How many may fail, the first one included.
        first: The longest pause after the first failure; it doubles with each further one.
        longest: No pause grows beyond it by doubling.
        longest_wish: How long the other side may ask to be left alone.
    """

    attempts: int = 12
    first: timedelta = timedelta(seconds=2)
    longest: timedelta = timedelta(minutes=15)
    longest_wish: timedelta = timedelta(hours=1)

    def gives_up(self, failures: int) -> bool:
        """
        Whether there is no further attempt after so many *failures*.
        """
        return failures >= self.attempts

    def abandons(self, losses: int) -> bool:
        """
        Whether nobody is to try any more after so many who did never came back.

        One or two say nothing, however few attempts there are: a power cut, a deploy gone wrong.
        """
        return losses >= max(self.attempts, _FEWEST_LOSSES)

    def pause(self, failures: int, *, of: str, wish: float | None = None) -> timedelta:
        """
        How long to wait after so many *failures*.

        Half of the pause is certain; the rest is a matter of chance, though always the same for
        the same *of* and number, so that what failed together does not come back together.

        Args:
            failures: Counted from 1.
            of: Names what is tried.
            wish: Seconds that the other side asked for. They are waited for in any case, up to
                a limit.
        """
        # So many lead beyond the longest; many more would not fit into a duration.
        enough = (self.longest // self.first).bit_length()
        pause = min(self.first * (1 << min(failures - 1, enough)), self.longest)
        chosen = pause / 2 + pause / 2 * _fraction(f"{of}/{failures}")
        if wish is None:
            return chosen
        # It came over the network, and can be any number or none at all.
        granted = min(self.longest_wish.total_seconds(), max(0.0, wish))
        return max(chosen, timedelta(seconds=granted))


def _fraction(text: str) -> float:
    # Evenly spread over [0, 1).
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest) / _SPREAD
