"""
What may be forgotten: readers find it, and the writer removes it in short transactions.

Searching takes long and blocks nobody. Removing is quick, and checks again where something may
have changed in between.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from functools import partial
from typing import Final

from odoo_ai_config.adapters.sqlite.cache import UNKNOWN_ROW
from odoo_ai_config.adapters.sqlite.connection import change_number
from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.large_pushes import settle_pushes
from odoo_ai_config.adapters.sqlite.lookups import find_collection
from odoo_ai_config.adapters.sqlite.row_layout import Row, microseconds
from odoo_ai_config.adapters.sqlite.writer import Transaction
from odoo_ai_config.application.ports.config_store import PruneReport
from odoo_ai_config.domain.collections import CollectionKey, CollectionName
from odoo_ai_config.domain.documents.credentials import fingerprints_in
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.identifiers import CREDENTIALS, TenantId

_STEP: Final = 500
# A process that missed more reads everything anew instead.
LOG_LINES_KEPT: Final = 100_000

_EXPIRED: Final = "SELECT caller, key, ?1 FROM deliveries WHERE expires_at < ?1 LIMIT ?2"
_REMOVE_IDEMPOTENCY_RECORD: Final = (
    "DELETE FROM deliveries WHERE caller = ? AND key = ? AND expires_at < ?"
)

# The rule of `RetentionPolicy.allows_pruning`. A rule that is switched off is NULL, and no
# comparison with NULL is true.
_OLD: Final = """
SELECT document, revisions.version FROM revisions JOIN documents ON document = id
WHERE document >= ?1 AND revisions.version < documents.version
  AND (revisions.version <= documents.version - ?2 OR updated_at < ?3)
ORDER BY document, revisions.version LIMIT ?4
"""
_REMOVE_REVISION: Final = "DELETE FROM revisions WHERE document = ? AND version = ?"
_OLD_MAPPINGS: Final = """
SELECT key, mapping_revisions.version FROM mapping_revisions JOIN mappings USING (key)
WHERE key >= ?1
  AND (mapping_revisions.version <= mappings.version - ?2 OR mapping_revisions.updated_at < ?3)
ORDER BY key, mapping_revisions.version LIMIT ?4
"""
_REMOVE_MAPPING: Final = "DELETE FROM mapping_revisions WHERE key = ? AND version = ?"

# Without the many texts of messages. In the same words as the index, or SQLite does not use it.
_IS_CREDENTIAL: Final = "purpose NOT IN ('answer', 'message')"
_OWNERS: Final = f"""
SELECT DISTINCT tenant, domain FROM secrets INDEXED BY credentials
WHERE {_IS_CREDENTIAL} AND (tenant, domain) > (?, ?) ORDER BY tenant, domain LIMIT ?
"""
_SECRETS: Final = f"""
SELECT ref, fingerprint, purpose FROM secrets INDEXED BY credentials
WHERE {_IS_CREDENTIAL} AND tenant = ? AND domain = ?
"""
_CREDENTIALS: Final = """
SELECT body FROM revisions JOIN documents ON document = id
WHERE tenant = ? AND domain = ? AND kind = ? ORDER BY revisions.version DESC
"""
_REMOVE_SEALED: Final = (
    "DELETE FROM secrets WHERE ref = ? AND fingerprint = ? AND purpose = ? "
    "AND tenant = ? AND domain = ?"
)
_OLD_TOMBSTONES: Final = """
SELECT collection, tenant, name, max(items.version)
FROM items JOIN collections ON collection = collections.id
WHERE removed_at IS NOT NULL
  AND (items.version <= collections.version - ?1 OR removed_at < ?2)
GROUP BY collection
"""
_RAISE_FLOOR: Final = "UPDATE collections SET floor = max(floor, ?2) WHERE id = ?1"
_REMOVE_TOMBSTONES: Final = """
DELETE FROM items WHERE collection = ?1 AND id IN (
  SELECT id FROM items
  WHERE collection = ?1 AND removed_at IS NOT NULL AND version <= ?2 LIMIT ?3
)
"""
_TRIM_LOG: Final = """
DELETE FROM changes WHERE seq IN (
  SELECT seq FROM changes WHERE seq <= ? ORDER BY seq LIMIT ?
)
"""
# Finished messages stay finished, so those that were found may be removed later.
_FINISHED: Final = "stage IN ('done', 'ignored', 'discarded')"
_FINISHED_LONG_AGO: Final = (
    "SELECT id FROM messages INDEXED BY finished_messages "
    f"WHERE due_at IS NULL AND {_FINISHED} AND updated_at < ? LIMIT ?"
)
_REMOVE_MESSAGE: Final = (
    f"DELETE FROM messages WHERE id = ? AND {_FINISHED} RETURNING tenant, domain"
)
_REMOVE_TEXTS: Final = (
    "DELETE FROM secrets "
    "WHERE tenant = ? AND domain = ? AND purpose IN ('message', 'answer') AND ref = ?"
)

_TEXT_COLUMNS: Final = "ref, purpose, fingerprint, tenant, domain"
_IS_ORPHAN: Final = """
purpose IN ('message', 'answer') AND NOT EXISTS (
  SELECT 1 FROM messages
  WHERE id = ref AND messages.tenant = secrets.tenant AND messages.domain = secrets.domain
)
"""
_LOST_TEXTS: Final = f"""
SELECT {_TEXT_COLUMNS} FROM secrets WHERE ({_TEXT_COLUMNS}) > (?, ?, ?, ?, ?) AND {_IS_ORPHAN}
ORDER BY {_TEXT_COLUMNS} LIMIT ?
"""
_REMOVE_LOST_TEXTS: Final = (
    f"DELETE FROM secrets WHERE ({_TEXT_COLUMNS}) = (?, ?, ?, ?, ?) AND {_IS_ORPHAN}"
)
_BEFORE_ALL: Final[Row] = ("",) * 5


async def prune(
    database: SqliteDatabase, policy: RetentionPolicy, *, now: datetime
) -> PruneReport:
    """
    Remove what *policy* allows, expired idempotency records, and sealed values that nothing names.

    The change log loses its oldest lines too, and collections lose tombstones. Interrupted pushes
    are ended.
    """
    await settle_pushes(database, now=now)
    # Read once, because others go on writing to the log.
    end = await database.read(change_number) - LOG_LINES_KEPT
    while await database.write_all(_TRIM_LOG, [(end, _STEP)]):
        pass
    return PruneReport(
        idempotency_records=await _prune_idempotency_records(database, now),
        revisions=await _prune_revisions(database, _OLD, _REMOVE_REVISION, 0, policy, now),
        mapping_revisions=await _prune_revisions(
            database, _OLD_MAPPINGS, _REMOVE_MAPPING, "", policy, now
        ),
        secrets=await _prune_secrets(database),
        tombstones=await _prune_tombstones(database, policy, now),
    )


async def _prune_idempotency_records(database: SqliteDatabase, now: datetime) -> int:
    removed = 0
    while expired := await database.select(_EXPIRED, (microseconds(now), _STEP), tuple):
        removed += await database.write_all(_REMOVE_IDEMPOTENCY_RECORD, expired)
    return removed


async def _prune_revisions(
    database: SqliteDatabase,
    old_ones: str,
    remove: str,
    first: int | str,
    policy: RetentionPolicy,
    now: datetime,
) -> int:
    oldest = _oldest(policy, now)
    removed, start = 0, first
    while old := await database.select(old_ones, (start, policy.keep, oldest, _STEP), tuple):
        # Old revisions stay old: no second check.
        removed += await database.write_all(remove, old)
        start = old[-1][0]
    return removed


async def _prune_secrets(database: SqliteDatabase) -> int:
    removed = 0
    owner: Row = ("", "")
    while owners := await database.select(_OWNERS, (*owner, _STEP), tuple):
        for owner in await database.read(partial(_with_orphans, owners)):
            removed += await database.write(partial(_remove_orphans, owner))
        owner = owners[-1]
    return removed


def _with_orphans(owners: list[Row], connection: sqlite3.Connection) -> list[Row]:
    return [owner for owner in owners if _orphans(owner, connection)]


def _remove_orphans(owner: Row, transaction: Transaction) -> int:
    # Looked up again: a new revision may name one of them.
    rows = [(*orphan, *owner) for orphan in _orphans(owner, transaction.connection)]
    return transaction.connection.executemany(_REMOVE_SEALED, rows).rowcount


def _orphans(owner: Row, connection: sqlite3.Connection) -> set[Row]:
    orphans = set(connection.execute(_SECRETS, owner))
    for (body,) in connection.execute(_CREDENTIALS, (*owner, CREDENTIALS.value)):
        if not orphans:
            break
        named = fingerprints_in(Document(body)).items()
        marks = {(ref, fingerprint.value) for ref, fingerprint in named}
        orphans = {orphan for orphan in orphans if orphan[:2] not in marks}
    return orphans


async def _prune_tombstones(
    database: SqliteDatabase, policy: RetentionPolicy, now: datetime
) -> int:
    removed = 0
    which = policy.keep, _oldest(policy, now)
    for collection, tenant, name, floor in await database.select(_OLD_TOMBSTONES, which, tuple):
        key = CollectionKey(TenantId(tenant), CollectionName(name))
        remove = partial(_remove_tombstones, (collection, floor), key)
        while gone := await database.write(remove):
            removed += gone
    return removed


def _remove_tombstones(which: Row, key: CollectionKey, transaction: Transaction) -> int:
    # The compaction floor first: no reader may miss a tombstone without an error.
    transaction.connection.execute(_RAISE_FLOOR, which)
    transaction.updates[find_collection, key] = UNKNOWN_ROW
    return transaction.connection.execute(_REMOVE_TOMBSTONES, (*which, _STEP)).rowcount


def _oldest(policy: RetentionPolicy, now: datetime) -> int | None:
    return None if policy.max_age is None else microseconds(now - policy.max_age)


async def prune_messages(database: SqliteDatabase, *, before: datetime) -> int:
    """
    Remove finished messages last written *before*, and texts that belong to no message.
    """
    which = microseconds(before), _STEP
    removed = 0
    while old := await database.select(_FINISHED_LONG_AGO, which, tuple):
        removed += await database.write(partial(_remove_messages, old))
    last = _BEFORE_ALL
    while lost := await database.select(_LOST_TEXTS, (*last, _STEP), tuple):
        await database.write_all(_REMOVE_LOST_TEXTS, lost)
        last = lost[-1]
    return removed


def _remove_messages(old: list[Row], transaction: Transaction) -> int:
    removed = 0
    for which in old:
        holder = transaction.connection.execute(_REMOVE_MESSAGE, which).fetchone()
        # Another pruning may have removed it.
        if holder is not None:
            transaction.connection.execute(_REMOVE_TEXTS, holder + which)
            removed += 1
    return removed
