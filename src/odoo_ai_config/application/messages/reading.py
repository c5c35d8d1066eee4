"""
List messages, and read one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from attrs import frozen

from odoo_ai_config.application.messages.access import tenant_of, visible
from odoo_ai_config.application.messages.texts import MessageTexts
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.crews import CustomerMessage
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.answers import Answer
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId, Stage
from odoo_ai_config.domain.subscriptions import SubscriptionId

_ALL_STAGES: Final = frozenset(Stage)


@frozen(eq=False)
class ListMessages:
    """
    The messages that a caller may see, without their texts.
    """

    inbox: MessageInbox
    standings: Standings

    async def __call__(
        self,
        *,
        caller: ApiKey,
        stages: Collection[Stage] = _ALL_STAGES,
        tenant: TenantId | None = None,
        subscription: SubscriptionId | None = None,
        after: MessageId | None = None,
        limit: int = 50,
    ) -> Sequence[InboxMessage]:
        """
        At most *limit* messages behind *after*, newest first; a bound caller sees its own only.

        With a *subscription* only the events to it.

        Raises:
            TenantSuspendedError, TenantErasedError: The tenant that *caller* is bound to is not
                active.
        """
        caller.require(Scope.MESSAGES_READ)
        await self.standings.require_caller_served(caller)
        return await self.inbox.page(
            stages,
            tenant=caller.listed_tenant(tenant),
            events=subscription or True,
            after=after,
            limit=limit,
        )


@frozen
class OpenedMessage:
    """
    A message with its texts.

    Args:
        text: None if it is not stored because the message was ignored.
    """

    message: InboxMessage
    text: CustomerMessage | None
    answer: Answer | None


@frozen(eq=False)
class ReadMessage:
    """
    The state of a message; with the right scope, also what the customer wrote.
    """

    store: ConfigStore
    inbox: MessageInbox
    standings: Standings
    texts: MessageTexts
    clock: Clock

    async def __call__(self, message_id: MessageId, *, caller: ApiKey) -> InboxMessage:
        """
        The message without its texts.

        Raises:
            TenantSuspendedError, TenantErasedError: The tenant that *caller* is bound to is not
                active.
        """
        caller.require(Scope.MESSAGES_READ)
        await self.standings.require_caller_served(caller)
        return await visible(self.inbox, message_id, to=caller)

    async def opened(self, message_id: MessageId, *, caller: ApiKey) -> OpenedMessage:
        """
        The message with its texts; the read is audited first.

        Raises:
            StoreUnavailableError: The store is away; nothing was handed out.
            TenantSuspendedError, TenantErasedError: The tenant that has the message is not active.
        """
        caller.require(Scope.SECRETS_READ)
        message = await self(message_id, caller=caller)
        await self.standings.require_served(message.holder.tenant)
        text = None if message.body is None else await self.texts.read(message)
        answer = None if message.answer is None else await self.texts.answer_to(message)
        entry = AuditEntry(
            self.clock.now(),
            AuditAction.MESSAGE_READ,
            caller.id,
            tenant_of(message),
            str(message_id),
        )
        await self.store.commit(Changeset(audit=(entry,), occasion=caller.occasion))
        return OpenedMessage(message, text, answer)
