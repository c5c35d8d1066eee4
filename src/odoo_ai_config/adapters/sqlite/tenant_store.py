"""
Where tenants stand, in SQLite, and the removal of what an erased one leaves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from attrs import frozen

from odoo_ai_config.adapters.sqlite.commit import tenant_version
from odoo_ai_config.adapters.sqlite.connection import overwriting
from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.lookups import (
    find_address,
    find_api_key,
    find_collection,
    find_revision,
    find_standings,
)
from odoo_ai_config.adapters.sqlite.message_rows import promote
from odoo_ai_config.adapters.sqlite.row_layout import Row
from odoo_ai_config.adapters.sqlite.rows import (
    DOCUMENT_KEYS,
    TENANT_STATES,
    numbers_of,
    numbers_text,
)
from odoo_ai_config.adapters.sqlite.writer import Transaction
from odoo_ai_config.application.ports.tenant_store import TenantStore
from odoo_ai_config.domain.collections import CollectionKey, CollectionName
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.tenants import (
    KINDS,
    Remembered,
    Standing,
    TenantContents,
    TenantState,
    TenantVersion,
)

# Rows in one step. A revision may have a mebibyte, and a row that is overwritten costs more.
_STEP: Final = 500
_LARGE_STEP: Final = 20

_USUAL: Final = Remembered()
_CURRENT: Final = f"SELECT {TENANT_STATES.columns} FROM tenant_states WHERE tenant = ?"
_STATES: Final = (
    f"SELECT {TENANT_STATES.columns} FROM tenant_states WHERE tenant > ?1 "
    "AND standing IN (SELECT value FROM json_each(?2)) ORDER BY tenant LIMIT ?3"
)
_IS_OF_TENANT: Final = "json_extract(outcome, '$.tenant') = ?1"
# By the names of `TenantContents`.
_COUNTS: Final = {
    "documents": "documents WHERE tenant = ?1",
    "revisions": "documents JOIN revisions ON document = id WHERE tenant = ?1",
    "credentials": "secrets WHERE tenant = ?1 AND purpose NOT IN ('answer', 'message')",
    "channels": "mappings WHERE tenant = ?1",
    "collections": "collections WHERE tenant = ?1",
    "items": "collections JOIN items ON collection = collections.id WHERE tenant = ?1",
    "messages": "messages WHERE tenant = ?1",
    "conversations": "conversations WHERE tenant = ?1",
    "requests": f"deliveries WHERE {_IS_OF_TENANT}",
    "api_keys": "api_keys WHERE tenant = ?1",
    "addresses": "addresses WHERE tenant = ?1",
}
_CONTENTS: Final = f"SELECT {', '.join(f'(SELECT count(*) FROM {_COUNTS[k]})' for k in KINDS)}"
_OWN_PUSHES: Final = (
    "SELECT id FROM pushes WHERE tenant = ?1 "
    "OR collection IN (SELECT id FROM collections WHERE tenant = ?1)"
)
_OWN_HISTORY: Final = """tenant = ?1 AND numbers <> '[]' AND key IN (
      SELECT key FROM mappings WHERE tenant = ?1
      UNION SELECT key FROM mapping_revisions WHERE lost AND tenant = ?1)"""
_NUMBERS: Final = f"SELECT numbers, key, version FROM mapping_revisions WHERE {_OWN_HISTORY}"
_SET_NUMBERS: Final = "UPDATE mapping_revisions SET numbers = ? WHERE key = ? AND version = ?"
# In this order: a row goes before the one that it refers to.
_REMOVALS: Final = (
    f"""DELETE FROM revisions WHERE (document, version) IN (
      SELECT document, revisions.version FROM documents JOIN revisions ON document = id
      WHERE tenant = ?1 LIMIT {_LARGE_STEP})""",
    f"DELETE FROM secrets WHERE id IN (SELECT id FROM secrets WHERE tenant = ?1 LIMIT {_STEP})",
    f"""DELETE FROM pushed_items WHERE (push, id) IN (
      SELECT push, id FROM pushed_items WHERE push IN ({_OWN_PUSHES}) LIMIT {_STEP})""",
    f"DELETE FROM pushes WHERE id IN ({_OWN_PUSHES})",
    f"""DELETE FROM items WHERE (collection, id) IN (
      SELECT collection, items.id FROM collections JOIN items ON collection = collections.id
      WHERE tenant = ?1 LIMIT {_STEP})""",
    f"""DELETE FROM conversations WHERE (account, id) IN (
      SELECT account, id FROM conversations WHERE tenant = ?1 LIMIT {_STEP})""",
    f"UPDATE mapping_revisions SET numbers = '[]' WHERE {_OWN_HISTORY}",
)
_MESSAGES: Final = (
    "DELETE FROM messages WHERE number IN "
    f"(SELECT number FROM messages WHERE tenant = ?1 LIMIT {_STEP}) RETURNING lane, head"
)
_DOCUMENTS: Final = "DELETE FROM documents WHERE tenant = ?1 RETURNING tenant, domain, kind"
_COLLECTIONS: Final = "DELETE FROM collections WHERE tenant = ?1 RETURNING tenant, name"
_API_KEYS: Final = "DELETE FROM api_keys WHERE tenant = ?1 RETURNING id"
_ADDRESSES: Final = "DELETE FROM addresses WHERE tenant = ?1 RETURNING id"
_REQUESTS: Final = f"SELECT id FROM deliveries WHERE {_IS_OF_TENANT} LIMIT {_STEP}"
_REMOVE_REQUEST: Final = "DELETE FROM deliveries WHERE id = ?"


@frozen(eq=False)
class SqliteTenantStore(TenantStore):
    """
    Overwrites what it removes with zeros.
    """

    database: SqliteDatabase

    async def current(self, tenant: TenantId) -> TenantState | None:
        return await self.database.select_one(_CURRENT, (tenant.value,), TENANT_STATES.of)

    async def remembered(self, tenant: TenantId) -> Remembered:
        return (await self.unusual()).get(tenant, _USUAL)

    async def unusual(self) -> Mapping[TenantId, Remembered]:
        found = await self.database.find(find_standings, ("",))
        return found[""]

    async def states(
        self, standings: Collection[Standing], *, after: TenantId | None = None, limit: int = 100
    ) -> Sequence[TenantState]:
        wanted = json.dumps([standing.value for standing in standings])
        which = "" if after is None else after.value, wanted, limit
        return await self.database.select(_STATES, which, TENANT_STATES.of)

    async def contents(self, tenant: TenantId) -> TenantContents:
        (found,) = await self.database.select(
            _CONTENTS, (tenant.value,), lambda row: TenantContents(*row)
        )
        return found

    async def version(self, tenant: TenantId) -> TenantVersion:
        return await self.database.read(partial(tenant_version, tenant=tenant))

    async def remove_some(self, tenant: TenantId) -> bool:
        if await self.database.write(partial(_remove_some, tenant), long=True):
            return True
        # Only they have to be searched.
        requests = await self.database.select(_REQUESTS, (tenant.value,), tuple)
        return await self.database.write(partial(_remove_requests, requests), long=True)

    async def forget_number(self, tenant: TenantId, number: str) -> None:
        await self.database.write(partial(_forget_number, tenant, number), long=True)

    async def scrub(self, *, large: bool) -> bool:
        return await self.database.scrub(large=large)


def _remove_some(tenant: TenantId, transaction: Transaction) -> bool:
    with overwriting(transaction.connection):
        return any(_removals(transaction, tenant))


def _removals(transaction: Transaction, tenant: TenantId) -> Iterator[bool]:
    """
    Remove one kind after the other, and say of each whether there was something.
    """
    connection, which = transaction.connection, (tenant.value,)
    for statement in _REMOVALS:
        yield connection.execute(statement, which).rowcount > 0
    lanes = connection.execute(_MESSAGES, which).fetchall()
    for lane, head in lanes:
        if head:
            promote(connection, lane)
    yield bool(lanes)
    yield _forgotten(transaction, _DOCUMENTS, which, find_revision, DOCUMENT_KEYS.of)
    yield _forgotten(transaction, _COLLECTIONS, which, find_collection, _collection_key_of)
    yield _forgotten(transaction, _API_KEYS, which, find_api_key, _id_of)
    yield _forgotten(transaction, _ADDRESSES, which, find_address, _id_of)


def _forgotten(
    transaction: Transaction,
    statement: str,
    which: Row,
    lookup: Callable[..., object],
    key_of: Callable[[Row], object],
) -> bool:
    rows = transaction.connection.execute(statement, which).fetchall()
    transaction.updates.update({(lookup, key_of(row)): None for row in rows})
    return bool(rows)


def _forget_number(tenant: TenantId, number: str, transaction: Transaction) -> None:
    connection = transaction.connection
    with overwriting(connection):
        for text, *place in connection.execute(_NUMBERS, (tenant.value,)).fetchall():
            numbers = numbers_of(text)
            left = [one for one in numbers if one.number.comparable != number]
            if len(left) < len(numbers):
                connection.execute(_SET_NUMBERS, (numbers_text(left), *place))


def _remove_requests(rows: Sequence[Row], transaction: Transaction) -> bool:
    connection = transaction.connection
    with overwriting(connection):
        return connection.executemany(_REMOVE_REQUEST, rows).rowcount > 0


def _collection_key_of(row: Row) -> CollectionKey:
    return CollectionKey(TenantId(row[0]), CollectionName(row[1]))


def _id_of(row: Row) -> str:
    id_: str = row[0]
    return id_
