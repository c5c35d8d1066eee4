"""
Received messages as rows, and the statements that keep each conversation in order.
"""

from __future__ import annotations

import sqlite3
from functools import lru_cache
from typing import Final

from odoo_ai_config.adapters.sqlite.rows import Row, microseconds, optional, time_of
from odoo_ai_config.application.errors import MessageRecordedError
from odoo_ai_config.domain.channels.routing import Rule
from odoo_ai_config.domain.credentials.secrets import Fingerprint
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.identifiers import (
    BusinessDomain,
    ChatwootId,
    TenantDomain,
    TenantId,
)
from odoo_ai_config.domain.messages.inbox import (
    Destination,
    InboxMessage,
    MessageId,
    Origin,
    Release,
    Stage,
    delivery_parts,
)

_SHARED_OWNERS: Final = 4096

_ORIGIN: Final = (
    "id, event, account, inbox, conversation, message, delivery, request_id, received_at"
)
_STATE: Final = (
    "stage, updated_at, due_at, revision, tenant, domain, crew, matched_by, "
    "config_version, mapping_version, attempts, reason, body, answer, replays, claims"
)
# The columns in the order in which `message_row` gives them; the lane follows.
MESSAGE_COLUMNS: Final = f"{_ORIGIN}, {_STATE}"

# The parameters are the columns in their order: 12 is when it is due, 26 the lane.
_RECEIVE: Final = (
    f"INSERT INTO messages ({MESSAGE_COLUMNS}, lane, head) VALUES "
    f"({', '.join(f'?{number}' for number in range(1, 27))}, ?12 IS NOT NULL AND NOT EXISTS "
    "(SELECT 1 FROM messages WHERE lane = ?26 AND due_at IS NOT NULL)) ON CONFLICT DO NOTHING"
)
_MOVE: Final = (
    f"UPDATE messages SET ({_STATE}) = "
    f"({', '.join(f'?{number}' for number in range(10, 26))}), head = head AND ?12 IS NOT NULL "
    "WHERE id = ?1 AND revision = ?13 - 1 RETURNING head"
)
_OPEN_IN_LANE: Final = (
    "SELECT number FROM messages WHERE lane = ? AND due_at IS NOT NULL ORDER BY number LIMIT 1"
)
# One that came back goes before the one that was the head meanwhile.
_DEMOTE: Final = f"UPDATE messages SET head = 0 WHERE head AND number = ({_OPEN_IN_LANE} OFFSET 1)"
_PROMOTE: Final = f"UPDATE messages SET head = 1 WHERE NOT head AND number = ({_OPEN_IN_LANE})"
_SAME_DELIVERY: Final = f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE delivery = ?"
_SAME_MESSAGE: Final = (
    f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE account = ? AND message = ? AND event = ?"
)


def message_row(message: InboxMessage) -> Row:
    """
    A message as it is stored, and its lane behind that.
    """
    origin, holder, destination = message.origin, message.holder, message.destination
    crew, matched_by, config_version, mapping_version = _NO_ROUTE
    if destination is not None:
        crew, matched_by = destination.crew, destination.matched_by.value
        config_version = destination.release.config_version
        mapping_version = destination.release.mapping_version
    return (
        message.id.value,
        origin.event,
        None if origin.account is None else origin.account.value,
        None if origin.inbox is None else origin.inbox.value,
        None if origin.conversation is None else origin.conversation.value,
        None if origin.message is None else origin.message.value,
        origin.delivery_mark,
        origin.request_id,
        microseconds(message.received_at),
        message.stage.value,
        microseconds(message.updated_at),
        None if message.due_at is None else microseconds(message.due_at),
        message.revision,
        holder.tenant.value,
        holder.domain.value,
        crew,
        matched_by,
        config_version,
        mapping_version,
        message.attempts,
        message.reason,
        None if message.body is None else message.body.value,
        None if message.answer is None else message.answer.value,
        message.replays,
        message.claims,
        message.conversation,
    )


_NO_ROUTE: Final[tuple[str | None, str | None, int | None, int | None]] = (None,) * 4


def message_of(row: Row) -> InboxMessage:
    """
    A message that was read, without its lane.
    """
    (id_, event, account, inbox, conversation, message, delivery, request_id, received_at) = row[
        :9
    ]
    stage, updated_at, due_at, revision = row[9:13]
    attempts, reason, body, answer, replays, claims = row[19:]
    return InboxMessage(
        MessageId(id_),
        Origin(
            event,
            optional(ChatwootId, account),
            optional(ChatwootId, inbox),
            optional(ChatwootId, conversation),
            optional(ChatwootId, message),
            *delivery_parts(delivery),
            request_id,
        ),
        Stage(stage),
        time_of(received_at),
        time_of(updated_at),
        optional(time_of, due_at),
        revision,
        _destination_of(row[13:19]),
        attempts,
        reason,
        optional(Fingerprint, body),
        optional(Fingerprint, answer),
        replays,
        claims,
    )


def _destination_of(row: Row) -> Destination | None:
    tenant, domain, crew, matched_by, config_version, mapping_version = row
    if matched_by is None:
        return None
    release = Release(config_version, mapping_version)
    return Destination(_owner_of(tenant, domain), crew, Rule(matched_by), release)


@lru_cache(maxsize=_SHARED_OWNERS)
def _owner_of(tenant: str, domain: str) -> TenantDomain:
    return TenantDomain(TenantId(tenant), BusinessDomain(domain))


def write_message(connection: sqlite3.Connection, message: InboxMessage, row: Row) -> None:
    """
    Write *message*, whose row is *row*.

    Raises:
        MessageRecordedError: It is new and was received before.
        RevisionConflictError: It does not succeed what is there.
    """
    if message.revision > 1:
        _move(connection, row)
    elif not connection.execute(_RECEIVE, row).rowcount:
        known = find_received(connection, message.origin)
        raise RevisionConflictError if known is None else MessageRecordedError


def _move(connection: sqlite3.Connection, row: Row) -> None:
    moved = connection.execute(_MOVE, row[:-1]).fetchone()
    if moved is None:
        raise RevisionConflictError
    (is_head,) = moved
    if not is_head:
        # It was closed, or came back, or somebody else's turn it is as before.
        lane = row[-1:]
        connection.execute(_DEMOTE, lane)
        connection.execute(_PROMOTE, lane)


def find_received(connection: sqlite3.Connection, origin: Origin) -> InboxMessage | None:
    """
    The message that is the same as the one that *origin* is of.
    """
    row: Row | None = None
    if origin.delivery is not None:
        row = connection.execute(_SAME_DELIVERY, (origin.delivery_mark,)).fetchone()
    if row is None and origin.account is not None and origin.message is not None:
        which = origin.account.value, origin.message.value, origin.event
        row = connection.execute(_SAME_MESSAGE, which).fetchone()
    return None if row is None else message_of(row)
