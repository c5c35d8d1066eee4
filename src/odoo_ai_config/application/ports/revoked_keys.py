"""
Revoked API keys and secret addresses, and erased tenants, in a list beside the store.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from typing import Protocol


class RevokedKeys(Protocol):
    """
    Ids of revoked API keys and secret addresses, and notes of erasures, kept beside the store.

    A restored older copy of the store does not bring back what they name. Both methods raise
    `StoreUnusableError` if the list cannot be written or read.
    """

    @abstractmethod
    async def note(self, key_ids: Collection[str]) -> None:
        """
        Add *key_ids*, durably; adding one again does no harm.
        """

    @abstractmethod
    async def noted(self) -> frozenset[str]:
        """
        All ids and notes in the list.
        """
