from __future__ import annotations

import json
import math

import pytest
import ruamel.yaml

from odoo_ai_config.adapters.yaml.yaml_codec import RuamelYamlCodec
from odoo_ai_config.domain.errors import InvalidYamlError
from odoo_ai_config.domain.json_types import Json, JsonObject

CODEC = RuamelYamlCodec(max_length=100_000)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18:00", "18:00"),
        ("09:00", "09:00"),
        ("190:20:30", "190:20:30"),
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("y", "y"),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("", None),
        ("~", None),
        ("NULL", None),
        ("12", 12),
        ("-12", -12),
        ("+12", 12),
        # Numbers in only one of YAML 1.1 and 1.2.
        ("0o14", "0o14"),
        ("089", "089"),
        ("-.5", "-.5"),
        ("1e3", "1e3"),
        ("1.5e3", "1.5e3"),
        ("0xC", 12),
        ("014", 14),
        ("1_000", "1_000"),
        ("0b1", "0b1"),
        ("1.5e+3", 1500.0),
        ("1.0E-2", 0.01),
        ("1.", 1.0),
        (".5", 0.5),
        ("1.2.3", "1.2.3"),
        ("1e", "1e"),
        ("5511999990000", 5511999990000),
        ("+55 11 99999-0000", "+55 11 99999-0000"),
        ("2024-01-31", "2024-01-31"),
        ("2024-02-31", "2024-02-31"),
        ("2001-12-14T21:59:43Z", "2001-12-14T21:59:43Z"),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14T21:59:43.10-05:00"),
        ("2001-12-14 21:59:43.10 -5", "2001-12-14T21:59:43.10-05:00"),
        ("2001-12-15 2:59:43", "2001-12-15T02:59:43"),
        ("2001-12-14 21:59:43 +5:30", "2001-12-14T21:59:43+05:30"),
        ("2001-12-14 21:59:43 +0530", "2001-12-14 21:59:43 +0530"),
        ("2001-12-14 21:59:43 -03", "2001-12-14T21:59:43-03:00"),
        ("=", "="),
        ("'1'", "1"),
        ('"1"', "1"),
        ("! 1", "1"),
        ("!!str 1", "1"),
        ("!!str", ""),
        ("!!int '7'", 7),
        ("!!int 0o14", 12),
        ("!!float 7", 7.0),
        ("!!float 1e3", 1000.0),
        ("!!bool 'true'", True),
        ("!!null ''", None),
        ("!!timestamp '2001-12-14 21:59:43'", "2001-12-14T21:59:43"),
        ("!!map {a: 1}", {"a": 1}),
        ("!!seq [1]", [1]),
        ("|-\n  a\n  b", "a\nb"),
        (">-\n  a\n  b", "a b"),
    ],
)
def test_values_are_those_that_both_yamls_say(text: str, value: Json) -> None:
    read = CODEC.parse(f"k: {text}\n")["k"]

    assert json.dumps(read) == json.dumps(value)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("1: x", "1"),
        ("0x10: x", "16"),
        ("1.50: x", "1.5"),
        ("true: x", "true"),
        ("False: x", "false"),
        ("~: x", "null"),
        (": x", "null"),
        ("18:00: x", "18:00"),
        ("2024-01-01: x", "2024-01-01"),
        ("'<<': x", "<<"),
        ("? x\n: x", "x"),
        ("? |\n  x\n: x", "x\n"),
    ],
)
def test_keys_become_text(text: str, key: str) -> None:
    assert CODEC.parse(text) == {key: "x"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("a: 1\nb: [1, 2\nc: 3\n", (3, 2), id="unclosed list"),
        pytest.param("a: b: c\n", (1, 5), id="two colons"),
        pytest.param("a:\n\t- 1\n", (2, 1), id="tab as indent"),
        pytest.param("a: @x\n", (1, 4), id="reserved character"),
        pytest.param("a: 1\nb: 2\na: 3\n", (3, 1), id="duplicate key"),
        pytest.param("x:\n  1: a\n  '1': b\n", (3, 3), id="keys that are the same as text"),
        pytest.param("{true: a, 'true': b}", (1, 11), id="the same in flow style"),
        pytest.param("a: 1\n---\nb: 2\n", (2, 1), id="second document"),
        pytest.param("a: *nobody\n", (1, 4), id="alias without anchor"),
        pytest.param("a: &a [1, *a]\n", (1, 11), id="alias inside itself"),
        pytest.param("a: .nan\n", (1, 4), id="NaN"),
        pytest.param("a: -.INF\n", (1, 4), id="infinity"),
        pytest.param("a: 1.0e+999\n", (1, 4), id="float overflow"),
        pytest.param("a: 9223372036854775808\n", (1, 4), id="integer beyond 64 bits"),
        pytest.param("a: 0xFFFFFFFFFFFFFFFF\n", (1, 4), id="hexadecimal beyond 64 bits"),
        pytest.param("a: !!int 0o7777777777777777777777\n", (1, 4), id="octal beyond 64 bits"),
        pytest.param("a: !!python/object/apply:os.system ['x']\n", (1, 4), id="python object"),
        pytest.param("a: !!python/name:os.system\n", (1, 4), id="python name"),
        pytest.param("!!python/object:x.Y {a: 1}\n", (1, 1), id="python mapping"),
        pytest.param("a: !secret x\n", (1, 4), id="custom tag"),
        pytest.param("a: !secret [x]\n", (1, 4), id="custom tag of a list"),
        pytest.param("a: !!binary aGk=\n", (1, 4), id="binary"),
        pytest.param("a: !!set {x}\n", (1, 4), id="set"),
        pytest.param("a: !!int x\n", (1, 4), id="tag and value apart"),
        pytest.param("a: !!seq {x: 1}\n", (1, 4), id="tag and kind apart"),
        pytest.param("? [a]\n: 1\n", (1, 3), id="list as key"),
        pytest.param("{{a: 1}: 2}", (1, 2), id="mapping as key"),
        pytest.param("a:\n  <<: 5\n", (2, 3), id="merging a number"),
        pytest.param("a: &a {}\nb:\n  <<: *a\n  <<: *a\n", (4, 3), id="merging twice"),
        pytest.param("a: x\x07y\n", (1, 5), id="control character"),
        pytest.param("a: 1\r\nb: x\x00y\n", (2, 5), id="null character"),
        pytest.param('a: "\\0"\n', (1, 4), id="escaped null character"),
        pytest.param('a: "\\ud800"\n', (1, 4), id="escaped surrogate"),
    ],
)
def test_refusals_tell_line_and_column(text: str, place: tuple[int, int]) -> None:
    with pytest.raises(InvalidYamlError) as refusal:
        CODEC.parse(text)

    assert (refusal.value.line, refusal.value.column) == place


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('a: "\\UFFFFFFFF"\n', id="escape beyond Unicode"),
        pytest.param("%YAML 3.0\n---\na: 1\n", id="version of tomorrow"),
        pytest.param("%YAML 1.0\n---\na: 1\n", id="version of yesterday"),
        pytest.param("!undefined!x a\n", id="unknown tag handle"),
        pytest.param("- " * 40_000, id="deep on one line"),
        pytest.param("".join(f"{' ' * n}a:\n" for n in range(400)), id="deep by indent"),
        pytest.param("? " * 40_000, id="keys within keys"),
        pytest.param("&a " * 1000, id="anchors in a row"),
        pytest.param("a: " + "9" * 90_000, id="a very long number"),
        pytest.param("a: 0x" + "f" * 90_000, id="a very long hexadecimal number"),
    ],
)
def test_texts_that_upset_parsers_are_refused(text: str) -> None:
    with pytest.raises(InvalidYamlError):
        CODEC.parse(text)


def test_an_alias_bomb_is_refused_before_it_goes_off() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]

    with pytest.raises(InvalidYamlError) as refusal:
        CODEC.parse("\n".join(lines))

    assert refusal.value.line > 1


def test_a_long_text_may_not_be_repeated_without_measure() -> None:
    text = f"a: &a {'x' * 1000}\nb: [{', '.join(['*a'] * 1000)}]\n"

    with pytest.raises(InvalidYamlError):
        CODEC.parse(text)


def test_aliases_may_not_deepen_a_document_beyond_the_limit() -> None:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{x: *a{n - 1}}}" for n in range(1, 100)]

    with pytest.raises(InvalidYamlError):
        CODEC.parse("\n".join(lines))


def test_aliases_give_copies_and_not_the_same_part() -> None:
    body = CODEC.parse("a: &a {x: [1]}\nb: *a\nc: *a\n")

    first = body["b"]
    assert isinstance(first, dict)
    first["x"] = "changed"
    assert body == {"a": {"x": [1]}, "b": {"x": "changed"}, "c": {"x": [1]}}


@pytest.mark.parametrize(
    ("text", "merged"),
    [
        ("b: &b {x: 1, y: 2}\na:\n  <<: *b\n  y: 3\n", {"x": 1, "y": 3}),
        ("b: &b {x: 1, y: 2}\na:\n  y: 3\n  <<: *b\n", {"x": 1, "y": 3}),
        ("b: &b {x: 1}\nc: &c {x: 2, z: 3}\na:\n  <<: [*b, *c]\n", {"x": 1, "z": 3}),
        ("a:\n  <<: {x: 1}\n  y: 2\n", {"x": 1, "y": 2}),
        ("b: &b {x: 1}\nc: &c\n  <<: *b\n  y: 2\na:\n  <<: *c\n", {"x": 1, "y": 2}),
        ("b: &b [{x: 1}, {y: 2}]\na:\n  <<: *b\n", {"x": 1, "y": 2}),
        ("a:\n  <<: []\n  y: 2\n", {"y": 2}),
        ("a:\n  '<<': 1\n", {"<<": 1}),
    ],
)
def test_merge_keys_bring_in_what_is_not_said(text: str, merged: JsonObject) -> None:
    assert CODEC.parse(text)["a"] == merged


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("---\n", {}),
        ("# nothing\n", {}),
        ("--- # nothing\n...\n", {}),
        ("- 1\n- 2\n", {"data": [1, 2]}),
        ("just text\n", {"data": "just text"}),
        ("~\n", {"data": None}),
        ("%YAML 1.1\n---\na: yes\n", {"a": "yes"}),
        ("%YAML 1.2\n---\na: 1\n...\n", {"a": 1}),
    ],
)
def test_whole_documents(text: str, body: JsonObject) -> None:
    assert CODEC.parse(text) == body


def test_rendered_text_is_pleasant_to_read() -> None:
    body: JsonObject = {
        "account_id": "123",
        "name": "Saúde & Bem-Estar 🙂",
        "integrations": {"mcp": {"type": "odoo", "config": {"url": "https://x.example"}}},
        "hours": [{"days": [1, 2], "open": "09:00"}, []],
        "greeting": "Olá!\nTudo bem?\n",
        "active": True,
        "note": None,
        "yes": "no",
    }

    assert CODEC.render(body) == (
        'account_id: "123"\n'
        "name: Saúde & Bem-Estar 🙂\n"
        "integrations:\n"
        "  mcp:\n"
        "    type: odoo\n"
        "    config:\n"
        "      url: https://x.example\n"
        "hours:\n"
        "  - days:\n"
        "      - 1\n"
        "      - 2\n"
        '    open: "09:00"\n'
        "  - []\n"
        "greeting: |\n"
        "  Olá!\n"
        "  Tudo bem?\n"
        "active: true\n"
        "note: null\n"
        '"yes": "no"\n'
    )


def test_readers_of_yaml_1_1_find_the_same_texts_and_numbers() -> None:
    body: JsonObject = {
        "texts": [
            "18:00",
            "190:20:30.15",
            "yes",
            "no",
            "on",
            "y",
            "0b1",
            "1_000",
            "010",
            "1e3",
            "<<",
        ],
        "dates": ["2024-01-31", "2001-12-14 21:59:43"],
        "numbers": [1, -1, 1.5, 1e100, 1e-7, 1e16],
    }
    reader = ruamel.yaml.YAML(typ="safe", pure=True)
    reader.version = (1, 1)

    assert reader.load(CODEC.render(body)) == body


def test_numbers_that_are_not_json_are_not_made_from_text() -> None:
    text = CODEC.render({"a": [".nan", ".inf", "1e999", "9" * 30]})

    assert CODEC.parse(text) == {"a": [".nan", ".inf", "1e999", "9" * 30]}
    assert not any(isinstance(value, float) and math.isnan(value) for value in CODEC.parse(text))


def test_a_refusal_never_repeats_the_text() -> None:
    with pytest.raises(InvalidYamlError) as refusal:
        CODEC.parse("password: [canary\n")

    error = refusal.value
    assert error.__suppress_context__
    assert "canary" not in f"{error} {error!r} {error.args}"
