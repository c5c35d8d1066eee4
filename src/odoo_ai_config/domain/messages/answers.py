"""
What a crew says about a message: texts, files and choices, and what is to be done in Chatwoot.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import ClassVar, Final, TypeAlias

from attrs import Attribute, evolve, field, frozen

from odoo_ai_config.domain.conversations.answering import Silence
from odoo_ai_config.domain.conversations.labels import is_label
from odoo_ai_config.domain.conversations.state import MOST_LABELS, Status
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import (
    ReadOnlyJsonObject,
    is_storable_value,
    shown_name,
)
from odoo_ai_config.domain.messages.outgoing import (
    OutgoingMessage,
    require_name,
    require_words,
)

# Read by people in Chatwoot, who are Brazilian.
_WITHHELD: Final = "A IA não enviou esta resposta, porque uma pessoa está com a conversa:"
MOST_MESSAGES: Final = 10
MOST_ATTRIBUTES: Final = 50
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


class Priority(enum.Enum):
    """
    Chatwoot's priority of a conversation.
    """

    URGENT = "urgent"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@frozen
class HandOver:
    """
    The conversation is passed on to people.

    Args:
        status: OPEN, which makes the AI silent; or PENDING if the AI goes on.
        assignee: Chatwoot's number of the person who gets it.
        team: Chatwoot's number of the team that gets it.
        note: For the people; the customer does not see it.

    Raises:
        InvalidValueError: One of them has a wrong form.
    """

    status: Status = Status.OPEN
    assignee: ChatwootId | None = field(default=None)
    team: ChatwootId | None = field(default=None)
    priority: Priority | None = None
    note: str | None = field(default=None, repr=False)

    @assignee.validator
    @team.validator
    def _check_number(self, attribute: Attribute[object], value: ChatwootId | None) -> None:
        # Chatwoot's API takes numbers here.
        if value is not None and _NUMBER.fullmatch(value.value) is None:
            raise InvalidValueError(attribute.name, "positive")

    def __attrs_post_init__(self) -> None:
        if self.status not in {Status.OPEN, Status.PENDING}:
            raise InvalidValueError("status", "unknown_value")
        if self.note is not None:
            require_words(self.note, "note")


def _moment(at: datetime | None) -> datetime | None:
    # In UTC, because the offset of a time zone depends on the day.
    if at is None:
        return None
    if at.tzinfo is None:
        raise InvalidValueError("snooze_until", "moment")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise InvalidValueError("snooze_until", "moment") from None


@frozen
class Answer:
    """
    A crew's answer to a message. `Answer.of_text` makes one that is nothing but a text.

    Args:
        messages: What is posted, in this order; at most `MOST_MESSAGES`.
        resolve: The conversation is done.
        snooze_until: The conversation rests until then.
        custom_attributes: Attributes of the conversation that are set; the others stay.
        labels_added: Labels that the conversation gets; labels that it has stay.
        labels_removed: Labels that the conversation loses.
        silence: Why the hub itself says this, in place of a crew.

    Raises:
        InvalidValueError: It says nothing, a part has a wrong form, or parts contradict each
            other.
    """

    messages: tuple[OutgoingMessage, ...] = ()
    handover: HandOver | None = None
    resolve: bool = False
    snooze_until: datetime | None = field(default=None, converter=_moment)
    custom_attributes: ReadOnlyJsonObject = field(factory=dict, repr=False, hash=False)
    labels_added: tuple[str, ...] = field(default=())
    labels_removed: tuple[str, ...] = field(default=())
    silence: Silence | None = None

    @classmethod
    def of_text(cls, text: str, *, private: bool = False) -> Answer:
        """
        An answer that is a text, or a *private* note for the people in Chatwoot.

        Raises:
            InvalidValueError: The text is blank, or a store cannot keep it.
        """
        return cls((OutgoingMessage(text, private),))

    @labels_added.validator
    @labels_removed.validator
    def _check_labels(self, attribute: Attribute[object], labels: tuple[str, ...]) -> None:
        if len(labels) > MOST_LABELS:
            raise InvalidValueError(attribute.name, "at_most_50")
        for number, label in enumerate(labels):
            if not is_label(label):
                raise InvalidValueError(f"{attribute.name}[{number}]", "label")

    def __attrs_post_init__(self) -> None:
        if len(self.messages) > MOST_MESSAGES:
            raise InvalidValueError("messages", "at_most_10")
        if len(self.custom_attributes) > MOST_ATTRIBUTES:
            raise InvalidValueError("custom_attributes", "at_most_50")
        for name, value in self.custom_attributes.items():
            where = f"custom_attributes.{shown_name(name)}"
            require_name(name, where)
            if not is_storable_value(value):
                raise InvalidValueError(where, "json")
        if set(self.labels_added) & set(self.labels_removed):
            raise InvalidValueError("labels_removed", "contradiction")
        if self.resolve and self.handover is not None:
            raise InvalidValueError("resolve", "contradiction")
        if self.snooze_until is not None and (self.resolve or self.handover is not None):
            raise InvalidValueError("snooze_until", "contradiction")
        if not steps_of(self):
            raise InvalidValueError("answer", "answer")

    @property
    def plain(self) -> OutgoingMessage | None:
        """
        The only message, if the answer is nothing but one text or one note.
        """
        for message in self.messages[:1]:
            if message.text and self == Answer.of_text(message.text, private=message.private):
                return message
        return None


class Deferred(enum.Enum):
    """
    The crew took the message and answers later.
    """

    DEFERRED = "later"


class NoReply(enum.Enum):
    """
    The crew took the message and does not answer it.
    """

    NO_REPLY = "silence"


DEFERRED: Final = Deferred.DEFERRED
NO_REPLY: Final = NoReply.NO_REPLY


@frozen
class SetCustomAttributes:
    """
    Set attributes of the conversation; the others stay.
    """

    action: ClassVar[str] = "custom_attributes"
    values: ReadOnlyJsonObject = field(repr=False, hash=False)


@frozen
class ChangeLabels:
    """
    Add and remove labels of the conversation; the others stay.
    """

    action: ClassVar[str] = "labels"
    added: tuple[str, ...]
    removed: tuple[str, ...]


@frozen
class SetPriority:
    """
    Set the priority of the conversation.
    """

    action: ClassVar[str] = "priority"
    priority: Priority


@frozen
class AssignTeam:
    """
    Give the conversation to a team, by Chatwoot's number.
    """

    action: ClassVar[str] = "team"
    team: ChatwootId


@frozen
class Assign:
    """
    Give the conversation to a person, by Chatwoot's number.
    """

    action: ClassVar[str] = "assignee"
    assignee: ChatwootId


@frozen
class SetStatus:
    """
    Set the status of the conversation; a snoozed one comes back *until* then.
    """

    action: ClassVar[str] = "status"
    status: Status
    until: datetime | None = None


Action: TypeAlias = (
    SetCustomAttributes | ChangeLabels | SetPriority | AssignTeam | Assign | SetStatus
)
AnswerStep: TypeAlias = OutgoingMessage | Action


def steps_of(answer: Answer) -> tuple[AnswerStep, ...]:
    """
    What is to be done in Chatwoot for *answer*, in this order.

    The messages come first. The status comes late: once a conversation is open, the AI is silent.
    People get it after that, because the token of an agent that opens a conversation takes it.
    """
    steps: list[AnswerStep] = [*answer.messages]
    if answer.custom_attributes:
        steps.append(SetCustomAttributes(answer.custom_attributes))
    if answer.labels_added or answer.labels_removed:
        steps.append(ChangeLabels(answer.labels_added, answer.labels_removed))
    if answer.handover is not None:
        steps += _steps_to_people(answer.handover)
    if answer.resolve:
        steps.append(SetStatus(Status.RESOLVED))
    if answer.snooze_until is not None:
        steps.append(SetStatus(Status.SNOOZED, answer.snooze_until))
    return tuple(steps)


def notes_of(answer: Answer, *, after: int) -> tuple[OutgoingMessage, ...]:
    """
    What is posted of *answer*, *after* so many of its steps, if it may not go to the customer.
    """
    left = [step for step in steps_of(answer)[after:] if isinstance(step, OutgoingMessage)]
    public = [message for message in left if not message.private]
    unsaid = [*filter(None, map(_words_of, public))]
    # Each with its files only: one that cannot be fetched must not hold back the words.
    notes = [evolve(one, text=None, private=True) for one in public if one.attachments]
    notes += [message for message in left if message.private]
    if unsaid:
        notes.insert(0, OutgoingMessage("\n\n".join([_WITHHELD, *unsaid]), private=True))
    return tuple(notes)


def _words_of(message: OutgoingMessage) -> str:
    """
    What people are to read of *message*: also what is to be chosen, and which template it is.
    """
    titles = [item.get("title") or item.get("label") for item in message.items]
    template = None if message.template is None else message.template.name
    lines = [message.text, *(f"- {title}" for title in titles if title), template]
    return "\n".join(filter(None, lines))


def _steps_to_people(handover: HandOver) -> Iterator[AnswerStep]:
    if handover.priority is not None:
        yield SetPriority(handover.priority)
    if handover.note is not None:
        yield OutgoingMessage(handover.note, private=True)
    yield SetStatus(handover.status)
    if handover.team is not None:
        yield AssignTeam(handover.team)
    if handover.assignee is not None:
        yield Assign(handover.assignee)


def action_of(step: AnswerStep) -> str:
    """
    The public name of *step*, for people who are told that it did not succeed.
    """
    if isinstance(step, OutgoingMessage):
        return "note" if step.private else "message"
    return step.action


def said(text: str | None, *, private: bool = False) -> Answer | NoReply:
    """
    Read a crew's *text*: a blank one is no answer.
    """
    if text is None or not text.strip():
        return NO_REPLY
    return Answer.of_text(text, private=private)
