from __future__ import annotations

import pytest

from odoo_ai_config.domain.json_types import (
    Place,
    is_storable,
    shown_name,
    shown_place,
    storable,
    unique_members,
)


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
