"""
Secret addresses in memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from odoo_ai_config.adapters.memory.state import MemoryAdapter
from odoo_ai_config.application.ports.address_store import AddressStore
from odoo_ai_config.domain.addresses import Address
from odoo_ai_config.domain.identifiers import TenantId


class MemoryAddressStore(MemoryAdapter, AddressStore):
    """
    Reads the addresses that commits brought.
    """

    async def address(self, address_id: str) -> Address | None:
        return self.state.addresses.get(address_id)

    async def addresses(
        self, *, tenant: TenantId | None = None, after: str | None = None, limit: int = 100
    ) -> Sequence[Address]:
        found = [
            address
            for id_, address in sorted(self.state.addresses.items())
            if (after is None or id_ > after) and tenant in {None, address.feed.owner.tenant}
        ]
        return found[:limit]

    async def revoked_ids(self) -> frozenset[str]:
        addresses = self.state.addresses.values()
        return frozenset(address.id for address in addresses if address.revoked_at is not None)
