"""
Collections: what Odoo knows many of (products, rules, documents), kept for AI services to index.

A collection is at a version, which counts the pushes that changed anything. Each item carries
the version that it came with, and so does the trace that a removed one leaves, so that a
reader who was there at one version is told what is different now and nothing else.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final
from zlib import crc32

from attrs import Attribute, evolve, field, frozen

from odoo_ai_config.domain.errors import CursorExpiredError, InvalidValueError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.json_types import Json, JsonObject, ReadOnlyJsonObject, is_storable
from odoo_ai_config.domain.outcomes import ItemCounts

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_]{0,63}", re.ASCII)
# Odoo's modules speak of the products, its list of collections of their descriptions.
_SAME: Final = {"products": "products_informations"}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_ID: Final = 256
_LARGEST_ITEM: Final = 2**20
_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=True
)
_CURSOR: Final = re.compile(
    r"([0-9a-f]{8})\.([0-9]{1,15})\.([0-9]{1,15})(?:\.([A-Za-z0-9_-]{1,1400}))?", re.ASCII
)
# Of one push. Whoever has more puts them in a part at a time.
MOST_ITEMS: Final = 100_000
# What a page may hold, however many items were asked for.
PAGE_CHARACTERS: Final = 8 * 2**20


@frozen(order=True)
class CollectionName:
    """
    What a collection is called, as the tenant's ``enabled_collections`` call it.
    """

    value: str = field()

    @value.validator
    def _check_value(self, _attribute: Attribute[str], value: str) -> None:
        if _NAME.fullmatch(value) is None:
            raise InvalidValueError("collection", "collection")

    @classmethod
    def from_text(cls, text: str) -> CollectionName:
        """
        The name that *text* means: ``business-rules`` is ``business_rules``.

        Raises:
            InvalidValueError: It means none.
        """
        name = text.strip().lower().replace("-", "_")
        return cls(_SAME.get(name, name))

    def __str__(self) -> str:
        return self.value


BUSINESS_RULES: Final = CollectionName("business_rules")
PRODUCTS: Final = CollectionName("products_informations")
SCHEDULING_RULES: Final = CollectionName("scheduling_rules")
SUPPORT_DOCUMENTS: Final = CollectionName("support_documents")


@frozen(order=True, cache_hash=True)
class CollectionKey:
    """
    Where a collection lives: its tenant, whose business areas share it, and its name.
    """

    tenant: TenantId
    name: CollectionName

    def __str__(self) -> str:
        return f"{self.tenant}/{self.name}"


def item_id(text: str) -> str:
    """
    *text* as the id that the source has for an item.

    Raises:
        InvalidValueError: It is empty, too long, or holds what no id needs.
    """
    trimmed = text.strip()
    if (
        not 1 <= len(trimmed) <= _LONGEST_ID
        or _CONTROL.search(trimmed)
        or not is_storable(trimmed)
    ):
        raise InvalidValueError("id", "item_id")
    return trimmed


@frozen
class Item:
    """
    One thing of a collection, as its source sent it last.

    Args:
        text: The data as JSON with sorted keys, so that the same data is the same text.
        digest: SHA-256 of *text* in UTF-8.
    """

    id: str
    text: str = field(repr=False)
    digest: str

    @classmethod
    def of(cls, id_: str, body: ReadOnlyJsonObject) -> Item:
        """
        The item that the source calls *id_*.

        Raises:
            InvalidValueError: The id is none, or the data is too large or no JSON.
        """
        id_ = item_id(id_)
        try:
            text = _ENCODER.encode(body)
            digest = sha256(text.encode()).hexdigest()
        except ValueError:
            # Not chained: the cause quotes the value.
            raise InvalidValueError("item", "json") from None
        if len(text) > _LARGEST_ITEM:
            raise InvalidValueError("item", "item_size")
        return cls(id_, text, digest)

    @property
    def body(self) -> JsonObject:
        """
        The data, as a copy that the caller may change.
        """
        body: JsonObject = json.loads(self.text)
        return body

    def added_to(self, earlier: Item | None) -> Item:
        """
        The fields of this one over those of an *earlier* state of it.
        """
        return self if earlier is None else Item.of(self.id, {**earlier.body, **self.body})


@frozen
class ItemState:
    """
    What became of an item, and with which version: there it is, or it is gone.
    """

    id: str
    version: int
    item: Item | None


@frozen
class CollectionHead:
    """
    Where a collection is at.

    Args:
        version: How many pushes have changed it.
        size: How many items it has.
        floor: Of what was removed up to this version, traces may be missing.
    """

    key: CollectionKey
    version: int
    size: int
    created_at: datetime
    updated_at: datetime
    floor: int = 0

    @property
    def mark(self) -> str:
        """
        What tells this collection from one of the same name that was there before it.
        """
        return f"{crc32(f'{self.key}/{self.created_at.timestamp()}'.encode()):08x}"

    @property
    def digest(self) -> str:
        """
        What tells this state of the collection from any other that had the same version.

        Made of when it came about and not of its items, of which there may be very many.
        """
        moments = f"{self.created_at.timestamp()}/{self.updated_at.timestamp()}"
        return sha256(f"{self.key}/{self.version}/{self.size}/{moments}".encode()).hexdigest()


@frozen
class CollectionChange:
    """
    What a push does to a collection: the items that are new or different, and those that go.

    Args:
        head: Where the collection is at afterwards; a store keeps the floor that it has.
    """

    head: CollectionHead
    items: tuple[Item, ...] = field(default=(), repr=False)
    removed: tuple[str, ...] = field(default=(), repr=False)


@frozen
class CollectionSync:
    """
    What a source says of a collection.

    Args:
        removed: Ids of items that it no longer has.
        whole: The items are all there are: whatever else is stored goes.
        merging: Fields that an item does not name stay as they are stored.
    """

    items: tuple[Item, ...] = field(default=(), repr=False)
    removed: tuple[str, ...] = field(default=(), repr=False)
    whole: bool = False
    merging: bool = False

    def __attrs_post_init__(self) -> None:
        if len(self.items) + len(self.removed) > MOST_ITEMS:
            raise InvalidValueError("items", "item_count")
        named = {item.id for item in self.items}
        if len(named) != len(self.items) or not named.isdisjoint(self.removed):
            raise InvalidValueError("items", "unique_ids")

    def merged_into(self, stored: Mapping[str, Item]) -> CollectionSync:
        """
        The same with every item completed by what is *stored* of it.
        """
        items = tuple(item.added_to(stored.get(item.id)) for item in self.items)
        return evolve(self, items=items, merging=False)


def change_after(
    head: CollectionHead | None,
    digests: Mapping[str, str],
    sync: CollectionSync,
    *,
    key: CollectionKey,
    at: datetime,
) -> tuple[CollectionChange | None, ItemCounts]:
    """
    What *sync* changes in a collection at *head* whose items have these *digests*, if anything.

    Of an incomplete sync only the digests of the items that it names count. A complete one
    makes a collection even of nothing, so that readers know that there is none of the thing.
    """
    put = tuple(item for item in sync.items if digests.get(item.id) != item.digest)
    added = sum(item.id not in digests for item in put)
    if sync.whole:
        kept = {item.id for item in sync.items}
        gone = tuple(id_ for id_ in digests if id_ not in kept)
        received = len(sync.items)
        unchanged = received - len(put)
    else:
        named = dict.fromkeys(sync.removed)
        gone = tuple(id_ for id_ in named if id_ in digests)
        received = len(sync.items) + len(named)
        unchanged = received - len(put) - len(gone)
    counts = ItemCounts(received, added, len(put) - added, len(gone), unchanged)
    if not put and not gone and not (sync.whole and head is None):
        return None, counts
    after = CollectionHead(
        key,
        version=1 if head is None else head.version + 1,
        size=(0 if head is None else head.size) + added - len(gone),
        created_at=at if head is None else head.created_at,
        updated_at=at,
    )
    return CollectionChange(after, put, gone), counts


@frozen
class Position:
    """
    How far a reader has come.

    Args:
        since: The version that the reader had when it set out: of what was removed up to
            then it need not be told.
        version: Everything up to this version is read, except...
        after: ...that of this very version only the items up to this id are; None if all are.
    """

    since: int
    version: int
    after: str | None = None

    @property
    def start(self) -> tuple[int, str]:
        """
        The version and id that everything still to be read comes after.
        """
        # No id is empty: this is before everything of the version that follows.
        return (self.version + 1, "") if self.after is None else (self.version, self.after)

    def cursor(self, head: CollectionHead) -> str:
        """
        The text by which the reader goes on from here.
        """
        text = f"{head.mark}.{self.since}.{self.version}"
        if self.after is None:
            return text
        return f"{text}.{urlsafe_b64encode(self.after.encode()).decode().rstrip('=')}"


def position_at(cursor: str | None, head: CollectionHead) -> Position:
    """
    Where a reader with *cursor* stands in the collection at *head*; at its beginning without one.

    Raises:
        InvalidValueError: *cursor* is none of ours.
        CursorExpiredError: What it stands for is no longer known: read from the beginning.
    """
    if cursor is None:
        return Position(since=head.version, version=0)
    parts = _CURSOR.fullmatch(cursor)
    if parts is None:
        raise InvalidValueError("since", "cursor")
    mark, since, version, after = parts.groups()
    position = Position(int(since), int(version), None if after is None else _decoded(after))
    # Ahead of the collection are those who read it before it was restored from a backup.
    ahead = max(position.since, position.version) > head.version
    if mark != head.mark or ahead or position.since < head.floor:
        raise CursorExpiredError
    return position


def _decoded(after: str) -> str:
    try:
        return urlsafe_b64decode(after + "=" * (-len(after) % 4)).decode()
    except (Base64Error, UnicodeDecodeError):
        raise InvalidValueError("since", "cursor") from None


@frozen
class CollectionPage:
    """
    Some of what a reader is to be told, all of one moment.

    Args:
        states: In order of their versions, and of their ids within one.
        complete: Whether these are all up to *head*.
    """

    head: CollectionHead
    states: tuple[ItemState, ...]
    complete: bool

    @classmethod
    def of(
        cls, head: CollectionHead, following: Iterable[ItemState], *, limit: int
    ) -> CollectionPage:
        """
        As much of the states *following* a position as belongs on one page.

        One more than that is taken from *following*, to see whether there is one.
        """
        states: list[ItemState] = []
        characters = 0
        for state in following:
            if len(states) == limit or characters >= PAGE_CHARACTERS:
                return cls(head, tuple(states), complete=False)
            states.append(state)
            characters += 0 if state.item is None else len(state.item.text)
        return cls(head, tuple(states), complete=True)

    def position_after(self, before: Position) -> Position:
        """
        How far a reader who was at *before* has come with this page.
        """
        if self.complete:
            return Position(self.head.version, self.head.version)
        last = self.states[-1]
        return Position(before.since, last.version, last.id)


def enabled_collections(*bodies: ReadOnlyJsonObject) -> frozenset[CollectionName]:
    """
    The collections that a business area enables: the first of its *bodies* with a list decides.
    """
    lists = (body.get("enabled_collections") for body in bodies)
    texts: list[Json] = next((found for found in lists if isinstance(found, list)), [])
    return frozenset(name for text in texts if (name := _named(text)) is not None)


def _named(value: Json) -> CollectionName | None:
    try:
        return CollectionName.from_text(value) if isinstance(value, str) else None
    except InvalidValueError:
        # People write this list by hand; a name that is none enables nothing.
        return None
