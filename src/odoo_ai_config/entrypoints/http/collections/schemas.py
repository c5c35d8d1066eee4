"""
Answers about collections.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import UNSET, Meta, Raw, UnsetType

from odoo_ai_config.entrypoints.http.platform.notices import Notice
from odoo_ai_config.entrypoints.http.platform.schema import (
    CollectionNameText,
    Count,
    Digest,
    Moment,
    TenantIdText,
    answer,
)

ItemIdText: TypeAlias = Annotated[
    str,
    Meta(description="The id of the source.", min_length=1, max_length=256, examples=["7"]),
]
ItemDigest: TypeAlias = Annotated[
    str,
    Meta(
        description="SHA-256 of the data as JSON with sorted keys, without spaces, in UTF-8.",
        pattern="^[0-9a-f]{64}$",
    ),
]
ItemData: TypeAlias = Annotated[
    Raw, Meta(description="The item as it was pushed.", extra_json_schema={"type": "object"})
]
CollectionVersion: TypeAlias = Annotated[
    int, Meta(description="Counts the pushes with a change.", ge=1)
]


@answer
class ItemCounts:
    """
    The effects of a push on items.
    """

    received: Annotated[int, Meta(description="The number of items in the push.", ge=0)]
    added: Count
    changed: Count
    removed: Count
    unchanged: Count


@answer
class CollectionSummary:
    """
    A collection, without its items.
    """

    collection: CollectionNameText
    enabled: Annotated[bool, Meta(description="Whether crews may read it.")]
    version: Annotated[int, Meta(description="0 before the first push.", ge=0)]
    count: Count
    updated_at: Moment | None


@answer
class CollectionList:
    """
    The pushed and the enabled collections.
    """

    tenant_id: TenantIdText
    collections: list[CollectionSummary]


@answer
class CollectionItem:
    """
    One item.
    """

    id: ItemIdText
    digest: ItemDigest
    data: ItemData


@answer
class ChangedItem:
    """
    A new or changed item.
    """

    version: Annotated[int, Meta(description="The version of the push that changed it.", ge=1)]
    id: ItemIdText
    digest: ItemDigest
    data: ItemData


@answer
class RemovedItem:
    """
    A removed item.
    """

    id: ItemIdText
    version: CollectionVersion


@answer
class CollectionPage:
    """
    One page of changes.
    """

    tenant_id: TenantIdText
    collection: CollectionNameText
    version: CollectionVersion
    count: Annotated[int, Meta(description="The number of items in the collection.", ge=0)]
    updated_at: Moment
    items: Annotated[
        list[ChangedItem], Meta(description="New and changed items, by version and id.")
    ]
    removed: list[RemovedItem]
    cursor: Annotated[str, Meta(description="The `since` of the next request.")]
    more: Annotated[bool, Meta(description="Whether there are more changes to read now.")]


@answer
class Pushed:
    """
    The result of a push.
    """

    tenant_id: TenantIdText
    collection: CollectionNameText
    version: Annotated[int, Meta(description="Counts the pushes with a change.", ge=0)]
    changed: Annotated[
        bool,
        Meta(description="False if nothing changed; then there is no new version."),
    ]
    counts: ItemCounts
    timestamp: Moment
    warnings: list[Notice] | UnsetType = UNSET


@answer
class CollectionPushed(Pushed):
    """
    The result of a push to a collection.
    """

    digest: Digest | UnsetType = UNSET
