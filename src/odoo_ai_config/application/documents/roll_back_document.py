"""
Bring an old version of a document back, as a new one.
"""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from odoo_ai_config.application.credentials.unsealing import sealed_values
from odoo_ai_config.application.credentials.written import CredentialsWriter
from odoo_ai_config.application.documents.writing import Decision, DocumentWrite, write_document
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.documents.revisions import Revision, content_of, rolled_back
from odoo_ai_config.domain.errors import DocumentNotFoundError, RevisionNotFoundError
from odoo_ai_config.domain.identifiers import CREDENTIALS, CredentialRef
from odoo_ai_config.domain.outcomes import Outcome


@frozen
class RollBackDocument:
    """
    Append a revision with the body of an earlier one; also the way back from a deletion.
    """

    store: ConfigStore
    credentials: CredentialsWriter
    clock: Clock

    async def __call__(self, request: DocumentWrite, *, version: int) -> Outcome:
        """
        Write the body of *version* again.

        Raises:
            DocumentNotFoundError: The document was never written.
            RevisionNotFoundError: It has no such version, or the version is a deletion.
            DomainError, ApplicationError: As `write_document` says.
        """

        async def decide(current: Revision | None, now: datetime) -> Decision:
            if current is None:
                raise DocumentNotFoundError
            target = await self.store.revision(request.key, version)
            if target is None or target.deleted:
                raise RevisionNotFoundError
            revision = rolled_back(current, target, author=request.caller.id, at=now)
            if request.key.kind != CREDENTIALS:
                return Decision(revision)
            marks = await sealed_values(target.document)
            sealing = await self.credentials.sealer(
                request.key.owner,
                {},
                known=await sealed_values(content_of(current)),
                at=now,
                named={CredentialRef(ref): mark for ref, mark in marks.items()},
            )
            return Decision(revision, sealing)

        return await write_document(self.store, self.clock, request, decide, self.credentials)
