"""
Records that make a transaction which relies on a data key collide with the key's removal.
"""

from __future__ import annotations

from itertools import cycle
from random import SystemRandom
from typing import Any, Final

from pymongo import UpdateOne

from odoo_ai_config.domain.identifiers import TenantId

# A transaction that only reads what it relies on does not collide with one that removes it. One
# that writes to it does.
TOUCH: Final[dict[str, Any]] = {"$inc": {"uses": 1}}
# More than the messages of one tenant that are being stored at the same time.
_SHARES: Final = 64


class KeyUses:
    """
    Many records per tenant: relying on a key writes to one of them, removing a key to all.

    So every use collides with the removal, and uses hardly ever collide with each other.
    """

    def __init__(self) -> None:
        # In turn, so that uses of one process differ; from a random start, for other processes.
        first = SystemRandom().randrange(_SHARES)
        self._turns = cycle([*range(first, _SHARES), *range(first)])

    def one_of(self, tenant: TenantId) -> UpdateOne:
        """
        What a transaction writes that relies on a key of *tenant*.
        """
        return _touching(tenant, next(self._turns))

    def all_of(self, tenant: TenantId) -> list[UpdateOne]:
        """
        What a transaction writes that removes a key of *tenant*.
        """
        return [_touching(tenant, share) for share in range(_SHARES)]


def _touching(tenant: TenantId, share: int) -> UpdateOne:
    return UpdateOne({"_id": f"{tenant}/{share}"}, TOUCH, upsert=True)
