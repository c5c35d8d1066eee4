"""
Where API keys are kept, without the keys themselves. Written through `ConfigStore.commit`.
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

        A revocation may take up to two seconds to be seen by another process that uses a
        remote store; through the process that revoked it is seen at once.
        """

    @abstractmethod
    async def api_keys(self) -> Sequence[ApiKey]:
        """
        Every key, revoked ones included, oldest first.
        """
