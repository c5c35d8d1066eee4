"""
Say what changed between two versions of a document.
"""

from __future__ import annotations

import difflib

from attrs import frozen

from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.application.yaml_text import yaml_of
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.diffing import ValueChange, changes_between
from odoo_ai_config.domain.documents import Document
from odoo_ai_config.domain.errors import RevisionNotFoundError
from odoo_ai_config.domain.identifiers import DocumentKey
from odoo_ai_config.domain.versioning import living


@frozen
class Comparison:
    """
    The values that differ, and a unified diff of the YAML texts.
    """

    before: int
    after: int
    changes: tuple[ValueChange, ...]
    unified: str


@frozen
class CompareRevisions:
    """
    The difference between two versions, as data and as text.
    """

    store: ConfigStore
    yaml: YamlCodec

    async def __call__(
        self,
        key: DocumentKey,
        *,
        caller: ApiKey,
        before: int | None = None,
        after: int | None = None,
    ) -> Comparison:
        """
        What version *after* (the newest by default) has that *before* (its predecessor) had not.

        A deleted version counts as empty.

        Raises:
            ScopeMissingError: *caller* may not read documents.
            TenantForbiddenError: *caller* is bound to another tenant.
            DocumentNotFoundError, DocumentDeletedError: There is no document to compare.
            RevisionNotFoundError: One of the versions is not there.
            StoreUnavailableError: The store is away.
        """
        caller.require(Scope.CONFIG_READ)
        caller.require_tenant(key.tenant)
        newest = living((await self.store.current((key,))).get(key))
        to = newest.version if after is None else after
        from_ = to - 1 if before is None else before
        old, new = await self._content(key, from_), await self._content(key, to)
        unified = difflib.unified_diff(
            (await yaml_of(old, self.yaml)).splitlines(keepends=True),
            (await yaml_of(new, self.yaml)).splitlines(keepends=True),
            fromfile=f"v{from_}",
            tofile=f"v{to}",
        )
        return Comparison(from_, to, changes_between(old.body, new.body), "".join(unified))

    async def _content(self, key: DocumentKey, version: int) -> Document:
        if version == 0:
            return Document.of({})
        revision = await self.store.revision(key, version)
        if revision is None:
            raise RevisionNotFoundError
        return revision.document
