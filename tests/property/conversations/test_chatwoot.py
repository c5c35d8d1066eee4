"""
A conversation in a Chatwoot with people: from its events to whether the AI answers.

Chatwoot makes the body of an event some time after it, with the state of then.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import Factory, define
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.application.messages.conversation_states import MARK
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.domain.conversations.answering import DEFAULT_RULES
from odoo_ai_config.domain.conversations.state import (
    Conversation,
    ConversationKey,
    Sighting,
    succeeding,
)
from odoo_ai_config.domain.identifiers import ChatwootId

KEY: Final = ConversationKey(ChatwootId("1"), ChatwootId("301"))
START: Final = datetime(2026, 4, 23, 19, 0, tzinfo=UTC)
ANA: Final[dict[str, Any]] = {"id": 3, "name": "Ana", "type": "user"}
BOT: Final[dict[str, Any]] = {"id": 8, "name": "Robô", "type": "agent_bot"}
CUSTOMER: Final[dict[str, Any]] = {"id": 42, "phone_number": "+5511999990000"}
# What a message is, besides its text.
MESSAGES: Final[dict[str, dict[str, Any]]] = {
    "customer": {"message_type": "incoming", "sender": CUSTOMER},
    "person": {"message_type": "outgoing", "sender": ANA},
    "phone": {"message_type": "outgoing", "content_attributes": {"external_echo": True}},
    "hub": {"message_type": "outgoing", "sender": ANA, "content_attributes": {MARK: "msg_1"}},
    "bot": {"message_type": "outgoing", "sender": BOT},
    "rule": {"message_type": "outgoing", "content_attributes": {"automation_rule_id": 4}},
    "survey": {"message_type": "template", "content_type": "input_csat"},
    "note": {"message_type": "outgoing", "sender": ANA, "private": True},
    "/bot off": {"message_type": "outgoing", "sender": ANA, "private": True},
    "/bot on": {"message_type": "outgoing", "sender": ANA, "private": True},
}
STATUSES: Final = ("open", "pending", "resolved", "snoozed")
ACTIONS: Final = (*MESSAGES, *STATUSES, "assign", "unassign", "assign bot", "humano", "no label")


@define
class Chatwoot:
    """
    One conversation of an inbox with a bot, and what the hub has heard of it.

    Args:
        exact: Whether it says when a conversation changed. Version 4.0 says only the second of
            the newest message.
        with_people: A person wrote, and it was not given back since.
    """

    exact: bool
    now: datetime = START
    status: str = "pending"
    assignee: dict[str, Any] | None = None
    labels: list[str] = Factory(list)
    active_at: datetime = START
    paused: bool = False
    with_people: bool = False
    jobs: list[dict[str, Any]] = Factory(list)
    heard: Conversation | None = None

    @property
    def holder(self) -> str:
        if self.status == "resolved":
            return "nobody"
        return "AI" if self.status == "pending" and self.assignee in (None, BOT) else "people"

    def act(self, action: str) -> None:
        before, status = self.holder, self.status
        if action in MESSAGES:
            self.active_at = self.now
            if action == "customer" and status in {"resolved", "snoozed"}:
                self.status = "pending" if status == "resolved" else "open"
        elif action in STATUSES:
            self.status = action
        elif "assign" in action:
            self.assignee = {"assign": ANA, "assign bot": BOT}.get(action)
        else:
            self.labels = ["humano"] if action == "humano" else []
        if action in {"person", "phone"}:
            self.with_people = True
        returned = (before, self.holder) in {
            ("people", "AI"),
            ("people", "nobody"),
            ("AI", "nobody"),
        }
        if returned or action == "/bot on":
            self.with_people = False
        if action.startswith("/bot"):
            self.paused = action == "/bot off"
        if self.status != status:
            self.jobs.append({"event": "conversation_status_changed"})
        if action in MESSAGES:
            message = {"id": 1, "content": action, "created_at": self.now.isoformat()}
            self.jobs.append({"event": "message_created", **message, **MESSAGES[action]})
        else:
            self.jobs.append({"event": "conversation_updated"})

    def run(self, jobs: int) -> None:
        """
        Make the bodies of the oldest *jobs* events and send them.
        """
        for body in self.jobs[:jobs]:
            conversation: dict[str, Any] = {
                "id": 301,
                "status": self.status,
                "labels": self.labels,
                "meta": {"sender": CUSTOMER, "assignee": self.assignee},
                "timestamp": int(self.active_at.timestamp()),
            }
            if self.exact:
                conversation["updated_at"] = self.now.timestamp()
            message = body["event"] == "message_created"
            sent = body | ({"conversation": conversation} if message else conversation)
            seen = read_event({"account": {"id": 1}, **sent}).seen
            if seen is not None:
                self.heard = succeeding(self.heard, Sighting(KEY, seen, self.now))
        del self.jobs[:jobs]

    def answers(self) -> bool:
        heard = self.heard
        return heard is None or (
            DEFAULT_RULES.silence(heard, now=self.now, agent_bot=True) is None
        )


STEPS: Final = st.lists(
    st.tuples(st.sampled_from(ACTIONS), st.floats(0.2, 100), st.integers(0, 3)), max_size=12
)


@given(st.booleans(), STEPS)
def test_ai_never_speaks_over_people_however_late_the_events_are_made(
    exact: bool, steps: list[tuple[str, float, int]]
) -> None:
    chatwoot = Chatwoot(exact=exact)
    for action, seconds, jobs in steps:
        chatwoot.now += timedelta(seconds=seconds)
        chatwoot.act(action)
        chatwoot.run(jobs)
    chatwoot.run(len(chatwoot.jobs))
    if chatwoot.with_people or chatwoot.paused or chatwoot.labels or chatwoot.holder != "AI":
        assert not chatwoot.answers()


@given(st.booleans(), STEPS)
def test_ai_answers_exactly_where_it_should_if_events_come_at_once(
    exact: bool, steps: list[tuple[str, float, int]]
) -> None:
    chatwoot = Chatwoot(exact=exact)
    for action, seconds, _ in steps:
        chatwoot.now += timedelta(seconds=seconds)
        chatwoot.act(action)
        chatwoot.run(len(chatwoot.jobs))
        silent = chatwoot.with_people or chatwoot.paused or bool(chatwoot.labels)
        assert chatwoot.answers() == (not silent and chatwoot.holder == "AI"), action
