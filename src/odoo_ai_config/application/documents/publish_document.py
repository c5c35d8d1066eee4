"""
Replace a document by what a person or a service wrote.
"""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from odoo_ai_config.application.credentials.written import CredentialsWriter
from odoo_ai_config.application.documents.writing import Decision, DocumentWrite, write_document
from odoo_ai_config.application.off_loop import cost_of_yaml, run_off_loop
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.domain.credentials.plain_secrets import require_all_open
from odoo_ai_config.domain.documents.document import AuthoredYaml, Document
from odoo_ai_config.domain.documents.revisions import Revision, content_of, successor
from odoo_ai_config.domain.identifiers import CREDENTIALS
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.outcomes import Outcome


@frozen
class PublishDocument:
    """
    Make YAML text the next version of a document, comments and all.

    The text of a ``credentials`` document is not kept: its values are sealed.
    """

    store: ConfigStore
    credentials: CredentialsWriter
    yaml: YamlCodec
    clock: Clock

    async def __call__(self, request: DocumentWrite, *, text: str) -> Outcome:
        """
        Write *text*; a text that is there already makes no version.

        Raises:
            InvalidYamlError: *text* is not YAML.
            InvalidValueError: A ``credentials`` document is not references and values.
            EncryptedValueError: A secret in *text* is one that the replaced server encrypted.
            UnknownFingerprintError: It names a sealed value that the tenant does not have.
            DomainError, ApplicationError: As `write_document` says.
        """
        body = await run_off_loop(lambda: self.yaml.parse(text), cost=cost_of_yaml(text))

        async def decide(current: Revision | None, now: datetime) -> Decision:
            author = request.caller.id
            if request.key.kind == CREDENTIALS:
                document, sealing = await self.credentials.replaced(
                    request.key.owner, content_of(current), body, at=now
                )
                revision = successor(current, request.key, document, author=author, at=now)
                return Decision(revision, sealing)
            document = await run_off_loop(lambda: _written(body, text), cost=len(text))
            return Decision(successor(current, request.key, document, author=author, at=now))

        return await write_document(self.store, self.clock, request, decide, self.credentials)


def _written(body: JsonObject, text: str) -> Document:
    require_all_open(body)
    return Document.of(body, AuthoredYaml(text))
