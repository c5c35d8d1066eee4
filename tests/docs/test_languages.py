"""
A page in Portuguese has what the page in English has.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.docs.test_examples import FENCE, blocks_in
from tests.source_tree import ROOT

PAGES: Final = sorted([*ROOT.glob("*.pt-BR.md"), *(ROOT / "docs").rglob("*.pt-BR.md")])
# Comments of YAML and Python are written in the language of the page.
_COMMENT: Final = re.compile(r" *# .*$", re.MULTILINE)
_COMMENTED: Final = {"yaml", "py"}
_HEADING: Final = re.compile(r"^#+(?= )", re.MULTILINE)
_ROW: Final = re.compile(r"^\|.*\|$", re.MULTILINE)
_CODE: Final = re.compile(r"`[^`\n]+`")


def english_of(page: Path) -> Path:
    return page.with_name(page.name.replace(".pt-BR", ""))


def examples_in(page: Path) -> list[tuple[str, str]]:
    return [
        (block.language, _COMMENT.sub("", block.text))
        if block.language in _COMMENTED
        else (block.language, block.text)
        for block in blocks_in(page.read_text("utf-8"))
        if block.language != "text"
    ]


def shape_of(page: Path) -> list[str]:
    """
    The levels of the headings, and of each row of a table the code in its first cell.
    """
    shape = []
    for line in FENCE.sub("", page.read_text("utf-8")).splitlines():
        shape += _HEADING.findall(line)
        if _ROW.fullmatch(line):
            shape.append(" ".join(_CODE.findall(line.split("|")[1])))
    return shape


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_both_languages_have_the_same_examples(page: Path) -> None:
    assert examples_in(page) == examples_in(english_of(page)) != []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_both_languages_have_the_same_sections_and_tables(page: Path) -> None:
    assert shape_of(page) == shape_of(english_of(page)) != []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_both_languages_name_each_other(page: Path) -> None:
    english = english_of(page)
    assert f"[English]({english.name})" in page.read_text("utf-8")
    assert f"[Português]({page.name})" in english.read_text("utf-8")
