"""
Records that make a transaction which relies on something collide with its change.
"""

from __future__ import annotations

from itertools import cycle
from random import SystemRandom
from typing import Any, Final

from pymongo import UpdateOne

# A transaction that only reads what it relies on does not collide with one that removes it. One
# that writes to it does.
TOUCH: Final[dict[str, Any]] = {"$inc": {"uses": 1}}
# More than the messages of one tenant that are being stored at the same time.
_SHARES: Final = 64


class Uses:
    """
    Many records for one thing: a common use of it writes to one of them, a rare one to all.

    So every common use collides with the rare one, and hardly ever with another common one.
    """

    def __init__(self) -> None:
        # In turn, so that uses of one process differ; from a random start, for other processes.
        first = SystemRandom().randrange(_SHARES)
        self._turns = cycle([*range(first, _SHARES), *range(first)])

    def one_of(self, thing: str) -> UpdateOne:
        """
        What a transaction writes for a common use of *thing*.
        """
        return _touching(thing, next(self._turns))

    def all_of(self, thing: str) -> list[UpdateOne]:
        """
        What a transaction writes for a rare use of *thing*.
        """
        return [_touching(thing, share) for share in range(_SHARES)]


def _touching(thing: str, share: int) -> UpdateOne:
    return UpdateOne({"_id": f"{thing}/{share}"}, TOUCH, upsert=True)
