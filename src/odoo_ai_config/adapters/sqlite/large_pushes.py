"""
Pushes of collections, of which the large ones are written a little at a time.

The one thread that writes has no time for a hundred thousand items: everybody else would wait
meanwhile. So they are written in slices, each a transaction, to a place of their own where
nobody looks for them. What shows them all at once is a short commit, that of their collection's
head. In slices again they go from there to the other items, while readers are told of them
already. Whatever is interrupted in between is taken up by the next push, or by pruning.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Final

from odoo_ai_config.adapters.sqlite.commit import PreparedChangeset
from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.item_rows import WRITTEN_AT_ONCE, chunks
from odoo_ai_config.adapters.sqlite.row_layout import Row, microseconds
from odoo_ai_config.adapters.sqlite.writer import Transaction
from odoo_ai_config.application.errors import (
    DeliveryRecordedError,
    StoreUnavailableError,
    TenantKeyChangedError,
)
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.collections import CollectionChange, CollectionKey
from odoo_ai_config.domain.errors import RevisionConflictError

# What one transaction writes at most: some 20 ms, and one item more than so many characters.
SLICE_ITEMS: Final = 1000
SLICE_CHARACTERS: Final = 2**20
# Nobody pushes for so long: it was given up, or whoever did it is gone.
_GIVEN_UP: Final = timedelta(hours=1)

_BEGIN: Final = "INSERT INTO pushes (begun_at) VALUES (?) RETURNING id"
_GOES_ON: Final = """
SELECT 1 FROM pushes WHERE id = ?1 AND ?4 - 1 = coalesce(
  (SELECT version FROM collections WHERE tenant = ?2 AND name = ?3), 0
)
"""
_SHOWN: Final = """
SELECT pushes.id FROM pushes JOIN collections ON collection = collections.id
WHERE tenant = ? AND name = ?
"""
_ALL_SHOWN: Final = "SELECT id FROM pushes WHERE collection IS NOT NULL"
_ALL_GIVEN_UP: Final = "SELECT id FROM pushes WHERE collection IS NULL AND begun_at < ?"
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
    Commit *changeset*, which changes collections, however large they are.

    Raises:
        What `PreparedChangeset.write` raises, with nothing of it to be seen.
        StoreUnavailableError: The store is away.
    """
    changes = changeset.collections
    for change in changes:
        await _settle_shown(database, change.head.key)
    pushes: list[int | None] = [None] * len(changes)
    try:
        for place, change in enumerate(changes):
            if _is_large(change):
                pushes[place] = push = await _begun(database, change)
                await _write_items(database, change, push)
        prepared = PreparedChangeset(changeset, decided_at=decided_at, pushes=pushes)
        await database.write(prepared.write, long=True)
    except (RevisionConflictError, TenantKeyChangedError, DeliveryRecordedError):
        await _settle_all(database, pushes)
        raise
    # What was committed stays so, even if the rest has to wait.
    with suppress(StoreUnavailableError):
        await _settle_all(database, pushes)


async def settle_pushes(database: SqliteDatabase, *, now: datetime) -> None:
    """
    End what was interrupted: forget pushes that were given up, put shown items among the others.
    """
    given_up = await database.read(partial(_ids, _ALL_GIVEN_UP, (microseconds(now - _GIVEN_UP),)))
    shown = await database.read(partial(_ids, _ALL_SHOWN, ()))
    await _settle_all(database, given_up + shown)


async def _settle_shown(database: SqliteDatabase, key: CollectionKey) -> None:
    which = key.tenant.value, key.name.value
    await _settle_all(database, await database.read(partial(_ids, _SHOWN, which)))


async def _settle_all(database: SqliteDatabase, pushes: list[int | None]) -> None:
    for push in pushes:
        if push is not None:
            while await database.write(partial(_settle_some, push), long=True):
                pass


async def _begun(database: SqliteDatabase, change: CollectionChange) -> int:
    at = microseconds(change.head.updated_at)

    def begin(transaction: Transaction) -> int:
        push: int = transaction.connection.execute(_BEGIN, (at,)).fetchone()[0]
        return push

    return await database.write(begin, long=True)


async def _write_items(database: SqliteDatabase, change: CollectionChange, push: int) -> None:
    key = change.head.key
    place = push, key.tenant.value, key.name.value, change.head.version
    for rows in _slices(change):
        statements = [
            (_putting(len(some)), (push, *(value for row in some for value in row)))
            for some in chunks(rows, WRITTEN_AT_ONCE)
        ]
        await database.write(partial(_write_slice, place, statements), long=True)


def _is_large(change: CollectionChange) -> bool:
    slices = _slices(change)
    next(slices, None)
    return next(slices, None) is not None


def _slices(change: CollectionChange) -> Iterator[list[Row]]:
    at = microseconds(change.head.updated_at)
    rows: list[Row] = []
    characters = 0
    for row in _rows(change, at):
        if len(rows) == SLICE_ITEMS or characters >= SLICE_CHARACTERS:
            yield rows
            rows, characters = [], 0
        rows.append(row)
        characters += len(row[-1])
    if rows:
        yield rows


def _rows(change: CollectionChange, at: int) -> Iterator[Row]:
    for item in change.items:
        yield item.id, None, item.digest, item.text
    for id_ in change.removed:
        yield id_, at, "", ""


@lru_cache(maxsize=WRITTEN_AT_ONCE)
def _putting(count: int) -> str:
    places = ", ".join(
        f"(?1, ?{first}, ?{first + 1}, ?{first + 2}, ?{first + 3})"
        for first in range(2, 2 + 4 * count, 4)
    )
    return f"INSERT INTO pushed_items (push, id, removed_at, digest, text) VALUES {places}"


def _write_slice(place: Row, statements: list[tuple[str, Row]], transaction: Transaction) -> None:
    connection = transaction.connection
    if connection.execute(_GOES_ON, place).fetchone() is None:
        # Another push was faster: the rest would be for nothing.
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


def _ids(statement: str, which: Row, connection: sqlite3.Connection) -> list[int | None]:
    return [id_ for (id_,) in connection.execute(statement, which)]
