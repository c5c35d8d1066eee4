"""
Conversations in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from odoo_ai_config.adapters.memory.state import MemoryAdapter
from odoo_ai_config.application.ports.conversation_store import ConversationStore
from odoo_ai_config.domain.conversations.state import Conversation, ConversationKey
from odoo_ai_config.domain.identifiers import TenantId


class MemoryConversationStore(MemoryAdapter, ConversationStore):
    """
    Reads the conversations that commits brought.
    """

    async def find(self, key: ConversationKey) -> Conversation | None:
        return self.state.conversations.get(key)

    async def page(
        self,
        *,
        tenant: TenantId | None = None,
        after: ConversationKey | None = None,
        limit: int,
    ) -> Sequence[Conversation]:
        found = [
            conversation
            for key, conversation in sorted(self.state.conversations.items())
            if (after is None or key > after) and tenant in {None, conversation.tenant}
        ]
        return found[:limit]

    async def prune(self, *, before: datetime) -> int:
        old = [
            key
            for key, conversation in self.state.conversations.items()
            if conversation.idle_since is not None and conversation.idle_since < before
        ]
        for key in old:
            del self.state.conversations[key]
        return len(old)
