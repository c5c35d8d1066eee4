"""
Writing one document directly: the steps that every such use case shares.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from attrs import field, frozen

from odoo_ai_config.application.deliveries import delivered, earlier_outcome
from odoo_ai_config.application.optimistic_commit import commit_decided
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.sealing import Sealing
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import Changeset, Claim
from odoo_ai_config.domain.crews import require_crews
from odoo_ai_config.domain.identifiers import CREWS, DocumentKey
from odoo_ai_config.domain.outcomes import Outcome, WriteKind
from odoo_ai_config.domain.versioning import Revision, require_version, version_of


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
    """

    revision: Revision | None
    sealing: Sealing = field(factory=lambda: Sealing({}))


async def write_document(
    store: ConfigStore,
    clock: Clock,
    request: DocumentWrite,
    decide: Callable[[Revision | None, datetime], Awaitable[Decision]],
) -> Outcome:
    """
    Commit what *decide* makes of the document's current revision.

    Raises:
        ScopeMissingError: The caller may not write documents.
        TenantForbiddenError: The caller is bound to another tenant.
        PreconditionFailedError: The document is not at the expected version.
        IdempotencyKeyReusedError: The claim came before with another body.
        InvalidValueError: It would be a ``crews`` document that crews cannot be read from.
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
        current = (await store.current((request.key,))).get(request.key)
        require_version(request.key, current, request.expected)
        decision = await decide(current, now)
        _require_well_formed(decision.revision)
        outcome = Outcome(
            WriteKind.DOCUMENT,
            request.key.owner,
            {str(request.key.kind): version_of(decision.revision or current)},
            changed=decision.revision is not None,
            at=now,
        )
        if request.dry_run:
            return Changeset(), outcome
        changeset = Changeset(
            revisions=() if decision.revision is None else (decision.revision,),
            secrets=decision.sealing.secrets,
            new_tenant_key=decision.sealing.new_tenant_key,
            sealed_under=decision.sealing.sealed_under,
            delivery=delivered(request.claim, outcome),
        )
        return changeset, outcome

    return await commit_decided(store, attempt)


def _require_well_formed(revision: Revision | None) -> None:
    if revision is not None and revision.key.kind == CREWS and not revision.deleted:
        require_crews(revision.document.body, revision.key.owner)
