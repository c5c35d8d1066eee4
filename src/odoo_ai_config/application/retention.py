"""
Forget what need not be kept.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import frozen

from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore, PruneReport
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.domain.documents.revisions import RetentionPolicy


@frozen
class PruneHistory:
    """
    Apply the retention policy; the server does it from time to time.
    """

    store: ConfigStore
    clock: Clock
    policy: RetentionPolicy

    async def __call__(self) -> PruneReport:
        """
        Remove old revisions, expired deliveries and values that nothing names any more.

        Raises:
            StoreUnavailableError: The store is away; what is left is removed next time.
        """
        return await self.store.prune(self.policy, now=self.clock.now())


_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


@frozen
class PruneMessages:
    """
    Remove finished messages and their texts; the server does it from time to time.

    Args:
        keep: For how long after they were finished; None for ever.
    """

    inbox: MessageInbox
    clock: Clock
    keep: timedelta | None

    async def __call__(self) -> int:
        """
        How many were removed. Open and stuck ones stay; texts without a message go in any case.

        Raises:
            StoreUnavailableError: The store is away; what is left is removed next time.
        """
        before = _NEVER if self.keep is None else self.clock.now() - self.keep
        return await self.inbox.prune(before=before)
