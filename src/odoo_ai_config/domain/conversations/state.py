"""
What the hub knows about a conversation: who has it, and who wrote when.
"""

from __future__ import annotations

import enum
from collections.abc import Container
from datetime import datetime, timedelta
from typing import Final, TypeVar

from attrs import evolve, frozen

from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.event_times import believed, latest
from odoo_ai_config.domain.identifiers import ChatwootId, TenantArea, TenantId

T = TypeVar("T")

# Chatwoot has no limits for these. What is above is not kept, so that a record stays small.
MOST_LABELS: Final = 50
LONGEST_LABEL: Final = 100
# The hub looks for a mark within the retries of one answer, which are not as many.
MOST_MARKS: Final = 50
# Chatwoot's clock may be ahead of the hub's by so much. One event with a later time would
# otherwise be the newest state for years.
MOST_AHEAD: Final = timedelta(hours=1)
# Who paused a conversation by a private note in it.
NOTE: Final = "note"


class Unsaid(enum.Enum):
    """
    In place of what an event does not say.
    """

    UNSAID = "unsaid"


UNSAID: Final = Unsaid.UNSAID


@frozen(order=True)
class ConversationKey:
    """
    A conversation: Chatwoot counts them in each account.
    """

    account: ChatwootId
    id: ChatwootId

    @classmethod
    def from_text(cls, text: str) -> ConversationKey:
        """
        Read what `str` wrote.

        Raises:
            InvalidValueError: *text* is not the text of a conversation.
        """
        account, _, id_ = text.partition("/")
        try:
            return cls(ChatwootId(account), ChatwootId(id_))
        except InvalidValueError:
            raise InvalidValueError("conversation", "conversation") from None

    def __str__(self) -> str:
        return f"{self.account}/{self.id}"


class Status(enum.Enum):
    """
    Chatwoot's status of a conversation. A pending one is a bot's.
    """

    OPEN = "open"
    PENDING = "pending"
    RESOLVED = "resolved"
    SNOOZED = "snoozed"


class Holder(enum.Enum):
    """
    Who has a conversation, by its state. Nobody has a resolved one.
    """

    PEOPLE = "people"
    AI = "ai"
    NOBODY = "nobody"


class Wrote(enum.Enum):
    """
    Who wrote a public message: the customer, a person who works there, or the AI.
    """

    CUSTOMER = "customer"
    PERSON = "person"
    AI = "ai"


@frozen
class Pause:
    """
    The AI is silent by the will of *by*: a key, or who wrote a note.

    Args:
        until: None until somebody ends the pause.
    """

    by: str
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """
        Whether the AI is still silent at *now*.
        """
        return self.until is None or now < self.until


@frozen
class Seen:
    """
    What one event of Chatwoot says about its conversation, or what the hub did in it.

    Args:
        at: Chatwoot's time of this state.
        came_at: When a message that is read again came, by the hub's clock.
        assignee: The person who has the conversation; None for nobody, or a bot.
        team: The name of its team.
        wrote: Who wrote the public message that the event is about.
        wrote_at: When the message, or the note with a command, was written, by Chatwoot's clock.
        mark: The mark of the hub on that message.
        pause: The AI is asked to be silent.
        resumes: The conversation is given back to the AI.
        resolves: The event is that it was resolved.
        handed_over: The AI gave the conversation to people.
        told_closed: The AI said that the company is closed.
        told_people: The hub tells people that the AI has no answer.
        forgets_all_but: The customer is erased: labels and team go, but for these names, which are
            in lower case. It says nothing else.
        owner: Whose crew the message goes to.
        inbox: Where the message came, if it goes to *owner*.
        crew: The crew of a special number, likewise.
        moved_from: The owner was this one before and has another name now, which is *owner*. It
            says nothing else.
    """

    at: datetime | None = None
    came_at: datetime | None = None
    status: Status | Unsaid = UNSAID
    assignee: ChatwootId | Unsaid | None = UNSAID
    team: str | Unsaid | None = UNSAID
    labels: tuple[str, ...] | Unsaid = UNSAID
    can_reply: bool | Unsaid = UNSAID
    blocked: bool | Unsaid = UNSAID
    wrote: Wrote | None = None
    wrote_at: datetime | None = None
    mark: str | None = None
    pause: Pause | None = None
    resumes: bool = False
    resolves: bool = False
    handed_over: bool = False
    told_closed: bool = False
    told_people: bool = False
    forgets_all_but: frozenset[str] | None = None
    owner: TenantArea | None = None
    inbox: ChatwootId | None = None
    crew: str | None = None
    moved_from: TenantArea | None = None

    @property
    def begins(self) -> bool:
        """
        Whether the hub has a conversation because of it, if it had none.
        """
        return self.moved_from is None and self.forgets_all_but is None

    @property
    def tells_state(self) -> bool:
        """
        Whether it says in which state the conversation is.
        """
        return self.status is not UNSAID or self.assignee is not UNSAID

    @property
    def holder(self) -> Holder | None:
        """
        Who had the conversation; None if the event alone does not say it.
        """
        return _holder(_said(self.status, None), _said(self.assignee, None))

    def time_of(self, who: Wrote, at: datetime) -> datetime | None:
        """
        *at*, if the message is by *who*.
        """
        return at if self.wrote is who else None


NOTHING_SEEN: Final = Seen()
# No event says that people give a conversation back, but its state shows it. Not so if a customer
# writes in a resolved one, which Chatwoot makes pending.
_GIVEN_BACK: Final = frozenset(
    {
        (Holder.PEOPLE, Holder.AI),
        (Holder.PEOPLE, Holder.NOBODY),
        (Holder.AI, Holder.NOBODY),
        (None, Holder.NOBODY),
    }
)


@frozen
class Sighting:
    """
    What the hub learned about a conversation at *at*, by its own clock.
    """

    key: ConversationKey
    seen: Seen
    at: datetime


@frozen
class Conversation:
    """
    A conversation, as the events of Chatwoot have told it. It holds no text of a customer.

    Args:
        revision: Counts the writes; 0 if nothing is stored.
        updated_at: By the hub's clock.
        seen_at: Of the newest state, by Chatwoot's clock.
        status: None if no event has said it.
        assignee: The person who has it.
        began_pending: It was a bot's since it was last resolved.
        paused_at: When it was paused last, even if the pause has ended.
        handed_over_at: When the AI gave it to people.
        handed_back_at: When people gave it back to the AI, or resolved it.
        closed_told_at: When the AI said last that the company is closed.
        people_told_at: When the hub told people last that the AI has no answer.
        marks: The newest marks of the hub that came back with Chatwoot's events.
        owner: Whose crew answered last, or would have.
        inbox: Where that message came.
        crew: The crew of a special number that it went to.
    """

    key: ConversationKey
    revision: int
    updated_at: datetime
    seen_at: datetime | None = None
    status: Status | None = None
    assignee: ChatwootId | None = None
    team: str | None = None
    labels: tuple[str, ...] = ()
    can_reply: bool = True
    blocked: bool = False
    began_pending: bool = False
    customer_at: datetime | None = None
    person_at: datetime | None = None
    ai_at: datetime | None = None
    handed_over_at: datetime | None = None
    handed_back_at: datetime | None = None
    closed_told_at: datetime | None = None
    people_told_at: datetime | None = None
    paused_at: datetime | None = None
    pause: Pause | None = None
    marks: tuple[str, ...] = ()
    owner: TenantArea | None = None
    inbox: ChatwootId | None = None
    crew: str | None = None

    @property
    def tenant(self) -> TenantId | None:
        """
        Of its owner.
        """
        return None if self.owner is None else self.owner.tenant

    @property
    def idle_since(self) -> datetime | None:
        """
        When it was last written, or its pause ended later; None if the pause has no end.
        """
        if self.pause is None:
            return self.updated_at
        return self.pause.until and max(self.updated_at, self.pause.until)

    @property
    def last_wrote(self) -> Wrote | None:
        """
        Who wrote last; None if nobody did, as far as the hub knows.
        """
        times = {
            Wrote.CUSTOMER: self.customer_at,
            Wrote.PERSON: self.person_at,
            Wrote.AI: self.ai_at,
        }
        known = {who: at for who, at in times.items() if at is not None}
        return max(known, key=known.__getitem__, default=None)

    @property
    def with_people_since(self) -> datetime | None:
        """
        When a person wrote last, or the AI handed over; None if it was given back since.
        """
        return self._until_given_back(latest(self.person_at, self.handed_over_at))

    @property
    def people_told_since(self) -> datetime | None:
        """
        When people were told last that the AI has no answer; None if it was given back since.
        """
        return self._until_given_back(self.people_told_at)

    def _until_given_back(self, since: datetime | None) -> datetime | None:
        if since is None or (self.handed_back_at is not None and since <= self.handed_back_at):
            return None
        return since

    @property
    def holder(self) -> Holder | None:
        """
        Who has it; None if no event has said it.
        """
        return _holder(self.status, self.assignee)

    def after(self, seen: Seen, *, now: datetime) -> Conversation:
        """
        The conversation after something that says *seen* and comes at *now*.

        Events overtake each other: an older one changes neither the status nor who has it, an
        older message not who wrote last, and an older command neither ends nor begins a pause.
        Times of Chatwoot's clock are compared with each other, and those of the hub's likewise.
        """
        if seen.moved_from is not None:
            owner = seen.owner if self.owner == seen.moved_from else self.owner
            return evolve(self, revision=self.revision + 1, owner=owner)
        if seen.forgets_all_but is not None:
            return self._without_names(seen.forgets_all_but)
        said_at = believed(seen.at, now=now + MOST_AHEAD)
        at = said_at or seen.came_at or now
        wrote_at = believed(seen.wrote_at, now=now + MOST_AHEAD) or at
        newer = seen.tells_state and not self._knows_newer(said_at, seen.came_at)
        told = seen if newer else NOTHING_SEEN
        status, assignee = _said(told.status, self.status), _said(told.assignee, self.assignee)
        by_person = seen.time_of(Wrote.PERSON, wrote_at)
        back_at = None
        turned = (self.holder, _holder(status, assignee)) in _GIVEN_BACK
        if newer and (turned or seen.resolves):
            # Not *at*: a message that is still to come may be newer than the return.
            turned_at = self.seen_at if turned else None
            back_at = latest(turned_at, self.person_at, self.handed_over_at)
        elif seen.tells_state and not newer and (seen.holder, self.holder) in _GIVEN_BACK:
            # People had it then, and the newer state came first.
            back_at = latest(at, by_person)
        if seen.resumes:
            # A note has the time of Chatwoot's clock, as what people write has.
            earlier = self.person_at if seen.at is None else None
            back_at = latest(wrote_at, self.handed_over_at, earlier)
        pause, paused_at = self.pause, self.paused_at
        overtaken = seen.at is not None and paused_at is not None and wrote_at < paused_at
        if seen.resumes and not overtaken:
            pause = None
        elif seen.pause is not None and not overtaken:
            pause, paused_at = seen.pause, latest(paused_at, wrote_at)
        marks = self.marks
        if seen.mark is not None and seen.mark not in marks:
            marks = (*marks, seen.mark)[-MOST_MARKS:]
        # The AI handed over after all that the hub knew, whatever Chatwoot's clock says.
        handed_back_at = None if seen.handed_over else latest(self.handed_back_at, back_at)
        was_pending = self.began_pending or Status.PENDING in {status, seen.status}
        return Conversation(
            key=self.key,
            revision=self.revision + 1,
            updated_at=now,
            seen_at=(said_at if newer else None) or self.seen_at,
            status=status,
            assignee=assignee,
            team=_said(told.team, self.team),
            labels=_said(told.labels, self.labels)[:MOST_LABELS],
            can_reply=_said(told.can_reply, self.can_reply),
            blocked=_said(told.blocked, self.blocked),
            began_pending=was_pending and status is not Status.RESOLVED,
            customer_at=latest(self.customer_at, seen.time_of(Wrote.CUSTOMER, wrote_at)),
            person_at=latest(self.person_at, by_person),
            ai_at=latest(self.ai_at, seen.time_of(Wrote.AI, wrote_at)),
            handed_over_at=latest(self.handed_over_at, now if seen.handed_over else None),
            handed_back_at=handed_back_at,
            closed_told_at=now if seen.told_closed else self.closed_told_at,
            people_told_at=now if seen.told_people else self.people_told_at,
            paused_at=paused_at,
            pause=pause,
            marks=marks,
            owner=seen.owner or self.owner,
            inbox=self.inbox if seen.owner is None else seen.inbox,
            crew=self.crew if seen.owner is None else seen.crew,
        )

    def knows(self, seen: Seen, *, now: datetime) -> bool:
        """
        Whether something that says *seen* and comes at *now* would change only `updated_at`.
        """
        after = self.after(seen, now=now)
        return evolve(after, revision=self.revision, updated_at=self.updated_at) == self

    def _without_names(self, spared: Container[str]) -> Conversation:
        team = self.team if self.team is not None and self.team.lower() in spared else None
        labels = tuple(label for label in self.labels if label.lower() in spared)
        return evolve(self, revision=self.revision + 1, team=team, labels=labels)

    def _knows_newer(self, said_at: datetime | None, came_at: datetime | None) -> bool:
        if said_at is not None:
            return self.seen_at is not None and said_at < self.seen_at
        # Not its first state, which may come behind a pause.
        return came_at is not None and self.status is not None and came_at < self.updated_at


def succeeding(known: Conversation | None, sighting: Sighting) -> Conversation:
    """
    The state of a conversation after *sighting*; *known* is None for one that is new to the hub.
    """
    before = Conversation(sighting.key, 0, sighting.at) if known is None else known
    return before.after(sighting.seen, now=sighting.at)


def stored_after(known: Conversation | None, sighting: Sighting) -> Conversation | None:
    """
    What a store has of a conversation after *sighting*; None if still nothing.
    """
    return succeeding(known, sighting) if known is not None or sighting.seen.begins else None


def _said(said: T | Unsaid, known: T) -> T:
    return known if isinstance(said, Unsaid) else said


def _holder(status: Status | None, assignee: ChatwootId | None) -> Holder | None:
    if status is Status.RESOLVED:
        return Holder.NOBODY
    if assignee is not None or status in {Status.OPEN, Status.SNOOZED}:
        return Holder.PEOPLE
    return Holder.AI if status is Status.PENDING else None
