"""
Records that make a transaction which relies on something collide with its change.
"""

from __future__ import annotations

from functools import partial
from random import SystemRandom
from typing import Any, Final

from pymongo import UpdateOne

# A transaction that only reads what it relies on does not collide with one that removes it. One
# that writes to it does.
TOUCH: Final[dict[str, Any]] = {"$inc": {"uses": 1}}
_FORGET: Final[dict[str, Any]] = {"$unset": {"active": ""}}
_CLOSE: Final[dict[str, Any]] = {"$set": {"closed": True}}
_IS_OPEN: Final[dict[str, Any]] = {"closed": {"$exists": False}}
_OPEN: Final[dict[str, Any]] = {"$unset": {"closed": ""}}
# More than the commits of one tenant that are going on at the same time.
_SHARES: Final = 64
_MOST_KNOWN: Final = 65_536


class Uses:
    """
    Many records for one thing: a common use of it writes to one of them, a rare one to all.

    So every common use collides with the rare one, and hardly ever with another common one. Each
    record may say what the common use found to be true, so that the next one need not read it.
    """

    def __init__(self) -> None:
        # In turn, so that uses of one process differ; from a random start, for other processes.
        self._turn = SystemRandom().randrange(_SHARES)
        # What the records say, as far as this process wrote it.
        self._found: dict[str, dict[str, str]] = {}

    def one_of(self, thing: str, **found: str) -> partial[UpdateOne]:
        """
        What a transaction writes for a common use of *thing*, about which it *found* this.

        It relies on its being open, as `one_open` does.
        """
        share, change = _share(thing, self._turn), TOUCH
        self._turn = (self._turn + 1) % _SHARES
        if found:
            if len(self._found) >= _MOST_KNOWN:
                del self._found[next(iter(self._found))]
            self._found[share] = found
            change = TOUCH | {"$set": found}
        return partial(UpdateOne, {"_id": share, **_IS_OPEN}, change, upsert=True)

    def one_that(self, thing: str, **found: str) -> partial[UpdateOne] | None:
        """
        The same for a use that relies on what an earlier one of this process *found*.

        It may match nothing. None if there was no earlier one: to read first costs less then.
        """
        share = _share(thing, self._turn)
        if self._found.get(share) != found:
            # The turn is left to the use that finds it out.
            return None
        self._turn = (self._turn + 1) % _SHARES
        return partial(UpdateOne, {"_id": share, **found}, TOUCH)

    def one_open(self, thing: str) -> partial[UpdateOne]:
        """
        What a transaction writes for a common use of *thing* that relies on its being open.

        While it is closed, a record with this name is there, and the write cannot insert another.
        """
        share = _share(thing, self._turn)
        self._turn = (self._turn + 1) % _SHARES
        return partial(UpdateOne, {"_id": share, **_IS_OPEN}, TOUCH, upsert=True)

    def closing(self, thing: str) -> list[UpdateOne]:
        """
        What a transaction writes that closes *thing*: no common use of it succeeds after that.
        """
        return self._all(thing, TOUCH | _FORGET | _CLOSE)

    def opening(self, thing: str) -> list[UpdateOne]:
        """
        What a transaction writes that opens *thing* again.
        """
        return self._all(thing, TOUCH | _OPEN)

    def all_of(self, thing: str) -> list[UpdateOne]:
        """
        What a transaction writes for a rare use of *thing*. What was found does not count then.
        """
        return self._all(thing, TOUCH | _FORGET)

    def _all(self, thing: str, change: dict[str, Any]) -> list[UpdateOne]:
        return [
            UpdateOne({"_id": _share(thing, number)}, change, upsert=True)
            for number in range(_SHARES)
        ]


def _share(thing: str, number: int) -> str:
    return f"{thing}/{number}"
