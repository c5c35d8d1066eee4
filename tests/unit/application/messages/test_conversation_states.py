"""
What Chatwoot's events say about conversations and the kinds of their messages.

The shapes are those of Chatwoot's presenters, of two forks, and of what WhatsApp gateways write.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.application.messages.conversation_states import (
    MARK,
    UNKNOWN_PERSON,
    command_in,
    is_by_rules,
    is_usual,
    mark_in,
    state_in,
    traits_of,
)
from odoo_ai_config.application.messages.payloads import read_event, seen_in
from odoo_ai_config.domain.conversations.answering import Trait
from odoo_ai_config.domain.conversations.state import (
    LONGEST_LABEL,
    MOST_LABELS,
    NOTE,
    UNSAID,
    ConversationKey,
    Pause,
    Seen,
    Status,
    Wrote,
)
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.receiving import Act, ChatwootEvent
from tests.unit.entrypoints.http.test_any_input import JSON, mutated
from tests.unit.entrypoints.http.web_hub import fixture, having, without

WHATSAPP: Final = fixture("chatwoot_message_created_whatsapp")
CONVERSATION: Final[dict[str, Any]] = WHATSAPP["conversation"]
ANA: Final[dict[str, Any]] = {
    "id": 3,
    "name": "Ana Atendente",
    "available_name": "Ana",
    "avatar_url": "",
    "type": "user",
    "availability_status": "online",
    "thumbnail": "",
}
# As the message of a person names its author.
AUTHOR: Final[dict[str, Any]] = {
    "id": 3,
    "name": "Ana",
    "email": "ana@example.com",
    "type": "user",
}
BOT: Final[dict[str, Any]] = {"id": 8, "name": "Robô", "type": "agent_bot"}
CREATED: Final = datetime(2026, 4, 23, 19, 14, 20, 512000, tzinfo=UTC)


def event(**fields: Any) -> dict[str, Any]:
    return WHATSAPP | fields


def outgoing(**fields: Any) -> dict[str, Any]:
    return event(message_type="outgoing", sender=AUTHOR) | fields


def of_conversation(**fields: Any) -> dict[str, Any]:
    return CONVERSATION | {"event": "conversation_updated", "changed_attributes": None} | fields


def with_meta(**meta: Any) -> dict[str, Any]:
    return {"meta": CONVERSATION["meta"] | meta}


def seen_by(payload: dict[str, Any]) -> Seen:
    seen = read_event(payload).seen
    assert seen is not None
    return seen


def test_state_is_read_in_full() -> None:
    conversation = having(CONVERSATION, ANA, "meta", "assignee")
    conversation["meta"] |= {"assignee_type": "User", "team": {"id": 2, "name": "vendas"}}
    conversation |= {"labels": ["vip", "humano"], "can_reply": False, "status": "snoozed"}
    assert state_in(conversation) == Seen(
        at=datetime(2026, 4, 23, 19, 14, 20, 512000, tzinfo=UTC),
        status=Status.SNOOZED,
        assignee=ChatwootId("3"),
        team="vendas",
        labels=("vip", "humano"),
        can_reply=False,
        blocked=False,
    )


def test_nothing_said_is_nothing_seen() -> None:
    assert state_in({}) == Seen()
    assert state_in({"meta": None, "status": 0, "labels": None, "can_reply": "no"}) == Seen()


def test_time_of_old_versions_is_that_of_the_newest_message() -> None:
    old = without(CONVERSATION, "updated_at")
    assert state_in(old).at == CREATED.replace(microsecond=0)
    assert state_in(without(old, "timestamp")).at is None


@pytest.mark.parametrize("status", [*Status])
def test_status_is_one_of_chatwoots(status: Status) -> None:
    assert state_in({"status": status.value}).status is status
    assert state_in({"status": status.value.upper()}).status is status
    assert state_in({"status": status.value + " "}).status is UNSAID


@pytest.mark.parametrize(
    ("meta", "assignee"),
    [
        ({"assignee": None, "assignee_type": None}, None),
        ({"assignee": ANA, "assignee_type": "User"}, ChatwootId("3")),
        # Versions that assign only people do not say the type.
        ({"assignee": ANA}, ChatwootId("3")),
        ({"assignee": {"id": 3, "name": "Ana"}}, ChatwootId("3")),
        ({"assignee": {**ANA, "id": "1f6e-ab"}}, ChatwootId("1f6e-ab")),
        ({"assignee": {**ANA, "id": 8}, "assignee_type": "AgentBot"}, None),
        ({"assignee": BOT, "assignee_type": "AgentBot"}, None),
        ({"assignee": BOT}, None),
        ({"assignee": {"id": 1, "type": "captain_assistant"}}, None),
        ({"assignee": {"id": 1}, "assignee_type": "Captain::Assistant"}, None),
        ({}, UNSAID),
        # A person whom the hub cannot name is a person.
        ({"assignee": {"name": "Ana"}}, UNKNOWN_PERSON),
        ({"assignee": {**ANA, "id": None}}, UNKNOWN_PERSON),
        ({"assignee": {**ANA, "id": ["3"]}}, UNKNOWN_PERSON),
        ({"assignee": {**ANA, "id": "ana@example.com"}}, UNKNOWN_PERSON),
        ({"assignee": ["Ana"]}, UNKNOWN_PERSON),
        ({"assignee": 3}, ChatwootId("3")),
        ({"assignee": {}}, None),
        ({"assignee": False}, None),
    ],
)
def test_assignee_is_a_person_and_no_bot(meta: dict[str, Any], assignee: Any) -> None:
    assert state_in({"meta": meta}).assignee == assignee


@pytest.mark.parametrize(
    ("meta", "team"),
    [
        ({}, UNSAID),
        ({"team": None}, None),
        ({"team": "vendas"}, None),
        ({"team": {"id": 2}}, None),
        ({"team": {"id": 2, "name": ""}}, None),
        ({"team": {"name": "v" * (LONGEST_LABEL + 1)}}, "v" * LONGEST_LABEL),
        ({"team": {"name": "\x00ven\ud800das"}}, "vendas"),
    ],
)
def test_team_is_known_by_its_name(meta: dict[str, Any], team: Any) -> None:
    assert state_in({"meta": meta}).team == team


@pytest.mark.parametrize(
    ("said", "labels"),
    [
        ([], ()),
        (["vip", "sem-bot"], ("vip", "sem-bot")),
        (["vip", None, "", 5, {"title": "vip"}, "\x00", "a\ud800b"], ("vip", "ab")),
        (["l" * (LONGEST_LABEL + 1)], ("l" * LONGEST_LABEL,)),
        (["l"] * (MOST_LABELS + 1), ("l",) * MOST_LABELS),
        ("vip", UNSAID),
        (None, UNSAID),
    ],
)
def test_labels_are_what_a_store_can_keep(said: Any, labels: Any) -> None:
    assert state_in({"labels": said}).labels == labels


@pytest.mark.parametrize("sender", [None, [], {}, {"blocked": None}, {"blocked": "true"}])
def test_contact_that_says_nothing_clear_says_nothing_of_a_block(sender: Any) -> None:
    assert state_in({"meta": {"sender": sender}}).blocked is UNSAID
    assert state_in({"meta": {"sender": {"blocked": True}}}).blocked is True


@pytest.mark.parametrize(
    ("payload", "wrote"),
    [
        # The customer.
        (event(conversation=CONVERSATION | {"labels": ["vip"]}), Wrote.CUSTOMER),
        (event(message_type=0, conversation=CONVERSATION | {"labels": ["vip"]}), Wrote.CUSTOMER),
        # A person in Chatwoot, or by an API key of hers; an answer by a macro is hers.
        (outgoing(), Wrote.PERSON),
        (outgoing(message_type=1), Wrote.PERSON),
        (fixture("chatwoot_message_created_outgoing"), Wrote.PERSON),
        # A person on the phone: Chatwoot's WhatsApp, Evolution, and a fork that names the contact.
        (outgoing(sender=None, content_attributes={"external_echo": True}), Wrote.PERSON),
        (outgoing(sender=None), Wrote.PERSON),
        (without(outgoing(), "sender"), Wrote.PERSON),
        (outgoing(sender=WHATSAPP["sender"]), Wrote.PERSON),
        (outgoing(content_type="voice_call"), Wrote.PERSON),
        # The AI: the hub with a bot's token or a person's, and other bots.
        (outgoing(sender=BOT), Wrote.AI),
        (outgoing(content_attributes={MARK: "msg_1"}), Wrote.AI),
        (outgoing(sender=None, content_attributes={MARK: "msg_1/2"}), Wrote.AI),
        (outgoing(sender={"id": 1, "type": "captain_assistant"}), Wrote.AI),
        (outgoing(sender=None, sender_type="AgentBot"), Wrote.AI),
        # Nobody: rules, campaigns, what was written elsewhere long ago, Chatwoot's own templates.
        (outgoing(sender=None, content_attributes={"automation_rule_id": 4}), None),
        (outgoing(content_attributes={"automation_rule_id": 4}), None),
        (outgoing(additional_attributes={"campaign_id": 9}), None),
        (outgoing(sender=None, content_attributes={"imported_history": True}), None),
        (outgoing(message_type="template", sender=None), None),
        (outgoing(message_type=3, sender=None, content_type="input_csat"), None),
        (outgoing(message_type="activity", sender=None), None),
        (event(message_type="strange"), None),
        (event(message_type=None), None),
    ],
)
def test_writer_of_a_public_message_is_known(payload: dict[str, Any], wrote: Wrote | None) -> None:
    seen = seen_by(payload)
    assert seen.wrote is wrote
    assert seen.wrote_at == CREATED
    assert seen.status is Status.OPEN
    assert not seen.resumes
    assert seen.pause is None


@pytest.mark.parametrize("private", [True, 1, "true", "yes", [], {}])
@pytest.mark.parametrize("message_type", ["outgoing", "incoming"])
def test_note_is_no_message_to_the_customer(private: Any, message_type: str) -> None:
    note = outgoing(private=private, content="Cliente antigo", message_type=message_type)
    seen = seen_by(note)
    assert (seen.wrote, seen.pause, seen.resumes) == (None, None, False)
    assert seen.status is Status.OPEN


@pytest.mark.parametrize(
    ("content", "command"),
    [
        *((text, True) for text in ("/bot off", " /Bot  OFF\n", "/bot\toff", "`/bot off`")),
        *((text, True) for text in ("/bot-off", "/bot\u200b off.", "/bot off: eu atendo" * 9)),
        *((text, False) for text in ("/bot on", "/BOT ON", "`/bot on`!")),
        *((text, None) for text in ("/bot", "bot off", "/bot offline", "/botoff", "", None, 5)),
        *((text, None) for text in ("/bot on agora", "use /bot off", "//bot off", "/bot of")),
        (" " * 32 + "/bot off", True),
        (" " * 33 + "/bot off", None),
        ("/bot on" + " " * 33, False),
        ("/bot on" + " " * 34, None),
    ],
)
def test_note_of_a_person_commands_the_ai(content: Any, command: bool | None) -> None:
    assert command_in({"content": content}) is command
    seen = seen_by(outgoing(private=True, content=content))
    assert seen.pause == (Pause(NOTE) if command else None)
    assert seen.resumes == (command is False)
    assert seen.wrote is None
    assert seen.wrote_at == (None if command is None else CREATED)


def test_only_a_person_commands_the_ai_and_only_in_a_note() -> None:
    for sender in (BOT, None, WHATSAPP["sender"]):
        seen = seen_by(outgoing(private=True, content="/bot on", sender=sender))
        assert not seen.resumes
    assert seen_by(outgoing(content="/bot off")).pause is None
    assert read_event(event(content="/bot on")).seen is None


def test_mark_comes_back_with_messages_and_notes() -> None:
    marked = {"content_attributes": {MARK: "msg_1/2"}}
    assert seen_by(outgoing(**marked)).mark == "msg_1/2"
    assert seen_by(outgoing(private=True, **marked)).mark == "msg_1/2"
    assert seen_by(outgoing()).mark is None
    by_customer = having(event(**marked), ["vip"], "conversation", "labels")
    assert seen_by(by_customer).mark is None


@pytest.mark.parametrize(
    "mark", [None, 5, "", "m" * 121, "msg 1", "msg\n1", "msg\x00", "é", ["m"]]
)
def test_mark_of_another_form_is_none_of_the_hubs(mark: Any) -> None:
    assert mark_in({"content_attributes": {MARK: mark}}) is None
    assert mark_in({"content_attributes": {MARK: "m" * 120}}) == "m" * 120
    assert mark_in({"content_attributes": [mark]}) is None


def test_rules_of_chatwoot_are_known_by_what_they_write() -> None:
    assert not is_by_rules({})
    assert not is_by_rules({"additional_attributes": {"campaign_id": None}})
    assert not is_by_rules({"additional_attributes": [5], "content_attributes": 5})
    assert is_by_rules({"additional_attributes": {"campaign_id": "9"}})


# Chatwoot's own form of a mail, shortened.
MAIL: Final[dict[str, Any]] = {"subject": "Fora do escritório", "from": ["a@example.com"]}


def mail(own: Any, first: Any) -> dict[str, Any]:
    return event(
        content_type="incoming_email",
        content_attributes={"email": MAIL | own},
        conversation=CONVERSATION | {"additional_attributes": {"source": "email"} | first},
    )


def contact(**fields: Any) -> dict[str, Any]:
    return event(sender=WHATSAPP["sender"] | fields)


@pytest.mark.parametrize(
    ("payload", "traits"),
    [
        (WHATSAPP, set()),
        (contact(blocked=True), {Trait.BLOCKED}),
        (event(conversation=having(CONVERSATION, True, "meta", "sender", "blocked")), {"BLOCKED"}),
        (contact(blocked="true"), set()),
        # Groups: Evolution and others by the id; forks in words of their own.
        (contact(identifier="120363025555555555@g.us"), {Trait.GROUP}),
        (
            event(conversation=having(CONVERSATION, "1203@g.us", "contact_inbox", "source_id")),
            {"GROUP"},
        ),
        (event(conversation=CONVERSATION | {"group": True, "group_title": "Clube"}), {"GROUP"}),
        (event(conversation=CONVERSATION | {"group_type": "group"}), {"GROUP"}),
        (event(conversation=CONVERSATION | {"group_type": "individual", "group": False}), set()),
        (event(conversation=CONVERSATION | {"group_type": None, "group": "false"}), set()),
        (contact(identifier="120363@newsletter"), {Trait.GROUP}),
        (contact(identifier="status@broadcast"), {Trait.GROUP}),
        (contact(identifier="5511999990000@s.whatsapp.net"), set()),
        (contact(identifier="142902286143727@lid"), set()),
        # Mail: what the message is counts, not what the first one of the conversation was.
        (mail({"auto_reply": True}, {"auto_reply": True}), {Trait.AUTOMATIC}),
        (mail({"auto_reply": True}, {}), {Trait.AUTOMATIC}),
        (mail({"auto_reply": False}, {"auto_reply": True}), set()),
        (mail({}, {"auto_reply": True}), {Trait.AUTOMATIC}),
        (mail({}, {"auto_reply": False}), set()),
        (mail({}, {}), set()),
        (mail({"auto_reply": None}, {}), set()),
        (event(content_attributes={"imported_history": True}), {Trait.AUTOMATIC}),
        (event(content_attributes={"is_reaction": True, "in_reply_to": 5}), {Trait.REACTION}),
        (event(content_attributes={"is_reaction": False}), set()),
        (event(content=None, content_attributes={"is_unsupported": True}), {Trait.UNSUPPORTED}),
        (event(content="Voice Call", content_type="voice_call"), {Trait.CALL}),
        (event(content_type="sticker"), set()),
        # Evolution's command contact; a customer of a shop may have its number as an id.
        (contact(identifier="123456", phone_number="+123456"), {Trait.COMMAND}),
        (contact(phone_number="123456"), {Trait.COMMAND}),
        (contact(identifier="123456"), set()),
        (contact(identifier="123456", phone_number=None), set()),
        (
            event(conversation=having(CONVERSATION, "123456", "contact_inbox", "source_id")),
            set(),
        ),
        (
            event(
                content_type="voice_call",
                sender=WHATSAPP["sender"] | {"blocked": True},
                content_attributes={"is_reaction": True, "is_unsupported": True},
            ),
            {Trait.BLOCKED, Trait.REACTION, Trait.UNSUPPORTED, Trait.CALL},
        ),
    ],
)
def test_kind_of_a_message_is_known(payload: dict[str, Any], traits: set[Any]) -> None:
    assert read_event(payload).traits == {
        Trait[trait] if isinstance(trait, str) else trait for trait in traits
    }


def test_message_that_says_nothing_unusual_leaves_its_state_to_the_delivery() -> None:
    for status in ("open", "pending"):
        usual = having(WHATSAPP, status, "conversation", "status")
        assert is_usual(usual["conversation"])
        assert read_event(usual).seen is None
        _, seen = seen_in(SecretText(json.dumps(usual)))
        assert seen.status is Status(status)
        assert (seen.wrote, seen.wrote_at) == (Wrote.CUSTOMER, CREATED)
    assert is_usual({})
    assert seen_in(SecretText("[]"))[1] == Seen()


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("resolved", ("status",)),
        ("snoozed", ("status",)),
        (5, ("status",)),
        ([], ("status",)),
        (["vip"], ("labels",)),
        (ANA, ("meta", "assignee")),
        (BOT, ("meta", "assignee")),
    ],
)
def test_message_in_an_unusual_conversation_tells_its_state_at_once(
    value: Any, path: tuple[str, ...]
) -> None:
    assert seen_by(having(WHATSAPP, value, "conversation", *path)).wrote is Wrote.CUSTOMER


def test_events_of_conversations_say_their_state() -> None:
    names = ["conversation_created", "conversation_updated", "conversation_status_changed"]
    for name in [*names, "conversation_opened", "conversation_resolved"]:
        told = read_event(of_conversation(event=name, status="resolved"))
        assert told.conversation == ConversationKey(ChatwootId("1"), ChatwootId("301"))
        assert told.seen is not None
        assert told.seen.status is Status.RESOLVED
        assert (told.act, told.seen.wrote, told.seen.mark) == (None, None, None)
        of_status = name in {"conversation_status_changed", "conversation_resolved"}
        assert told.seen.resolves == of_status
        assert not seen_by(of_conversation(event=name, status="pending")).resolves
    resolved = having(WHATSAPP, "resolved", "conversation", "status")
    assert not seen_by(resolved).resolves


def test_taking_and_giving_back_are_seen() -> None:
    taken = seen_by(of_conversation(status="open", **with_meta(assignee=ANA)))
    assert (taken.status, taken.assignee) == (Status.OPEN, ChatwootId("3"))
    back = seen_by(of_conversation(status="pending", **with_meta(assignee=None)))
    assert (back.status, back.assignee) == (Status.PENDING, None)
    to_bot = with_meta(assignee=BOT, assignee_type="AgentBot")
    assert seen_by(of_conversation(status="pending", **to_bot)).assignee is None


def test_event_of_a_widget_tells_nothing_about_a_conversation() -> None:
    widget: dict[str, Any] = {
        "event": "webwidget_triggered",
        "id": 5,
        "current_conversation": None,
    }
    told = read_event(widget)
    assert told.conversation is None
    assert told.seen == Seen()


def updated(**fields: Any) -> ChatwootEvent:
    return read_event(event(event="message_updated") | fields)


AUDIO: Final[dict[str, Any]] = {"id": 1, "file_type": "audio", "data_url": "https://a.example/1"}


@pytest.mark.parametrize(
    ("told", "act", "edition"),
    [
        (updated(), None, None),
        (updated(content_attributes={"deleted": True}), Act.DELETED, "deleted"),
        (
            updated(message_type="outgoing", sender=AUTHOR, content_attributes={"deleted": True}),
            Act.DELETED,
            "deleted",
        ),
        (updated(attachments=[AUDIO]), None, None),
        (updated(attachments=[AUDIO | {"transcribed_text": ""}]), None, None),
        (
            updated(attachments=[AUDIO | {"transcribed_text": "Oi"}]),
            Act.TRANSCRIBED,
            "transcribed",
        ),
        (updated(attachments="audio"), None, None),
        (updated(attachments=[None]), None, None),
        (
            updated(
                message_type="outgoing",
                sender=BOT,
                content_type="input_select",
                content_attributes={"submitted_values": [{"title": "Sim", "value": "sim"}]},
            ),
            Act.CHOSEN,
            "chosen",
        ),
        (
            updated(
                message_type="outgoing",
                content_type="input_email",
                content_attributes={"submitted_email": "a@example.com"},
            ),
            Act.CHOSEN,
            "chosen",
        ),
        (
            updated(message_type="outgoing", content_attributes={"submitted_values": []}),
            None,
            None,
        ),
        (updated(content_attributes={"submitted_values": [{"value": "sim"}]}), None, None),
        # Chatwoot's own survey, and its own request for an address.
        (
            updated(
                message_type="template",
                sender=None,
                content_type="input_csat",
                content_attributes={"submitted_values": {"csat_survey_response": {"rating": 5}}},
            ),
            None,
            None,
        ),
        (
            updated(
                message_type=3,
                sender=None,
                content_type="input_email",
                content_attributes={"submitted_email": "a@example.com"},
            ),
            None,
            None,
        ),
        (updated(message_type="outgoing", status="failed"), Act.FAILED, "failed"),
        (
            updated(message_type="outgoing", content_attributes={"external_error": "131049: no"}),
            Act.FAILED,
            "failed",
        ),
        (updated(message_type="outgoing", content_attributes={"external_error": ""}), None, None),
        (updated(message_type="outgoing", status="read"), None, None),
        (updated(status="failed"), None, None),
        (read_event(event()), Act.WRITTEN, None),
        (read_event(of_conversation()), None, None),
    ],
)
def test_act_is_told_apart(told: ChatwootEvent, act: Act | None, edition: str | None) -> None:
    assert told.act is act
    assert told.origin.edition == edition


def test_every_edit_of_a_message_is_an_edition_of_its_own() -> None:
    def edited(content: Any) -> str | None:
        told = updated(content=content, content_attributes={"is_edited": True})
        assert told.act is Act.EDITED
        return told.origin.edition

    editions = [edited("2 pizzas"), edited("3 pizzas"), edited(None)]
    assert len({*editions}) == len(editions)
    assert None not in editions
    assert edited("3 pizzas") == editions[1]
    assert all("/" not in str(edition) for edition in editions)
    by_person = updated(message_type="outgoing", content_attributes={"is_edited": True})
    assert by_person.act is None


def test_update_of_a_message_says_the_state_and_no_writer() -> None:
    told = updated(message_type="outgoing", sender=AUTHOR, status="failed")
    assert told.seen is not None
    assert (told.seen.status, told.seen.wrote) == (Status.OPEN, None)


SHAPES: Final = [
    having(WHATSAPP, ANA, "conversation", "meta", "assignee"),
    outgoing(content_attributes={MARK: "msg_1", "automation_rule_id": 4}),
    outgoing(private=True, content="/bot off"),
    mail({"auto_reply": True}, {"auto_reply": False}),
    event(event="message_updated", attachments=[AUDIO | {"transcribed_text": "Oi"}]),
    of_conversation(labels=["vip"], **with_meta(team={"id": 2, "name": "vendas"})),
]


def check(told: ChatwootEvent) -> None:
    if told.seen is None:
        return
    texts = [told.seen.team, told.seen.mark, told.origin.edition]
    if isinstance(told.seen.labels, tuple):
        texts += told.seen.labels
        assert len(told.seen.labels) <= MOST_LABELS
    for text in texts:
        if isinstance(text, str):
            assert 0 < len(text) <= LONGEST_LABEL
            assert b"\x00" not in text.encode()


@given(mutated(SHAPES))
def test_whatever_an_event_holds_it_says_something_that_can_be_stored(payload: Any) -> None:
    if isinstance(payload, dict):
        check(read_event(payload))
        _, seen = seen_in(SecretText(json.dumps(payload)))
        assert isinstance(seen, Seen)


OBJECTS: Final = st.dictionaries(st.text(max_size=10), JSON, max_size=4)


@given(
    st.dictionaries(st.sampled_from([*CONVERSATION, "group", "group_type"]), JSON),
    st.dictionaries(st.sampled_from([*WHATSAPP, "status", "attachments"]), JSON),
    st.lists(OBJECTS | st.dictionaries(st.sampled_from([*WHATSAPP["sender"]]), JSON), max_size=3),
)
def test_whatever_the_parts_are_they_are_read(
    conversation: dict[str, Any], message: dict[str, Any], senders: list[dict[str, Any]]
) -> None:
    assert isinstance(state_in(conversation), Seen)
    assert is_usual(conversation) in {True, False}
    assert mark_in(message) is None or isinstance(mark_in(message), str)
    assert is_by_rules(message) in {True, False}
    assert command_in(message) in {True, False, None}
    assert traits_of(message, conversation, senders) <= set(Trait)
