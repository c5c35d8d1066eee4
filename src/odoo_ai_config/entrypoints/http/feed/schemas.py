"""
Answers about what has changed.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from odoo_ai_config.domain.changes import AuditAction
from odoo_ai_config.domain.feed import FeedKind
from odoo_ai_config.entrypoints.http.platform.schema import (
    Always,
    BusinessAreaText,
    DocumentTypeText,
    Moment,
    TenantIdText,
    answer,
)

CursorText: TypeAlias = Annotated[
    str,
    Meta(
        description="Opaque: where a reader goes on.",
        min_length=1,
        max_length=120,
        examples=["x5rqR2m0F3uG8nQ1kLzWc7bTtYvOaJdEhPiSgMfUXoA"],
    ),
]


@answer
class FeedChange:
    """
    That something changed, and never what is in it.
    """

    at: Moment
    kind: FeedKind
    action: AuditAction
    tenants: Annotated[
        list[TenantIdText],
        Meta(
            description="Whose it is: two if a channel went from one to another, none if it is "
            "nobody's. A bound key sees its own tenant only."
        ),
    ]
    cursor: (
        Annotated[
            CursorText,
            Meta(
                description="Where a reader goes on behind this change; in a stream it is the "
                "event's `id` alone."
            ),
        ]
        | UnsetType
    ) = UNSET
    domain: BusinessAreaText | UnsetType = UNSET
    document: DocumentTypeText | UnsetType = UNSET
    name: (
        Annotated[
            str,
            Meta(
                description="Of a collection, a channel (its account and inbox; `*` is each) or "
                "what is paused.",
                examples=["channel/987654/*"],
            ),
        ]
        | UnsetType
    ) = UNSET
    version: (
        Annotated[
            int,
            Meta(description="Counts from 1, for each document, channel or collection.", ge=1),
        ]
        | UnsetType
    ) = UNSET
    deleted: (
        Annotated[Always, Meta(description="The document is deleted with this version.")]
        | UnsetType
    ) = UNSET


@answer
class FeedChanges:
    """
    What has changed, oldest first.
    """

    changes: list[FeedChange]
    cursor: Annotated[CursorText, Meta(description="The `since` of the next request.")]
    more: Annotated[
        bool, Meta(description="Whether there is more to look at now: ask again at once.")
    ]
