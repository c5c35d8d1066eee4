"""
What this process knows of the newest rows, and how it knows that it is still true.

Every commit that changes any of these rows takes a higher number from the table ``sequence``.
The rows here are those of the commit `known`. The writer announces what it is about to change,
so that nobody is given the old rows while the commit is on its way, and puts the new ones in
place afterwards; `noticed` is told the number that the database is at, and forgets everything
if somebody else's commit has moved it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Final, TypeVar

from attrs import define, field, frozen

from odoo_ai_config.adapters.sqlite.rows import (
    API_KEY_COLUMNS,
    COLLECTION_COLUMNS,
    DELIVERY_COLUMNS,
    MAPPING_COLUMNS,
    REVISION_COLUMNS,
    TENANT_KEY_COLUMNS,
    Row,
    api_key_of,
    collection_of,
    document_key_row,
    mapping_revision_of,
    revision_of,
    tenant_key_of,
)
from odoo_ai_config.adapters.sqlite.shelf import Shelf
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.changes import DeliveryId
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping, MappingRevision
from odoo_ai_config.domain.collections import CollectionHead, CollectionKey
from odoo_ai_config.domain.credentials.secrets import TenantKey
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import DocumentKey, TenantId

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_UNKNOWN: Final = -1
_ROW_OVERHEAD: Final = 1024
_DOCUMENT_BYTES: Final = 48 * 2**20
_OTHER_ROWS: Final = 20_000

_CURRENT_REVISION: Final = (
    f"SELECT {REVISION_COLUMNS} FROM revisions WHERE (document, version) = "
    "(SELECT id, version FROM documents WHERE tenant = ? AND domain = ? AND kind = ?)"
)
_MAPPING: Final = f"SELECT {MAPPING_COLUMNS} FROM mappings WHERE key = ?"
_API_KEY: Final = f"SELECT {API_KEY_COLUMNS} FROM api_keys WHERE id = ?"
_ACTIVE_KEY: Final = (
    f"SELECT {TENANT_KEY_COLUMNS} FROM tenant_keys WHERE tenant = ? ORDER BY id DESC LIMIT 1"
)
_DELIVERY: Final = f"SELECT {DELIVERY_COLUMNS} FROM deliveries WHERE caller = ? AND key = ?"
_COLLECTION: Final = f"SELECT {COLLECTION_COLUMNS} FROM collections WHERE tenant = ? AND name = ?"
# Beyond this the table of routes reads what it missed from the database.
_LONGEST_TAIL: Final = 10_000


@frozen(eq=False)
class Effect:
    """
    What a commit does to one row on a shelf; *forget* it where the new row is not at hand.
    """

    shelf: Shelf[Any, Any]
    key: Hashable
    value: object = None
    forget: bool = False


@define(eq=False)
class MappingTail:
    """
    The mappings that this process committed after commit *base*, up to commit *end*.
    """

    base: int
    end: int
    mappings: dict[ChannelKey, ChannelMapping] = field(factory=dict)


class CurrentRows:
    """
    The shelves of all kinds, and the commit that they stand at.

    Used by the event loop, the writer and the readers alike; every method is short.
    """

    def __init__(self) -> None:
        self.revisions = Shelf(_select_revision, _DOCUMENT_BYTES, _weight_of_revision)
        self.mappings = Shelf(_select_mapping, _OTHER_ROWS)
        self.api_keys = Shelf(_select_api_key, _OTHER_ROWS)
        self.active_keys = Shelf(_select_active_key, _OTHER_ROWS)
        self.deliveries = Shelf(_select_delivery, _OTHER_ROWS)
        self.collections = Shelf(select_collection, _OTHER_ROWS)
        self._shelves: tuple[Shelf[Any, Any], ...] = (
            self.revisions,
            self.mappings,
            self.api_keys,
            self.active_keys,
            self.deliveries,
            self.collections,
        )
        self._lock = threading.Lock()
        self._epoch = 0
        self._known = _UNKNOWN
        self._announced = _UNKNOWN
        self._tail: MappingTail | None = None

    @property
    def epoch(self) -> int:
        """
        Grows whenever nothing that was known, and no reading under way, may be relied on.
        """
        return self._epoch

    @property
    def known(self) -> int:
        """
        The commit that the rows stand at; negative while that is unknown.
        """
        return self._known

    def noticed(self, seq: int) -> None:
        """
        Be told that the database is at commit *seq*.
        """
        with self._lock:
            if seq > max(self._known, self._announced):
                self._clear(seq)

    def announce(self, seq: int, effects: Sequence[Effect]) -> None:
        """
        Be told what commit *seq*, which is about to be tried, changes.
        """
        with self._lock:
            self._announced = seq
            for effect in effects:
                effect.shelf.doubt(effect.key, seq)

    def committed(
        self, seq: int, effects: Sequence[Effect], mappings: Iterable[ChannelMapping]
    ) -> None:
        """
        Be told that commit *seq* succeeded.
        """
        with self._lock:
            for effect in effects:
                if effect.forget:
                    effect.shelf.drop(effect.key, seq)
                else:
                    effect.shelf.replace(effect.key, effect.value, seq)
            self._extend_tail(seq, mappings)
            self._known = seq

    def failed(self) -> None:
        """
        Be told that a commit failed; once announced, it may have succeeded nevertheless.
        """
        with self._lock:
            if self._announced > self._known:
                self._epoch += 1
                self._clear(_UNKNOWN)

    def find(self, shelf: Shelf[K, V], keys: Sequence[K]) -> dict[K, V] | None:
        """
        The rows of *keys*, or None if they have to be read.
        """
        with self._lock:
            return shelf.find(keys)

    def keep(
        self, shelf: Shelf[K, V], rows: Iterable[tuple[K, V | None]], *, epoch: int, seq: int
    ) -> None:
        """
        Take in rows that were read at commit *seq*, by a reading that began in *epoch*.
        """
        with self._lock:
            if epoch == self._epoch:
                for key, value in rows:
                    shelf.keep(key, value, seq)

    def take_tail(self, since: int) -> tuple[int, Sequence[ChannelMapping]]:
        """
        What this process committed to the mappings after commit *since*, and up to which.

        Nothing, up to *since* itself, if other processes or too many commits lie between.
        """
        with self._lock:
            tail = self._tail
            if tail is None:
                first = max(self._known, 0)
                self._tail = tail = MappingTail(first, first)
            if not tail.base <= since <= tail.end:
                return since, ()
            self._tail = MappingTail(tail.end, tail.end)
            return tail.end, tuple(tail.mappings.values())

    def _extend_tail(self, seq: int, mappings: Iterable[ChannelMapping]) -> None:
        tail = self._tail
        if tail is None:
            return
        if tail.end != self._known or len(tail.mappings) > _LONGEST_TAIL:
            self._tail = tail = MappingTail(self._known, seq)
        tail.end = seq
        tail.mappings.update((mapping.key, mapping) for mapping in mappings)

    def _clear(self, seq: int) -> None:
        self._known = seq
        self._announced = _UNKNOWN
        for shelf in self._shelves:
            shelf.clear(seq)


def _weight_of_revision(revision: Revision | None) -> int:
    if revision is None:
        return _ROW_OVERHEAD
    document = revision.document
    authored = 0 if document.authored is None else len(document.authored.text)
    return _ROW_OVERHEAD + len(document.text) + authored


def _select_revision(connection: sqlite3.Connection, key: DocumentKey) -> Revision | None:
    row = connection.execute(_CURRENT_REVISION, document_key_row(key)).fetchone()
    return None if row is None else revision_of(key, row)


def _select_mapping(connection: sqlite3.Connection, key: ChannelKey) -> MappingRevision | None:
    row = connection.execute(_MAPPING, (str(key),)).fetchone()
    return None if row is None else mapping_revision_of(row)


def _select_api_key(connection: sqlite3.Connection, key_id: str) -> ApiKey | None:
    row = connection.execute(_API_KEY, (key_id,)).fetchone()
    return None if row is None else api_key_of(row)


def _select_active_key(connection: sqlite3.Connection, tenant: TenantId) -> TenantKey | None:
    row = connection.execute(_ACTIVE_KEY, (tenant.value,)).fetchone()
    return None if row is None else tenant_key_of(row)


def _select_delivery(connection: sqlite3.Connection, id_: DeliveryId) -> Row | None:
    row: Row | None = connection.execute(_DELIVERY, (id_.caller, id_.key)).fetchone()
    return row


def select_collection(connection: sqlite3.Connection, key: CollectionKey) -> CollectionHead | None:
    """
    Where the collection is at.
    """
    row = connection.execute(_COLLECTION, (key.tenant.value, key.name.value)).fetchone()
    return None if row is None else collection_of(row)
