"""
Do in Chatwoot what the crew's answer asks for, step by step.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from attrs import frozen

from odoo_ai_config.application.conversations.silence import SilenceCheck, key_of
from odoo_ai_config.application.errors import ChatwootRefusedError
from odoo_ai_config.application.messages.progress import Progress, Step, StepWriter, Trouble
from odoo_ai_config.application.messages.reply_sender import ReplySender
from odoo_ai_config.application.messages.texts import MessageTexts
from odoo_ai_config.application.ports.chatwoot_client import ConversationAccess
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.domain.conversations.answering import Silence
from odoo_ai_config.domain.conversations.state import Seen, Sighting, Status
from odoo_ai_config.domain.messages.answers import (
    Answer,
    AnswerStep,
    SetStatus,
    action_of,
    notes_of,
    steps_of,
)
from odoo_ai_config.domain.messages.inbox import InboxMessage
from odoo_ai_config.domain.messages.outgoing import OutgoingMessage

_ENDS: Final = frozenset({Status.RESOLVED, Status.SNOOZED})


class _UnwantedError(Exception):
    """
    The AI has to be silent by now, for *silence*.
    """

    def __init__(self, silence: Silence, sighting: Sighting | None) -> None:
        super().__init__(silence)
        self.silence = silence
        self.sighting = sighting


class _RequireWanted(Protocol):
    """
    Raises `_UnwantedError` if the AI has to be silent; where told to *ask*, as Chatwoot says now.
    """

    async def __call__(self, *, ask: bool = True) -> None: ...


async def _always_wanted(*, ask: bool = True) -> None:
    """
    For what people get in any case.
    """


@frozen(eq=False)
class AnswerPosting:
    """
    Posts the answer of a claimed message, unless the AI has to be silent by now.

    Each step is stored when it is done. After a crash the next worker goes on with the step that
    is not stored, and finds out whether a message was posted; the other steps may be repeated.

    Args:
        lease: How long the worker has for the next step.
    """

    writer: StepWriter
    texts: MessageTexts
    reply_sender: ReplySender
    silence: SilenceCheck
    clock: Clock
    lease: timedelta

    async def post(self, message: InboxMessage, answer: Answer | None, *, unposted: bool) -> Step:
        """
        Do the next step of the *answer* to *message*, which is opened if it is not given.

        *unposted*: there was no attempt before.

        Raises:
            ChatwootUnavailableError: It may be tried again.
            ChatwootRefusedError: Trying again is useless.
            SealBrokenError, MasterKeyMissingError: The answer does not open.
        """
        access = await self.reply_sender.access_for(message)
        if access is None:
            reason = Trouble.CHATWOOT_UNCONFIGURED.value
            dead = message.dead(reason=reason, at=self.clock.now())
            return await self.writer.settled(Progress.DEAD, message, dead)
        if answer is None:
            answer = await self.texts.answer_to(message)
        # Nothing came back of what was not posted yet.
        known = () if unposted else await self.silence.marks(message)
        if message.withheld is not None:
            return await self._post_withheld(message, answer, access, known, unposted=unposted)
        steps, number = steps_of(answer), message.steps
        step, mark = steps[number], message.mark(number)
        progress, refused = Progress.POSTED, None
        if not unposted and await self._is_posted(step, access, mark, known):
            progress = Progress.FOUND_POSTED
        else:
            require_wanted = partial(
                self._require_wanted, message, steps[: number + 1], access, unposted=unposted
            )
            try:
                if _is_end(step) and await self.silence.more_waits(message):
                    # The customer has written again, and would wait in what is done or rests.
                    refused = action_of(step)
                else:
                    refused = await self._do(step, access, mark, require_wanted)
            except _UnwantedError as found:
                now = self.clock.now()
                withheld = message.withheld_for(
                    found.silence.value, at=now, until=now + self.lease
                )
                return await self.writer.settled(
                    Progress.STEP_DONE, message, withheld, sighting=found.sighting
                )
        now = self.clock.now()
        if number + 1 < len(steps):
            after = message.after_step(at=now, until=now + self.lease, refused=refused)
            return await self.writer.settled(Progress.STEP_DONE, message, after)
        why = None if answer.silence is None else answer.silence.value
        done = message.done(at=now, reason=why, refused=refused)
        return await self.writer.settled(
            progress, message, done, sighting=_handed_over(message, steps, at=now)
        )

    async def _require_wanted(
        self,
        message: InboxMessage,
        steps: Sequence[AnswerStep],
        access: ConversationAccess,
        *,
        unposted: bool,
        ask: bool = True,
    ) -> None:
        """
        Refuse the last of *steps* if the AI has to be silent; *ask* Chatwoot, too.
        """
        *earlier, step = steps
        # People may always read a note, and a notice is for them as a whole. What follows on the
        # messages is a part of them: once the hub has opened the conversation, it looks as if a
        # person had taken it. But what was put off must not end a conversation that a person has
        # by now.
        ends = _is_end(step) and not unposted
        follows = step.private if isinstance(step, OutgoingMessage) else earlier and not ends
        if message.is_notice or follows:
            return
        # Chatwoot is asked once by each worker: in the moment of the other steps nobody takes
        # over.
        visible = any(isinstance(one, OutgoingMessage) and not one.private for one in earlier)
        late = not unposted or (isinstance(step, OutgoingMessage) and bool(step.attachments))
        asks = ask and (late or not visible)
        live = await self.reply_sender.live(access) if asks else None
        # It may be the work of a worker that was lost.
        made = step.status if isinstance(step, SetStatus) and not unposted else None
        silence, sighting = await self.silence.before_posting(message, live, made=made)
        if silence is not None:
            raise _UnwantedError(silence, sighting)

    async def _is_posted(
        self, step: AnswerStep, access: ConversationAccess, mark: str, seen: Collection[str]
    ) -> bool:
        """
        Whether *step* is a message with *mark* in Chatwoot; *seen* came back with its events.
        """
        if not isinstance(step, OutgoingMessage):
            return False
        chatwoot = self.reply_sender.chatwoot
        return mark in seen or await chatwoot.has_mark(access, mark, private=step.private)

    async def _do(
        self,
        step: AnswerStep,
        access: ConversationAccess,
        mark: str,
        require_wanted: _RequireWanted = _always_wanted,
    ) -> str | None:
        """
        Do one step; return its name if Chatwoot refused it and it may be left out.

        Only those may without which the customer still has the answer and people still have the
        conversation.
        """
        if isinstance(step, OutgoingMessage):
            if step.attachments:
                # What nobody gets is not fetched. While it is, a person may come in.
                await require_wanted(ask=False)
            chatwoot = self.reply_sender.chatwoot
            await chatwoot.post(access, step, mark=mark, at_hand=require_wanted)
            return None
        await require_wanted()
        try:
            await self.reply_sender.act(step, access)
        except ChatwootRefusedError:
            if isinstance(step, SetStatus):
                raise
            return action_of(step)
        return None

    async def _post_withheld(
        self,
        message: InboxMessage,
        answer: Answer,
        access: ConversationAccess,
        known: Collection[str],
        *,
        unposted: bool,
    ) -> Step:
        for number, note in enumerate(notes_of(answer, after=message.steps)):
            mark = message.mark(number)
            if unposted or not await self._is_posted(note, access, mark, known):
                await self._do(note, access, mark)
        done = message.done(at=self.clock.now(), reason=message.withheld)
        return await self.writer.settled(Progress.WITHHELD, message, done)


def _is_end(step: AnswerStep) -> bool:
    return isinstance(step, SetStatus) and step.status in _ENDS


def _handed_over(
    message: InboxMessage, steps: Sequence[AnswerStep], *, at: datetime
) -> Sighting | None:
    """
    What the hub knows about the conversation after it did *steps*.
    """
    key = key_of(message.origin)
    opened = any(isinstance(step, SetStatus) and step.status is Status.OPEN for step in steps)
    return Sighting(key, Seen(handed_over=True), at) if opened and key is not None else None
