"""
A message from Chatwoot on its way: received, given to a crew, answered, or given up.
"""

from __future__ import annotations

import enum
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import evolve, field, frozen

from odoo_ai_config.domain.channels.routing import Rule
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SealContext
from odoo_ai_config.domain.errors import DomainError, InvalidValueError
from odoo_ai_config.domain.identifiers import (
    HUB,
    BusinessArea,
    ChatwootId,
    CredentialRef,
    TenantArea,
    matches,
)

# Must also be a valid credential reference, because the sealed text is stored under it.
MESSAGE_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{7,63}", re.ASCII)
# Owns the text of a message that belongs to no tenant (yet).
NOBODY: Final = TenantArea(HUB, BusinessArea("unresolved"))
MAX_REPLAYS: Final = 5
# A time of writing that is further in the future means that the clock was wrong. The clocks of
# processes may differ by less.
CLOCK_SLACK: Final = timedelta(seconds=5)
# The reason of a message that is done without an answer.
NO_REPLY_REASON: Final = "silence"
# The reason of a message that the customer took back before a crew had it.
DELETED_REASON: Final = "deleted"
# The reason of an event that only changes what is known of an earlier message.
AMENDED_REASON: Final = "amended"
# The reason of a message whose customer was erased before it had an answer.
ERASED_REASON: Final = "erased"
# The reason of a message whose answer Chatwoot could not send.
UNDELIVERED_REASON: Final = "not_delivered"
# The reason of a message that is answered together with others: with the first of them.
GATHERED_REASON: Final = "gathered"
# The event of a notice: the hub tells people in Chatwoot that a message has no answer.
HUB_NOTICE: Final = "hub_notice"
# The event of a message to a subscription.
HUB_EVENT: Final = "hub_event"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

# The purposes for which message texts are sealed.
BODY: Final = "message"
ANSWER: Final = "answer"
TEXT_PURPOSES: Final = (BODY, ANSWER)


@frozen(order=True)
class MessageId:
    """
    Id of a received message. Crews and callers see it.
    """

    value: str = field(validator=matches("message_id", MESSAGE_ID))

    @classmethod
    def at(cls, now: datetime, token: str) -> MessageId:
        """
        A new id. It begins with the time: neighbours in time are neighbours in indexes.
        """
        return cls(f"msg_{(now - _EPOCH) // _MILLISECOND:012x}{token}")

    def __str__(self) -> str:
        return self.value


class Stage(enum.Enum):
    """
    The stage of a message.

    QUEUED, AWAITING and ANSWERED are open: the hub continues with them by itself. UNRESOLVED,
    DEAD and FAILED (Chatwoot could not send the answer) are stuck: a person has to act. The other
    stages are final.
    """

    QUEUED = "queued"
    AWAITING = "awaiting"
    ANSWERED = "answered"
    DONE = "done"
    IGNORED = "ignored"
    UNRESOLVED = "unresolved"
    DEAD = "dead"
    FAILED = "failed"
    DISCARDED = "discarded"


OPEN: Final = frozenset({Stage.QUEUED, Stage.AWAITING, Stage.ANSWERED})
STUCK: Final = frozenset({Stage.UNRESOLVED, Stage.DEAD, Stage.FAILED})
# The answer may be in Chatwoot.
POSTED: Final = frozenset({Stage.ANSWERED, Stage.DONE})
_ASKED: Final = frozenset({Stage.QUEUED, Stage.AWAITING})


@frozen
class WrongStageError(DomainError):
    """
    The operation is not possible at the message's present stage.
    """

    stage: Stage


@frozen
class Origin:
    """
    Chatwoot's ids of the message: all that the hub keeps of it in clear.

    Args:
        event: Chatwoot's name, for instance ``message_created``; ``""`` if there was none.
        account: None if the event does not say it.
        message: Chatwoot's id of the message.
        delivery: ``X-Chatwoot-Delivery``, the same on Chatwoot's own retries.
        proof: A digest of the signature, if there was one. The signature does not cover the
            header, so the header alone does not recognise a signed event.
        request_id: Of the request that brought it; the log lines of the request and of the
            message's delivery carry it.
        edition: Tells the events of one name about one message apart, if it is told more than
            once; it holds no slash.
    """

    event: str
    account: ChatwootId | None = None
    inbox: ChatwootId | None = None
    conversation: ChatwootId | None = None
    message: ChatwootId | None = None
    delivery: str | None = None
    proof: str | None = None
    request_id: str | None = None
    edition: str | None = None

    @property
    def event_mark(self) -> str:
        """
        The event and its edition in one text, as stores keep it; `event_parts` reads it.
        """
        return self.event if self.edition is None else f"{self.event}/{self.edition}"

    @property
    def delivery_mark(self) -> str | None:
        """
        The delivery and its proof in one text, as stores keep it; `delivery_parts` reads it.
        """
        if self.delivery is None or self.proof is None:
            return self.delivery
        return f"{self.delivery}/{self.proof}"

    @property
    def marks(self) -> tuple[str, ...]:
        """
        The texts that recognise the message when it comes again; each of them is enough.
        """
        marks = []
        if self.delivery is not None:
            marks.append(f"delivery/{self.delivery_mark}")
        if self.account is not None and self.message is not None:
            # Ids hold no slash, so this is unambiguous.
            marks.append(f"message/{self.account}/{self.message}/{self.event_mark}")
        return tuple(marks)


def marked_message(mark: str) -> MessageId | None:
    """
    The message whose answer has *mark*; None if it is no mark of the hub.
    """
    try:
        return MessageId(mark.partition("/")[0])
    except InvalidValueError:
        return None


def event_parts(mark: str) -> tuple[str, str | None]:
    """
    The event and the edition of an `Origin.event_mark`.
    """
    event, slash, edition = mark.partition("/")
    return event, edition if slash else None


def delivery_parts(mark: str | None) -> tuple[str | None, str | None]:
    """
    The delivery and the proof of an `Origin.delivery_mark`.
    """
    if mark is None:
        return None, None
    delivery, slash, proof = mark.partition("/")
    return delivery, proof if slash else None


@frozen
class Release:
    """
    The versions of the configuration that routed a message.

    Args:
        config_version: Of the owner's ``config`` document; 0 if there is none.
        mapping_version: Of the mapping that decided.
    """

    config_version: int
    mapping_version: int


@frozen
class Destination:
    """
    The owner of a message, and why it is the owner.

    Args:
        crew: The crew of a special number; None for the owner's default crew.
    """

    owner: TenantArea
    crew: str | None
    matched_by: Rule
    release: Release


class Reception(enum.Enum):
    """
    What the hub did with an event when it came.
    """

    ACCEPTED = "accepted"
    IGNORED = "ignored"
    UNRESOLVED = "unresolved"
    DUPLICATE = "duplicate"
    # The store is away: the event waits in the spool.
    SPOOLED = "spooled"


@frozen
class Receipt:
    """
    What the sender of an event learns.

    Args:
        id: The id of the stored message; of the first one if the event came before.
        reason: Why it was ignored or has no destination.
        destination: Who gets it, if it was accepted; None over HTTP, which does not tell senders.
    """

    id: MessageId
    reception: Reception
    reason: str | None = None
    destination: Destination | None = None


@frozen
class InboxMessage:
    """
    One received message. Its text and its answer are sealed apart from it.

    Args:
        revision: Counts the writes, from 1. A store accepts only the successor of its revision.
        due_at: When the hub continues with an open message. The worker that takes the message
            moves this time, so that nobody else takes it meanwhile and it comes back if the
            worker dies.
        attempts: Failed attempts to ask the crew or, once it is answered, to post the answer.
        reason: Why it was ignored, is unresolved or dead, or failed last: a stable code.
        body: Fingerprint of the sealed payload; None for an ignored event.
        answer: Fingerprint of the crew's sealed answer.
        replays: How often somebody replayed it.
        claims: How often workers took it since the last result. All but the last worker
            were lost.
        part_of: The message that it was gathered into, whose crew answers both.
        steps: How many steps of the answer are done in Chatwoot.
        withheld: Why the answer goes to people as a note, and not to the customer.
        refused: The actions of the answer that Chatwoot refused.
        resent: How often it was replayed because Chatwoot could not send the answer.
        told_at: When it was settled that people in Chatwoot know that it has no answer.
        persons: Digests of the names of the customer, if a text is kept; None for one that an
            earlier version of the hub stored.
    """

    id: MessageId
    origin: Origin
    stage: Stage
    received_at: datetime
    updated_at: datetime
    due_at: datetime | None = None
    revision: int = 1
    destination: Destination | None = None
    attempts: int = 0
    reason: str | None = None
    body: Fingerprint | None = None
    answer: Fingerprint | None = None
    replays: int = 0
    claims: int = 0
    part_of: MessageId | None = None
    steps: int = 0
    withheld: str | None = None
    refused: tuple[str, ...] = ()
    resent: int = 0
    told_at: datetime | None = None
    persons: tuple[Fingerprint, ...] | None = None

    def __attrs_post_init__(self) -> None:
        is_open = self.stage in OPEN
        if is_open != (self.due_at is not None):
            raise InvalidValueError("due_at", "due_at")
        if is_open and self.destination is None:
            raise InvalidValueError("destination", "destination")

    @property
    def holder(self) -> TenantArea:
        """
        The owner whose data key seals its text.
        """
        return _holder(self.destination)

    @property
    def conversation(self) -> str:
        """
        The lane whose messages are processed one after the other.

        A notice waits for nothing.
        """
        origin = self.origin
        if self.is_notice or origin.account is None or origin.conversation is None:
            return f"message/{self.id}"
        return f"{origin.account}/{origin.conversation}"

    def mark(self, step: int) -> str:
        """
        The mark of the hub on what it posts for the *step* of the answer, counted from 0.

        An answer that Chatwoot could not send gets other marks when it is posted again.
        """
        again = f"/again-{self.resent}" if self.resent else ""
        again += "/withheld" if self.withheld else ""
        part = f"/{step + 1}" if step else ""
        return f"{self.id}{again}{part}"

    @property
    def is_notice(self) -> bool:
        """
        Whether the hub wrote it itself, to tell people that a message has no answer.
        """
        return self.origin.event == HUB_NOTICE

    @property
    def is_event(self) -> bool:
        """
        Whether the hub wrote it itself, to tell a subscription of something.
        """
        return self.origin.event == HUB_EVENT

    @property
    def is_whole(self) -> bool:
        """
        Whether its crew may have been asked: then nothing more is gathered into it.

        The crew may still answer what it was asked then.
        """
        return self.attempts > 0 or self.replays > 0 or self.reason == GATHERED_REASON

    @property
    def untold_since(self) -> datetime | None:
        """
        When a customer's message got stuck of which nobody in Chatwoot was told; None for others.
        """
        for_people = not self.is_notice and not self.is_event
        untold = self.stage in STUCK and self.told_at is None and for_people
        return self.updated_at if untold else None

    @property
    def lacks_answer(self) -> bool:
        """
        Whether a crew may still be asked about it, by itself or by a replay.
        """
        return self.answer is None and (self.is_open or self.stage in STUCK)

    @property
    def is_open(self) -> bool:
        """
        Whether the hub continues with it by itself.
        """
        return self.stage in OPEN

    def taken(self, *, until: datetime) -> InboxMessage:
        """
        Taken by a worker, which has until *until* to report a result.
        """
        return evolve(self, revision=self.revision + 1, due_at=until, claims=self.claims + 1)

    def given_back(self, *, at: datetime) -> InboxMessage:
        """
        Given back by a worker that stops; the next worker may take it at once.

        An answered message keeps its due time: the answer may still be on its way to Chatwoot,
        and a worker that looks for it too soon posts it twice.
        """
        due_at = self.due_at if self.stage is Stage.ANSWERED else at
        return evolve(self, revision=self.revision + 1, due_at=due_at, claims=0)

    def recalled(self, *, now: datetime) -> InboxMessage:
        """
        The message with its due time corrected after the clock was set back.

        The revision stays, so a worker that has claimed it keeps its claim. A message that is
        due before it was written has been claimed or given back since, and stays as it is.
        """
        if self.due_at is None or not self.due_at >= self.updated_at > now + CLOCK_SLACK:
            return self
        return evolve(self, due_at=now + (self.due_at - self.updated_at), updated_at=now)

    def awaiting(self, *, until: datetime, at: datetime) -> InboxMessage:
        """
        Waiting for the deferred answer of a crew, at most until *until*.
        """
        return self._next(Stage.AWAITING, at, due_at=until)

    def answered(
        self, answer: Fingerprint, *, at: datetime, until: datetime | None = None
    ) -> InboxMessage:
        """
        Answered, and ready to be posted to Chatwoot.

        A worker that posts the answer itself has until *until* to do so.

        Raises:
            WrongStageError: It has an answer already, or does not wait for one.
        """
        if self.stage not in _ASKED:
            raise WrongStageError(self.stage)
        answered = self._next(Stage.ANSWERED, at, due_at=until or at)
        return evolve(answered, answer=answer, attempts=0)

    def without_reply(self, *, at: datetime) -> InboxMessage:
        """
        Done without an answer, because the crew has none.

        Raises:
            WrongStageError: It has an answer already, or does not wait for one.
        """
        if self.stage not in _ASKED:
            raise WrongStageError(self.stage)
        return self.done(at=at, reason=NO_REPLY_REASON)

    def gathered(self, into: MessageId, *, at: datetime) -> InboxMessage:
        """
        Given to a crew as a part of an earlier message of its burst.
        """
        return evolve(self._next(Stage.DONE, at, reason=GATHERED_REASON), part_of=into)

    def released(self, *, at: datetime) -> InboxMessage:
        """
        Waiting on its own again, because the message that it was gathered into is not answered.
        """
        return evolve(self._next(Stage.QUEUED, at, due_at=at), part_of=None)

    def gathering(self, *, at: datetime) -> InboxMessage:
        """
        With its burst gathered into it, and `is_whole`; the worker goes on.
        """
        return evolve(self, revision=self.revision + 1, updated_at=at, reason=GATHERED_REASON)

    def waiting(self, *, until: datetime, at: datetime) -> InboxMessage:
        """
        Waiting for the rest of a burst, or for a transcription.
        """
        return self._next(Stage.QUEUED, at, due_at=until)

    def amended(self, body: Fingerprint, *, at: datetime) -> InboxMessage:
        """
        With the text that it has now, before its crew was asked.

        Raises:
            WrongStageError: It is not queued.
        """
        if self.stage is not Stage.QUEUED:
            raise WrongStageError(self.stage)
        return evolve(self._next(Stage.QUEUED, at, due_at=at, reason=self.reason), body=body)

    def ignored(self, *, reason: str, at: datetime) -> InboxMessage:
        """
        Left to people, because the AI is silent for *reason*, or taken back.
        """
        return evolve(self._next(Stage.IGNORED, at, reason=reason), part_of=None)

    def after_step(
        self, *, at: datetime, until: datetime, refused: str | None = None
    ) -> InboxMessage:
        """
        With one more step of the answer done, or *refused* by Chatwoot.

        The worker goes on, and has until *until* for the next step.
        """
        return evolve(
            self._next(Stage.ANSWERED, at, due_at=until),
            steps=self.steps + 1,
            refused=self.refused if refused is None else (*self.refused, refused),
            attempts=0,
        )

    def withheld_for(self, reason: str, *, at: datetime, until: datetime) -> InboxMessage:
        """
        With the rest of its answer for people, and not for the customer.

        The worker goes on, and has until *until* for it.
        """
        return evolve(self._next(Stage.ANSWERED, at, due_at=until), withheld=reason)

    def undelivered(self, *, at: datetime) -> InboxMessage:
        """
        Answered in Chatwoot, which could not send the answer to the customer.

        Chatwoot may know that before the hub knows that it was posted.

        Raises:
            WrongStageError: It has no answer, or was given up.
        """
        if self.stage not in POSTED or self.answer is None:
            raise WrongStageError(self.stage)
        return self._next(Stage.FAILED, at, reason=UNDELIVERED_REASON)

    def told(self, *, at: datetime) -> InboxMessage:
        """
        People in Chatwoot know that it has no answer, and who works on it goes on.
        """
        return evolve(self, revision=self.revision + 1, told_at=at)

    def done(
        self, *, at: datetime, reason: str | None = None, refused: str | None = None
    ) -> InboxMessage:
        """
        Answered in Chatwoot, or finished without an answer for *reason*.

        *refused*: Chatwoot refused the last step of the answer.
        """
        done = self._next(Stage.DONE, at, reason=reason)
        return done if refused is None else evolve(done, refused=(*self.refused, refused))

    def put_off(self, *, until: datetime, reason: str, at: datetime) -> InboxMessage:
        """
        Failed, with another attempt at *until*.

        A crew that did not give its deferred answer is asked again.
        """
        stage = Stage.ANSWERED if self.stage is Stage.ANSWERED else Stage.QUEUED
        return evolve(
            self._next(stage, at, due_at=until, reason=reason), attempts=self.attempts + 1
        )

    def dead(self, *, reason: str, at: datetime) -> InboxMessage:
        """
        Given up; a person has to look at it.
        """
        return evolve(self._next(Stage.DEAD, at, reason=reason), attempts=self.attempts + 1)

    def unresolved(self, *, reason: str, at: datetime) -> InboxMessage:
        """
        Without a crew, as delivery found out.
        """
        return self._next(Stage.UNRESOLVED, at, reason=reason)

    def discarded(self, *, at: datetime) -> InboxMessage:
        """
        Discarded by a person.

        Raises:
            WrongStageError: It is not stuck.
        """
        if self.stage not in STUCK:
            raise WrongStageError(self.stage)
        return self._next(Stage.DISCARDED, at, reason=self.reason)

    def erased(self, *, at: datetime) -> InboxMessage:
        """
        Without its texts and the names of the customer; what it waits for ends.

        The time of a finished one stays, so that it is removed when it would have been.
        """
        is_over = not self.is_open and self.stage not in STUCK
        over = self if is_over else self._next(Stage.DISCARDED, at, reason=ERASED_REASON)
        return evolve(over, revision=self.revision + 1, body=None, answer=None, persons=())

    def replayed(
        self,
        destination: Destination,
        *,
        at: datetime,
        body: Fingerprint | None = None,
        persons: tuple[Fingerprint, ...] | None = None,
    ) -> InboxMessage:
        """
        Sent to *destination* again. If the crew has answered already, only the answer is posted.

        What is done of it is not repeated, unless Chatwoot could not send it. A new owner needs
        the text sealed and the *persons* named under its own key, and its crew has not answered.

        Raises:
            WrongStageError: It is not stuck, or was replayed too often.
        """
        if self.stage not in STUCK or self.replays >= MAX_REPLAYS:
            raise WrongStageError(self.stage)
        stays = destination.owner == self.holder
        answer = self.answer if stays else None
        stage = Stage.QUEUED if answer is None else Stage.ANSWERED
        anew = answer is None or self.stage is Stage.FAILED
        # In one step, because an open message must have a destination.
        return evolve(
            self,
            revision=self.revision + 1,
            stage=stage,
            updated_at=at,
            due_at=at,
            reason=None,
            destination=destination,
            body=self.body if stays else body,
            answer=answer,
            attempts=0,
            replays=self.replays + 1,
            steps=0 if anew else self.steps,
            withheld=None,
            refused=() if anew else self.refused,
            resent=self.resent + (self.stage is Stage.FAILED),
            told_at=None,
            persons=self.persons if stays else persons,
        )

    def may_be_in_hand(self, now: datetime) -> bool:
        """
        Whether a worker may be at work on it at *now*, so that others leave it alone.

        A worker that posts an answer has reported a result, and goes on.
        """
        if self.due_at is None or self.due_at <= now:
            return False
        return self.claims > 0 or self.stage is Stage.ANSWERED

    def rehoused(self, owner: TenantArea) -> InboxMessage:
        """
        The same message of *owner*, without texts until they are sealed for that one.

        It stays where it is in its conversation, and falls due when it did.
        """
        destination = self.destination and evolve(self.destination, owner=owner)
        return evolve(
            self, revision=self.revision + 1, destination=destination, body=None, answer=None
        )

    def _next(
        self,
        stage: Stage,
        at: datetime,
        *,
        due_at: datetime | None = None,
        reason: str | None = None,
    ) -> InboxMessage:
        return evolve(
            self,
            revision=self.revision + 1,
            stage=stage,
            updated_at=at,
            due_at=due_at,
            reason=reason,
            claims=0,
        )


def body_context(message: InboxMessage) -> SealContext:
    """
    The context of the sealed payload of *message*.
    """
    return place_of_body(message.id, message.destination)


def place_of_body(message_id: MessageId, destination: Destination | None) -> SealContext:
    """
    The context of the sealed payload of a message that goes to *destination*.
    """
    return SealContext(_holder(destination), CredentialRef(message_id.value), BODY)


def answer_context(message: InboxMessage) -> SealContext:
    """
    The context of the sealed answer to *message*.
    """
    return SealContext(message.holder, CredentialRef(message.id.value), ANSWER)


def _holder(destination: Destination | None) -> TenantArea:
    return NOBODY if destination is None else destination.owner
