"""
Remove what need not be kept any longer.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import frozen

from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore, PruneReport
from odoo_ai_config.application.ports.conversation_store import ConversationStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.domain.documents.revisions import RetentionPolicy


@frozen(eq=False)
class PruneHistory:
    """
    Apply the retention policy; the server runs this periodically.
    """

    store: ConfigStore
    clock: Clock
    policy: RetentionPolicy

    async def __call__(self) -> PruneReport:
        """
        Remove old revisions, expired idempotency records, and values that nothing refers to.
        """
        return await self.store.prune(self.policy, now=self.clock.now())


_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
# A customer may write weeks after a person answered, and the AI has to be silent then, too. What
# is known of a conversation is small, and holds no text of a customer.
CONVERSATIONS_KEPT: Final = timedelta(days=365)


@frozen(eq=False)
class PruneMessages:
    """
    Remove finished messages with their texts, and what is known of conversations.

    The server runs this periodically.

    Args:
        keep: How long to keep them after they were finished, or seen last; None forever.
            Conversations are kept for `CONVERSATIONS_KEPT` at least.
    """

    inbox: MessageInbox
    conversations: ConversationStore
    clock: Clock
    keep: timedelta | None

    async def __call__(self) -> int:
        """
        Return how many messages were removed.

        Open and stuck ones stay, and so do conversations while they are paused; texts without a
        message always go.
        """
        now = self.clock.now()
        before = _NEVER if self.keep is None else now - self.keep
        removed = await self.inbox.prune(before=before)
        await self.conversations.prune(before=min(before, now - CONVERSATIONS_KEPT))
        return removed
