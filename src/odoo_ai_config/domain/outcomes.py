"""
What a write did, in a form that can be recorded and answered again.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.identifiers import TenantDomain


class WriteKind(enum.Enum):
    """
    The kinds of writes: the events that Odoo sends, and what is written directly.
    """

    CREDENTIALS = "credentials_sync"
    MAPPING = "mapping_sync"
    MAPPING_DELETE = "mapping_delete"
    METADATA = "company_metadata_sync"
    DOCUMENT = "document"
    COLLECTION = "collection_sync"


# Of one kind in one answer: more than anybody reads.
MOST_NOTICES: Final = 200

EVENTS: Final = frozenset(WriteKind) - {WriteKind.DOCUMENT, WriteKind.COLLECTION}


@frozen
class Notice:
    """
    Something that Odoo's user should know although the event was accepted.

    Args:
        code: Stable name of the notice, for instance ``missing_credential``.
        field: The place that it is about, never a value.
    """

    code: str
    field: str


@frozen
class ItemCounts:
    """
    What a push did to the items of a collection.

    Args:
        received: How many it spoke of; of each that it did not add, change or remove, nothing
            was different.
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
        versions: The version that each thing is at now, by document kind, ``mapping`` or the
            name of a collection.
        digests: What tells its content from every other that ever had the same version, by the
            same names; only for what Odoo pushes.
        changed: False if everything was as the request says already.
        items: What it did to the items of a collection, if it is about one.
        replayed: The request came before; this is the answer that it got then.
    """

    kind: WriteKind
    owner: TenantDomain
    versions: Mapping[str, int]
    changed: bool
    at: datetime
    notices: tuple[Notice, ...] = ()
    items: ItemCounts | None = None
    digests: Mapping[str, str] = field(factory=dict)
    replayed: bool = field(default=False, eq=False)
