"""
Where received messages wait and are kept. They are written through `ConfigStore.commit`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId, Origin, Stage


@frozen
class ClaimLimits:
    """
    How much a worker can take on.

    Args:
        total: Messages at most.
        per_tenant: Messages of one tenant that it may have in hand at most, so that one
            tenant whose crew hangs does not keep the others' messages waiting.
        in_hand: What it has in hand already, by tenant.
    """

    total: int
    per_tenant: int
    in_hand: Mapping[TenantId, int]


@frozen
class StageCount:
    """
    How many messages are at a stage, and when the oldest of them was received.
    """

    count: int
    oldest: datetime


class MessageInbox(Protocol):
    """
    Messages by id, and the open ones in the order of each conversation.

    The head of a conversation is the open message in it that was received first. Others wait
    until it is not open any more; the messages of other conversations do not.
    Every method raises `StoreUnavailableError` while the store is away.
    """

    @abstractmethod
    async def claim(
        self, claim_limits: ClaimLimits, *, now: datetime, until: datetime
    ) -> Sequence[InboxMessage]:
        """
        Take over heads that are due at *now*, each `taken` until *until*, durably.

        No two callers, in whatever processes, get the same one before it is due again. Tenants
        take turns: one with many due messages gets no more than others as long as they have
        any, and the turn goes on from one call to the next. Those due longest come first
        within a tenant. What it costs does not grow with the number of messages that wait.
        """

    @abstractmethod
    async def next_due(self, *, beside: Collection[TenantId] = ()) -> datetime | None:
        """
        When the next head is due (perhaps in the past), or None if nothing is open.

        Args:
            beside: Tenants whose heads do not count: there is no room for any.
        """

    @abstractmethod
    async def recall(self, *, now: datetime) -> int:
        """
        Bring forward what was written by a clock that was ahead of *now*; say how much it was.

        Each open message becomes what `InboxMessage.recalled` makes of it. Whoever has claimed it
        keeps it for as long as it was to be. It works in short steps that do not hold writers up.
        """

    @abstractmethod
    async def find(self, message_id: MessageId) -> InboxMessage | None:
        """
        The newest state of one message.
        """

    @abstractmethod
    async def received(self, origin: Origin) -> InboxMessage | None:
        """
        The message of the same delivery id, or of the same account, message id and event.
        """

    @abstractmethod
    async def page(
        self,
        stages: Collection[Stage],
        *,
        tenant: TenantId | None = None,
        after: MessageId | None = None,
        limit: int,
        oldest_first: bool = False,
    ) -> Sequence[InboxMessage]:
        """
        At most *limit* messages at one of *stages*, of *tenant* or of all, newest first.

        A message is of its holder's tenant, so that those that belong to nobody are the hub's.

        Newest is the one received last; *oldest_first* turns the order round. *after* continues
        behind the last of a page; one that is not there any more ends the listing.
        """

    @abstractmethod
    async def census(self) -> Mapping[Stage, StageCount]:
        """
        What is where; stages without a message are left out.
        """

    @abstractmethod
    async def prune(self, *, before: datetime) -> int:
        """
        Remove finished messages last written *before* with what is sealed of them; say how many.

        Open and stuck ones stay. Sealed texts go too whose message is not there or belongs to
        somebody else now. It works in short steps that do not hold writers up.
        """
