"""
Messages that are done with, found by readers and removed with their texts in short transactions.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Final

from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.row_layout import Row, microseconds
from odoo_ai_config.adapters.sqlite.writer import Transaction

_STEP: Final = 500

# Nothing leads back from these stages, so that what was found may be removed later.
_FINISHED: Final = "stage IN ('done', 'ignored', 'discarded')"
_OLD: Final = (
    "SELECT id FROM messages INDEXED BY finished_messages "
    f"WHERE {_FINISHED} AND updated_at < ? LIMIT ?"
)
_REMOVE_MESSAGE: Final = (
    f"DELETE FROM messages WHERE id = ? AND {_FINISHED} RETURNING tenant, domain"
)
_REMOVE_TEXTS: Final = (
    "DELETE FROM secrets "
    "WHERE tenant = ? AND domain = ? AND purpose IN ('message', 'answer') AND ref = ?"
)

_PLACE: Final = "ref, purpose, fingerprint, tenant, domain"
_IS_LOST: Final = """
purpose IN ('message', 'answer') AND NOT EXISTS (
  SELECT 1 FROM messages
  WHERE id = ref AND messages.tenant = secrets.tenant AND messages.domain = secrets.domain
)
"""
_LOST: Final = f"""
SELECT {_PLACE} FROM secrets WHERE ({_PLACE}) > (?, ?, ?, ?, ?) AND {_IS_LOST}
ORDER BY {_PLACE} LIMIT ?
"""
_REMOVE_LOST: Final = f"DELETE FROM secrets WHERE ({_PLACE}) = (?, ?, ?, ?, ?) AND {_IS_LOST}"
_FIRST: Final[Row] = ("",) * 5


async def prune_messages(database: SqliteDatabase, *, before: datetime) -> int:
    """
    Remove finished messages last written *before*, and texts that belong to no message.
    """
    which = microseconds(before), _STEP
    removed = 0
    while old := await database.select(_OLD, which, tuple):
        removed += await database.write(partial(_remove, old))
    last = _FIRST
    while lost := await database.select(_LOST, (*last, _STEP), tuple):
        await database.write_all(_REMOVE_LOST, lost)
        last = lost[-1]
    return removed


def _remove(old: list[Row], transaction: Transaction) -> int:
    removed = 0
    for which in old:
        holder = transaction.connection.execute(_REMOVE_MESSAGE, which).fetchone()
        # Another pruning may have been here.
        if holder is not None:
            transaction.connection.execute(_REMOVE_TEXTS, holder + which)
            removed += 1
    return removed
