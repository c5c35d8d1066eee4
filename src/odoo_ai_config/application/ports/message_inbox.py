"""
Reads and claims received messages. `ConfigStore.commit` writes them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from attrs import field, frozen

from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.conversations.state import ConversationKey
from odoo_ai_config.domain.credentials.secrets import Fingerprint
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId, Origin, Stage
from odoo_ai_config.domain.subscriptions import SubscriptionId


@frozen
class ClaimLimits:
    """
    How many messages a worker may claim.

    Args:
        total: The most messages of one call.
        per_tenant: The most messages of one tenant in hand, so that a tenant whose crew hangs
            does not delay the others.
        in_hand: How many the worker has already, by tenant.
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


@frozen
class Census:
    """
    How many messages are at each stage that is open or stuck; empty stages are left out.

    Args:
        messages: Those of customers, and notices to people.
        events: Those that tell a subscription of something.
    """

    messages: Mapping[Stage, StageCount] = field(factory=dict)
    events: Mapping[Stage, StageCount] = field(factory=dict)

    @classmethod
    def of(cls, counts: Iterable[tuple[bool, Stage, StageCount]]) -> Census:
        """
        The census of *counts*, of which each says first whether it is of events.
        """
        parts: tuple[dict[Stage, StageCount], dict[Stage, StageCount]] = {}, {}
        for of_events, stage, count in counts:
            parts[of_events][stage] = count
        return cls(*parts)


class MessageInbox(Protocol):
    """
    Messages by id, and the open ones in the order of each conversation.

    The head of a conversation is its oldest open message. The others of the conversation wait
    until the head is no longer open.

    Every method raises `StoreUnavailableError` while the store is away.
    """

    @abstractmethod
    def receiving(
        self, origin: Origin, incoming: IncomingMessage | None, *, now: datetime
    ) -> AbstractAsyncContextManager[InboxMessage | None]:
        """
        Prepare for the decision about a message that comes *now*, which is made within.

        It gives what `received` returns for *origin*, or None if the store does not find that
        out at once. Within, all ports over the same data may answer as of the beginning, until
        the first commit. *incoming* routes the message; it is None if that needs no route.
        """

    @abstractmethod
    def delivering(
        self, message: InboxMessage, *, now: datetime
    ) -> AbstractAsyncContextManager[None]:
        """
        Prepare for a decision about the delivery of *message*, likewise.
        """

    @abstractmethod
    async def claim(
        self, claim_limits: ClaimLimits, *, now: datetime, until: datetime
    ) -> Sequence[InboxMessage]:
        """
        Claim heads that are due at *now*, each `taken` until *until*, durably.

        No two callers, in any process, get the same message before it is due again. Tenants take
        turns, from one call to the next: a tenant with many due messages gets no more than one
        with a few. Within a tenant, messages due longest come first. The cost does not grow
        with the number of waiting messages.
        """

    @abstractmethod
    async def next_due(self, *, beside: Collection[TenantId] = ()) -> datetime | None:
        """
        When the next head is due (perhaps in the past), or None if nothing is open.

        Args:
            beside: Tenants whose heads do not count, because the worker has no room for them.
        """

    @abstractmethod
    async def recall(self, *, now: datetime) -> int:
        """
        Correct open messages written by a clock that was ahead of *now*; return how many.

        `InboxMessage.recalled` decides how. A claim keeps its duration. The work is done in short
        steps that do not delay writers.
        """

    @abstractmethod
    async def find(self, message_id: MessageId) -> InboxMessage | None:
        """
        The newest state of one message.
        """

    @abstractmethod
    async def received(self, origin: Origin) -> InboxMessage | None:
        """
        The message with the same delivery id, or the same account, message id and event.
        """

    @abstractmethod
    async def of_conversation(self, key: ConversationKey, *, limit: int) -> Sequence[InboxMessage]:
        """
        At most *limit* messages of a conversation whose text or answer is kept, newest first.
        """

    @abstractmethod
    async def answers_since(self, key: ConversationKey, since: datetime, *, limit: int) -> int:
        """
        How many messages of a conversation were answered after *since*, counted up to *limit*.
        """

    @abstractmethod
    async def untold(
        self, since: datetime, *, after: InboxMessage | None = None, limit: int
    ) -> Sequence[InboxMessage]:
        """
        At most *limit* messages with an `InboxMessage.untold_since` at *since* or later.

        They come in the order of that, then of their ids. *after* continues behind the last of a
        page.
        """

    @abstractmethod
    async def page(
        self,
        stages: Collection[Stage],
        *,
        tenant: TenantId | None = None,
        events: SubscriptionId | bool = True,
        after: MessageId | None = None,
        limit: int,
        oldest_first: bool = False,
    ) -> Sequence[InboxMessage]:
        """
        At most *limit* messages at one of *stages*, of *tenant* or of all, newest first.

        A message counts to its holder's tenant: one that belongs to nobody, to the hub's. With a
        subscription as *events* only the events to it are meant, and with False none of any.

        Newest means received last; *oldest_first* reverses the order. *after* continues behind
        the last of a page; an id that is gone ends the listing.
        """

    @abstractmethod
    async def of_persons(
        self,
        persons: Collection[Fingerprint],
        *,
        after: MessageId | None = None,
        limit: int,
    ) -> Sequence[InboxMessage]:
        """
        At most *limit* messages with one of *persons*, in the order in which they were received.

        *after* is as for `page`. The cost depends on what is found and on its conversations.
        """

    @abstractmethod
    async def unnamed(self, *, limit: int) -> Sequence[InboxMessage]:
        """
        At most *limit* messages with a text and no `persons`, in any order.
        """

    @abstractmethod
    async def name(self, message: InboxMessage, persons: Sequence[Fingerprint]) -> bool:
        """
        Give *persons* to *message*, which has none, and leave its revision as it is.

        Returns False and does nothing if it is gone, has another holder or text, or has them.
        """

    @abstractmethod
    async def census(self) -> Census:
        """
        Count what is not finished.

        The cost does not grow with the number of finished messages.
        """

    @abstractmethod
    async def prune(
        self, *, before: datetime, own: Mapping[TenantId, datetime] | None = None
    ) -> int:
        """
        Remove finished messages last written *before*, with their texts; return how many.

        For those held by a tenant in *own*, that time counts in its place. Open and stuck ones
        stay. Sealed texts go too if their message is gone or has another holder now. The work is
        done in short steps that do not delay writers. While another process does it, nothing is
        done.
        """
