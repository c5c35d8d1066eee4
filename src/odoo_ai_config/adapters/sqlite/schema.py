"""
The tables, and the way from one version of them to the next.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from odoo_ai_config.application.errors import (
    StoreFailure,
    StoreUnusableError,
    not_new_at,
    unfinished_at,
)

# "odoo" in ASCII; tells our files from other programs' databases.
APPLICATION_ID: Final = 0x6F646F6F
# "odo?": a file that a copy or a restore fills, which nothing else opens.
UNFINISHED_ID: Final = 0x6F646F3F

# STRICT tables.
OLDEST_SQLITE: Final = (3, 37, 0)

# Times are microseconds since 1970 in UTC.
_FIRST: Final = """
-- Grows with every commit that changes what processes remember; the numbers in `changes` are
-- taken from it. A process that has seen a value knows everything committed up to it.
CREATE TABLE sequence (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    value INTEGER NOT NULL
) STRICT;
INSERT INTO sequence VALUES (1, 0);

-- One row per revision of a document or a channel, in the order of the commits.
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY,
    what TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- The version that each document is at.
CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    domain TEXT NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    UNIQUE (tenant, domain, kind)
) STRICT;

CREATE TABLE revisions (
    document INTEGER NOT NULL REFERENCES documents (id),
    version INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    author TEXT NOT NULL,
    yaml_exact INTEGER,
    -- Last, because reading a column behind a long text means to walk over the text.
    body TEXT NOT NULL,
    yaml TEXT,
    PRIMARY KEY (document, version)
) STRICT;

CREATE TABLE mappings (
    key TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    domain TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    fallback INTEGER NOT NULL,
    numbers TEXT NOT NULL,
    active INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    author TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX mappings_by_tenant ON mappings (tenant);

-- The active key of a tenant is the one with the highest id.
CREATE TABLE tenant_keys (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    key_id TEXT NOT NULL,
    master_id TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (tenant, key_id)
) STRICT;
CREATE INDEX tenant_keys_by_master ON tenant_keys (master_id);

CREATE TABLE secrets (
    tenant TEXT NOT NULL,
    domain TEXT NOT NULL,
    ref TEXT NOT NULL,
    purpose TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    key_id TEXT NOT NULL,
    envelope BLOB NOT NULL,
    PRIMARY KEY (tenant, domain, ref, purpose, fingerprint)
) STRICT, WITHOUT ROWID;

-- Idempotency records, under their first name.
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    outcome TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (caller, key)
) STRICT;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    tenant TEXT,
    subject TEXT NOT NULL,
    request_id TEXT
) STRICT;
CREATE INDEX audit_by_tenant ON audit (tenant);

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    digest BLOB NOT NULL,
    scopes TEXT NOT NULL,
    tenant TEXT,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
"""

# Collections and their items. A tombstone has `removed_at` and no text.
_COLLECTIONS: Final = """
CREATE TABLE collections (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    size INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    floor INTEGER NOT NULL,
    UNIQUE (tenant, name)
) STRICT;

CREATE TABLE items (
    collection INTEGER NOT NULL REFERENCES collections (id),
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    removed_at INTEGER,
    digest TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (collection, id)
) STRICT;
-- All that comparing a whole collection asks for: no text is read for it.
CREATE INDEX items_by_version ON items (collection, version, id, removed_at, digest);
CREATE INDEX traces ON items (collection, version) WHERE removed_at IS NOT NULL;
"""

# Received messages. Most sealed values now belong to them.
_MESSAGES: Final = """
-- The number is the order in which they were received. The lane names the conversation, and the
-- head of a lane is its open message (the one that may fall due) with the lowest number.
CREATE TABLE messages (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    event TEXT NOT NULL,
    account TEXT,
    inbox TEXT,
    conversation TEXT,
    message TEXT,
    delivery TEXT,
    request_id TEXT,
    received_at INTEGER NOT NULL,
    stage TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    due_at INTEGER,
    revision INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    domain TEXT NOT NULL,
    crew TEXT,
    matched_by TEXT,
    config_version INTEGER,
    mapping_version INTEGER,
    attempts INTEGER NOT NULL,
    reason TEXT,
    body TEXT,
    answer TEXT,
    replays INTEGER NOT NULL,
    lane TEXT NOT NULL,
    head INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX messages_by_delivery ON messages (delivery) WHERE delivery IS NOT NULL;
CREATE UNIQUE INDEX messages_by_chatwoot_id ON messages (account, message, event)
WHERE account IS NOT NULL AND message IS NOT NULL;
CREATE INDEX open_messages ON messages (lane) WHERE due_at IS NOT NULL;
CREATE INDEX heads ON messages (head, tenant, due_at) WHERE head = 1;
CREATE INDEX messages_by_stage ON messages (stage);
CREATE INDEX messages_by_tenant ON messages (tenant, stage);
CREATE INDEX finished_messages ON messages (updated_at)
WHERE stage IN ('done', 'ignored', 'discarded');

-- The index holds the names without the envelopes: texts come in any order of their names, and
-- each would split a page full of envelopes. A search for names reads no envelopes either.
CREATE TABLE sealed (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    domain TEXT NOT NULL,
    ref TEXT NOT NULL,
    purpose TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    key_id TEXT NOT NULL,
    envelope BLOB NOT NULL,
    UNIQUE (tenant, domain, purpose, ref, fingerprint)
) STRICT;
INSERT INTO sealed (tenant, domain, ref, purpose, fingerprint, key_id, envelope)
SELECT tenant, domain, ref, purpose, fingerprint, key_id, envelope FROM secrets;
DROP TABLE secrets;
ALTER TABLE sealed RENAME TO secrets;
-- A rotation looks for what the other keys sealed.
CREATE INDEX secrets_by_key ON secrets (tenant, key_id);
"""

# How often a message was claimed since its outcome was last recorded.
_CLAIMS: Final = "ALTER TABLE messages ADD COLUMN claims INTEGER NOT NULL DEFAULT 0;\n"

# By reference first: references of messages begin with the time, so the texts that come together
# go to a few pages, whatever tenant they belong to.
_SECRETS_BY_TIME: Final = """
CREATE TABLE sealed (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    domain TEXT NOT NULL,
    ref TEXT NOT NULL,
    purpose TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    key_id TEXT NOT NULL,
    envelope BLOB NOT NULL,
    UNIQUE (ref, purpose, fingerprint, tenant, domain)
) STRICT;
INSERT INTO sealed SELECT * FROM secrets ORDER BY id;
DROP TABLE secrets;
ALTER TABLE sealed RENAME TO secrets;
CREATE INDEX secrets_by_key ON secrets (tenant, key_id);
CREATE INDEX credentials ON secrets (tenant, domain) WHERE purpose NOT IN ('answer', 'message');
"""

# A push that is too large for one transaction is written here first, where readers do not look.
# The commit of its head gives it its collection and version, and so a place in `present_items`.
# After that its items move to the other table, which changes nothing that readers see.
_PUSHES: Final = """
CREATE TABLE pushes (
    id INTEGER PRIMARY KEY,
    collection INTEGER UNIQUE REFERENCES collections (id),
    version INTEGER,
    begun_at INTEGER NOT NULL
) STRICT;
CREATE TABLE pushed_items (
    push INTEGER NOT NULL REFERENCES pushes (id),
    id TEXT NOT NULL,
    removed_at INTEGER,
    digest TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (push, id)
) STRICT;
CREATE VIEW present_items AS
SELECT collection, id, version, removed_at, digest, text FROM items
WHERE NOT EXISTS (
    SELECT 1 FROM pushes JOIN pushed_items ON push = pushes.id
    WHERE pushes.collection = items.collection AND pushed_items.id = items.id
)
UNION ALL
SELECT collection, pushed_items.id, version, removed_at, digest, text
FROM pushes JOIN pushed_items ON push = pushes.id;
"""

_ADDRESSES: Final = """
CREATE TABLE addresses (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    digest BLOB NOT NULL,
    tenant TEXT NOT NULL,
    domain TEXT NOT NULL,
    kind TEXT NOT NULL,
    collection TEXT,
    model TEXT,
    fields TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    used_at INTEGER,
    revoked_at INTEGER,
    revoked_by TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX addresses_by_tenant ON addresses (tenant, id);
CREATE INDEX revoked_addresses ON addresses (id) WHERE revoked_at IS NOT NULL;
"""

# The times that the newest events claim. A long text stands before that of a revision, but a
# revision is read as a whole.
_EVENT_TIMES: Final = """
ALTER TABLE revisions ADD COLUMN event_at INTEGER;
ALTER TABLE mappings ADD COLUMN event_at INTEGER;
ALTER TABLE collections ADD COLUMN event_at INTEGER;
ALTER TABLE collections ADD COLUMN whole_at INTEGER;
-- Finds tenants whose ids differ only in case.
CREATE INDEX documents_by_spelling ON documents (tenant COLLATE NOCASE);
"""

# The revisions of mappings that a newer one replaced. The newest of each channel stays where
# routing reads it. `lost` says that the newer one belongs to another tenant: what a tenant has or
# had is found by it, and a change that moves nothing does not pay for an index by tenant. Nor does
# an event pay for an index of the newest ones by time: a page of the whole history reads them all.
_MAPPING_HISTORY: Final = """
CREATE TABLE mapping_revisions (
    key TEXT NOT NULL,
    tenant TEXT NOT NULL,
    domain TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    fallback INTEGER NOT NULL,
    numbers TEXT NOT NULL,
    active INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    author TEXT NOT NULL,
    event_at INTEGER,
    lost INTEGER NOT NULL,
    PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX lost_mappings ON mapping_revisions (tenant) WHERE lost;
CREATE INDEX mapping_revisions_by_time ON mapping_revisions (updated_at);
-- The audit trail is read in the order of time, together with the history of the mapping.
CREATE INDEX audit_by_time ON audit (at);
DROP INDEX audit_by_tenant;
CREATE INDEX audit_by_tenant ON audit (tenant, at);
"""

# `Conversation.idle_since`: the maximum with NULL is NULL.
IDLE_SINCE: Final = (
    "CASE WHEN paused_by IS NULL THEN updated_at ELSE max(updated_at, paused_until) END"
)

_CONVERSATIONS: Final = f"""
ALTER TABLE messages ADD COLUMN part_of TEXT;
ALTER TABLE messages ADD COLUMN steps INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN withheld TEXT;
ALTER TABLE messages ADD COLUMN refused TEXT NOT NULL DEFAULT '[]';
ALTER TABLE messages ADD COLUMN resent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN told_at INTEGER;
CREATE TABLE conversations (
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    seen_at INTEGER,
    status TEXT,
    assignee TEXT,
    team TEXT,
    labels TEXT NOT NULL,
    can_reply INTEGER NOT NULL,
    blocked INTEGER NOT NULL,
    began_pending INTEGER NOT NULL,
    customer_at INTEGER,
    person_at INTEGER,
    ai_at INTEGER,
    handed_over_at INTEGER,
    handed_back_at INTEGER,
    closed_told_at INTEGER,
    people_told_at INTEGER,
    paused_at INTEGER,
    paused_by TEXT,
    paused_until INTEGER,
    marks TEXT NOT NULL,
    tenant TEXT,
    domain TEXT,
    inbox TEXT,
    crew TEXT,
    PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;
-- A message that comes in waits: that is all it is asked for the indexes of those that do not.
DROP INDEX finished_messages;
CREATE INDEX finished_messages ON messages (updated_at)
WHERE due_at IS NULL AND stage IN ('done', 'ignored', 'discarded');
CREATE INDEX untold_messages ON messages (updated_at, id)
WHERE due_at IS NULL AND told_at IS NULL AND event <> 'hub_notice'
AND stage IN ('unresolved', 'dead', 'failed');
CREATE INDEX told_messages ON messages (lane)
WHERE due_at IS NULL AND (body IS NOT NULL OR answer IS NOT NULL);
CREATE INDEX answered_messages ON messages (lane, updated_at) WHERE answer IS NOT NULL;
CREATE INDEX conversations_by_tenant ON conversations (tenant, account, id);
CREATE INDEX conversations_by_time ON conversations ({IDLE_SINCE});
"""

# In a trigger that ends a message's part in `persons`: its conversation may have other messages.
_FORGET: Final = (
    "DELETE FROM persons WHERE lane = old.lane "
    "AND digest IN (SELECT value FROM json_each(old.persons)) "
    "AND NOT EXISTS (SELECT 1 FROM messages, json_each(messages.persons) "
    "WHERE lane = old.lane AND due_at IS NOT NULL AND value = digest) "
    "AND NOT EXISTS (SELECT 1 FROM messages, json_each(messages.persons) "
    "WHERE lane = old.lane AND due_at IS NULL AND (body IS NOT NULL OR answer IS NOT NULL) "
    "AND value = digest);"
)
_NAME: Final = (
    "INSERT OR IGNORE INTO persons (digest, lane) "
    "SELECT value, new.lane FROM json_each(new.persons);"
)
# The audit trail as a chain. What happened before goes into it, too: it becomes pending, and the
# change log begins anew with all versions that are kept.
_LIFECYCLE: Final = f"""
CREATE TABLE pending_audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    tenant TEXT,
    subject TEXT NOT NULL,
    request_id TEXT,
    reason TEXT
) STRICT;
INSERT INTO pending_audit (at, action, actor, tenant, subject, request_id)
SELECT at, action, actor, tenant, subject, request_id FROM audit ORDER BY at, id;
DROP TABLE audit;
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    tenant TEXT,
    subject TEXT NOT NULL,
    request_id TEXT,
    reason TEXT,
    hash TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_tenant ON audit (tenant);
-- How far the trail goes, and which lines of the change log are in it.
CREATE TABLE audit_end (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL,
    hash TEXT NOT NULL,
    master_id TEXT,
    digest TEXT,
    logged INTEGER NOT NULL
) STRICT;
INSERT INTO audit_end SELECT 1, 0, printf('%064d', 0), NULL, NULL, value FROM sequence;
ALTER TABLE changes ADD COLUMN author TEXT NOT NULL DEFAULT '';
ALTER TABLE changes ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE changes ADD COLUMN reason TEXT;
DELETE FROM changes;
INSERT INTO changes (seq, what, key, version, at, author, deleted)
SELECT value + row_number() OVER (ORDER BY at, key, version), past.* FROM sequence, (
    SELECT 'document' AS what, tenant || '/' || domain || '/' || kind AS key,
        revisions.version AS version, updated_at AS at, author, revisions.deleted
    FROM revisions JOIN documents ON document = id
    UNION ALL SELECT 'mapping', key, version, updated_at, author, 0 FROM mapping_revisions
    UNION ALL SELECT 'mapping', key, version, updated_at, author, 0 FROM mappings
) AS past;
UPDATE sequence SET value = ifnull((SELECT max(seq) FROM changes), value);
ALTER TABLE api_keys ADD COLUMN expires_at INTEGER;
ALTER TABLE api_keys ADD COLUMN used_at INTEGER;
-- Finds the tenants that have a policy of their own, and costs the others nothing.
CREATE INDEX retentions ON documents (tenant) WHERE kind = 'retention' AND NOT deleted;
-- Digests of a customer's names, as JSON; NULL in messages of earlier versions.
ALTER TABLE messages ADD COLUMN persons TEXT;
CREATE INDEX unnamed_messages ON messages (id) WHERE persons IS NULL AND body IS NOT NULL;
-- The conversations of each person. Only the first message of one writes here, and the messages of
-- a conversation have an index already.
CREATE TABLE persons (
    digest TEXT NOT NULL,
    lane TEXT NOT NULL,
    PRIMARY KEY (digest, lane)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER person_renamed AFTER UPDATE OF persons ON messages
WHEN new.persons IS NOT old.persons BEGIN {_FORGET} {_NAME} END;
CREATE TRIGGER person_removed AFTER DELETE ON messages
WHEN old.persons <> '[]' BEGIN {_FORGET} END;
-- Where tenants stand that are not, or were not always, active, and which areas have moved. A
-- process keeps in memory what is not as it is with nearly all.
CREATE TABLE tenant_states (
    tenant TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    standing TEXT NOT NULL,
    since INTEGER NOT NULL,
    author TEXT NOT NULL,
    reason TEXT,
    data_keys TEXT NOT NULL,
    contents TEXT,
    certificate TEXT,
    moves TEXT NOT NULL,
    successor TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX remembered_tenants ON tenant_states (tenant, standing, moves, successor)
WHERE standing <> 'active' OR moves <> '[]';
-- Whose items are written there.
ALTER TABLE pushes ADD COLUMN tenant TEXT;
"""

# The ids that a renamed tenant had, as JSON, and the request that made a change.
_EARLIER_IDS: Final = """
ALTER TABLE tenant_states ADD COLUMN earlier TEXT NOT NULL DEFAULT '[]';
ALTER TABLE changes ADD COLUMN request_id TEXT;
"""

# Item n leads from version n to version n + 1. Never change one that was released.
_MIGRATIONS: Final = (
    _FIRST,
    _COLLECTIONS,
    _MESSAGES,
    _CLAIMS,
    _SECRETS_BY_TIME,
    _PUSHES,
    _ADDRESSES,
    _EVENT_TIMES,
    _MAPPING_HISTORY,
    _CONVERSATIONS,
    _LIFECYCLE,
    _EARLIER_IDS,
)

# In one statement, so that a migration by another process does not come in between.
_STATE: Final = (
    "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) "
    "FROM pragma_application_id, pragma_user_version"
)


def migrate(connection: sqlite3.Connection, *, application_id: int = APPLICATION_ID) -> None:
    """
    Bring a database to the version that this program knows; an empty file becomes one.

    Raises `StoreUnusableError` if it belongs to another program or a newer version of this one,
    or has another *application_id*.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreUnusableError(
            f"O SQLite {sqlite3.sqlite_version} deste Python é antigo demais; "
            f"é preciso o {'.'.join(map(str, OLDEST_SQLITE))} ou mais novo."
        )
    if _version(connection, application_id) == len(_MIGRATIONS):
        return
    # Another process may be doing the same: look again once nobody else can write.
    connection.execute("BEGIN IMMEDIATE")
    try:
        before = _version(connection, application_id)
        for script in _MIGRATIONS[before:]:
            for statement in _statements(script):
                connection.execute(statement)
        if 0 < before < len(_MIGRATIONS):
            # An older program that still serves from its memory looks at the file once more.
            connection.execute("UPDATE sequence SET value = value + 1")
        connection.execute(f"PRAGMA application_id = {application_id}")
        connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def require_begun(connection: sqlite3.Connection) -> int:
    """
    Return the version of the tables, or raise `StoreUnusableError` if there are none.
    """
    version = _version(connection)
    if version == 0:
        raise StoreUnusableError(
            "O arquivo do armazenamento está vazio; o próximo início do servidor cria as tabelas "
            f"({StoreFailure.EMPTY.value}).",
            StoreFailure.EMPTY,
        )
    return version


def require_migrated(connection: sqlite3.Connection) -> None:
    """
    Raise `StoreUnusableError` unless the tables are those that this program knows.
    """
    version = require_begun(connection)
    if version < len(_MIGRATIONS):
        raise StoreUnusableError(
            f"O arquivo do armazenamento está na versão {version}; o próximo início do servidor "
            f"o migra para a {len(_MIGRATIONS)}. Faça antes um backup: ele é a única forma "
            f"de voltar à versão anterior ({StoreFailure.OLDER_SCHEMA.value}).",
            StoreFailure.OLDER_SCHEMA,
        )


def require_known(connection: sqlite3.Connection) -> None:
    """
    Raise `StoreUnusableError` if a newer program has changed the tables since the last look.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != len(_MIGRATIONS):
        raise _too_new(version)


def _too_new(version: int) -> StoreUnusableError:
    return StoreUnusableError(
        f"O arquivo do armazenamento está na versão {version}, e este programa só conhece "
        f"até a {len(_MIGRATIONS)}; atualize o odoo-ai-config ou restaure um backup anterior "
        f"({StoreFailure.NEWER_SCHEMA.value}).",
        StoreFailure.NEWER_SCHEMA,
    )


def finish_copy(connection: sqlite3.Connection) -> None:
    """
    Make a file that a copy or a restore has filled one that servers open.
    """
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    # The writer commits what changes rows.
    connection.execute("UPDATE sequence SET value = value + 1")


def _version(connection: sqlite3.Connection, application_id: int = APPLICATION_ID) -> int:
    application: int
    version: int
    tables: int
    application, version, tables = connection.execute(_STATE).fetchone()
    if application != application_id:
        if application == UNFINISHED_ID:
            raise unfinished_at(_path_of(connection))
        if application == APPLICATION_ID:
            raise not_new_at(_path_of(connection))
    if application != application_id and (application or version or tables):
        raise StoreUnusableError(
            "O arquivo do armazenamento é um banco SQLite de outro programa; "
            "escolha outro caminho."
        )
    if version > len(_MIGRATIONS):
        raise _too_new(version)
    return version


def _path_of(connection: sqlite3.Connection) -> str:
    path: str = connection.execute("PRAGMA database_list").fetchone()[2]
    return path


def _statements(script: str) -> list[str]:
    # `executescript` would commit the transaction that keeps a migration whole.
    return [statement for statement in script.split(";\n") if statement.strip()]
