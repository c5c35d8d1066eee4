"""
Change parts of a document.
"""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from odoo_ai_config.application.credentials.written import CredentialsWriter
from odoo_ai_config.application.documents.writing import Decision, DocumentWrite, write_document
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.credentials.plain_secrets import require_all_open
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.merging import merge_patch
from odoo_ai_config.domain.documents.revisions import Revision, living, successor
from odoo_ai_config.domain.identifiers import CREDENTIALS
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.outcomes import Outcome


@frozen
class PatchDocument:
    """
    Merge a JSON merge patch (RFC 7396) into a document; the comments of its YAML survive.
    """

    store: ConfigStore
    credentials: CredentialsWriter
    clock: Clock

    async def __call__(self, request: DocumentWrite, *, patch: JsonObject) -> Outcome:
        """
        Apply *patch* to whatever the document is when the commit succeeds.

        Raises:
            DocumentNotFoundError, DocumentDeletedError: There is nothing to patch.
            InvalidValueError: A ``credentials`` document would not be references and values.
            EncryptedValueError: A secret in *patch* is one that the replaced server encrypted.
            UnknownFingerprintError: It would name a sealed value that the tenant does not have.
            DomainError, ApplicationError: As `write_document` says.
        """

        async def decide(current: Revision | None, now: datetime) -> Decision:
            before = living(current)
            author = request.caller.id
            present = before.document
            cost = cost_of(present, patch)
            if request.key.kind == CREDENTIALS:
                body = await run_off_loop(lambda: merge_patch(present.body, patch), cost=cost)
                document, sealing = await self.credentials.replaced(
                    request.key.owner, present, body, at=now
                )
                revision = successor(before, request.key, document, author=author, at=now)
                return Decision(revision, sealing)
            document = await run_off_loop(lambda: _patched(present, patch), cost=cost)
            return Decision(successor(before, request.key, document, author=author, at=now))

        return await write_document(self.store, self.clock, request, decide, self.credentials)


def _patched(document: Document, patch: JsonObject) -> Document:
    require_all_open(patch)
    return document.with_body(merge_patch(document.body, patch))
