"""
What a write did, in a form that can be recorded and answered again.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

from odoo_ai_config.domain.identifiers import TenantDomain


class WriteKind(enum.Enum):
    """
    The kinds of writes: the events that Odoo sends, and documents written directly.
    """

    CREDENTIALS = "credentials_sync"
    MAPPING = "mapping_sync"
    MAPPING_DELETE = "mapping_delete"
    METADATA = "company_metadata_sync"
    DOCUMENT = "document"


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
class Outcome:
    """
    What a write did.

    Args:
        versions: The version that each thing is at now, by document kind or ``mapping``.
        changed: False if everything was as the request says already.
        replayed: The request came before; this is the answer that it got then.
    """

    kind: WriteKind
    owner: TenantDomain
    versions: Mapping[str, int]
    changed: bool
    at: datetime
    notices: tuple[Notice, ...] = ()
    replayed: bool = field(default=False, eq=False)
