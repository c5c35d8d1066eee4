"""
What the hub knows of a conversation, whatever overtakes what on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.conversations.answering import DEFAULT_RULES
from odoo_ai_config.domain.conversations.state import (
    MOST_AHEAD,
    MOST_LABELS,
    MOST_MARKS,
    NOTHING_SEEN,
    Conversation,
    ConversationKey,
    Pause,
    Seen,
    Sighting,
    Status,
    Wrote,
    succeeding,
)
from odoo_ai_config.domain.identifiers import ChatwootId
from tests import strategies

KEY = ConversationKey(ChatwootId("1"), ChatwootId("301"))
START = datetime(2026, 4, 23, 19, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ANA = ChatwootId("3")


@frozen
class Happening:
    """
    What happened in Chatwoot, told by one event, which has the state of that moment.
    """

    minute: int
    status: Status
    assigned: bool
    wrote: Wrote | None
    command: str | None
    label: str

    @property
    def at(self) -> datetime:
        return START + self.minute * MINUTE

    @property
    def resolves(self) -> bool:
        return (self.status, self.wrote, self.command) == (Status.RESOLVED, None, "resolve")

    @property
    def seen(self) -> Seen:
        return Seen(
            at=self.at,
            status=self.status,
            assignee=ANA if self.assigned else None,
            labels=(self.label,),
            team=self.label,
            can_reply=self.label == "a",
            wrote=self.wrote,
            wrote_at=self.at,
            pause=Pause(str(self.minute)) if self.command == "off" else None,
            resumes=self.command == "on",
            resolves=self.resolves,
        )


@st.composite
def histories(draw: st.DrawFn) -> list[Happening]:
    count = draw(st.integers(1, 8))
    return [
        Happening(
            minute,
            draw(st.sampled_from(Status)),
            draw(st.booleans()),
            draw(st.none() | st.sampled_from(Wrote)),
            draw(st.sampled_from([None, None, None, "off", "on", "resolve"])),
            draw(st.sampled_from("ab")),
        )
        for minute in range(count)
    ]


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[Happening], list[Happening]]:
    history = draw(histories())
    return history, list(draw(st.permutations(history)))


def fold(seen: Sequence[Seen], *, now: datetime = START + timedelta(days=1)) -> Conversation:
    known = None
    for number, one in enumerate(seen):
        known = succeeding(known, Sighting(KEY, one, now + number * timedelta(seconds=1)))
    assert known is not None
    return known


def told(history: Sequence[Happening]) -> Conversation:
    return fold([happening.seen for happening in history])


# The model: what happened, read from the whole history at once, in words.


def turn(happening: Happening) -> str:
    if happening.status is Status.RESOLVED:
        return "nobody's"
    return (
        "the AI's" if happening.status is Status.PENDING and not happening.assigned else "theirs"
    )


def written_last(history: Sequence[Happening], who: Wrote) -> Happening | None:
    return next((one for one in reversed(history) if one.wrote is who), None)


def is_with_people(history: Sequence[Happening]) -> bool:
    last = written_last(history, Wrote.PERSON)
    if last is None:
        return False
    since = history[last.minute :]
    if any(one.command == "on" for one in since) or any(one.resolves for one in since[1:]):
        return False
    # A message in a resolved conversation is a new beginning, which nobody has ended.
    ends = {"theirs": {"the AI's", "nobody's"}, "the AI's": {"nobody's"}, "nobody's": set[str]()}
    turns = [turn(one) for one in since]
    return not any(turns[place + 1] in ends[turns[place]] for place in range(len(turns) - 1))


def began_pending(history: Sequence[Happening]) -> bool:
    statuses = [one.status for one in history]
    resolved = [place for place, status in enumerate(statuses) if status is Status.RESOLVED]
    return Status.PENDING in statuses[resolved[-1] + 1 if resolved else 0 :]


def standing_pause(history: Sequence[Happening]) -> str | None:
    commands = [one for one in history if one.command in {"off", "on"}]
    return str(commands[-1].minute) if commands and commands[-1].command == "off" else None


@given(histories())
def test_events_in_order_give_what_happened(history: list[Happening]) -> None:
    conversation = told(history)
    last = written_last(history, Wrote.PERSON)
    with_people = last.at if last is not None and is_with_people(history) else None
    assert conversation.with_people_since == with_people
    assert conversation.began_pending == began_pending(history)
    pause = standing_pause(history)
    assert conversation.pause == (None if pause is None else Pause(pause))
    assert conversation.revision == len(history)


@given(arrivals())
def test_newest_state_and_newest_messages_win_in_any_order(
    arrival: tuple[list[Happening], list[Happening]],
) -> None:
    history, came = arrival
    conversation, newest = told(came), history[-1]
    assert conversation.seen_at == newest.at
    assert conversation.status is newest.status
    assert conversation.assignee == (ANA if newest.assigned else None)
    assert (conversation.labels, conversation.team) == ((newest.label,), newest.label)
    assert conversation.can_reply == (newest.label == "a")
    times = (conversation.customer_at, conversation.person_at, conversation.ai_at)
    for who, at in zip((Wrote.CUSTOMER, Wrote.PERSON, Wrote.AI), times, strict=True):
        last = written_last(history, who)
        assert at == (None if last is None else last.at)


@given(arrivals())
def test_no_order_takes_a_conversation_from_people(
    arrival: tuple[list[Happening], list[Happening]],
) -> None:
    history, came = arrival
    conversation = told(came)
    if is_with_people(history):
        assert conversation.with_people_since == conversation.person_at is not None
    if began_pending(history):
        assert conversation.began_pending
    pause = standing_pause(history)
    if pause is not None:
        assert conversation.pause == Pause(pause)


@given(arrivals(), st.booleans())
def test_ai_is_silent_in_any_order_where_it_is_silent_in_the_right_one(
    arrival: tuple[list[Happening], list[Happening]], agent_bot: bool
) -> None:
    history, came = arrival
    now = START + timedelta(days=2)
    if DEFAULT_RULES.silence(told(history), now=now, agent_bot=agent_bot) is not None:
        assert DEFAULT_RULES.silence(told(came), now=now, agent_bot=agent_bot) is not None


@given(histories(), st.data())
def test_conversation_is_given_back_whichever_of_two_events_comes_first(
    history: list[Happening], data: st.DataObject
) -> None:
    # Ana answers and gives it back; each way to do it is one more event.
    minute = len(history)
    answers = Happening(minute, Status.OPEN, True, Wrote.PERSON, None, "a")
    back = data.draw(
        st.sampled_from(
            [
                Happening(minute + 1, Status.PENDING, False, None, None, "a"),
                Happening(minute + 1, Status.RESOLVED, True, None, None, "a"),
                Happening(minute + 1, Status.RESOLVED, False, None, "resolve", "a"),
                Happening(minute + 1, Status.OPEN, True, None, "on", "a"),
            ]
        )
    )
    for came in ([answers, back], [back, answers]):
        assert told([*history, *came]).with_people_since is None


@given(histories())
def test_event_that_comes_twice_says_nothing_new(history: list[Happening]) -> None:
    once = told(history)
    again = succeeding(once, Sighting(KEY, history[-1].seen, once.updated_at))
    assert again.with_people_since == once.with_people_since
    back_at = again.handed_back_at
    assert again == evolve(once, revision=once.revision + 1, handed_back_at=back_at)


@given(st.lists(strategies.seen(), min_size=1, max_size=6), strategies.instants())
def test_event_that_says_nothing_changes_nothing(seen: list[Seen], at: datetime) -> None:
    known = fold(seen)
    after = succeeding(known, Sighting(KEY, NOTHING_SEEN, at))
    assert after == evolve(known, revision=known.revision + 1, updated_at=at)


@given(st.lists(strategies.sightings(st.just(KEY)), min_size=1, max_size=6))
def test_whatever_comes_the_record_stays_small_and_nobodys_message_is_forgotten(
    sightings: list[Sighting],
) -> None:
    known, written = None, dict.fromkeys(Wrote, False)
    for one in sightings:
        known = succeeding(known, one)
        if one.seen.wrote is not None:
            written[one.seen.wrote] = True
        if one.seen.mark is not None:
            assert one.seen.mark in known.marks
        if one.seen.owner is not None:
            assert known.owner == one.seen.owner
        if one.seen.handed_over:
            assert known.with_people_since is not None
        for at in (known.seen_at, known.person_at, known.customer_at, known.ai_at):
            assert at is None or at <= max(late.at for late in sightings) + MOST_AHEAD
    assert known is not None
    assert len(known.labels) <= MOST_LABELS
    assert written == {
        Wrote.CUSTOMER: known.customer_at is not None,
        Wrote.PERSON: known.person_at is not None,
        Wrote.AI: known.ai_at is not None,
    }
    assert (known.last_wrote is None) == (not any(written.values()))
    assert known.tenant == (None if known.owner is None else known.owner.tenant)


@given(st.lists(st.integers(0, 80), min_size=1, max_size=200))
def test_newest_marks_are_kept_each_once(numbers: list[int]) -> None:
    marks = fold([Seen(mark=f"msg/{number}") for number in numbers]).marks
    assert len(marks) == len(set(marks)) <= MOST_MARKS
    assert f"msg/{numbers[-1]}" in marks
    if len(set(numbers)) <= MOST_MARKS:
        assert set(marks) == {f"msg/{number}" for number in numbers}
