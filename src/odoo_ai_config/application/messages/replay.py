"""
What people do about messages: replay, discard, hold.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from attrs import frozen

from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.errors import MasterKeyMissingError, SealBrokenError
from odoo_ai_config.application.messages.access import tenant_of, visible
from odoo_ai_config.application.messages.intake import NO_ROUTE, destination_of
from odoo_ai_config.application.messages.payloads import sender_in
from odoo_ai_config.application.messages.progress import Trouble
from odoo_ai_config.application.messages.texts import MessageTexts
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.application.work_signal import WorkSignal
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.errors import DomainError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import (
    OPEN,
    STUCK,
    Destination,
    InboxMessage,
    MessageId,
    Stage,
    WrongStageError,
)
from odoo_ai_config.domain.subscriptions import SubscriptionId

MOST_AT_ONCE: Final = 100


@frozen
class Replay:
    """
    The result of replaying one message.

    Args:
        refusal: Why it was not replayed: the code of an error, or `NO_ROUTE`.
    """

    id: MessageId
    refusal: str | None = None


@frozen(eq=False)
class ReplayMessages:
    """
    Route stuck messages by the current mapping and queue them again.

    A message that gets another holder is sealed again under the new holder's key.
    """

    store: ConfigStore
    inbox: MessageInbox
    channels: ChannelDirectory
    texts: MessageTexts
    clock: Clock
    work_signal: WorkSignal

    async def __call__(
        self, message_id: MessageId, *, caller: ApiKey, dry_run: bool = False
    ) -> InboxMessage:
        """
        The message, queued; or unchanged, if still no mapping claims it.

        With *dry_run* nothing is written.

        Raises:
            TenantForbiddenError: It is not one of the caller's tenant, or goes to another.
            WrongStageError: It is not stuck, or was replayed too often.
        """
        caller.require(Scope.MESSAGES_WRITE)

        async def decide() -> tuple[Changeset, InboxMessage]:
            message = await visible(self.inbox, message_id, to=caller)
            if message.stage not in STUCK:
                raise WrongStageError(message.stage)
            own = message.is_notice or message.is_event
            body = None if own else await self.texts.body_of(message)
            destination = await self._destination(message, body)
            if destination is None:
                return Changeset(), message
            tenant = destination.owner.tenant
            caller.require_tenant(tenant)
            now = self.clock.now()
            audit = AuditEntry(
                now, AuditAction.MESSAGE_REPLAYED, caller.id, tenant, str(message_id)
            )
            replayed = message.replayed(destination, at=now)
            if body is None or replayed.holder == message.holder:
                return Changeset(messages=(replayed,), audit=(audit,)), replayed
            fingerprint, sealing = await self.texts.sealed_body(replayed, body, at=now)
            persons = await self.texts.named_in(replayed, body)
            moved = message.replayed(destination, at=now, body=fingerprint, persons=persons)
            return Changeset(messages=(moved,), audit=(audit,), **sealing.parts), moved

        message = await commit_decided(self.store, decide, caller.occasion, dry_run=dry_run)
        self.work_signal.ring()
        return message

    async def matching(
        self,
        *,
        caller: ApiKey,
        stages: Collection[Stage] = STUCK,
        tenant: TenantId | None = None,
        subscription: SubscriptionId | None = None,
        after: MessageId | None = None,
        limit: int = MOST_AT_ONCE,
    ) -> Sequence[Replay]:
        """
        Replay stuck messages, oldest first: the events to *subscription*, or all that are none.

        At most a hundred, from behind *after*. So the messages of one conversation keep their
        order, however many there are. Stages at which no message is stuck are ignored.

        Raises:
            StoreUnavailableError: The store is away; some may be queued already.
        """
        caller.require(Scope.MESSAGES_WRITE)
        found = await self.inbox.page(
            STUCK & frozenset(stages),
            tenant=caller.listed_tenant(tenant),
            events=subscription or False,
            after=after,
            limit=min(limit, MOST_AT_ONCE),
            oldest_first=True,
        )
        return await self.each([message.id for message in found], caller=caller)

    async def each(self, message_ids: Sequence[MessageId], *, caller: ApiKey) -> Sequence[Replay]:
        """
        Replay several messages; a refusal of one does not stop the others.

        Raises:
            StoreUnavailableError: The store is away; some may be queued already.
        """
        return [
            Replay(message_id, await self._refusal(message_id, caller))
            for message_id in message_ids
        ]

    async def _refusal(self, message_id: MessageId, caller: ApiKey) -> str | None:
        try:
            message = await self(message_id, caller=caller)
        except (DomainError, SealBrokenError, MasterKeyMissingError) as error:
            return error.code
        return None if message.is_open else NO_ROUTE

    async def _destination(
        self, message: InboxMessage, body: SecretText | None
    ) -> Destination | None:
        if body is None:
            # The hub itself has made it for this owner.
            return message.destination
        if message.origin.account is None:
            return None
        sender = sender_in(body)
        incoming = IncomingMessage(message.origin.account, message.origin.inbox, sender)
        route = (await self.channels.table_for(incoming)).resolve(incoming)
        return await destination_of(route, store=self.store)


@frozen(eq=False)
class DiscardMessage:
    """
    Give up a stuck message; pruning removes it later.
    """

    store: ConfigStore
    inbox: MessageInbox
    clock: Clock

    async def __call__(self, message_id: MessageId, *, caller: ApiKey) -> InboxMessage:
        """
        The message, discarded; a second time changes nothing.

        Raises:
            WrongStageError: It is not stuck.
        """
        caller.require(Scope.MESSAGES_WRITE)

        async def decide() -> tuple[Changeset, InboxMessage]:
            message = await visible(self.inbox, message_id, to=caller)
            if message.stage is Stage.DISCARDED:
                return Changeset(), message
            now = self.clock.now()
            discarded = message.discarded(at=now)
            audit = AuditEntry(
                now, AuditAction.MESSAGE_DISCARDED, caller.id, tenant_of(message), str(message_id)
            )
            return Changeset(messages=(discarded,), audit=(audit,)), discarded

        return await commit_decided(self.store, decide, caller.occasion)


_AT_A_TIME: Final = 100


@frozen(eq=False)
class HoldMessages:
    """
    Hold every open message of a restored store until a person replays or discards it.

    What happened to it after the backup is unknown: the customer may have the answer.
    """

    store: ConfigStore
    inbox: MessageInbox
    clock: Clock

    async def __call__(self, *, actor: str) -> int:
        """
        Return how many were held. The number is audited, even if it is zero.

        Raises:
            ContentionError: Delivery workers are changing the messages meanwhile.
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
