"""
A message from Chatwoot on its way: received, given to a crew, answered, or given up.
"""

from __future__ import annotations

import enum
import re
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve, field, frozen

from odoo_ai_config.domain.channels.routing import Rule
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SealContext
from odoo_ai_config.domain.errors import DomainError, InvalidValueError
from odoo_ai_config.domain.identifiers import (
    HUB,
    BusinessDomain,
    ChatwootId,
    CredentialRef,
    TenantDomain,
)

# A credential reference too, for that is what the sealed text is found by.
MESSAGE_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{7,63}", re.ASCII)
# Where the text of a message lies that belongs to no tenant (yet).
NOBODY: Final = TenantDomain(HUB, BusinessDomain("unresolved"))
MAX_REPLAYS: Final = 5
# What was written so far ahead of now was written when the clock was wrong. Clocks of processes
# may differ by less.
CLOCK_SLACK: Final = timedelta(seconds=5)
# Why a message is done to which a crew had nothing to say.
SILENT: Final = "silence"

# What message texts are sealed for.
_BODY: Final = "message"
_ANSWER: Final = "answer"
TEXT_PURPOSES: Final = (_BODY, _ANSWER)


@frozen(order=True)
class MessageId:
    """
    Names a received message; crews and callers see it.
    """

    value: str = field()

    @value.validator
    def _check(self, _attribute: object, value: str) -> None:
        if MESSAGE_ID.fullmatch(value) is None:
            raise InvalidValueError("message_id", "message_id")

    def __str__(self) -> str:
        return self.value


class Stage(enum.Enum):
    """
    How far a message is.

    QUEUED, AWAITING and ANSWERED are open: the hub goes on with them by itself. The others
    wait for somebody (UNRESOLVED, DEAD) or for nothing any more.
    """

    QUEUED = "queued"
    AWAITING = "awaiting"
    ANSWERED = "answered"
    DONE = "done"
    IGNORED = "ignored"
    UNRESOLVED = "unresolved"
    DEAD = "dead"
    DISCARDED = "discarded"


OPEN: Final = frozenset({Stage.QUEUED, Stage.AWAITING, Stage.ANSWERED})
STUCK: Final = frozenset({Stage.UNRESOLVED, Stage.DEAD})
_ASKED: Final = frozenset({Stage.QUEUED, Stage.AWAITING})


class WrongStageError(DomainError):
    """
    The operation is not possible at the message's present stage.
    """

    code = "wrong_stage"

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.stage = stage


@frozen
class Origin:
    """
    Chatwoot's ids of the message: all that the hub keeps of it in clear.

    Args:
        event: Chatwoot's name, for instance ``message_created``; ``""`` if it gave none.
        account: None where an event does not tell it.
        message: Chatwoot's id of the message.
        delivery: ``X-Chatwoot-Delivery``, the same on Chatwoot's own retries.
        proof: A digest of the signature, if there was one. The signature does not cover the
            header, so the header alone does not recognise a signed event.
        request_id: Of the request that brought it; the log lines of the request and of the
            message's delivery carry it.
    """

    event: str
    account: ChatwootId | None = None
    inbox: ChatwootId | None = None
    conversation: ChatwootId | None = None
    message: ChatwootId | None = None
    delivery: str | None = None
    proof: str | None = None
    request_id: str | None = None

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
            marks.append(f"message/{self.account}/{self.message}/{self.event}")
        return tuple(marks)


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
    The state of the configuration that a message was routed with.

    Args:
        config_version: Of the owner's ``config`` document; 0 if there is none.
        mapping_version: Of the mapping that decided.
    """

    config_version: int
    mapping_version: int


@frozen
class Destination:
    """
    Whom a message belongs to, and why.

    Args:
        crew: The crew that a special number sets; None for the owner's default one.
    """

    owner: TenantDomain
    crew: str | None
    matched_by: Rule
    release: Release


@frozen
class InboxMessage:
    """
    One received message. Its text and its answer are sealed apart from it.

    Args:
        revision: Counts the writes, from 1; a store takes only the successor of what it has.
        due_at: When an open message is gone on with. Whoever works on it has put that off,
            so that nobody else takes it meanwhile and it comes back if the worker dies.
        attempts: Failed ones, of asking the crew or, since it is answered, of posting.
        reason: Why it was ignored, is unresolved or dead, or failed last: a stable code.
        body: Recognises the sealed payload; None for what was ignored.
        answer: Recognises the sealed answer of the crew.
        replays: How often somebody sent it on its way again.
        claims: How often it was taken since somebody last said what became of it. Whoever took
            it before that did not come back.
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

    def __attrs_post_init__(self) -> None:
        if (self.stage in OPEN) != (self.due_at is not None):
            raise InvalidValueError("due_at", "due_at")
        if self.stage in OPEN and self.destination is None:
            raise InvalidValueError("destination", "destination")

    @property
    def holder(self) -> TenantDomain:
        """
        Under whose data key its text is sealed.
        """
        return _holder(self.destination)

    @property
    def conversation(self) -> str:
        """
        Names the conversation whose messages go one after the other.
        """
        origin = self.origin
        if origin.account is None or origin.conversation is None:
            return f"message/{self.id}"
        return f"{origin.account}/{origin.conversation}"

    @property
    def is_open(self) -> bool:
        """
        Whether the hub goes on with it by itself.
        """
        return self.stage in OPEN

    def taken(self, *, until: datetime) -> InboxMessage:
        """
        In the hands of a worker, who has until *until* to say what became of it.
        """
        return evolve(self, revision=self.revision + 1, due_at=until, claims=self.claims + 1)

    def given_back(self, *, at: datetime) -> InboxMessage:
        """
        Left by a worker that does not go on with it; the next may do so at once.

        An answer may be on its way to Chatwoot. Who looks for it there too soon posts it twice,
        so the next has to wait as if the worker had been lost.
        """
        due_at = self.due_at if self.stage is Stage.ANSWERED else at
        return evolve(self, revision=self.revision + 1, due_at=due_at, claims=0)

    def recalled(self, *, now: datetime) -> InboxMessage:
        """
        Return the message with its due time moved as far as the clock was set back.

        The revision stays, so a worker that has claimed it keeps its claim. One that is due
        before it was written has been claimed or given back since, and stays as it is.
        """
        if self.due_at is None or not self.due_at >= self.updated_at > now + CLOCK_SLACK:
            return self
        return evolve(self, due_at=now + (self.due_at - self.updated_at), updated_at=now)

    def awaiting(self, *, until: datetime, at: datetime) -> InboxMessage:
        """
        With a crew that answers later, *until* at the latest.
        """
        return self._next(Stage.AWAITING, at, due_at=until)

    def answered(
        self, answer: Fingerprint, *, at: datetime, until: datetime | None = None
    ) -> InboxMessage:
        """
        With an answer that is to go to Chatwoot now.

        A worker that brings it there itself has until *until* to do so.

        Raises:
            WrongStageError: It is answered already, or nobody waits for an answer.
        """
        if self.stage not in _ASKED:
            raise WrongStageError(self.stage)
        answered = self._next(Stage.ANSWERED, at, due_at=until or at)
        return evolve(answered, answer=answer, attempts=0)

    def silent(self, *, at: datetime) -> InboxMessage:
        """
        Left without an answer by a crew that has none.

        Raises:
            WrongStageError: It is answered already, or nobody waits for an answer.
        """
        if self.stage not in _ASKED:
            raise WrongStageError(self.stage)
        return self.done(at=at, reason=SILENT)

    def done(self, *, at: datetime, reason: str | None = None) -> InboxMessage:
        """
        Answered in Chatwoot, or finished otherwise for *reason*.
        """
        return self._next(Stage.DONE, at, reason=reason)

    def put_off(self, *, until: datetime, reason: str, at: datetime) -> InboxMessage:
        """
        Failed, to be tried again.

        A crew that was to answer later and did not is asked again.
        """
        stage = Stage.ANSWERED if self.stage is Stage.ANSWERED else Stage.QUEUED
        return evolve(
            self._next(stage, at, due_at=until, reason=reason), attempts=self.attempts + 1
        )

    def dead(self, *, reason: str, at: datetime) -> InboxMessage:
        """
        Given up; somebody has to look at it.
        """
        return evolve(self._next(Stage.DEAD, at, reason=reason), attempts=self.attempts + 1)

    def unresolved(self, *, reason: str, at: datetime) -> InboxMessage:
        """
        Without anybody to give it to, as it turned out when it was to be given.
        """
        return self._next(Stage.UNRESOLVED, at, reason=reason)

    def discarded(self, *, at: datetime) -> InboxMessage:
        """
        Put aside by a person.

        Raises:
            WrongStageError: It is not stuck.
        """
        if self.stage not in STUCK:
            raise WrongStageError(self.stage)
        return self._next(Stage.DISCARDED, at, reason=self.reason)

    def replayed(
        self, destination: Destination, *, at: datetime, body: Fingerprint | None = None
    ) -> InboxMessage:
        """
        On its way again, to *destination*; an answer that was given already is only posted.

        A new holder needs the text sealed under its own key, as *body*. Its crew has not
        answered yet, whatever that of the one before has said.

        Raises:
            WrongStageError: It is not stuck, or has been sent on its way too often.
        """
        if self.stage not in STUCK or self.replays >= MAX_REPLAYS:
            raise WrongStageError(self.stage)
        stays = destination.owner == self.holder
        answer = self.answer if stays else None
        stage = Stage.QUEUED if answer is None else Stage.ANSWERED
        # In one step: without a destination it could not be open in between.
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
    Where the sealed payload of *message* belongs.
    """
    return place_of_body(message.id, message.destination)


def place_of_body(message_id: MessageId, destination: Destination | None) -> SealContext:
    """
    Where the sealed payload of a message that goes to *destination* will belong.
    """
    return SealContext(_holder(destination), CredentialRef(message_id.value), _BODY)


def answer_context(message: InboxMessage) -> SealContext:
    """
    Where the sealed answer to *message* belongs.
    """
    return SealContext(message.holder, CredentialRef(message.id.value), _ANSWER)


def _holder(destination: Destination | None) -> TenantDomain:
    return NOBODY if destination is None else destination.owner
