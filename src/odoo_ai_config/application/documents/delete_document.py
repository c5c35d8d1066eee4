"""
Delete a document, keeping its history.
"""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from odoo_ai_config.application.documents.writing import Decision, DocumentWrite, write_document
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.documents.revisions import Revision, tombstone
from odoo_ai_config.domain.outcomes import Outcome


@frozen
class DeleteDocument:
    """
    Append a tombstone; a rollback brings the document back.
    """

    store: ConfigStore
    clock: Clock

    async def __call__(self, request: DocumentWrite) -> Outcome:
        """
        Delete the document.

        Raises:
            DocumentNotFoundError, DocumentDeletedError: There is none.
            DomainError, ApplicationError: As `write_document` says.
        """

        async def decide(current: Revision | None, now: datetime) -> Decision:
            return Decision(tombstone(current, author=request.caller.id, at=now))

        return await write_document(self.store, self.clock, request, decide)
