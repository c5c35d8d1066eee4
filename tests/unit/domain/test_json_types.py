from __future__ import annotations

import json
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from odoo_ai_config.domain.json_types import (
    INTEGERS,
    Json,
    Place,
    is_blank,
    is_storable,
    shown_name,
    shown_place,
    storable,
    unique_members,
    unknown_names,
    with_whole_numbers,
)
from tests.strategies import json_objects


@pytest.mark.parametrize("text", ["", "Olá 🙂", "a\nb\t", "\ue000", "\ud7ff"])
def test_text_of_whole_characters_can_be_stored(text: str) -> None:
    assert is_storable(text)


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "x\udfff"])
def test_null_characters_and_half_surrogates_cannot_be_kept(text: str) -> None:
    assert not is_storable(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("Olá 🙂", "Olá 🙂"), ("a\x00b\x00", "ab"), ("\ud83dx\udfff", "x"), ("\x00", "")],
)
def test_storable_part_of_a_text(text: str, kept: str) -> None:
    assert storable(text) == kept


@pytest.mark.parametrize("name", ["a", "_b", "odoo-mcp", "x" * 64])
def test_name_of_the_usual_form_is_shown(name: str) -> None:
    assert shown_name(name) == name


@pytest.mark.parametrize("name", ["", "x" * 65, "5511999990000", "a b", "ação", "a\n", "a.b"])
def test_name_of_another_form_is_hidden(name: str) -> None:
    assert shown_name(name) == "*"


@pytest.mark.parametrize(
    ("place", "shown"),
    [((), ""), (("a", 0, 12, "b"), "a[0][12].b"), ((3, "a b", "c"), "[3].*.c")],
)
def test_places_are_shown_by_the_names_on_the_way(place: Place, shown: str) -> None:
    assert shown_place(place) == shown


def test_object_has_each_member_once() -> None:
    assert unique_members([("a", 1), ("b", 1)]) == {"a": 1, "b": 1}
    with pytest.raises(ValueError, match="twice"):
        unique_members([("a", 1), ("a", 1)])


FORM: Final = st.sampled_from(
    (
        *(
            "<p>",
            "</p>",
            "<br>",
            "<br/>",
            "<BR />",
            "<div>",
            "</div>",
            "<section>",
            "<span>",
            "<b>",
        ),
        *(
            "<b>",
            "<i>",
            '<font color="#fff">',
            '<p style="margin: 0">',
            "<p data-oe-version='2.0'>",
        ),
        *('<div class="o_editor">', '<p title="a > b">', "<!-- nota > x -->", "<!---->"),
        *(" ", "\n", "\t", "\xa0", "\u200b", "\ufeff", "&nbsp;", "&#160;", "&#xA0;", "&zwnj;"),
        *("\xad", "\u200f", "\u2066", "&shy;", "&lrm;", "&NoBreak;", "&NewLine;", "&#x2060;"),
        *("<h1>", "</h6>", "<ul>", "<li>", "<strong>", "<em>", "<u>", "<s>", "<a href='/x'>"),
        *(
            "<table>",
            "<tbody>",
            "<tr>",
            "<td>",
            "<th>",
            "<pre>",
            "<blockquote>",
            "<html>",
            "</body>",
        ),
    )
)
SHOWN: Final = st.sampled_from(
    (
        *("a", "0", ".", "<", "&", "&lt;", "&amp;", "&unknown;", "<img src='x'>", "<hr>", "<h7>"),
        *("<nome>", "<video>", "<audio>", "<svg>", "<input>", "<picture>", "<object>", "<canvas>"),
        *("<p", "<!-- ", "<iframe>", '<i class="fa fa-star"></i>', "<button>", "<script>"),
        *("<span class='oi'></span>", "<div style='background-image: url(/x.png)'></div>"),
        *("\u0600", "\u2800"),
    )
)


@given(st.lists(FORM).map("".join))
@example("")
def test_form_without_content_is_blank(text: str) -> None:
    assert is_blank(text)


@given(st.lists(FORM), SHOWN, st.lists(FORM))
def test_form_with_content_is_not_blank(before: list[str], shown: str, after: list[str]) -> None:
    # The end of a comment or of a tag in `after` would take `shown` in.
    after = [part for part in after if shown not in ("<p", "<!-- ") or ">" not in part]
    assert not is_blank("".join((*before, shown, *after)))


@pytest.mark.parametrize("value", [None, False, 0, [], {}, ["<p></p>"]])
def test_only_a_text_is_blank(value: Json) -> None:
    assert not is_blank(value)


@pytest.mark.parametrize(
    "part",
    ["<p ", "<!--", "<p '", '<p "', "<p class='", '<p class="fa', "<p class =", "&nbsp", "<"],
)
def test_hostile_text_is_not_blank(part: str) -> None:
    # It is read once: a search that goes back would not end.
    assert not is_blank(part * 100_000)


def dumped(body: Json) -> str:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def respelled(value: Json) -> Json:
    """
    *value* with every integer that a float can hold as a float, and -0.0 for 0.
    """
    if isinstance(value, dict):
        return {name: respelled(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [respelled(inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool) and int(float(value)) == value:
        return float(value) or -0.0
    return value


@given(json_objects())
@example({"a": [10, 0, -1, 2**53, 2**62, -(2**63)]})
def test_equal_numbers_become_equal_text(body: dict[str, Json]) -> None:
    assert with_whole_numbers(dumped(respelled(body))) == with_whole_numbers(dumped(body))


@given(json_objects())
@example({"a": [1.5, 1e300, -1e300, 2.0**63, 1e-7, True, "1.0", "1e+3"]})
@example({"a": [2**53 + 1, 2**63 - 1]})
def test_whole_numbers_lose_nothing(body: dict[str, Json]) -> None:
    text = dumped(body)
    assert json.loads(with_whole_numbers(text)) == body
    assert with_whole_numbers(with_whole_numbers(text)) == with_whole_numbers(text)


@given(st.integers(INTEGERS.start, INTEGERS.stop - 1), st.integers(1, 100))
def test_different_numbers_stay_different(number: int, more: int) -> None:
    assert with_whole_numbers(f"[{number}]") != with_whole_numbers(f"[{number + more}]")


def test_unknown_names_are_shown_in_order_and_only_if_they_look_like_names() -> None:
    given = ["known", "zeta", "acounts", "um valor", "canário", "x" * 65]
    assert unknown_names(given, {"known"}) == ["*", "acounts", "zeta"]
    assert unknown_names(["known"], {"known"}) == []
