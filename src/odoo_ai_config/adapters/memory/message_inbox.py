"""
Received messages in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from itertools import islice

from attrs import define, evolve, field

from odoo_ai_config.adapters.memory.state import MemoryAdapter
from odoo_ai_config.application.ports.message_inbox import (
    Census,
    ClaimLimits,
    MessageInbox,
    StageCount,
)
from odoo_ai_config.domain.conversations.state import ConversationKey
from odoo_ai_config.domain.credentials.secrets import Fingerprint
from odoo_ai_config.domain.events import tells
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import (
    OPEN,
    STUCK,
    TEXT_PURPOSES,
    InboxMessage,
    MessageId,
    Origin,
    Stage,
)
from odoo_ai_config.domain.subscriptions import SubscriptionId


@define
class MemoryMessageInbox(MemoryAdapter, MessageInbox):
    """
    Looks at every message for each call: for trying things out.
    """

    # The tenant that was served last.
    _served: TenantId | None = field(default=None, init=False)

    def receiving(
        self, *_of: object, **_at: object
    ) -> AbstractAsyncContextManager[InboxMessage | None]:
        return nullcontext()

    def delivering(self, *_of: object, **_at: object) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def claim(
        self, claim_limits: ClaimLimits, *, now: datetime, until: datetime
    ) -> Sequence[InboxMessage]:
        messages, due = self.state.messages, self._due_by_tenant(now)
        free = {
            tenant: claim_limits.per_tenant - claim_limits.in_hand.get(tenant, 0) for tenant in due
        }
        turns = deque(sorted(due, key=self._turn))
        taken: list[InboxMessage] = []
        while turns and len(taken) < claim_limits.total:
            tenant = turns.popleft()
            if free[tenant] <= 0 or not due[tenant]:
                continue
            message = due[tenant].popleft().taken(until=until)
            messages[message.id] = message
            taken.append(message)
            free[tenant] -= 1
            turns.append(tenant)
            self._served = tenant
        return taken

    async def next_due(self, *, beside: Collection[TenantId] = ()) -> datetime | None:
        self._state.require_presence()
        heads = self._heads()
        return min((due for due, head in heads if head.holder.tenant not in beside), default=None)

    async def recall(self, *, now: datetime) -> int:
        messages = self.state.messages
        recalled = {id_: message.recalled(now=now) for id_, message in messages.items()}
        changed = sum(message is not messages[id_] for id_, message in recalled.items())
        messages.update(recalled)
        return changed

    async def find(self, message_id: MessageId) -> InboxMessage | None:
        return self.state.messages.get(message_id)

    async def received(self, origin: Origin) -> InboxMessage | None:
        state = self.state
        return next(map(state.messages.__getitem__, state.received(origin)), None)

    async def of_conversation(self, key: ConversationKey, *, limit: int) -> Sequence[InboxMessage]:
        found = (
            message
            for message in reversed(self.state.messages.values())
            if message.conversation == str(key)
            and (message.body is not None or message.answer is not None)
        )
        return list(islice(found, limit))

    async def answers_since(self, key: ConversationKey, since: datetime, *, limit: int) -> int:
        answered = (
            message
            for message in self.state.messages.values()
            if message.conversation == str(key)
            and message.stage is Stage.DONE
            and message.answer is not None
            and message.updated_at > since
        )
        return sum(1 for _ in islice(answered, limit))

    async def untold(
        self, since: datetime, *, after: InboxMessage | None = None, limit: int
    ) -> Sequence[InboxMessage]:
        behind = (since, "") if after is None else (after.updated_at, after.id.value)
        places = {
            (stuck_at, message.id.value): message
            for message in self.state.messages.values()
            if (stuck_at := message.untold_since) is not None
        }
        return [places[place] for place in sorted(places) if place > behind][:limit]

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
        messages = self.state.messages.values()
        ordered = iter(messages) if oldest_first else reversed(messages)
        if after is not None:
            # Skips to that entry, or to the end if it is not there.
            next((message for message in ordered if message.id == after), None)
        found = (
            message
            for message in ordered
            if message.stage in stages
            and tenant in {None, message.holder.tenant}
            and (events or not message.is_event)
            and (isinstance(events, bool) or tells(message, events))
        )
        return list(islice(found, limit))

    async def of_persons(
        self,
        persons: Collection[Fingerprint],
        *,
        after: MessageId | None = None,
        limit: int,
    ) -> Sequence[InboxMessage]:
        wanted, ordered = set(persons), iter(self.state.messages.values())
        if after is not None:
            next((message for message in ordered if message.id == after), None)
        found = (message for message in ordered if not wanted.isdisjoint(message.persons or ()))
        return list(islice(found, limit))

    async def unnamed(self, *, limit: int) -> Sequence[InboxMessage]:
        found = (
            message
            for message in self.state.messages.values()
            if message.persons is None and message.body is not None
        )
        return list(islice(found, limit))

    async def name(self, message: InboxMessage, persons: Sequence[Fingerprint]) -> bool:
        messages = self.state.messages
        known = messages.get(message.id)
        if known is None or known.persons is not None:
            return False
        if (known.holder, known.body) != (message.holder, message.body):
            return False
        messages[message.id] = evolve(known, persons=tuple(persons))
        return True

    async def census(self) -> Census:
        found: dict[tuple[bool, Stage], list[datetime]] = {}
        for one in self.state.messages.values():
            if one.stage in OPEN | STUCK:
                found.setdefault((one.is_event, one.stage), []).append(one.received_at)
        return Census.of(
            (*group, StageCount(len(times), times[0])) for group, times in found.items()
        )

    async def prune(
        self, *, before: datetime, own: Mapping[TenantId, datetime] | None = None
    ) -> int:
        state, kept, times = self.state, OPEN | STUCK, own or {}
        messages, secrets = state.messages, state.secrets
        finished = [
            message.id
            for message in messages.values()
            if message.stage not in kept
            and message.updated_at < times.get(message.holder.tenant, before)
        ]
        for id_ in finished:
            del messages[id_]
        holders = {message.id.value: message.holder for message in messages.values()}
        orphans = [
            (context, fingerprint)
            for context, fingerprint in secrets
            if context.purpose in TEXT_PURPOSES and holders.get(context.ref.value) != context.owner
        ]
        for place in orphans:
            del secrets[place]
        return len(finished)

    def _heads(self) -> Iterator[tuple[datetime, InboxMessage]]:
        heads: dict[str, InboxMessage] = {}
        for message in self._state.messages.values():
            if message.due_at is not None and message.conversation not in heads:
                heads[message.conversation] = message
                yield message.due_at, message

    def _due_by_tenant(self, now: datetime) -> dict[TenantId, deque[InboxMessage]]:
        due: dict[TenantId, deque[InboxMessage]] = {}
        for due_at, message in sorted(self._heads(), key=lambda head: head[0]):
            if due_at <= now:
                due.setdefault(message.holder.tenant, deque()).append(message)
        return due

    def _turn(self, tenant: TenantId) -> tuple[bool, TenantId]:
        # First the tenants behind the one that was served last.
        return self._served is not None and tenant <= self._served, tenant
