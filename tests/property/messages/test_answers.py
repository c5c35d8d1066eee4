"""
Whatever a crew says: it is understood completely, or refused; and what is kept is read again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.application.errors import SealBrokenError
from odoo_ai_config.application.messages.texts import kept, read_back
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.json_types import Json, JsonObject, is_storable
from odoo_ai_config.domain.messages.answer_bodies import answer_in, body_of
from odoo_ai_config.domain.messages.answers import Answer, Assign, AssignTeam, SetStatus, steps_of
from odoo_ai_config.domain.messages.outgoing import OutgoingMessage
from odoo_ai_config.entrypoints.http.platform.texts import RULES
from tests.strategies import answers, json_values

FIRST = "answer response content text messages private attachments choices content_type items"
SECOND = "template handover resolve snooze_until custom_attributes labels_added labels_removed"
THIRD = "message_type content_attributes status assignee team priority note url name title value"
FOURTH = "language category parameters actions error routing x"
NAMES = [*FIRST.split(), *SECOND.split(), *THIRD.split(), *FOURTH.split()]
VALUES = "sim \x00 open high outgoing input_select cards text 7 https://files.example/a.pdf"
WORDS = st.sampled_from([*VALUES.split(), "", "2026-12-01T09:00:00-03:00"])


def mixed() -> st.SearchStrategy[Json]:
    """
    Values that are made of the members of answers, in any order.
    """
    scalars: st.SearchStrategy[Json] = WORDS | st.booleans() | st.none() | st.integers(-1, 9)

    def nested(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
        objects = st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
        lists: st.SearchStrategy[Json] = st.lists(inner, max_size=3)
        return lists | objects

    return st.recursive(scalars, nested, max_leaves=20)


def bodies() -> st.SearchStrategy[Json]:
    whole = answers().map(lambda answer: {"answer": body_of(answer)})
    beside = st.dictionaries(st.sampled_from(NAMES), mixed(), max_size=3)
    amended: st.SearchStrategy[Json] = st.builds(lambda one, two: {**one, **two}, whole, beside)
    return json_values() | mixed() | beside | amended


def objects_in(value: Json) -> Iterator[JsonObject]:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from objects_in(part)
    if isinstance(value, list):
        for part in value:
            yield from objects_in(part)


@given(bodies())
def test_every_body_is_an_answer_or_a_refusal_with_a_known_rule(body: Json) -> None:
    rule = None
    try:
        answer = answer_in(body)
        if isinstance(answer, Answer):
            assert answer_in({"answer": body_of(answer)}) == answer
    except InvalidValueError as fault:
        rule = fault.rule
    assert rule is None or rule in RULES


@given(bodies())
def test_what_is_for_people_never_becomes_public(body: Json) -> None:
    secret = {
        one.get(name)
        for one in objects_in(body)
        for name in ("text", "content")
        if one.get("private") is True and isinstance(one.get(name), str)
    }
    open_ = [
        one.get(name)
        for one in objects_in(body)
        for name in ("text", "content", "answer")
        if one.get("private") is not True
    ]
    with suppress(InvalidValueError):
        answer = answer_in(body)
        if isinstance(answer, Answer):
            for message in answer.messages:
                assert message.private or message.text not in secret or message.text in open_


@given(answers())
def test_answer_is_read_from_the_body_that_says_it(answer: Answer) -> None:
    assert answer_in({"answer": body_of(answer)}) == answer


@given(answers())
def test_answer_is_read_as_it_was_kept(answer: Answer) -> None:
    stored = kept(answer)
    assert read_back(stored) == answer
    # An earlier hub posts what it can read as a text. It refuses what has a null character.
    plain = answer.plain
    assert is_storable(stored.reveal()) == (plain is not None and not plain.private)


@pytest.mark.parametrize(
    "stored",
    [
        "\x00answer2\x00{}",
        '\x00answer1\x00{"answer": {"text": "sim", "later": 1}}',
        '\x00answer1\x00{"answer": null}',
    ],
)
def test_answer_that_a_later_hub_kept_is_not_guessed(stored: str) -> None:
    with pytest.raises(SealBrokenError):
        read_back(SecretText(stored))


@given(answers())
def test_every_part_is_a_step_and_only_people_get_it_after_the_status(answer: Answer) -> None:
    steps = steps_of(answer)
    assert steps[: len(answer.messages)] == answer.messages
    kinds = [type(step) for step in steps if not isinstance(step, Assign | AssignTeam)]
    assert SetStatus not in kinds[:-1]
    given = [number for number, step in enumerate(steps) if isinstance(step, Assign | AssignTeam)]
    assert given == list(range(len(steps) - len(given), len(steps)))
    actions = [step for step in steps if not isinstance(step, OutgoingMessage)]
    assert len({type(action) for action in actions}) == len(actions)
    statuses = [step for step in steps if isinstance(step, SetStatus)]
    assert bool(statuses) == (
        answer.handover is not None or answer.resolve or answer.snooze_until is not None
    )
    if answer.handover is not None:
        assert statuses == [SetStatus(answer.handover.status)]


def closed_objects(body: Any) -> Iterator[JsonObject]:
    """
    The objects in which every member has a meaning.
    """
    answer = body["answer"]
    yield body
    yield answer
    yield from filter(None, [answer.get("handover")])
    for message in answer.get("messages", ()):
        yield message
        yield from message.get("attachments", ())
        yield from filter(None, [message.get("template")])
        for item in message.get("items", ()):
            yield item
            if message["content_type"] == "cards":
                yield from item["actions"]


@given(answers(), st.data(), st.from_regex(r"[a-z_]{1,20}_x", fullmatch=True), json_values())
def test_unknown_member_is_refused_by_its_name_wherever_it_is(
    answer: Answer, data: st.DataObject, name: str, value: Json
) -> None:
    body: Json = {"answer": body_of(answer)}
    spoilt = data.draw(st.sampled_from([*closed_objects(body)]))
    spoilt[name] = value
    with pytest.raises(InvalidValueError) as fault:
        answer_in(body)
    assert fault.value.rule == "unknown_member"
    assert fault.value.field.rpartition(".")[2] == name
