from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from odoo_ai_config.adapters.yaml.yaml_codec import RuamelYamlCodec
from odoo_ai_config.domain.errors import InvalidYamlError
from odoo_ai_config.domain.json_types import JsonObject
from tests.yaml_texts import (
    DELICATE_TEXTS,
    authored_texts,
    json_objects,
    similar_objects,
)

CODEC = RuamelYamlCodec()

yaml_like = st.lists(
    st.sampled_from(
        [
            "a", "b", "1", ": ", ":", "- ", "? ", "\n", "\n  ", "\n    ", " ", "\t", "{", "}", "[",
            "]", ",", "&a ", "*a ", "*a", "!", "!!str ", "!x ", "!<tag:x> ", "<<", "<<: *a\n", "|",
            ">", "|+2\n", "'", '"', "\\", "\\x", "\\u00", "\\ud800", "\\UFFFFFFFF", "#", " #",
            "---", "...", "%YAML 1.1\n", "%YAML 1.3\n", "%TAG ! x\n", "%", "@", "`", "~", "\r",
            "\r\n", "\x85", "\u2028", "\ufeff", "é", "\x00", ".inf", "0x", "2024-01-01", "=",
        ]
    ),
    max_size=30,
).map("".join)  # fmt: skip


def exactly(body: JsonObject) -> str:
    return json.dumps(body, sort_keys=True)


@given(st.text() | yaml_like)
@example('"\\UFFFFFFFF"')
@example("a: &a [*a]")
@example("%YAML 1.1\n---\nyes")
def test_any_text_is_a_body_or_a_refusal(text: str) -> None:
    try:
        body = CODEC.parse(text)
    except InvalidYamlError:
        return

    assert exactly(CODEC.parse(CODEC.render(body))) == exactly(body)


@pytest.mark.parametrize("text", DELICATE_TEXTS)
def test_a_text_that_looks_like_something_else_stays_text(text: str) -> None:
    body: JsonObject = {text: text, "list": [text, [text]], "map": {text: {text: text}}}

    assert CODEC.parse(CODEC.render(body)) == body
    assert CODEC.parse(CODEC.amend("{}", body)) == body
    assert CODEC.parse(CODEC.amend("a: 1\n", body)) == body
    assert CODEC.parse(CODEC.amend("{a: 1, list: [1, [2]]}", body | {"a": 1})) == body | {"a": 1}
    assert CODEC.parse(CODEC.amend("list: ['1', [\"2\"]] # x", body)) == body


@given(authored_texts())
def test_text_that_a_person_may_write_can_be_parsed(text: str) -> None:
    CODEC.parse(text)


@given(authored_texts(), similar_objects | json_objects)
def test_an_amended_text_stands_for_the_wanted_body(text: str, body: JsonObject) -> None:
    assert exactly(CODEC.parse(CODEC.amend(text, body))) == exactly(body)


@given(yaml_like, similar_objects)
@example("a: &a\n  b: 1\nb: *a\n", {"b": {"b": 1}})
@example("a: |+\n  x\n\n", {"a": "x\n\n", "b": 1})
@example("? a\n: b\n", {"c": 1})
@example("{a, b}", {"a": 1, "b": None})
@example("[a: 1]", {"data": [{"a": 2}]})
@example("a: 1\rb: 2\r", {"a": 1, "c": 2})
@example("a: {b: {c: 1}, # x\n d: 1}", {"a": {"b": {}}})
@example("- a: 1\n", {"data": [{"b": 1}]})
@example("a:\n- - 1\n  - 2\n", {"a": [[2]]})
@example("a: !!str 1\n", {"a": 1})
@example("a: &x !!map\n  b: 1\n", {"a": []})
def test_any_acceptable_text_can_be_amended(text: str, body: JsonObject) -> None:
    try:
        CODEC.parse(text)
    except InvalidYamlError:
        return

    assert exactly(CODEC.parse(CODEC.amend(text, body))) == exactly(body)


@given(authored_texts())
def test_amending_to_what_is_there_changes_nothing(text: str) -> None:
    assert CODEC.amend(text, CODEC.parse(text)) == text


@given(authored_texts(), st.sampled_from(["z", "z z", "18:01"]), st.sampled_from([1, {"q": [1]}]))
def test_adding_and_removing_a_key_gives_the_first_lines_back(
    text: str, key: str, value: int | JsonObject
) -> None:
    if not text.endswith("\n"):
        # A block text that ends with the file cannot be continued.
        text += "\n"
    body = CODEC.parse(text)

    with_key = CODEC.amend(text, {**body, key: value})
    without = CODEC.amend(with_key, body)

    if body:
        assert without.splitlines() == text.splitlines()
    assert exactly(CODEC.parse(without)) == exactly(body)
