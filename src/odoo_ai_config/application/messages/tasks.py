"""
What a crew is given: the message, what came with it, and what was said before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import accumulate, islice, takewhile
from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.application.conversations.silence import key_of
from odoo_ai_config.application.errors import SealBrokenError
from odoo_ai_config.application.messages.texts import MessageTexts
from odoo_ai_config.application.ports.conversation_store import ConversationStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.domain.conversations.answering import AnswerRules
from odoo_ai_config.domain.conversations.state import ConversationKey, Wrote
from odoo_ai_config.domain.crews import CrewTask, CustomerMessage, Utterance
from odoo_ai_config.domain.messages.inbox import DELETED_REASON, InboxMessage, Origin, Stage
from odoo_ai_config.domain.messages.receiving import MESSAGE_CREATED

# A burst waits at most so many times as long as the customer must be quiet.
_LONGEST_BURST: Final = 4
_MOST_WAITING: Final = 50
# Mostly none waits behind a message that gathers nothing.
_FEW_WAITING: Final = 5
# If more wait behind a message, more are read, up to this.
_MOST_READ: Final = 5000
_WIDER: Final = 8
_AUDIO: Final = "audio"
# Characters of a history. Many services take bodies of 1 MiB only, and JSON may need six bytes for
# a character.
MOST_TOLD: Final = 64 * 1024
# So many texts of a history are open at once: each may be as long as a request.
MOST_OPENED: Final = 8


@frozen
class Surroundings:
    """
    The other messages of a conversation around the one that a crew is asked about.

    Args:
        newer: Those that wait behind it for the same crew, oldest first, at most 50.
        parts: Those that were gathered into it, oldest first.
        older: Those before it, newest first.
    """

    newer: tuple[InboxMessage, ...] = ()
    parts: tuple[InboxMessage, ...] = ()
    older: tuple[InboxMessage, ...] = ()


@frozen(eq=False)
class CrewTasks:
    """
    Makes the tasks of crews.
    """

    inbox: MessageInbox
    conversations: ConversationStore
    texts: MessageTexts

    async def has_in_hand(self, message: InboxMessage) -> bool:
        """
        Whether *message* is stored as its worker knows it.
        """
        stored = await self.inbox.find(message.id)
        return stored is not None and stored.revision == message.revision

    async def around(self, message: InboxMessage, rules: AnswerRules) -> Surroundings:
        """
        The messages around *message*, as far as *rules* need them.
        """
        key = key_of(message.origin)
        # One that is whole may have gathered others by earlier rules.
        if key is None or not (rules.gather or rules.history or message.is_whole):
            return Surroundings()
        waiting = _MOST_WAITING if rules.gather or message.is_whole else _FEW_WAITING
        found, place = await self._around(message, key, waiting + rules.history)
        behind = found[:place][::-1]
        queued = [one for one in behind if one.stage is Stage.QUEUED]
        same = takewhile(partial(_for_the_same_crew, message), queued)
        return Surroundings(
            tuple(islice(same, _MOST_WAITING)),
            tuple(one for one in behind if one.part_of == message.id),
            tuple(found[place + 1 :]),
        )

    async def _around(
        self, message: InboxMessage, key: ConversationKey, most: int
    ) -> tuple[list[InboxMessage], int]:
        """
        The newest messages of a conversation, newest first, and which of them is *message*.
        """
        while True:
            read = await self.inbox.of_conversation(key, limit=most)
            # What another owner has, or had, of the conversation is not for this one's crew, and
            # what the customer took back is for nobody.
            found = [
                one
                for one in read
                if one.holder == message.holder and one.reason != DELETED_REASON
            ]
            ids = [one.id for one in found]
            if message.id in ids:
                return found, ids.index(message.id)
            if len(read) < most or most >= _MOST_READ:
                return [], 0
            most = min(most * _WIDER, _MOST_READ)

    async def task(
        self,
        message: InboxMessage,
        read: CustomerMessage,
        around: Surroundings,
        rules: AnswerRules,
        *,
        now: datetime,
    ) -> CrewTask:
        """
        The task about *message*, which says *read*, and what was gathered into it.
        """
        parts = [read, *[await self.texts.read(part) for part in around.parts]]
        history = await self._history(message, around, rules, now=now)
        whole = _joined(parts)
        return CrewTask(
            message,
            evolve(whole, quoted=whole.quoted or await self._quoted(message, whole)),
            parts=tuple(parts[1:]),
            history=history,
            newer_waiting=len(around.newer),
        )

    async def _history(
        self, message: InboxMessage, around: Surroundings, rules: AnswerRules, *, now: datetime
    ) -> tuple[Utterance, ...]:
        key = key_of(message.origin)
        if not rules.history or key is None or not around.older:
            return ()
        known = await self.conversations.find(key)
        echoed = frozenset(() if known is None else known.marks)
        oldest = now - rules.history_age
        recent = [one for one in around.older if one.received_at >= oldest]
        said: list[Utterance] = []
        # Newest first: what is older than those that are told stays sealed.
        while recent and len(said) < rules.history:
            most = min(MOST_OPENED, rules.history - len(said))
            few, recent = recent[:most], recent[most:]
            opened = await asyncio.gather(*(self._said(one, echoed) for one in few))
            said = [utterance for several in reversed(opened) for utterance in several] + said
        newest = sorted(said, key=lambda one: one.at)[-rules.history :]
        lengths = accumulate(len(one.text) for one in reversed(newest))
        fit = sum(length <= MOST_TOLD for length in lengths)
        return tuple(newest[len(newest) - fit :])

    async def _said(self, message: InboxMessage, echoed: frozenset[str]) -> list[Utterance]:
        try:
            written = None if message.body is None else await self.texts.utterance(message)
            answered = [] if message.mark(0) in echoed else await self._answered(message)
        except SealBrokenError:
            # Its text was removed meanwhile.
            return []
        return answered if written is None else [written, *answered]

    async def _answered(self, message: InboxMessage) -> list[Utterance]:
        if message.stage is not Stage.DONE or message.answer is None or message.withheld:
            return []
        answer = await self.texts.answer_to(message)
        return [
            Utterance(message.updated_at, Wrote.AI, one.text)
            for one in answer.messages
            if one.text and not one.private
        ]

    async def _quoted(self, message: InboxMessage, read: CustomerMessage) -> str | None:
        account, reply = message.origin.account, read.in_reply_to
        if account is None or reply is None or reply.id is None:
            return None
        quoted = await self.inbox.received(Origin(MESSAGE_CREATED, account, message=reply.id))
        if quoted is None or quoted.body is None or quoted.holder != message.holder:
            return None
        return (await self.texts.read(quoted)).text


def wait_until(
    message: InboxMessage, read: CustomerMessage, around: Surroundings, rules: AnswerRules
) -> datetime | None:
    """
    When the crew of *message* may be asked: once the customer is quiet, and a voice is text.

    None if it need not wait. A message whose crew was asked before does not wait again.
    """
    if message.is_whole:
        return None
    waits: list[timedelta] = []
    if rules.gather:
        newest = max(one.received_at for one in (message, *around.newer))
        quiet = newest - message.received_at + rules.gather
        waits.append(min(quiet, _LONGEST_BURST * rules.gather))
    if rules.transcription and any(
        file.kind == _AUDIO and file.transcription is None for file in read.attachments
    ):
        waits.append(rules.transcription)
    return message.received_at + max(waits) if waits else None


def _for_the_same_crew(message: InboxMessage, other: InboxMessage) -> bool:
    crews = [one.destination and one.destination.crew for one in (message, other)]
    return crews[0] == crews[1]


def _joined(parts: Sequence[CustomerMessage]) -> CustomerMessage:
    if len(parts) == 1:
        return parts[0]
    texts = [part.text for part in parts if part.text]
    return evolve(
        # The newest tells the present state of the conversation.
        parts[-1],
        text="\n".join(texts) or None,
        attachments=tuple(file for part in parts for file in part.attachments),
    )
