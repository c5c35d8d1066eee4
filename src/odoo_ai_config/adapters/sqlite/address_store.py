"""
Secret addresses in SQLite.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.lookups import find_address
from odoo_ai_config.adapters.sqlite.rows import ADDRESSES
from odoo_ai_config.application.ports.address_store import AddressStore
from odoo_ai_config.domain.addresses import Address
from odoo_ai_config.domain.identifiers import TenantId

_ADDRESSES: Final = f"SELECT {ADDRESSES.columns} FROM addresses WHERE id > ? ORDER BY id LIMIT ?"
_ADDRESSES_OF: Final = (
    f"SELECT {ADDRESSES.columns} FROM addresses WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?"
)
_REVOKED: Final = "SELECT id FROM addresses WHERE revoked_at IS NOT NULL"


@frozen(eq=False)
class SqliteAddressStore(AddressStore):
    """
    Any process sees a new or revoked address at once.
    """

    database: SqliteDatabase

    async def address(self, address_id: str) -> Address | None:
        return (await self.database.find(find_address, (address_id,))).get(address_id)

    async def addresses(
        self, *, tenant: TenantId | None = None, after: str | None = None, limit: int = 100
    ) -> Sequence[Address]:
        place = (after or "", limit)
        if tenant is None:
            return await self.database.select(_ADDRESSES, place, ADDRESSES.of)
        return await self.database.select(_ADDRESSES_OF, (tenant.value, *place), ADDRESSES.of)

    async def revoked_ids(self) -> frozenset[str]:
        return frozenset(await self.database.select(_REVOKED, (), _id_of))


def _id_of(row: tuple[str]) -> str:
    return row[0]
