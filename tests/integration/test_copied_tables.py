"""
What is stored is either read by a kind of record, or follows from what is.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Final

from odoo_ai_config.adapters.mongo.schema import COLLECTIONS
from odoo_ai_config.adapters.sqlite.schema import migrate
from odoo_ai_config.application.ports.store_records import RecordKind

TABLES: Final = {
    RecordKind.API_KEYS: ("api_keys", "api_keys"),
    RecordKind.ADDRESSES: ("addresses", "addresses"),
    RecordKind.TENANT_KEYS: ("tenant_keys", "tenant_keys"),
    RecordKind.TENANT_STATES: ("tenant_states", "tenant_states"),
    RecordKind.SECRETS: ("secrets", "secrets"),
    RecordKind.REVISIONS: ("revisions", "revisions"),
    RecordKind.MAPPINGS: ("mappings", "mappings"),
    RecordKind.REPLACED_MAPPINGS: ("mapping_revisions", "mapping_revisions"),
    RecordKind.COLLECTIONS: ("collections", "collections"),
    RecordKind.ITEMS: ("items", "items"),
    RecordKind.CONVERSATIONS: ("conversations", "conversation_states"),
    RecordKind.MESSAGES: ("messages", "messages"),
    RecordKind.REQUESTS: ("deliveries", "deliveries"),
    RecordKind.AUDIT: ("audit", "audit"),
    RecordKind.AUDIT_END: ("audit_end", "audit_end"),
    RecordKind.PENDING_AUDIT: ("pending_audit", "pending_audit"),
}
# The change number and its log, newest versions, pushes on their way, names of customers.
FOLLOW_IN_SQLITE: Final = {"sequence", "changes", "documents", "pushes", "pushed_items", "persons"}
# The newest revisions, marks and queues of messages, and what makes writers collide.
FOLLOW_IN_MONGO: Final = {
    "documents", "marks", "conversations", "key_uses", "channel_claims", "checks", "leases",
    "schema",
}  # fmt: skip


def test_every_table_of_sqlite_is_copied() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        found = {name for (name,) in tables}
    assert found == {sqlite for sqlite, _ in TABLES.values()} | FOLLOW_IN_SQLITE


def test_every_collection_of_mongodb_is_copied() -> None:
    assert set(COLLECTIONS) == {mongo for _, mongo in TABLES.values()} | FOLLOW_IN_MONGO


def test_every_kind_has_a_place() -> None:
    assert set(TABLES) == set(RecordKind)
