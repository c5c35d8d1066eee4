"""
Do in Chatwoot what the crew's answer asks for, step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

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


@frozen(eq=False)
class AnswerPosting:
    """
    Posts the answer of a claimed message, unless the AI has to be silent by now.

    Each step is stored when it is done. After a crash the next worker goes on with the step that
    is not stored, and finds out whether a message was posted; the other steps may be repeated.
    """

    writer: StepWriter
    texts: MessageTexts
    reply_sender: ReplySender
    silence: SilenceCheck
    clock: Clock

    async def __call__(self, message: InboxMessage, *, unposted: bool) -> Step:
        """
        Post the answer to *message*, or what is left of it.

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
        answer = await self.texts.answer_to(message)
        if message.withheld is not None:
            return await self._post_withheld(message, answer, access, unposted=False)
        steps, known = steps_of(answer), await self.silence.marks(message)
        progress = Progress.POSTED
        for number in range(message.steps, len(steps)):
            step, mark = steps[number], message.mark(number)
            refused = None
            if (
                not unposted
                and isinstance(step, OutgoingMessage)
                and await self.reply_sender.is_posted(mark, step, access, seen=known)
            ):
                progress = Progress.FOUND_POSTED
            else:
                silence, sighting = await self._silence(message, step, access)
                if silence is not None:
                    return await self._withhold(
                        message, answer, access, silence, sighting, unposted=unposted
                    )
                refused = await self._do(step, access, mark)
            unposted = True
            if number + 1 < len(steps) or refused is not None:
                after = message.after_step(at=self.clock.now(), refused=refused)
                if not await self.writer.committed(after):
                    return Step(Progress.OVERTAKEN, message)
                message = after
        now = self.clock.now()
        return await self.writer.settled(
            progress, message, message.done(at=now), sighting=_handed_over(message, steps, at=now)
        )

    async def _silence(
        self, message: InboxMessage, step: AnswerStep, access: ConversationAccess
    ) -> tuple[Silence | None, Sighting | None]:
        if isinstance(step, OutgoingMessage) and step.private:
            # People may always read a note.
            return None, None
        # Chatwoot is asked once: in the moment of the other steps nobody takes over.
        live = None if message.steps else await self.reply_sender.live(access)
        return await self.silence.before_posting(message, live)

    async def _do(self, step: AnswerStep, access: ConversationAccess, mark: str) -> str | None:
        """
        Do one step; return its name if Chatwoot refused it and it may be left out.

        Only those may without which the customer still has the answer and people still have the
        conversation.
        """
        if isinstance(step, OutgoingMessage):
            await self.reply_sender.post(step, access, mark)
            return None
        try:
            await self.reply_sender.act(step, access)
        except ChatwootRefusedError:
            if isinstance(step, SetStatus):
                raise
            return action_of(step)
        return None

    async def _withhold(
        self,
        message: InboxMessage,
        answer: Answer,
        access: ConversationAccess,
        silence: Silence,
        sighting: Sighting | None,
        *,
        unposted: bool,
    ) -> Step:
        withheld = message.withheld_for(silence.value, at=self.clock.now())
        if not await self.writer.committed(withheld, sighting=sighting):
            return Step(Progress.OVERTAKEN, message)
        return await self._post_withheld(withheld, answer, access, unposted=unposted)

    async def _post_withheld(
        self, message: InboxMessage, answer: Answer, access: ConversationAccess, *, unposted: bool
    ) -> Step:
        known = await self.silence.marks(message)
        for number, note in enumerate(notes_of(answer, after=message.steps)):
            mark = message.mark(number)
            if unposted or not await self.reply_sender.is_posted(mark, note, access, seen=known):
                await self.reply_sender.post(note, access, mark)
        done = message.done(at=self.clock.now(), reason=message.withheld)
        return await self.writer.settled(Progress.WITHHELD, message, done)


def _handed_over(
    message: InboxMessage, steps: Sequence[AnswerStep], *, at: datetime
) -> Sighting | None:
    """
    What the hub knows about the conversation after it did *steps*.
    """
    key = key_of(message.origin)
    opened = any(isinstance(step, SetStatus) and step.status is Status.OPEN for step in steps)
    return Sighting(key, Seen(handed_over=True), at) if opened and key is not None else None
