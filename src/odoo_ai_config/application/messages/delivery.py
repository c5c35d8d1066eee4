"""
Deliver a message to its crew, and the crew's answer to the customer.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from attrs import frozen

from odoo_ai_config.application.crews import CrewLookup
from odoo_ai_config.application.errors import (
    ChatwootRefusedError,
    ChatwootUnavailableError,
    ContentionError,
    CrewRefusedError,
    CrewUnavailableError,
    MasterKeyMissingError,
    SealBrokenError,
    TargetForbiddenError,
    TenantKeyChangedError,
)
from odoo_ai_config.application.messages.reply_sender import ReplySender
from odoo_ai_config.application.messages.texts import MessageTexts
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.crew_client import CrewClient
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.crews import Crew, CrewTask
from odoo_ai_config.domain.errors import (
    CredentialNotFoundError,
    CrewNotFoundError,
    InvalidValueError,
    RevisionConflictError,
)
from odoo_ai_config.domain.messages.answers import DEFERRED, Answer
from odoo_ai_config.domain.messages.inbox import InboxMessage, Stage
from odoo_ai_config.domain.messages.retrying import RetryPolicy


class Progress(enum.Enum):
    """
    The result of a step.

    After ANSWERED the same worker posts the answer. After OVERTAKEN the message belongs to
    another worker. After all others nothing is left to do now.
    """

    ANSWERED = "answered"
    AWAITING = "awaiting"
    NO_REPLY = "silent"
    POSTED = "posted"
    FOUND_POSTED = "found_posted"
    PUT_OFF = "put_off"
    DEAD = "dead"
    UNRESOLVED = "unresolved"
    GIVEN_BACK = "given_back"
    OVERTAKEN = "overtaken"


class Trouble(enum.Enum):
    """
    Why a message is put off, dead or unresolved, if it is no error's code. Public.
    """

    NO_ANSWER_IN_TIME = "no_answer_in_time"
    CREW_INVALID = "crew_invalid"
    CREW_CANNOT_SIGN = "crew_cannot_sign"
    CHATWOOT_UNCONFIGURED = "chatwoot_unconfigured"
    WORKER_LOST = "worker_lost"
    RESTORED = "restored"
    UNEXPECTED = "unexpected_error"


@frozen
class Step:
    """
    One step of a delivery.

    Args:
        message: The message after the step; before it, if it is OVERTAKEN.
        crew: The crew that was asked, if any.
    """

    progress: Progress
    message: InboxMessage
    crew: str | None = None


# How many rotations of a tenant's key may happen between sealing and committing an answer.
_SEALINGS: Final = 3


def _ignored(_crew: Crew) -> None:
    return


@frozen(eq=False)
class DeliverMessage:
    """
    One step in the delivery of a message that the caller has claimed.

    Each step ends with a commit that fails if another worker has taken the message meanwhile. If
    a worker is too slow or dies, the next one goes on; then a crew may be asked twice, and
    recognises that by the message's id.

    Args:
        lease: How long the worker that got an answer from a crew has to post it.
    """

    store: ConfigStore
    texts: MessageTexts
    crews: CrewLookup
    crew_client: CrewClient
    reply_sender: ReplySender
    clock: Clock
    policy: RetryPolicy
    lease: timedelta

    async def __call__(
        self,
        message: InboxMessage,
        *,
        unposted: bool = False,
        on_asking: Callable[[Crew], None] = _ignored,
    ) -> Step:
        """
        Take the next step with *message*: ask its crew, or post the answer.

        Args:
            message: As it was claimed, or as the previous step left it.
            unposted: There was no attempt to post the answer yet: the caller just got it from
                the crew.
            on_asking: Called with the crew before it is asked.

        Raises:
            StoreUnavailableError, ContentionError: The result could not be stored; the message
                is due again when the claim expires.
        """
        if message.due_at is None or message.due_at <= self.clock.now():
            # The claim has expired: another worker has the message, or soon will.
            return Step(Progress.OVERTAKEN, message)
        if self.policy.abandons(message.claims - 1):
            # Workers that took it never came back: perhaps the message crashes them.
            return await self._dead(message, Trouble.WORKER_LOST.value)
        try:
            match message.stage:
                case Stage.AWAITING:
                    step = await self.failed(message, reason=Trouble.NO_ANSWER_IN_TIME.value)
                case Stage.ANSWERED:
                    step = await self._post(message, unposted=unposted and not message.replays)
                case _:
                    step = await self._ask(message, on_asking)
        except (CrewUnavailableError, ChatwootUnavailableError) as error:
            return await self.failed(message, reason=error.code, wish=error.retry_after)
        except MasterKeyMissingError as error:
            # The operator may restore the key.
            return await self.failed(message, reason=error.code)
        except (
            CrewRefusedError,
            TargetForbiddenError,
            ChatwootRefusedError,
            SealBrokenError,
        ) as error:
            return await self._dead(message, error.code)
        return step

    async def failed(
        self, message: InboxMessage, *, reason: str, wish: float | None = None
    ) -> Step:
        """
        Put *message* off, or give up if it has failed too often.

        Args:
            message: As the last step left it.
            reason: A stable code.
            wish: Seconds that the other side asks to wait.
        """
        failures = message.attempts + 1
        if self.policy.gives_up(failures):
            return await self._dead(message, reason)
        now = self.clock.now()
        pause = self.policy.pause(failures, of=str(message.id), wish=wish)
        later = message.put_off(until=now + pause, reason=reason, at=now)
        return await self._settled(Progress.PUT_OFF, message, later)

    async def give_back(self, message: InboxMessage) -> Step:
        """
        Give up the claim on *message*.

        Other workers may take it at once, unless an answer may be on its way.
        """
        returned = message.given_back(at=self.clock.now())
        return await self._settled(Progress.GIVEN_BACK, message, returned)

    async def _ask(self, message: InboxMessage, on_asking: Callable[[Crew], None]) -> Step:
        try:
            crew = await self.crews.crew_at(message.destination)
            secret = await self.crews.secret_of(crew)
        except CrewNotFoundError as error:
            return await self._unresolved(message, error.code)
        except InvalidValueError:
            return await self._unresolved(message, Trouble.CREW_INVALID.value)
        except CredentialNotFoundError:
            return await self._unresolved(message, Trouble.CREW_CANNOT_SIGN.value)
        task = CrewTask(message, await self.texts.read(message))
        on_asking(crew)
        said = await self.crew_client.ask(crew, task, secret=secret)
        now = self.clock.now()
        if isinstance(said, Answer):
            return await self._answered(message, said, crew)
        if said is DEFERRED:
            waiting = message.awaiting(until=now + crew.patience, at=now)
            return await self._settled(Progress.AWAITING, message, waiting, crew=crew.name)
        return await self._settled(
            Progress.NO_REPLY, message, message.without_reply(at=now), crew=crew.name
        )

    async def _answered(self, message: InboxMessage, answer: Answer, crew: Crew) -> Step:
        for _ in range(_SEALINGS):
            now = self.clock.now()
            fingerprint, sealing = await self.texts.sealed_answer(message, answer, at=now)
            answered = message.answered(fingerprint, at=now, until=now + self.lease)
            try:
                await self.store.commit(Changeset(messages=(answered,), **sealing.parts))
            except TenantKeyChangedError:
                continue
            except RevisionConflictError:
                return Step(Progress.OVERTAKEN, message, crew.name)
            return Step(Progress.ANSWERED, answered, crew.name)
        raise ContentionError

    async def _post(self, message: InboxMessage, *, unposted: bool) -> Step:
        answer = (await self.texts.answer_to(message)).plain
        if answer is None:
            return await self._dead(message, CrewRefusedError.code)
        conversation = await self.reply_sender.conversation_of(message)
        if conversation is None:
            return await self._dead(message, Trouble.CHATWOOT_UNCONFIGURED.value)
        posted = await self.reply_sender.post(answer, conversation, message, unposted=unposted)
        progress = Progress.POSTED if posted else Progress.FOUND_POSTED
        return await self._settled(progress, message, message.done(at=self.clock.now()))

    async def _dead(self, message: InboxMessage, reason: str) -> Step:
        dead = message.dead(reason=reason, at=self.clock.now())
        return await self._settled(Progress.DEAD, message, dead)

    async def _unresolved(self, message: InboxMessage, reason: str) -> Step:
        unresolved = message.unresolved(reason=reason, at=self.clock.now())
        return await self._settled(Progress.UNRESOLVED, message, unresolved)

    async def _settled(
        self,
        progress: Progress,
        before: InboxMessage,
        after: InboxMessage,
        *,
        crew: str | None = None,
    ) -> Step:
        try:
            await self.store.commit(Changeset(messages=(after,)))
        except RevisionConflictError:
            return Step(Progress.OVERTAKEN, before, crew)
        return Step(progress, after, crew)
