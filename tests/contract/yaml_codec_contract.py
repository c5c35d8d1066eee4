from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest
from hypothesis import given

from odoo_ai_config.application.ports.yaml_codec import MAX_DEPTH, YamlCodec
from odoo_ai_config.domain.errors import InvalidYamlError
from odoo_ai_config.domain.json_types import Json, JsonObject
from tests.yaml_texts import json_objects

MAX_LENGTH = 100_000

BODY: JsonObject = {
    "account_id": "123",
    "nome": "Saúde e Bem-Estar 🙂",
    "hours": {"open": "18:00", "closed": ["yes", "no", "on", "~", "null", "1e3", "0o7", ""]},
    "numbers": [1, -1, 0, 1.5, 1e100, -2.5e-7, True, False, None, 2**63 - 1, -(2**63)],
    "empty": {"object": {}, "list": []},
}


def nested(depth: int) -> JsonObject:
    body: Json = 1
    for _ in range(depth):
        body = {"a": body}
    assert isinstance(body, dict)
    return body


class YamlCodecContract:
    """
    The guarantees of every YamlCodec for JSON text, which is also YAML.
    """

    # Whether refusals tell the place of a duplicate key, and not only of invalid syntax.
    places_every_refusal: ClassVar[bool]

    @pytest.fixture
    def codec(self) -> YamlCodec:
        """
        The adapter under test, with texts limited to ``MAX_LENGTH``.
        """
        raise NotImplementedError("subclasses provide the adapter under test")

    def test_json_text_is_read(self, codec: YamlCodec) -> None:
        assert codec.parse(json.dumps(BODY, ensure_ascii=False)) == BODY
        assert codec.parse(json.dumps(BODY, indent=4)) == BODY

    def test_what_is_rendered_reads_back(self, codec: YamlCodec) -> None:
        @given(json_objects)
        def reads_back(body: JsonObject) -> None:
            again = codec.parse(codec.render(body))

            assert json.dumps(again) == json.dumps(body)

        reads_back()

    def test_an_amended_text_stands_for_the_new_body(self, codec: YamlCodec) -> None:
        @given(json_objects, json_objects)
        def amends(before: JsonObject, after: JsonObject) -> None:
            again = codec.parse(codec.amend(codec.render(before), after))

            assert json.dumps(again, sort_keys=True) == json.dumps(after, sort_keys=True)

        amends()

    def test_amending_to_the_same_body_leaves_the_text_alone(self, codec: YamlCodec) -> None:
        text = '{"b":   1,\n "a": [ true ] }'

        assert codec.amend(text, {"a": [True], "b": 1}) == text

    def test_true_and_one_are_told_apart_when_amending(self, codec: YamlCodec) -> None:
        body = codec.parse(codec.amend('{"a": 1, "b": 1.0}', {"a": True, "b": 1}))

        assert json.dumps(body) == '{"a": true, "b": 1}'

    def test_an_empty_text_is_an_empty_body(self, codec: YamlCodec) -> None:
        assert [codec.parse(text) for text in ("", "\n", " \n\n", "\ufeff")] == [{}] * 4
        assert codec.parse(codec.render({})) == {}
        assert codec.parse(codec.amend("", {"a": 1})) == {"a": 1}

    def test_what_is_no_mapping_is_wrapped(self, codec: YamlCodec) -> None:
        assert codec.parse("[1, 2]") == {"data": [1, 2]}
        assert codec.parse('"text"') == {"data": "text"}
        assert codec.parse("null") == {"data": None}
        assert codec.parse(codec.amend("[1, 2]", {"a": 1})) == {"a": 1}

    def test_a_byte_order_mark_is_overlooked(self, codec: YamlCodec) -> None:
        assert codec.parse('\ufeff{"a": 1}') == {"a": 1}

    def test_a_body_shares_no_part_with_another(self, codec: YamlCodec) -> None:
        first = codec.parse('{"a": {"b": 1}}')
        first["a"] = 2

        assert codec.parse('{"a": {"b": 1}}') == {"a": {"b": 1}}

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param('{"a": 1', id="cut off"),
            pytest.param('{"a": }}', id="broken"),
            pytest.param('{"a": 1} {"b": 2}', id="two documents"),
            pytest.param('{"a": 1, "a": 1}', id="duplicate key"),
            pytest.param('{"x": [{"a": 1, "b": 2, "a": 3}]}', id="duplicate key inside"),
            pytest.param('{"a": 9223372036854775808}', id="integer beyond 64 bits"),
            pytest.param('{"a": -9223372036854775809}', id="negative integer beyond 64 bits"),
            pytest.param('{"a": ' + "9" * 5000 + "}", id="integer beyond any machine"),
            pytest.param('{"a": 1e999}', id="float overflow"),
            pytest.param('{"a": "\\u0000"}', id="null character"),
            pytest.param('{"\\u0000": 1}', id="null character in a key"),
            pytest.param('{"a": "\x00"}', id="raw null character"),
            pytest.param('{"a": "\x1b"}', id="raw control character"),
            pytest.param('{"a": "\\ud800"}', id="lone high surrogate"),
            pytest.param('{"a": "\\udc00\\ud800"}', id="swapped surrogates"),
            pytest.param('{"a": "\ud800"}', id="raw surrogate"),
            pytest.param('"' + "x" * MAX_LENGTH + '"', id="too long"),
            pytest.param("[" * 65 + "]" * 65, id="too deep"),
            pytest.param("[" * 50_000, id="far too deep"),
            pytest.param('{"a":' * 15_000, id="far too deep in objects"),
        ],
    )
    def test_unacceptable_texts_are_refused(self, codec: YamlCodec, text: str) -> None:
        with pytest.raises(InvalidYamlError):
            codec.parse(text)
        with pytest.raises(InvalidYamlError):
            codec.amend(text, {"a": 1})

    def test_broken_syntax_is_placed(self, codec: YamlCodec) -> None:
        with pytest.raises(InvalidYamlError) as refusal:
            codec.parse('{\n  "a": 1,\n  "b": }}\n}')

        assert (refusal.value.line, refusal.value.column) in {(3, 8), (3, 9)}

    def test_a_duplicate_key_is_placed(self, codec: YamlCodec) -> None:
        if not self.places_every_refusal:
            pytest.skip("JSON's decoder does not tell where a key was")

        with pytest.raises(InvalidYamlError) as refusal:
            codec.parse('{\n  "a": 1,\n  "a": 2\n}')

        assert (refusal.value.line, refusal.value.column) == (3, 3)

    def test_a_surrogate_pair_in_escapes_is_one_character(self, codec: YamlCodec) -> None:
        assert codec.parse('{"a": "\\ud83d\\ude42"}') == {"a": "🙂"}

    def test_nesting_is_held_up_to_the_limit(self, codec: YamlCodec) -> None:
        deepest = nested(MAX_DEPTH)

        assert codec.parse(codec.render(deepest)) == deepest
        assert codec.parse(codec.amend('{"a": {"a": 2}}', deepest)) == deepest
        with pytest.raises(InvalidYamlError):
            codec.render(nested(MAX_DEPTH + 1))
        with pytest.raises(InvalidYamlError):
            codec.amend("{}", nested(MAX_DEPTH + 1))
        with pytest.raises(InvalidYamlError):
            codec.render(nested(100_000))

    def test_threads_may_share_one_codec(self, codec: YamlCodec) -> None:
        bodies: list[JsonObject] = [{"n": n, "list": list(range(n))} for n in range(24)]

        with ThreadPoolExecutor(4) as pool:
            texts = list(pool.map(codec.render, bodies))
            assert list(pool.map(codec.parse, texts)) == bodies
            amended = list(pool.map(codec.amend, texts, reversed(bodies)))
            assert list(pool.map(codec.parse, amended)) == bodies[::-1]
