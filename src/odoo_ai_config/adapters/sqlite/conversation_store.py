"""
Conversations in SQLite.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import frozen

from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.row_layout import TEXTS, RowLayout, microseconds
from odoo_ai_config.adapters.sqlite.rows import optional
from odoo_ai_config.adapters.sqlite.schema import IDLE_SINCE
from odoo_ai_config.application.ports.conversation_store import ConversationStore
from odoo_ai_config.domain.conversations.state import (
    Conversation,
    ConversationKey,
    Sighting,
    stored_after,
)
from odoo_ai_config.domain.identifiers import TenantId

CONVERSATIONS: Final = RowLayout(
    Conversation,
    "account, id, revision, updated_at, seen_at, status, assignee, team, labels, can_reply, "
    "blocked, began_pending, customer_at, person_at, ai_at, handed_over_at, handed_back_at, "
    "closed_told_at, people_told_at, paused_at, paused_by, paused_until, marks, tenant, domain, "
    "inbox, crew",
    {tuple[str, ...]: TEXTS},
)
_ALL: Final = f"SELECT {CONVERSATIONS.columns} FROM conversations"
_FIND: Final = f"{_ALL} WHERE account = ? AND id = ?"
_PAGE: Final = f"{_ALL} WHERE (account, id) > (?, ?) ORDER BY account, id LIMIT ?"
_PAGE_OF: Final = (
    f"{_ALL} WHERE tenant = ? AND (account, id) > (?, ?) ORDER BY account, id LIMIT ?"
)
_BEFORE_ALL: Final = ("", "")
_PUT: Final = (
    f"INSERT OR REPLACE INTO conversations ({CONVERSATIONS.columns}) "
    f"VALUES ({CONVERSATIONS.places})"
)
_OLD: Final = (
    # The index has this very expression.
    "SELECT account, id, revision FROM conversations INDEXED BY conversations_by_time "
    f"WHERE {IDLE_SINCE} < ? LIMIT ?"
)
_REMOVE: Final = "DELETE FROM conversations WHERE account = ? AND id = ? AND revision = ?"
_STEP: Final = 500


@frozen(eq=False)
class SqliteConversationStore(ConversationStore):
    """
    Reads the rows that commits write.
    """

    database: SqliteDatabase

    async def find(self, key: ConversationKey) -> Conversation | None:
        place = key.account.value, key.id.value
        return await self.database.select_one(_FIND, place, CONVERSATIONS.of)

    async def page(
        self,
        *,
        tenant: TenantId | None = None,
        after: ConversationKey | None = None,
        limit: int,
    ) -> Sequence[Conversation]:
        behind = _BEFORE_ALL if after is None else (after.account.value, after.id.value)
        if tenant is None:
            return await self.database.select(_PAGE, (*behind, limit), CONVERSATIONS.of)
        which = (tenant.value, *behind, limit)
        return await self.database.select(_PAGE_OF, which, CONVERSATIONS.of)

    async def prune(self, *, before: datetime) -> int:
        removed = 0
        which = microseconds(before), _STEP
        while old := await self.database.select(_OLD, which, tuple):
            # One that was written meanwhile has another revision.
            removed += await self.database.write_all(_REMOVE, old)
        return removed


def write_sighting(sighting: Sighting, connection: sqlite3.Connection) -> None:
    """
    Change the newest state of a conversation as *sighting* says.
    """
    key = sighting.key
    row = connection.execute(_FIND, (key.account.value, key.id.value)).fetchone()
    known = optional(CONVERSATIONS.of, row)
    after = stored_after(known, sighting)
    if after is not None:
        connection.execute(_PUT, CONVERSATIONS.row(after))
