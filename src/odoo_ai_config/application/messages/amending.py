"""
What later events say about an earlier message: edited, transcribed, deleted, not delivered.
"""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from odoo_ai_config.application.credentials.sealing import Sealing
from odoo_ai_config.application.crews import CrewLookup
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
from odoo_ai_config.domain.messages.receiving import MESSAGE_CREATED, Act, ChatwootEvent

# Before a crew has the text, a new one takes its place.
_NEW_TEXT = frozenset({Act.EDITED, Act.TRANSCRIBED})


@frozen(eq=False)
class Amendments:
    """
    Finds the message that an event changes, if it can still be changed.
    """

    inbox: MessageInbox
    texts: MessageTexts
    crews: CrewLookup

    async def by(
        self, event: ChatwootEvent, payload: SecretText, *, at: datetime
    ) -> tuple[InboxMessage, Sealing] | None:
        """
        The changed message, and the seal of its new text; None if nothing changes.
        """
        if event.act is Act.FAILED:
            return await self._undelivered(event, at)
        if event.act not in _NEW_TEXT and event.act is not Act.DELETED:
            return None
        origin = event.origin
        message = await self.inbox.received(
            Origin(MESSAGE_CREATED, origin.account, message=origin.message)
        )
        if message is None or message.stage is not Stage.QUEUED:
            return None
        if await self._may_be_asked(message, event.act, at):
            return None
        if event.act is Act.DELETED:
            return message.ignored(reason=DELETED_REASON, at=at), Sealing()
        body, sealing = await self.texts.sealed_body(message, payload, at=at)
        return message.amended(body, at=at), sealing

    async def _may_be_asked(self, message: InboxMessage, act: Act, at: datetime) -> bool:
        """
        Whether a crew may have the text of *message* in hand.
        """
        if not message.claims:
            return False
        # Who has it finds out that it has to wait.
        rules = (await self.crews.answering(message.destination, message.origin)).rules
        transcription = rules.transcription if act is Act.TRANSCRIBED else rules.gather
        waits = max(rules.gather, transcription)
        return message.attempts > 0 or at >= message.received_at + waits

    async def _undelivered(
        self, event: ChatwootEvent, at: datetime
    ) -> tuple[InboxMessage, Sealing] | None:
        mark = None if event.seen is None else event.seen.mark
        message_id = None if mark is None else marked_message(mark)
        if mark is None or message_id is None:
            return None
        message = await self.inbox.find(message_id)
        if message is None or message.stage not in POSTED or message.answer is None:
            return None
        # A note is for people, and an earlier attempt does not count any more.
        if message.withheld is not None or mark not in map(message.mark, range(message.steps + 1)):
            return None
        return message.undelivered(at=at), Sealing()
