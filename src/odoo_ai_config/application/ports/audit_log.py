"""
Reads the audit trail. `ConfigStore.commit` writes it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from odoo_ai_config.domain.changes import AuditEntry, AuditId
from odoo_ai_config.domain.identifiers import TenantId


class AuditLog(Protocol):
    """
    Who did what, append-only.

    Entries are in the order of their time; those of one microsecond in the order of writing.
    """

    @abstractmethod
    async def entries(
        self,
        *,
        tenant: TenantId | None = None,
        after: AuditId | None = None,
        before: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[AuditEntry]:
        """
        At most *limit* entries, newest first, of *tenant* if it is given.

        Each has an id. *after* continues behind the last of a page; an unknown id ends the
        listing. With *before*, only older ones.
        """

    @abstractmethod
    async def entry(self, id_: AuditId) -> AuditEntry | None:
        """
        One entry; None if there is none of that id.
        """
