"""
Ask the crew of a message for an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final, TypeAlias

from attrs import evolve, frozen

from odoo_ai_config.application.conversations.silence import SilenceCheck, sighting_of
from odoo_ai_config.application.crews import Answering, CrewLookup
from odoo_ai_config.application.errors import ContentionError, TenantKeyChangedError
from odoo_ai_config.application.messages.progress import Progress, Step, StepWriter, Trouble
from odoo_ai_config.application.messages.reply_sender import ReplySender
from odoo_ai_config.application.messages.tasks import CrewTasks, Surroundings, wait_until
from odoo_ai_config.application.messages.texts import MessageTexts
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.crew_client import CrewClient
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.conversations.answering import Silence
from odoo_ai_config.domain.conversations.state import Sighting
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Crew, CrewTask, CustomerMessage
from odoo_ai_config.domain.errors import (
    CredentialNotFoundError,
    CrewNotFoundError,
    InvalidValueError,
    RevisionConflictError,
)
from odoo_ai_config.domain.messages.answers import DEFERRED, NO_REPLY, Answer, Deferred, NoReply
from odoo_ai_config.domain.messages.inbox import Destination, InboxMessage
from odoo_ai_config.domain.tenants import TenantErasedError, TenantRenamedError

# How many rotations of a tenant's key may happen between sealing and committing an answer.
_SEALINGS: Final = 3

# The crew with the secret that it signs with, the task, and what is new to the hub.
_Question: TypeAlias = tuple[Crew, SecretText | None, CrewTask, Sighting | None]


@frozen(eq=False)
class CrewAsking:
    """
    Gets an answer to a claimed message from its crew, or finds out that there is none.

    Args:
        lease: How long the worker that got an answer from a crew has to post it.
    """

    writer: StepWriter
    inbox: MessageInbox
    standings: Standings
    texts: MessageTexts
    crews: CrewLookup
    crew_client: CrewClient
    tasks: CrewTasks
    silence: SilenceCheck
    reply_sender: ReplySender
    clock: Clock
    lease: timedelta

    async def ask(self, message: InboxMessage, on_asking: Callable[[Crew], None]) -> Step:
        """
        Ask the crew of *message*, unless the AI is silent or the message has to wait.

        *on_asking* is called with the crew before it is asked.

        Raises:
            CrewUnavailableError: It may be tried again.
            CrewRefusedError, TargetForbiddenError: Trying again is useless.
            SealBrokenError, MasterKeyMissingError: The text does not open.
        """
        async with self.inbox.delivering(message, now=self.clock.now()):
            question = await self._question(message)
        if isinstance(question, Step):
            return question
        crew, secret, task, sighting = question
        on_asking(crew)
        said = await self._said(message, crew, task, secret)
        if isinstance(said, Answer):
            return await self._answered(message, said, crew.name, sighting)
        now = self.clock.now()
        progress, after = Progress.NO_REPLY, message.without_reply(at=now)
        if said is DEFERRED:
            progress = Progress.AWAITING
            after = message.awaiting(until=now + crew.patience, at=now)
        return await self.writer.settled(
            progress, message, after, crew=crew.name, sighting=sighting
        )

    async def _question(self, message: InboxMessage) -> _Question | Step:
        """
        What the crew is asked; the step of a message whose crew is not asked now.
        """
        # A renamed tenant is served under its new id, where its messages are still to follow.
        owner = await self.standings.place(message.holder)
        if not await self.standings.is_served(owner.tenant):
            ignored = message.ignored(reason=Silence.SUSPENDED.value, at=self.clock.now())
            return await self.writer.settled(Progress.IGNORED, message, ignored)
        found = await self._crew_of(message.destination)
        if isinstance(found, str):
            unresolved = message.unresolved(reason=found, at=self.clock.now())
            return await self.writer.settled(Progress.UNRESOLVED, message, unresolved)
        crew, secret = found
        answering = await self.crews.answering(message.destination, message.origin)
        rules = answering.rules
        read, seen = await self.texts.told(message)
        around = await self.tasks.around(message, rules)
        now = self.clock.now()
        sighting = sighting_of(message, seen, at=now)
        ended = await self._unasked(message, read, around, sighting, answering)
        if ended is not None:
            return ended
        if rules.gather and not message.is_whole:
            # With the message itself, before its crew is asked: who was too slow must neither
            # gather into one that is done, nor ask about less than others gathered.
            whole = message.gathering(at=now)
            gathered = (one.gathered(message.id, at=now) for one in around.newer)
            step = await self.writer.settled(Progress.STEP_DONE, message, whole, *gathered)
            if step.progress is Progress.OVERTAKEN and await self.tasks.has_in_hand(message):
                # One of the others has changed: the same worker looks again.
                return Step(Progress.STEP_DONE, message)
            return step
        task = await self.tasks.task(message, read, around, rules, now=now)
        # What an earlier message has told needs no write with the answer.
        return crew, secret, task, await self.silence.news(sighting)

    async def _said(
        self, message: InboxMessage, crew: Crew, task: CrewTask, secret: SecretText | None
    ) -> Answer | Deferred | NoReply:
        if not crew.typing:
            return await self.crew_client.ask(crew, task, secret=secret)
        typing = partial(self.reply_sender.typing, message)
        # Beside the question: the answer does not wait for Chatwoot.
        shown = asyncio.create_task(typing(on=True))
        said: Answer | Deferred | NoReply = NO_REPLY
        try:
            said = await self.crew_client.ask(crew, task, secret=secret)
        finally:
            shown.cancel()
            await asyncio.wait({shown})
            # A message ends it, and a crew that answers later still writes.
            if said is NO_REPLY:
                await typing(on=False)
        return said

    async def _unasked(
        self,
        message: InboxMessage,
        read: CustomerMessage,
        around: Surroundings,
        sighting: Sighting | None,
        answering: Answering,
    ) -> Step | None:
        """
        The step of a message whose crew is not asked now; None if it is.
        """
        now = self.clock.now()
        until = wait_until(message, read, around, answering.rules)
        if until is not None and now < until:
            waiting = message.waiting(until=until, at=now)
            return await self.writer.settled(Progress.WAITING, message, waiting)
        if sighting is None:
            return None
        instead = await self.silence.before_asking(sighting, answering)
        if instead is None:
            return None
        if isinstance(instead, Answer):
            told = evolve(sighting.seen, told_closed=instead.silence is Silence.OUTSIDE_HOURS)
            return await self._answered(message, instead, None, evolve(sighting, seen=told))
        ignored = message.ignored(reason=instead.value, at=now)
        return await self.writer.settled(Progress.IGNORED, message, ignored, sighting=sighting)

    async def _answered(
        self, message: InboxMessage, answer: Answer, crew: str | None, sighting: Sighting | None
    ) -> Step:
        sightings = () if sighting is None else (sighting,)
        for _ in range(_SEALINGS):
            now = self.clock.now()
            fingerprint, sealing = await self.texts.sealed_answer(message, answer, at=now)
            answered = message.answered(fingerprint, at=now, until=now + self.lease)
            try:
                await self.writer.store.commit(
                    Changeset(messages=(answered,), sightings=sightings, **sealing.parts)
                )
            except TenantKeyChangedError:
                continue
            except (RevisionConflictError, TenantErasedError, TenantRenamedError):
                # Of an erased tenant, the message itself is being removed.
                return Step(Progress.OVERTAKEN, message, crew)
            return Step(Progress.ANSWERED, answered, crew, answer)
        raise ContentionError

    async def _crew_of(
        self, destination: Destination | None
    ) -> tuple[Crew, SecretText | None] | str:
        """
        The crew and the secret that it signs with; the reason if no crew can be asked.
        """
        try:
            crew = await self.crews.crew_at(destination)
            return crew, await self.crews.secret_of(crew)
        except CrewNotFoundError as error:
            return error.code
        except InvalidValueError:
            return Trouble.CREW_INVALID.value
        except CredentialNotFoundError:
            return Trouble.CREW_CANNOT_SIGN.value
