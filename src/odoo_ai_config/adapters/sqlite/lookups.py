"""
The rows that are looked up by their keys, for which `RowCache` spares a reading.

They are what every request needs: documents, channels, API keys, sealing keys and the heads of
collections.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from odoo_ai_config.adapters.sqlite.rows import (
    API_KEY_COLUMNS,
    COLLECTION_COLUMNS,
    MAPPING_COLUMNS,
    REVISION_COLUMNS,
    TENANT_KEY_COLUMNS,
    api_key_of,
    collection_of,
    document_key_row,
    mapping_revision_of,
    optional,
    revision_of,
    tenant_key_of,
)
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.channels.mapping import ChannelKey, MappingRevision
from odoo_ai_config.domain.collections import CollectionHead, CollectionKey
from odoo_ai_config.domain.credentials.secrets import TenantKey
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import DocumentKey, TenantId

_REVISION: Final = (
    f"SELECT {REVISION_COLUMNS} FROM revisions WHERE (document, version) = "
    "(SELECT id, version FROM documents WHERE tenant = ? AND domain = ? AND kind = ?)"
)
_MAPPING: Final = f"SELECT {MAPPING_COLUMNS} FROM mappings WHERE key = ?"
_API_KEY: Final = f"SELECT {API_KEY_COLUMNS} FROM api_keys WHERE id = ?"
_ACTIVE_KEY: Final = (
    f"SELECT {TENANT_KEY_COLUMNS} FROM tenant_keys WHERE tenant = ? ORDER BY id DESC LIMIT 1"
)
_COLLECTION: Final = f"SELECT {COLLECTION_COLUMNS} FROM collections WHERE tenant = ? AND name = ?"


def find_revision(connection: sqlite3.Connection, key: DocumentKey) -> Revision | None:
    row = connection.execute(_REVISION, document_key_row(key)).fetchone()
    return None if row is None else revision_of(key, row)


def find_mapping(connection: sqlite3.Connection, key: ChannelKey) -> MappingRevision | None:
    return optional(mapping_revision_of, connection.execute(_MAPPING, (str(key),)).fetchone())


def find_api_key(connection: sqlite3.Connection, key_id: str) -> ApiKey | None:
    return optional(api_key_of, connection.execute(_API_KEY, (key_id,)).fetchone())


def find_active_key(connection: sqlite3.Connection, tenant: TenantId) -> TenantKey | None:
    return optional(tenant_key_of, connection.execute(_ACTIVE_KEY, (tenant.value,)).fetchone())


def find_collection(connection: sqlite3.Connection, key: CollectionKey) -> CollectionHead | None:
    which = key.tenant.value, key.name.value
    return optional(collection_of, connection.execute(_COLLECTION, which).fetchone())
