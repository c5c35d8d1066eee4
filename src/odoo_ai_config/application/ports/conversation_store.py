"""
Reads conversations. `ConfigStore.commit` writes them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from odoo_ai_config.domain.conversations.state import Conversation, ConversationKey
from odoo_ai_config.domain.identifiers import TenantId


class ConversationStore(Protocol):
    """
    What the hub knows about conversations.

    Every method raises `StoreUnavailableError` while the store is away.
    """

    @abstractmethod
    async def find(self, key: ConversationKey) -> Conversation | None:
        """
        The newest state of one conversation; None if no event of it has come.
        """

    @abstractmethod
    async def page(
        self,
        *,
        tenant: TenantId | None = None,
        after: ConversationKey | None = None,
        limit: int,
    ) -> Sequence[Conversation]:
        """
        At most *limit* conversations of *tenant* or of all, in the order of their names.

        *after* continues behind the last of a page.
        """

    @abstractmethod
    async def prune(self, *, before: datetime) -> int:
        """
        Remove those that were `Conversation.idle_since` *before*; return how many.

        The work is done in short steps that do not delay writers. While another process does it,
        nothing is done.
        """
