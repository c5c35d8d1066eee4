from __future__ import annotations

import pytest

from odoo_ai_config.domain.documents.diffing import (
    MOST_CHANGES,
    MOST_DIFFERING_LINES,
    MOST_POINTER_CHARACTERS,
    ChangeKind,
    Changes,
    ValueChange,
    changes_between,
    unified_diff,
)
from odoo_ai_config.domain.json_types import Json


def test_equal_documents_have_no_changes() -> None:
    same: dict[str, Json] = {"a": {"b": [1, {"c": None}]}}
    assert changes_between(same, {"a": {"b": [1, {"c": None}]}}) == Changes(())


def test_key_order_is_no_difference() -> None:
    before: dict[str, Json] = {"a": 1, "b": [{"x": 1, "y": 2}]}
    assert changes_between(before, {"b": [{"y": 2, "x": 1}], "a": 1}) == Changes(())


def test_each_difference_stands_at_its_place() -> None:
    before: dict[str, Json] = {"gone": 1, "same": 1, "deep": {"list": [1], "old": None}}
    after: dict[str, Json] = {"same": 1, "deep": {"list": [1, 2], "new": None}, "added": {"x": 1}}
    assert changes_between(before, after).places == (
        ValueChange(ChangeKind.REMOVED, "/gone", before=1),
        ValueChange(ChangeKind.CHANGED, "/deep/list", [1], [1, 2]),
        ValueChange(ChangeKind.REMOVED, "/deep/old", before=None),
        ValueChange(ChangeKind.ADDED, "/deep/new", after=None),
        ValueChange(ChangeKind.ADDED, "/added", after={"x": 1}),
    )


def test_pointers_are_escaped() -> None:
    (change,) = changes_between({}, {"a/b~c": 1}).places
    assert change.pointer == "/a~1b~0c"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (1, True),
        (0, False),
        (1, 1.0),
        ([1], [True]),
        ([{"a": 0}], [{"a": False}]),
        ({"a": 1}, [1]),
        (None, {}),
        ("1", 1),
    ],
)
def test_values_of_different_types_are_different(old: Json, new: Json) -> None:
    assert changes_between({"k": old}, {"k": new}).places == (
        ValueChange(ChangeKind.CHANGED, "/k", old, new),
    )


@pytest.mark.parametrize(("more", "truncated"), [(0, False), (1, True)])
def test_changes_are_limited_in_number(more: int, *, truncated: bool) -> None:
    after: dict[str, Json] = {f"{number}": 1 for number in range(MOST_CHANGES + more)}
    changes = changes_between({}, after)
    assert len(changes.places) == MOST_CHANGES
    assert changes.truncated is truncated


@pytest.mark.parametrize(("more", "named"), [(0, 4), (1, 3)])
def test_pointers_are_limited_in_total_length(more: int, named: int) -> None:
    # Four changes in one place with a long name.
    name = "x" * (MOST_POINTER_CHARACTERS // 4 - len("//1"))
    inner: dict[str, Json] = {"1": 1, "2": 1, "3": 1, "4" + "x" * more: 1}
    changes = changes_between({name: {}}, {name: inner})
    assert len(changes.places) == named
    assert changes.truncated is (named < len(inner))


def lines(*numbers: int) -> str:
    return "".join(f"{number}\n" for number in numbers)


@pytest.mark.parametrize(("more", "shown"), [(0, True), (1, False)])
def test_differing_lines_are_limited_in_number(more: int, *, shown: bool) -> None:
    same = range(5000)
    different = range(-MOST_DIFFERING_LINES - more, 0)
    before, after = lines(*same, *same), lines(*same, *different, *same)
    for pair in ((before, after), (after, before)):
        assert (unified_diff(*pair, names=("v1", "v2")) is not None) is shown


def test_lines_before_and_after_what_differs_are_counted() -> None:
    same = range(5000)
    diff = unified_diff(lines(*same, 1, *same), lines(*same, 2, *same), names=("v1", "v2"))
    assert diff == (
        "--- v1\n+++ v2\n@@ -4998,7 +4998,7 @@\n 4997\n 4998\n 4999\n-1\n+2\n 0\n 1\n 2\n"
    )
