"""
Read collections, and take in what Odoo pushes of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.application.commits import commit_once
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.collection_store import CollectionStore
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.similar_tenants import similar_tenants
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset, Claim
from odoo_ai_config.domain.collections import (
    CollectionChange,
    CollectionHead,
    CollectionKey,
    CollectionName,
    CollectionPage,
    CollectionSync,
    Item,
    ItemState,
    Position,
    change_after,
    enabled_collections,
    position_at,
    search_words,
)
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.errors import (
    CollectionNotEnabledError,
    CollectionNotFoundError,
    ItemNotFoundError,
    PreconditionFailedError,
)
from odoo_ai_config.domain.event_times import STALE, believed
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    METADATA,
    BusinessArea,
    DocumentKind,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.outcomes import ItemCounts, Notice, Outcome, WriteKind

LARGEST_PAGE: Final = 1000
# How many items one search looks at.
MOST_SEARCHED: Final = 10_000
# Microseconds for each of their characters, in the worst case.
_SEARCHED: Final = 2


@frozen
class CollectionReading:
    """
    One page of items, and the cursor of the next.

    Args:
        page: None if the reader already has everything.
    """

    head: CollectionHead
    position: Position
    page: CollectionPage | None = None

    @property
    def cursor(self) -> str:
        """
        Where the next reading starts.
        """
        return self.position.cursor(self.head)


@frozen
class FoundItems:
    """
    Items that have all words of a search.

    Args:
        states: With the items, which are all there.
        cursor: Where the search continues.
        complete: Whether it has come to the end of the collection.
    """

    states: Sequence[ItemState]
    cursor: str
    complete: bool


@frozen
class CollectionOverview:
    """
    A collection in a list: one that was pushed, or one that is enabled, or both.

    Args:
        head: None if nothing was ever pushed into it.
    """

    name: CollectionName
    enabled: bool
    head: CollectionHead | None


def _having(words: frozenset[str], states: Sequence[ItemState]) -> list[ItemState]:
    return [one for one in states if one.item is not None and one.item.has_words(words)]


def _unknown(_head: CollectionHead) -> bool:
    return False


@frozen(eq=False)
class ReadCollection:
    """
    Collections for crews. They read only enabled ones; an ``admin`` reads all.

    If a business area is named, that area must enable the collection; otherwise any area of the
    tenant may. Every method raises `TenantSuspendedError` or `TenantErasedError` if the tenant is
    not active.
    """

    store: ConfigStore
    standings: Standings
    collections: CollectionStore

    async def __call__(
        self,
        key: CollectionKey,
        *,
        caller: ApiKey,
        domain: BusinessArea | None = None,
        since: str | None = None,
        limit: int = LARGEST_PAGE,
        known: Callable[[CollectionHead], bool] = _unknown,
    ) -> CollectionReading:
        """
        At most *limit* changes after the cursor *since*; without it, items from the first on.

        For a reader who has everything, by its cursor or by *known*, only the head is read.

        Raises:
            CollectionNotEnabledError: The collection is not enabled.
            CollectionNotFoundError: Nothing was ever pushed into it.
            InvalidValueError: *since* is no cursor.
            CursorExpiredError: What changed since then is no longer known.
        """
        await self._require_open(key, caller, domain)
        head = await self.collections.head(key)
        if head is None:
            raise CollectionNotFoundError
        position = position_at(since, head)
        if known(head):
            return CollectionReading(head, position)
        if position == Position(head.version, head.version):
            return CollectionReading(head, position, CollectionPage(head, (), complete=True))
        page = await self.collections.page(key, position, limit=limit)
        if page is None:
            raise CollectionNotFoundError
        # Tombstones may have been pruned since the head was read.
        position = position_at(since, page.head)
        return CollectionReading(page.head, page.position_after(position), page)

    async def item(
        self, key: CollectionKey, id_: str, *, caller: ApiKey, domain: BusinessArea | None = None
    ) -> Item:
        """
        The item that the source calls *id_*.

        Raises:
            ItemNotFoundError: There is none.
            CollectionNotEnabledError, CollectionNotFoundError: As reading the collection does.
        """
        await self._require_open(key, caller, domain)
        found = await self.collections.items(key, [id_])
        if id_ in found:
            return found[id_]
        if await self.collections.head(key) is None:
            raise CollectionNotFoundError
        raise ItemNotFoundError

    async def search(
        self,
        key: CollectionKey,
        text: str,
        *,
        caller: ApiKey,
        since: str | None = None,
        limit: int = 20,
    ) -> FoundItems:
        """
        At most *limit* items with every word of *text* in a value, without case and accents.

        A text without a word finds all.

        It looks at `MOST_SEARCHED` items, or a few more, behind *since*, the cursor of another
        search.

        Raises:
            DomainError: As reading the collection does.
        """
        words = search_words(text)
        found: list[ItemState] = []
        looked = 0
        while True:
            size = LARGEST_PAGE if words else limit
            reading = await self(key, caller=caller, since=since, limit=size)
            states = () if reading.page is None else reading.page.states
            found += await run_off_loop(
                partial(_having, words, states),
                cost=sum(_SEARCHED * len(one.item.text) for one in states if one.item is not None),
            )
            if len(found) > limit:
                last, began = found[limit - 1], position_at(since, reading.head)
                position = Position(began.since, last.version, last.id)
                return FoundItems(found[:limit], position.cursor(reading.head), complete=False)
            since, looked = reading.cursor, looked + len(states)
            complete = reading.page is None or reading.page.complete
            if complete or looked >= MOST_SEARCHED or len(found) == limit:
                return FoundItems(found, since, complete=complete)

    async def all_of(
        self, tenant: TenantId, *, caller: ApiKey, domain: BusinessArea | None = None
    ) -> Sequence[CollectionOverview]:
        """
        Every collection that was pushed or is enabled, by name, enabled or not.
        """
        caller.require(Scope.CONFIG_READ, tenant)
        await self.standings.require_served(tenant)
        enabled = await self._enabled(tenant, domain)
        heads = {head.key.name: head for head in await self.collections.heads(tenant)}
        return [
            CollectionOverview(name, name in enabled, heads.get(name))
            for name in sorted(enabled | heads.keys())
        ]

    async def _require_open(
        self, key: CollectionKey, caller: ApiKey, domain: BusinessArea | None
    ) -> None:
        caller.require(Scope.CONFIG_READ, key.tenant)
        await self.standings.require_served(key.tenant)
        # Checked before anything is read: nobody learns of a collection that they may not read.
        if Scope.ADMIN not in caller.scopes and key.name not in await self._enabled(
            key.tenant, domain
        ):
            raise CollectionNotEnabledError

    async def _enabled(
        self, tenant: TenantId, domain: BusinessArea | None
    ) -> frozenset[CollectionName]:
        if domain is None:
            found: Iterable[Revision] = await self.store.documents(tenant)
        else:
            area = TenantArea(tenant, domain)
            keys = [area.document(kind) for kind in (CONFIG, METADATA)]
            found = (await self.store.current(keys)).values()
        # The settings come before the company's metadata.
        areas: dict[BusinessArea, dict[DocumentKind, Document]] = defaultdict(dict)
        for revision in found:
            if not revision.deleted:
                areas[revision.key.domain][revision.key.kind] = revision.document
        return await run_off_loop(
            lambda: frozenset().union(*map(_enabled_by, areas.values())),
            cost=cost_of(*(one for documents in areas.values() for one in documents.values())),
        )


def _enabled_by(documents: Mapping[DocumentKind, Document]) -> frozenset[CollectionName]:
    return enabled_collections(
        *(documents[kind].body for kind in (CONFIG, METADATA) if kind in documents)
    )


@frozen(eq=False)
class SyncCollection:
    """
    Write what a source pushed of a collection, in one commit however many items there are.
    """

    store: ConfigStore
    collections: CollectionStore
    clock: Clock

    async def __call__(
        self,
        key: CollectionKey,
        sync: CollectionSync,
        *,
        caller: ApiKey,
        claim: Claim | None = None,
        expected: Callable[[CollectionHead | None], bool] | None = None,
        event_at: datetime | None = None,
    ) -> Outcome:
        """
        Commit new, changed and removed items; nothing if there are none or the push is stale.

        *expected* says whether the push may succeed a state; None for any. It is asked again if
        another push was faster.

        Raises:
            PreconditionFailedError: It may not succeed the present state.
            InvalidValueError: An item becomes too large by merging.
        """
        caller.require(Scope.WEBHOOK, key.tenant)
        ids = [item.id for item in sync.items]
        asked = None if sync.whole else [*ids, *sync.removed]

        async def decide() -> tuple[Changeset, Outcome]:
            # Read the head first: the commit is refused if anything is written after that.
            head = await self.collections.head(key)
            if expected is not None and not expected(head):
                raise PreconditionFailedError(0 if head is None else head.version)
            now = self.clock.now()
            told_at = believed(event_at, now=now)
            digests = await self.collections.digests(key, asked)
            stored: Mapping[str, Item] = {}
            if sync.merging:
                stored = await self.collections.items(key, ids)

            def decide_items() -> tuple[CollectionChange | None, ItemCounts]:
                wanted = sync.merged_into(stored) if sync.merging else sync
                return change_after(head, digests, wanted, key=key, at=now, event_at=told_at)

            texts = (item.text for item in (*sync.items, *stored.values())) if stored else ()
            change, counts = await run_off_loop(
                decide_items,
                cost=len(sync.items) + len(sync.removed) + len(digests) + cost_of(*texts),
            )
            if head is not None and sync.is_stale(told_at, head):
                # What the push would have changed is not as it says.
                kept = evolve(counts, added=0, changed=0, removed=0)
                outcome = _outcome(key, head, kept, changed=False, at=now, notices=(STALE,))
                return Changeset(), outcome
            newest = head if change is None else change.head
            similar = await similar_tenants(
                self.store, key.tenant, caller=caller, new=head is None
            )
            outcome = _outcome(
                key, newest, counts, changed=change is not None, at=now, notices=similar
            )
            if change is None:
                return Changeset(), outcome
            at, action = change.head.updated_at, AuditAction.COLLECTION_CHANGED
            entry = AuditEntry(
                at, action, caller.id, key.tenant, f"{key.name} v{change.head.version}"
            )
            return Changeset(collections=(change,), audit=(entry,)), outcome

        return await commit_once(self.store, claim, decide, caller.occasion)


def _outcome(
    key: CollectionKey,
    newest: CollectionHead | None,
    counts: ItemCounts,
    *,
    changed: bool,
    at: datetime,
    notices: tuple[Notice, ...] = (),
) -> Outcome:
    return Outcome(
        WriteKind.COLLECTION,
        # Odoo's modules name no business area: all of a tenant's share its collections.
        TenantArea(key.tenant, BusinessArea()),
        {str(key.name): 0 if newest is None else newest.version},
        changed=changed,
        at=at,
        notices=notices,
        items=counts,
        digests={} if newest is None else {str(key.name): newest.digest},
    )
