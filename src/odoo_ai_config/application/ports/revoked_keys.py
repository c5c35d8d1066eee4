"""
Which keys were revoked, as told by something that is not the store.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from typing import Protocol


class RevokedKeys(Protocol):
    """
    Ids of revoked API keys, kept beside the store.

    An older copy of the store does not make such a key good again. Both methods raise
    `StoreUnusableError` if they cannot be written or read.
    """

    @abstractmethod
    async def note(self, key_ids: Collection[str]) -> None:
        """
        Keep *key_ids* too, durably; to note one again does no harm.
        """

    @abstractmethod
    async def noted(self) -> frozenset[str]:
        """
        All that were ever noted.
        """
