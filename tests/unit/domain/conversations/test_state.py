from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from odoo_ai_config.domain.conversations.state import (
    MOST_AHEAD,
    MOST_LABELS,
    MOST_MARKS,
    Conversation,
    ConversationKey,
    Holder,
    Pause,
    Seen,
    Sighting,
    Status,
    Wrote,
    succeeding,
)
from odoo_ai_config.domain.identifiers import ChatwootId, TenantArea, TenantId
from tests.contract.samples import owner

KEY = ConversationKey(ChatwootId("1"), ChatwootId("301"))
NOW = datetime(2026, 4, 23, 19, 0, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
ANA = ChatwootId("3")


def after(*seen: Seen | Sighting) -> Conversation:
    """
    The conversation after events of which each comes at the time that it says, or by *NOW*.
    """
    known = None
    for one in seen:
        sighting = one if isinstance(one, Sighting) else Sighting(KEY, one, one.at or NOW)
        known = succeeding(known, sighting)
    assert known is not None
    return known


def state(minute: int, status: Status, assignee: ChatwootId | None = None) -> Seen:
    return Seen(at=NOW + minute * MINUTE, status=status, assignee=assignee)


def written(minute: int, who: Wrote, status: Status = Status.OPEN) -> Seen:
    at = NOW + minute * MINUTE
    return evolve(state(minute, status), wrote=who, wrote_at=at)


def test_new_conversation_is_nobodys_business_yet() -> None:
    conversation = after(Seen())
    assert conversation == Conversation(KEY, 1, NOW)
    assert conversation.holder is None
    assert conversation.last_wrote is None
    assert conversation.with_people_since is None
    assert conversation.tenant is None
    assert str(conversation.key) == "1/301"


def test_tenant_is_the_owners() -> None:
    assert after(Seen(owner=owner("acme"))).tenant == TenantId("acme")
    assert isinstance(after(Seen(owner=owner("acme")), Seen()).owner, TenantArea)


@pytest.mark.parametrize(
    ("status", "assignee", "holder"),
    [
        (Status.PENDING, None, Holder.AI),
        (Status.PENDING, ANA, Holder.PEOPLE),
        (Status.OPEN, None, Holder.PEOPLE),
        (Status.SNOOZED, None, Holder.PEOPLE),
        (Status.RESOLVED, None, Holder.NOBODY),
        (Status.RESOLVED, ANA, Holder.NOBODY),
    ],
)
def test_state_says_who_has_a_conversation(
    status: Status, assignee: ChatwootId | None, holder: Holder
) -> None:
    assert after(state(0, status, assignee)).holder is holder
    assert state(0, status, assignee).holder is holder


def test_event_without_a_status_says_only_whether_a_person_has_it() -> None:
    assert Seen(assignee=ANA).holder is Holder.PEOPLE
    assert Seen(assignee=None).holder is None
    assert not Seen().tells_state
    assert Seen(assignee=None).tells_state
    assert Seen(status=Status.OPEN).tells_state


def test_part_that_an_event_does_not_say_stays_as_it_was() -> None:
    first = evolve(state(0, Status.OPEN, ANA), team="vendas", labels=("vip",), can_reply=False)
    conversation = after(evolve(first, blocked=True), Seen(at=NOW + MINUTE, status=Status.PENDING))
    assert (conversation.status, conversation.assignee) == (Status.PENDING, ANA)
    assert (conversation.team, conversation.labels) == ("vendas", ("vip",))
    assert conversation.blocked
    assert not conversation.can_reply


def test_event_without_a_state_says_nothing_of_labels() -> None:
    conversation = after(Seen(labels=("vip",), team="vendas", blocked=True))
    assert (conversation.labels, conversation.team, conversation.blocked) == ((), None, False)


def test_event_of_the_same_time_comes_after_the_one_that_came_before() -> None:
    # Old versions of Chatwoot tell only the second of the newest message.
    assert after(state(0, Status.PENDING), state(0, Status.OPEN)).status is Status.OPEN


def test_event_without_a_time_is_newest_and_makes_no_event_of_chatwoot_older() -> None:
    # Chatwoot's clock is behind the hub's.
    untimed = Sighting(KEY, Seen(status=Status.OPEN, assignee=None), NOW + 5 * MINUTE)
    known = after(state(0, Status.PENDING), untimed)
    assert (known.status, known.seen_at) == (Status.OPEN, NOW)
    later = Sighting(KEY, state(1, Status.PENDING, ANA), NOW + 6 * MINUTE)
    known = succeeding(known, later)
    assert (known.assignee, known.seen_at) == (ANA, NOW + MINUTE)
    first = after(untimed, later)
    assert (first.assignee, first.seen_at) == (ANA, NOW + MINUTE)


@pytest.mark.parametrize("minutes", [0, 2])
def test_message_without_a_time_that_is_read_again_is_as_old_as_it_is(minutes: int) -> None:
    taken = Sighting(KEY, Seen(status=Status.OPEN, assignee=ANA), NOW + MINUTE)
    message = Seen(status=Status.PENDING, assignee=None, came_at=NOW + minutes * MINUTE)
    replayed = Sighting(KEY, message, NOW + 9 * MINUTE)
    holder = Holder.PEOPLE if minutes == 0 else Holder.AI
    assert after(taken, replayed).holder is holder


def test_first_state_is_taken_even_behind_a_pause() -> None:
    message = Sighting(KEY, Seen(status=Status.OPEN, came_at=NOW), NOW + 9 * MINUTE)
    assert (
        after(Sighting(KEY, Seen(pause=Pause("ana")), NOW + MINUTE), message).status is Status.OPEN
    )


def test_writer_of_the_newest_message_wrote_last() -> None:
    seen = [written(0, Wrote.CUSTOMER), written(2, Wrote.PERSON), written(1, Wrote.AI)]
    assert after(*seen[:1]).last_wrote is Wrote.CUSTOMER
    assert after(*seen[:2]).last_wrote is Wrote.PERSON
    assert after(*seen).last_wrote is Wrote.PERSON
    assert after(*seen, written(3, Wrote.AI)).last_wrote is Wrote.AI


@pytest.mark.parametrize(
    ("seen", "minute"),
    [
        # A person writes.
        ([written(1, Wrote.PERSON)], 1),
        ([written(1, Wrote.PERSON, Status.PENDING)], 1),
        # The customer, or the AI, is no person.
        ([written(1, Wrote.CUSTOMER)], None),
        ([written(1, Wrote.AI)], None),
        # It becomes pending and unassigned again.
        ([written(1, Wrote.PERSON), state(2, Status.PENDING)], None),
        ([written(1, Wrote.PERSON), state(2, Status.PENDING, ANA)], 1),
        (
            [
                written(1, Wrote.PERSON),
                state(2, Status.PENDING, ANA),
                state(3, Status.PENDING),
            ],
            None,
        ),
        # It was never anybody else's.
        ([written(1, Wrote.PERSON, Status.PENDING), state(2, Status.PENDING)], 1),
        # It is resolved.
        ([written(1, Wrote.PERSON), state(2, Status.RESOLVED)], None),
        ([written(1, Wrote.PERSON), state(2, Status.SNOOZED)], 1),
        ([written(1, Wrote.PERSON, Status.PENDING), state(2, Status.RESOLVED)], None),
        # A person writes after that.
        ([state(0, Status.OPEN), state(1, Status.PENDING), written(2, Wrote.PERSON)], 2),
        ([written(0, Wrote.PERSON), state(1, Status.PENDING), written(2, Wrote.PERSON)], 2),
        # A person writes in a resolved one, and the customer answers.
        (
            [
                state(0, Status.RESOLVED),
                written(1, Wrote.PERSON, Status.RESOLVED),
                written(2, Wrote.CUSTOMER, Status.PENDING),
            ],
            1,
        ),
        (
            [
                state(0, Status.OPEN),
                written(1, Wrote.PERSON, Status.RESOLVED),
                state(2, Status.RESOLVED),
            ],
            1,
        ),
        # Events of which the hub saw only the last.
        ([Seen(wrote=Wrote.PERSON, wrote_at=NOW), state(1, Status.RESOLVED)], None),
    ],
)
def test_conversation_is_with_people_until_it_is_given_back(
    seen: list[Seen], minute: int | None
) -> None:
    since = None if minute is None else NOW + minute * MINUTE
    assert after(*seen).with_people_since == since


def test_message_that_comes_late_was_written_after_the_return_that_the_hub_did_not_see() -> None:
    # Given back in the second minute, by an event that never came.
    seen = [state(1, Status.OPEN), written(4, Wrote.CUSTOMER, Status.PENDING)]
    assert after(*seen).with_people_since is None
    late = written(3, Wrote.PERSON, Status.PENDING)
    assert after(*seen, late).with_people_since == NOW + 3 * MINUTE


def test_message_that_comes_after_the_return_was_written_before_it() -> None:
    for back in (state(2, Status.PENDING), state(2, Status.RESOLVED)):
        conversation = after(state(0, Status.OPEN), back, written(1, Wrote.PERSON))
        assert conversation.person_at == NOW + MINUTE
        assert conversation.with_people_since is None


def test_person_who_writes_and_resolves_at_once_gives_it_back() -> None:
    # The state that comes with a message is that of when Chatwoot sends the event.
    wrote = evolve(written(1, Wrote.PERSON, Status.RESOLVED), at=NOW + MINUTE + SECOND)
    resolved = evolve(state(1, Status.RESOLVED), at=NOW + MINUTE + SECOND, resolves=True)
    before, reopened = state(0, Status.OPEN, ANA), state(2, Status.PENDING)
    assert after(before, wrote, resolved, reopened).with_people_since is None
    assert after(before, resolved, wrote, reopened).with_people_since == NOW + MINUTE
    assert after(before, wrote, reopened, resolved).with_people_since == NOW + MINUTE
    # It was written in between, and is still to come.
    assert after(before, evolve(resolved, resolves=False), resolved, wrote).with_people_since == (
        NOW + MINUTE
    )
    seen = evolve(state(2, Status.RESOLVED), wrote=Wrote.CUSTOMER)
    again = evolve(state(3, Status.RESOLVED), resolves=True)
    assert after(before, seen, again, wrote).with_people_since == NOW + MINUTE


def test_late_event_without_a_state_gives_nothing_back() -> None:
    conversation = after(
        state(0, Status.RESOLVED), written(1, Wrote.PERSON, Status.RESOLVED), Seen(at=NOW)
    )
    assert conversation.with_people_since == NOW + MINUTE


def test_clock_that_tells_whole_seconds_gives_conversations_back() -> None:
    # Chatwoot 4.0 says when the newest message came, without fractions, and events of people
    # who change the state have the time of the message before.
    at = NOW + MINUTE
    message = Seen(
        at=at, status=Status.OPEN, assignee=ANA, wrote=Wrote.PERSON, wrote_at=at + SECOND / 2
    )
    free = Seen(at=at, status=Status.PENDING, assignee=None)
    assert after(state(0, Status.PENDING), message, free).with_people_since is None
    later = evolve(free, at=at + SECOND)
    assert after(state(0, Status.PENDING), later, message).with_people_since is None


def test_ai_gives_a_conversation_to_people_until_they_give_it_back() -> None:
    handed = Sighting(KEY, Seen(handed_over=True), NOW + MINUTE)
    taken: list[Seen | Sighting] = [state(0, Status.PENDING), handed]
    assert after(*taken).with_people_since == NOW + MINUTE
    assert after(*taken, state(2, Status.OPEN)).with_people_since == NOW + MINUTE
    assert after(*taken, state(2, Status.OPEN), state(3, Status.PENDING)).with_people_since is None
    assert after(*taken, state(2, Status.RESOLVED)).with_people_since is None
    # The state says at once what it said before.
    assert after(*taken, state(2, Status.PENDING)).with_people_since == NOW + MINUTE


@pytest.mark.parametrize("ahead", [-MINUTE, timedelta(0), MINUTE])
def test_clock_of_chatwoot_does_not_decide_whether_a_handover_holds(ahead: timedelta) -> None:
    def seen(minute: float, status: Status) -> Sighting:
        at = NOW + minute * MINUTE
        return Sighting(KEY, Seen(at=at + ahead, status=status, assignee=None), at)

    earlier = [seen(0, Status.PENDING), seen(0.1, Status.OPEN), seen(0.2, Status.PENDING)]
    handed = Sighting(KEY, Seen(handed_over=True), NOW + 0.5 * MINUTE)
    assert after(*earlier, handed).with_people_since == NOW + 0.5 * MINUTE
    back = [seen(0.6, Status.OPEN), seen(0.7, Status.PENDING)]
    assert after(*earlier, handed, *back).with_people_since is None


def test_later_handover_counts_after_an_earlier_return() -> None:
    resumed = Sighting(KEY, Seen(resumes=True), NOW + MINUTE)
    handed = Sighting(KEY, Seen(handed_over=True), NOW + 2 * MINUTE)
    conversation = after(written(0, Wrote.PERSON), resumed, handed)
    assert conversation.with_people_since == NOW + 2 * MINUTE
    assert conversation.handed_over_at == NOW + 2 * MINUTE


def test_conversation_was_a_bots_until_it_is_resolved() -> None:
    pending, opened = state(0, Status.PENDING), state(1, Status.OPEN)
    assert after(pending).began_pending
    assert after(pending, opened).began_pending
    assert after(opened, pending).began_pending
    assert not after(opened).began_pending
    resolved = state(2, Status.RESOLVED)
    assert not after(pending, resolved).began_pending
    assert not after(resolved, pending).began_pending
    assert not after(pending, resolved, state(3, Status.OPEN)).began_pending


def test_pause_holds_until_its_end() -> None:
    assert Pause("ana").holds(NOW)
    pause = Pause("ana", NOW)
    assert pause.holds(NOW - SECOND)
    assert not pause.holds(NOW)
    assert not pause.holds(NOW + SECOND)


def test_pause_ends_by_a_command_and_by_nothing_else() -> None:
    paused = Seen(at=NOW, pause=Pause("note"))
    conversation = after(paused, state(1, Status.RESOLVED), written(2, Wrote.CUSTOMER))
    assert conversation.pause == Pause("note")
    assert conversation.paused_at == NOW
    resumed = after(paused, Seen(at=NOW + MINUTE, resumes=True))
    assert resumed.pause is None
    assert resumed.paused_at == NOW
    assert after(paused, Seen(at=NOW, resumes=True)).pause is None


def test_newest_command_holds_in_any_order() -> None:
    first, second = Seen(at=NOW, resumes=True), Seen(at=NOW + MINUTE, pause=Pause("note"))
    assert after(second, first).pause == Pause("note")
    newer = Seen(at=NOW + 2 * MINUTE, pause=Pause("ana", NOW + DAY))
    assert after(newer, second).pause == Pause("ana", NOW + DAY)
    assert after(newer, second).paused_at == NOW + 2 * MINUTE
    last = Seen(at=NOW + 3 * MINUTE, resumes=True)
    assert after(newer, last, second).pause is None


def test_command_of_an_operator_holds_whatever_chatwoots_clock_says() -> None:
    paused = Sighting(KEY, Seen(at=NOW + 5 * MINUTE, pause=Pause("note")), NOW)
    wrote = Sighting(
        KEY, Seen(at=NOW + 5 * MINUTE, wrote=Wrote.PERSON, wrote_at=NOW + 5 * MINUTE), NOW
    )
    resumed = Sighting(KEY, Seen(resumes=True), NOW + MINUTE)
    assert after(paused, wrote, resumed).pause is None
    assert after(paused, wrote, resumed).with_people_since is None
    again = Sighting(KEY, Seen(pause=Pause("key_1")), NOW + 2 * MINUTE)
    conversation = after(paused, resumed, again)
    assert conversation.pause == Pause("key_1")
    assert conversation.paused_at == NOW + 5 * MINUTE


def test_command_is_of_when_it_was_written_whatever_the_state_of_its_event() -> None:
    later = NOW + 2 * MINUTE
    resumed = Seen(at=later, status=Status.PENDING, wrote_at=NOW, resumes=True)
    conversation = after(resumed, written(1, Wrote.PERSON, Status.PENDING))
    assert conversation.with_people_since == NOW + MINUTE
    paused = Seen(at=later, wrote_at=NOW + MINUTE, pause=Pause("note"))
    for seen in ([paused, resumed], [resumed, paused]):
        assert after(*seen).pause == Pause("note")
        assert after(*seen).paused_at == NOW + MINUTE


def test_message_that_a_person_wrote_after_the_command_counts() -> None:
    resumed, wrote = Seen(at=NOW, resumes=True), written(1, Wrote.PERSON)
    for seen in ([resumed, wrote], [wrote, resumed]):
        assert after(*seen).with_people_since == NOW + MINUTE
    assert after(written(0, Wrote.PERSON), resumed).with_people_since is None


def test_time_far_ahead_of_the_hubs_clock_is_not_believed() -> None:
    def seen(ahead: timedelta, status: Status, minute: int) -> Sighting:
        at = NOW + minute * MINUTE
        return Sighting(
            KEY, Seen(at=at + ahead, status=status, wrote=Wrote.PERSON, wrote_at=at + ahead), at
        )

    edge = after(seen(MOST_AHEAD, Status.PENDING, 0))
    assert edge.seen_at == edge.person_at == NOW + MOST_AHEAD
    beyond = seen(3000 * DAY, Status.PENDING, 0)
    assert after(beyond).seen_at == after(beyond).person_at == NOW + MOST_AHEAD
    minutes = MOST_AHEAD // MINUTE
    # It stands in the way no longer than that.
    assert after(beyond, seen(0 * DAY, Status.OPEN, minutes)).status is Status.OPEN
    assert after(beyond, seen(0 * DAY, Status.OPEN, minutes - 1)).status is Status.PENDING


def test_what_the_ai_said_about_hours_is_known_by_the_hubs_clock() -> None:
    conversation = after(Sighting(KEY, Seen(at=NOW - DAY, told_closed=True), NOW), Seen())
    assert conversation.closed_told_at == NOW


def test_event_that_comes_again_is_known_and_one_that_changes_anything_is_not() -> None:
    seen = evolve(written(0, Wrote.CUSTOMER), owner=owner("acme"))
    conversation = after(seen)
    assert conversation.knows(seen, now=NOW + MINUTE)
    for other in (
        written(1, Wrote.CUSTOMER),
        evolve(seen, owner=owner("globex")),
        evolve(seen, told_closed=True),
        evolve(seen, mark="msg_1/0"),
    ):
        assert not conversation.knows(other, now=NOW + MINUTE)


def test_record_stays_small() -> None:
    labels = tuple(f"label-{number}" for number in range(MOST_LABELS + 1))
    conversation = after(evolve(state(0, Status.OPEN), labels=labels))
    assert conversation.labels == labels[:MOST_LABELS]
    marks = [f"msg_1/{number}" for number in range(MOST_MARKS + 2)]
    assert after(*(Seen(mark=mark) for mark in marks)).marks == tuple(marks[2:])
    assert after(*(Seen(mark=mark) for mark in marks[:2] * 2)).marks == tuple(marks[:2])


def test_owner_that_is_renamed_is_all_that_changes() -> None:
    old, new = owner("acme"), owner("acme2")
    before = after(evolve(state(1, Status.PENDING), owner=old, pause=Pause("key")))
    renames = Sighting(KEY, Seen(owner=new, moved_from=old), NOW + DAY)
    renamed = succeeding(before, renames)
    assert renamed == evolve(before, revision=before.revision + 1, owner=new)
    # Another tenant has it by now.
    others = evolve(before, owner=owner("other"))
    assert succeeding(others, renames) == evolve(others, revision=others.revision + 1)
