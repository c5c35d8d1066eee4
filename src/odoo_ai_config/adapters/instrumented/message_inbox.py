"""
Times what is asked of the messages in a store.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from odoo_ai_config.adapters.instrumented.timing import Observe, Timed
from odoo_ai_config.application.ports.message_inbox import ClaimLimits, MessageInbox, StageCount
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId, Origin, Stage


class InstrumentedMessageInbox(MessageInbox):
    """
    Another inbox, with its operations timed.
    """

    def __init__(self, inbox: MessageInbox, observe: Observe) -> None:
        self._inbox = inbox
        self._observe = observe

    async def claim(
        self, claim_limits: ClaimLimits, *, now: datetime, until: datetime
    ) -> Sequence[InboxMessage]:
        with Timed(self._observe, "claim"):
            return await self._inbox.claim(claim_limits, now=now, until=until)

    async def next_due(self, *, beside: Collection[TenantId] = ()) -> datetime | None:
        with Timed(self._observe, "next_due"):
            return await self._inbox.next_due(beside=beside)

    async def recall(self, *, now: datetime) -> int:
        with Timed(self._observe, "recall"):
            return await self._inbox.recall(now=now)

    async def find(self, message_id: MessageId) -> InboxMessage | None:
        with Timed(self._observe, "message"):
            return await self._inbox.find(message_id)

    async def received(self, origin: Origin) -> InboxMessage | None:
        with Timed(self._observe, "received"):
            return await self._inbox.received(origin)

    async def page(
        self,
        stages: Collection[Stage],
        *,
        tenant: TenantId | None = None,
        after: MessageId | None = None,
        limit: int,
        oldest_first: bool = False,
    ) -> Sequence[InboxMessage]:
        with Timed(self._observe, "messages"):
            return await self._inbox.page(
                stages, tenant=tenant, after=after, limit=limit, oldest_first=oldest_first
            )

    async def census(self) -> Mapping[Stage, StageCount]:
        with Timed(self._observe, "census"):
            return await self._inbox.census()

    async def prune(self, *, before: datetime) -> int:
        with Timed(self._observe, "prune_messages"):
            return await self._inbox.prune(before=before)
