"""
Reads secret addresses, stored without their tokens. `ConfigStore.commit` writes them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from odoo_ai_config.domain.addresses import Address
from odoo_ai_config.domain.identifiers import TenantId


class AddressStore(Protocol):
    """
    Secret addresses by id.

    Every method raises `StoreUnavailableError` while the store is away, and sees what any process
    has committed before.
    """

    @abstractmethod
    async def address(self, address_id: str) -> Address | None:
        """
        One address, revoked ones included, at a cost that does not depend on their number.
        """

    @abstractmethod
    async def addresses(
        self, *, tenant: TenantId | None = None, after: str | None = None, limit: int = 100
    ) -> Sequence[Address]:
        """
        At most *limit* addresses of *tenant* or of all, by id, following *after*.
        """

    @abstractmethod
    async def revoked_ids(self) -> frozenset[str]:
        """
        The ids of all revoked addresses.
        """
