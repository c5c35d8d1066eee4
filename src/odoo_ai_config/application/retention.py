"""
Forget what need not be kept.
"""

from __future__ import annotations

from attrs import frozen

from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore, PruneReport
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
