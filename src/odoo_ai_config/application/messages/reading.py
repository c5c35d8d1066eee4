"""
Which messages there are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from attrs import frozen

from odoo_ai_config.application.messages.access import listed_tenant
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId, Stage

_ALL_STAGES: Final = frozenset(Stage)


@frozen
class ListMessages:
    """
    The messages that a caller may see, without what was written.
    """

    inbox: MessageInbox

    async def __call__(
        self,
        *,
        caller: ApiKey,
        stages: Collection[Stage] = _ALL_STAGES,
        tenant: TenantId | None = None,
        after: MessageId | None = None,
        limit: int = 50,
    ) -> Sequence[InboxMessage]:
        """
        At most *limit* messages behind *after*, newest first; a bound caller sees its own only.

        Raises:
            ScopeMissingError: *caller* may not read messages.
            TenantForbiddenError: *caller* is bound to another tenant than *tenant*.
            StoreUnavailableError: The store is away.
        """
        caller.require(Scope.MESSAGES_READ)
        return await self.inbox.page(
            stages, tenant=listed_tenant(caller, tenant), after=after, limit=limit
        )
