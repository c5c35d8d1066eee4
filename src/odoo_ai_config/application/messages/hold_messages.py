"""
Keep a restored store from answering what was answered after its backup.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from odoo_ai_config.application.messages.delivery_steps import Trouble
from odoo_ai_config.application.optimistic_commit import commit_decided
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.messages.inbox import OPEN

_AT_A_TIME: Final = 100


@frozen
class HoldMessages:
    """
    Leave every message that was on its way to a person, who sends it on or puts it aside.

    What became of it after the backup is not known: the customer may have the answer.
    """

    store: ConfigStore
    inbox: MessageInbox
    clock: Clock

    async def __call__(self, *, actor: str) -> int:
        """
        How many there were. The audit trail says so too, even if there were none.

        Raises:
            ContentionError: Somebody goes on with the messages meanwhile.
            StoreUnavailableError: The store is away; some may be held already.
        """
        count = 0
        while held := await commit_decided(self.store, self._some):
            count += held
        now = self.clock.now()
        subject = f"messages: {count}"
        entry = AuditEntry(now, AuditAction.STORE_RESTORED, actor, None, subject)
        await self.store.commit(Changeset(audit=(entry,)))
        return count

    async def _some(self) -> tuple[Changeset, int]:
        now = self.clock.now()
        found = await self.inbox.page(OPEN, limit=_AT_A_TIME, oldest_first=True)
        held = tuple(message.dead(reason=Trouble.RESTORED.value, at=now) for message in found)
        return Changeset(messages=held), len(held)
