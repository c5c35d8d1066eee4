from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from hypothesis import given

from odoo_ai_config.domain.channels.routing import Rule
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SealContext
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import (
    HUB,
    BusinessArea,
    ChatwootId,
    CredentialRef,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.messages.inbox import (
    CLOCK_SLACK,
    MAX_REPLAYS,
    NO_REPLY_REASON,
    NOBODY,
    OPEN,
    STUCK,
    TEXT_PURPOSES,
    Destination,
    InboxMessage,
    MessageId,
    Origin,
    Release,
    Stage,
    WrongStageError,
    answer_context,
    body_context,
)
from tests import strategies

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
LATEST = NOON + timedelta(hours=1)
ONE, TWO = ChatwootId("1"), ChatwootId("2")
ANA = TenantArea(TenantId("ana"), BusinessArea("retail"))
BIA = TenantArea(TenantId("bia"), BusinessArea())
TO_ANA = Destination(ANA, "sales", Rule.INBOX, Release(3, 2))
TO_BIA = Destination(BIA, None, Rule.FALLBACK, Release(0, 1))
BODY, OTHER_BODY, ANSWER = (Fingerprint(f"{number:032x}") for number in (1, 2, 3))
QUEUED = InboxMessage(
    MessageId("message-1"),
    Origin("message_created", account=ONE, conversation=TWO, message=ONE, delivery="d1"),
    Stage.QUEUED,
    received_at=NOON,
    updated_at=NOON,
    due_at=NOON,
    destination=TO_ANA,
    body=BODY,
)
AWAITING = QUEUED.awaiting(until=LATEST, at=LATER)
ANSWERED = QUEUED.answered(ANSWER, at=LATER)
DEAD = QUEUED.dead(reason="crew_refused", at=LATER)
UNRESOLVED = QUEUED.unresolved(reason="crew_not_found", at=LATER)
STRAY = evolve(QUEUED, stage=Stage.UNRESOLVED, due_at=None, destination=None, reason="no_route")
DONE = ANSWERED.done(at=LATER)
IGNORED = evolve(STRAY, stage=Stage.IGNORED, body=None, reason="outgoing")
DISCARDED = DEAD.discarded(at=LATER)
FAILED = DONE.undelivered(at=LATER)
EVERY = [
    QUEUED,
    AWAITING,
    ANSWERED,
    DEAD,
    UNRESOLVED,
    STRAY,
    DONE,
    IGNORED,
    DISCARDED,
    FAILED,
]


def at_stages(*stages: Stage) -> list[InboxMessage]:
    return [one for one in EVERY if one.stage in stages]


def except_stages(*stages: Stage) -> list[InboxMessage]:
    return [one for one in EVERY if one.stage not in stages]


@pytest.mark.parametrize("text", ["message-1", "_______8", "a" * 64, "msg_0AZaz-9"])
def test_message_id_is_a_short_name(text: str) -> None:
    assert str(MessageId(text)) == text
    # It is also the reference of the sealed texts.
    assert str(CredentialRef(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "a" * 7, "a" * 65, "-message", "message/1", "message 1", "mensagém", "message-1\n"],
)
def test_other_text_is_not_a_message_id(text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        MessageId(text)
    assert caught.value.rule == "message_id"


def test_every_stage_is_one_of_the_cases_above() -> None:
    assert {one.stage for one in EVERY} == set(Stage)


@pytest.mark.parametrize(
    ("origin", "marks"),
    [
        (Origin("message_created"), ()),
        (Origin("message_created", account=ONE), ()),
        (Origin("message_created", message=ONE), ()),
        (Origin("", delivery="d", proof="1"), ("delivery/d/1",)),
        (Origin("a/b", account=ONE, message=TWO), ("message/1/2/a/b",)),
        (
            Origin("created", account=ONE, message=TWO, delivery="d1"),
            ("delivery/d1", "message/1/2/created"),
        ),
    ],
)
def test_message_is_recognised_by_its_delivery_and_by_its_chatwoot_id(
    origin: Origin, marks: tuple[str, ...]
) -> None:
    assert origin.marks == marks


def test_inbox_conversation_and_request_do_not_identify_a_message() -> None:
    elsewhere = evolve(QUEUED.origin, inbox=TWO, conversation=ONE, request_id="r2")
    assert elsewhere.marks == QUEUED.origin.marks


def test_open_message_has_a_due_time_and_a_destination() -> None:
    with pytest.raises(InvalidValueError) as caught:
        evolve(QUEUED, due_at=None)
    assert caught.value.rule == "due_at"
    with pytest.raises(InvalidValueError) as caught:
        evolve(QUEUED, destination=None)
    assert caught.value.rule == "destination"


def test_message_that_is_not_open_is_never_due() -> None:
    with pytest.raises(InvalidValueError) as caught:
        evolve(DEAD, due_at=NOON)
    assert caught.value.rule == "due_at"


def test_message_belongs_to_the_owner_of_its_destination_or_to_nobody() -> None:
    assert QUEUED.holder == ANA
    assert UNRESOLVED.holder == ANA
    assert STRAY.holder == NOBODY
    assert NOBODY.tenant == HUB


def test_texts_are_sealed_for_the_holder_under_the_id_of_the_message() -> None:
    ref = CredentialRef("message-1")
    assert body_context(QUEUED) == SealContext(ANA, ref, "message")
    assert answer_context(QUEUED) == SealContext(ANA, ref, "answer")
    assert body_context(STRAY).owner == NOBODY
    assert TEXT_PURPOSES == ("message", "answer")


def test_conversation_is_named_by_its_account_and_id() -> None:
    assert QUEUED.conversation == "1/2"


@pytest.mark.parametrize(
    "origin", [evolve(QUEUED.origin, account=None), evolve(QUEUED.origin, conversation=None)]
)
def test_message_without_a_conversation_has_a_lane_of_its_own(origin: Origin) -> None:
    alone = evolve(QUEUED, origin=origin)
    assert alone.conversation == "message/message-1"


@pytest.mark.parametrize("one", EVERY)
def test_only_queued_awaiting_and_answered_messages_are_open(one: InboxMessage) -> None:
    assert one.is_open == (one.stage in {Stage.QUEUED, Stage.AWAITING, Stage.ANSWERED})


@pytest.mark.parametrize("one", at_stages(*OPEN))
def test_taken_message_is_put_off_and_the_claim_is_counted(one: InboxMessage) -> None:
    taken = one.taken(until=LATEST)
    assert taken == evolve(one, due_at=LATEST, revision=one.revision + 1, claims=1)
    assert taken.taken(until=LATEST).claims == 2


@pytest.mark.parametrize("one", at_stages(*OPEN))
def test_result_resets_the_count_of_claims(one: InboxMessage) -> None:
    taken = one.taken(until=LATEST)
    said = [
        taken.given_back(at=LATEST),
        taken.awaiting(until=LATEST, at=LATEST),
        taken.put_off(until=LATEST, reason="crew_unavailable", at=LATEST),
        taken.dead(reason="crew_refused", at=LATEST),
    ]
    assert [after.claims for after in said] == [0] * len(said)


@pytest.mark.parametrize("one", at_stages(*OPEN))
def test_recalled_message_waits_as_long_as_before(one: InboxMessage) -> None:
    assert one.due_at is not None
    behind = one.updated_at - timedelta(days=1)
    recalled = one.recalled(now=behind)
    assert recalled == evolve(one, due_at=one.due_at - timedelta(days=1), updated_at=behind)
    assert recalled.recalled(now=behind) is recalled


@pytest.mark.parametrize("one", EVERY)
def test_only_an_open_message_from_the_future_is_recalled(one: InboxMessage) -> None:
    assert one.recalled(now=one.updated_at - CLOCK_SLACK) is one
    assert (one.recalled(now=NOON - timedelta(days=1)) is one) is not one.is_open


@pytest.mark.parametrize("one", at_stages(Stage.QUEUED, Stage.AWAITING))
def test_message_that_is_given_back_is_due_at_once(one: InboxMessage) -> None:
    taken = one.taken(until=LATEST)
    assert taken.given_back(at=LATER) == evolve(one, due_at=LATER, revision=one.revision + 2)


@pytest.mark.parametrize("one", at_stages(Stage.ANSWERED))
def test_answered_message_that_is_given_back_keeps_its_due_time(
    one: InboxMessage,
) -> None:
    taken = one.taken(until=LATEST)
    assert taken.given_back(at=LATER) == evolve(one, due_at=LATEST, revision=one.revision + 2)


def test_message_waits_for_a_crew_that_answers_later() -> None:
    expected = evolve(QUEUED, stage=Stage.AWAITING, due_at=LATEST, updated_at=LATER, revision=2)
    assert expected == AWAITING


@pytest.mark.parametrize("one", at_stages(Stage.QUEUED, Stage.AWAITING))
def test_answered_message_is_due_at_once_with_no_failed_attempts(one: InboxMessage) -> None:
    failed = one.put_off(until=LATER, reason="crew_unavailable", at=NOON)
    answered = evolve(failed, stage=one.stage).answered(ANSWER, at=LATER)
    assert answered == evolve(
        failed,
        stage=Stage.ANSWERED,
        due_at=LATER,
        updated_at=LATER,
        revision=failed.revision + 1,
        reason=None,
        attempts=0,
        answer=ANSWER,
    )


def test_worker_that_posts_the_answer_itself_keeps_its_claim() -> None:
    answered = QUEUED.answered(ANSWER, at=LATER, until=LATEST)
    assert (answered.updated_at, answered.due_at) == (LATER, LATEST)


@pytest.mark.parametrize("one", except_stages(Stage.QUEUED, Stage.AWAITING))
@pytest.mark.parametrize(
    "act",
    [lambda one: one.answered(ANSWER, at=LATER), lambda one: one.without_reply(at=LATER)],
    ids=["answered", "silent"],
)
def test_answer_is_refused_if_the_message_does_not_wait_for_one(
    one: InboxMessage, act: Callable[[InboxMessage], InboxMessage]
) -> None:
    with pytest.raises(WrongStageError) as caught:
        act(one)
    assert caught.value.stage is one.stage


@pytest.mark.parametrize("one", at_stages(Stage.QUEUED, Stage.AWAITING))
def test_message_without_a_reply_is_done(one: InboxMessage) -> None:
    closed = one.without_reply(at=LATEST)
    assert (closed.stage, closed.reason, closed.answer) == (Stage.DONE, NO_REPLY_REASON, None)
    assert (closed.due_at, closed.updated_at) == (None, LATEST)


def test_done_message_is_not_due_any_more_and_keeps_its_answer() -> None:
    late = ANSWERED.put_off(until=LATEST, reason="chatwoot_unavailable", at=LATER)
    done = late.done(at=LATEST)
    assert (done.stage, done.due_at, done.reason) == (Stage.DONE, None, None)
    assert (done.answer, done.revision) == (ANSWER, late.revision + 1)


@pytest.mark.parametrize(
    ("one", "stage"),
    [(QUEUED, Stage.QUEUED), (AWAITING, Stage.QUEUED), (ANSWERED, Stage.ANSWERED)],
)
def test_failed_message_is_tried_again_where_it_failed(one: InboxMessage, stage: Stage) -> None:
    failed = one.put_off(until=LATEST, reason="crew_unavailable", at=LATER)
    assert failed == evolve(
        one,
        stage=stage,
        due_at=LATEST,
        updated_at=LATER,
        reason="crew_unavailable",
        attempts=1,
        revision=one.revision + 1,
    )
    again = failed.put_off(until=LATEST, reason="crew_timeout", at=LATER)
    assert (again.attempts, again.reason) == (2, "crew_timeout")


def test_attempts_are_counted_over_all_that_a_crew_is_asked() -> None:
    failed = QUEUED.put_off(until=LATER, reason="crew_unavailable", at=NOON)
    late = failed.awaiting(until=LATEST, at=LATER).put_off(
        until=LATEST, reason="crew_late", at=LATER
    )
    assert late.attempts == 2


@pytest.mark.parametrize("one", at_stages(*OPEN))
def test_message_that_is_given_up_says_why(one: InboxMessage) -> None:
    dead = one.dead(reason="crew_refused", at=LATER)
    assert (dead.stage, dead.reason, dead.due_at) == (Stage.DEAD, "crew_refused", None)
    assert (dead.attempts, dead.answer) == (one.attempts + 1, one.answer)


def test_message_without_a_crew_is_unresolved_and_keeps_its_owner() -> None:
    assert (UNRESOLVED.stage, UNRESOLVED.reason) == (Stage.UNRESOLVED, "crew_not_found")
    assert (UNRESOLVED.due_at, UNRESOLVED.destination) == (None, TO_ANA)


@pytest.mark.parametrize("one", at_stages(*STUCK))
def test_discarded_message_keeps_the_reason_why_it_was_stuck(
    one: InboxMessage,
) -> None:
    discarded = one.discarded(at=LATEST)
    assert (discarded.stage, discarded.reason) == (Stage.DISCARDED, one.reason)
    assert (discarded.updated_at, discarded.revision) == (LATEST, one.revision + 1)


@pytest.mark.parametrize("one", except_stages(*STUCK))
def test_only_a_stuck_message_is_discarded_or_replayed(one: InboxMessage) -> None:
    with pytest.raises(WrongStageError) as caught:
        one.discarded(at=LATEST)
    assert caught.value.stage is one.stage
    with pytest.raises(WrongStageError) as caught:
        one.replayed(TO_ANA, at=LATEST)
    assert caught.value.stage is one.stage


@pytest.mark.parametrize("one", [DEAD, UNRESOLVED])
def test_replayed_message_goes_to_its_crew_again(one: InboxMessage) -> None:
    anew = evolve(TO_ANA, crew="support")
    assert one.replayed(anew, at=LATEST) == evolve(
        one,
        stage=Stage.QUEUED,
        destination=anew,
        due_at=LATEST,
        updated_at=LATEST,
        revision=one.revision + 1,
        attempts=0,
        reason=None,
        replays=1,
    )


def test_replayed_message_that_was_answered_is_only_posted() -> None:
    replayed = ANSWERED.dead(reason="chatwoot_refused", at=LATER).replayed(TO_ANA, at=LATEST)
    assert (replayed.stage, replayed.answer, replayed.body) == (Stage.ANSWERED, ANSWER, BODY)
    assert (replayed.due_at, replayed.attempts) == (LATEST, 0)


def test_new_owner_gets_the_text_under_its_own_key_and_asks_its_own_crew() -> None:
    dead = ANSWERED.dead(reason="chatwoot_refused", at=LATER)
    replayed = dead.replayed(TO_BIA, at=LATEST, body=OTHER_BODY)
    assert (replayed.stage, replayed.holder) == (Stage.QUEUED, BIA)
    assert (replayed.body, replayed.answer) == (OTHER_BODY, None)


def test_message_without_an_owner_may_get_one_by_a_replay() -> None:
    replayed = STRAY.replayed(TO_ANA, at=LATEST, body=OTHER_BODY)
    assert (replayed.stage, replayed.holder) == (Stage.QUEUED, ANA)
    assert (replayed.body, replayed.replays) == (OTHER_BODY, 1)


def test_message_is_replayed_a_few_times_only() -> None:
    one = DEAD
    for number in range(1, MAX_REPLAYS + 1):
        replayed = one.replayed(TO_ANA, at=LATEST)
        assert replayed.replays == number
        one = replayed.dead(reason="crew_refused", at=LATEST)
    with pytest.raises(WrongStageError) as caught:
        one.replayed(TO_ANA, at=LATEST)
    assert caught.value.stage is Stage.DEAD
    # It can still be discarded.
    assert one.discarded(at=LATEST).stage is Stage.DISCARDED


@given(one=strategies.inbox_messages())
def test_every_step_is_one_revision_of_the_same_message(one: InboxMessage) -> None:
    steps = [
        one.done(at=LATER),
        one.dead(reason="r", at=LATER),
        one.unresolved(reason="r", at=LATER),
    ]
    if one.is_open:
        steps += [
            one.taken(until=LATER),
            one.given_back(at=LATER),
            one.awaiting(until=LATEST, at=LATER),
            one.put_off(until=LATEST, reason="r", at=LATER),
        ]
    for step in steps:
        assert step.revision == one.revision + 1
        assert (step.id, step.origin, step.received_at) == (one.id, one.origin, one.received_at)
        assert (step.body, step.conversation) == (one.body, one.conversation)


def test_message_that_a_worker_may_have_is_known() -> None:
    assert not QUEUED.may_be_in_hand(NOON)
    assert QUEUED.taken(until=LATER).may_be_in_hand(NOON)
    assert not QUEUED.taken(until=LATER).may_be_in_hand(LATER)
    # It waits for a crew, and no worker for it.
    assert not AWAITING.may_be_in_hand(LATER)
    assert QUEUED.answered(ANSWER, at=NOON, until=LATER).may_be_in_hand(NOON)
    assert not QUEUED.answered(ANSWER, at=NOON).may_be_in_hand(NOON)
    assert not QUEUED.done(at=NOON).may_be_in_hand(NOON)


def test_rehoused_message_keeps_its_place_and_loses_its_texts() -> None:
    moved = AWAITING.rehoused(BIA)
    expected = evolve(
        AWAITING,
        revision=AWAITING.revision + 1,
        destination=evolve(TO_ANA, owner=BIA),
        body=None,
    )
    assert moved == expected
