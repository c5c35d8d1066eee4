"""
Reads API keys, stored without their secrets. `ConfigStore.commit` writes them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from odoo_ai_config.domain.access import ApiKey


class ApiKeyStore(Protocol):
    """
    API keys by id.

    Every method raises `StoreUnavailableError` while the store is away.
    """

    @abstractmethod
    async def api_key(self, key_id: str) -> ApiKey | None:
        """
        One key, revoked ones included.

        The process that revokes a key sees it revoked at once; with a remote store, other
        processes see it within two seconds.
        """

    @abstractmethod
    async def api_keys(self) -> Sequence[ApiKey]:
        """
        Every key, revoked ones included, oldest first.
        """
