"""
Compare two versions of a document.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from odoo_ai_config.application.documents.reading import as_it_was, yaml_of
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.documents.diffing import Changes, changes_between, unified_diff
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import living
from odoo_ai_config.domain.errors import RevisionNotFoundError
from odoo_ai_config.domain.identifiers import DocumentKey

# Microseconds in the worst case, as long as lines are few.
_LINE: Final = 50
# Characters of a document: of its JSON, and of its authored YAML.
LARGEST_SHOWN: Final = 64 * 1024


@frozen
class Comparison:
    """
    The values that differ, and a unified diff of the YAML texts.

    Args:
        unified: None if a document is larger than `LARGEST_SHOWN`, or too much differs.
    """

    before: int
    after: int
    changes: Changes
    unified: str | None


@frozen(eq=False)
class CompareRevisions:
    """
    The difference between two versions, as data and as text.
    """

    store: ConfigStore
    secrets: SecretStore
    standings: Standings
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
        Compare versions *before* and *after*.

        By default *after* is the newest, and *before* the one before it. A deleted version
        counts as empty.

        Raises:
            DocumentNotFoundError, DocumentDeletedError: There is no document to compare.
            RevisionNotFoundError: One of the versions does not exist.
            TenantSuspendedError, TenantErasedError: The tenant is not active.
        """
        caller.require(Scope.CONFIG_READ, key.tenant)
        await self.standings.require_served(key.tenant)
        newest = living((await self.store.current((key,))).get(key))
        to = newest.version if after is None else after
        from_ = to - 1 if before is None else before
        old, new = await self._content(key, from_), await self._content(key, to)
        changes = await run_off_loop(
            lambda: changes_between(old.body, new.body), cost=2 * cost_of(old, new)
        )
        unified = None
        if _is_shown(old) and _is_shown(new):
            was, is_ = await yaml_of(old, self.yaml), await yaml_of(new, self.yaml)
            unified = await run_off_loop(
                lambda: unified_diff(was, is_, names=(f"v{from_}", f"v{to}")),
                cost=_LINE * (was.count("\n") + is_.count("\n")),
            )
        return Comparison(from_, to, changes, unified)

    async def _content(self, key: DocumentKey, version: int) -> Document:
        if version == 0:
            return Document.of({})
        revision = await self.store.revision(key, version)
        if revision is None:
            raise RevisionNotFoundError
        return await as_it_was(self.secrets, key, revision.document)


def _is_shown(document: Document) -> bool:
    authored = document.authored
    lengths = len(document.text), 0 if authored is None else len(authored.text)
    return max(lengths) <= LARGEST_SHOWN
