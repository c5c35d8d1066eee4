"""
Records that make a transaction which relies on something collide with its change.
"""

from __future__ import annotations

from functools import partial
from itertools import cycle
from random import SystemRandom
from typing import Any, Final

from pymongo import UpdateOne

# A transaction that only reads what it relies on does not collide with one that removes it. One
# that writes to it does.
TOUCH: Final[dict[str, Any]] = {"$inc": {"uses": 1}}
# More than the commits of one tenant that are going on at the same time.
_FORGET: Final[dict[str, Any]] = {"$unset": {"active": ""}}
_SHARES: Final = 64


class Uses:
    """
    Many records for one thing: a common use of it writes to one of them, a rare one to all.

    So every common use collides with the rare one, and hardly ever with another common one. Each
    record may say what the common use found to be true, so that the next one need not read it.
    """

    def __init__(self) -> None:
        # In turn, so that uses of one process differ; from a random start, for other processes.
        first = SystemRandom().randrange(_SHARES)
        self._turns = cycle([*range(first, _SHARES), *range(first)])

    def one_of(self, thing: str, **found: str) -> partial[UpdateOne]:
        """
        What a transaction writes for a common use of *thing*, about which it *found* this.
        """
        change = TOUCH | ({"$set": found} if found else {})
        return partial(UpdateOne, {"_id": self._share_of(thing)}, change, upsert=True)

    def one_that(self, thing: str, **found: str) -> partial[UpdateOne]:
        """
        The same for a use that relies on what an earlier one *found*; it may match nothing.
        """
        return partial(UpdateOne, {"_id": self._share_of(thing), **found}, TOUCH)

    def all_of(self, thing: str) -> list[UpdateOne]:
        """
        What a transaction writes for a rare use of *thing*. What was found does not count then.
        """
        return [
            UpdateOne({"_id": _share(thing, number)}, TOUCH | _FORGET, upsert=True)
            for number in range(_SHARES)
        ]

    def _share_of(self, thing: str) -> str:
        return _share(thing, next(self._turns))


def _share(thing: str, number: int) -> str:
    return f"{thing}/{number}"
