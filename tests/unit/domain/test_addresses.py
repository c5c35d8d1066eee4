from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from attrs import evolve, has
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.addresses import (
    FIELDS,
    MOST_FIELDS,
    Address,
    AddressMismatchError,
    Feed,
    RecordKind,
)
from odoo_ai_config.domain.collections import CollectionName
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.http.odoo_events.channel_mapping import MappedChannel
from odoo_ai_config.entrypoints.http.odoo_events.company_metadata import CompanyMetadata
from odoo_ai_config.entrypoints.http.odoo_events.payloads import Credentials
from odoo_ai_config.entrypoints.http.platform.fields import field_type, shape_of
from tests import strategies
from tests.contract.samples import AT, DAY, address, owner

RECORD: JsonObject = {"_action": "Send(#1)", "_id": 5, "_model": "x_client", "id": 5}
READERS = {
    RecordKind.CREDENTIALS: Credentials,
    RecordKind.MAPPING: MappedChannel,
    RecordKind.METADATA: CompanyMetadata,
}
# The address says whose the mapping is, and where. A record has no objects, and says nothing on
# purpose.
NOT_IN_A_RECORD = {"internal_account_id", "integrations", "clear", "moved_from"}


def feed(
    kind: RecordKind = RecordKind.CREDENTIALS, model: str | None = None, /, **fields: str
) -> Feed:
    collection = CollectionName("faq") if kind is RecordKind.COLLECTION else None
    return Feed(owner("acme", "retail"), kind, collection, model, fields)


def names_of(cls: type, within: str = "") -> Iterator[str]:
    for name, type_ in shape_of(cls).types.items():
        kind = field_type(type_)
        if isinstance(kind, type) and has(kind) and name in {"address", "business_hours"}:
            yield from names_of(kind, f"{name}.")
        else:
            yield within + name


@pytest.mark.parametrize("kind", READERS)
def test_record_fills_every_field_that_its_event_has(kind: RecordKind) -> None:
    read = set(names_of(READERS[kind])) - NOT_IN_A_RECORD
    assert FIELDS[kind] == read | {"account_id", "timestamp"}
    # Records have no dots, so each field is found by its last name.
    assert len({name.rpartition(".")[2] for name in FIELDS[kind]}) == len(FIELDS[kind])


def test_fields_come_from_the_fields_of_the_same_name() -> None:
    record: JsonObject = {
        **RECORD,
        "name": "Loja",
        "x_odoo_db": "loja",
        "x_studio_odoo_url": "https://loja.example",
        "x_studio_color": 3,
    }
    assert feed().event_in(record) == {
        "event_type": "credentials_sync",
        "account_id": "acme",
        "domain": "retail",
        "token": 5,
        "name": "Loja",
        "odoo_db": "loja",
        "odoo_url": "https://loja.example",
    }


def test_named_field_takes_the_place_of_the_one_of_the_same_name() -> None:
    record: JsonObject = {**RECORD, "odoo_url": "https://a.example", "x_url": False, "token": "t"}
    event = feed(odoo_url="x_url", odoo_db="x_gone").event_in(record)
    assert event["odoo_url"] is False
    assert "odoo_db" not in event
    assert event["token"] == "t"


def test_id_of_the_record_may_fill_a_field() -> None:
    event = feed(RecordKind.MAPPING, chatwoot_inbox_id="_id").event_in(RECORD)
    assert event == {
        "event_type": "mapping_sync",
        "mapping": {"chatwoot_inbox_id": 5, "internal_account_id": "acme", "domain": "retail"},
    }


def test_id_of_the_record_is_no_inbox_by_itself() -> None:
    event = feed(RecordKind.MAPPING).event_in({**RECORD, "chatwoot_account_id": 1})
    assert event["mapping"] == {
        "chatwoot_account_id": 1,
        "internal_account_id": "acme",
        "domain": "retail",
    }


def test_parts_of_an_event_are_filled_by_their_last_name() -> None:
    record: JsonObject = {**RECORD, "x_studio_street": "Rua A", "monday": True, "x_zip": "01000"}
    event = feed(RecordKind.METADATA, **{"address.zip": "x_zip"}).event_in(record)
    assert event == {
        "event_type": "company_metadata_sync",
        "account_id": "acme",
        "domain": "retail",
        "address": {"street": "Rua A", "zip": "01000"},
        "business_hours": {"monday": True},
    }


@pytest.mark.parametrize("kind", READERS)
def test_event_is_of_the_time_at_which_odoo_wrote_the_record(kind: RecordKind) -> None:
    at = "2026-11-22 00:21:17.123456"
    assert "timestamp" not in feed(kind).event_in(RECORD)
    assert feed(kind).event_in({**RECORD, "write_date": at})["timestamp"] == at
    sent: JsonObject = {**RECORD, "write_date": at, "x_timestamp": "2026-11-23 00:00:00"}
    assert feed(kind).event_in(sent)["timestamp"] == "2026-11-23 00:00:00"
    assert feed(kind).event_in({**sent, "x_timestamp": False})["timestamp"] == at
    assert feed(kind, timestamp="x_sent").event_in({**RECORD, "x_sent": 7})["timestamp"] == 7


@pytest.mark.parametrize("id_", [0, "0", " 0 ", False, None, "", "None"], ids=range(7))
@pytest.mark.parametrize("fields", [{}, {"token": "_id"}])
def test_record_without_an_id_has_no_token(id_: Json, fields: dict[str, str]) -> None:
    record: JsonObject = {**RECORD, "_id": id_}
    assert feed(**fields).event_in(record)["token"] is None
    assert feed(**fields).event_in(RECORD)["token"] == 5
    assert feed(RecordKind.COLLECTION).event_in(record)["items"] == [{"id": None}]


def test_item_has_no_time_because_each_item_has_its_own() -> None:
    event = feed(RecordKind.COLLECTION).event_in({**RECORD, "write_date": "2026-11-22 00:21:17"})
    assert event.keys() == {"account_id", "collection", "items"}


def test_list_may_be_a_text() -> None:
    event = feed().event_in({**RECORD, "enabled_collections": "faq, orders;rules\nx"})
    assert event["enabled_collections"] == ["faq", " orders", "rules", "x"]
    numbers = "+55 11 91234-5678: admin\nwhatsapp:5511912345678:sales, 5511900000000,"
    event = feed(RecordKind.MAPPING).event_in({**RECORD, "special_whatsapp_numbers": numbers})
    assert isinstance(event["mapping"], dict)
    assert event["mapping"]["special_whatsapp_numbers"] == [
        {"number": "+55 11 91234-5678", "crew": " admin"},
        {"number": "whatsapp:5511912345678", "crew": "sales"},
        {"number": " 5511900000000"},
        "",
    ]
    objects: JsonObject = {**RECORD, "special_whatsapp_numbers": [7]}
    event = feed(RecordKind.MAPPING).event_in(objects)
    assert isinstance(event["mapping"], dict)
    assert event["mapping"]["special_whatsapp_numbers"] == [7]


def test_two_prefixes_of_one_name_are_refused() -> None:
    record: JsonObject = {**RECORD, "x_name": "a", "x_studio_name": "b"}
    with pytest.raises(InvalidValueError) as caught:
        feed().event_in(record)
    assert (caught.value.field, caught.value.rule) == ("name", "address_ambiguous")
    assert feed(name="x_name").event_in(record)["name"] == "a"
    assert feed().event_in({**record, "name": "c"})["name"] == "c"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("_model", "res.partner"),
        ("_model", None),
        ("account_id", "other"),
        ("account_id", 7),
        ("account_id", True),
        ("account_id", ["acme"]),
        ("x_studio_account_id", "other"),
        ("domain", "services"),
        ("domain", 7),
        ("domain", "?"),
    ],
)
@pytest.mark.parametrize("kind", RecordKind)
def test_record_of_something_else_is_refused(kind: RecordKind, field: str, value: Json) -> None:
    record: JsonObject = {**RECORD, field: value}
    if kind is RecordKind.COLLECTION and field == "domain":
        # All areas share the collections, so this is a field like others.
        assert feed(kind, "x_client").event_in(record)["items"] == [{"id": 5, "domain": value}]
        return
    with pytest.raises(AddressMismatchError) as caught:
        feed(kind, "x_client").event_in(record)
    assert caught.value.field == field.removeprefix("x_studio_")


@pytest.mark.parametrize("kind", RecordKind)
@pytest.mark.parametrize("account", ["acme", " acme ", False, None, ""])
def test_record_may_name_its_owner(kind: RecordKind, account: Json) -> None:
    record: JsonObject = {**RECORD, "account_id": account, "domain": False}
    assert feed(kind).event_in(record) == feed(kind).event_in(RECORD)


def test_number_may_be_the_name_of_a_tenant() -> None:
    numbered = Feed(owner("7", "retail"), RecordKind.CREDENTIALS)
    assert numbered.event_in({**RECORD, "account_id": 7})["account_id"] == "7"


def test_business_area_keeps_the_form_in_which_people_write_it() -> None:
    assert feed().event_in({**RECORD, "domain": "Retail"})["domain"] == "Retail"


def test_record_is_an_item_of_a_collection() -> None:
    record: JsonObject = {
        **RECORD,
        "name": "Camisa",
        "x_studio_price": 59.9,
        "x_size": "M",
        "x_studio_size": "L",
        "default_code": "C-1",
        "stock": 0,
        "description": False,
        "note": " ",
        "tags": [1, 2],
        "active": True,
    }
    plain = {
        "id": 5,
        "name": "Camisa",
        "price": 59.9,
        "x_size": "M",
        "x_studio_size": "L",
        "default_code": "C-1",
        "stock": 0,
        "tags": [1, 2],
        "active": True,
    }
    assert feed(RecordKind.COLLECTION).event_in(record) == {
        "account_id": "acme",
        "collection": "faq",
        "items": [plain],
    }
    mapped = feed(RecordKind.COLLECTION, id="default_code", title="name", none="x_gone")
    item = {**plain, "id": "C-1", "title": "Camisa"}
    del item["default_code"], item["name"]
    assert mapped.event_in(record)["items"] == [item]


@pytest.mark.parametrize("field", ["active", "x_active", "x_studio_active", "visible_in_ai"])
def test_archived_record_is_a_withdrawn_item(field: str) -> None:
    event = feed(RecordKind.COLLECTION).event_in({**RECORD, field: False, "name": "Camisa"})
    assert event["items"] == [{"id": 5, "name": "Camisa", "active": False}]


@given(
    names=st.sets(st.builds("".join, st.lists(st.sampled_from(["x_", "x_studio_", "a", "b"])))),
)
def test_no_value_of_an_item_is_lost(names: set[str]) -> None:
    names -= {""}
    record: JsonObject = {**RECORD, **{name: name + "!" for name in names}}
    items = feed(RecordKind.COLLECTION).event_in(record)["items"]
    assert isinstance(items, list)
    [item] = items
    assert isinstance(item, dict)
    assert item.pop("id") == 5
    sources = {name: str(value).removesuffix("!") for name, value in item.items()}
    assert sorted(sources.values()) == sorted(names)
    assert all(source.endswith(name) for name, source in sources.items())


@pytest.mark.parametrize(
    ("fields", "field", "rule"),
    [
        ({"odoo_urls": "x_url"}, "fields.odoo_urls", "unknown_member"),
        ({"internal_account_id": "x_url"}, "fields.internal_account_id", "unknown_member"),
        ({"street": "x_url"}, "fields.street", "unknown_member"),
        ({"geheim!": "x_url"}, "fields", "address_field"),
        ({"": "x_url"}, "fields", "address_field"),
        ({"odoo_url": "x url"}, "fields.odoo_url", "address_field"),
        ({"odoo_url": ""}, "fields.odoo_url", "address_field"),
    ],
)
def test_field_map_names_fields_that_exist(fields: dict[str, str], field: str, rule: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        feed(**fields)
    assert (caught.value.field, caught.value.rule) == (field, rule)


def test_field_map_has_a_limit() -> None:
    fields = {f"f{number}": "x_a" for number in range(MOST_FIELDS)}
    assert feed(RecordKind.COLLECTION, **fields).fields == fields
    with pytest.raises(InvalidValueError):
        feed(RecordKind.COLLECTION, **fields, one_more="x_a")


@pytest.mark.parametrize("model", ["", "x client", "é", "a" * 129])
def test_model_has_the_form_of_a_model(model: str) -> None:
    with pytest.raises(InvalidValueError):
        feed(RecordKind.CREDENTIALS, model)


@pytest.mark.parametrize("kind", RecordKind)
def test_collection_goes_with_its_kind(kind: RecordKind) -> None:
    wrong = None if kind is RecordKind.COLLECTION else CollectionName("faq")
    with pytest.raises(InvalidValueError) as caught:
        evolve(feed(kind), collection=wrong)
    assert caught.value.field == "collection"


@pytest.mark.parametrize("name", ["", "a\nb", "a" * 129, "\ud800", "\x00"])
def test_name_is_visible_text(name: str) -> None:
    with pytest.raises(InvalidValueError):
        evolve(address(), name=name)


def test_sender_may_push_for_one_tenant_and_nothing_else() -> None:
    caller = address().caller
    assert (caller.id, caller.scopes) == ("d1", frozenset({Scope.WEBHOOK}))
    assert caller.tenant == owner("acme").tenant


def test_first_revocation_counts() -> None:
    revoked = address().revoked(AT, "a1")
    assert (revoked.revoked_at, revoked.revoked_by) == (AT, "a1")
    assert revoked.revoked(AT + DAY, "a2") is revoked


@given(made=strategies.addresses())
def test_digest_is_not_printed(made: Address) -> None:
    assert not re.search("digest=", repr(made))
