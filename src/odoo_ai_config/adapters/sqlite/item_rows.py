"""
Statements about many items at a time.

Each step of a statement gives up the interpreter's lock, and a busy event loop hands it back
only milliseconds later. So a few hundred rows are written, or read as one, by each step.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Final, TypeVar

from odoo_ai_config.adapters.sqlite.row_layout import Row, microseconds
from odoo_ai_config.adapters.sqlite.rows import COLLECTION_KEYS
from odoo_ai_config.domain.collections import (
    CollectionChange,
    CollectionHead,
    CollectionKey,
    Item,
    ItemState,
    Position,
)

T = TypeVar("T")

WRITTEN_AT_ONCE: Final = 250
_NAMED_AT_ONCE: Final = 500
_DIGESTS_AT_ONCE: Final = 2000
# Their texts may be long.
_TEXTS_AT_ONCE: Final = 50

_ID: Final = "(SELECT id FROM collections WHERE tenant = ?1 AND name = ?2)"
_ALL_DIGESTS: Final = f"""
SELECT json_group_array(json_array(version, id, digest)) FROM (
  SELECT version, id, digest FROM present_items
  WHERE collection = {_ID} AND (version, id) > (?3, ?4) AND removed_at IS NULL
  ORDER BY version, id LIMIT {_DIGESTS_AT_ONCE}
)
"""
_FOLLOWING: Final = f"""
SELECT json_group_array(json_array(id, version, digest, text)) FROM (
  SELECT id, version, digest, text FROM present_items
  WHERE collection = {_ID} AND (version, id) > (?3, ?4)
    AND (removed_at IS NULL OR version > ?5)
  ORDER BY version, id LIMIT {_TEXTS_AT_ONCE}
)
"""


def prepared_items(change: CollectionChange) -> list[tuple[str, Row]]:
    """
    What writes the items of *change*: statements, and their values after the collection's id.
    """
    return [
        (_putting(len(rows)), (change.head.version, *flattened(rows)))
        for rows in chunks(item_rows(change), WRITTEN_AT_ONCE)
    ]


def item_rows(change: CollectionChange) -> Iterator[Row]:
    """
    Each item's id, when it was removed, digest and text; a removed one leaves a tombstone.
    """
    at = microseconds(change.head.updated_at)
    for item in change.items:
        yield item.id, None, item.digest, item.text
    for id_ in change.removed:
        yield id_, at, "", ""


def item_places(before: int, count: int) -> str:
    """
    The parameters of *count* rows of items, each behind the first *before* parameters.
    """
    shared = "".join(f"?{number}, " for number in range(1, before + 1))
    return ", ".join(
        f"({shared}?{first}, ?{first + 1}, ?{first + 2}, ?{first + 3})"
        for first in range(before + 1, before + 1 + 4 * count, 4)
    )


def flattened(rows: Iterable[Row]) -> Iterator[object]:
    return (value for row in rows for value in row)


def all_digests(connection: sqlite3.Connection, key: CollectionKey) -> dict[str, str]:
    """
    The digest of each item that is there.
    """
    digests: dict[str, str] = {}
    last: Row = (0, "")
    while rows := _read(connection, _ALL_DIGESTS, (*COLLECTION_KEYS.row(key), *last)):
        digests.update((id_, digest) for _, id_, digest in rows)
        last = rows[-1][0], rows[-1][1]
    return digests


def digests_of(
    connection: sqlite3.Connection, key: CollectionKey, ids: Sequence[str]
) -> dict[str, str]:
    """
    The digest of each of *ids* that is there.
    """
    return {
        id_: digest
        for some in chunks(ids, _NAMED_AT_ONCE)
        for id_, digest in _read(
            connection, _naming("id, digest", len(some)), (*COLLECTION_KEYS.row(key), *some)
        )
    }


def states_of(
    connection: sqlite3.Connection, key: CollectionKey, ids: Sequence[str]
) -> Iterator[ItemState]:
    """
    Those of *ids* that are there.
    """
    for some in chunks(ids, _TEXTS_AT_ONCE):
        statement = _naming("id, version, digest, text", len(some))
        yield from map(_state_of, _read(connection, statement, (*COLLECTION_KEYS.row(key), *some)))


def states_following(
    connection: sqlite3.Connection, head: CollectionHead, position: Position
) -> Iterator[ItemState]:
    """
    What comes after *position*, read as it is taken.
    """
    last: tuple[int, str] = position.start
    while rows := _read(
        connection, _FOLLOWING, (*COLLECTION_KEYS.row(head.key), *last, position.since)
    ):
        yield from map(_state_of, rows)
        last = rows[-1][1], rows[-1][0]


@lru_cache(maxsize=WRITTEN_AT_ONCE)
def _putting(count: int) -> str:
    return (
        "INSERT INTO items (collection, version, id, removed_at, digest, text) "
        f"VALUES {item_places(2, count)} ON CONFLICT (collection, id) DO UPDATE SET "
        "(version, removed_at, digest, text) = "
        "(excluded.version, excluded.removed_at, excluded.digest, excluded.text)"
    )


@lru_cache(maxsize=_NAMED_AT_ONCE)
def _naming(columns: str, count: int) -> str:
    places = ", ".join(f"?{number}" for number in range(3, 3 + count))
    # Without its limit, SQLite would walk through all items.
    return (
        f"SELECT json_group_array(json_array({columns})) FROM (SELECT {columns} "
        f"FROM present_items WHERE collection = {_ID} AND removed_at IS NULL "
        f"AND id IN ({places}) LIMIT {count})"
    )


def _state_of(row: Row) -> ItemState:
    id_, version, digest, text = row
    return ItemState(id_, version, Item(id_, text, digest) if digest else None)


def _read(connection: sqlite3.Connection, statement: str, which: Row) -> list[Row]:
    (text,) = connection.execute(statement, which).fetchone()
    rows: list[Row] = [tuple(row) for row in json.loads(text)]
    return rows


def chunks(many: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """
    *many* in tuples of at most *size*.
    """
    rest = iter(many)
    while some := tuple(islice(rest, size)):
        yield some
