"""
Read one document.
"""

from __future__ import annotations

from attrs import frozen

from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.documents.revisions import Revision, living
from odoo_ai_config.domain.errors import DocumentNotFoundError, RevisionNotFoundError
from odoo_ai_config.domain.identifiers import DocumentKey


@frozen
class ReadDocument:
    """
    A document as it is, or as it was.
    """

    store: ConfigStore

    async def __call__(
        self, key: DocumentKey, *, caller: ApiKey, version: int | None = None
    ) -> Revision:
        """
        The newest revision, or the one with number *version*.

        Raises:
            ScopeMissingError: *caller* may not read documents.
            TenantForbiddenError: *caller* is bound to another tenant.
            DocumentNotFoundError: The document was never written.
            DocumentDeletedError: It was deleted, and no version was asked for.
            RevisionNotFoundError: It has no such version, or the version is a deletion.
            StoreUnavailableError: The store is away.
        """
        caller.require(Scope.CONFIG_READ)
        caller.require_tenant(key.tenant)
        current = (await self.store.current((key,))).get(key)
        if version is None:
            return living(current)
        if current is None:
            raise DocumentNotFoundError
        if version == current.version:
            revision: Revision | None = current
        else:
            revision = await self.store.revision(key, version)
        if revision is None or revision.deleted:
            raise RevisionNotFoundError
        return revision
