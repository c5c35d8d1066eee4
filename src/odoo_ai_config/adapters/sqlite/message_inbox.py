"""
Received messages in SQLite.
"""

from __future__ import annotations

import json
import sqlite3
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from functools import partial
from typing import Final

from attrs import evolve

from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.item_rows import chunks
from odoo_ai_config.adapters.sqlite.message_rows import (
    MESSAGE_COLUMNS,
    find_received,
    message_of,
    message_row,
    name_persons,
)
from odoo_ai_config.adapters.sqlite.pruning import prune_messages
from odoo_ai_config.adapters.sqlite.row_layout import Row, microseconds, time_of
from odoo_ai_config.adapters.sqlite.rows import json_values, optional
from odoo_ai_config.adapters.sqlite.writer import Transaction
from odoo_ai_config.application.ports.message_inbox import (
    Census,
    ClaimLimits,
    MessageInbox,
    StageCount,
)
from odoo_ai_config.domain.conversations.state import ConversationKey
from odoo_ai_config.domain.credentials.secrets import Fingerprint
from odoo_ai_config.domain.events import names_of_events
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import (
    CLOCK_SLACK,
    InboxMessage,
    MessageId,
    Origin,
    Stage,
)
from odoo_ai_config.domain.subscriptions import SubscriptionId

_FIND: Final = f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE id = ?"

# Goes from tenant to tenant, so that its cost does not depend on the number of heads.
_TENANTS: Final = """
WITH RECURSIVE waiting (tenant) AS (
  SELECT min(tenant) FROM messages WHERE head = 1 AND tenant > ?1
  UNION ALL
  SELECT (SELECT min(tenant) FROM messages WHERE head = 1 AND tenant > waiting.tenant)
  FROM waiting WHERE tenant IS NOT NULL
)
"""
_DUE_TENANTS: Final = f"""
{_TENANTS}
SELECT json_group_array(tenant) FROM (
  SELECT tenant FROM waiting
  WHERE tenant <= ?2 AND tenant NOT IN (SELECT value FROM json_each(?3)) AND EXISTS (
    SELECT 1 FROM messages
    WHERE head = 1 AND messages.tenant = waiting.tenant AND due_at <= ?4
  )
  LIMIT ?5
)
"""
_NEXT_DUE: Final = f"""
{_TENANTS}
SELECT min((SELECT min(due_at) FROM messages WHERE head = 1 AND messages.tenant = waiting.tenant))
FROM waiting WHERE tenant NOT IN (SELECT value FROM json_each(?2))
"""
_AHEAD: Final = (
    "SELECT number, ?1, ?2 FROM messages INDEXED BY open_messages "
    "WHERE due_at IS NOT NULL AND due_at >= updated_at AND updated_at > ?2"
)
# Some may have changed meanwhile.
_RECALL: Final = (
    "UPDATE messages SET due_at = due_at - updated_at + ?2, updated_at = ?2 "
    "WHERE number = ?1 AND due_at >= updated_at AND updated_at > ?3"
)
_RECALLED_AT_ONCE: Final = 500
_TAKE: Final = f"""
UPDATE messages SET revision = revision + 1, claims = claims + 1, due_at = ?3 WHERE number = (
  SELECT number FROM messages
  WHERE head = 1 AND tenant = ?1 AND due_at <= ?2 ORDER BY due_at, number LIMIT 1
) RETURNING {MESSAGE_COLUMNS}
"""
# Sorts behind every tenant's name.
_LAST: Final = "\x7f"

# Messages that wait are in an index of their own, so that each costs one entry.
_WAITING_IN_LANE: Final = "INDEXED BY open_messages WHERE lane = ?1 AND due_at IS NOT NULL"
_TOLD_IN_LANE: Final = (
    "INDEXED BY told_messages "
    "WHERE lane = ?1 AND due_at IS NULL AND (body IS NOT NULL OR answer IS NOT NULL)"
)
_OF_CONVERSATION: Final = (
    f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE number IN ("
    f"SELECT * FROM (SELECT number FROM messages {_WAITING_IN_LANE} "
    "ORDER BY number DESC LIMIT ?2) UNION ALL "
    f"SELECT * FROM (SELECT number FROM messages {_TOLD_IN_LANE} "
    "ORDER BY number DESC LIMIT ?2)) ORDER BY number DESC LIMIT ?2"
)
_ANSWERS: Final = (
    "SELECT count(*) FROM (SELECT 1 FROM messages INDEXED BY answered_messages "
    "WHERE lane = ? AND stage = 'done' AND answer IS NOT NULL AND updated_at > ? LIMIT ?)"
)
_UNTOLD: Final = (
    f"SELECT {MESSAGE_COLUMNS} FROM messages INDEXED BY untold_messages "
    "WHERE due_at IS NULL AND told_at IS NULL AND event <> 'hub_notice' AND event <> 'hub_event' "
    "AND stage IN ('unresolved', 'dead', 'failed') "
    "AND (updated_at, id) > (?, ?) ORDER BY updated_at, id LIMIT ?"
)
# Each number once, though a conversation may have several of the digests.
_OF_PERSONS: Final = (
    "WITH places AS MATERIALIZED (SELECT DISTINCT lane FROM persons "
    "WHERE digest IN (SELECT value FROM json_each(?1))), "
    "found AS (SELECT number "
    "FROM places CROSS JOIN messages INDEXED BY open_messages USING (lane) "
    "WHERE due_at IS NOT NULL UNION ALL "
    "SELECT number FROM places CROSS JOIN messages INDEXED BY told_messages USING (lane) "
    "WHERE due_at IS NULL AND (body IS NOT NULL OR answer IS NOT NULL)) "
    f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE number IN (SELECT number FROM found) "
    "AND number > ?2 AND EXISTS (SELECT 1 FROM json_each(persons) "
    "WHERE value IN (SELECT value FROM json_each(?1))) ORDER BY number LIMIT ?3"
)
_UNNAMED: Final = (
    f"SELECT {MESSAGE_COLUMNS} FROM messages INDEXED BY unnamed_messages "
    "WHERE persons IS NULL AND body IS NOT NULL LIMIT ?"
)
_GIVE_NAMES: Final = (
    "UPDATE messages SET persons = ? "
    "WHERE id = ? AND persons IS NULL AND (tenant, domain, body) = (?, ?, ?)"
)
_NUMBER: Final = "SELECT number FROM messages WHERE id = ?"
_PAGE: Final = (
    f"SELECT number, {MESSAGE_COLUMNS} FROM messages {{by}} "
    "WHERE stage = ? AND number {behind} ? {of} ORDER BY number {order} LIMIT ?"
)
_NO_EVENTS: Final = "AND event <> 'hub_event'"
# Others may have many more messages than a subscription has events.
_BY_EVENT: Final = "INDEXED BY messages_by_delivery"
_EVENTS_TO: Final = "AND event = 'hub_event' AND delivery >= ? AND delivery < ?"
_ABOVE_ALL: Final = 2**63 - 1
_CENSUS: Final = """
SELECT of_events, counted.stage, count, received_at
FROM (
  SELECT event = 'hub_event' AS of_events, stage, count(*) AS count, min(number) AS oldest
  FROM messages
  WHERE stage IN ('queued', 'awaiting', 'answered', 'unresolved', 'dead', 'failed')
  GROUP BY stage, of_events
) AS counted JOIN messages ON number = oldest
"""


class SqliteMessageInbox(MessageInbox):
    """
    Finds its way by the heads of the conversations, which every commit keeps marked.
    """

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        # The tenant that was served last.
        self._served = ""

    def receiving(
        self, *_of: object, **_at: object
    ) -> AbstractAsyncContextManager[InboxMessage | None]:
        return nullcontext()

    def delivering(self, *_of: object, **_at: object) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def claim(
        self, claim_limits: ClaimLimits, *, now: datetime, until: datetime
    ) -> Sequence[InboxMessage]:
        take = partial(self._take, claim_limits, microseconds(now), microseconds(until))
        return [message_of(row) for row in await self._database.write(take)]

    async def next_due(self, *, beside: Collection[TenantId] = ()) -> datetime | None:
        which = "", json_values(beside)
        (due_at,) = await self._database.select(
            _NEXT_DUE, which, lambda row: optional(time_of, row[0])
        )
        return due_at

    async def recall(self, *, now: datetime) -> int:
        latest = microseconds(now + CLOCK_SLACK)
        ahead = await self._database.select(_AHEAD, (microseconds(now), latest), tuple)
        recalled = 0
        for rows in chunks(ahead, _RECALLED_AT_ONCE):
            recalled += await self._database.write_all(_RECALL, rows, long=True)
        return recalled

    async def find(self, message_id: MessageId) -> InboxMessage | None:
        return await self._database.select_one(_FIND, (message_id.value,), message_of)

    async def received(self, origin: Origin) -> InboxMessage | None:
        return await self._database.read(lambda connection: find_received(connection, origin))

    async def of_conversation(self, key: ConversationKey, *, limit: int) -> Sequence[InboxMessage]:
        return await self._database.select(_OF_CONVERSATION, (str(key), limit), message_of)

    async def answers_since(self, key: ConversationKey, since: datetime, *, limit: int) -> int:
        which = str(key), microseconds(since), limit
        count: int | None = await self._database.select_one(_ANSWERS, which, lambda row: row[0])
        return count or 0

    async def untold(
        self, since: datetime, *, after: InboxMessage | None = None, limit: int
    ) -> Sequence[InboxMessage]:
        behind = (since, "") if after is None else (after.updated_at, after.id.value)
        which = microseconds(behind[0]), behind[1], limit
        return await self._database.select(_UNTOLD, which, message_of)

    async def page(
        self,
        stages: Collection[Stage],
        *,
        tenant: TenantId | None = None,
        events: SubscriptionId | bool = True,
        after: MessageId | None = None,
        limit: int,
        oldest_first: bool = False,
    ) -> Sequence[InboxMessage]:
        conditions, of = [], []
        if tenant is not None:
            conditions.append("AND tenant = ?")
            of.append(tenant.value)
        if not events:
            conditions.append(_NO_EVENTS)
        elif isinstance(events, SubscriptionId):
            conditions.append(_EVENTS_TO)
            of += names_of_events(events)
        statement = _PAGE.format(
            by=_BY_EVENT if isinstance(events, SubscriptionId) else "",
            behind=">" if oldest_first else "<",
            of=" ".join(conditions),
            order="ASC" if oldest_first else "DESC",
        )

        def select(connection: sqlite3.Connection) -> list[InboxMessage]:
            last = 0 if oldest_first else _ABOVE_ALL
            if after is not None:
                found = connection.execute(_NUMBER, (after.value,)).fetchone()
                if found is None:
                    return []
                (last,) = found
            rows: list[Row] = []
            for stage in set(stages):
                rows += connection.execute(statement, (stage.value, last, *of, limit))
            rows.sort(reverse=not oldest_first)
            return [message_of(row[1:]) for row in rows[:limit]]

        return await self._database.read(select)

    async def of_persons(
        self,
        persons: Collection[Fingerprint],
        *,
        after: MessageId | None = None,
        limit: int,
    ) -> Sequence[InboxMessage]:
        digests = json.dumps([person.value for person in persons])

        def select(connection: sqlite3.Connection) -> list[InboxMessage]:
            last = 0
            if after is not None:
                found = connection.execute(_NUMBER, (after.value,)).fetchone()
                if found is None:
                    return []
                (last,) = found
            return [*map(message_of, connection.execute(_OF_PERSONS, (digests, last, limit)))]

        return await self._database.read(select)

    async def unnamed(self, *, limit: int) -> Sequence[InboxMessage]:
        return await self._database.select(_UNNAMED, (limit,), message_of)

    async def name(self, message: InboxMessage, persons: Sequence[Fingerprint]) -> bool:
        row = message_row(evolve(message, persons=tuple(persons)))
        which = row[-2], message.id.value, *row[13:15], message.body and message.body.value

        def write(transaction: Transaction) -> bool:
            connection = transaction.connection
            named = connection.execute(_GIVE_NAMES, which).rowcount == 1
            if named:
                name_persons(connection, persons, row[-1])
            return named

        return await self._database.write(write)

    async def census(self) -> Census:
        counts = await self._database.select(_CENSUS, (), tuple)
        return Census.of(
            (bool(of_events), Stage(stage), StageCount(count, time_of(oldest)))
            for of_events, stage, count, oldest in counts
        )

    async def prune(
        self, *, before: datetime, own: Mapping[TenantId, datetime] | None = None
    ) -> int:
        return await prune_messages(self._database, own or {}, before=before)

    def _take(
        self, claim_limits: ClaimLimits, now: int, until: int, transaction: Transaction
    ) -> list[Row]:
        connection = transaction.connection
        turns = deque(self._turns(claim_limits, now, connection))
        free = {
            tenant: claim_limits.per_tenant - claim_limits.in_hand.get(TenantId(tenant), 0)
            for tenant in turns
        }
        taken: list[Row] = []
        while turns and len(taken) < claim_limits.total:
            tenant = turns.popleft()
            row = connection.execute(_TAKE, (tenant, now, until)).fetchone()
            if row is None:
                continue
            taken.append(row)
            self._served = tenant
            free[tenant] -= 1
            if free[tenant] > 0:
                turns.append(tenant)
        return taken

    def _turns(
        self, claim_limits: ClaimLimits, now: int, connection: sqlite3.Connection
    ) -> list[str]:
        """
        Tenants with something to take, beginning behind the one that was served last.
        """
        if claim_limits.per_tenant <= 0:
            return []
        busy = json_values(
            tenant
            for tenant, in_hand in claim_limits.in_hand.items()
            if in_hand >= claim_limits.per_tenant
        )
        turns: list[str] = []
        for behind, up_to in ((self._served, _LAST), ("", self._served)):
            which = behind, up_to, busy, now, claim_limits.total - len(turns)
            (found,) = connection.execute(_DUE_TENANTS, which).fetchone()
            turns += json.loads(found)
        return turns
