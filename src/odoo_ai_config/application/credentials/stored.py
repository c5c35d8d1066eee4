"""
Seal secrets that documents of earlier versions of the hub hold in clear text.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from attrs import define, evolve, field, frozen

from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.credentials.sealing import sealed_values
from odoo_ai_config.application.credentials.written import CredentialsWriter
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.credentials.plain_secrets import TakenOut
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.documents.revisions import Revision, content_of, successor
from odoo_ai_config.domain.errors import InvalidValueError, UnknownFingerprintError
from odoo_ai_config.domain.identifiers import (
    CREDENTIALS,
    HUB,
    SUBSCRIPTIONS,
    CredentialRef,
    DocumentKey,
)

_PAGE: Final = 50
_REFUSALS: Final = (InvalidValueError, UnknownFingerprintError)


@define
class SealingReport:
    """
    The result of sealing.

    Args:
        documents: Documents that got a new version without secrets.
        revisions: Old versions that were rewritten.
        refused: Versions that stay as they are: they hold too many secrets, or the fingerprint
            of a value that the tenant does not have.
        unsealed: Places that look like a secret but cannot be sealed: they hold a number, or
            ciphertext of the replaced server.
    """

    documents: int = 0
    revisions: int = 0
    refused: list[str] = field(factory=list)
    unsealed: list[str] = field(factory=list)


@frozen
class Search:
    """
    The result of a search for secrets in clear text.

    Args:
        found: The first document with one, in any of its versions.
        searched: The number of versions searched.
        complete: Whether every version was searched.
    """

    found: DocumentKey | None
    searched: int
    complete: bool


@frozen(eq=False)
class SealStoredSecrets:
    """
    Seal the secrets in every document and its whole history, a few versions at a time.

    The newest version gets a successor, as if somebody had written it again. Older versions are
    rewritten in place, which nothing else does: their numbers and times stay, and references
    replace their secrets. A reference leads to the newest value of its place; older values are
    lost. An interrupted run continues when it is called again.
    """

    store: ConfigStore
    credentials: CredentialsWriter
    clock: Clock

    async def __call__(
        self, *, caller: ApiKey, on_progress: Callable[[int], None] | None = None
    ) -> SealingReport:
        """
        Seal everything, and call *on_progress* after each document with the number done.
        """
        report = SealingReport()
        done = 0
        async for key in self._documents():
            await self._seal(key, caller, report)
            done += 1
            if on_progress is not None:
                on_progress(done)
        return report

    async def search(self, most: int) -> Search:
        """
        Search about *most* versions for a document with a secret in clear text.
        """
        searched = 0
        async for key in self._documents():
            async for revision in self._revisions(key):
                if searched >= most:
                    return Search(None, searched, complete=False)
                searched += 1
                if await self._has_plain(revision):
                    return Search(key, searched, complete=False)
        return Search(None, searched, complete=True)

    async def _has_plain(self, revision: Revision) -> bool:
        try:
            document, _ = await self.credentials.stored(revision.key.kind, revision.document)
        except InvalidValueError:
            return True
        return document != revision.document

    async def _documents(self) -> AsyncIterator[DocumentKey]:
        after: DocumentKey | None = None
        while page := await self.store.keys(after=after, limit=_PAGE):
            for key in page:
                # The hub's own settings hold no secrets of tenants, nor do subscriptions.
                own = key.tenant == HUB or key.domain == SUBSCRIPTIONS
                if key.kind != CREDENTIALS and not own:
                    yield key
            after = page[-1]

    async def _revisions(self, key: DocumentKey) -> AsyncIterator[Revision]:
        before: int | None = None
        while page := await self.store.history(key, before=before, limit=_PAGE):
            for revision in page:
                yield revision
            before = page[-1].version

    async def _seal(self, key: DocumentKey, caller: ApiKey, report: SealingReport) -> None:
        try:
            report.documents += await self._seal_newest(key, caller, report)
        except _REFUSALS:
            report.refused.append(str(key))
        newest: Revision | None = None
        async for old in self._revisions(key):
            if newest is None:
                newest = old
                continue
            try:
                report.revisions += await self._seal_old(old, caller)
            except _REFUSALS:
                report.refused.append(f"{key} v{old.version}")

    async def _seal_newest(self, key: DocumentKey, caller: ApiKey, report: SealingReport) -> bool:
        beside = key.owner.document(CREDENTIALS)

        async def decide() -> tuple[Changeset, tuple[bool, TakenOut]]:
            current = await self.store.current((key, beside))
            newest = current[key]
            document, found = await self.credentials.stored(key.kind, newest.document)
            if newest.deleted or document == newest.document:
                return Changeset(), (False, found)
            now = self.clock.now()
            changeset = await self._sealed(newest, found, current.get(beside), found.plain, caller)
            revision = successor(newest, key, document, author=caller.id, at=now)
            written = () if revision is None else (revision,)
            return evolve(changeset, revisions=(*written, *changeset.revisions)), (True, found)

        changed, found = await commit_decided(self.store, decide)
        report.unsealed += [f"{key} {notice.field}" for notice in found.notices]
        return changed

    async def _seal_old(self, old: Revision, caller: ApiKey) -> bool:
        document, found = await self.credentials.stored(old.key.kind, old.document)
        if document == old.document:
            return False
        beside = old.key.owner.document(CREDENTIALS)

        async def decide() -> tuple[Changeset, None]:
            current = (await self.store.current((beside,))).get(beside)
            known = await sealed_values(content_of(current))
            lost = {ref: value for ref, value in found.plain.items() if str(ref) not in known}
            return await self._sealed(old, found, current, lost, caller), None

        # The values and the audit entry come first, then the version.
        await commit_decided(self.store, decide)
        return await self.store.rewrite(old, document)

    async def _sealed(
        self,
        of: Revision,
        found: TakenOut,
        credentials: Revision | None,
        plain: Mapping[CredentialRef, SecretText],
        caller: ApiKey,
    ) -> Changeset:
        now, owner = self.clock.now(), of.key.owner
        revision, sealing = await self.credentials.next_credentials(
            owner, credentials, plain, found.sealed, author=caller.id, at=now
        )
        subject = f"{of.key} v{of.version}"
        action = AuditAction.STORED_SECRETS_SEALED
        return Changeset(
            revisions=() if revision is None else (revision,),
            audit=(AuditEntry(now, action, caller.id, owner.tenant, subject),),
            occasion=caller.occasion,
            **sealing.parts,
        )
