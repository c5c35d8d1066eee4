"""
Put a stuck message aside.
"""

from __future__ import annotations

from attrs import frozen

from odoo_ai_config.application.messages.access import tenant_of, visible
from odoo_ai_config.application.optimistic_commit import commit_decided
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId, Stage


@frozen
class DiscardMessage:
    """
    Decide that nothing will become of a message; pruning removes it in time.
    """

    store: ConfigStore
    inbox: MessageInbox
    clock: Clock

    async def __call__(
        self, message_id: MessageId, *, caller: ApiKey, request_id: str | None = None
    ) -> InboxMessage:
        """
        The message, discarded; a second time changes nothing.

        Raises:
            ScopeMissingError: *caller* may not write messages.
            MessageNotFoundError: There is no such message.
            TenantForbiddenError: It is not one of the caller's tenant.
            WrongStageError: It is not stuck.
            ContentionError: Too many writers at a time.
            StoreUnavailableError: The store is away.
        """
        caller.require(Scope.MESSAGES_WRITE)

        async def decide() -> tuple[Changeset, InboxMessage]:
            message = await visible(self.inbox, message_id, to=caller)
            if message.stage is Stage.DISCARDED:
                return Changeset(), message
            now = self.clock.now()
            discarded = message.discarded(at=now)
            audit = AuditEntry(
                now,
                AuditAction.MESSAGE_DISCARDED,
                caller.id,
                tenant_of(message),
                str(message_id),
                request_id,
            )
            return Changeset(messages=(discarded,), audit=(audit,)), discarded

        return await commit_decided(self.store, decide)
