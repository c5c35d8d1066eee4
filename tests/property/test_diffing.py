from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.diffing import ChangeKind, ValueChange, changes_between
from odoo_ai_config.domain.json_types import Json, JsonObject
from tests.strategies import json_objects


def canonical(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def applied(before: JsonObject, changes: tuple[ValueChange, ...]) -> JsonObject:
    # Through JSON: a deep copy would keep two places that share one object shared.
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
    assert canonical(applied(before, changes_between(before, after))) == canonical(after)


@given(related_objects())
def test_there_are_no_changes_exactly_if_the_data_are_the_same(
    pair: tuple[JsonObject, JsonObject],
) -> None:
    before, after = pair
    assert (changes_between(before, after) == ()) == (canonical(before) == canonical(after))
    assert changes_between(before, json.loads(json.dumps(before))) == ()


@given(related_objects())
def test_way_back_mirrors_the_way_there(pair: tuple[JsonObject, JsonObject]) -> None:
    mirror = {
        ChangeKind.ADDED: ChangeKind.REMOVED,
        ChangeKind.REMOVED: ChangeKind.ADDED,
        ChangeKind.CHANGED: ChangeKind.CHANGED,
    }
    there, back = changes_between(*pair), changes_between(*reversed(pair))
    assert {(mirror[change.kind], change.pointer) for change in there} == {
        (change.kind, change.pointer) for change in back
    }
