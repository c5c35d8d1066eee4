"""
The audit trail in SQLite.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from heapq import merge
from itertools import islice
from typing import Final

from attrs import frozen

from odoo_ai_config.adapters.sqlite.connection import change_number
from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.row_layout import Row, time_of
from odoo_ai_config.adapters.sqlite.rows import (
    AUDIT,
    DOCUMENT_KEYS,
    MAPPING_COLUMNS,
    PENDING_AUDIT,
    mapping_revision_of,
)
from odoo_ai_config.adapters.sqlite.writer import Transaction
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.domain.access import Occasion
from odoo_ai_config.domain.audit import LinkedEntry, TrailEnd, Voucher, linked
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, change_audit, document_audit
from odoo_ai_config.domain.channels.history import MappingChange
from odoo_ai_config.domain.identifiers import TenantId

_NEWEST: Final = f"SELECT {AUDIT.columns} FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?"
_NEWEST_OF: Final = (
    f"SELECT {AUDIT.columns} FROM audit WHERE id < ? AND tenant = ? ORDER BY id DESC LIMIT ?"
)
_CHAIN: Final = f"SELECT {AUDIT.columns} FROM audit WHERE id > ? ORDER BY id LIMIT ?"
END: Final = "SELECT number, hash, master_id, digest, logged FROM audit_end"
# Lines of collections are not made into entries: a push brings its own.
LINES: Final = "FROM changes WHERE seq > (SELECT logged FROM audit_end) AND what <> 'collection'"
_IS_ANYTHING_PENDING: Final = (
    f"SELECT EXISTS (SELECT 1 FROM pending_audit) OR EXISTS (SELECT 1 {LINES})"
)
LOGGED: Final = f"SELECT seq, what, key, version, at, author, deleted, reason, request_id {LINES}"
_LOGGED: Final = f"{LOGGED} ORDER BY seq LIMIT ?"
_PENDING: Final = f"SELECT id, {PENDING_AUDIT.columns} FROM pending_audit ORDER BY id LIMIT ?"
_VERSIONS: Final = (
    f"SELECT {MAPPING_COLUMNS} FROM mappings WHERE key = ?1 AND version IN (?2 - 1, ?2) UNION ALL "
    f"SELECT {MAPPING_COLUMNS} FROM mapping_revisions WHERE key = ?1 AND version IN (?2 - 1, ?2) "
    "ORDER BY version"
)
_INSERT: Final = f"INSERT INTO audit ({AUDIT.columns}) VALUES ({AUDIT.places})"
_REMOVE_PENDING: Final = "DELETE FROM pending_audit WHERE id <= ?"
_MOVE_END: Final = (
    "UPDATE audit_end SET (number, hash, master_id, digest, logged) = (?, ?, ?, ?, ?)"
)
_HIGHEST: Final = 2**63 - 1


@frozen(eq=False)
class SqliteAuditLog(AuditLog):
    """
    The chain in one table. The entries about revisions are made from the change log.
    """

    database: SqliteDatabase

    async def entries(
        self, *, tenant: TenantId | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[LinkedEntry]:
        below = _HIGHEST if before is None else before
        if tenant is None:
            return await self.database.select(_NEWEST, (below, limit), AUDIT.of)
        return await self.database.select(_NEWEST_OF, (below, tenant.value, limit), AUDIT.of)

    async def chain(self, *, after: int = 0, limit: int = 1000) -> Sequence[LinkedEntry]:
        return await self.database.select(_CHAIN, (after, limit), AUDIT.of)

    async def end(self) -> tuple[TrailEnd, Voucher | None]:
        return end_of(*await self.database.select(END, (), tuple))

    async def link(self, vouch: Callable[[TrailEnd], Voucher], *, limit: int = 250) -> int:
        [(pending,)] = await self.database.select(_IS_ANYTHING_PENDING, (), tuple)
        if not pending:
            return 0
        return await self.database.write(partial(_link, vouch, limit), long=True)


def end_of(row: Row) -> tuple[TrailEnd, Voucher | None]:
    """
    What a row of `END` says.
    """
    number, hash_, master_id, digest, _ = row
    return TrailEnd(number, hash_), None if master_id is None else Voucher(master_id, digest)


def _link(vouch: Callable[[TrailEnd], Voucher], limit: int, transaction: Transaction) -> int:
    connection = transaction.connection
    stored = connection.execute(END).fetchone()
    lines = connection.execute(_LOGGED, (limit,)).fetchall()
    pending = connection.execute(_PENDING, (limit,)).fetchall()
    # Each with its place, of which one of the two is 0.
    sources = (
        ((line[0], 0, entry_about(connection, line)) for line in lines),
        ((0, row[0], PENDING_AUDIT.of(row[1:])) for row in pending),
    )
    some = list(islice(merge(*sources, key=lambda found: found[2].at), limit))
    if not some:
        return 0
    logged = max(found[0] for found in some)
    if len(lines) < limit and (not lines or logged == lines[-1][0]):
        logged = change_number(connection)
    end, _ = end_of(stored)
    added = list(linked(end, [entry for *_, entry in some]))
    voucher = vouch(added[-1].end)
    connection.executemany(_INSERT, map(AUDIT.row, added))
    connection.execute(_REMOVE_PENDING, (max(found[1] for found in some),))
    last = added[-1]
    connection.execute(
        _MOVE_END,
        (last.number, last.hash, voucher.master_id, voucher.digest, max(logged, stored[4])),
    )
    return len(added)


def entry_about(connection: sqlite3.Connection, line: Row) -> AuditEntry:
    """
    The entry about what a *line* of the change log tells.
    """
    _, what, key, version, at, author, deleted, *said = line
    occasion = Occasion(*said)
    if what == "document":
        return document_audit(
            DOCUMENT_KEYS.of(key.split("/")),
            version,
            deleted=bool(deleted),
            author=author,
            at=time_of(at),
            occasion=occasion,
        )
    versions = [mapping_revision_of(row) for row in connection.execute(_VERSIONS, (key, version))]
    if versions and versions[-1].version == version:
        before = versions[0] if len(versions) > 1 else None
        return change_audit(MappingChange.of(versions[-1], before), occasion)
    # An erasure came first.
    action = AuditAction.CHANNEL_CHANGED
    return AuditEntry(time_of(at), action, author, None, f"{key} v{version}").on(occasion)
