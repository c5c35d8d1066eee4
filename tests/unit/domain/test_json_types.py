from __future__ import annotations

import pytest

from odoo_ai_config.domain.json_types import is_storable, storable


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
