"""
The outcome of a write, in a form that the hub can record and answer again.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.identifiers import TenantArea


class WriteKind(enum.Enum):
    """
    The kinds of writes: Odoo's events, and direct writes.
    """

    CREDENTIALS = "credentials_sync"
    MAPPING = "mapping_sync"
    MAPPING_DELETE = "mapping_delete"
    METADATA = "company_metadata_sync"
    DOCUMENT = "document"
    COLLECTION = "collection_sync"


# Of one kind in one answer; a person does not read more.
MOST_NOTICES: Final = 200

EVENTS: Final = frozenset(WriteKind) - {WriteKind.DOCUMENT, WriteKind.COLLECTION}


@frozen
class Notice:
    """
    Something that Odoo's user should know although the hub accepted the event.

    Args:
        code: Stable name of the notice, for instance ``missing_credential``.
        field: The place that it is about; never a value.
    """

    code: str
    field: str


@frozen
class ItemCounts:
    """
    What a push did to the items of a collection.

    Args:
        received: How many items the push named.
        unchanged: How many of them were already as the push says. The rest of a push that came too
            late is in no other number.
    """

    received: int
    added: int
    changed: int
    removed: int
    unchanged: int


@frozen
class Outcome:
    """
    What a write did.

    Args:
        versions: The present version of each thing, by document kind, ``mapping`` or the name
            of a collection.
        digests: The present digest of each thing, by the same names. It distinguishes contents
            that had the same version. Only for things that Odoo pushes.
        changed: False if the request repeats the present state.
        items: What the write did to the items, if it is a push into a collection.
        replayed: The request is a repetition; this is the answer to the first one.
    """

    kind: WriteKind
    owner: TenantArea
    versions: Mapping[str, int]
    changed: bool
    at: datetime
    notices: tuple[Notice, ...] = ()
    items: ItemCounts | None = None
    digests: Mapping[str, str] = field(factory=dict)
    replayed: bool = field(default=False, eq=False)
