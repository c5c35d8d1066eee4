from __future__ import annotations

import json
from hashlib import sha256

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.collections import (
    MOST_ITEMS,
    PRODUCTS,
    CollectionHead,
    CollectionKey,
    CollectionName,
    CollectionPage,
    CollectionSync,
    Item,
    ItemState,
    Position,
    change_after,
    enabled_collections,
    item_id,
    position_at,
)
from odoo_ai_config.domain.errors import CursorExpiredError, InvalidValueError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.json_types import Json, JsonObject, with_whole_numbers
from odoo_ai_config.domain.outcomes import ItemCounts
from tests import strategies
from tests.contract.samples import AT, DAY

KEY = CollectionKey(TenantId("acme"), PRODUCTS)
HEAD = CollectionHead(
    KEY, version=7, size=2, created_at=AT, updated_at=AT + DAY, compaction_floor=3
)
SHIRT, SHOE = Item.of("1", {"id": 1, "name": "Camisa"}), Item.of("2", {"id": 2, "name": "Tênis"})
STORED = {item.id: item.digest for item in (SHIRT, SHOE)}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("business_rules", "business_rules"),
        ("business-rules", "business_rules"),
        (" Support-Documents ", "support_documents"),
        ("products", "products_informations"),
        ("products_informations", "products_informations"),
        ("2024", "2024"),
        ("a" * 64, "a" * 64),
    ],
)
def test_old_names_mean_the_same_collection(text: str, name: str) -> None:
    assert str(CollectionName.from_text(text)) == name


@pytest.mark.parametrize("text", ["", " ", "-a", "_a", "a b", "a/b", "preços", "a" * 65, "a.b"])
def test_invalid_collection_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        CollectionName.from_text(text)
    assert caught.value.rule == "collection"


def test_spelling_of_a_name_is_not_a_name_itself() -> None:
    with pytest.raises(InvalidValueError):
        CollectionName("business-rules")


def test_key_names_tenant_and_collection() -> None:
    assert str(KEY) == "acme/products_informations"


@pytest.mark.parametrize(
    ("text", "id_"), [("7", "7"), (" SKU 1/2 ", "SKU 1/2"), ("ção", "ção"), ("x" * 256, "x" * 256)]
)
def test_item_id_is_trimmed(text: str, id_: str) -> None:
    assert item_id(text) == id_


@pytest.mark.parametrize("text", ["", "  ", "a\nb", "\x00", "a\x7f", "x" * 257, "\ud800"])
def test_invalid_item_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        item_id(text)
    assert caught.value.rule == "item_id"


def test_order_of_fields_makes_no_difference() -> None:
    assert Item.of("1", {"a": 1, "b": {"d": 1, "c": 2}}) == Item.of(
        " 1", {"b": {"c": 2, "d": 1}, "a": 1}
    )


def test_digest_is_the_sha256_of_the_json_text() -> None:
    item = Item.of("1", {"name": "Ação", "id": 1})
    assert item.text == '{"id":1,"name":"Ação"}'
    # printf '{"id":1,"name":"Ação"}' | sha256sum
    assert item.digest == "a7424bb82ef51cca3d7ce647665d2d0e3bd6d6e66172fa4f90979f8ed3b0554e"
    assert item.body == {"id": 1, "name": "Ação"}


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ({"a": float("nan")}, "json"),
        ({"a": "\ud800"}, "json"),
        ({"a": "x" * 2**20}, "item_size"),
    ],
)
def test_item_that_cannot_be_kept_is_refused(body: dict[str, float | str], rule: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        Item.of("1", {**body})
    assert caught.value.rule == rule
    assert caught.value.__cause__ is None


def test_content_of_items_is_in_no_rendering() -> None:
    change, _ = change_after(None, {}, CollectionSync((SHIRT,), whole=True), key=KEY, at=AT)
    for shown in (SHIRT, CollectionSync((SHIRT,)), change):
        assert "Camisa" not in repr(shown)


@pytest.mark.parametrize(
    "sync", [{"items": (SHIRT, SHIRT)}, {"items": (SHIRT,), "removed": ("1",)}]
)
def test_push_that_names_an_item_twice_is_refused(sync: dict[str, object]) -> None:
    with pytest.raises(InvalidValueError) as caught:
        CollectionSync(**sync)  # type: ignore[arg-type]  # two shapes in one list
    assert caught.value.rule == "unique_ids"


def test_push_of_too_many_items_is_refused() -> None:
    most = tuple(map(str, range(MOST_ITEMS)))
    assert CollectionSync(removed=most).removed == most
    with pytest.raises(InvalidValueError) as caught:
        CollectionSync((Item.of("new", {}),), most)
    assert (caught.value.field, caught.value.rule) == ("items", "item_count")


def test_first_snapshot_makes_the_collection() -> None:
    change, counts = change_after(
        None, {}, CollectionSync((SHIRT, SHOE), whole=True), key=KEY, at=AT
    )
    assert change is not None
    assert change.head == CollectionHead(KEY, 1, 2, AT, AT)
    assert change.items == (SHIRT, SHOE)
    assert counts == ItemCounts(received=2, added=2, changed=0, removed=0, unchanged=0)


def test_first_snapshot_of_nothing_makes_an_empty_collection() -> None:
    change, counts = change_after(None, {}, CollectionSync(whole=True), key=KEY, at=AT)
    assert change is not None
    assert change.head.size == 0
    assert counts == ItemCounts(0, 0, 0, 0, 0)


def test_first_patch_of_nothing_makes_no_collection() -> None:
    change, counts = change_after(None, {}, CollectionSync(removed=("9",)), key=KEY, at=AT)
    assert change is None
    assert counts == ItemCounts(received=1, added=0, changed=0, removed=0, unchanged=1)


def test_snapshot_writes_only_what_differs() -> None:
    dearer = Item.of("2", {"id": 2, "name": "Tênis", "price": 9})
    hat = Item.of("3", {"id": 3})
    digests = {**STORED, "4": "gone"}
    sync = CollectionSync((SHIRT, dearer, hat), whole=True)
    change, counts = change_after(HEAD, digests, sync, key=KEY, at=AT + 2 * DAY)
    assert change is not None
    assert (change.items, change.removed) == ((dearer, hat), ("4",))
    assert change.head == evolve(
        HEAD, version=8, size=2, updated_at=AT + 2 * DAY, compaction_floor=0
    )
    assert counts == ItemCounts(received=3, added=1, changed=1, removed=1, unchanged=1)


def test_patch_leaves_alone_what_it_does_not_name() -> None:
    sync = CollectionSync((Item.of("3", {}),), removed=("1", "9", "1"))
    change, counts = change_after(HEAD, STORED, sync, key=KEY, at=AT)
    assert change is not None
    assert ([item.id for item in change.items], change.removed) == (["3"], ("1",))
    assert change.head.size == 2
    assert counts == ItemCounts(received=3, added=1, changed=0, removed=1, unchanged=1)


@pytest.mark.parametrize("whole", [True, False])
def test_same_items_make_no_version(whole: bool) -> None:
    sync = CollectionSync((SHOE, SHIRT), whole=whole)
    change, counts = change_after(HEAD, STORED, sync, key=KEY, at=AT)
    assert change is None
    assert counts.unchanged == counts.received == 2


def test_merging_keeps_the_fields_that_are_not_named() -> None:
    sync = CollectionSync(
        (Item.of("1", {"description": "Leve"}), Item.of("9", {"a": 1})), merging=True
    ).merged_into({"1": SHIRT})
    assert [item.body for item in sync.items] == [
        {"id": 1, "name": "Camisa", "description": "Leve"},
        {"a": 1},
    ]
    assert not sync.merging


bodies = st.dictionaries(
    st.sampled_from("abcd"), st.fixed_dictionaries({"price": st.integers(0, 1)})
)


@given(before=bodies, after=bodies)
def test_snapshot_makes_the_collection_what_it_says(
    before: dict[str, dict[str, int]], after: dict[str, dict[str, int]]
) -> None:
    stored = {id_: Item.of(id_, {**body}) for id_, body in before.items()}
    wanted = {id_: Item.of(id_, {**body}) for id_, body in after.items()}
    head = evolve(HEAD, size=len(stored))
    change, counts = change_after(
        head,
        {id_: item.digest for id_, item in stored.items()},
        CollectionSync(tuple(wanted.values()), whole=True),
        key=KEY,
        at=AT,
    )
    became = dict(stored)
    if change is not None:
        became |= {item.id: item for item in change.items}
        for id_ in change.removed:
            del became[id_]
        assert change.head.size == len(wanted)
    assert became == wanted
    assert (change is None) == (stored == wanted)
    assert counts.received == counts.added + counts.changed + counts.unchanged


def test_reader_without_a_cursor_starts_at_the_beginning() -> None:
    assert position_at(None, HEAD) == Position(since=7, version=0)


@pytest.mark.parametrize(
    "position", [Position(7, 7), Position(7, 2, "SKU 1/ção"), Position(3, 5, "1"), Position(3, 3)]
)
def test_cursor_leads_back_to_its_position(position: Position) -> None:
    assert position_at(position.cursor(HEAD), HEAD) == position


@given(head=strategies.collection_heads(), after=st.none() | strategies.item_ids())
def test_cursor_of_any_collection_and_id_leads_back(
    head: CollectionHead, after: str | None
) -> None:
    position = Position(head.compaction_floor, head.version, after)
    assert position_at(position.cursor(head), head) == position


@pytest.mark.parametrize(
    "cursor", ["", "x", "1", "0.0.0", "00000000.1", "00000000.1.1.$", "00000000.1.1._w", "é" * 9]
)
def test_text_that_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        position_at(cursor, HEAD)
    assert (caught.value.field, caught.value.rule) == ("since", "cursor")


@pytest.mark.parametrize(
    ("position", "of"),
    [
        (Position(2, 5), HEAD),
        (Position(8, 8), HEAD),
        (Position(8, 3, "1"), HEAD),
        (Position(7, 7), evolve(HEAD, created_at=AT - DAY)),
        (Position(7, 7), evolve(HEAD, key=evolve(KEY, tenant=TenantId("other")))),
    ],
    ids=["pruned", "ahead", "set out ahead", "made anew", "another tenant's"],
)
def test_cursor_expires_when_the_changes_since_are_no_longer_known(
    position: Position, of: CollectionHead
) -> None:
    with pytest.raises(CursorExpiredError):
        position_at(position.cursor(of), HEAD)


def test_page_gives_the_next_position() -> None:
    states = (ItemState("1", 2, SHIRT), ItemState("2", 4, None))
    start = Position(6, 1)
    assert CollectionPage(HEAD, states, complete=False).position_after(start) == Position(
        6, 4, "2"
    )
    assert CollectionPage(HEAD, states, complete=True).position_after(start) == Position(7, 7)


def test_first_list_of_a_business_area_decides_what_is_enabled() -> None:
    listed = json.loads(
        '{"enabled_collections": ["business-rules", "products", 7, "no name", ""]}'
    )
    other = {**listed, "enabled_collections": ["scheduling_rules"]}
    names = {CollectionName("business_rules"), PRODUCTS}
    assert enabled_collections(listed) == names
    assert enabled_collections({}, listed, other) == names
    assert enabled_collections({"enabled_collections": []}, listed) == frozenset()
    assert enabled_collections({"enabled_collections": False}) == frozenset()
    assert enabled_collections() == frozenset()


@pytest.mark.parametrize("name", ["active", "visible_in_ai"])
@pytest.mark.parametrize("value", [False, 0, 0.0, "false", "False", " FALSE ", "0"], ids=repr)
def test_withdrawn_item_leaves_the_collection(name: str, value: Json) -> None:
    gone = Item.of("1", {"id": 1, name: value})
    whole, counts = change_after(
        HEAD, STORED, CollectionSync((gone, SHOE), whole=True), key=KEY, at=AT
    )
    assert whole is not None
    assert (whole.items, whole.removed, whole.head.size) == ((), ("1",), 1)
    assert counts == ItemCounts(received=2, added=0, changed=0, removed=1, unchanged=1)
    part, counts = change_after(HEAD, STORED, CollectionSync((gone,)), key=KEY, at=AT)
    assert part is not None
    assert (part.items, part.removed, part.head.size) == ((), ("1",), 1)
    assert counts == ItemCounts(received=1, added=0, changed=0, removed=1, unchanged=0)
    assert change_after(HEAD, {}, CollectionSync((gone,)), key=KEY, at=AT)[0] is None


@pytest.mark.parametrize(
    "value", [True, 1, "true", "1", None, "", "no", [], {}, [False]], ids=repr
)
def test_item_that_is_not_withdrawn_stays(value: Json) -> None:
    assert not Item.of("1", {"active": value, "visible_in_ai": value}).withdrawn


def test_fields_that_merge_withdraw_an_item() -> None:
    sync = CollectionSync((Item.of("1", {"id": 1, "active": False}),), merging=True)
    change, _ = change_after(HEAD, STORED, sync.merged_into({"1": SHIRT}), key=KEY, at=AT)
    assert change is not None
    assert (change.items, change.removed) == ((), ("1",))


@given(strategies.json_objects())
def test_item_with_equal_numbers_is_unchanged(body: JsonObject) -> None:
    whole = json.loads(with_whole_numbers(json.dumps(body)))
    one, other = Item.of("1", body), Item.of("1", whole)
    assert one.digest == other.digest
    # The digest that a store has from before equal numbers were one value.
    stored = {"1": sha256(one.text.encode()).hexdigest()}
    for digests in (stored, {"1": one.digest}):
        again = CollectionSync((Item.of("1", {**body, "active": True}),))
        kept = CollectionSync((one,))
        assert one.withdrawn or change_after(HEAD, digests, kept, key=KEY, at=AT)[0] is None
        assert change_after(HEAD, digests, again, key=KEY, at=AT)[0] is not None or (
            body.get("active") is True or again.items[0].withdrawn
        )
