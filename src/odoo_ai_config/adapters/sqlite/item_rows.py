"""
Statements about many items at a time.

Each step of a statement gives up the interpreter's lock, and a busy event loop hands it back
only milliseconds later. So a few hundred rows are written, or read as one, by each step.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Final, TypeVar

from odoo_ai_config.adapters.sqlite.row_layout import Row, microseconds
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
    head = change.head
    statements: list[tuple[str, Row]] = []
    for items in chunks(change.items, WRITTEN_AT_ONCE):
        values = [value for item in items for value in (item.id, item.digest, item.text)]
        statements.append((_putting(len(items)), (head.version, *values)))
    at = microseconds(head.updated_at)
    statements += [
        (_removing(len(ids)), (head.version, at, *ids))
        for ids in chunks(change.removed, _NAMED_AT_ONCE)
    ]
    return statements


def all_digests(connection: sqlite3.Connection, key: CollectionKey) -> dict[str, str]:
    """
    The digest of each item that is there.
    """
    digests: dict[str, str] = {}
    last: Row = (0, "")
    while rows := _read(connection, _ALL_DIGESTS, (*_key_row(key), *last)):
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
            connection, _naming("id, digest", len(some)), (*_key_row(key), *some)
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
        yield from map(_state_of, _read(connection, statement, (*_key_row(key), *some)))


def states_following(
    connection: sqlite3.Connection, head: CollectionHead, position: Position
) -> Iterator[ItemState]:
    """
    What comes after *position*, read as it is taken.
    """
    last: tuple[int, str] = position.start
    while rows := _read(connection, _FOLLOWING, (*_key_row(head.key), *last, position.since)):
        yield from map(_state_of, rows)
        last = rows[-1][1], rows[-1][0]


@lru_cache(maxsize=WRITTEN_AT_ONCE)
def _putting(count: int) -> str:
    places = ", ".join(
        f"(?1, ?{first}, ?2, NULL, ?{first + 1}, ?{first + 2})"
        for first in range(3, 3 + 3 * count, 3)
    )
    return (
        "INSERT INTO items (collection, id, version, removed_at, digest, text) "
        f"VALUES {places} ON CONFLICT (collection, id) DO UPDATE SET "
        "version = excluded.version, removed_at = NULL, "
        "digest = excluded.digest, text = excluded.text"
    )


@lru_cache(maxsize=_NAMED_AT_ONCE)
def _removing(count: int) -> str:
    return (
        "UPDATE items SET version = ?2, removed_at = ?3, digest = '', text = '' "
        f"WHERE collection = ?1 AND id IN ({_places(4, count)})"
    )


@lru_cache(maxsize=_NAMED_AT_ONCE)
def _naming(columns: str, count: int) -> str:
    # Without its limit, SQLite would walk through all items.
    return (
        f"SELECT json_group_array(json_array({columns})) FROM (SELECT {columns} "
        f"FROM present_items WHERE collection = {_ID} AND removed_at IS NULL "
        f"AND id IN ({_places(3, count)}) LIMIT {count})"
    )


def _places(first: int, count: int) -> str:
    return ", ".join(f"?{number}" for number in range(first, first + count))


def _state_of(row: Row) -> ItemState:
    id_, version, digest, text = row
    return ItemState(id_, version, Item(id_, text, digest) if digest else None)


def _read(connection: sqlite3.Connection, statement: str, which: Row) -> list[Row]:
    (text,) = connection.execute(statement, which).fetchone()
    rows: list[Row] = [tuple(row) for row in json.loads(text)]
    return rows


def _key_row(key: CollectionKey) -> tuple[str, str]:
    return key.tenant.value, key.name.value


def chunks(many: Sequence[T], size: int) -> Iterator[tuple[T, ...]]:
    """
    All of *many*, so many at a time.
    """
    rest = iter(many)
    while some := tuple(islice(rest, size)):
        yield some
