from __future__ import annotations

import pytest

from odoo_ai_config.domain.json_types import Json, is_longer, is_storable, storable


@pytest.mark.parametrize("text", ["", "Olá 🙂", "a\nb\t", "\ue000", "\ud7ff"])
def test_text_of_whole_characters_can_be_kept(text: str) -> None:
    assert is_storable(text)


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "x\udfff"])
def test_null_characters_and_half_surrogates_cannot_be_kept(text: str) -> None:
    assert not is_storable(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("Olá 🙂", "Olá 🙂"), ("a\x00b\x00", "ab"), ("\ud83dx\udfff", "x"), ("\x00", "")],
)
def test_what_of_a_text_can_be_kept(text: str, kept: str) -> None:
    assert storable(text) == kept


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        (None, 4),
        ("abc", 7),
        ([1, None, "abc"], 19),
        ({"ab": True, "c": ["de"]}, 21),
        ({"a": "x" * 1000}, 1009),
    ],
)
def test_length_of_a_value_is_told_at_its_edge(value: Json, limit: int) -> None:
    assert not is_longer(value, limit)
    assert is_longer(value, limit - 1)


def test_length_of_more_than_fits_is_not_counted_to_its_end() -> None:
    endless: list[Json] = ["x" * 10]
    endless.append(endless)
    assert is_longer(endless, 1000)
