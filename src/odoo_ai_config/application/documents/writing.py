"""
Write one document directly: publish, patch, roll back, delete.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from itertools import islice
from typing import Final

from attrs import evolve, field, frozen

from odoo_ai_config.application.commits import commit_once
from odoo_ai_config.application.credentials.sealing import Sealing, sealed_values
from odoo_ai_config.application.credentials.written import CredentialsWriter
from odoo_ai_config.application.off_loop import cost_of, cost_of_yaml, run_off_loop
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.application.retention import RetentionRules
from odoo_ai_config.application.similar_tenants import similar_tenants
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import Changeset, Claim
from odoo_ai_config.domain.conversations.pauses import require_pauses
from odoo_ai_config.domain.credentials.old_values import require_all_opened
from odoo_ai_config.domain.credentials.secrets import SealContext
from odoo_ai_config.domain.crews import require_crews
from odoo_ai_config.domain.documents.credentials import (
    erased_in,
    fingerprints_in,
    with_fingerprints,
)
from odoo_ai_config.domain.documents.document import AuthoredYaml, Document
from odoo_ai_config.domain.documents.merging import merge_patch, patched_credentials
from odoo_ai_config.domain.documents.revisions import (
    Revision,
    content_of,
    living,
    require_version,
    rolled_back,
    successor,
    tombstone,
    version_of,
)
from odoo_ai_config.domain.errors import DocumentNotFoundError, RevisionNotFoundError
from odoo_ai_config.domain.identifiers import (
    CREDENTIALS,
    CREWS,
    PAUSES,
    RETENTION,
    DocumentKey,
    DocumentKind,
    TenantArea,
)
from odoo_ai_config.domain.json_types import JsonObject, ReadOnlyJsonObject
from odoo_ai_config.domain.outcomes import MOST_NOTICES, Notice, Outcome, WriteKind
from odoo_ai_config.domain.retention import require_retention


@frozen
class DocumentWrite:
    """
    A request to write one document.

    Args:
        expected: The version that the writer read: 0 for none, None for any.
        claim: The request's idempotency key, if it has one.
        dry_run: Only return what would be done.
    """

    key: DocumentKey
    caller: ApiKey
    expected: int | None = None
    claim: Claim | None = None
    dry_run: bool = False


@frozen
class Decision:
    """
    What a write changes.

    Args:
        revision: The new revision, if any.
        credentials: The new revision of the ``credentials`` document, if any.
    """

    revision: Revision | None
    sealing: Sealing = field(factory=Sealing)
    credentials: Revision | None = None
    notices: tuple[Notice, ...] = ()


@frozen
class WrittenDocument:
    """
    What a write did, and the revision that the document is at.

    Args:
        revision: None for a repeated request: its version may be pruned by now.
    """

    outcome: Outcome
    revision: Revision | None


@frozen(eq=False)
class DocumentWriter:
    """
    Commits decisions about documents. The values of credentials that a write deletes go with it.
    """

    store: ConfigStore
    standings: Standings
    retention: RetentionRules
    clock: Clock

    async def __call__(
        self,
        request: DocumentWrite,
        decide: Callable[[Revision | None, datetime], Awaitable[Decision]],
        credentials: CredentialsWriter | None = None,
    ) -> WrittenDocument:
        """
        Commit the decision of *decide* about the current revision of the document.

        *credentials* moves the document's secrets to the tenant's credentials; None if the write
        brings no content.

        Raises:
            PreconditionFailedError: The document is not at the expected version.
            AreaMovedError: The business area has moved.
            InvalidValueError: It is an invalid ``crews``, ``pauses`` or ``retention`` document,
                or holds too many secrets.
        """
        request.caller.require(Scope.CONFIG_WRITE, request.key.tenant)
        if request.key.kind == PAUSES:
            # Whoever writes it silences the AI, as whoever pauses a channel does.
            request.caller.require(Scope.MESSAGES_WRITE, request.key.tenant)

        revision: Revision | None = None

        async def attempt() -> tuple[Changeset, Outcome]:
            nonlocal revision
            now = self.clock.now()
            beside = request.key.owner.document(CREDENTIALS)
            found = await self.store.current((request.key, beside))
            current = found.get(request.key)
            await self.standings.require_written_at(request.key.owner, found.values())
            require_version(current, request.expected)
            decision = await decide(current, now)
            if credentials is not None and request.key.kind != CREDENTIALS:
                decision = await _apart(credentials, decision, current, found.get(beside), now)
            await _require_well_formed(decision.revision)
            written = tuple(
                new for new in (decision.revision, decision.credentials) if new is not None
            )
            similar = await similar_tenants(
                self.store, request.key.tenant, caller=request.caller, new=current is None
            )
            versions = {str(new.key.kind): new.version for new in written}
            outcome = Outcome(
                WriteKind.DOCUMENT,
                request.key.owner,
                {str(request.key.kind): version_of(current), **versions},
                changed=bool(written),
                at=now,
                notices=(*decision.notices, *similar),
            )
            revision = decision.revision or current
            if request.dry_run:
                await self.standings.require_open(request.key.tenant)
                return Changeset(), outcome
            erased: tuple[SealContext, ...] = ()
            if request.key.kind == CREDENTIALS:
                erased = await self.retention.erased_by(current, decision.revision)
            return Changeset(revisions=written, erased=erased, **decision.sealing.parts), outcome

        claim = None if request.dry_run else request.claim
        outcome = await commit_once(self.store, claim, attempt, request.caller.occasion)
        return WrittenDocument(outcome, None if outcome.replayed else revision)

    async def credentials(
        self,
        writer: CredentialsWriter,
        request: DocumentWrite,
        current: Revision | None,
        body: ReadOnlyJsonObject,
        at: datetime,
    ) -> Decision:
        """
        The decision to make *body* the ``credentials`` document.
        """
        sealed = await writer.replaced(
            self.store, request.key.owner, content_of(current), body, at=at
        )
        author = request.caller.id
        revision = successor(current, request.key, sealed.document, author=author, at=at)
        return Decision(revision, sealed.sealing, notices=sealed.notices)


async def _apart(
    writer: CredentialsWriter,
    decision: Decision,
    current: Revision | None,
    credentials: Revision | None,
    at: datetime,
) -> Decision:
    written = decision.revision
    if written is None:
        return decision
    apart = await writer.apart(
        written.key, written.document, credentials, author=written.author, at=at
    )
    return Decision(
        successor(current, written.key, apart.document, author=written.author, at=at),
        apart.sealing,
        apart.credentials,
        apart.notices,
    )


_FORMS: Final[Mapping[DocumentKind, Callable[[ReadOnlyJsonObject, TenantArea], None]]] = {
    CREWS: require_crews,
    PAUSES: require_pauses,
    RETENTION: require_retention,
}


async def _require_well_formed(revision: Revision | None) -> None:
    form = None if revision is None or revision.deleted else _FORMS.get(revision.key.kind)
    if revision is not None and form is not None:
        owner, document = revision.key.owner, revision.document
        await run_off_loop(lambda: form(document.body, owner), cost=2 * cost_of(document))


@frozen(eq=False)
class PublishDocument:
    """
    Make YAML text, with its comments, the next version of a document.

    The text of a ``credentials`` document is not stored: its values are sealed.
    """

    writer: DocumentWriter
    credentials: CredentialsWriter
    yaml: YamlCodec

    async def __call__(self, request: DocumentWrite, *, text: str) -> WrittenDocument:
        """
        Write *text*; the same text again makes no version.

        Raises:
            InvalidYamlError: *text* is not YAML.
            InvalidValueError: A ``credentials`` document is not references and values.
            DomainError: As `write_document` says.
        """
        body = await run_off_loop(lambda: self.yaml.parse(text), cost=cost_of_yaml(text))

        async def decide(current: Revision | None, now: datetime) -> Decision:
            if request.key.kind == CREDENTIALS:
                return await self.writer.credentials(self.credentials, request, current, body, now)
            document = await run_off_loop(lambda: self._written(body, text), cost=len(text))
            author = request.caller.id
            return Decision(successor(current, request.key, document, author=author, at=now))

        return await self.writer(request, decide, self.credentials)

    def _written(self, body: JsonObject, text: str) -> Document:
        require_all_opened(body, open_token=self.credentials.old_cipher.open)
        return Document.of(body, AuthoredYaml(text))


@frozen(eq=False)
class PatchDocument:
    """
    Merge a JSON merge patch (RFC 7396) into a document; the comments of its YAML survive.
    """

    writer: DocumentWriter
    credentials: CredentialsWriter

    async def __call__(self, request: DocumentWrite, *, patch: JsonObject) -> WrittenDocument:
        """
        Apply *patch* to the current document.

        Raises:
            DocumentNotFoundError, DocumentDeletedError: There is nothing to patch.
            InvalidValueError: A ``credentials`` document would not be references and values.
            DomainError: As `write_document` says.
        """

        async def decide(current: Revision | None, now: datetime) -> Decision:
            before = living(current)
            present = before.document
            cost = cost_of(present, patch)
            if request.key.kind == CREDENTIALS:
                body = await run_off_loop(lambda: patched_credentials(present, patch), cost=cost)
                return await self.writer.credentials(self.credentials, request, before, body, now)
            document = await run_off_loop(lambda: self._patched(present, patch), cost=cost)
            author = request.caller.id
            return Decision(successor(before, request.key, document, author=author, at=now))

        return await self.writer(request, decide, self.credentials)

    def _patched(self, document: Document, patch: JsonObject) -> Document:
        require_all_opened(patch, open_token=self.credentials.old_cipher.open)
        return document.with_body(merge_patch(document.body, patch))


@frozen(eq=False)
class RollBackDocument:
    """
    Append a revision with the body of an earlier one; this also undoes a deletion.

    It brings no value back that was deleted: the reference keeps the value that it has, or has
    none.
    """

    writer: DocumentWriter
    credentials: CredentialsWriter

    async def __call__(self, request: DocumentWrite, *, version: int) -> WrittenDocument:
        """
        Write the body of *version* again.

        Raises:
            DocumentNotFoundError: The document was never written.
            RevisionNotFoundError: It has no such version, or the version is a deletion.
            DomainError: As `write_document` says.
        """

        async def decide(current: Revision | None, now: datetime) -> Decision:
            if current is None:
                raise DocumentNotFoundError
            target = await self.writer.store.revision(request.key, version)
            if target is None or target.deleted:
                raise RevisionNotFoundError
            if request.key.kind == CREDENTIALS:
                return await self._with_what_is_left(request, current, target, now)
            return Decision(rolled_back(current, target, author=request.caller.id, at=now))

        return await self.writer(request, decide, self.credentials)

    async def _with_what_is_left(
        self, request: DocumentWrite, current: Revision, target: Revision, at: datetime
    ) -> Decision:
        stored = await self.credentials.sealer.secrets.stored_in(request.key.owner)
        gone = erased_in(target.document, stored)
        known = await sealed_values(content_of(current))
        marks = fingerprints_in(target.document)
        present = {ref: mark for ref, mark in known.items() if ref in gone}
        left = {ref: mark for ref, mark in marks.items() if ref not in gone} | present
        body = with_fingerprints(request.key.tenant, left).body
        decision = await self.writer.credentials(self.credentials, request, current, body, at)
        erased = (Notice("erased_credential", f"credentials.{ref}") for ref in sorted(gone))
        return evolve(decision, notices=(*decision.notices, *islice(erased, MOST_NOTICES)))


@frozen(eq=False)
class DeleteDocument:
    """
    Append a tombstone; a rollback brings the document back, but no values of credentials.
    """

    writer: DocumentWriter

    async def __call__(self, request: DocumentWrite) -> WrittenDocument:
        """
        Delete the document.

        Raises:
            DocumentNotFoundError, DocumentDeletedError: There is none.
            DomainError: As `write_document` says.
        """

        async def decide(current: Revision | None, now: datetime) -> Decision:
            return Decision(tombstone(current, author=request.caller.id, at=now))

        return await self.writer(request, decide)
