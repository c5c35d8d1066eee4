"""
What may be forgotten: readers find it, and the writer removes it in short transactions.

Searching takes long and blocks nobody. Removing is quick, and checks again where something may
have changed in between.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Final

from odoo_ai_config.adapters.sqlite.cache import UNKNOWN_ROW
from odoo_ai_config.adapters.sqlite.connection import change_number, overwriting
from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.large_pushes import settle_pushes
from odoo_ai_config.adapters.sqlite.lookups import find_collection
from odoo_ai_config.adapters.sqlite.row_layout import Row, microseconds
from odoo_ai_config.adapters.sqlite.rows import (
    IS_CREDENTIAL,
    REVISION_COLUMNS,
    REVISIONS,
    json_values,
)
from odoo_ai_config.adapters.sqlite.writer import Transaction
from odoo_ai_config.application.ports.config_store import PruneReport
from odoo_ai_config.domain.collections import CollectionKey, CollectionName
from odoo_ai_config.domain.documents.credentials import fingerprints_in, kept_values
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import CREDENTIALS, TenantId

_STEP: Final = 500
# What a document raises that is damaged.
_UNREADABLE: Final = (ValueError, InvalidValueError)
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
  AND (revisions.version <= documents.version - ?2 OR updated_at < ?3) {whose}
ORDER BY document, revisions.version LIMIT ?4
"""
_REMOVE_REVISION: Final = "DELETE FROM revisions WHERE document = ? AND version = ?"
_OLD_MAPPINGS: Final = """
SELECT key, mapping_revisions.version FROM mapping_revisions JOIN mappings USING (key)
WHERE key >= ?1
  -- The audit trail still needs them.
  AND key NOT IN (
    SELECT key FROM changes WHERE seq > (SELECT logged FROM audit_end) AND what = 'mapping'
  )
  AND (mapping_revisions.version <= mappings.version - ?2 OR mapping_revisions.updated_at < ?3)
  {whose}
ORDER BY key, mapping_revisions.version LIMIT ?4
"""
_REMOVE_MAPPING: Final = "DELETE FROM mapping_revisions WHERE key = ? AND version = ?"

# How to search and to remove each kind, and where the search begins.
_REVISIONS: Final = (_OLD, _REMOVE_REVISION, 0)
_MAPPINGS: Final = (_OLD_MAPPINGS, _REMOVE_MAPPING, "")

_OWNERS: Final = f"""
SELECT DISTINCT tenant, domain FROM secrets INDEXED BY credentials
WHERE {IS_CREDENTIAL} AND (tenant, domain) > (?, ?) ORDER BY tenant, domain LIMIT ?
"""
_SECRETS: Final = f"""
SELECT ref, fingerprint, purpose FROM secrets INDEXED BY credentials
WHERE {IS_CREDENTIAL} AND tenant = ? AND domain = ?
"""
_CREDENTIALS: Final = f"""
SELECT tenant, domain, kind, {", ".join(f"r.{name}" for name in REVISION_COLUMNS.split(", "))}
FROM revisions r JOIN documents ON document = id
WHERE tenant = ? AND domain = ? AND kind = ? ORDER BY r.version DESC
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
# The end of a page, up to when, whose, how many.
_FINISHED_LONG_AGO: Final = (
    "SELECT updated_at, number, id FROM messages INDEXED BY finished_messages "
    f"WHERE due_at IS NULL AND {_FINISHED} AND (updated_at, number) > (?1, ?2) "
    "AND updated_at < ?3 AND tenant NOT IN (SELECT value FROM json_each(?4)) "
    "ORDER BY updated_at, number LIMIT ?5"
)
_FINISHED_OF_TENANT: Final = (
    "SELECT 0, number, id FROM messages INDEXED BY messages_by_tenant "
    f"WHERE {_FINISHED} AND number > ?2 AND updated_at < ?3 AND tenant = ?4 "
    "ORDER BY number LIMIT ?5"
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
    database: SqliteDatabase,
    policy: RetentionPolicy,
    own: Mapping[TenantId, RetentionPolicy],
    *,
    now: datetime,
) -> PruneReport:
    """
    Remove what *policy* allows, expired idempotency records, and sealed values that nothing keeps.

    For the tenants in *own*, that policy counts in its place. The change log loses its oldest
    lines too, and collections lose tombstones. Interrupted pushes are ended.
    """
    await settle_pushes(database, now=now)
    # Read once, because others go on writing to the log.
    end = await database.read(_end_of_trim)
    while await database.write_all(_TRIM_LOG, [(end, _STEP)]):
        pass
    return PruneReport(
        idempotency_records=await _prune_idempotency_records(database, now),
        revisions=await _prune_revisions(database, _REVISIONS, policy, own, now),
        mapping_revisions=await _prune_revisions(database, _MAPPINGS, policy, own, now),
        tombstones=await _prune_tombstones(database, policy, now),
        # Last, because it alone reads documents, and one may be unreadable.
        secrets=await _prune_secrets(
            database, lambda tenant: now - own.get(tenant, policy).credentials
        ),
    )


def _end_of_trim(connection: sqlite3.Connection) -> int:
    logged: int
    (logged,) = connection.execute("SELECT logged FROM audit_end").fetchone()
    return min(logged, change_number(connection) - LOG_LINES_KEPT)


async def _prune_idempotency_records(database: SqliteDatabase, now: datetime) -> int:
    removed = 0
    while expired := await database.select(_EXPIRED, (microseconds(now), _STEP), tuple):
        removed += await database.write_all(_REMOVE_IDEMPOTENCY_RECORD, expired)
    return removed


async def _prune_revisions(
    database: SqliteDatabase,
    kind: tuple[str, str, int | str],
    policy: RetentionPolicy,
    own: Mapping[TenantId, RetentionPolicy],
    now: datetime,
) -> int:
    search, remove, first = kind
    # The tenants with a policy of their own are left out, and searched one by one.
    others = " AND {of}tenant NOT IN (SELECT value FROM json_each(?5))" if own else ""
    searches = [(others, policy, (json_values(own),) if own else ())]
    searches += [(" AND {of}tenant = ?5", one, (of.value,)) for of, one in own.items()]
    removed = 0
    for whose, rule, which in searches:
        statement = search.format(whose=whose.format(of="" if first == 0 else "mappings."))
        oldest, start = _oldest(rule, now), first
        while old := await database.select(
            statement, (start, rule.keep, oldest, _STEP, *which), tuple
        ):
            # Old revisions stay old: no second check.
            removed += await database.write_all(remove, old)
            start = old[-1][0]
    return removed


async def _prune_secrets(
    database: SqliteDatabase, deleted_after: Callable[[TenantId], datetime]
) -> int:
    removed = 0
    owner: Row = ("", "")
    failure: Exception | None = None
    while owners := await database.select(_OWNERS, (*owner, _STEP), tuple):
        times = [(one, deleted_after(TenantId(one[0]))) for one in owners]
        for owner, after in await database.read(partial(_with_orphans, times)):
            try:
                removed += await database.write(partial(_remove_orphans, owner, after))
            except _UNREADABLE as error:
                error.add_note(f"Credentials of {'/'.join(owner)}.")
                failure = error
        owner = owners[-1]
    if failure is not None:
        # When those of all others are removed.
        raise failure
    return removed


def _with_orphans(
    owners: list[tuple[Row, datetime]], connection: sqlite3.Connection
) -> list[tuple[Row, datetime]]:
    return [one for one in owners if _may_have_orphans(*one, connection)]


def _may_have_orphans(owner: Row, deleted_after: datetime, connection: sqlite3.Connection) -> bool:
    try:
        return bool(_orphans(owner, deleted_after, connection))
    except _UNREADABLE:
        # Its removal says so.
        return True


def _remove_orphans(owner: Row, deleted_after: datetime, transaction: Transaction) -> int:
    # Looked up again: a new revision may name one of them.
    orphans = _orphans(owner, deleted_after, transaction.connection)
    rows = [(*orphan, *owner) for orphan in orphans]
    with overwriting(transaction.connection) as connection:
        return connection.executemany(_REMOVE_SEALED, rows).rowcount


def _orphans(owner: Row, deleted_after: datetime, connection: sqlite3.Connection) -> set[Row]:
    stored = set(connection.execute(_SECRETS, owner))
    history = map(REVISIONS.of, connection.execute(_CREDENTIALS, (*owner, CREDENTIALS.value)))
    newest = next(history, None)
    if newest is None:
        return stored
    # It names nearly every value, which saves reading the history.
    marks = {(ref, mark.value) for ref, mark in fingerprints_in(newest.document).items()}
    if all(one[:2] in marks for one in stored):
        return set()
    kept = kept_values(chain((newest,), history), deleted_after=deleted_after)
    marks = {(ref, mark.value) for ref, mark in kept}
    return {one for one in stored if one[:2] not in marks}


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


async def prune_messages(
    database: SqliteDatabase, own: Mapping[TenantId, datetime], *, before: datetime
) -> int:
    """
    Remove finished messages last written *before*, and texts that belong to no message.

    For those of a tenant in *own*, that time counts in its place.
    """
    removed = await _prune_finished(database, _FINISHED_LONG_AGO, before, json_values(own))
    for tenant, time in own.items():
        removed += await _prune_finished(database, _FINISHED_OF_TENANT, time, tenant.value)
    last = _BEFORE_ALL
    while lost := await database.select(_LOST_TEXTS, (*last, _STEP), tuple):
        await database.write_all(_REMOVE_LOST_TEXTS, lost)
        last = lost[-1]
    return removed


async def _prune_finished(
    database: SqliteDatabase, search: str, before: datetime, whose: str
) -> int:
    removed, last = 0, (0, 0)
    which = microseconds(before), whose, _STEP
    while old := await database.select(search, (*last, *which), tuple):
        removed += await database.write(partial(_remove_messages, [row[2:] for row in old]))
        last = old[-1][:2]
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
