"""
Reading documents and their history.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from odoo_ai_config.application.off_loop import cost_of, cost_of_yaml, run_off_loop
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.documents.credentials import erased_in, showing_erased
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import Revision, living
from odoo_ai_config.domain.errors import DocumentNotFoundError, RevisionNotFoundError
from odoo_ai_config.domain.identifiers import (
    CREDENTIALS,
    SUBSCRIPTIONS,
    BusinessArea,
    DocumentKey,
    TenantId,
)


@frozen(eq=False)
class ReadDocument:
    """
    A document as it is, or as it was.

    An old ``credentials`` document shows which of its values are gone.
    """

    store: ConfigStore
    secrets: SecretStore
    standings: Standings

    async def __call__(
        self, key: DocumentKey, *, caller: ApiKey, version: int | None = None
    ) -> Revision:
        """
        The newest revision, or the one with number *version*.

        Raises:
            DocumentNotFoundError: The document was never written.
            DocumentDeletedError: It was deleted, and no version was asked for.
            RevisionNotFoundError: It has no such version, or the version is a deletion.
            AreaMovedError: The business area has moved.
            TenantSuspendedError, TenantErasedError: The tenant is not active.
        """
        caller.require(Scope.CONFIG_READ, key.tenant)
        await self.standings.require_served_at(key.owner)
        current = (await self.store.current((key,))).get(key)
        if version is None:
            return living(current)
        if current is None:
            raise DocumentNotFoundError
        if version == current.version and not current.deleted:
            return current
        revision = await self.store.revision(key, version)
        if revision is None or revision.deleted:
            raise RevisionNotFoundError
        document = await as_it_was(self.secrets, key, revision.document)
        return revision if document is revision.document else evolve(revision, document=document)


@frozen(eq=False)
class ListDocuments:
    """
    The documents of a tenant, and the revisions of a document.

    Both methods raise `TenantSuspendedError` or `TenantErasedError` if the tenant is not active.
    """

    store: ConfigStore
    standings: Standings

    async def __call__(
        self, tenant: TenantId, *, caller: ApiKey, domain: BusinessArea | None = None
    ) -> Sequence[Revision]:
        """
        The newest revision of each living document of *tenant*.
        """
        caller.require(Scope.CONFIG_READ, tenant)
        await self.standings.require_served(tenant)
        found = await self.store.documents(tenant, domain)
        return [one for one in found if one.key.domain != SUBSCRIPTIONS]

    async def history(
        self, key: DocumentKey, *, caller: ApiKey, before: int | None = None, limit: int = 100
    ) -> Sequence[Revision]:
        """
        At most *limit* revisions below version *before*, newest first, deletions included.
        """
        caller.require(Scope.CONFIG_READ, key.tenant)
        await self.standings.require_served(key.tenant)
        return await self.store.history(key, before=before, limit=limit)


async def as_it_was(secrets: SecretStore, key: DocumentKey, document: Document) -> Document:
    """
    The *document* of an old revision; of a ``credentials`` document, without values that are gone.
    """
    if key.kind != CREDENTIALS:
        return document
    stored = await secrets.stored_in(key.owner)
    return await run_off_loop(
        lambda: showing_erased(document, erased_in(document, stored)), cost=cost_of(document)
    )


async def yaml_of(document: Document, codec: YamlCodec) -> str:
    """
    *document* as YAML: the authored text, if a person wrote it.

    If later merges changed the document, the text is amended and keeps its comments.
    """
    authored = document.authored
    if authored is None:
        return await run_off_loop(lambda: codec.render(document.body), cost=2 * len(document.text))
    if authored.exact:
        return authored.text
    return await run_off_loop(
        lambda: codec.amend(authored.text, document.body),
        cost=cost_of_yaml(authored.text) + len(document.text),
    )
