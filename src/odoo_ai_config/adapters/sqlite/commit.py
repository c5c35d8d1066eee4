"""
A changeset as rows, and the statements that write it or find out why it may not be written.

The statements that write also check: if a row exists already, or no longer exists, they change
nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Hashable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, Final, TypeVar

from attrs import AttrsInstance

from odoo_ai_config.adapters.sqlite.cache import UNKNOWN_ROW, Lookup
from odoo_ai_config.adapters.sqlite.connection import change_number, overwriting
from odoo_ai_config.adapters.sqlite.conversation_store import write_sighting
from odoo_ai_config.adapters.sqlite.item_rows import prepared_items
from odoo_ai_config.adapters.sqlite.live_routing import changed_since
from odoo_ai_config.adapters.sqlite.lookups import (
    find_active_key,
    find_address,
    find_api_key,
    find_collection,
    find_mapping,
    find_revision,
    find_standings,
)
from odoo_ai_config.adapters.sqlite.message_rows import message_row, write_message
from odoo_ai_config.adapters.sqlite.row_layout import Row, RowLayout, microseconds
from odoo_ai_config.adapters.sqlite.rows import (
    ADDRESSES,
    API_KEYS,
    COLLECTIONS,
    IDEMPOTENCY_RECORDS,
    IS_CREDENTIAL,
    MAPPING_COLUMNS,
    PENDING_AUDIT,
    REVISION_COLUMNS,
    REVISIONS,
    SEAL_CONTEXTS,
    SECRETS,
    TENANT_KEYS,
    TENANT_STATES,
    mapping_row,
    optional,
)
from odoo_ai_config.adapters.sqlite.writer import ChangeLine, Transaction
from odoo_ai_config.application.errors import RequestRecordedError, TenantKeyChangedError
from odoo_ai_config.domain.access import TokenUse
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.mapping import ChannelClaim, MappingRevision
from odoo_ai_config.domain.credentials.secrets import SealContext
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import TEXT_PURPOSES
from odoo_ai_config.domain.tenants import TenantState, TenantVersion, refuse_closed

T = TypeVar("T", bound=AttrsInstance)

_INSERT_IDEMPOTENCY_RECORD: Final = (
    f"INSERT INTO deliveries ({IDEMPOTENCY_RECORDS.columns}) "
    f"VALUES ({IDEMPOTENCY_RECORDS.places}) ON CONFLICT DO NOTHING RETURNING 1"
)
_INSERT_FIRST_KEY: Final = (
    f"INSERT INTO tenant_keys ({TENANT_KEYS.columns}) SELECT ?1, ?2, ?3, ?4, ?5 "
    "WHERE NOT EXISTS (SELECT 1 FROM tenant_keys WHERE tenant = ?1) RETURNING 1"
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
    f"INSERT INTO revisions (document, {REVISION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_MAPPING: Final = (
    f"INSERT INTO mappings ({MAPPING_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO NOTHING RETURNING 1"
)
_KEEP_MAPPING: Final = (
    f"INSERT INTO mapping_revisions ({MAPPING_COLUMNS}, lost) "
    f"SELECT {MAPPING_COLUMNS}, tenant <> ?3 FROM mappings "
    "WHERE key = ?1 AND version = ?2 - 1 RETURNING lost"
)
_REPLACE_MAPPING: Final = (
    "UPDATE mappings SET (domain, sequence, fallback, numbers, active, version, created_at, "
    "updated_at, author, event_at) = (?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) WHERE key = ?1"
)
# Apart, because it changes the index by tenant.
_MOVE_MAPPING: Final = "UPDATE mappings SET tenant = ?2 WHERE key = ?1"
_MAPPING_STATE: Final = "SELECT ifnull(sum(version), 0) FROM mappings"
_INSERT_SECRET: Final = (
    f"INSERT INTO secrets ({SECRETS.columns}) VALUES ({SECRETS.places}) ON CONFLICT DO NOTHING"
)
_PLACE: Final = "tenant = ? AND domain = ? AND ref = ? AND purpose = ?"
# Many tenants have credentials of one name, and each message has an id of its own.
_ERASE_CREDENTIAL: Final = (
    f"DELETE FROM secrets INDEXED BY credentials WHERE {IS_CREDENTIAL} AND {_PLACE}"
)
_ERASE_TEXT: Final = f"DELETE FROM secrets WHERE {_PLACE}"
_INSERT_COLLECTION: Final = (
    f"INSERT INTO collections ({COLLECTIONS.columns}) VALUES ({COLLECTIONS.places}) "
    "ON CONFLICT DO NOTHING RETURNING id"
)
# A push does not set the compaction floor.
_MOVE_COLLECTION: Final = (
    "UPDATE collections SET (version, size, created_at, updated_at, event_at, whole_at) = "
    "(?3, ?4, ?5, ?6, ?8, ?9) WHERE tenant = ?1 AND name = ?2 AND version = ?3 - 1 RETURNING id"
)
_SHOW_PUSH: Final = "UPDATE pushes SET (collection, version) = (?, ?) WHERE id = ?"
_INSERT_AUDIT: Final = (
    f"INSERT INTO pending_audit ({PENDING_AUDIT.columns}) VALUES ({PENDING_AUDIT.places})"
)
_PUT_API_KEY: Final = (
    f"INSERT OR REPLACE INTO api_keys ({API_KEYS.columns}) SELECT {API_KEYS.places} WHERE NOT "
    "EXISTS (SELECT 1 FROM api_keys WHERE id = ?1 AND revoked_at IS NOT NULL) RETURNING 1"
)
_PUT_ADDRESS: Final = (
    f"INSERT OR REPLACE INTO addresses ({ADDRESSES.columns}) VALUES ({ADDRESSES.places})"
)
_USE: Final = "UPDATE {} SET used_at = max(coalesce(used_at, ?1), ?1) WHERE id = ?2"

_TENANT_VERSION: Final = """
SELECT (SELECT ifnull(sum(version), 0) FROM documents WHERE tenant = ?1),
  (SELECT ifnull(sum(version), 0) FROM mappings WHERE tenant = ?1),
  (SELECT count(*) FROM collections WHERE tenant = ?1),
  (SELECT count(*) + count(revoked_at) FROM api_keys WHERE tenant = ?1),
  (SELECT count(*) + count(revoked_at) FROM addresses WHERE tenant = ?1)
"""
_CLOSED_STATE: Final = (
    f"SELECT {TENANT_STATES.columns} FROM tenant_states WHERE tenant = ? "
    "AND standing NOT IN ('active', 'suspended')"
)
_INSERT_STATE: Final = (
    f"INSERT INTO tenant_states ({TENANT_STATES.columns}) VALUES ({TENANT_STATES.places}) "
    "ON CONFLICT DO NOTHING RETURNING 1"
)
_MOVE_STATE: Final = (
    "UPDATE tenant_states SET "
    "(revision, standing, since, author, reason, data_keys, contents, certificate, moves, "
    "successor, earlier) = (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
    "WHERE tenant = ?1 AND revision = ?2 - 1 RETURNING 1"
)
_KEY_IDS: Final = "SELECT key_id FROM tenant_keys WHERE tenant = ?"
_DESTROY_KEYS: Final = "DELETE FROM tenant_keys WHERE tenant = ?"


class PreparedChangeset:
    """
    A changeset after all work that needs no database, so that the writer only writes.

    Args:
        decided_at: The change number at which no other tenant had what the changeset claims.
        pushes: For each collection the push that has its items (`large_pushes`), or None if they
            are still to be written.
    """

    def __init__(
        self, changeset: Changeset, *, decided_at: int = 0, pushes: Sequence[int | None] = ()
    ) -> None:
        self._writes: list[Callable[[sqlite3.Connection], None]] = []
        self._changes: list[ChangeLine] = []
        occasion = changeset.occasion.reason, changeset.occasion.request_id
        self._mappings = changeset.mappings
        self._versions = changeset.versions
        self._updates: dict[tuple[Lookup[Any, Any], Hashable], object] = {}
        self._claim = changeset.claim
        self._mapping_state = changeset.mapping_state
        self._decided_at = decided_at
        if changeset.idempotency_record is not None:
            row = IDEMPOTENCY_RECORDS.row(changeset.idempotency_record)
            self._require(_INSERT_IDEMPOTENCY_RECORD, row, RequestRecordedError)
        self._writes += [partial(require_open, tenant) for tenant in sorted(changeset.tenants)]
        self._add_messages(changeset)
        if changeset.new_tenant_key is not None:
            key = changeset.new_tenant_key
            self._require(_INSERT_FIRST_KEY, TENANT_KEYS.row(key), TenantKeyChangedError)
            self._updates[find_active_key, key.tenant] = key
        if changeset.sealed_under is not None:
            key = changeset.sealed_under
            self._require(_HAS_KEY, (key.tenant.value, key.key_id), TenantKeyChangedError)
        for revision in changeset.revisions:
            row = REVISIONS.row(revision)
            self._writes.append(partial(_write_revision, row))
            own = changeset.occasion_of(revision)
            said = own.reason, own.request_id
            line = ("document", "/".join(row[:3]), row[3], row[8], *row[9:11], *said)
            self._changes.append(line)
            self._updates[find_revision, revision.key] = revision
        for mapped in changeset.mappings:
            row = mapping_row(mapped)
            if mapped.version == 1:
                self._require(_INSERT_MAPPING, row, RevisionConflictError)
            else:
                self._writes.append(partial(_replace_mapping, row))
            self._changes.append(("mapping", row[0], row[7], row[9], row[10], False, *occasion))
            self._updates[find_mapping, mapped.mapping.key] = mapped
        for change, push in zip(changeset.collections, pushes, strict=True):
            row = COLLECTIONS.row(change.head)
            self._writes.append(
                partial(_write_collection, row, prepared_items(change) if push is None else push)
            )
            line = ("collection", str(change.head.key), row[2], row[5], "", False, *occasion)
            self._changes.append(line)
            # A push does not know the compaction floor that the row has.
            self._updates[find_collection, change.head.key] = UNKNOWN_ROW
        self._erases = bool(changeset.erased)
        if self._erases:
            self._writes.append(partial(_erase, changeset.erased))
        self._insert(_INSERT_SECRET, SECRETS, changeset.secrets)
        self._insert(_INSERT_AUDIT, PENDING_AUDIT, changeset.audit_entries)
        self._add_tokens(changeset)
        self._add_states(changeset)

    def write(self, transaction: Transaction) -> None:
        """
        Write everything, or refuse it as `ConfigStore.commit` does.
        """
        if self._claim is not None:
            _require_undisputed(self._claim, self._decided_at, transaction)
        if self._mapping_state is not None:
            _require_state(self._mapping_state, transaction.connection)
        connection = transaction.connection
        for version in self._versions:
            if tenant_version(connection, version.tenant) != version:
                raise RevisionConflictError
        with overwriting(connection) if self._erases else nullcontext():
            for write in self._writes:
                write(connection)
        transaction.changes.extend(self._changes)
        transaction.mappings.extend(self._mappings)
        transaction.updates.update(self._updates)

    def _add_messages(self, changeset: Changeset) -> None:
        for message in changeset.messages:
            self._writes.append(partial(write_message, message, message_row(message)))
        for sighting in changeset.sightings:
            self._writes.append(partial(write_sighting, sighting))

    def _add_tokens(self, changeset: Changeset) -> None:
        for api_key in changeset.api_keys:
            self._require(_PUT_API_KEY, API_KEYS.row(api_key), RevisionConflictError)
        self._insert(_PUT_ADDRESS, ADDRESSES, changeset.addresses)
        self._updates |= {(find_api_key, key.id): key for key in changeset.api_keys}
        self._updates |= {(find_address, one.id): one for one in changeset.addresses}
        self._add_uses("api_keys", find_api_key, changeset.key_uses)
        self._add_uses("addresses", find_address, changeset.address_uses)

    def _add_uses(self, table: str, lookup: Lookup[str, Any], uses: Sequence[TokenUse]) -> None:
        rows: list[Row] = [(microseconds(use.at), use.id) for use in uses]
        if rows:
            self._writes.append(partial(_insert, _USE.format(table), rows))
            # The stored time may be later.
            self._updates |= {(lookup, id_): UNKNOWN_ROW for _, id_ in rows}

    def _add_states(self, changeset: Changeset) -> None:
        for state in changeset.tenant_states:
            self._writes.append(partial(_write_state, state, TENANT_STATES.row(state)))
            self._updates[find_standings, ""] = UNKNOWN_ROW
            if state.destroys_keys:
                self._updates[find_active_key, state.tenant] = None

    def _require(self, statement: str, row: Row, refusal: type[Exception]) -> None:
        self._writes.append(partial(_require, statement, row, refusal))

    def _insert(self, statement: str, layout: RowLayout[T], new: Sequence[T]) -> None:
        if new:
            self._writes.append(partial(_insert, statement, [layout.row(one) for one in new]))


def tenant_version(connection: sqlite3.Connection, tenant: TenantId) -> TenantVersion:
    """
    The version of everything of *tenant*.
    """
    which = (tenant.value,)
    counts = connection.execute(_TENANT_VERSION, which).fetchone()
    data_keys = sorted(key_id for (key_id,) in connection.execute(_KEY_IDS, which))
    return TenantVersion(tenant, *[*counts, tuple(data_keys)])


def require_open(tenant: TenantId, connection: sqlite3.Connection) -> None:
    """
    Raise `TenantErasedError` or `TenantRenamedError` if *tenant* is closed.
    """
    row = connection.execute(_CLOSED_STATE, (tenant.value,)).fetchone()
    refuse_closed(tenant, optional(TENANT_STATES.of, row))


def _write_state(state: TenantState, row: Row, connection: sqlite3.Connection) -> None:
    statement = _INSERT_STATE if state.revision == 1 else _MOVE_STATE
    _require(statement, row, RevisionConflictError, connection)
    if not state.destroys_keys:
        return
    which = row[:1]
    if {key_id for (key_id,) in connection.execute(_KEY_IDS, which)} != set(state.data_keys):
        raise TenantKeyChangedError
    with overwriting(connection):
        connection.execute(_DESTROY_KEYS, which)


def _require_undisputed(claim: ChannelClaim, decided_at: int, transaction: Transaction) -> None:
    # Only what was written since then matters, in this transaction too.
    connection = transaction.connection
    changed: Sequence[MappingRevision] | None = ()
    if change_number(connection) > decided_at:
        changed = changed_since(connection, decided_at)
    if changed is None or any(
        claim.touches(revision.mapping) for revision in (*changed, *transaction.mappings)
    ):
        raise RevisionConflictError


def _require_state(state: int, connection: sqlite3.Connection) -> None:
    if connection.execute(_MAPPING_STATE).fetchone()[0] != state:
        raise RevisionConflictError


def _insert(statement: str, rows: list[Row], connection: sqlite3.Connection) -> None:
    connection.executemany(statement, rows)


def _erase(places: Sequence[SealContext], connection: sqlite3.Connection) -> None:
    for place in places:
        statement = _ERASE_TEXT if place.purpose in TEXT_PURPOSES else _ERASE_CREDENTIAL
        connection.execute(statement, SEAL_CONTEXTS.row(place))


def _require(
    statement: str, row: Row, refusal: type[Exception], connection: sqlite3.Connection
) -> None:
    if connection.execute(statement, row).fetchone() is None:
        raise refusal


def _write_revision(row: Row, connection: sqlite3.Connection) -> None:
    key, version, deleted = row[:3], row[3], row[-2]
    document = connection.execute(
        _INSERT_DOCUMENT if version == 1 else _MOVE_DOCUMENT, (deleted, *key, version - 1)
    ).fetchone()
    if document is None:
        raise RevisionConflictError
    connection.execute(_INSERT_REVISION, document + row[3:])


def _replace_mapping(row: Row, connection: sqlite3.Connection) -> None:
    kept = connection.execute(_KEEP_MAPPING, (row[0], row[7], row[1])).fetchone()
    if kept is None:
        raise RevisionConflictError
    connection.execute(_REPLACE_MAPPING, row)
    if kept[0]:
        connection.execute(_MOVE_MAPPING, row[:2])


def _write_collection(
    row: Row, items: list[tuple[str, Row]] | int, connection: sqlite3.Connection
) -> None:
    if row[2] == 1:
        collection = connection.execute(_INSERT_COLLECTION, row).fetchone()
    else:
        collection = connection.execute(_MOVE_COLLECTION, row).fetchone()
    if collection is None:
        raise RevisionConflictError
    if isinstance(items, list):
        for statement, values in items:
            connection.execute(statement, collection + values)
    elif not connection.execute(_SHOW_PUSH, (*collection, row[2], items)).rowcount:
        # Pruning has taken it for one that was given up.
        raise RevisionConflictError
