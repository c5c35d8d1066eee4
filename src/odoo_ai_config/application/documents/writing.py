"""
Writing one document directly: the steps that every such use case shares.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from attrs import field, frozen

from odoo_ai_config.application.credentials.sealing import Sealing
from odoo_ai_config.application.credentials.written import CredentialsWriter
from odoo_ai_config.application.deliveries import delivered, earlier_outcome
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.application.optimistic_commit import commit_decided
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import Changeset, Claim
from odoo_ai_config.domain.crews import require_crews
from odoo_ai_config.domain.documents.revisions import (
    Revision,
    require_version,
    successor,
    version_of,
)
from odoo_ai_config.domain.identifiers import CREDENTIALS, CREWS, DocumentKey
from odoo_ai_config.domain.outcomes import Notice, Outcome, WriteKind


@frozen
class DocumentWrite:
    """
    Who wants to write which document.

    Args:
        expected: The version that the writer saw: 0 for none, None for "whatever it is".
        claim: The request's idempotency key, if it has one.
        dry_run: Only say what would be done.
    """

    key: DocumentKey
    caller: ApiKey
    expected: int | None = None
    claim: Claim | None = None
    dry_run: bool = False


@frozen
class Decision:
    """
    The revision that a write makes, if any, and the secrets that came with it.

    Args:
        credentials: The revision of the ``credentials`` document that goes with it, if any.
    """

    revision: Revision | None
    sealing: Sealing = field(factory=lambda: Sealing({}))
    credentials: Revision | None = None
    notices: tuple[Notice, ...] = ()


async def write_document(
    store: ConfigStore,
    clock: Clock,
    request: DocumentWrite,
    decide: Callable[[Revision | None, datetime], Awaitable[Decision]],
    credentials: CredentialsWriter | None = None,
) -> Outcome:
    """
    Commit what *decide* makes of the document's current revision.

    *credentials* takes out of it what is secret and puts it among the tenant's credentials;
    None where nothing can be.

    Raises:
        ScopeMissingError: The caller may not write documents.
        TenantForbiddenError: The caller is bound to another tenant.
        PreconditionFailedError: The document is not at the expected version.
        IdempotencyKeyReusedError: The claim came before with another body.
        InvalidValueError: It would be a ``crews`` document that crews cannot be read from, or
            has too many secrets in it.
        UnknownFingerprintError: It names a sealed value that the tenant does not have.
        ContentionError: Too many writers at a time.
        StoreUnavailableError: The store is away.
    """
    request.caller.require(Scope.CONFIG_WRITE)
    request.caller.require_tenant(request.key.tenant)

    async def attempt() -> tuple[Changeset, Outcome]:
        earlier = await earlier_outcome(store, request.claim)
        if earlier is not None:
            return Changeset(), earlier
        now = clock.now()
        beside = request.key.owner.document(CREDENTIALS)
        found = await store.current((request.key, beside))
        current = found.get(request.key)
        require_version(current, request.expected)
        decision = await decide(current, now)
        if credentials is not None and request.key.kind != CREDENTIALS:
            decision = await _apart(credentials, decision, current, found.get(beside), now)
        await _require_well_formed(decision.revision)
        written = tuple(
            revision
            for revision in (decision.revision, decision.credentials)
            if revision is not None
        )
        versions = {str(revision.key.kind): revision.version for revision in written}
        outcome = Outcome(
            WriteKind.DOCUMENT,
            request.key.owner,
            {str(request.key.kind): version_of(current), **versions},
            changed=bool(written),
            at=now,
            notices=decision.notices,
        )
        if request.dry_run:
            return Changeset(), outcome
        changeset = Changeset(revisions=written, delivery=delivered(request.claim, outcome))
        return decision.sealing.added_to(changeset), outcome

    return await commit_decided(store, attempt)


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


async def _require_well_formed(revision: Revision | None) -> None:
    if revision is not None and revision.key.kind == CREWS and not revision.deleted:
        owner, document = revision.key.owner, revision.document
        await run_off_loop(lambda: require_crews(document.body, owner), cost=2 * cost_of(document))
