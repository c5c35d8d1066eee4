from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.json_types import Json
from odoo_ai_config.entrypoints.http.platform.errors import (
    DepthLimitError,
    FieldError,
    HttpRefusalError,
    InvalidFieldsError,
    InvalidJsonError,
)
from odoo_ai_config.entrypoints.http.platform.json_body import parse_json, parse_json_object
from odoo_ai_config.entrypoints.http.platform.refusals import REFUSALS

FIXTURES = sorted((Path(__file__).parents[4] / "fixtures").glob("*.json"))

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8)
values: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_real_bodies_are_read_as_json_loads_reads_them(path: Path) -> None:
    raw = path.read_bytes()

    assert parse_json(raw) == json.loads(raw)


@given(values, st.booleans())
def test_what_is_written_as_json_is_read_back(value: Json, ensure_ascii: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ensure_ascii).encode()

    assert json.dumps(parse_json(raw, max_depth=64)) == json.dumps(value)


@given(st.binary() | st.text('[]{}":,\\u0dDe+-.19NaI \n').map(str.encode))
def test_any_bytes_are_a_value_or_a_refusal(raw: bytes) -> None:
    try:
        value = parse_json(raw)
    except HttpRefusalError:
        return

    assert parse_json(json.dumps(value, allow_nan=False).encode()) == value


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" \n", id="blank"),
        pytest.param(b"\xef\xbb\xbf", id="only a byte order mark"),
        pytest.param(b"\xef\xbb\xbf\xef\xbb\xbf{}", id="two byte order marks"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b"{} x", id="trailing garbage"),
        pytest.param(b"{}{}", id="two values"),
        pytest.param(b"a=1&b=2", id="a form"),
        pytest.param(b"{'a': 1}", id="python"),
        pytest.param(b'{"a": 1,}', id="trailing comma"),
        pytest.param(b'{"a": "\xff"}', id="not UTF-8"),
        pytest.param(b'{"a": "\xed\xa0\x80"}', id="a surrogate in UTF-8"),
        pytest.param('{"a": "x"}'.encode("utf-16"), id="UTF-16"),
        pytest.param('{"a": "x"}'.encode("utf-32"), id="UTF-32"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b'{"a": [NaN]}', id="NaN inside"),
        pytest.param(b"[Infinity]", id="Infinity"),
        pytest.param(b"[-Infinity]", id="-Infinity"),
        pytest.param(b'[1e999, {"a": 1, "a": 2}]', id="duplicate key after a large number"),
        pytest.param(b"[9223372036854775808", id="cut off after a large number"),
        pytest.param(b'{"a": 1, "a": 1}', id="duplicate key"),
        pytest.param(b'{"a": 1, "\\u0061": 2}', id="duplicate key in disguise"),
        pytest.param(b'[{"x": [{"a": 1, "b": 2, "a": 3}]}]', id="duplicate key inside"),
        pytest.param(b'"\\ud800"', id="lone high surrogate"),
        pytest.param(b'"\\uDFFF"', id="lone low surrogate"),
        pytest.param(b'{"a": ["\\udc00\\ud800"]}', id="swapped surrogates"),
        pytest.param(b'{"\\uD83D": 1}', id="surrogate in a key"),
        pytest.param(b'["\\u0000", "\\ud800"]', id="a null character and half a pair"),
        pytest.param(b'"\x00"', id="raw null byte"),
        pytest.param(b'"\x1f"', id="raw control character"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidJsonError) as refusal:
        parse_json(raw)

    assert (REFUSALS[refusal.type].status, refusal.value.code) == (400, "invalid_json")


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"\xef\xbb\xbf{}", {}),
        (b" [] \r\n", []),
        (b"[9223372036854775807, -9223372036854775808]", [2**63 - 1, -(2**63)]),
        (b'"99999999999999999999999"', "99999999999999999999999"),
        (b"0.12345678901234567890123", 0.12345678901234567890123),
        (b"1e-999", 0.0),
        (b"1e308", 1e308),
        (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
        (b'"\\\\ud800 \\\\u0000"', "\\ud800 \\u0000"),
        (b'"Sa\\u00fade"', "Saúde"),
        (b'{"a": {"a": 1}}', {"a": {"a": 1}}),
    ],
)
def test_odd_but_sound_bodies_are_read(raw: bytes, value: Json) -> None:
    assert parse_json(raw) == value


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
@pytest.mark.parametrize("times", [33, 500, 10_000, 400_000])
def test_bodies_nested_too_deep_are_refused(opening: bytes, times: int) -> None:
    closing = {b"[": b"]", b'{"a":': b"}", b'[{"a":': b"}]"}[opening]

    with pytest.raises(DepthLimitError) as refusal:
        parse_json(opening * times + b"1" + closing * times)

    assert (REFUSALS[refusal.type].status, refusal.value.code) == (422, "too_deep")


@given(st.integers(0, 8), st.integers(0, 8))
def test_depth_counts_arrays_and_objects_alike(depth: int, limit: int) -> None:
    raw = b""
    for level in range(depth):
        raw = b"[" + raw + b"]" if level % 2 else b'{"a":' + (raw or b"1") + b"}"
    raw = raw or b"1"

    if depth > limit:
        with pytest.raises(DepthLimitError):
            parse_json(raw, max_depth=limit)
    else:
        parse_json(raw, max_depth=limit)


def test_brackets_in_texts_and_side_by_side_are_not_depth() -> None:
    raw = json.dumps({"text": "[{" * 500, "list": [[] for _ in range(500)]}).encode()

    assert parse_json(raw, max_depth=3) == json.loads(raw)


@pytest.mark.parametrize("raw", [b"[]", b"1", b"null", b'"text"', b"false"])
def test_an_object_is_asked_for_where_bodies_are_objects(raw: bytes) -> None:
    assert parse_json_object(b'{"a": null}') == {"a": None}
    with pytest.raises(InvalidJsonError):
        parse_json_object(raw)


@pytest.mark.parametrize(
    "raw", [b'{"password": "canary", }', b'{"canary": 1, "canary": 2}', b'"canary\\ud800"']
)
def test_a_refusal_never_repeats_the_body(raw: bytes) -> None:
    with pytest.raises(InvalidJsonError) as refusal:
        parse_json(raw)

    error = refusal.value
    assert error.__suppress_context__ or error.__context__ is None
    assert "canary" not in f"{error} {error!r} {error.args}"


def test_repeated_names_and_large_numbers_are_let_pass_where_nobody_else_reads() -> None:
    assert parse_json(b'{"a": 1, "a": 2}', lenient=True) == {"a": 2}
    assert parse_json_object(b'{"a": 1, "a": 2}', lenient=True) == {"a": 2}
    assert parse_json(b"[99999999999999999999]", lenient=True) == [1e20]
    assert parse_json(b"[1e999]", lenient=True) == [math.inf]


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b'{"a": "x\\u0000y"}', "a"),
        (b'{"a": {"b-c": ["", {"d": "\\u0000"}]}, "e": "\\u0000"}', "a.b-c[1].d"),
        (b'{"a": {"b\\u0000": 1}}', "a.*"),
        (b'{"\\u0000": 1}', "*"),
        (b'"\\u0000"', "body"),
        (b'["\\\\u0000", "\\u0000"]', "[1]"),
        # Names that do not look like fields are not repeated.
        (b'{"a": {"canary canary": "\\u0000"}}', "a.*"),
        (b'{"a": {"' + b"x" * 65 + b'": "\\u0000"}}', "a.*"),
        ('{"a": {"Saúde": {"b": "\\u0000"}}}'.encode(), "a.*.b"),
    ],
)
def test_a_null_character_is_json_but_nothing_to_keep(raw: bytes, field: str) -> None:
    with pytest.raises(InvalidFieldsError) as refusal:
        parse_json(raw)

    assert (REFUSALS[refusal.type].status, refusal.value.code) == (422, "invalid_fields")
    assert refusal.value.errors == [FieldError(field, "null_character")]


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(b"1e999", id="float overflow"),
        pytest.param(b"-1E+400", id="negative float overflow"),
        pytest.param(b"10.0e308", id="float overflow by its digits"),
        pytest.param(b"9" * 400 + b".0", id="float overflow without exponent"),
        pytest.param(b"9223372036854775808", id="2**63"),
        pytest.param(b"-9223372036854775809", id="-2**63 - 1"),
        pytest.param(b"9" * 5000, id="beyond Python's digit limit"),
    ],
)
@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        (b'{"mapping": {"channels": [1, {"inbox_id": ', b"}]}}", "mapping.channels[1].inbox_id"),
        (b'{"a": "\\u0000", "b c": ', b"}", "*"),
        (b"\xef\xbb\xbf", b"", "body"),
        (b"[", b', "\\ud800"]', "[0]"),
    ],
)
def test_number_that_nothing_can_keep_is_named_by_its_place(
    number: bytes, before: bytes, after: bytes, field: str
) -> None:
    with pytest.raises(InvalidFieldsError) as refusal:
        parse_json(before + number + after)

    assert (REFUSALS[refusal.type].status, refusal.value.code) == (422, "invalid_fields")
    assert refusal.value.errors == [FieldError(field, "number_range")]
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_what_is_too_deep_is_so_with_a_large_number_in_it() -> None:
    with pytest.raises(DepthLimitError):
        parse_json(b"[" * 33 + b"1e999" + b"]" * 33)


def test_what_is_too_deep_is_so_with_a_null_character_in_it() -> None:
    raw = b'"\\u0000"'
    with pytest.raises(InvalidFieldsError):
        parse_json(b"[" * 32 + raw + b"]" * 32)
    with pytest.raises(DepthLimitError):
        parse_json(b"[" * 33 + raw + b"]" * 33)


def test_texts_that_cannot_be_kept_are_let_pass_where_the_whole_is_kept_as_it_is() -> None:
    raw = b'{"a\\u0000": ["\\u0000", "\\ud83d"]}'
    assert parse_json(raw, lenient=True) == {"a\x00": ["\x00", "\ud83d"]}
    with pytest.raises(DepthLimitError):
        parse_json(raw, lenient=True, max_depth=1)


@pytest.mark.parametrize("raw", [b"[NaN]", b"[" + b"9" * 5000 + b"]", b'["\x00"]'])
def test_everything_else_is_refused_there_too(raw: bytes) -> None:
    with pytest.raises(InvalidJsonError):
        parse_json(raw, lenient=True)
