"""
Tell subscriptions of what changes and of what becomes of messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from attrs import define, evolve, field, frozen

from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.errors import SubscriberGoneError, SubscriberUnavailableError
from odoo_ai_config.application.linking import link_soon
from odoo_ai_config.application.messages.pacing import APART, Pacing
from odoo_ai_config.application.messages.progress import Progress, Step, StepWriter
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.application.ports.token_source import TokenSource
from odoo_ai_config.application.ports.webhook_client import WebhookClient
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.application.subscriptions import (
    FEED_CURSOR,
    HUB_AUTHOR,
    ManageSubscriptions,
    Subscriptions,
    cursor_document,
    cursor_in,
)
from odoo_ai_config.application.work_signal import WorkSignal
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.conversations.state import Sighting
from odoo_ai_config.domain.documents.revisions import successor
from odoo_ai_config.domain.errors import CredentialNotFoundError
from odoo_ai_config.domain.events import (
    EventSubject,
    change_event,
    event_message,
    outcome_event,
    told_for_trial,
    told_of_change,
    told_of_outcome,
    trial_event,
)
from odoo_ai_config.domain.feed import Change, change_of
from odoo_ai_config.domain.identifiers import HUB, TenantId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId, Stage
from odoo_ai_config.domain.messages.notices import LONGEST_TELLING
from odoo_ai_config.domain.subscriptions import (
    MessageOutcome,
    Subscription,
    SubscriptionId,
    SubscriptionNotFoundError,
    SubscriptionOffError,
    subscriptions_place,
)

_RANDOM_BYTES: Final = 12
# Entries of the audit trail that one round looks at, and events that it makes at most.
_AT_A_TIME: Final = 200
# So many of the newest events that were taken show whether a receiver works.
_LATEST: Final = 20
# So many entries without an event are noted at least.
_NOTED_AFTER: Final = 1000
# Public reasons of events that are told to nobody, and of subscriptions that are off.
OFF: Final = "subscription_off"
REMOVED: Final = "unsubscribed"
GONE: Final = "subject_gone"
GONE_ADDRESS: Final = "address_gone"
FAILING: Final = "failing"
_OUTCOMES: Final = {
    Progress.POSTED: MessageOutcome.ANSWERED,
    Progress.FOUND_POSTED: MessageOutcome.ANSWERED,
    Progress.WITHHELD: MessageOutcome.HANDED_OVER,
    Progress.IGNORED: MessageOutcome.HANDED_OVER,
    Progress.DEAD: MessageOutcome.DEAD,
    Progress.UNRESOLVED: MessageOutcome.DEAD,
}


@frozen(eq=False)
class EventWriter:
    """
    Makes the messages that take events to subscriptions.
    """

    subscriptions: Subscriptions
    standings: Standings
    tokens: TokenSource
    clock: Clock

    async def about_outcome(
        self, progress: Progress, message: InboxMessage, sighting: Sighting | None
    ) -> Sequence[InboxMessage]:
        """
        The events about what became of *message* with the step *progress*.
        """
        outcome = _OUTCOMES.get(progress)
        if outcome is None:
            return ()
        if outcome is MessageOutcome.ANSWERED and sighting is not None:
            # The answer has given the conversation to people.
            outcome = MessageOutcome.HANDED_OVER
        return await self.about(outcome, message)

    async def about(
        self, outcome: MessageOutcome, message: InboxMessage
    ) -> Sequence[InboxMessage]:
        """
        The events about the *outcome* of *message*.
        """
        if message.is_notice or message.is_event:
            return ()
        tenant = await _tenant_of(message, self.standings)
        return [
            self._made(outcome_event(one.id, outcome, message), whose)
            for whose, one in await self._of((tenant,))
            if outcome in one.outcomes
        ]

    async def about_change(self, change: Change) -> Sequence[tuple[SubscriptionId, InboxMessage]]:
        """
        The events about *change*, each with the subscription that it is for.
        """
        return [
            (one.id, self._made(change_event(one.id, change), whose))
            for whose, one in await self._of(change.tenants)
            if one.is_told_of(change)
        ]

    def trial(self, id_: SubscriptionId, tenant: TenantId | None) -> InboxMessage:
        """
        An event that only shows whether the subscription *id_* of *tenant* can be told.
        """
        return self._made(trial_event(id_, self.tokens.token(_RANDOM_BYTES)), tenant)

    async def _of(
        self, tenants: Sequence[TenantId | None]
    ) -> list[tuple[TenantId | None, Subscription]]:
        found: list[tuple[TenantId | None, Subscription]] = []
        for tenant in dict.fromkeys((None, *(one for one in tenants if one != HUB))):
            subscriptions = (await self.subscriptions.of(tenant)).values()
            on = [(tenant, one) for one in subscriptions if one.off is None]
            # No commit takes an event of a closed tenant, nor what else there is in it.
            if on and (tenant is None or await self.standings.is_open(tenant)):
                found += on
        return found

    def _made(self, name: str, tenant: TenantId | None) -> InboxMessage:
        now = self.clock.now()
        id_ = MessageId.at(now, self.tokens.token(_RANDOM_BYTES))
        return event_message(name, id_, tenant, at=now)


@define(eq=False)
class AnnounceChanges:
    """
    Makes events of what the feed tells, each once, whichever process does it.

    Where it is moves in the same commit as the events are written. Nothing is read as long as
    there never was a subscription.
    """

    store: ConfigStore
    audit: AuditLog
    vault: SecretVault
    events: EventWriter
    clock: Clock
    work_signal: WorkSignal
    # So far this process has found nothing to tell behind what is stored.
    _looked: int = field(default=0, init=False)
    # When the next event of a subscription is due: many at once would keep workers from customers.
    _turns: dict[SubscriptionId, datetime] = field(factory=dict, init=False)

    async def __call__(self) -> int:
        """
        Make events of all that is new; return how many.

        Raises:
            ContentionError: Other processes make them.
            StoreUnavailableError: The store is away; the next call goes on.
        """
        if FEED_CURSOR not in await self.store.current((FEED_CURSOR,)):
            return 0
        await link_soon(self.audit, self.vault)
        total, more = 0, True
        while more:
            made, more = await commit_decided(self.store, self._next)
            total += made
            if made:
                self.work_signal.ring()
        return total

    async def _next(self) -> tuple[Changeset, tuple[int, bool]]:
        # The next events, how many they are, and whether there may be more.
        stored = (await self.store.current((FEED_CURSOR,)))[FEED_CURSOR]
        since = cursor_in(stored)
        after = max(since.number, self._looked)
        found = await self.audit.chain(after=after, limit=_AT_A_TIME)
        if found:
            # Who subscribed before these changes is told of them.
            self.events.subscriptions.forget()
        now = self.clock.now()
        self._turns = {one: due for one, due in self._turns.items() if due > now}
        messages: list[InboxMessage] = []
        for linked in found:
            change = change_of(linked, self.vault.veil)
            if change is not None:
                made = await self.events.about_change(change)
                messages += [self._in_turn(one, event) for one, event in made]
            since = linked.end
            if len(messages) >= _AT_A_TIME:
                break
        more = len(found) == _AT_A_TIME or bool(found and since != found[-1].end)
        if not messages and since.number < cursor_in(stored).number + _NOTED_AFTER:
            # To note that there was nothing would be a change itself.
            self._looked = max(since.number, after)
            return Changeset(), (0, more)
        moved = successor(stored, FEED_CURSOR, cursor_document(since), author=HUB_AUTHOR, at=now)
        revisions = () if moved is None else (moved,)
        return Changeset(messages=tuple(messages), revisions=revisions), (len(messages), more)

    def _in_turn(self, one: SubscriptionId, event: InboxMessage) -> InboxMessage:
        due = self._turns.get(one, event.received_at)
        self._turns[one] = due + timedelta(seconds=APART)
        return evolve(event, due_at=due)


@frozen(eq=False)
class EventSending:
    """
    Sends an event to its subscription.

    A receiver gets a few events at a time, and none for a while after one that it did not take.
    """

    writer: StepWriter
    standings: Standings
    subscriptions: Subscriptions
    client: WebhookClient
    audit: AuditLog
    vault: SecretVault
    inbox: MessageInbox
    clock: Clock
    pacing: Pacing

    async def send(self, message: InboxMessage, subject: EventSubject) -> Step:
        """
        Send the event *message*, which is about *subject*.

        Raises:
            SubscriberUnavailableError: It may be sent again.
            SubscriberGoneError, TargetForbiddenError: Sending it again is useless.
            SealBrokenError, MasterKeyMissingError: A secret does not open.
        """
        tenant = await _tenant_of(message, self.standings)
        one = (await self.subscriptions.of(tenant)).get(subject.subscription.value)
        if one is None:
            return await self._untold(message, REMOVED)
        if one.off is not None:
            dead = message.dead(reason=OFF, at=self.clock.now())
            return await self.writer.settled(Progress.DEAD, message, dead)
        # Nothing is read for who has to wait, and others may have begun after that.
        wait = partial(self.pacing.pause, one, tenant, trial=subject.is_trial)
        pause = wait()
        if pause:
            return await self._later(message, pause)
        body = await self._body_of(message, subject, tenant)
        if body is None:
            return await self._untold(message, GONE)
        try:
            secrets = await self.subscriptions.secrets(tenant, one)
        except CredentialNotFoundError:
            # Another process has just removed it, or its old secret: look at it again.
            self.subscriptions.forget()
            raise SubscriberUnavailableError from None
        pause = wait()
        if pause:
            return await self._later(message, pause)
        try:
            with self.pacing.sending(one, tenant):
                await self.client.post(one.url, body, id_=message.id, secrets=secrets)
        except SubscriberGoneError:
            await self.subscriptions.switch_off(tenant, one, GONE_ADDRESS)
            raise
        done = message.done(at=self.clock.now())
        return await self.writer.settled(Progress.TOLD, message, done)

    async def _later(self, message: InboxMessage, pause: float) -> Step:
        now = self.clock.now()
        later = message.waiting(until=now + timedelta(seconds=pause), at=now)
        return await self.writer.settled(Progress.WAITING, message, later)

    async def given_up(self, message: InboxMessage, subject: EventSubject) -> None:
        """
        Switch the subscription of *message*, which is given up, off if it took nothing for days.
        """
        tenant = await _tenant_of(message, self.standings)
        one = (await self.subscriptions.of(tenant)).get(subject.subscription.value)
        begin = self.clock.now() - LONGEST_TELLING
        if one is None or one.on_since > begin:
            return
        latest = await self.inbox.page([Stage.DONE], events=one.id, limit=_LATEST)
        if not any(event.updated_at > begin for event in latest):
            await self.subscriptions.switch_off(tenant, one, FAILING)

    async def _untold(self, message: InboxMessage, reason: str) -> Step:
        ignored = message.ignored(reason=reason, at=self.clock.now())
        return await self.writer.settled(Progress.IGNORED, message, ignored)

    async def _body_of(
        self, message: InboxMessage, subject: EventSubject, tenant: TenantId | None
    ) -> JsonObject | None:
        if subject.change is not None:
            found = await self.audit.chain(after=subject.change - 1, limit=1)
            change = change_of(found[0], self.vault.veil) if found else None
            if change is None:
                return None
            # It says no more than its subscriber may know.
            seen = change if tenant is None else (await self._placed(change)).seen_by(tenant)
            return None if seen is None else told_of_change(seen)
        if subject.outcome is not None and subject.message is not None:
            about = await self.inbox.find(subject.message)
            # A replay may have given it to another tenant.
            if about is None:
                return None
            is_for = tenant is None or tenant == await _tenant_of(about, self.standings)
            return told_of_outcome(subject.outcome, about) if is_for else None
        return told_for_trial(message.received_at)

    async def _placed(self, change: Change) -> Change:
        """
        *change* with the ids that its tenants have now.
        """
        places = [
            await self.standings.place(subscriptions_place(tenant)) for tenant in change.tenants
        ]
        return evolve(change, tenants=tuple(place.tenant for place in places))


@frozen(eq=False)
class SendTrial:
    """
    Sends an event to a subscription only to show whether it arrives.
    """

    store: ConfigStore
    manage: ManageSubscriptions
    events: EventWriter
    work_signal: WorkSignal

    async def __call__(
        self, tenant: TenantId | None, id_: SubscriptionId, *, caller: ApiKey
    ) -> InboxMessage:
        """
        The message that takes it.

        Raises:
            SubscriptionNotFoundError: There is no such subscription.
            SubscriptionOffError: It is told nothing.
        """
        one = (await self.manage.listed(tenant, caller=caller)).get(id_.value)
        if one is None:
            raise SubscriptionNotFoundError
        if one.off is not None:
            raise SubscriptionOffError
        message = self.events.trial(id_, tenant)
        await self.store.commit(Changeset(messages=(message,), occasion=caller.occasion))
        self.work_signal.ring()
        return message


async def _tenant_of(message: InboxMessage, standings: Standings) -> TenantId | None:
    # A worker may have a message of a renamed tenant in hand, which has all else under its new id.
    tenant = (await standings.place(message.holder)).tenant
    return None if tenant == HUB else tenant
