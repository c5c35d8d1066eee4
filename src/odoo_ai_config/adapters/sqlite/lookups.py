"""
The rows that are looked up by their keys, for which `RowCache` spares a reading.

They are what every request needs: documents, channels, API keys, secret addresses, sealing keys,
the heads of collections, and which tenants are not active or have moved.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from odoo_ai_config.adapters.sqlite.rows import (
    ADDRESSES,
    API_KEYS,
    COLLECTION_KEYS,
    COLLECTIONS,
    DOCUMENT_KEYS,
    MAPPING_COLUMNS,
    REVISION_COLUMNS,
    REVISIONS,
    TENANT_KEYS,
    mapping_revision_of,
    moves_of,
    optional,
)
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.addresses import Address
from odoo_ai_config.domain.channels.mapping import ChannelKey, MappingRevision
from odoo_ai_config.domain.collections import CollectionHead, CollectionKey
from odoo_ai_config.domain.credentials.secrets import TenantKey
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import DocumentKey, TenantId
from odoo_ai_config.domain.tenants import Remembered, Standing

_REVISION: Final = (
    f"SELECT ?1, ?2, ?3, {REVISION_COLUMNS} FROM revisions WHERE (document, version) = "
    "(SELECT id, version FROM documents WHERE tenant = ?1 AND domain = ?2 AND kind = ?3)"
)
_MAPPING: Final = f"SELECT {MAPPING_COLUMNS} FROM mappings WHERE key = ?"
_API_KEY: Final = f"SELECT {API_KEYS.columns} FROM api_keys WHERE id = ?"
_ADDRESS: Final = f"SELECT {ADDRESSES.columns} FROM addresses WHERE id = ?"
_ACTIVE_KEY: Final = (
    f"SELECT {TENANT_KEYS.columns} FROM tenant_keys WHERE tenant = ? ORDER BY id DESC LIMIT 1"
)
_COLLECTION: Final = f"SELECT {COLLECTIONS.columns} FROM collections WHERE tenant = ? AND name = ?"

_REMEMBERED: Final = (
    "SELECT tenant, standing, moves, successor FROM tenant_states "
    "WHERE standing <> 'active' OR moves <> '[]'"
)


def find_revision(connection: sqlite3.Connection, key: DocumentKey) -> Revision | None:
    row = connection.execute(_REVISION, DOCUMENT_KEYS.row(key)).fetchone()
    return optional(REVISIONS.of, row)


def find_mapping(connection: sqlite3.Connection, key: ChannelKey) -> MappingRevision | None:
    return optional(mapping_revision_of, connection.execute(_MAPPING, (str(key),)).fetchone())


def find_api_key(connection: sqlite3.Connection, key_id: str) -> ApiKey | None:
    return optional(API_KEYS.of, connection.execute(_API_KEY, (key_id,)).fetchone())


def find_address(connection: sqlite3.Connection, address_id: str) -> Address | None:
    return optional(ADDRESSES.of, connection.execute(_ADDRESS, (address_id,)).fetchone())


def find_active_key(connection: sqlite3.Connection, tenant: TenantId) -> TenantKey | None:
    return optional(TENANT_KEYS.of, connection.execute(_ACTIVE_KEY, (tenant.value,)).fetchone())


def find_collection(connection: sqlite3.Connection, key: CollectionKey) -> CollectionHead | None:
    row = connection.execute(_COLLECTION, COLLECTION_KEYS.row(key)).fetchone()
    return optional(COLLECTIONS.of, row)


def find_standings(connection: sqlite3.Connection, _key: str) -> Mapping[TenantId, Remembered]:
    return {
        TenantId(tenant): Remembered(
            Standing(standing), moves_of(moves), optional(TenantId, successor)
        )
        for tenant, standing, moves, successor in connection.execute(_REMEMBERED)
    }
