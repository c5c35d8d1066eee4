from __future__ import annotations

from hashlib import sha256

import pytest

from odoo_ai_config.domain.documents.document import LARGEST_DOCUMENT, AuthoredYaml, Document
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.json_types import Json


def test_body_is_a_copy() -> None:
    document = Document.of({"a": [1]})
    document.body["a"] = None
    assert document.body == {"a": [1]}


def test_document_does_not_follow_the_object_that_it_was_made_of() -> None:
    body: dict[str, Json] = {"a": 1}
    document = Document.of(body)
    body["a"] = 2
    assert document.body == {"a": 1}


def test_key_order_is_part_of_a_document() -> None:
    assert list(Document.of({"b": 1, "a": 2}).body) == ["b", "a"]
    assert Document.of({"b": 1, "a": 2}) != Document.of({"a": 2, "b": 1})


def test_equal_numbers_are_the_same_and_the_text_keeps_how_they_came() -> None:
    whole, fraction = Document.of({"a": 10}), Document.of({"a": 10.0})
    assert whole.says_the_same(fraction)
    assert whole.digest == fraction.digest == whole.former_digest
    assert fraction.former_digest == sha256(b'{"a":10.0}').hexdigest()
    assert fraction.with_body({"a": 10}) is fraction
    assert fraction.text == '{"a":10.0}'
    assert not whole.says_the_same(Document.of({"a": True}))
    assert not whole.says_the_same(Document.of({"a": 10}, AuthoredYaml("a: 10")))


@pytest.mark.parametrize("text", ["", "[]", "1", "null", '"{}"', "{", "}", " {}", "{}\n"])
def test_only_an_object_is_a_document(text: str) -> None:
    with pytest.raises(InvalidValueError):
        Document(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), "\ud800"])
def test_value_that_json_cannot_express_is_refused_without_repeating_it(value: Json) -> None:
    with pytest.raises(InvalidValueError) as caught:
        Document.of({"a": [value]})
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("more", [0, 1])
def test_document_is_limited_in_size(more: int) -> None:
    text = "é" * (LARGEST_DOCUMENT - len('{"a":""}') + more)
    if more:
        with pytest.raises(InvalidValueError) as caught:
            Document.of({"a": text})
        assert caught.value.rule == "document_size"
    else:
        assert Document.of({"a": text}).body == {"a": text}


def test_merge_that_changes_nothing_keeps_the_authored_text_exact() -> None:
    document = Document.of({"a": 1}, AuthoredYaml("a: 1 # one\n"))
    assert document.with_body({"a": 1}) is document


def test_merge_leaves_the_authored_text_but_says_that_it_is_out_of_date() -> None:
    document = Document.of({"a": 1}, AuthoredYaml("a: 1 # one\n"))
    merged = document.with_body({"a": 2})
    assert merged.body == {"a": 2}
    assert merged.authored == AuthoredYaml("a: 1 # one\n", exact=False)


def test_merge_invents_no_authored_text() -> None:
    assert Document.of({"a": 1}).with_body({"a": 2}) == Document.of({"a": 2})
