"""
Pushes of collections. Large ones are written a little at a time.

The one thread that writes has no time for a hundred thousand items: everybody else would wait.
So they are written in slices, each a transaction, to a table of their own where nobody reads
them. A short commit of their collection's head shows them all at once. After that they move to
the other items in slices again, while readers see them already. The next push, or pruning,
settles what was interrupted in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Final

from odoo_ai_config.adapters.sqlite.commit import PreparedChangeset, require_open
from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.item_rows import (
    WRITTEN_AT_ONCE,
    chunks,
    flattened,
    item_places,
    item_rows,
)
from odoo_ai_config.adapters.sqlite.row_layout import Row, microseconds
from odoo_ai_config.adapters.sqlite.rows import COLLECTION_KEYS
from odoo_ai_config.adapters.sqlite.writer import Transaction
from odoo_ai_config.application.errors import STATE_CHANGED, StoreUnavailableError
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.collections import CollectionChange
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.tenants import TenantErasedError, TenantRenamedError

# The limits of one transaction, which takes some 20 ms. The last item may exceed the characters.
SLICE_ITEMS: Final = 1000
SLICE_CHARACTERS: Final = 2**20
# A push takes less time: an older one was given up, or its process is gone.
_GIVEN_UP: Final = timedelta(hours=1)

_BEGIN: Final = "INSERT INTO pushes (begun_at, tenant) VALUES (?, ?) RETURNING id"
_GOES_ON: Final = """
SELECT 1 FROM pushes WHERE id = ?1 AND ?4 - 1 = coalesce(
  (SELECT version FROM collections WHERE tenant = ?2 AND name = ?3), 0
)
"""
_SHOWN: Final = """
SELECT pushes.id FROM pushes JOIN collections ON collection = collections.id
WHERE collections.tenant = ? AND name = ?
"""
_UNSETTLED: Final = "SELECT id FROM pushes WHERE collection IS NOT NULL OR begun_at < ?"
_FIRST: Final = "SELECT id, length(text) FROM pushed_items WHERE push = ? ORDER BY id LIMIT ?"
_MOVE: Final = """
INSERT INTO items (collection, id, version, removed_at, digest, text)
SELECT collection, pushed_items.id, version, removed_at, digest, text
FROM pushes JOIN pushed_items ON push = pushes.id
WHERE push = ?1 AND collection IS NOT NULL AND pushed_items.id <= ?2
ON CONFLICT (collection, id) DO UPDATE SET
  (version, removed_at, digest, text) =
  (excluded.version, excluded.removed_at, excluded.digest, excluded.text)
"""
_REMOVE: Final = "DELETE FROM pushed_items WHERE push = ?1 AND id <= ?2"
_END: Final = "DELETE FROM pushes WHERE id = ?"


async def commit_pushes(
    database: SqliteDatabase, changeset: Changeset, *, decided_at: int
) -> None:
    """
    Commit *changeset*, which changes collections of any size, or refuse it and show nothing of it.
    """
    changes = changeset.collections
    for change in changes:
        await _settle(
            database, await database.select(_SHOWN, COLLECTION_KEYS.row(change.head.key), _id_of)
        )
    pushes: list[int | None] = [None] * len(changes)
    try:
        for place, change in enumerate(changes):
            if _is_large(change):
                pushes[place] = push = await database.write(partial(_begin, change), long=True)
                await _write_items(database, change, push)
        prepared = PreparedChangeset(changeset, decided_at=decided_at, pushes=pushes)
        await database.write(prepared.write, long=True)
    except (*STATE_CHANGED, TenantErasedError, TenantRenamedError):
        await _settle(database, pushes)
        raise
    # What was committed stays so, even if the rest has to wait.
    with suppress(StoreUnavailableError):
        await _settle(database, pushes)


async def settle_pushes(database: SqliteDatabase, *, now: datetime) -> None:
    """
    End interrupted pushes: move shown items to the others, and remove abandoned ones.
    """
    given_up = microseconds(now - _GIVEN_UP)
    await _settle(database, await database.select(_UNSETTLED, (given_up,), _id_of))


async def _settle(database: SqliteDatabase, pushes: Iterable[int | None]) -> None:
    for push in pushes:
        if push is not None:
            while await database.write(partial(_settle_some, push), long=True):
                pass


async def _write_items(database: SqliteDatabase, change: CollectionChange, push: int) -> None:
    place = push, *COLLECTION_KEYS.row(change.head.key), change.head.version
    for rows in _slices(change):
        statements = [
            (_putting(len(some)), (push, *flattened(some)))
            for some in chunks(rows, WRITTEN_AT_ONCE)
        ]
        await database.write(partial(_write_slice, place, statements), long=True)


def _begin(change: CollectionChange, transaction: Transaction) -> int:
    tenant = change.head.key.tenant
    # What is written here before the commit is removed with the rest of the tenant.
    require_open(tenant, transaction.connection)
    which = microseconds(change.head.updated_at), tenant.value
    return _id_of(transaction.connection.execute(_BEGIN, which).fetchone())


def _is_large(change: CollectionChange) -> bool:
    slices = _slices(change)
    next(slices, None)
    return next(slices, None) is not None


def _slices(change: CollectionChange) -> Iterator[list[Row]]:
    rows: list[Row] = []
    characters = 0
    for row in item_rows(change):
        if len(rows) == SLICE_ITEMS or characters >= SLICE_CHARACTERS:
            yield rows
            rows, characters = [], 0
        rows.append(row)
        characters += len(row[-1])
    if rows:
        yield rows


@lru_cache(maxsize=WRITTEN_AT_ONCE)
def _putting(count: int) -> str:
    columns = "push, id, removed_at, digest, text"
    return f"INSERT INTO pushed_items ({columns}) VALUES {item_places(1, count)}"


def _write_slice(place: Row, statements: list[tuple[str, Row]], transaction: Transaction) -> None:
    connection = transaction.connection
    if connection.execute(_GOES_ON, place).fetchone() is None:
        # Another push was faster: the rest would be in vain.
        raise RevisionConflictError
    for statement, values in statements:
        connection.execute(statement, values)


def _settle_some(push: int, transaction: Transaction) -> bool:
    """
    Put some items of *push* where they belong, if it was shown, and say whether there may be more.
    """
    connection = transaction.connection
    last, characters = None, 0
    for id_, length in connection.execute(_FIRST, (push, SLICE_ITEMS)):
        last = id_
        characters += length
        if characters >= SLICE_CHARACTERS:
            break
    if last is None:
        connection.execute(_END, (push,))
        return False
    connection.execute(_MOVE, (push, last))
    connection.execute(_REMOVE, (push, last))
    return True


def _id_of(row: Row) -> int:
    id_: int = row[0]
    return id_
