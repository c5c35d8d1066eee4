"""
Delete one credential: its reference, and every value that it ever had.
"""

from __future__ import annotations

from itertools import islice

from attrs import frozen

from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.credentials.sealing import sealed_values
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.retention import RetentionRules
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.documents.credentials import references_in, with_fingerprints
from odoo_ai_config.domain.documents.revisions import content_of, successor, version_of
from odoo_ai_config.domain.errors import CredentialNotFoundError
from odoo_ai_config.domain.identifiers import CONFIG, CREDENTIALS, CredentialRef, TenantArea
from odoo_ai_config.domain.outcomes import MOST_NOTICES, Notice, Outcome, WriteKind


@frozen(eq=False)
class DeleteCredential:
    """
    Delete a credential. Old versions name it, but a rollback to one does not bring a value back.
    """

    store: ConfigStore
    retention: RetentionRules
    clock: Clock

    async def __call__(self, owner: TenantArea, ref: CredentialRef, *, caller: ApiKey) -> Outcome:
        """
        Delete what is sealed under *ref*; a notice tells each place that still names it.

        Raises:
            CredentialNotFoundError: Nothing is sealed under *ref*.
        """
        caller.require(Scope.CONFIG_WRITE, owner.tenant)
        key, config = owner.document(CREDENTIALS), owner.document(CONFIG)

        async def decide() -> tuple[Changeset, Outcome]:
            now = self.clock.now()
            found = await self.store.current((key, config))
            current, settings = found.get(key), content_of(found.get(config))
            marks = await sealed_values(content_of(current))
            if marks.pop(ref.value, None) is None:
                raise CredentialNotFoundError
            document = with_fingerprints(owner.tenant, marks)
            revision = successor(current, key, document, author=caller.id, at=now)
            named = await run_off_loop(
                lambda: references_in({} if settings is None else settings.body),
                cost=cost_of(settings),
            )
            without = (one.path for one in named if one.ref == ref.value)
            entry = AuditEntry(
                now, AuditAction.CREDENTIAL_DELETED, caller.id, owner.tenant, f"{owner}/{ref}"
            )
            outcome = Outcome(
                WriteKind.DOCUMENT,
                owner,
                {str(CREDENTIALS): version_of(revision)},
                changed=True,
                at=now,
                notices=tuple(
                    Notice("missing_credential", path) for path in islice(without, MOST_NOTICES)
                ),
            )
            changeset = Changeset(
                revisions=() if revision is None else (revision,),
                erased=await self.retention.erased_by(current, revision),
                audit=(entry,),
            )
            return changeset, outcome

        return await commit_decided(self.store, decide, caller.occasion)
