"""
What transactions write to that rely on a data key, so that they collide with its removal.
"""

from __future__ import annotations

from itertools import cycle
from random import SystemRandom
from typing import Any, Final

from pymongo import UpdateOne

from odoo_ai_config.domain.identifiers import TenantId

# Writing what one relies on, not only reading it, is what makes two transactions collide of
# which one uses a key or a sealed value and the other takes it away.
TOUCH: Final[dict[str, Any]] = {"$inc": {"uses": 1}}
# More than the messages of one tenant that are on their way into the store at a time.
_SHARES: Final = 64


class KeyUses:
    """
    Many records a tenant: who relies on its key touches one, who removes a key touches all.

    So all who rely on it collide with the removal, and hardly ever with each other.
    """

    def __init__(self) -> None:
        # In turn, for then those of one process differ; from anywhere, for those of others.
        first = SystemRandom().randrange(_SHARES)
        self._turns = cycle([*range(first, _SHARES), *range(first)])

    def one_of(self, tenant: TenantId) -> UpdateOne:
        """
        For a transaction that relies on a key of *tenant*.
        """
        return _touching(tenant, next(self._turns))

    def all_of(self, tenant: TenantId) -> list[UpdateOne]:
        """
        For a transaction that removes a key of *tenant*.
        """
        return [_touching(tenant, share) for share in range(_SHARES)]


def _touching(tenant: TenantId, share: int) -> UpdateOne:
    return UpdateOne({"_id": f"{tenant}/{share}"}, TOUCH, upsert=True)
