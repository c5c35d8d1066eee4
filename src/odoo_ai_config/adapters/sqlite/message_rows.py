"""
Received messages as rows, and the statements that keep each conversation in order.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Final

from odoo_ai_config.adapters.sqlite.row_layout import TEXTS, Codec, Row, RowLayout
from odoo_ai_config.adapters.sqlite.rows import optional
from odoo_ai_config.application.errors import MessageRecordedError
from odoo_ai_config.domain.credentials.secrets import Fingerprint
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.messages.inbox import InboxMessage, Origin, delivery_parts, event_parts

_ORIGIN: Final = "id, event, account, inbox, conversation, message, delivery, request_id"
_STATE: Final = (
    "updated_at, due_at, revision, tenant, domain, crew, matched_by, "
    "config_version, mapping_version, attempts, reason, body, answer, replays, claims, "
    "part_of, steps, withheld, refused, resent, told_at, persons"
)
MESSAGE_COLUMNS: Final = f"{_ORIGIN}, stage, received_at, {_STATE}"
_MARKS: Final[Codec] = (
    lambda marks: json.dumps([mark.value for mark in marks]) if marks else "[]",
    lambda stored: tuple(map(Fingerprint, json.loads(stored))),
)
_LAYOUT: Final = RowLayout(
    InboxMessage, codecs={tuple[str, ...]: TEXTS, tuple[Fingerprint, ...]: _MARKS}
)

# The parameters are the columns in their order: 9 is the stage, 12 when it is due, 33 the lane.
_RECEIVE: Final = (
    f"INSERT INTO messages ({MESSAGE_COLUMNS}, lane, head) "
    f"VALUES ({', '.join(f'?{number}' for number in range(1, 34))}, "
    "?12 IS NOT NULL AND NOT EXISTS "
    "(SELECT 1 FROM messages WHERE lane = ?33 AND due_at IS NOT NULL)) ON CONFLICT DO NOTHING"
)
_MOVE: Final = (
    f"UPDATE messages SET (stage, {_STATE}) = "
    f"(?9, {', '.join(f'?{number}' for number in range(11, 33))}), "
    "head = head AND ?12 IS NOT NULL WHERE id = ?1 AND revision = ?13 - 1 RETURNING head"
)
_PUT: Final = (
    f"INSERT INTO messages ({MESSAGE_COLUMNS}, lane, head) "
    f"VALUES ({', '.join(f'?{number}' for number in range(1, 34))}, 0) "
    f"ON CONFLICT (id) DO UPDATE SET (stage, {_STATE}, head) = "
    f"(?9, {', '.join(f'?{number}' for number in range(11, 33))}, 0)"
)
_NO_HEAD: Final = "UPDATE messages SET head = 0 WHERE lane = ? AND due_at IS NOT NULL AND head"
# Every message of the conversation after the first finds it there.
_NAME: Final = "INSERT INTO persons (digest, lane) VALUES (?, ?) ON CONFLICT DO NOTHING"
_OPEN_IN_LANE: Final = (
    "SELECT number FROM messages WHERE lane = ? AND due_at IS NOT NULL ORDER BY number LIMIT 1"
)
# A message that was reopened precedes the one that was the head meanwhile.
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
    row, holder = _LAYOUT.row(message), message.holder
    # The event and its edition share a column, so do the delivery and its proof, and who holds the
    # message is stored even while it has no destination.
    return (
        row[0],
        message.origin.event_mark,
        *row[2:6],
        message.origin.delivery_mark,
        row[8],
        *row[10:15],
        holder.tenant.value,
        holder.domain.value,
        *row[17:],
        message.conversation,
    )


def message_of(row: Row) -> InboxMessage:
    """
    A message that was read, without its lane.
    """
    owner, matched_by = row[13:15], row[16]
    if matched_by is None:
        owner = None, None
    event, edition = event_parts(row[1])
    origin = event, *row[2:6], *delivery_parts(row[6]), row[7], edition
    return _LAYOUT.of((row[0], *origin, *row[8:13], *owner, *row[15:]))


def write_message(message: InboxMessage, row: Row, connection: sqlite3.Connection) -> None:
    """
    Write *message*, whose row is *row*, or refuse it as `ConfigStore.commit` does.
    """
    if message.revision > 1:
        _move(connection, row)
    elif not connection.execute(_RECEIVE, row).rowcount:
        known = find_received(connection, message.origin)
        raise RevisionConflictError if known is None else MessageRecordedError
    if message.revision == 1 or message.replays:
        # Nothing else names others.
        name_persons(connection, message.persons or (), row[-1])


def name_persons(
    connection: sqlite3.Connection, persons: Sequence[Fingerprint], lane: str
) -> None:
    """
    Let the messages of *lane* be found by *persons*.
    """
    for person in persons:
        connection.execute(_NAME, (person.value, lane))


def _move(connection: sqlite3.Connection, row: Row) -> None:
    moved = connection.execute(_MOVE, row[:-1]).fetchone()
    if moved is None:
        raise RevisionConflictError
    (is_head,) = moved
    if not is_head:
        # It was closed or reopened, or another message is still the head.
        lane = row[-1:]
        connection.execute(_DEMOTE, lane)
        promote(connection, *lane)


def promote(connection: sqlite3.Connection, lane: str) -> None:
    """
    Make the first open message of *lane* its head.
    """
    connection.execute(_PROMOTE, (lane,))


def put_message(message: InboxMessage, connection: sqlite3.Connection) -> None:
    """
    Write *message* over the stored one, or behind all others; it is no head.
    """
    connection.execute(_PUT, message_row(message))
    name_persons(connection, message.persons or (), message.conversation)


def settle_lane(lane: str, connection: sqlite3.Connection) -> None:
    """
    Make the first open message of *lane* its only head.
    """
    connection.execute(_NO_HEAD, (lane,))
    promote(connection, lane)


def find_received(connection: sqlite3.Connection, origin: Origin) -> InboxMessage | None:
    """
    The message that is the same as the one that *origin* is of.
    """
    row: Row | None = None
    if origin.delivery is not None:
        row = connection.execute(_SAME_DELIVERY, (origin.delivery_mark,)).fetchone()
    if row is None and origin.account is not None and origin.message is not None:
        which = origin.account.value, origin.message.value, origin.event_mark
        row = connection.execute(_SAME_MESSAGE, which).fetchone()
    return optional(message_of, row)
