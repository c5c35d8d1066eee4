"""
Deliver a message to its crew, the crew's answer to the customer, and an event to its subscription.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from attrs import frozen

from odoo_ai_config.application.errors import (
    ChatwootRefusedError,
    ChatwootUnavailableError,
    CrewRefusedError,
    CrewUnavailableError,
    MasterKeyMissingError,
    SealBrokenError,
    SubscriberGoneError,
    SubscriberUnavailableError,
    TargetForbiddenError,
)
from odoo_ai_config.application.messages.asking import CrewAsking
from odoo_ai_config.application.messages.events import EventSending
from odoo_ai_config.application.messages.posting import AnswerPosting
from odoo_ai_config.application.messages.progress import Progress, Step, StepWriter, Trouble
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.domain.crews import Crew
from odoo_ai_config.domain.events import subject_of
from odoo_ai_config.domain.messages.answers import Answer
from odoo_ai_config.domain.messages.inbox import InboxMessage, Stage
from odoo_ai_config.domain.messages.notices import keeps_trying
from odoo_ai_config.domain.messages.retrying import RetryPolicy


def _ignored(_crew: Crew) -> None:
    return


@frozen(eq=False)
class DeliverMessage:
    """
    One step in the delivery of a message that the caller has claimed.

    Each step ends with a commit that fails if another worker has taken the message meanwhile. If
    a worker is too slow or dies, the next one goes on; then a crew may be asked twice, and
    recognises that by the message's id.
    """

    writer: StepWriter
    asking: CrewAsking
    posting: AnswerPosting
    sending: EventSending
    clock: Clock
    policy: RetryPolicy

    @property
    def lease(self) -> timedelta:
        """
        How long a worker may hold a message.
        """
        return self.asking.lease

    async def __call__(
        self,
        message: InboxMessage,
        *,
        unposted: bool = False,
        answer: Answer | None = None,
        on_asking: Callable[[Crew], None] = _ignored,
    ) -> Step:
        """
        Take the next step with *message*: ask its crew, or post the answer.

        Args:
            message: As it was claimed, or as the previous step left it.
            unposted: There was no attempt to do the next step of the answer yet: the caller just
                got it from the crew, or did the step before.
            answer: Its answer, as the previous step returned it.
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
            subject = subject_of(message)
            match message.stage:
                case _ if subject is not None:
                    step = await self.sending.send(message, subject)
                case Stage.AWAITING:
                    step = await self.failed(message, reason=Trouble.NO_ANSWER_IN_TIME.value)
                case Stage.ANSWERED:
                    fresh = unposted and not message.replays
                    step = await self.posting.post(message, answer, unposted=fresh)
                case _:
                    step = await self.asking.ask(message, on_asking)
        except (
            CrewUnavailableError,
            ChatwootUnavailableError,
            SubscriberUnavailableError,
        ) as error:
            return await self.failed(message, reason=error.code, wish=error.retry_after)
        except MasterKeyMissingError as error:
            # The operator may restore the key.
            return await self.failed(message, reason=error.code)
        except (
            CrewRefusedError,
            TargetForbiddenError,
            ChatwootRefusedError,
            SubscriberGoneError,
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
        now = self.clock.now()
        # Of the events of a receiver that fails, each is tried only now and then.
        enough = self.policy.gives_up(failures) or (message.is_event and not message.replays)
        if enough and not keeps_trying(message, now=now):
            subject = subject_of(message)
            if subject is not None:
                await self.sending.given_up(message, subject)
            return await self._dead(message, reason)
        pause = self.policy.pause(failures, of=str(message.id), wish=wish)
        later = message.put_off(until=now + pause, reason=reason, at=now)
        return await self.writer.settled(Progress.PUT_OFF, message, later)

    async def give_back(self, message: InboxMessage) -> Step:
        """
        Give up the claim on *message*.

        Other workers may take it at once, unless an answer may be on its way.
        """
        returned = message.given_back(at=self.clock.now())
        return await self.writer.settled(Progress.GIVEN_BACK, message, returned)

    async def _dead(self, message: InboxMessage, reason: str) -> Step:
        dead = message.dead(reason=reason, at=self.clock.now())
        return await self.writer.settled(Progress.DEAD, message, dead)
