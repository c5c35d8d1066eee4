"""
Compare what a source pushed with what the hub has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from attrs import frozen

from odoo_ai_config.application.off_loop import ENTRY, run_off_loop
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.collection_store import CollectionStore
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.channels.mapping import ChannelKey, MappingRevision
from odoo_ai_config.domain.collections import CollectionHead, CollectionKey, CollectionName
from odoo_ai_config.domain.identifiers import DocumentKey, DocumentKind, TenantId
from odoo_ai_config.domain.reconciliation import (
    PUSHED_KINDS,
    ActualState,
    Drift,
    ExpectedArea,
    actual_channel,
    actual_collection,
    actual_document,
    channel_drift,
    drift_of,
    worth_naming,
)

# Things that the source did not name; the rest is shown once these are settled.
MOST_UNKNOWN: Final = 1000
# Documents of so many tenants are in memory at a time.
_TENANTS_AT_A_TIME: Final = 50


@frozen
class AreaDrift:
    """
    The drift of one business area.
    """

    expected: ExpectedArea
    documents: Mapping[DocumentKind, Drift]
    channels: Mapping[ChannelKey, Drift]
    collections: Mapping[CollectionName, Drift]

    @property
    def all(self) -> Iterator[Drift]:
        """
        The drift of documents, channels and collections, one after the other.
        """
        yield from self.documents.values()
        yield from self.channels.values()
        yield from self.collections.values()


@frozen
class Unknown:
    """
    What the hub has of the named tenants that the source did not name.
    """

    documents: tuple[tuple[DocumentKey, ActualState], ...] = ()
    channels: tuple[tuple[MappingRevision, ActualState], ...] = ()
    collections: tuple[tuple[CollectionKey, ActualState], ...] = ()


@frozen
class Reconciliation:
    """
    The answer to a source.

    Args:
        areas: In the order in which the source named them.
        truncated: There are more unknown things.
    """

    areas: tuple[AreaDrift, ...]
    unknown: Unknown
    truncated: bool = False


@frozen
class _Tenants:
    """
    What the hub has of some tenants and of the channels that the source named.
    """

    documents: Mapping[DocumentKey, ActualState]
    channels: Mapping[ChannelKey, MappingRevision]
    heads: Mapping[CollectionKey, CollectionHead]

    def drift(self, area: ExpectedArea) -> AreaDrift:
        owner = area.owner
        return AreaDrift(
            area,
            {
                kind: drift_of(expected, self.documents.get(owner.document(kind)))
                for kind, expected in area.documents.items()
            },
            {
                key: channel_drift(expected, self.channels.get(key), owner)
                for key, expected in area.channels.items()
            },
            {
                name: drift_of(expected, self._collection(CollectionKey(owner.tenant, name)))
                for name, expected in area.collections.items()
            },
        )

    def _collection(self, key: CollectionKey) -> ActualState | None:
        head = self.heads.get(key)
        return None if head is None else actual_collection(head)

    def unknown(self, areas: Sequence[ExpectedArea]) -> Unknown:
        tenants = {area.owner.tenant for area in areas}
        documents = {area.owner.document(kind) for area in areas for kind in area.documents}
        channels = {key for area in areas for key in area.channels}
        collections = {
            CollectionKey(area.owner.tenant, name) for area in areas for name in area.collections
        }
        return Unknown(
            tuple(
                (key, actual)
                for key, actual in self.documents.items()
                if key not in documents and not actual.deleted
            ),
            tuple(
                (revision, actual_channel(revision))
                for revision in worth_naming(self.channels.values())
                if revision.mapping.key not in channels
                and revision.mapping.owner.tenant in tenants
            ),
            tuple(
                (key, actual_collection(head))
                for key, head in self.heads.items()
                if key not in collections
            ),
        )


@frozen(eq=False)
class Reconcile:
    """
    Compare what a source expects with what the hub has.

    The cost grows with what the named tenants have.
    """

    store: ConfigStore
    channels: ChannelDirectory
    collections: CollectionStore

    async def __call__(self, known: Sequence[ExpectedArea], *, caller: ApiKey) -> Reconciliation:
        """
        The drift of each thing in *known*, and what else the hub has.

        Raises:
            TenantForbiddenError: *caller* is bound to a tenant, and another one is named.
        """
        caller.require(Scope.WEBHOOK)
        by_tenant: dict[TenantId, list[int]] = {}
        for place, area in enumerate(known):
            caller.require_tenant(area.owner.tenant)
            by_tenant.setdefault(area.owner.tenant, []).append(place)
        drifts: dict[int, AreaDrift] = {}
        unknown = []
        tenants = list(by_tenant)
        for start in range(0, len(tenants), _TENANTS_AT_A_TIME):
            some = tenants[start : start + _TENANTS_AT_A_TIME]
            places = [place for tenant in some for place in by_tenant[tenant]]
            areas = [known[place] for place in places]
            actual = await self._actual(some, areas)
            named = len(actual.channels) + sum(len(area.channels) for area in areas)
            found_here, beside = await run_off_loop(
                partial(_compared, actual, areas), cost=ENTRY * named
            )
            drifts.update(zip(places, found_here, strict=True))
            unknown.append(beside)
        return _told(tuple(drifts[place] for place in range(len(known))), unknown)

    async def _actual(
        self, tenants: Collection[TenantId], areas: Sequence[ExpectedArea]
    ) -> _Tenants:
        revisions, owned, heads = await asyncio.gather(
            self.store.documents_of(tenants, PUSHED_KINDS),
            self.channels.mappings_of(tenants),
            self.collections.heads(*tenants),
        )
        channels = {revision.mapping.key: revision for revision in owned}
        elsewhere = await run_off_loop(
            lambda: sorted(
                {key for area in areas for key in area.channels} - channels.keys(), key=str
            ),
            cost=ENTRY * sum(len(area.channels) for area in areas),
        )
        if elsewhere:
            channels |= await self.channels.current(elsewhere)
        documents = await run_off_loop(
            lambda: {revision.key: actual_document(revision) for revision in revisions},
            cost=sum(len(revision.document.text) for revision in revisions) // 8,
        )
        return _Tenants(documents, channels, {head.key: head for head in heads})


def _compared(
    actual: _Tenants, areas: Sequence[ExpectedArea]
) -> tuple[Sequence[AreaDrift], Unknown]:
    return [actual.drift(area) for area in areas], actual.unknown(areas)


def _told(areas: tuple[AreaDrift, ...], unknown: Sequence[Unknown]) -> Reconciliation:
    documents = [entry for some in unknown for entry in some.documents]
    channels = [entry for some in unknown for entry in some.channels]
    collections = [entry for some in unknown for entry in some.collections]
    shown = Unknown(
        tuple(documents[:MOST_UNKNOWN]),
        tuple(channels[:MOST_UNKNOWN]),
        tuple(collections[:MOST_UNKNOWN]),
    )
    most = max(len(documents), len(channels), len(collections))
    return Reconciliation(areas, shown, truncated=most > MOST_UNKNOWN)
