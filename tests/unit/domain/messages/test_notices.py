from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import evolve

from odoo_ai_config.application import errors
from odoo_ai_config.application.messages.intake import NO_ROUTE
from odoo_ai_config.application.messages.progress import Trouble
from odoo_ai_config.domain.conversations.answering import DEFAULT_RULES
from odoo_ai_config.domain.conversations.state import Seen, succeeding
from odoo_ai_config.domain.errors import CrewNotFoundError
from odoo_ai_config.domain.messages.answers import ChangeLabels, SetStatus, action_of, steps_of
from odoo_ai_config.domain.messages.inbox import UNDELIVERED_REASON
from odoo_ai_config.domain.messages.notices import (
    CAUSES,
    OTHER_CAUSE,
    UNANSWERED,
    Knowledge,
    cause_to_tell,
    keeps_trying,
    knowledge_of,
    notice,
)
from odoo_ai_config.domain.messages.outgoing import OutgoingMessage
from tests.contract.samples import AT, MINUTE, message, sighting, stray
from tests.contract.samples import notice as a_notice

# Why the delivery gives up, and why a message has no crew.
REASONS = {
    *(trouble.value for trouble in Trouble),
    *(
        error.code
        for error in (
            errors.CrewUnavailableError,
            errors.CrewRefusedError,
            errors.TargetForbiddenError,
            errors.ChatwootUnavailableError,
            errors.ChatwootRefusedError,
            errors.AttachmentUnavailableError,
            errors.AttachmentRefusedError,
            errors.SealBrokenError,
            errors.MasterKeyMissingError,
            CrewNotFoundError,
        )
    ),
    NO_ROUTE,
    UNDELIVERED_REASON,
    UNANSWERED,
}


def test_every_reason_is_told_in_words() -> None:
    assert CAUSES.keys() == REASONS


@pytest.mark.parametrize("cause", [*CAUSES, OTHER_CAUSE, "canary_reason"])
def test_note_holds_no_code(cause: str) -> None:
    said = notice(cause, evolve(stray("message-1"), reason=cause), DEFAULT_RULES)
    (text,) = (step.text for step in steps_of(said) if isinstance(step, OutgoingMessage))
    assert text is not None
    assert "_" not in text
    assert cause not in text
    assert [action_of(step) for step in steps_of(said)] == ["labels", "note", "status"]


def test_conversation_gets_the_label_and_is_open() -> None:
    said = notice(UNANSWERED, message(), evolve(DEFAULT_RULES, unanswered_label="socorro"))
    assert ChangeLabels(("socorro",), ()) in steps_of(said)
    assert any(isinstance(step, SetStatus) for step in steps_of(said))


def test_reason_that_is_not_public_is_told_as_another_cause() -> None:
    stuck = evolve(stray("message-1"), reason="canary_reason")
    assert cause_to_tell(stuck, DEFAULT_RULES, now=AT) == OTHER_CAUSE
    assert cause_to_tell(evolve(stuck, reason=None), DEFAULT_RULES, now=AT) == OTHER_CAUSE


def test_customer_waits_exactly_as_long_as_the_rules_say() -> None:
    rules = evolve(DEFAULT_RULES, unanswered=MINUTE)
    instant = timedelta(microseconds=1)
    assert cause_to_tell(message(), rules, now=AT + MINUTE - instant) is None
    assert cause_to_tell(message(), rules, now=AT + MINUTE) == UNANSWERED
    done = message().done(at=AT)
    assert cause_to_tell(done, rules, now=AT + MINUTE) is None


def test_notice_is_tried_for_exactly_a_day_and_a_message_no_longer_than_usual() -> None:
    day = timedelta(days=1)
    assert keeps_trying(a_notice(), now=AT + day - timedelta(microseconds=1))
    assert not keeps_trying(a_notice(), now=AT + day)
    assert not keeps_trying(message(), now=AT)


def test_people_who_were_told_of_one_message_know_of_the_next() -> None:
    told = succeeding(None, sighting(seen=Seen(told_people=True)))
    stuck = message().dead(reason="crew_refused", at=AT)
    assert knowledge_of(stuck, told, DEFAULT_RULES, now=AT + MINUTE) is Knowledge.KNOWN
