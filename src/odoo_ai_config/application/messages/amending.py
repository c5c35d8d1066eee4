"""
What later events say about an earlier message: edited, transcribed, deleted, not delivered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.application.conversations.silence import key_of
from odoo_ai_config.application.credentials.sealing import Sealing
from odoo_ai_config.application.crews import CrewLookup
from odoo_ai_config.application.messages.events import EventWriter
from odoo_ai_config.application.messages.texts import MessageTexts
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.messages.inbox import (
    DELETED_REASON,
    POSTED,
    InboxMessage,
    Origin,
    Stage,
    marked_message,
)
from odoo_ai_config.domain.messages.receiving import MESSAGE_CREATED, Act, ChatwootEvent, Ignored
from odoo_ai_config.domain.subscriptions import MessageOutcome

# So many messages of a conversation are searched for edits of a deleted one.
_MOST_SEARCHED: Final = 200
# Before a crew has the text, a new one takes its place.
_NEW_TEXT = frozenset({Act.EDITED, Act.TRANSCRIBED})


@frozen(eq=False)
class Amendments:
    """
    Finds the messages that an event changes, if they can still be changed.
    """

    inbox: MessageInbox
    texts: MessageTexts
    crews: CrewLookup
    events: EventWriter

    async def by(
        self, event: ChatwootEvent, payload: SecretText, *, at: datetime
    ) -> tuple[Sequence[InboxMessage], Sealing]:
        """
        The changed messages, and the seal of a new text; none if nothing changes.
        """
        if event.act is Act.FAILED:
            return await self._undelivered(event, at), Sealing()
        if event.act is Act.DELETED:
            return await self._taken_back(event, at), Sealing()
        if event.act not in _NEW_TEXT:
            return (), Sealing()
        message = await self._created(event.origin)
        if message is None or not await self._may_change(message, event.act, at):
            return (), Sealing()
        body, sealing = await self.texts.sealed_body(message, payload, at=at)
        return (message.amended(body, at=at),), sealing

    async def too_late(self, event: ChatwootEvent) -> Ignored | None:
        """
        The reason to ignore an edit of a message whose deletion came first.
        """
        if event.act is not Act.EDITED:
            return None
        deleted = evolve(event.origin, delivery=None, edition=Act.DELETED.value)
        return Ignored.DELETED if await self.inbox.received(deleted) else None

    async def _created(self, origin: Origin) -> InboxMessage | None:
        return await self.inbox.received(
            Origin(MESSAGE_CREATED, origin.account, message=origin.message)
        )

    async def _taken_back(self, event: ChatwootEvent, at: datetime) -> Sequence[InboxMessage]:
        """
        A deleted message without its edits, and with what it gathered on its own again.
        """
        origin, key, created = event.origin, event.conversation, await self._created(event.origin)
        found = [] if key is None else await self.inbox.of_conversation(key, limit=_MOST_SEARCHED)
        edits = [
            one
            for one in found
            if (one.origin.event, one.origin.message) == (origin.event, origin.message)
            # What a customer chose in a message stays.
            and one.origin.edition != Act.CHOSEN.value
        ]
        its = [*([] if created is None else [created]), *edits]
        # Who has it in hand finds out that it is another's: no later attempt asks about it either.
        gone = [
            one.ignored(reason=DELETED_REASON, at=at)
            for one in its
            if one.lacks_answer or await self._is_part_without_answer(one)
        ]
        ids = {one.id for one in gone}
        parts = [one for one in found if one.part_of in ids and one.id not in ids]
        return *gone, *(one.released(at=at) for one in parts)

    async def _is_part_without_answer(self, message: InboxMessage) -> bool:
        whole = None if message.part_of is None else await self.inbox.find(message.part_of)
        return whole is not None and whole.lacks_answer

    async def _may_change(self, message: InboxMessage, act: Act, at: datetime) -> bool:
        """
        Whether no crew has the text of *message* in hand.
        """
        if message.stage is not Stage.QUEUED or not message.claims:
            return message.stage is Stage.QUEUED
        # Who has it finds out that it has to wait.
        rules = (await self.crews.answering(message.destination, message.origin)).rules
        transcription = rules.transcription if act is Act.TRANSCRIBED else rules.gather
        waits = max(rules.gather, transcription)
        return message.attempts == 0 and at < message.received_at + waits

    async def _undelivered(self, event: ChatwootEvent, at: datetime) -> Sequence[InboxMessage]:
        mark = None if event.seen is None else event.seen.mark
        message_id = None if mark is None else marked_message(mark)
        if mark is None or message_id is None:
            return ()
        message = await self.inbox.find(message_id)
        if message is None or message.stage not in POSTED or message.answer is None:
            return ()
        # Customers see the marks, and may send one in a conversation of their own.
        if key_of(message.origin) != event.conversation:
            return ()
        # A note is for people, and an earlier attempt does not count any more.
        if message.withheld is not None or mark not in map(message.mark, range(message.steps + 1)):
            return ()
        failed = message.undelivered(at=at)
        return (failed, *await self.events.about(MessageOutcome.DEAD, failed))
