"""
Tell people in Chatwoot of customers whom the AI does not answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from attrs import define, evolve, field

from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.conversations.silence import key_of
from odoo_ai_config.application.crews import CrewLookup
from odoo_ai_config.application.errors import (
    ContentionError,
    MasterKeyMissingError,
    MessageRecordedError,
    SealBrokenError,
)
from odoo_ai_config.application.messages.reply_sender import ReplySender
from odoo_ai_config.application.messages.texts import MessageTexts
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.conversation_store import ConversationStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.application.ports.token_source import TokenSource
from odoo_ai_config.application.work_signal import WorkSignal
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.conversations.answering import (
    SHORTEST_UNANSWERED,
    AnswerRules,
)
from odoo_ai_config.domain.conversations.state import (
    Conversation,
    ConversationKey,
    Seen,
    Sighting,
    succeeding,
)
from odoo_ai_config.domain.messages.inbox import OPEN, InboxMessage, MessageId
from odoo_ai_config.domain.messages.notices import (
    Knowledge,
    cause_to_tell,
    knowledge_of,
    notice,
    notice_about,
    told_of,
)
from odoo_ai_config.domain.tenants import TenantErasedError, TenantRenamedError

_RANDOM_BYTES: Final = 12
# So many messages of each kind are looked at in one call.
MOST_AT_ONCE: Final = 200
# Of a message that got stuck earlier nobody is told any more.
TOLD_WITHIN: Final = timedelta(hours=24)
# What cannot be told now, for want of a token for instance, is looked at again after this.
_LOOKED_AT_AGAIN: Final = timedelta(minutes=10)
# The clocks of processes differ, and a commit takes its time.
_OVERLAP: Final = timedelta(minutes=1)
# After its start a hub first delivers what waited meanwhile.
WARMING_UP: Final = timedelta(minutes=1)


@define(eq=False)
class TellPeople:
    """
    Finds customers who wait in vain, and leaves a note in the conversation, a label, and it open.

    Any number of processes may do so: people are told once. What they are told is a message of
    the inbox itself, so it is as durable as an answer. A call looks at a bounded number of
    messages and the next one goes on behind them.
    """

    store: ConfigStore
    inbox: MessageInbox
    conversations: ConversationStore
    texts: MessageTexts
    crews: CrewLookup
    reply_sender: ReplySender
    tokens: TokenSource
    clock: Clock
    work_signal: WorkSignal
    # The last message of each kind that was looked at.
    _stuck: InboxMessage | None = field(default=None, init=False)
    _open: MessageId | None = field(default=None, init=False)
    _stuck_since: datetime | None = field(default=None, init=False)
    _swept_at: datetime | None = field(default=None, init=False)
    _started_at: datetime | None = field(default=None, init=False)

    async def __call__(self) -> AsyncIterator[str]:
        """
        The cause of each notice, once it is durable (`domain.messages.notices`).

        Raises:
            StoreUnavailableError: The store is away; the next call goes on.
        """
        async for message_id in self._untold():
            cause = None
            # The next sweep finds it again.
            with suppress(
                SealBrokenError,
                MasterKeyMissingError,
                ContentionError,
                TenantErasedError,
                TenantRenamedError,
            ):
                cause = await self._told(message_id)
            if cause is not None:
                self.work_signal.ring()
                yield cause

    async def _untold(self) -> AsyncIterator[MessageId]:
        now = self.clock.now()
        async for message in self._newly_stuck(now):
            yield message.id
        self._started_at = self._started_at or now
        if now >= self._started_at + WARMING_UP:
            async for message in self._waiting(now):
                yield message.id

    async def _newly_stuck(self, now: datetime) -> AsyncIterator[InboxMessage]:
        if self._swept_at is None or not now - self._swept_at < _LOOKED_AT_AGAIN:
            self._swept_at, self._stuck, self._stuck_since = now, None, now - TOLD_WITHIN
        since = self._stuck_since or now
        page = await self.inbox.untold(since, after=self._stuck, limit=MOST_AT_ONCE)
        for message in page:
            yield message
            self._stuck = message
        if len(page) < MOST_AT_ONCE:
            self._stuck, self._stuck_since = None, now - _OVERLAP

    async def _waiting(self, now: datetime) -> AsyncIterator[InboxMessage]:
        page = await self.inbox.page(OPEN, after=self._open, limit=MOST_AT_ONCE, oldest_first=True)
        for message in page:
            if message.received_at > now - SHORTEST_UNANSWERED:
                break
            yield message
            self._open = message.id
        else:
            if len(page) == MOST_AT_ONCE:
                return
        self._open = None

    async def _told(self, message_id: MessageId) -> str | None:
        async def decide() -> tuple[Changeset, str | None]:
            message = await self.inbox.find(message_id)
            key = None if message is None else key_of(message.origin)
            if message is None or key is None:
                return Changeset(), None
            now, rules = self.clock.now(), await self._rules(message)
            cause = cause_to_tell(message, rules, now=now)
            if cause is None or await self.reply_sender.access_for(message) is None:
                return Changeset(), None
            # A worker may have an open one in hand. What is known of its conversation is enough.
            settled = () if message.is_open else (message.told(at=now),)
            known = await self.conversations.find(key)
            if known is not None and told_of(message, known, rules, now=now):
                return Changeset(messages=settled), None
            conversation = await self._when_it_came(message, key, known)
            knowledge = knowledge_of(message, conversation, rules, now=now)
            if knowledge is Knowledge.NOT_THEIRS:
                return Changeset(), None
            if knowledge is Knowledge.KNOWN:
                return Changeset(messages=settled), None
            id_ = MessageId.at(now, self.tokens.token(_RANDOM_BYTES))
            telling = notice_about(message, conversation, id_, at=now)
            said = notice(cause, message, rules)
            fingerprint, sealing = await self.texts.sealed_answer(telling, said, at=now)
            return Changeset(
                messages=(*settled, evolve(telling, answer=fingerprint)),
                sightings=(Sighting(key, Seen(handed_over=True, told_people=True), now),),
                **sealing.parts,
            ), cause

        try:
            return await commit_decided(self.store, decide)
        except MessageRecordedError:
            # Another process was faster with a message of the same conversation.
            return None

    async def _rules(self, message: InboxMessage) -> AnswerRules:
        return (await self.crews.answering(message.destination, message.origin)).rules

    async def _when_it_came(
        self, message: InboxMessage, key: ConversationKey, known: Conversation | None
    ) -> Conversation:
        # Often nothing but the message itself tells in which state its conversation is.
        seen = Seen()
        with suppress(SealBrokenError, MasterKeyMissingError):
            _, seen = await self.texts.told(message)
        came = evolve(seen, came_at=message.received_at)
        return succeeding(known, Sighting(key, came, message.received_at))
