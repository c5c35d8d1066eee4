"""
A changeset as rows, and the statements that write it or find out why it may not be written.

What is to be checked is checked by the statements that write: a row that is there already,
or no longer, makes them touch nothing.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from odoo_ai_config.adapters.sqlite.current_rows import CurrentRows, Effect
from odoo_ai_config.adapters.sqlite.item_rows import prepared_items
from odoo_ai_config.adapters.sqlite.message_rows import message_row, write_message
from odoo_ai_config.adapters.sqlite.rows import (
    API_KEY_COLUMNS,
    AUDIT_COLUMNS,
    COLLECTION_COLUMNS,
    DELIVERY_COLUMNS,
    MAPPING_COLUMNS,
    REVISION_COLUMNS,
    SEALED_COLUMNS,
    TENANT_KEY_COLUMNS,
    Row,
    api_key_row,
    audit_row,
    collection_row,
    delivery_row,
    document_key_row,
    mapping_row,
    microseconds,
    revision_row,
    secret_row,
    tenant_key_row,
)
from odoo_ai_config.adapters.sqlite.writer import Transaction
from odoo_ai_config.application.errors import DeliveryRecordedError, TenantKeyChangedError
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.errors import RevisionConflictError

_INSERT_DELIVERY: Final = (
    f"INSERT INTO deliveries ({DELIVERY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_INSERT_FIRST_KEY: Final = (
    f"INSERT INTO tenant_keys ({TENANT_KEY_COLUMNS}) SELECT ?1, ?2, ?3, ?4, ?5 "
    "WHERE NOT EXISTS (SELECT 1 FROM tenant_keys WHERE tenant = ?1)"
)
_HAS_KEY: Final = "SELECT 1 FROM tenant_keys WHERE tenant = ? AND key_id = ?"
_INSERT_DOCUMENT: Final = (
    "INSERT INTO documents (deleted, tenant, domain, kind, version) VALUES (?, ?, ?, ?, 1 + ?) "
    "ON CONFLICT DO NOTHING RETURNING id"
)
_MOVE_DOCUMENT: Final = (
    "UPDATE documents SET version = version + 1, deleted = ? "
    "WHERE tenant = ? AND domain = ? AND kind = ? AND version = ? RETURNING id"
)
_INSERT_REVISION: Final = (
    f"INSERT INTO revisions (document, {REVISION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_MAPPING: Final = (
    f"INSERT INTO mappings ({MAPPING_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO NOTHING"
)
_REPLACE_MAPPING: Final = (
    f"UPDATE mappings SET ({MAPPING_COLUMNS}) = (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
    "WHERE key = ?1 AND version = ?8 - 1"
)
_INSERT_SECRET: Final = (
    f"INSERT INTO secrets ({SEALED_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_INSERT_COLLECTION: Final = (
    f"INSERT INTO collections ({COLLECTION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO NOTHING RETURNING id"
)
# How far traces were pruned is not for a push to say.
_MOVE_COLLECTION: Final = (
    "UPDATE collections SET (version, size, created_at, updated_at) = (?3, ?4, ?5, ?6) "
    "WHERE tenant = ?1 AND name = ?2 AND version = ?3 - 1 RETURNING id"
)
_INSERT_AUDIT: Final = f"INSERT INTO audit ({AUDIT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
_PUT_API_KEY: Final = (
    f"INSERT OR REPLACE INTO api_keys ({API_KEY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
)


class PreparedChangeset:
    """
    A changeset with everything done that needs no database, so that the writer only writes.
    """

    def __init__(self, changeset: Changeset, rows: CurrentRows) -> None:
        delivery, new_key = changeset.delivery, changeset.new_tenant_key
        under = changeset.sealed_under
        self._delivery = None if delivery is None else delivery_row(delivery)
        self._new_key = None if new_key is None else tenant_key_row(new_key)
        self._sealed_under = None if under is None else (under.tenant.value, under.key_id)
        self._revisions = [
            (document_key_row(revision.key), revision_row(revision))
            for revision in changeset.revisions
        ]
        self._mapping_states = [revision.mapping for revision in changeset.mappings]
        self._mappings = [mapping_row(revision) for revision in changeset.mappings]
        self._messages = [(message, message_row(message)) for message in changeset.messages]
        inserts: list[tuple[str, list[Row]]] = [
            (_INSERT_SECRET, [secret_row(secret) for secret in changeset.secrets]),
            (_INSERT_AUDIT, [audit_row(entry) for entry in changeset.audit]),
            (_PUT_API_KEY, [api_key_row(key) for key in changeset.api_keys]),
        ]
        # A statement that is given no rows costs as much as one that is.
        self._inserts = [(statement, rows) for statement, rows in inserts if rows]
        self._changes = [
            ("document", "/".join(key), row[0], row[5]) for key, row in self._revisions
        ] + [
            ("mapping", row[0], revision.version, microseconds(revision.updated_at))
            for revision, row in zip(changeset.mappings, self._mappings, strict=True)
        ]
        self._effects = [
            Effect(rows.revisions, revision.key, revision) for revision in changeset.revisions
        ]
        self._effects += [
            Effect(rows.mappings, revision.mapping.key, revision)
            for revision in changeset.mappings
        ]
        self._effects += [Effect(rows.api_keys, key.id, key) for key in changeset.api_keys]
        self._collections = [
            (collection_row(change.head), prepared_items(change))
            for change in changeset.collections
        ]
        for change in changeset.collections:
            head = change.head
            at = microseconds(head.updated_at)
            self._changes.append(("collection", str(head.key), head.version, at))
            # The floor that the row has is not at hand.
            self._effects.append(Effect(rows.collections, head.key, forget=True))
        if new_key is not None:
            self._effects.append(Effect(rows.active_keys, new_key.tenant, new_key))
        if delivery is not None:
            self._effects.append(Effect(rows.deliveries, delivery.claim.id, self._delivery))

    def write(self, transaction: Transaction) -> None:
        """
        Write everything.

        Raises:
            DeliveryRecordedError: The delivery is there.
            MessageRecordedError: A new message was received before.
            TenantKeyChangedError: The tenant has a key, or no longer the one that was used.
            RevisionConflictError: A revision, message or collection does not succeed the one
                that is there.
        """
        connection = transaction.connection
        self._write_delivery(connection)
        for message, row in self._messages:
            write_message(connection, message, row)
        self._write_key(connection)
        self._write_revisions(connection)
        self._write_mappings(connection)
        self._write_collections(connection)
        for statement, rows in self._inserts:
            connection.executemany(statement, rows)
        transaction.changes.extend(self._changes)
        transaction.mappings.extend(self._mapping_states)
        transaction.effects.extend(self._effects)

    def _write_delivery(self, connection: sqlite3.Connection) -> None:
        if self._delivery is None:
            return
        if not connection.execute(_INSERT_DELIVERY, self._delivery).rowcount:
            raise DeliveryRecordedError

    def _write_key(self, connection: sqlite3.Connection) -> None:
        if self._new_key is not None and not (
            connection.execute(_INSERT_FIRST_KEY, self._new_key).rowcount
        ):
            raise TenantKeyChangedError
        if self._sealed_under is not None and (
            connection.execute(_HAS_KEY, self._sealed_under).fetchone() is None
        ):
            raise TenantKeyChangedError

    def _write_revisions(self, connection: sqlite3.Connection) -> None:
        rows: list[Row] = []
        for key, revision in self._revisions:
            version, deleted = revision[0], revision[-1]
            document = connection.execute(
                _INSERT_DOCUMENT if version == 1 else _MOVE_DOCUMENT,
                (deleted, *key, version - 1),
            ).fetchone()
            if document is None:
                raise RevisionConflictError
            rows.append(document + revision)
        connection.executemany(_INSERT_REVISION, rows)

    def _write_mappings(self, connection: sqlite3.Connection) -> None:
        for row in self._mappings:
            statement = _INSERT_MAPPING if row[7] == 1 else _REPLACE_MAPPING
            if not connection.execute(statement, row).rowcount:
                raise RevisionConflictError

    def _write_collections(self, connection: sqlite3.Connection) -> None:
        for row, statements in self._collections:
            if row[2] == 1:
                collection = connection.execute(_INSERT_COLLECTION, row).fetchone()
            else:
                collection = connection.execute(_MOVE_COLLECTION, row[:-1]).fetchone()
            if collection is None:
                raise RevisionConflictError
            for item_statement, values in statements:
                connection.execute(item_statement, collection + values)
