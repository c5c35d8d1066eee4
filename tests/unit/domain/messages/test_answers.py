"""
What crews say, in every form, and the steps that it asks for.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from odoo_ai_config.domain.conversations.state import Status
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.messages.answer_bodies import answer_in, body_of
from odoo_ai_config.domain.messages.answers import (
    NO_REPLY,
    Answer,
    Assign,
    AssignTeam,
    ChangeLabels,
    HandOver,
    Priority,
    SetCustomAttributes,
    SetPriority,
    SetStatus,
    action_of,
    said,
    steps_of,
)
from odoo_ai_config.domain.messages.outgoing import (
    OutgoingFile,
    OutgoingMessage,
    Template,
)

URL = "https://files.example/boleto.pdf"
MONDAY = datetime(2026, 12, 1, 12, tzinfo=UTC)
CHOICES: list[Json] = [{"title": "Sim", "value": "sim"}]
NOTE = OutgoingMessage("só para a equipe", private=True)


def refusal(body: Json) -> tuple[str, str]:
    with pytest.raises(InvalidValueError) as fault:
        answer_in(body)
    return fault.value.field, fault.value.rule


def said_in(**answer: Json) -> JsonObject:
    return {"answer": {"text": "sim", **answer}}


def only_message(**message: Json) -> OutgoingMessage:
    answer = answer_in({"answer": {"messages": [message]}})
    assert isinstance(answer, Answer)
    (only,) = answer.messages
    return only


@pytest.mark.parametrize("text", [None, "", " \n\t\u2003"])
def test_blank_text_is_no_answer(text: str | None) -> None:
    assert said(text) is NO_REPLY


def test_text_of_an_answer_is_not_trimmed() -> None:
    assert said(" sim ", private=True) == Answer.of_text(" sim ", private=True)


@pytest.mark.parametrize(
    ("text", "rule"), [("a\x00", "text"), ("\udc80", "text"), ("", "required"), (" ", "required")]
)
def test_answer_has_a_text_that_can_be_stored(text: str, rule: str) -> None:
    with pytest.raises(InvalidValueError) as fault:
        Answer.of_text(text)

    assert (fault.value.field, fault.value.rule) == ("text", rule)


@pytest.mark.parametrize(
    "body",
    [
        {"answer": {"text": "sim"}},
        {"answer": {"messages": [{"text": "sim"}]}},
        {"answer": {"messages": [{"text": "sim", "choices": [], "attachments": None}]}},
        {"answer": {"text": "sim", "private": False}, "error": None},
        {"answer": {"text": "sim", "messages": None, "handover": None, "resolve": False}},
        {"answer": {"text": "sim", "labels_added": [], "custom_attributes": {}}},
        {"answer": {"text": "sim"}, "handover": False},
        {"answer": "sim", "error": "slow"},
        {"content": "sim", "routing": {"crew_type": "sales"}},
        {"content": "sim", "private": None, "message_type": "outgoing", "content_type": "text"},
        {"content": "sim", "content_attributes": {"items": []}},
        {"response": {"content": "sim"}},
        {"response": {"content": "sim", "private": False}, "routing": None},
    ],
)
def test_answers_that_are_one_text(body: Json) -> None:
    answer = answer_in(body)
    assert answer == Answer.of_text("sim")
    assert isinstance(answer, Answer)
    assert answer.plain == OutgoingMessage("sim")


@pytest.mark.parametrize(
    "body",
    [
        {"answer": {"text": "sim", "private": True}},
        {"answer": {"messages": [{"text": "sim", "private": True}]}},
        {"content": "sim", "private": True},
        {"response": {"content": "sim", "private": True}},
    ],
)
def test_private_answer_is_a_note(body: Json) -> None:
    answer = answer_in(body)
    assert answer == Answer.of_text("sim", private=True)
    assert isinstance(answer, Answer)
    assert answer.plain == OutgoingMessage("sim", private=True)


@pytest.mark.parametrize(
    "body",
    [
        said_in(handover=True),
        said_in(handover={}),
        {**said_in(), "handover": True},
        {"answer": "sim", "handover": {"status": "open"}},
        {"content": "sim", "handover": True},
        {"response": {"content": "sim"}, "handover": True},
        {"response": {"content": "sim", "handover": True}},
        {"answer": {"handover": {"text": "sim"}}},
        {"handover": {"text": "sim"}, "error": "no idea"},
    ],
)
def test_hand_over_may_stand_in_the_answer_or_beside_it(body: Json) -> None:
    answer = answer_in(body)
    assert answer == Answer((OutgoingMessage("sim"),), HandOver())
    assert isinstance(answer, Answer)
    assert answer.plain is None
    assert steps_of(answer) == (OutgoingMessage("sim"), SetStatus(Status.OPEN))


@pytest.mark.parametrize(
    "body",
    [
        {"answer": {"handover": True}},
        {"answer": {"handover": True, "text": " "}},
        {"answer": None, "handover": True},
        {"response": None, "handover": True},
        {"content": None, "handover": True},
        {"handover": True},
    ],
)
def test_hand_over_needs_no_text(body: Json) -> None:
    assert answer_in(body) == Answer(handover=HandOver())


def test_every_part_of_an_answer_has_its_step_in_order() -> None:
    answer = answer_in(
        {
            "answer": {
                "messages": [
                    {"text": "um"},
                    {"text": "só para a equipe", "private": True},
                    {"text": "dois", "attachments": [{"url": URL, "name": "Boleto.pdf"}]},
                ],
                "handover": {
                    "assignee": 3,
                    "team": "5",
                    "priority": "high",
                    "note": "devedor",
                    "text": "Vou te passar para a Ana.",
                    "labels_added": ["vip", "humano"],
                    "labels_removed": ["bot"],
                },
                "labels_added": ["humano"],
            },
            "custom_attributes": {"cpf": "111"},
        }
    )
    assert isinstance(answer, Answer)
    steps = steps_of(answer)
    assert steps == (
        OutgoingMessage("um"),
        NOTE,
        OutgoingMessage("dois", attachments=(OutgoingFile(URL, "Boleto.pdf"),)),
        OutgoingMessage("Vou te passar para a Ana."),
        SetCustomAttributes({"cpf": "111"}),
        ChangeLabels(("humano", "vip"), ("bot",)),
        SetPriority(Priority.HIGH),
        OutgoingMessage("devedor", private=True),
        SetStatus(Status.OPEN),
        AssignTeam(ChatwootId("5")),
        Assign(ChatwootId("3")),
    )
    assert [action_of(step) for step in steps] == [
        "message",
        "note",
        "message",
        "message",
        "custom_attributes",
        "labels",
        "priority",
        "note",
        "status",
        "team",
        "assignee",
    ]


@pytest.mark.parametrize(
    ("member", "step"),
    [
        ({"resolve": True}, SetStatus(Status.RESOLVED)),
        ({"snooze_until": "2026-12-01T09:00:00-03:00"}, SetStatus(Status.SNOOZED, MONDAY)),
        ({"handover": {"status": "pending"}}, SetStatus(Status.PENDING)),
        ({"labels_removed": ["bot"]}, ChangeLabels((), ("bot",))),
    ],
)
def test_other_actions_are_steps_after_the_text(member: JsonObject, step: object) -> None:
    bodies: list[Json] = [{"answer": {"text": "sim", **member}}, {"content": "sim", **member}]
    for body in bodies:
        answer = answer_in(body)
        assert isinstance(answer, Answer)
        assert steps_of(answer) == (OutgoingMessage("sim"), step)
    alone = answer_in(member)
    assert isinstance(alone, Answer)
    assert steps_of(alone) == (step,)


@pytest.mark.parametrize(
    ("message", "read"),
    [
        (
            {"text": "Escolha", "choices": [{"title": "Sim"}, {"title": "Não", "value": "n"}]},
            OutgoingMessage(
                "Escolha",
                content_type="input_select",
                items=({"title": "Sim", "value": "Sim"}, {"title": "Não", "value": "n"}),
            ),
        ),
        (
            {"text": "Escolha", "content_type": "input_select", "items": CHOICES, "private": True},
            OutgoingMessage(
                "Escolha",
                private=True,
                content_type="input_select",
                items=({"title": "Sim", "value": "sim"},),
            ),
        ),
        (
            {
                "content_type": "cards",
                "items": [{"title": "Camisa", "actions": [{"type": "link", "text": "Ver"}]}],
            },
            OutgoingMessage(
                None,
                content_type="cards",
                items=({"title": "Camisa", "actions": [{"type": "link", "text": "Ver"}]},),
            ),
        ),
        (
            {"content_type": "form", "items": [{"name": "cpf", "type": "text"}]},
            OutgoingMessage(None, content_type="form", items=({"name": "cpf", "type": "text"},)),
        ),
        (
            {"text": "Seu e-mail?", "content_type": "input_email"},
            OutgoingMessage("Seu e-mail?", content_type="input_email"),
        ),
        (
            {"attachments": [{"url": URL}, {"url": URL, "name": " "}]},
            OutgoingMessage(None, attachments=(OutgoingFile(URL), OutgoingFile(URL))),
        ),
        (
            {"template": {"name": "aviso", "language": "pt_BR"}},
            OutgoingMessage(None, template=Template("aviso", "pt_BR")),
        ),
        (
            {
                "text": "Olá",
                "template": {
                    "name": "aviso",
                    "language": "pt_BR",
                    "category": "UTILITY",
                    "parameters": {"body": {"1": "Ana"}},
                },
            },
            OutgoingMessage(
                "Olá", template=Template("aviso", "pt_BR", "UTILITY", {"body": {"1": "Ana"}})
            ),
        ),
    ],
)
def test_messages_of_every_kind(message: JsonObject, read: OutgoingMessage) -> None:
    assert only_message(**message) == read
    # An answer may have the members of its only message.
    assert answer_in({"answer": message}) == Answer((read,))
    assert answer_in({"answer": body_of(Answer((read,)))}) == Answer((read,))


@pytest.mark.parametrize("within", ["", "response"])
def test_choices_in_the_form_of_chatwoot(within: str) -> None:
    message: JsonObject = {
        "content": "Escolha",
        "content_type": "input_select",
        "content_attributes": {"items": CHOICES},
    }
    asked = OutgoingMessage("Escolha", content_type="input_select", items=({**CHOICES[0]},))  # type: ignore[dict-item]
    assert answer_in({within: message} if within else message) == Answer((asked,))


def test_blank_messages_are_left_out() -> None:
    body: Json = {"answer": {"messages": [{"text": " "}, {"text": "sim"}, {"text": None}]}}
    assert answer_in(body) == Answer.of_text("sim")


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"answer": None},
        {"answer": {"text": None}},
        {"answer": {"text": ""}},
        {"answer": " "},
        {"answer": {"messages": []}},
        {"answer": {"messages": [{"text": ""}]}},
        {"answer": {"attachments": []}},
        {"answer": {"handover": False}},
        {"answer": {"text": "", "handover": None}, "resolve": False},
        {"content": None},
        {"response": {"content": " "}},
        {"response": {"content": None}},
        {"response": None},
        {"handover": False},
        {"answer": {"text": " ", "private": True}},
    ],
)
def test_bodies_without_an_answer(body: Json) -> None:
    assert answer_in(body) is NO_REPLY


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"answer": {"text": "sim"}, "hand_over": True}, "hand_over"),
        ({"answer": {"text": "sim"}, "private": True}, "private"),
        ({"answer": {"text": "sim"}, "attachments": []}, "attachments"),
        ({"answer": "sim", "private": True}, "private"),
        ({"answer": None, "labels": ["vip"]}, "labels"),
        ({"answer": {"content": "sim"}}, "answer.content"),
        ({"answer": {"text": "sim", "content_attributes": {}}}, "answer.content_attributes"),
        ({"answer": {"text": "sim", "message_type": "outgoing"}}, "answer.message_type"),
        ({"content": "sim", "messages": []}, "messages"),
        (
            {"content": "sim", "content_attributes": {"in_reply_to": 1}},
            "content_attributes.in_reply_to",
        ),
        ({"content": "sim", "response": {"content": "sim"}}, "response"),
        ({"response": {"content": "sim", "labels": ["vip"]}}, "response.labels"),
        ({"response": {"content": "sim"}, "private": True}, "private"),
        ({"response": None, "labels": ["vip"]}, "labels"),
        ({"handover": True, "text": "sim"}, "text"),
        (
            {"answer": {"messages": [{"text": "sim", "handover": True}]}},
            "answer.messages[0].handover",
        ),
        ({"answer": {"messages": [{"text": "a"}, {"text": "b", "x": 1}]}}, "answer.messages[1].x"),
        (said_in(handover={"assigne": 3}), "answer.handover.assigne"),
        ({"handover": {"snooze_until": None}}, "handover.snooze_until"),
        (said_in(attachments=[{"url": URL, "type": "pdf"}]), "answer.attachments[0].type"),
        (said_in(choices=[{"title": "a", "id": 1}]), "answer.choices[0].id"),
        (
            said_in(template={"name": "a", "language": "b", "namespace": "c"}),
            "answer.template.namespace",
        ),
        (
            said_in(content_type="input_select", items=[{"title": "a", "value": "b", "x": 1}]),
            "answer.items[0].x",
        ),
        (
            said_in(content_type="cards", items=[{"actions": [{"text": "a", "url": "b"}]}]),
            "answer.items[0].actions[0].url",
        ),
        ({"answer": {"text": "sim", "Private": True}}, "answer.Private"),
        ({"answer": {"text": "sim", "x" * 64: 1}}, f"answer.{'x' * 64}"),
        # These are not names, so nothing repeats them.
        ({"answer": {"text": "sim", "x" * 65: 1}}, "answer.*"),
        ({"content": "sim", "a b": 1}, "*"),
        ({"content": "sim", "": 1}, "*"),
        ({"content": "sim", "ação": 1}, "*"),
    ],
)
def test_unknown_member_is_refused_by_its_name(body: Json, field: str) -> None:
    assert refusal(body) == (field, "unknown_member")


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ([], "answer", "answer"),
        (["sim"], "answer", "answer"),
        ("sim", "answer", "answer"),
        (True, "answer", "answer"),
        (0, "answer", "answer"),
        ({"anwser": {"text": "sim"}}, "answer", "answer"),
        ({"answer": 42}, "answer", "answer"),
        ({"answer": {}}, "answer", "answer"),
        ({"answer": {"private": True}}, "answer", "answer"),
        ({"response": {}}, "answer", "answer"),
        ({"response": {"message_type": "outgoing"}}, "answer", "answer"),
        ({"response": "sim"}, "answer", "answer"),
        ({"answer": {"text": ["sim"]}}, "answer.text", "text"),
        ({"answer": {"text": "a\x00"}}, "answer.text", "text"),
        ({"content": 1}, "content", "text"),
        ({"content": "a\ud800"}, "content", "text"),
        ({"content": "sim", "private": "true"}, "private", "boolean"),
        ({"content": "sim", "message_type": ["outgoing"]}, "message_type", "unknown_value"),
        ({"content": "sim", "message_type": "incoming"}, "message_type", "unknown_value"),
        ({"content": "sim", "content_type": "input_select"}, "items", "required"),
        ({"content": "sim", "content_type": "incoming_email"}, "content_type", "unknown_value"),
        ({"content": "sim", "content_attributes": []}, "content_attributes", "object"),
        (said_in(private=1), "answer.private", "boolean"),
        (said_in(resolve="yes"), "answer.resolve", "boolean"),
        (said_in(handover="yes"), "answer.handover", "object"),
        (said_in(handover=1), "answer.handover", "object"),
        (said_in(handover={"status": "resolved"}), "answer.handover.status", "unknown_value"),
        (said_in(handover={"status": "closed"}), "answer.handover.status", "unknown_value"),
        (said_in(handover={"status": ["open"]}), "answer.handover.status", "unknown_value"),
        (said_in(handover={"priority": "top"}), "answer.handover.priority", "unknown_value"),
        (said_in(handover={"assignee": 0}), "answer.handover.assignee", "positive"),
        (said_in(handover={"assignee": -3}), "answer.handover.assignee", "positive"),
        (said_in(handover={"assignee": True}), "answer.handover.assignee", "positive"),
        (said_in(handover={"assignee": 3.0}), "answer.handover.assignee", "positive"),
        (said_in(handover={"assignee": "ana"}), "answer.handover.assignee", "positive"),
        (said_in(handover={"assignee": 10**18}), "answer.handover.assignee", "positive"),
        (said_in(handover={"assignee": 10**5000}), "answer.handover.assignee", "positive"),
        (said_in(handover={"team": "vendas"}), "answer.handover.team", "positive"),
        (said_in(handover={"note": "a\x00"}), "answer.handover.note", "text"),
        (said_in(handover={"labels_added": "a"}), "answer.handover.labels_added", "list"),
        (said_in(snooze_until="amanhã"), "answer.snooze_until", "moment"),
        (said_in(snooze_until=1795867200), "answer.snooze_until", "text"),
        (said_in(snooze_until="2026-12-01T09:00:00"), "answer.snooze_until", "moment"),
        (said_in(snooze_until="9999-12-31T23:59:59-23:00"), "answer.snooze_until", "moment"),
        ({"snooze_until": "2026-12-01"}, "snooze_until", "moment"),
        (said_in(labels_added=[7]), "answer.labels_added[0]", "text"),
        (said_in(labels_added=["a", " b"]), "answer.labels_added[1]", "label"),
        (said_in(labels_removed=["a,b"]), "answer.labels_removed[0]", "label"),
        ({"labels_removed": [""]}, "labels_removed[0]", "label"),
        (said_in(custom_attributes=[]), "answer.custom_attributes", "object"),
        (said_in(custom_attributes={"a b": float("nan")}), "answer.custom_attributes.*", "json"),
        (said_in(custom_attributes={"": 1}), "answer.custom_attributes.*", "required"),
        ({"custom_attributes": {"a": ["\x00"]}}, "custom_attributes.a", "json"),
        (said_in(attachments={}), "answer.attachments", "list"),
        (said_in(attachments=["x"]), "answer.attachments[0]", "object"),
        (said_in(attachments=[{}]), "answer.attachments[0].url", "required"),
        (said_in(attachments=[{"url": "file:///etc"}]), "answer.attachments[0].url", "url"),
        (said_in(attachments=[{"url": URL, "name": "a/b"}]),
         "answer.attachments[0].name", "file_name"),
        (said_in(attachments=[{"url": URL, "name": ".."}]),
         "answer.attachments[0].name", "file_name"),
        (said_in(choices=[{}]), "answer.choices[0].title", "required"),
        (said_in(choices=[{"title": " "}]), "answer.choices[0].title", "required"),
        (said_in(choices=[{"title": 1}]), "answer.choices[0].title", "text"),
        ({"answer": {"choices": CHOICES}}, "answer.text", "required"),
        (said_in(content_type="input_select", items=[{"title": "a"}]),
         "answer.items[0].value", "required"),
        (said_in(content_type="input_select", items=[{"title": "a", "value": 1}]),
         "answer.items[0].value", "text"),
        (said_in(content_type="form", items=[{"name": "\x00"}]), "answer.items[0]", "json"),
        (said_in(content_type="cards", items=[{"title": "a"}]),
         "answer.items[0].actions", "required"),
        (said_in(content_type="cards", items=[{"actions": []}]),
         "answer.items[0].actions", "required"),
        (said_in(content_type="cards", items=[{"actions": {}}]),
         "answer.items[0].actions", "list"),
        (said_in(content_type="cards", items=[{"actions": [1]}]),
         "answer.items[0].actions[0]", "object"),
        (said_in(template=[]), "answer.template", "object"),
        (said_in(template={}), "answer.template.name", "required"),
        (said_in(template={"name": "a"}), "answer.template.language", "required"),
        (said_in(template={"name": "a", "language": " "}), "answer.template.language", "required"),
        (said_in(template={"name": "a", "language": "b", "parameters": {"a": float("inf")}}),
         "answer.template.parameters", "json"),
        ({"answer": {"messages": {}}}, "answer.messages", "list"),
        ({"answer": {"messages": ["sim"]}}, "answer.messages[0]", "object"),
        ({"answer": {"messages": [{}]}}, "answer.messages[0].text", "required"),
        ({"answer": {"messages": [{"private": True}]}}, "answer.messages[0].text", "required"),
    ],
)  # fmt: skip
def test_wrong_value_is_refused_by_its_place_and_a_rule(body: Json, field: str, rule: str) -> None:
    assert refusal(body) == (field, rule)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (said_in(resolve=True, handover=True), "answer.resolve"),
        ({**said_in(handover=True), "resolve": True}, "resolve"),
        (said_in(snooze_until="2026-12-01T09:00Z", handover=True), "answer.snooze_until"),
        (said_in(snooze_until="2026-12-01T09:00Z", resolve=True), "answer.snooze_until"),
        ({**said_in(handover=True), "handover": True}, "handover"),
        (said_in(labels_added=["a"], labels_removed=["a"]), "answer.labels_removed"),
        (said_in(labels_added=["a"], handover={"labels_removed": ["a"]}), "answer.labels_removed"),
        (said_in(messages=[{"text": "a"}]), "answer.text"),
        ({"answer": {"messages": [{"text": "a"}], "private": True}}, "answer.private"),
        (said_in(choices=CHOICES, content_type="cards"), "answer.choices"),
        (said_in(choices=CHOICES, items=CHOICES), "answer.choices"),
        (said_in(choices=CHOICES, attachments=[{"url": URL}]), "answer.attachments"),
        (said_in(items=CHOICES), "answer.items"),
        (said_in(items=CHOICES, content_type="input_email"), "answer.items"),
        (said_in(template={"name": "a", "language": "b"}, private=True), "answer.template"),
        (said_in(template={"name": "a", "language": "b"}, choices=CHOICES), "answer.template"),
        (
            said_in(template={"name": "a", "language": "b"}, attachments=[{"url": URL}]),
            "answer.template",
        ),
    ],
)
def test_parts_that_contradict_each_other_are_refused(body: Json, field: str) -> None:
    assert refusal(body) == (field, "contradiction")


def test_answer_that_says_nothing_cannot_be_built() -> None:
    with pytest.raises(InvalidValueError):
        Answer()
    with pytest.raises(InvalidValueError):
        OutgoingMessage(None)
    with pytest.raises(InvalidValueError):
        HandOver(Status.SNOOZED)
    with pytest.raises(InvalidValueError):
        Answer(snooze_until=datetime(2026, 12, 1))  # noqa: DTZ001 - what is refused


def test_moment_is_the_same_in_every_zone() -> None:
    there = timezone(-timedelta(hours=3))
    assert Answer(snooze_until=MONDAY.astimezone(there)) == Answer(snooze_until=MONDAY)


def limited(size: int) -> dict[str, Any]:
    named = [f"n{number}" for number in range(size)]
    return {
        "messages": {"messages": [{"text": name} for name in named]},
        "attachments": said_in(attachments=[{"url": URL}] * size)["answer"],
        "choices": said_in(choices=[{"title": name} for name in named])["answer"],
        "items": said_in(content_type="form", items=[{"name": name} for name in named])["answer"],
        "items[0].actions": said_in(
            content_type="cards", items=[{"actions": [{"text": name} for name in named]}]
        )["answer"],
        "labels_added": {"labels_added": named},
        "labels_removed": {"labels_removed": named},
        "custom_attributes": {"custom_attributes": dict.fromkeys(named, 1)},
    }


@pytest.mark.parametrize(
    ("field", "most"),
    [
        ("messages", 10),
        ("attachments", 10),
        ("choices", 20),
        ("items", 20),
        ("items[0].actions", 20),
        ("labels_added", 50),
        ("labels_removed", 50),
        ("custom_attributes", 50),
    ],
)
def test_limits_hold_at_their_edges(field: str, most: int) -> None:
    assert isinstance(answer_in({"answer": limited(most)[field]}), Answer)
    refused = refusal({"answer": limited(most + 1)[field]})
    assert refused == (f"answer.{field}", f"at_most_{most}")


def test_labels_of_the_answer_and_of_the_hand_over_count_together() -> None:
    several: list[Json] = [f"n{number}" for number in range(50)]
    handover: Json = {"labels_added": ["humano", "n0"]}
    body: Json = {"answer": {"labels_added": several, "handover": handover}}
    assert refusal(body) == ("answer.labels_added", "at_most_50")
    body = {"answer": {"labels_added": several[2:], "handover": handover}}
    answer = answer_in(body)
    assert isinstance(answer, Answer)
    assert answer.labels_added == (*several[2:], "humano", "n0")


@pytest.mark.parametrize(
    ("build", "field"),
    [
        (
            lambda size: OutgoingMessage("a", attachments=(OutgoingFile(URL),) * size),
            "attachments",
        ),
        (lambda size: Answer((OutgoingMessage("a"),) * size), "messages"),
    ],
)
def test_values_hold_their_limits_themselves(build: Any, field: str) -> None:
    build(10)
    with pytest.raises(InvalidValueError) as fault:
        build(11)
    assert (fault.value.field, fault.value.rule) == (field, "at_most_10")


def test_items_hold_their_limit_themselves() -> None:
    field: JsonObject = {"name": "cpf"}
    items = (field,) * 21
    OutgoingMessage(None, content_type="form", items=items[:20])
    with pytest.raises(InvalidValueError) as fault:
        OutgoingMessage(None, content_type="form", items=items)
    assert (fault.value.field, fault.value.rule) == ("items", "at_most_20")


def test_text_of_the_hand_over_counts_as_a_message() -> None:
    several: list[Json] = [{"text": "a"}] * 10
    body: Json = {"answer": {"messages": several, "handover": {"text": "b"}}}
    assert refusal(body) == ("answer.messages", "at_most_10")


@pytest.mark.parametrize(
    ("field", "longest", "body"),
    [
        ("labels_added[0]", 100, lambda text: {"labels_added": [text]}),
        ("attachments[0].name", 255, lambda text: {"attachments": [{"url": URL, "name": text}]}),
        ("choices[0].title", 255, lambda text: {"text": "?", "choices": [{"title": text}]}),
        ("template.name", 255, lambda text: {"template": {"name": text, "language": "pt_BR"}}),
        ("template.category", 255,
         lambda text: {"template": {"name": "a", "language": "b", "category": text}}),
    ],
)  # fmt: skip
def test_names_have_a_longest_form(field: str, longest: int, body: Any) -> None:
    assert isinstance(answer_in({"answer": body("a" * longest)}), Answer)
    assert refusal({"answer": body("a" * (longest + 1))})[0] == f"answer.{field}"


def test_deeply_nested_values_are_refused() -> None:
    value: Json = 1
    for _ in range(32):
        value = [value]
    assert isinstance(answer_in({"custom_attributes": {"a": value}}), Answer)
    assert refusal({"custom_attributes": {"a": {"b": value}}}) == ("custom_attributes.a", "json")
