"""
When the AI answers in a conversation, and why it is silent.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, TypeVar

from attrs import evolve, field, frozen

from odoo_ai_config.domain.channels.history import moment_text
from odoo_ai_config.domain.conversations.hours import BusinessHours, stated_hours
from odoo_ai_config.domain.conversations.labels import is_label
from odoo_ai_config.domain.conversations.pauses import PausePlace
from odoo_ai_config.domain.conversations.state import LONGEST_LABEL, Conversation, Status
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import Json, ReadOnlyJsonObject, unknown_names

E = TypeVar("E", bound=enum.Enum)

DEFAULT_SILENCING_LABELS: Final = ("humano", "sem-bot")
MOST_NAMES: Final = 50
MOST_ANSWERS: Final = 100
LONGEST_AFTER_PERSON: Final = timedelta(days=7)
LONGEST_WINDOW: Final = timedelta(hours=24)
LONGEST_GATHER: Final = timedelta(seconds=60)
LONGEST_TRANSCRIPTION: Final = timedelta(seconds=120)
LONGEST_TEXT: Final = 4096
LONGEST_UNANSWERED: Final = timedelta(hours=24)
SHORTEST_UNANSWERED: Final = timedelta(minutes=1)
# An account of Chatwoot, or an inbox of one.
_CHANNEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(/[A-Za-z0-9][A-Za-z0-9_-]{0,63})?")
MOST_HISTORY: Final = 50
LONGEST_HISTORY: Final = timedelta(days=30)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_COMPANY: Final = "company"
_UNTIL_HANDED_BACK: Final = "until_handed_back"
_NOTHING: Final = "nothing"


class Trait(enum.Enum):
    """
    What makes a message one that the AI does not answer unless ``answer_to`` names it.
    """

    BLOCKED = "blocked"
    GROUP = "group"
    AUTOMATIC = "automatic"
    REACTION = "reaction"
    UNSUPPORTED = "unsupported"
    CALL = "call"
    COMMAND = "command"


class Silence(enum.Enum):
    """
    Why the AI does not answer. The values are public.
    """

    SUSPENDED = "tenant_suspended"
    PAUSED = "paused"
    BLOCKED = "blocked_contact"
    GROUP = "group"
    AUTOMATIC = "automatic_message"
    REACTION = "reaction"
    UNSUPPORTED = "unsupported_content"
    CALL = "voice_call"
    COMMAND = "command_contact"
    LABEL = "silencing_label"
    NO_LABEL = "label_missing"
    OTHER_TEAM = "other_team"
    HUMAN_HAS_IT = "human_has_it"
    HUMAN_WROTE = "human_wrote"
    HANDED_OVER = "handed_over"
    NOT_ITS_STATUS = "conversation_status"
    OUTSIDE_HOURS = "outside_hours"
    TOO_MANY_ANSWERS = "too_many_answers"
    HUMAN_TOOK_OVER = "human_took_over"


_SILENCE_OF: Final = {
    Trait.BLOCKED: Silence.BLOCKED,
    Trait.GROUP: Silence.GROUP,
    Trait.AUTOMATIC: Silence.AUTOMATIC,
    Trait.REACTION: Silence.REACTION,
    Trait.UNSUPPORTED: Silence.UNSUPPORTED,
    Trait.CALL: Silence.CALL,
    Trait.COMMAND: Silence.COMMAND,
}
# If a person comes in while the crew thinks.
_TAKEN_OVER: Final = frozenset({Silence.HUMAN_HAS_IT, Silence.HUMAN_WROTE, Silence.NOT_ITS_STATUS})


@frozen
class Verdict:
    """
    What one rule says about a conversation.

    Args:
        rule: Why the AI is silent, if it is.
        silent: Whether it is, by this rule.
        sees: What the rule looks at: names and times, or a word of Chatwoot's; None if nothing is
            known of it.
    """

    rule: Silence
    silent: bool
    sees: str | None = None


class OutsideHours(enum.Enum):
    """
    What the AI does outside business hours.
    """

    ANSWER = "answer"
    SILENT = "silent"


@frozen
class AnswerRules:
    """
    The ``answer_when`` of a business area, a channel or a crew. The defaults are the safe ones.

    Args:
        statuses: In which the AI answers. None: pending, and where no bot of Chatwoot's is
            connected also open, if the conversation was not a bot's since it was last resolved.
        assigned: It also answers while a person has the conversation.
        teams: Only in conversations of these teams; empty for all.
        labels_any: Only in conversations with one of these labels; empty for all.
        labels_none: Not in conversations with one of these.
        after_person: How long it is silent after a person wrote; None: until the conversation is
            handed back or resolved.
        hours: The business hours; None if they do not matter.
        company_hours: They are those of the company's metadata.
        outside: What it does outside the hours.
        outside_text: What it says outside the hours, once each time the company is closed.
        answer_to: Traits of messages that it answers all the same.
        most_answers: So many answers in *window* without a person, then it hands over.
        gather: How long the customer must be quiet before a message is answered, together with
            what came meanwhile.
        history: How many of the messages before a crew is told.
        history_age: How old they may be.
        transcription: How long a voice message waits for Chatwoot's transcription.
        unanswered: How long a customer waits for an answer before people are told; they are told
            at once of a message that is given up. None: they are told of nothing.
        unanswered_label: The label that the conversation gets then.
    """

    statuses: frozenset[Status] | None = None
    assigned: bool = False
    teams: frozenset[str] = frozenset()
    labels_any: frozenset[str] = frozenset()
    labels_none: frozenset[str] = frozenset(DEFAULT_SILENCING_LABELS)
    after_person: timedelta | None = None
    hours: BusinessHours | None = None
    company_hours: bool = False
    outside: OutsideHours = OutsideHours.SILENT
    outside_text: str | None = field(default=None, repr=False)
    answer_to: frozenset[Trait] = frozenset()
    most_answers: int = 20
    window: timedelta = timedelta(minutes=10)
    gather: timedelta = timedelta(0)
    transcription: timedelta = timedelta(0)
    history: int = 20
    history_age: timedelta = timedelta(hours=24)
    unanswered: timedelta | None = timedelta(minutes=5)
    unanswered_label: str | None = "ia-sem-resposta"

    @property
    def names(self) -> frozenset[str]:
        """
        The labels and teams that they look at, in lower case.
        """
        return self.labels_any | self.labels_none | self.teams

    def silence(
        self,
        conversation: Conversation,
        traits: Collection[Trait] = (),
        *,
        now: datetime,
        agent_bot: bool = False,
        paused: bool = False,
    ) -> Silence | None:
        """
        Why the AI does not answer a message with *traits* in *conversation*; None if it does.

        *agent_bot*: Chatwoot's account uses a bot for the hub, so open means: for people.
        *paused*: somebody paused the channel or the tenant.
        """
        for trait in Trait:
            if trait in traits and trait not in self.answer_to:
                return _SILENCE_OF[trait]
        rules = self._applied(conversation, now=now, agent_bot=agent_bot, paused=paused)
        return next((why for why, applies in rules if applies), None)

    def verdicts(
        self,
        conversation: Conversation,
        *,
        now: datetime,
        agent_bot: bool = False,
        paused: Collection[str] = (),
    ) -> tuple[Verdict, ...]:
        """
        What each rule says about *conversation*, whatever the message; the first silent one wins.

        *agent_bot* is as for `silence`; *paused* names the places of the other pauses that hold.
        """
        rules = self._applied(conversation, now=now, agent_bot=agent_bot, paused=bool(paused))
        return tuple(
            Verdict(why, applies, _seen_by(why, conversation, paused, now))
            for why, applies in rules
        )

    def _applied(
        self, conversation: Conversation, *, now: datetime, agent_bot: bool, paused: bool
    ) -> tuple[tuple[Silence, bool], ...]:
        pause, since = conversation.pause, conversation.with_people_since
        labels = {label.lower() for label in conversation.labels}
        team = (conversation.team or "").lower()
        with_people = self.leaves_to_people(since, now=now)
        return (
            (Silence.PAUSED, paused or (pause is not None and pause.holds(now))),
            (Silence.BLOCKED, conversation.blocked and Trait.BLOCKED not in self.answer_to),
            (Silence.LABEL, not self.labels_none.isdisjoint(labels)),
            (Silence.NO_LABEL, bool(self.labels_any) and self.labels_any.isdisjoint(labels)),
            (Silence.OTHER_TEAM, bool(self.teams) and team not in self.teams),
            (Silence.HUMAN_HAS_IT, conversation.assignee is not None and not self.assigned),
            (Silence.HUMAN_WROTE, with_people and conversation.person_at == since),
            (Silence.HANDED_OVER, with_people),
            (Silence.NOT_ITS_STATUS, not self._has_status(conversation, agent_bot=agent_bot)),
            (Silence.OUTSIDE_HOURS, self._closed(now)),
        )

    def closed_text(self, conversation: Conversation, *, now: datetime) -> str | None:
        """
        What the AI says because the company is closed; None if it said so since it closed.
        """
        if self.hours is None or self.outside_text is None:
            return None
        told_at = conversation.closed_told_at
        if told_at is not None and not self.hours.opened_between(told_at, now):
            return None
        return self.outside_text

    def leaves_to_people(self, since: datetime | None, *, now: datetime) -> bool:
        """
        Whether what people got at *since* is still theirs; None if they got nothing.
        """
        if since is None:
            return False
        return self.after_person is None or now < since + self.after_person

    def _has_status(self, conversation: Conversation, *, agent_bot: bool) -> bool:
        status = conversation.status
        if status is None:
            # Old clients' events do not say it.
            return True
        if self.statuses is not None:
            return status in self.statuses
        never_a_bots = not agent_bot and not conversation.began_pending
        return status is Status.PENDING or (status is Status.OPEN and never_a_bots)

    def _closed(self, now: datetime) -> bool:
        if self.hours is None or self.outside is OutsideHours.ANSWER:
            return False
        return not self.hours.open_at(now)


DEFAULT_RULES: Final = AnswerRules()


def when_posting(why: Silence) -> Silence:
    """
    The reason why an answer that a crew has given is not posted, if the AI is silent for *why*.
    """
    return Silence.HUMAN_TOOK_OVER if why in _TAKEN_OVER else why


def read_rules(said: Json, where: str, *, over: AnswerRules = DEFAULT_RULES) -> AnswerRules:
    """
    Read an ``answer_when``; what it does not say is as in *over*.

    Raises:
        InvalidValueError: A member is unknown or has a wrong value.
    """
    if not isinstance(said, dict):
        raise InvalidValueError(where, "object")
    for name in unknown_names(said, _READERS):
        raise InvalidValueError(f"{where}.{name}", "unknown_member")
    rules = over
    for name, value in said.items():
        rules = _READERS[name](rules, value, f"{where}.{name}")
    return rules


def _statuses(rules: AnswerRules, value: Json, where: str) -> AnswerRules:
    return evolve(rules, statuses=frozenset(_members(Status, value, where)))


def _assigned(rules: AnswerRules, value: Json, where: str) -> AnswerRules:
    if not isinstance(value, bool):
        raise InvalidValueError(where, "boolean")
    return evolve(rules, assigned=value)


def _team(rules: AnswerRules, value: Json, where: str) -> AnswerRules:
    return evolve(rules, teams=_names([value] if isinstance(value, str) else value, where))


def _labels_any(rules: AnswerRules, value: Json, where: str) -> AnswerRules:
    return evolve(rules, labels_any=_label_names(value, where))


def _labels_none(rules: AnswerRules, value: Json, where: str) -> AnswerRules:
    return evolve(rules, labels_none=_label_names(value, where))


def _after_person(rules: AnswerRules, value: Json, where: str) -> AnswerRules:
    if value == _UNTIL_HANDED_BACK:
        return evolve(rules, after_person=None)
    if isinstance(value, dict) and value.keys() == {"minutes"}:
        longest = LONGEST_AFTER_PERSON // _MINUTE
        minutes = _whole(value["minutes"], longest, where, least=0)
        return evolve(rules, after_person=minutes * _MINUTE)
    raise InvalidValueError(where, "after_person")


def _hours(rules: AnswerRules, value: Json, where: str) -> AnswerRules:
    if value == _COMPANY:
        return evolve(rules, hours=None, company_hours=True)
    hours = None if value is None else stated_hours(value, where)
    return evolve(rules, hours=hours, company_hours=False)


def _outside_hours(rules: AnswerRules, value: Json, where: str) -> AnswerRules:
    if isinstance(value, dict) and value.keys() == {"text"}:
        text = value["text"]
        if not isinstance(text, str) or not text.strip() or len(text) > LONGEST_TEXT:
            raise InvalidValueError(f"{where}.text", "outside_text")
        return evolve(rules, outside=OutsideHours.SILENT, outside_text=text)
    (outside,) = _members(OutsideHours, [value], where)
    return evolve(rules, outside=outside, outside_text=None)


def _answer_to(rules: AnswerRules, value: Json, where: str) -> AnswerRules:
    return evolve(rules, answer_to=frozenset(_members(Trait, value, where)))


def _most_answers(rules: AnswerRules, value: Json, where: str) -> AnswerRules:
    if not isinstance(value, dict) or value.keys() != {"answers", "minutes"}:
        raise InvalidValueError(where, "most_answers")
    minutes = _whole(value["minutes"], LONGEST_WINDOW // _MINUTE, where)
    answers = _whole(value["answers"], MOST_ANSWERS, where)
    return evolve(rules, most_answers=answers, window=minutes * _MINUTE)


def _gather(rules: AnswerRules, value: Json, where: str) -> AnswerRules:
    return evolve(rules, gather=_seconds(value, LONGEST_GATHER, where))


def _transcription(rules: AnswerRules, value: Json, where: str) -> AnswerRules:
    return evolve(rules, transcription=_seconds(value, LONGEST_TRANSCRIPTION, where))


def _history(rules: AnswerRules, value: Json, where: str) -> AnswerRules:
    if not isinstance(value, dict) or value.keys() != {"messages", "hours"}:
        raise InvalidValueError(where, "history")
    hours = _whole(value["hours"], LONGEST_HISTORY // _HOUR, where)
    messages = _whole(value["messages"], MOST_HISTORY, where, least=0)
    return evolve(rules, history=messages, history_age=hours * _HOUR)


def _unanswered(rules: AnswerRules, value: Json, where: str) -> AnswerRules:
    if value == _NOTHING:
        return evolve(rules, unanswered=None)
    if not isinstance(value, dict) or value.keys() - {"after_seconds", "label"}:
        raise InvalidValueError(where, "unanswered")
    label = value.get("label", rules.unanswered_label)
    after = rules.unanswered or DEFAULT_RULES.unanswered
    if "after_seconds" in value:
        after = _seconds(
            value["after_seconds"],
            LONGEST_UNANSWERED,
            f"{where}.after_seconds",
            shortest=SHORTEST_UNANSWERED,
            rule="unanswered_seconds",
        )
    if label is not None and not (isinstance(label, str) and is_label(label)):
        raise InvalidValueError(f"{where}.label", "label")
    return evolve(rules, unanswered=after, unanswered_label=label)


_READERS: Final[Mapping[str, Callable[[AnswerRules, Json, str], AnswerRules]]] = {
    "statuses": _statuses,
    "assigned": _assigned,
    "team": _team,
    "labels_any": _labels_any,
    "labels_none": _labels_none,
    "after_person": _after_person,
    "hours": _hours,
    "outside_hours": _outside_hours,
    "answer_to": _answer_to,
    "most_answers": _most_answers,
    "gather_seconds": _gather,
    "transcription_seconds": _transcription,
    "history": _history,
    "unanswered": _unanswered,
}


def _seen_by(
    rule: Silence, conversation: Conversation, paused: Collection[str], now: datetime
) -> str | None:
    pause, status = conversation.pause, conversation.status
    held = (PausePlace.CONVERSATION.value,) if pause is not None and pause.holds(now) else ()
    labels = ", ".join(conversation.labels)
    seen: Mapping[Silence, str | datetime | ChatwootId | None] = {
        Silence.PAUSED: ", ".join((*held, *paused)),
        Silence.LABEL: labels,
        Silence.NO_LABEL: labels,
        Silence.OTHER_TEAM: conversation.team,
        Silence.HUMAN_HAS_IT: conversation.assignee,
        Silence.HUMAN_WROTE: conversation.person_at,
        Silence.HANDED_OVER: conversation.handed_over_at,
        Silence.NOT_ITS_STATUS: None if status is None else status.value,
        Silence.OUTSIDE_HOURS: now,
    }
    what = seen.get(rule)
    return (moment_text(what) if isinstance(what, datetime) else str(what)) if what else None


def _members(type_: type[E], value: Json, where: str) -> list[E]:
    if not isinstance(value, list):
        raise InvalidValueError(where, "list")
    known = {member.value: member for member in type_}
    if not all(isinstance(word, str) and word in known for word in value):
        raise InvalidValueError(where, "unknown_value")
    return [known[word] for word in value]


def _names(value: Json, where: str) -> frozenset[str]:
    if not isinstance(value, list) or len(value) > MOST_NAMES:
        raise InvalidValueError(where, "names")
    names = [name for name in value if isinstance(name, str) and 0 < len(name) <= LONGEST_LABEL]
    if len(names) < len(value):
        raise InvalidValueError(where, "names")
    # As Chatwoot writes the names of labels and teams.
    return frozenset(map(str.lower, names))


def _label_names(value: Json, where: str) -> frozenset[str]:
    names = _names(value, where)
    if not all(map(is_label, names)):
        raise InvalidValueError(where, "label")
    return names


def _whole(value: Json, most: int, where: str, *, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidValueError(where, "whole_number")
    return value


def _seconds(
    value: Json,
    longest: timedelta,
    where: str,
    *,
    shortest: timedelta = timedelta(0),
    rule: str = "seconds",
) -> timedelta:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValueError(where, "number")
    if not shortest.total_seconds() <= value <= longest.total_seconds():
        raise InvalidValueError(where, rule)
    return timedelta(seconds=value)


def rules_in(
    body: ReadOnlyJsonObject,
    defaults: AnswerRules = DEFAULT_RULES,
    *,
    crew: str | None,
    account: ChatwootId | None,
    inbox: ChatwootId | None,
) -> AnswerRules:
    """
    The rules of a ``crews`` document for a message of *inbox* that goes to *crew*.

    Those of the area hold where those of the crew say nothing, and those of the crew where those
    of the channel say nothing.

    Raises:
        InvalidValueError: One of them has a fault.
    """
    rules = defaults
    for holder, where in _holders(body, crew, account, inbox):
        if isinstance(holder, dict) and "answer_when" in holder:
            rules = read_rules(holder["answer_when"], f"{where}answer_when", over=rules)
    return rules


def require_rules(body: ReadOnlyJsonObject) -> None:
    """
    Refuse a ``crews`` document with a fault in any of its rules.

    Raises:
        InvalidValueError: For the first fault.
    """
    channels = body.get("channels")
    if channels is not None:
        if not isinstance(channels, dict) or len(channels) > MOST_NAMES:
            raise InvalidValueError("channels", "channels")
        for name, channel in channels.items():
            if _CHANNEL.fullmatch(name) is None:
                raise InvalidValueError("channels", "channels")
            if not isinstance(channel, dict):
                raise InvalidValueError("channels.*", "object")
            for member in unknown_names(channel, {"answer_when"}):
                raise InvalidValueError(f"channels.*.{member}", "unknown_member")
    for said, where in _all_said(body):
        read_rules(said, where)


def names_in(body: ReadOnlyJsonObject) -> frozenset[str]:
    """
    The labels and teams that any rules of a ``crews`` document look at, in lower case.

    Rules with a fault look at none.
    """
    names: frozenset[str] = frozenset()
    for said, where in _all_said(body):
        with suppress(InvalidValueError):
            names |= read_rules(said, where).names
    return names


def _all_said(body: ReadOnlyJsonObject) -> Iterator[tuple[Json, str]]:
    crews, channels = body.get("crews"), body.get("channels")
    named = (*_members_of(crews, "crews.*."), *_members_of(channels, "channels.*."))
    for holder, where in ((body, ""), *named):
        if isinstance(holder, dict) and "answer_when" in holder:
            yield holder["answer_when"], f"{where}answer_when"


def _holders(
    body: ReadOnlyJsonObject,
    crew: str | None,
    account: ChatwootId | None,
    inbox: ChatwootId | None,
) -> Iterator[tuple[Json | ReadOnlyJsonObject, str]]:
    yield body, ""
    crews, channels = body.get("crews"), body.get("channels")
    if isinstance(crews, dict):
        name = body.get("default_crew") if crew is None else crew
        yield crews.get(name) if isinstance(name, str) else None, "crews.*."
    if isinstance(channels, dict):
        for channel in (f"{account}", f"{account}/{inbox}"):
            yield channels.get(channel), "channels.*."


def _members_of(value: Json, where: str) -> list[tuple[Json, str]]:
    return [(member, where) for member in value.values()] if isinstance(value, dict) else []
