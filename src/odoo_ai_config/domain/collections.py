"""
Collections: things that Odoo has many of (products, rules, documents), for AI services to index.

The version of a collection counts the pushes that changed something. Each item carries the
version of the push that wrote it, and the tombstone of a removed item carries the version of the
push that removed it. So a reader who knows one version learns only what changed since.
"""

from __future__ import annotations

import json
import re
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final
from zlib import crc32

from attrs import evolve, field, frozen

from odoo_ai_config.domain.errors import CursorExpiredError, InvalidValueError
from odoo_ai_config.domain.event_times import is_stale, later_than, latest
from odoo_ai_config.domain.identifiers import TenantId, matches
from odoo_ai_config.domain.json_types import (
    Json,
    JsonObject,
    ReadOnlyJsonObject,
    is_storable,
    with_whole_numbers,
)
from odoo_ai_config.domain.outcomes import ItemCounts

COLLECTION_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_]{0,63}", re.ASCII)
# Odoo's modules say "products" where its list of collections says "products_informations".
_SAME: Final = {"products": "products_informations"}
_FALSE: Final = frozenset({"false", "0"})
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_ID: Final = 256
_LARGEST_ITEM: Final = 2**20
_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=True
)
_CURSOR: Final = re.compile(
    r"([0-9a-f]{8})\.([0-9]{1,15})\.([0-9]{1,15})(?:\.([A-Za-z0-9_-]{1,1400}))?", re.ASCII
)
# In one push. A source with more items pushes them in parts.
MOST_ITEMS: Final = 100_000
# A page ends here even if the reader asked for more items.
PAGE_CHARACTERS: Final = 8 * 2**20


@frozen(order=True)
class CollectionName:
    """
    The name of a collection, as in the tenant's ``enabled_collections``.
    """

    value: str = field(validator=matches("collection", COLLECTION_NAME))

    @classmethod
    def from_text(cls, text: str) -> CollectionName:
        """
        Read a name in any of its spellings: ``business-rules`` is ``business_rules``.

        Raises:
            InvalidValueError: *text* is not a name.
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
    Where a collection is: its tenant, whose business areas share it, and its name.
    """

    tenant: TenantId
    name: CollectionName

    def __str__(self) -> str:
        return f"{self.tenant}/{self.name}"


def item_id(text: str) -> str:
    """
    Read the source's id of an item.

    Raises:
        InvalidValueError: It is empty or too long, or has a control character.
    """
    trimmed = text.strip()
    if (
        not 1 <= len(trimmed) <= _LONGEST_ID
        or _CONTROL.search(trimmed)
        or not is_storable(trimmed)
    ):
        raise InvalidValueError("id", "item_id")
    return trimmed


def is_withdrawn(body: ReadOnlyJsonObject) -> bool:
    """
    Whether the source says that nobody must see the thing any more.

    ``active`` (Odoo's archive) or ``visible_in_ai`` (its support documents) is false. Older
    modules write it as text or as a number too; an absent or empty value does not say so.
    """
    return any(_is_false(body.get(name)) for name in ("active", "visible_in_ai"))


def _is_false(value: Json) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() in _FALSE
    return value == 0


@frozen
class Item:
    """
    One thing in a collection, as the source last sent it.

    Args:
        text: The data as JSON with sorted keys.
        digest: SHA-256 of *text* in UTF-8, with ``10`` for ``10.0``: equal data has equal
            digests.
        withdrawn: The source says that the thing must leave the collection.
    """

    id: str
    text: str = field(repr=False)
    digest: str
    withdrawn: bool = field(default=False, eq=False)

    @classmethod
    def of(cls, id_: str, body: ReadOnlyJsonObject) -> Item:
        """
        Make an item of *body*.

        Raises:
            InvalidValueError: The id is invalid, or the data is too large or not JSON.
        """
        id_ = item_id(id_)
        try:
            text = _ENCODER.encode(body)
            digest = _digest(with_whole_numbers(text))
        except ValueError:
            # Not chained: the cause quotes the value.
            raise InvalidValueError("item", "json") from None
        if len(text) > _LARGEST_ITEM:
            raise InvalidValueError("item", "item_size")
        return cls(id_, text, digest, is_withdrawn(body))

    @property
    def body(self) -> JsonObject:
        """
        The data, as a copy that the caller may change.
        """
        body: JsonObject = json.loads(self.text)
        return body

    def has(self, digest: str | None) -> bool:
        """
        Whether *digest* is that of the item, now or from before equal numbers were one value.
        """
        return digest is not None and digest in (self.digest, _digest(self.text))

    def has_words(self, words: Collection[str]) -> bool:
        """
        Whether each of *words*, from `search_words`, is in a value of the item.
        """
        # The names in it are the same for every item of its collection.
        said = _folded("\n".join(_values_in(self.body)))
        return all(word in said for word in words)

    def added_to(self, earlier: Item | None) -> Item:
        """
        The item, completed by the fields of an *earlier* state.
        """
        return self if earlier is None else Item.of(self.id, {**earlier.body, **self.body})


def search_words(text: str) -> frozenset[str]:
    """
    The words that a reader looks for, without case and accents.
    """
    return frozenset(_folded(text).split())


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in decomposed if not unicodedata.combining(one))


def _values_in(value: Json) -> Iterator[str]:
    rest = [value]
    while rest:
        part = rest.pop()
        if isinstance(part, dict):
            rest += part.values()
        elif isinstance(part, list):
            rest += part
        elif part is not None:
            yield str(part)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@frozen
class ItemState:
    """
    An item and its version. *item* is None for the tombstone of a removed item.
    """

    id: str
    version: int
    item: Item | None


@frozen
class CollectionHead:
    """
    The state of a collection as a whole.

    Args:
        version: Counts the pushes that changed it.
        size: How many items it has.
        compaction_floor: Tombstones up to this version may be pruned.
        event_at: The time that the newest push claims, if it is known.
        whole_at: Likewise, of the newest complete push.
    """

    key: CollectionKey
    version: int
    size: int
    created_at: datetime
    updated_at: datetime
    compaction_floor: int = 0
    event_at: datetime | None = None
    whole_at: datetime | None = None

    @property
    def generation(self) -> str:
        """
        Distinguishes this collection from an earlier one of the same name.
        """
        return f"{crc32(f'{self.key}/{self.created_at.timestamp()}'.encode()):08x}"

    @property
    def digest(self) -> str:
        """
        Distinguishes this state from any other state that had the same version.

        It is made of the times of the writes and not of the items, which may be very many.
        """
        moments = f"{self.created_at.timestamp()}/{self.updated_at.timestamp()}"
        return sha256(f"{self.key}/{self.version}/{self.size}/{moments}".encode()).hexdigest()


@frozen
class CollectionChange:
    """
    What a push changes: the items that are new or different, and the ids of removed ones.

    Args:
        head: The state afterwards. A store keeps its own compaction floor.
    """

    head: CollectionHead
    items: tuple[Item, ...] = field(default=(), repr=False)
    removed: tuple[str, ...] = field(default=(), repr=False)


@frozen
class CollectionSync:
    """
    What a source pushes into a collection.

    Args:
        removed: Ids of items that the source no longer has.
        whole: The push is complete: stored items that it does not name go.
        merging: A stored item keeps the fields that the push does not name.
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

    def is_stale(self, event_at: datetime | None, head: CollectionHead) -> bool:
        """
        Whether the push is older than one that is in the collection and that it contradicts.

        A complete push says what every item is, so each push contradicts it and it contradicts
        each. Two other pushes may be about different items.
        """
        return is_stale(event_at, head.event_at if self.whole else head.whole_at)

    def without_withdrawn(self) -> CollectionSync:
        """
        The same push, which removes the items that the source has withdrawn.
        """
        gone = tuple(item.id for item in self.items if item.withdrawn)
        if not gone:
            return self
        kept = tuple(item for item in self.items if not item.withdrawn)
        return evolve(self, items=kept, removed=() if self.whole else (*self.removed, *gone))

    def merged_into(self, stored: Mapping[str, Item]) -> CollectionSync:
        """
        The same push with every item completed by its *stored* fields.
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
    event_at: datetime | None = None,
) -> tuple[CollectionChange | None, ItemCounts]:
    """
    What *sync* changes in a collection; None if it changes nothing.

    A complete push creates a collection even if it has no items, so that readers know that there
    are none.

    Args:
        head: The present state; None if there is no such collection.
        digests: Of the stored items, by id. For an incomplete push, those that it names suffice.
        sync: The push.
        key: Where the collection is.
        at: The time of the push.
        event_at: The time that it claims.
    """
    named = {*(item.id for item in sync.items), *sync.removed}
    sync = sync.without_withdrawn()
    put = tuple(item for item in sync.items if not item.has(digests.get(item.id)))
    added = sum(item.id not in digests for item in put)
    if sync.whole:
        kept = {item.id for item in sync.items}
        gone = tuple(id_ for id_ in digests if id_ not in kept)
    else:
        gone = tuple(id_ for id_ in dict.fromkeys(sync.removed) if id_ in digests)
    unchanged = len(named) - len(put) - len(named.intersection(gone))
    counts = ItemCounts(len(named), added, len(put) - added, len(gone), unchanged)
    if not put and not gone and not (sync.whole and head is None):
        return None, counts
    after = CollectionHead(
        key,
        version=1 if head is None else head.version + 1,
        size=(0 if head is None else head.size) + added - len(gone),
        created_at=at if head is None else head.created_at,
        updated_at=at if head is None else later_than(head.updated_at, at),
        event_at=latest(event_at, None if head is None else head.event_at),
        whole_at=latest(event_at if sync.whole else None, None if head is None else head.whole_at),
    )
    return CollectionChange(after, put, gone), counts


@frozen
class Position:
    """
    How far a reader has read.

    Args:
        since: The version that the reader knew when it began. It does not need the tombstones
            up to that version.
        version: The reader has everything up to this version.
        after: If not None, it has only the items up to this id of *version* itself.
    """

    since: int
    version: int
    after: str | None = None

    @property
    def start(self) -> tuple[int, str]:
        """
        The version and id after which the reader goes on.
        """
        # No id is empty, so this is before every item of the next version.
        return (self.version + 1, "") if self.after is None else (self.version, self.after)

    def cursor(self, head: CollectionHead) -> str:
        """
        The text with which the reader asks for the next page.
        """
        text = f"{head.generation}.{self.since}.{self.version}"
        if self.after is None:
            return text
        return f"{text}.{urlsafe_b64encode(self.after.encode()).decode().rstrip('=')}"


def position_at(cursor: str | None, head: CollectionHead) -> Position:
    """
    The position that *cursor* stands for; without one, the beginning.

    Raises:
        InvalidValueError: The hub never gave such a cursor.
        CursorExpiredError: The hub no longer knows all changes since: read from the beginning.
    """
    if cursor is None:
        return Position(since=head.version, version=0)
    parts = _CURSOR.fullmatch(cursor)
    if parts is None:
        raise InvalidValueError("since", "cursor")
    generation, since, version, after = parts.groups()
    position = Position(int(since), int(version), None if after is None else _decoded(after))
    # A reader is ahead of the collection if it read before a backup was restored.
    ahead = max(position.since, position.version) > head.version
    if generation != head.generation or ahead or position.since < head.compaction_floor:
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
    Some of the changes for a reader, all as of the same moment.

    Args:
        states: In the order of their versions, and within a version of their ids.
        complete: Whether nothing follows up to *head*.
    """

    head: CollectionHead
    states: tuple[ItemState, ...]
    complete: bool

    @classmethod
    def of(
        cls, head: CollectionHead, following: Iterable[ItemState], *, limit: int
    ) -> CollectionPage:
        """
        Make a page of the states *following* a position.

        It takes one more state from *following* to see whether the page is the last one.
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
        The position of a reader who was at *before* and has read this page.
        """
        if self.complete:
            return Position(self.head.version, self.head.version)
        last = self.states[-1]
        return Position(before.since, last.version, last.id)


@frozen
class CollectionChanges:
    """
    What a reader learns of a collection, in process and over HTTP.

    Args:
        size: How many items the collection has.
        states: What changed, as in `CollectionPage`.
        complete: Whether nothing follows at the moment.
        cursor: Where the next reading starts.
    """

    key: CollectionKey
    version: int
    size: int
    updated_at: datetime
    states: tuple[ItemState, ...]
    complete: bool
    cursor: str


def enabled_collections(*bodies: ReadOnlyJsonObject) -> frozenset[CollectionName]:
    """
    The collections that a business area enables. The first of its *bodies* with a list decides.
    """
    lists = (body.get("enabled_collections") for body in bodies)
    texts: list[Json] = next((found for found in lists if isinstance(found, list)), [])
    return frozenset(name for text in texts if (name := _named(text)) is not None)


def _named(value: Json) -> CollectionName | None:
    try:
        return CollectionName.from_text(value) if isinstance(value, str) else None
    except InvalidValueError:
        # People write this list by hand; an invalid name enables nothing.
        return None
