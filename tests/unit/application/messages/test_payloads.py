"""
The payloads of all Chatwoot versions, and of the old test scripts.
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.application.messages.payloads import (
    customer_message,
    read_event,
    read_message,
    sender_in,
)
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Attachment, Contact
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.receiving import (
    Author,
    ChatwootEvent,
    Direction,
    Ignored,
    reason_to_ignore,
)
from tests.unit.entrypoints.http.test_any_input import JSON, mutated
from tests.unit.entrypoints.http.web_hub import fixture, having, without

WHATSAPP = fixture("chatwoot_message_created_whatsapp")
WITHOUT_PHONE = fixture("chatwoot_message_created_without_phone")
OUTGOING = fixture("chatwoot_message_created_outgoing")
NOTE = fixture("chatwoot_message_created_private_note")
# Payloads of the old server's test scripts.
FAKE: dict[str, Any] = {
    "event": "message_created",
    "id": "evt-1",
    "account": {"id": "account_1"},
    "inbox": {"id": "7", "name": "WhatsApp", "channel_type": "Channel::Whatsapp"},
    "conversation": {"id": "301", "inbox_id": 7},
    "message": {
        "id": 9001,
        "content": "Oi",
        "message_type": "incoming",
        "created_at": 1776971660,
    },
    "contact": {"id": 42, "name": "Cliente", "email": None, "phone_number": "+5511999990000"},
}
CHANGED = [{"status": {"previous_value": "open", "current_value": "resolved"}}]
OF_CONVERSATION: dict[str, Any] = WHATSAPP["conversation"] | {
    "event": "conversation_status_changed",
    "changed_attributes": CHANGED,
}
WIDGET: dict[str, Any] = {
    "id": 5,
    "contact": {"id": 42},
    "inbox": {"id": 7, "name": "Site"},
    "account": {"id": 1, "name": "Loja"},
    "current_conversation": None,
    "source_id": "0b7e",
    "event": "webwidget_triggered",
    "event_info": {"referer": "https://example.org"},
}
TYPING: dict[str, Any] = {
    "event": "conversation_typing_on",
    "user": {"id": 5, "type": "user"},
    "conversation": {"id": 301, "inbox_id": 7, "account_id": 1},
    "is_private": False,
}
SHAPES = [WHATSAPP, WITHOUT_PHONE, OUTGOING, NOTE, FAKE, OF_CONVERSATION, WIDGET, TYPING]


def number_of(payload: dict[str, Any]) -> str | None:
    return read_event(payload).sender


def silent(payload: dict[str, Any]) -> dict[str, Any]:
    """
    *payload* without phone numbers; a test adds its own.
    """
    for path in (("sender",), ("conversation", "meta", "sender")):
        for name in ("phone_number", "identifier"):
            payload = having(payload, None, *path, name)
    return having(payload, None, "conversation", "contact_inbox", "source_id")


def ids_of(event: ChatwootEvent) -> tuple[str | None, ...]:
    origin = event.origin
    ids = (origin.account, origin.inbox, origin.conversation, origin.message)
    return tuple(None if found is None else found.value for found in ids)


def test_message_of_a_whatsapp_inbox_is_read_in_full() -> None:
    event = read_event(WHATSAPP, delivery="d-1", request_id="r-1")

    assert event.origin.event == "message_created"
    assert ids_of(event) == ("1", "7", "301", "9001")
    assert (event.origin.delivery, event.origin.request_id) == ("d-1", "r-1")
    assert event.direction is Direction.INCOMING
    assert not event.private
    assert event.author is Author.CUSTOMER
    assert event.sender == "+5511999990000"
    assert reason_to_ignore(event) is None


def test_what_was_written_is_read_in_full() -> None:
    message = read_message(WHATSAPP)

    assert message.text == "Olá, qual o horário de funcionamento?"
    assert message.contact == Contact("42", "Cliente Exemplo", "+5511999990000", None)
    assert message.channel == "Channel::Whatsapp"
    assert message.inbox_name == "WhatsApp Vendas"
    assert message.attachments == ()
    assert message.sent_at == datetime(2026, 4, 23, 19, 14, 20, 512_000, tzinfo=UTC)


def test_opened_text_says_what_the_event_said() -> None:
    sealed = SecretText(json.dumps(WHATSAPP, ensure_ascii=False))
    assert customer_message(sealed) == read_message(WHATSAPP)
    assert customer_message(SecretText("[]")).text is None


def test_what_no_store_can_keep_is_left_out_of_texts() -> None:
    odd = having(having(WHATSAPP, "Oi\x00 \ud83dtudo", "content"), "\x00 \udfff", "sender", "name")
    sealed = SecretText(json.dumps(odd))
    assert customer_message(sealed).text == "Oi tudo"
    # Nothing is left of it, so the name is that of the conversation.
    assert customer_message(sealed).contact.name == "Cliente Exemplo"


def test_message_is_the_events_and_not_the_last_one_of_the_conversation() -> None:
    event = read_event(NOTE)
    assert event.origin.message == ChatwootId("9003")
    assert read_message(NOTE).text == "cliente antigo, tratar com prioridade"
    assert event.private


def test_shape_of_the_old_test_scripts_is_understood() -> None:
    event, message = read_event(FAKE), read_message(FAKE)

    assert ids_of(event) == ("account_1", "7", "301", "9001")
    assert message.text == "Oi"
    assert message.contact == Contact("42", "Cliente", "+5511999990000", None)
    assert message.channel == "Channel::Whatsapp"
    assert message.sent_at == datetime(2026, 4, 23, 19, 14, 20, tzinfo=UTC)
    assert reason_to_ignore(event) is None


def test_attachments_come_without_a_text() -> None:
    image = {"id": 1, "file_type": "image", "data_url": "https://chatwoot.example/a.jpg"}
    odd = [None, {}, {"data_url": ""}, {"data_url": "https://chatwoot.example/b"}]
    payload = having(having(WHATSAPP, None, "content"), [image, *odd], "attachments")

    message = read_message(payload)

    assert message.text is None
    assert message.attachments == (
        Attachment("image", "https://chatwoot.example/a.jpg"),
        Attachment("file", "https://chatwoot.example/b"),
    )
    assert reason_to_ignore(read_event(payload)) is None


def test_number_is_looked_for_in_the_order_in_which_it_can_be_trusted() -> None:
    payload = silent(WHATSAPP)
    assert number_of(payload) is None
    for user in ("5511900000004@c.us", "5511900000004@s.whatsapp.net"):
        payload = having(payload, user, "sender", "identifier")
        assert number_of(payload) == "+5511900000004"
    payload = having(payload, "5511900000003", "conversation", "contact_inbox", "source_id")
    assert number_of(payload) == "+5511900000003"
    payload = having(payload, "+5511900000002", "conversation", "meta", "sender", "phone_number")
    assert number_of(payload) == "+5511900000002"
    payload = having(payload, "+5511900000001", "sender", "phone_number")
    assert number_of(payload) == "+5511900000001"


@pytest.mark.parametrize("source_id", ["0b7ef0f6-3a5e-4f6d", "", None, 5, []], ids=repr)
def test_source_id_that_is_no_number_gives_none(source_id: Any) -> None:
    payload = having(silent(WHATSAPP), source_id, "conversation", "contact_inbox", "source_id")
    assert number_of(payload) is None


def test_twilio_writes_its_numbers_with_a_prefix() -> None:
    payload = having(silent(WHATSAPP), "Channel::TwilioSms", "conversation", "channel")
    source = "whatsapp:+5511900000003"
    payload = having(payload, source, "conversation", "contact_inbox", "source_id")
    assert number_of(payload) == "+5511900000003"


@pytest.mark.parametrize("channel", ["Channel::Telegram", "Channel::Api", "Channel::FacebookPage"])
def test_source_id_of_another_channel_is_never_taken_for_a_number(channel: str) -> None:
    payload = having(silent(WHATSAPP), channel, "conversation", "channel")
    payload = having(payload, "123456789", "conversation", "contact_inbox", "source_id")
    assert number_of(payload) is None


@pytest.mark.parametrize("identifier", ["5511900000004", "x@s.whatsapp.net", "x@lid"])
def test_identifier_that_says_no_number_gives_none(identifier: str) -> None:
    payload = having(silent(WHATSAPP), identifier, "sender", "identifier")
    assert number_of(payload) is None
    assert read_message(payload).contact.identifier == identifier


def test_sender_who_hides_the_number_is_known_by_the_id() -> None:
    for place, hidden in (
        (("conversation", "contact_inbox", "source_id"), "BR.13491208655302741918"),
        (("sender", "identifier"), "176415330668607@lid"),
        (("conversation", "meta", "sender", "identifier"), "US.ENT.11815799212886844830"),
    ):
        payload = having(silent(WHATSAPP), hidden, *place)
        contact = read_message(payload).contact
        assert (number_of(payload), contact.number, contact.identifier) == (hidden, None, hidden)
        assert sender_in(SecretText(json.dumps(payload))) == hidden
        # A number tells more.
        payload = having(payload, "+5511900000001", "sender", "phone_number")
        assert number_of(payload) == "+5511900000001"
        assert sender_in(SecretText(json.dumps(payload))) == "+5511900000001"


def test_what_a_visitor_of_a_website_says_is_no_sender() -> None:
    payload = having(WHATSAPP, "Channel::WebWidget", "conversation", "channel")
    payload = having(payload, "176415330668607@lid", "sender", "identifier")
    assert number_of(payload) is None
    assert sender_in(SecretText(json.dumps(payload))) is None
    # The crew gets it all the same.
    assert read_message(payload).contact.number == read_message(WHATSAPP).contact.number


def test_id_of_another_channel_is_no_sender() -> None:
    payload = having(silent(WHATSAPP), "Channel::Telegram", "conversation", "channel")
    payload = having(payload, "BR.123", "conversation", "contact_inbox", "source_id")
    assert number_of(payload) is None


def test_sender_without_phone_is_no_trouble() -> None:
    event = read_event(WITHOUT_PHONE)
    assert event.sender == "BR.1234567890"
    assert read_message(WITHOUT_PHONE).contact.number is None
    assert reason_to_ignore(event) is None
    assert event.incoming is not None
    assert event.incoming.number == event.sender


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (OUTGOING, "outgoing"),
        (NOTE, "private"),
        (having(WHATSAPP, True, "private"), "private"),
        (having(WHATSAPP, "true", "private"), "private"),
        (having(FAKE, True, "message", "private"), "private"),
        (having(WHATSAPP, "template", "message_type"), "outgoing"),
        (having(WHATSAPP, 1, "message_type"), "outgoing"),
        (having(WHATSAPP, "sideways", "message_type"), "unknown_direction"),
        (having(WHATSAPP, None, "message_type"), "unknown_direction"),
        (having(WHATSAPP, True, "message_type"), "unknown_direction"),
        (without(WHATSAPP, "message_type"), "unknown_direction"),
        (having(WHATSAPP, "user", "sender", "type"), "from_user"),
        (having(WHATSAPP, "agent_bot", "sender", "type"), "from_bot"),
        (having(FAKE, "AgentBot", "message", "sender_type"), "from_bot"),
        (having(WHATSAPP, "message_updated", "event"), "not_a_message"),
        (OF_CONVERSATION, "not_a_message"),
        (WIDGET, "not_a_message"),
        (TYPING, "not_a_message"),
        (having(WHATSAPP, "message_eaten", "event"), "unknown_event"),
        (having(WHATSAPP, 7, "event"), "unknown_event"),
        (without(WHATSAPP, "event"), "unknown_event"),
        ({}, "unknown_event"),
        (
            without(without(WHATSAPP, "account"), "conversation", "messages"),
            "no_account",
        ),
        (without(WHATSAPP, "conversation", "id"), "no_conversation"),
    ],
)
def test_everything_but_a_customers_message_is_ignored_for_a_reason(
    payload: dict[str, Any], reason: str
) -> None:
    ignored = reason_to_ignore(read_event(payload))
    assert ignored is not None
    assert ignored.value == reason


@pytest.mark.parametrize(
    "payload",
    [
        having(WHATSAPP, 0, "message_type"),
        having(WHATSAPP, "0", "private"),
        having(WHATSAPP, None, "private"),
        having(WHATSAPP, None, "sender"),
        having(WHATSAPP, "contact", "sender", "type"),
        without(WHATSAPP, "id"),
        having(WHATSAPP, [], "inbox"),
    ],
)
def test_message_of_a_customer_is_acted_on_however_it_is_written(payload: dict[str, Any]) -> None:
    assert reason_to_ignore(read_event(payload)) is None


def test_account_is_found_where_older_versions_leave_it() -> None:
    messages = without(OF_CONVERSATION, "account")
    assert ids_of(read_event(messages)) == ("1", "7", "301", None)
    within = having(without(messages, "messages"), {"id": 3}, "account")
    assert read_event(within).origin.account == ChatwootId("3")
    assert read_event(TYPING).origin.account is None
    assert read_event(TYPING | {"account_id": 4}).origin.account == ChatwootId("4")
    assert read_event(without(messages, "messages")).origin.account is None
    assert read_event(having(messages, [None, {}], "messages")).origin.account is None


def test_conversation_names_its_account_in_new_versions() -> None:
    payload = having(without(WHATSAPP, "account"), {"id": 6}, "conversation", "account")
    assert read_event(payload).origin.account == ChatwootId("6")


@pytest.mark.parametrize(
    "value", [None, 0, -1, "0", "None", "", True, False, 1.5, "a/b", [], {}], ids=repr
)
def test_what_is_no_id_counts_as_absent(value: Any) -> None:
    payload = without(having(WHATSAPP, value, "account", "id"), "conversation", "messages")
    assert read_event(payload).origin.account is None


@pytest.mark.parametrize("value", [7, "7", " 7 ", 2**63 - 1, 2**63], ids=repr)
def test_id_is_the_same_whether_it_is_counted_or_written(value: Any) -> None:
    payload = having(WHATSAPP, value, "account", "id")
    assert read_event(payload).origin.account == ChatwootId(str(value).strip())


@pytest.mark.parametrize(
    "moment", [None, "yesterday", 1e300, -(2**62), float(10**17), True, [], "0001-01-01T00:00+14"]
)
def test_invalid_time_counts_as_absent(moment: Any) -> None:
    assert read_message(having(WHATSAPP, moment, "created_at")).sent_at is None


def test_moment_without_a_zone_is_of_utc() -> None:
    sent_at = read_message(having(WHATSAPP, "2026-04-23T19:14:20", "created_at")).sent_at
    assert sent_at == datetime(2026, 4, 23, 19, 14, 20, tzinfo=UTC)


@given(mutated(SHAPES))
def test_whatever_an_object_holds_there_is_a_decision(payload: Any) -> None:
    body = payload if isinstance(payload, dict) else {"event": payload}
    before = copy.deepcopy(body)

    event = read_event(body)

    reason = reason_to_ignore(event)
    if reason is None:
        assert event.direction is Direction.INCOMING
        assert event.origin.account is not None
        assert event.origin.conversation is not None
        assert event.incoming is not None
    assert body == before
    assert customer_message(SecretText(json.dumps(body))) == read_message(body)


@given(st.dictionaries(st.sampled_from([*WHATSAPP, "message", "contact"]), JSON))
def test_whatever_the_fields_are_there_is_a_decision(body: dict[str, Any]) -> None:
    incoming = body | {"event": "message_created", "message_type": "incoming"}
    reasons = [reason_to_ignore(read_event(event)) for event in (body, incoming)]
    assert reasons[0] is not None or body.get("event") == "message_created"
    assert reasons[1] not in {Ignored.NOT_A_MESSAGE, Ignored.UNKNOWN_EVENT}


# As Chatwoot writes them.
@pytest.mark.parametrize(
    "name",
    [
        "message_updated",
        "conversation_created",
        "conversation_updated",
        "conversation_status_changed",
        "conversation_opened",
        "conversation_resolved",
        "conversation_typing_on",
        "conversation_typing_off",
        "webwidget_triggered",
        "contact_created",
        "contact_updated",
        "inbox_created",
        "inbox_updated",
    ],
)
def test_other_events_are_known_by_name(name: str) -> None:
    reason = reason_to_ignore(read_event(having(WHATSAPP, name, "event")))
    assert reason is not None
    assert reason.value == "not_a_message"


def test_text_number_and_attachment_are_not_in_the_printed_form() -> None:
    printed = repr((read_event(WHATSAPP), read_message(WHATSAPP)))
    assert "horário" not in printed
    assert "Cliente" not in printed
    assert "5511999990000" not in printed
