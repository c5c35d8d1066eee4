"""
Wrapped data keys and sealed values in SQLite.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Final

from attrs import frozen

from odoo_ai_config.adapters.sqlite.cache import UNKNOWN_ROW
from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.lookups import find_active_key
from odoo_ai_config.adapters.sqlite.row_layout import Row
from odoo_ai_config.adapters.sqlite.rows import (
    IS_CREDENTIAL,
    SEAL_CONTEXTS,
    SECRETS,
    TENANT_KEYS,
)
from odoo_ai_config.adapters.sqlite.writer import Transaction
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.domain.credentials.secrets import (
    CREDENTIAL,
    Fingerprint,
    SealContext,
    SealedSecret,
    TenantKey,
)
from odoo_ai_config.domain.identifiers import CredentialRef, TenantArea, TenantId

_KEY: Final = f"SELECT {TENANT_KEYS.columns} FROM tenant_keys WHERE tenant = ? AND key_id = ?"
_ACTIVE_KEYS: Final = (
    f"SELECT {TENANT_KEYS.columns} FROM tenant_keys WHERE id IN (SELECT max(id) FROM tenant_keys "
    "WHERE tenant > ? GROUP BY tenant ORDER BY tenant LIMIT ?) ORDER BY tenant"
)
_KEYS_OF: Final = f"SELECT {TENANT_KEYS.columns} FROM tenant_keys WHERE tenant = ? ORDER BY id"
_MASTER_IDS: Final = "SELECT master_id, count(*) FROM tenant_keys GROUP BY master_id"
_WRAPPED_BY_OTHERS: Final = (
    f"SELECT {TENANT_KEYS.columns} FROM tenant_keys WHERE master_id <> ? "
    "ORDER BY master_id, id LIMIT ?"
)
_REWRAP: Final = (
    "UPDATE tenant_keys SET master_id = ?, wrapped = ?, created_at = ? "
    "WHERE (tenant, key_id, master_id, wrapped, created_at) = (?, ?, ?, ?, ?)"
)
# Whether the key in the first parameters is its tenant's newest.
_IS_ACTIVE: Final = (
    f"(SELECT id FROM tenant_keys WHERE ({TENANT_KEYS.columns}) = (?1, ?2, ?3, ?4, ?5)) "
    "= (SELECT max(id) FROM tenant_keys WHERE tenant = ?1)"
)
_ADD_KEY: Final = (
    f"INSERT INTO tenant_keys ({TENANT_KEYS.columns}) SELECT ?6, ?7, ?8, ?9, ?10 "
    f"WHERE {_IS_ACTIVE} ON CONFLICT DO NOTHING"
)
# Not "<>", which would walk through everything that the key itself sealed.
_SEALED_BY_OTHERS: Final = (
    f"SELECT {SECRETS.columns} FROM secrets WHERE tenant = ?1 AND key_id < ?2 "
    f"UNION ALL SELECT {SECRETS.columns} FROM secrets WHERE tenant = ?1 AND key_id > ?2 "
    "LIMIT ?3"
)
_REMOVE_OTHERS: Final = "DELETE FROM tenant_keys WHERE tenant = ? AND key_id <> ?"
_PLACE: Final = "(tenant, domain, ref, purpose, fingerprint) = (?, ?, ?, ?, ?)"
_SECRET: Final = f"SELECT {SECRETS.columns} FROM secrets WHERE {_PLACE}"
_STORED_IN: Final = (
    "SELECT ref, fingerprint FROM secrets INDEXED BY credentials "
    f"WHERE {IS_CREDENTIAL} AND tenant = ? AND domain = ? AND purpose = ?"
)
_RESEAL: Final = (
    "UPDATE secrets SET key_id = ?, envelope = ? "
    f"WHERE {_PLACE} AND key_id = ? AND envelope = ? "
    "AND EXISTS (SELECT 1 FROM tenant_keys k WHERE k.tenant = ? AND k.key_id = ?)"
)


@frozen(eq=False)
class SqliteSecretStore(SecretStore):
    """
    Keeps what the vault made; it could not open it.
    """

    database: SqliteDatabase

    async def active_key(self, tenant: TenantId) -> TenantKey | None:
        return (await self.database.find(find_active_key, (tenant,))).get(tenant)

    async def active_keys(
        self, *, after: TenantId | None = None, limit: int = 100
    ) -> Sequence[TenantKey]:
        which = "" if after is None else after.value, limit
        return await self.database.select(_ACTIVE_KEYS, which, TENANT_KEYS.of)

    async def sealing_key(self, tenant: TenantId) -> TenantKey | None:
        return await self.active_key(tenant)

    async def tenant_key(self, tenant: TenantId, key_id: str) -> TenantKey | None:
        active = await self.active_key(tenant)
        if active is not None and active.key_id == key_id:
            return active
        return await self.database.select_one(_KEY, (tenant.value, key_id), TENANT_KEYS.of)

    async def keys_of(self, tenant: TenantId) -> Sequence[TenantKey]:
        return await self.database.select(_KEYS_OF, (tenant.value,), TENANT_KEYS.of)

    async def sealed(self, context: SealContext, fingerprint: Fingerprint) -> SealedSecret | None:
        which = *SEAL_CONTEXTS.row(context), fingerprint.value
        return await self.database.select_one(_SECRET, which, SECRETS.of)

    async def stored_in(
        self, owner: TenantArea
    ) -> Mapping[CredentialRef, Collection[Fingerprint]]:
        found: dict[CredentialRef, set[Fingerprint]] = {}
        which = owner.tenant.value, owner.domain.value, CREDENTIAL
        for ref, fingerprint in await self.database.select(_STORED_IN, which, tuple):
            found.setdefault(CredentialRef(ref), set()).add(Fingerprint(fingerprint))
        return found

    async def master_ids(self) -> Mapping[str, int]:
        return dict(await self.database.select(_MASTER_IDS, (), lambda row: (row[0], row[1])))

    async def keys_not_wrapped_by(self, master_id: str, *, limit: int) -> Sequence[TenantKey]:
        which = master_id, limit
        return await self.database.select(_WRAPPED_BY_OTHERS, which, TENANT_KEYS.of)

    async def rewrap(self, old: TenantKey, new: TenantKey) -> bool:
        row = *TENANT_KEYS.row(new)[2:], *TENANT_KEYS.row(old)
        return await self.database.write(partial(_change_key, _REWRAP, row, old.tenant))

    async def add_key(self, key: TenantKey, *, successor_of: TenantKey) -> bool:
        row = *TENANT_KEYS.row(successor_of), *TENANT_KEYS.row(key)
        return await self.database.write(partial(_change_key, _ADD_KEY, row, key.tenant))

    async def secrets_not_sealed_by(self, key: TenantKey, *, limit: int) -> Sequence[SealedSecret]:
        which = key.tenant.value, key.key_id, limit
        return await self.database.select(_SEALED_BY_OTHERS, which, SECRETS.of)

    async def reseal(self, old: SealedSecret, new: SealedSecret) -> bool:
        # The key must be there: a value sealed with a retired one could never be opened again.
        row = *SECRETS.row(new)[-2:], *SECRETS.row(old), new.context.tenant.value, new.key_id
        return await self.database.write_all(_RESEAL, [row]) == 1

    async def retire_keys(self, active: TenantKey) -> bool:
        row = TENANT_KEYS.row(active)

        def write(transaction: Transaction) -> bool:
            connection = transaction.connection
            which = active.tenant.value, active.key_id
            is_active = connection.execute(f"SELECT {_IS_ACTIVE}", row).fetchone()[0]
            sealed = connection.execute(_SEALED_BY_OTHERS, (*which, 1)).fetchone()
            if not is_active or sealed is not None:
                return False
            connection.execute(_REMOVE_OTHERS, which)
            return True

        return await self.database.write(write)


def _change_key(statement: str, row: Row, tenant: TenantId, transaction: Transaction) -> bool:
    changed = transaction.connection.execute(statement, row).rowcount == 1
    if changed:
        transaction.updates[find_active_key, tenant] = UNKNOWN_ROW
    return changed
