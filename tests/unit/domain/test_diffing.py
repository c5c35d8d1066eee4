from __future__ import annotations

import pytest

from odoo_ai_config.domain.diffing import ChangeKind, ValueChange, changes_between
from odoo_ai_config.domain.json_types import Json


def test_equal_documents_do_not_differ() -> None:
    assert changes_between({"a": {"b": [1, {"c": None}]}}, {"a": {"b": [1, {"c": None}]}}) == ()


def test_key_order_is_no_difference() -> None:
    assert (
        changes_between({"a": 1, "b": [{"x": 1, "y": 2}]}, {"b": [{"y": 2, "x": 1}], "a": 1}) == ()
    )


def test_each_difference_stands_at_its_place() -> None:
    before: dict[str, Json] = {"gone": 1, "same": 1, "deep": {"list": [1], "old": None}}
    after: dict[str, Json] = {"same": 1, "deep": {"list": [1, 2], "new": None}, "added": {"x": 1}}
    assert changes_between(before, after) == (
        ValueChange(ChangeKind.REMOVED, "/gone", before=1),
        ValueChange(ChangeKind.CHANGED, "/deep/list", [1], [1, 2]),
        ValueChange(ChangeKind.REMOVED, "/deep/old", before=None),
        ValueChange(ChangeKind.ADDED, "/deep/new", after=None),
        ValueChange(ChangeKind.ADDED, "/added", after={"x": 1}),
    )


def test_pointers_are_escaped() -> None:
    (change,) = changes_between({}, {"a/b~c": 1})
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
def test_values_of_different_types_differ(old: Json, new: Json) -> None:
    assert changes_between({"k": old}, {"k": new}) == (
        ValueChange(ChangeKind.CHANGED, "/k", old, new),
    )
