from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.documents.diffing import (
    ChangeKind,
    ValueChange,
    changes_between,
    unified_diff,
)
from odoo_ai_config.domain.json_types import Json, JsonObject
from tests.strategies import json_objects


def canonical(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def applied(before: JsonObject, changes: tuple[ValueChange, ...]) -> JsonObject:
    # Through JSON, because in a deep copy two places would still share one object.
    after: JsonObject = json.loads(json.dumps(before))
    for change in changes:
        *path, last = (
            part.replace("~1", "/").replace("~0", "~") for part in change.pointer[1:].split("/")
        )
        parent = after
        for part in path:
            inner = parent[part]
            assert isinstance(inner, dict)
            parent = inner
        if change.kind is ChangeKind.REMOVED:
            assert canonical(parent.pop(last)) == canonical(change.before)
        else:
            assert (last in parent) == (change.kind is ChangeKind.CHANGED)
            parent[last] = change.after
    return after


@st.composite
def related_objects(draw: st.DrawFn) -> tuple[JsonObject, JsonObject]:
    before, added = draw(json_objects()), draw(json_objects())
    kept = {key: value for key, value in before.items() if draw(st.booleans())}
    return {"deep": before, **before}, {"deep": {**kept, **added}, **kept, **added}


@given(related_objects())
def test_changes_lead_from_one_to_the_other(pair: tuple[JsonObject, JsonObject]) -> None:
    before, after = pair
    assert canonical(applied(before, changes_between(before, after).places)) == canonical(after)


@given(related_objects())
def test_there_are_no_changes_exactly_if_the_data_are_the_same(
    pair: tuple[JsonObject, JsonObject],
) -> None:
    before, after = pair
    assert (changes_between(before, after).places == ()) == (canonical(before) == canonical(after))
    assert changes_between(before, json.loads(json.dumps(before))).places == ()


@given(related_objects())
def test_changes_back_mirror_the_changes_there(pair: tuple[JsonObject, JsonObject]) -> None:
    mirror = {
        ChangeKind.ADDED: ChangeKind.REMOVED,
        ChangeKind.REMOVED: ChangeKind.ADDED,
        ChangeKind.CHANGED: ChangeKind.CHANGED,
    }
    there, back = changes_between(*pair).places, changes_between(*reversed(pair)).places
    assert {(mirror[change.kind], change.pointer) for change in there} == {
        (change.kind, change.pointer) for change in back
    }


def patched(before: str, diff: str) -> str:
    """
    *before* after what a unified diff says, read by its line numbers alone.
    """
    old, new, taken = before.splitlines(keepends=True), list[str](), 0
    for line in diff.splitlines(keepends=True)[2:]:
        if line.startswith("@@"):
            start, _, size = line.split()[1][1:].partition(",")
            place = int(start) - (size != "0")
            new += old[taken:place]
            taken = place
        elif line[0] == "+":
            new.append(line[1:])
        else:
            assert old[taken] == line[1:]
            taken += 1
            if line[0] == " ":
                new.append(line[1:])
    return "".join([*new, *old[taken:]])


texts = st.lists(st.sampled_from("abc"), max_size=30).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)


@given(start=texts, old=texts, new=texts, end=texts)
def test_lines_lead_from_one_text_to_the_other(start: str, old: str, new: str, end: str) -> None:
    before, after = start + old + end, start + new + end
    diff = unified_diff(before, after, names=("v1", "v2"))
    assert diff is not None
    assert patched(before, diff) == after
    assert (diff == "") == (before == after)
