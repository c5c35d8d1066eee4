"""
What a crew is told of one message, read from what Chatwoot sends.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from odoo_ai_config.application.messages.payloads import (
    customer_message,
    read_event,
    read_message,
)
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import (
    Assignee,
    Attachment,
    Contact,
    ContactCard,
    ConversationAtMessage,
    CustomerMessage,
    Location,
    Reply,
    Team,
)
from odoo_ai_config.domain.identifiers import ChatwootId
from tests.unit.entrypoints.http.web_hub import fixture, having

WHATSAPP = fixture("chatwoot_message_created_whatsapp")
URL = "https://chatwoot.example/rails/blobs/1"
LID = "142902286143727@lid"


def read(**members: Any) -> CustomerMessage:
    return read_message(WHATSAPP | members)


def of_attributes(**attributes: Any) -> CustomerMessage:
    return read(content_attributes=attributes)


def attached(**members: Any) -> Attachment:
    (one,) = read(attachments=[{"id": 1, "account_id": 1, "message_id": 1, **members}]).attachments
    return one


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            {"file_type": "image", "data_url": URL, "thumb_url": URL, "file_size": 4096}
            | {"extension": "jpg", "width": 640, "height": 480},
            Attachment("image", URL, extension="jpg", size=4096, width=640, height=480),
        ),
        (
            {"file_type": "audio", "data_url": URL, "extension": None, "width": None}
            | {"transcribed_text": "Quero cancelar"},
            Attachment("audio", URL, transcription="Quero cancelar"),
        ),
        (
            {"file_type": "audio", "data_url": URL, "transcribed_text": ""},
            Attachment("audio", URL),
        ),
        (
            {"file_type": "location", "fallback_title": "Loja, Rua A", "data_url": None}
            | {"coordinates_lat": -23.55, "coordinates_long": -46},
            Attachment("location", title="Loja, Rua A", location=Location(-23.55, -46.0)),
        ),
        (
            {"file_type": "location", "coordinates_lat": 0.0, "coordinates_long": 0.0},
            Attachment("location"),
        ),
        (
            {"file_type": "location", "coordinates_lat": 0, "coordinates_long": 12.5},
            Attachment("location", location=Location(0.0, 12.5)),
        ),
        (
            {"file_type": "location", "coordinates_lat": 91, "coordinates_long": 0},
            Attachment("location"),
        ),
        (
            {"file_type": "location", "coordinates_lat": "-23", "coordinates_long": True},
            Attachment("location"),
        ),
        (
            {"file_type": "contact", "fallback_title": "+5511977776666"}
            | {"meta": {"firstName": "Joana", "lastName": "Silva"}},
            Attachment(
                "contact",
                title="+5511977776666",
                contact=ContactCard("Joana Silva", ("+5511977776666",)),
            ),
        ),
        (
            {"file_type": "contact", "fallback_title": "11 97777-6666"}
            | {"meta": {"first_name": "Joana"}},
            Attachment(
                "contact", title="11 97777-6666", contact=ContactCard("Joana", ("11 97777-6666",))
            ),
        ),
        (
            {"file_type": "contact", "fallback_title": "Joana"},
            Attachment("contact", title="Joana", contact=ContactCard("Joana")),
        ),
        ({"file_type": "contact", "meta": []}, Attachment("contact", contact=ContactCard())),
        (
            {"file_type": "fallback", "fallback_title": "Promoção", "data_url": URL},
            Attachment("fallback", URL, "Promoção"),
        ),
        (
            {"file_type": "fallback", "fallback_title": "Promoção"},
            Attachment("fallback", title="Promoção"),
        ),
        *(
            ({"file_type": kind, "data_url": URL, "thumb_url": URL}, Attachment(kind, URL))
            for kind in ("video", "file", "share", "story_mention", "ig_reel", "ig_post", "embed")
        ),
        ({"file_type": "hologram", "fallback_title": "x"}, Attachment("hologram", title="x")),
        ({"data_url": URL, "file_size": -1, "width": True}, Attachment("file", URL)),
        ({"file_type": "image", "data_url": None, "file_size": 2**63}, Attachment("image")),
    ],
)  # fmt: skip
def test_attachments_of_every_kind_are_told(said: dict[str, Any], told: Attachment) -> None:
    assert attached(**said) == told


def test_transcription_that_comes_later_is_read() -> None:
    audio = {"file_type": "audio", "data_url": URL, "transcribed_text": "Quero cancelar"}
    message = read(event="message_updated", content=None, attachments=[audio])
    assert message.attachments == (Attachment("audio", URL, transcription="Quero cancelar"),)


@pytest.mark.parametrize(
    ("attributes", "reply"),
    [
        (
            {"in_reply_to": 856001, "in_reply_to_external_id": "wamid.1"},
            Reply(ChatwootId("856001"), "wamid.1"),
        ),
        ({"in_reply_to": "856001"}, Reply(ChatwootId("856001"))),
        ({"in_reply_to_external_id": "wamid.1"}, Reply(None, "wamid.1")),
        ({"in_reply_to": None, "in_reply_to_external_id": ""}, None),
        ({"in_reply_to": [], "in_reply_to_external_id": 7}, None),
    ],
)
def test_quoted_message_is_named(attributes: dict[str, Any], reply: Reply | None) -> None:
    message = of_attributes(**attributes)
    assert (message.in_reply_to, message.quoted) == (reply, None)


def marks_of(message: CustomerMessage) -> list[bool]:
    return [message.reaction, message.unsupported, message.edited, message.voice_call]


def test_kind_of_a_message_is_told() -> None:
    plain = read()
    assert marks_of(plain) == [False] * 4
    assert plain.content_type == "text"
    assert of_attributes(is_reaction=True, in_reply_to=1).reaction
    assert of_attributes(is_unsupported=True).unsupported
    call = read(content_type="voice_call", content="Voice Call")
    assert (call.content_type, call.voice_call) == ("voice_call", True)
    assert read(content_type=7).content_type is None
    odd = of_attributes(is_reaction="true", is_unsupported=1, is_edited="yes")
    assert marks_of(odd) == [False] * 4


def test_edited_message_tells_both_texts() -> None:
    edited = read(
        event="message_updated",
        content="quero 3 pizzas",
        content_attributes={"is_edited": True, "previous_content": "quero 2 pizzas"},
    )
    assert (edited.text, edited.previous_text, edited.edited) == (
        "quero 3 pizzas",
        "quero 2 pizzas",
        True,
    )
    assert of_attributes(previous_content="antes").edited
    assert of_attributes(is_edited=True).previous_text is None


def question(kind: str, **attributes: Any) -> CustomerMessage:
    """
    A question of a bot, which Chatwoot sends again with what the customer chose.
    """
    bot = {"id": 9, "name": "Robô", "type": "agent_bot"}
    return read(
        event="message_updated",
        id=857319,
        message_type="outgoing",
        sender=bot,
        content="Escolha",
        content_type=kind,
        content_attributes=attributes,
    )


@pytest.mark.parametrize(
    ("submitted", "text"),
    [
        ([{"title": "Sim", "value": "sim"}], "Sim"),
        ([{"title": "Sim", "value": "a"}, {"title": " ", "value": "b"}], "Sim, b"),
        ([{"name": "cpf", "value": "111"}, {"name": "nome", "value": "Ana"}], "111, Ana"),
        ({"csat_survey_response": {"rating": 5}}, None),
    ],
)
def test_choice_is_told_as_what_the_customer_says(submitted: Any, text: str | None) -> None:
    message = question("input_select", items=[], submitted_values=submitted)
    assert message.text == text
    assert (message.quoted, message.in_reply_to) == ("Escolha", Reply(ChatwootId("857319")))
    values = submitted if isinstance(submitted, list) else [submitted]
    assert message.submitted_values == tuple(values)
    # Chatwoot tells who asked, and when; not when the customer chose.
    assert message.sent_at is None
    assert message.contact == Contact("42", "Cliente Exemplo", "+5511999990000")


def test_choice_of_a_question_without_words_is_told() -> None:
    chosen = {"submitted_values": [{"title": "Sim"}]}
    message = read(message_type="template", content=None, content_attributes=chosen)
    assert (message.text, message.quoted, message.sent_at) == ("Sim", None, None)


def test_values_in_the_customers_own_message_do_not_replace_its_text() -> None:
    message = of_attributes(submitted_values=[{"title": "Sim", "value": "sim"}])
    assert (message.text, message.in_reply_to) == (read().text, None)
    assert message.submitted_values == ({"title": "Sim", "value": "sim"},)
    assert message.sent_at == read().sent_at


def test_address_that_was_asked_for_is_told() -> None:
    message = question("input_email", submitted_email="ana@example.com")
    assert (message.text, message.submitted_email) == ("ana@example.com", "ana@example.com")
    assert message.submitted_values == ()


@pytest.mark.parametrize("submitted", [None, [], {}, "sim", 7, [None, "sim", {}]])
def test_question_without_an_answer_has_its_own_text(submitted: Any) -> None:
    message = question("input_select", submitted_values=submitted)
    assert (message.text, message.quoted, message.in_reply_to) == ("Escolha", None, None)


def test_what_no_store_can_keep_is_left_out_of_values() -> None:
    odd = having(WHATSAPP, {"a\x00": ["\ud800x", {"b": "\x00", "c": 1.5}]}, "conversation",
                 "custom_attributes")  # fmt: skip
    message = customer_message(SecretText(json.dumps(odd)))
    assert message.conversation.custom_attributes == {"a": ["x", {"b": "", "c": 1.5}]}


def test_conversation_is_told_as_the_event_says_it() -> None:
    conversation = WHATSAPP["conversation"] | {
        "status": "pending",
        "labels": ["vip", "", 7, "humano"],
        "can_reply": False,
        "priority": "high",
        "custom_attributes": {"pedido": 1200},
    }
    conversation["meta"] = conversation["meta"] | {
        "assignee": {"id": 3, "name": "Ana Atendente", "type": "user"},
        "assignee_type": "User",
        "team": {"id": 5, "name": "vendas"},
    }
    assert read(conversation=conversation).conversation == ConversationAtMessage(
        "pending",
        Assignee("3", "Ana Atendente"),
        Team("5", "vendas"),
        ("vip", "humano"),
        can_reply=False,
        priority="high",
        custom_attributes={"pedido": 1200},
    )


@pytest.mark.parametrize(
    ("assignee", "kind", "told"),
    [
        (None, None, None),
        ({}, "User", None),
        ({"id": 9, "name": "Robô", "type": "agent_bot"}, None, Assignee("9", "Robô", bot=True)),
        ({"id": 9, "name": "Robô"}, "AgentBot", Assignee("9", "Robô", bot=True)),
        ({"id": 3, "name": "Ana"}, None, Assignee("3", "Ana")),
    ],
)
def test_who_has_the_conversation_is_told(
    assignee: Any, kind: str | None, told: Assignee | None
) -> None:
    payload = having(WHATSAPP, assignee, "conversation", "meta", "assignee")
    payload = having(payload, kind, "conversation", "meta", "assignee_type")
    assert read_message(payload).conversation.assignee == told


@pytest.mark.parametrize("conversation", [None, [], {}, {"labels": "vip", "can_reply": "yes"}])
def test_conversation_of_which_nothing_is_said(conversation: Any) -> None:
    assert read(conversation=conversation).conversation == ConversationAtMessage()


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"social_whatsapp_user_name": "ana.wa"}, "ana.wa"),
        ({"social_telegram_user_name": "ana_tg", "username": "x"}, "ana_tg"),
        ({"username": "ana_tg"}, "ana_tg"),
        ({"social_whatsapp_user_name": " "}, None),
        ([], None),
    ],
)
def test_user_name_is_told(told: Any, name: str | None) -> None:
    payload = having(WHATSAPP, told, "sender", "additional_attributes")
    assert read_message(payload).contact.user_name == name


@pytest.mark.parametrize(
    ("source", "bsuid"),
    [
        ("BR.13491208655302741918", "BR.13491208655302741918"),
        ("whatsapp:BR.ENT.11815799212886844830", "BR.ENT.11815799212886844830"),
        ("5511999990000", None),
        (LID, None),
    ],
)
def test_business_scoped_id_is_told_beside_the_number(source: str, bsuid: str | None) -> None:
    payload = having(WHATSAPP, source, "conversation", "contact_inbox", "source_id")
    contact = read_message(payload).contact
    assert (contact.number, contact.bsuid) == ("+5511999990000", bsuid)


@pytest.mark.parametrize(
    "place", [("sender",), ("conversation", "meta", "sender")], ids=["sender", "meta"]
)
def test_digits_of_a_hidden_id_are_no_number(place: tuple[str, ...]) -> None:
    payload = having(WHATSAPP, "Channel::Api", "conversation", "channel")
    for sender in (("sender",), ("conversation", "meta", "sender")):
        payload = having(payload, None, *sender, "phone_number")
    payload = having(payload, LID, *place, "identifier")
    payload = having(payload, "+142902286143727", *place, "phone_number")
    contact = read_message(payload).contact
    assert (contact.number, contact.identifier) == (None, LID)
    assert read_event(payload).sender == LID
    # Another number is one.
    other = "sender" if place != ("sender",) else "meta"
    known = ("sender",) if other == "sender" else ("conversation", "meta", "sender")
    payload = having(payload, "+5511999990000", *known, "phone_number")
    assert read_message(payload).contact.number == "+5511999990000"


def test_time_of_the_message_is_told() -> None:
    message = read(created_at="2026-11-28T12:00:01.000Z")
    assert message.sent_at == datetime(2026, 11, 28, 12, 0, 1, tzinfo=UTC)
