from __future__ import annotations

import io
import json
from typing import Any

import pytest
from aiohttp import ClientResponse
from ruamel.yaml import YAML

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.mapping import (
    ChannelKey,
    ChannelMapping,
    MappingRevision,
    SpecialNumber,
)
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.identifiers import BusinessArea, ChatwootId, TenantArea, TenantId
from tests.contract.samples import AT
from tests.unit.application.memory_hub import ANYBODY
from tests.unit.entrypoints.http.web_hub import WebHub, fixture, without

PLAIN: dict[str, Any] = {
    "tenant": "account_1",
    "domain": "retail",
    "fallback": False,
    "sequence": 10,
    "numbers": [],
    "active": True,
}
CANONICAL: dict[str, Any] = {
    "accounts": {"1": {"domain": "retail", "account_id": "account_1"}},
    "inboxes": {"7": {"domain": "retail", "account_id": "account_1"}},
    "fallbacks": [{"domain": "retail", "account_id": "account_1", "sequence": 10}],
    "special_numbers": [
        {
            "number": "5511999999999",
            "crew": "analytics",
            "domain": "retail",
            "account_id": "account_1",
        }
    ],
}
WHOLE = {
    **CANONICAL,
    "channels": [
        {"account": None, "inbox": "7", **PLAIN},
        {"account": "1", "inbox": None, **PLAIN},
        {
            "account": None,
            "inbox": None,
            **PLAIN,
            "fallback": True,
            "numbers": [{"number": "5511999999999", "crew": "analytics"}],
        },
    ],
}
SECTIONS = tuple(CANONICAL)


def sections(mapping: dict[str, Any]) -> dict[str, Any]:
    return {name: mapping[name] for name in SECTIONS}


def area(tenant: str) -> dict[str, str]:
    return {"domain": "retail", "account_id": tenant}


def event(account: int, inbox: int | None, tenant: str, **more: Any) -> dict[str, Any]:
    mapping = {"chatwoot_account_id": account, "chatwoot_inbox_id": inbox, "domain": "retail"}
    return {
        "event_type": "mapping_sync",
        "mapping": {**mapping, "internal_account_id": tenant, **more},
    }


async def test_no_mapping_yet_is_a_404(web: WebHub) -> None:
    for path in ("/mapping", "/mapping/", "/mapping/export"):
        answer = await web.get(path)
        assert answer.status == 404
        assert (await answer.json())["detail"] == "Mapeamento não encontrado"


@pytest.mark.parametrize("wrapped", [True, False])
async def test_whole_mapping_goes_in_and_comes_back(web: WebHub, *, wrapped: bool) -> None:
    payload = {"mapping_data": CANONICAL} if wrapped else CANONICAL
    answer = await web.post("/mapping/", payload)
    assert answer.status == 200
    assert without(await answer.json(), "warnings") == WHOLE
    assert await (await web.get("/mapping/")).json() == WHOLE


async def test_export_is_the_same_as_yaml(web: WebHub) -> None:
    await web.post("/mapping/", {"mapping_data": CANONICAL})
    answer = await web.get("/mapping/export")
    assert answer.content_type == "application/x-yaml"
    assert YAML(typ="safe", pure=True).load(await answer.text()) == WHOLE


async def test_patch_merges_and_post_replaces(web: WebHub) -> None:
    other = {"accounts": {"2": {"domain": "food", "account_id": "account_2"}}}
    await web.post("/mapping/", {"mapping_data": CANONICAL})
    merged = await (await web.patch("/mapping/", {"mapping_data": other})).json()
    assert sections(merged) == {**CANONICAL, "accounts": CANONICAL["accounts"] | other["accounts"]}
    whole = {"inboxes": {}, **other}
    replaced = await (await web.post("/mapping/", {"mapping_data": whole})).json()
    expected = {"fallbacks": [], "special_numbers": [], **whole}
    assert sections(replaced) == expected
    active = {channel["account"]: channel["active"] for channel in replaced["channels"]}
    assert active == {"2": True, "1": False, None: True}


async def test_what_a_write_leaves_empty_is_absent(web: WebHub) -> None:
    await web.post("/mapping/", {"mapping_data": CANONICAL})
    empty = {"accounts": None, "inboxes": False, "fallbacks": ""}
    answer = await web.patch("/mapping/", {"mapping_data": empty})
    assert without(await answer.json(), "warnings") == WHOLE


async def test_empty_line_of_the_numbers_is_skipped(web: WebHub) -> None:
    body = {"special_numbers": [{**OWNER, "number": False, "crew": "analytics"}]}
    assert (await (await web.patch("/mapping/", body)).json())["special_numbers"] == []


async def test_oldest_files_are_understood(web: WebHub) -> None:
    old = {
        "default_domain": "cosmetics",
        "clients": {"x": 1},
        "webhook_settings": {"secret": "x"},
        "account_domain_mapping": {"1": "cosmetics", "2": {"domain": "food"}},
        "inbox_domain_mapping": {"7": "food", "None": "cosmetics", "False": None, "9": None},
    }
    answer = await web.post("/mapping/", {"mapping_data": old})
    assert answer.status == 200, await answer.text()
    assert sections(await answer.json()) == {
        "accounts": {
            "1": {"domain": "cosmetics", "account_id": "account_1"},
            "2": {"domain": "food", "account_id": "account_2"},
        },
        "inboxes": {"7": {"domain": "food", "account_id": "account_2"}},
        "fallbacks": [],
        "special_numbers": [],
    }


async def test_canonical_sections_win_over_their_old_names(web: WebHub) -> None:
    both = {**CANONICAL, "account_domain_mapping": {"5": "x"}, "inbox_domain_mapping": {"6": "y"}}
    written = await (await web.post("/mapping/", {"mapping_data": both})).json()
    assert without(written, "warnings") == WHOLE


@pytest.mark.parametrize("language", ["pt-BR", "en"])
async def test_answers_warn_of_what_the_hub_does_not_know_and_of_what_still_routes(
    web: WebHub, language: str
) -> None:
    numbers = [{"number": "5511999999999", "crew": "vendas"}]
    sent = event(1, 7, "ta", special_whatsapp_numbers=numbers)
    stranger = ("unknown_tenant", "ta")
    assert await warned(await web.send(sent, Accept_Language=language)) == [stranger]
    body = {"inboxes": {"7": area("tb")}}
    written = await web.ask("PATCH", "/mapping/", json=body, headers={"Accept-Language": language})
    assert await warned(written) == [("unknown_tenant", "tb")]
    await web.post("/configs/ta/retail/config", {"yaml_content": "a: 1"})
    crew = ("unknown_crew", "ta/retail/crews/vendas")
    assert await warned(await web.send(sent, Accept_Language=language)) == [crew]
    await web.send(event(1, 8, "ta"))
    deleted = await web.send({**sent, "event_type": "mapping_delete"}, Accept_Language=language)
    assert await warned(deleted) == [("still_routed_by_account_owner", "mapping")]
    [warning] = (await deleted.json())["warnings"]
    assert ("still routed" in warning["message"]) is (language == "en")


async def warned(answer: ClientResponse) -> list[tuple[str, str]]:
    assert answer.status == 200
    return [(warning["code"], warning["field"]) for warning in (await answer.json())["warnings"]]


OWNER = {"domain": "retail", "account_id": "a1"}
CHANNEL = {"account": "1", "inbox": 7, "tenant": "a1"}
REFUSED: list[tuple[Any, str, str]] = [
    ({}, "incomplete_data", "mapping_data"),
    ({"mapping_data": None}, "incomplete_data", "mapping_data"),
    ({"mapping_data": "canario"}, "invalid_fields", "mapping_data"),
    ({"mapping_data": [1]}, "invalid_fields", "mapping_data"),
    ({"mapping_data": {}}, "incomplete_data", "mapping_data"),
    ({"acounts": {"1": OWNER}}, "invalid_fields", "acounts"),
    ({"um canario": {}}, "invalid_fields", "*"),
    ({"mapping_data": {"canário": {}}}, "invalid_fields", "mapping_data.*"),
    ({"mapping_data": {"canario" * 10: {}}}, "invalid_fields", "mapping_data.*"),
    ({"mapping_data": {"acounts": {"1": OWNER}}}, "invalid_fields", "mapping_data.acounts"),
    ({"mapping_data": {"accounts": {}}, "acounts": {}}, "invalid_fields", "acounts"),
    ({"accounts": {"8": {"account": "canario"}}}, "invalid_fields", "accounts.*.account"),
    ({"accounts": {"8": {**OWNER, "o canario": 1}}}, "invalid_fields", "accounts.*.*"),
    ({"accounts": {"8": {"domain": "canario"}}}, "invalid_fields", "accounts.*.account_id"),
    ({"accounts": {"8": None}}, "invalid_fields", "accounts.*"),
    ({"accounts": {"0": OWNER}}, "invalid_fields", "accounts.*"),
    ({"accounts": {"None": OWNER}}, "invalid_fields", "accounts.*"),
    ({"accounts": {"1": OWNER, " 1": OWNER}}, "invalid_fields", "accounts"),
    ({"inboxes": {"None": OWNER}}, "invalid_fields", "inboxes.*"),
    ({"inboxes": {"": OWNER}}, "invalid_fields", "inboxes.*"),
    ({"accounts": {"1": OWNER}, "inboxes": {"0": "food"}}, "invalid_fields", "inboxes.*"),
    ({"inboxes": {"7": {}}}, "invalid_fields", "inboxes.*.account_id"),
    ({"inboxes": {"7": False}}, "invalid_fields", "inboxes.*"),
    (
        {"account_domain_mapping": {"8": {"account": "canario"}}},
        "invalid_fields",
        "account_domain_mapping.*.account",
    ),
    ({"fallbacks": [{**OWNER, "o canario": 1}]}, "invalid_fields", "fallbacks.0.*"),
    ({"special_numbers": [{**OWNER, "numer": 1}]}, "invalid_fields", "special_numbers.0.numer"),
    ({"channels": {"canario": 1}}, "invalid_fields", "channels"),
    ({"channels": ["canario"]}, "invalid_fields", "channels.0"),
    ({"channels": [None]}, "invalid_fields", "channels.0"),
    ({"channels": [{"tenant": "a1", "inbox": "7"}]}, "invalid_fields", "channels.0.account"),
    ({"channels": [{**CHANNEL, "account": 0}]}, "invalid_fields", "channels.0.account"),
    ({"channels": [{**CHANNEL, "inbox": False}]}, "invalid_fields", "channels.0.inbox"),
    ({"channels": [{**CHANNEL, "inbox": "c n"}]}, "invalid_fields", "channels.0.inbox"),
    ({"channels": [{**CHANNEL, "in_box": 1}]}, "invalid_fields", "channels.0.in_box"),
    ({"channels": [{**CHANNEL, "tenant": None}]}, "invalid_fields", "channels.0.tenant"),
    ({"channels": [{**CHANNEL, "sequence": 2**40}]}, "invalid_fields", "channels.0"),
    ({"channels": [CHANNEL, CHANNEL]}, "invalid_fields", "channels"),
    (
        {"channels": [{**CHANNEL, "numbers": [{"number": "5511999999999", "who": "canario"}]}]},
        "invalid_fields",
        "channels.0.numbers.0.who",
    ),
    ({"accounts": "canario"}, "invalid_fields", "accounts"),
    ({"accounts": {"canario ": OWNER, "c d": OWNER}}, "invalid_fields", "accounts.*"),
    ({"accounts": {"1": 5}}, "invalid_fields", "accounts.*"),
    ({"accounts": {"1": "---"}}, "invalid_fields", "accounts.*"),
    ({"accounts": {"1": {"account_id": "../canario"}}}, "invalid_fields", "accounts.*.account_id"),
    ({"accounts": {"1": {**OWNER, "domain": 5}}}, "invalid_fields", "accounts.*.domain"),
    ({"inboxes": {"7": "food"}}, "invalid_fields", "inboxes.*"),
    ({"inboxes": {"7": {"domain": "x"}}}, "invalid_fields", "inboxes.*.account_id"),
    ({"fallbacks": {"a": 1}}, "invalid_fields", "fallbacks"),
    ({"fallbacks": ["canario"]}, "invalid_fields", "fallbacks.0"),
    ({"fallbacks": [{"domain": "x"}]}, "invalid_fields", "fallbacks.0.account_id"),
    ({"fallbacks": [{**OWNER, "sequence": "x"}]}, "invalid_fields", "fallbacks.0.sequence"),
    (
        {"accounts": {}, "inboxes": {}, "fallbacks": [{**OWNER, "sequence": 2**40}]},
        "invalid_value",
        "sequence",
    ),
    (
        {"special_numbers": [{**OWNER, "number": "1", "crew": "x"}]},
        "invalid_fields",
        "special_numbers.0.number",
    ),
    (
        {"special_numbers": [{**OWNER, "number": "5511999999999"}]},
        "invalid_fields",
        "special_numbers.0.crew",
    ),
]


@pytest.mark.parametrize(("payload", "code", "field"), REFUSED, ids=str)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_mapping_that_cannot_be_is_refused_without_an_echo(
    web: WebHub, method: str, payload: Any, code: str, field: str
) -> None:
    answer = await web.ask(method, "/mapping/", json=payload)
    text = await answer.text()
    assert answer.status == 422, text
    problem = json.loads(text)
    assert problem["code"] == code
    assert problem["errors"][0]["field"] == field
    assert "canario" not in text
    assert web.hub.state.mappings == {}


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("wrapped", [True, False])
async def test_what_was_read_is_written_back_without_a_change(
    web: WebHub, method: str, *, wrapped: bool
) -> None:
    for account, tenant in ((1, "ta"), (2, "tb")):
        await web.send(event(account, 7, tenant))
    await web.send(event(1, 8, "ta", active=False))
    read = await (await web.get("/mapping/")).json()
    assert read["accounts"] == {"1": area("ta"), "2": area("tb")}
    assert read["inboxes"] == {}
    before = dict(web.hub.state.mappings)
    answer = await web.ask(method, "/mapping/", json={"mapping_data": read} if wrapped else read)
    assert (answer.status, await answer.json()) == (200, {**read, "warnings": []})
    assert web.hub.state.mappings == before


async def test_what_the_old_form_cannot_say_is_refused_and_the_channels_say_it(
    web: WebHub,
) -> None:
    for account, tenant in ((1, "ta"), (2, "tb")):
        await web.send(event(account, 7, tenant))
    read = await (await web.get("/mapping/")).json()
    for method, body in (
        ("PATCH", {"inboxes": {"7": area("ta")}}),
        ("POST", sections(read)),
        ("POST", {"accounts": {"1": area("ta")}}),
    ):
        refused = await web.ask(method, "/mapping/", json=body)
        problem = await refused.json()
        assert (refused.status, problem["code"]) == (409, "ambiguous_mapping")
        assert (problem["section"], "channels" in problem["detail"]) == ("inboxes", True)
        assert await (await web.get("/mapping/")).json() == read
    read["channels"][1]["tenant"] = "tc"
    written = await (await web.post("/mapping/", read)).json()
    assert written["accounts"] == {"1": area("ta"), "2": area("tc")}
    wiped = await (await web.post("/mapping/", {"accounts": {}, "inboxes": {}})).json()
    assert not any(channel["active"] for channel in wiped["channels"])


ODD = ["None", "null", "False", "0", "true", "TRUE", "1e3", "00", "01", "0x1f", "1_0", "NaN"]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_id_that_is_none_is_refused_unless_the_channel_is_stored(
    web: WebHub, method: str, odd: str
) -> None:
    bodies = (
        {"accounts": {odd: OWNER}, "inboxes": {}},
        {"accounts": {}, "inboxes": {odd: OWNER}},
        {"channels": [{**CHANNEL, "account": odd}]},
        {"channels": [{**CHANNEL, "inbox": odd, "active": False}]},
        {"channels": [{**CHANNEL, "account": None, "inbox": odd}]},
    )
    for body in bodies:
        answer = await web.ask(method, "/mapping/", json=body)
        assert answer.status == 422
        assert web.hub.state.mappings == {}
    # Earlier versions accepted it.
    keys = ChannelKey(ChatwootId(odd)), ChannelKey(inbox=ChatwootId(odd))
    owner = TenantArea(TenantId("a1"), BusinessArea("retail"))
    stored = [MappingRevision(ChannelMapping(key, owner), 1, AT, AT, "old") for key in keys]
    await web.hub.ports.store.commit(Changeset(mappings=tuple(stored)))
    shown = await (await web.get("/mapping/")).json()
    back = await web.ask(method, "/mapping/", json=shown)
    assert (back.status, without(await back.json(), "warnings")) == (200, shown)
    for channel in shown["channels"]:
        channel["tenant"] = "a2"
    moved = await web.ask(method, "/mapping/", json={"channels": shown["channels"]})
    assert (moved.status, (await moved.json())["channels"]) == (200, shown["channels"])


@pytest.mark.parametrize("id_", ["1", "10", "account_1", "e3", "Nonesuch", "trueblue"])
async def test_number_and_name_are_ids(web: WebHub, id_: str) -> None:
    await posted(web, {"accounts": {id_: OWNER}, "inboxes": {id_: OWNER}})
    channel = {**CHANNEL, "account": id_, "inbox": id_}
    written = await web.patch("/mapping/", {"channels": [channel]})
    assert len((await written.json())["channels"]) == 3


@pytest.mark.parametrize("odd", ["true", "1e3", "01"])
async def test_event_about_an_id_that_is_none_is_refused(web: WebHub, odd: str) -> None:
    for ids in ({"chatwoot_account_id": odd}, {"chatwoot_inbox_id": odd}):
        refused = await web.send(event(1, 7, "ta", **ids))
        assert (refused.status, (await refused.json())["code"]) == (422, "invalid_value")
    assert web.hub.state.mappings == {}


SILENT: list[dict[str, Any]] = [
    {"warnings": []},
    {"default_domain": "x"},
    {"clients": {}, "webhook_settings": {}},
    {"fallbacks": []},
    {"fallbacks": [area("ta")], "special_numbers": []},
    {"channels": None},
    {"accounts": None, "inboxes": False},
    {"accounts": {}, "inboxes": None},
    {"inboxes": {}},
    {"account_domain_mapping": {}},
    {"account_domain_mapping": {"8": None}, "inboxes": ""},
    {"inbox_domain_mapping": {}, "channels": None},
]


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("body", SILENT, ids=str)
async def test_whole_mapping_that_says_nothing_about_channels_switches_none_off(
    web: WebHub, body: dict[str, Any], *, wrapped: bool
) -> None:
    for account, inbox in ((1, 7), (1, None), (2, 8)):
        await web.send(event(account, inbox, "ta"))
    before = dict(web.hub.state.mappings)
    sent = {"mapping_data": body} if wrapped else body
    refused = await web.post("/mapping/", sent)
    problem = await refused.json()
    assert (refused.status, problem["code"]) == (409, "ambiguous_mapping")
    assert problem["section"] == "channels"
    assert web.hub.state.mappings == before


@pytest.mark.parametrize("empty", [{"channels": []}, {"accounts": {}, "inboxes": {}}])
async def test_whole_mapping_that_says_that_there_is_no_channel_switches_all_off(
    web: WebHub, empty: dict[str, Any]
) -> None:
    for account, inbox in ((1, 7), (1, None), (2, 8)):
        await web.send(event(account, inbox, "ta"))
    written = await posted(web, empty)
    assert [channel["active"] for channel in written["channels"]] == [False] * 3


async def test_mapping_of_many_fallbacks_and_beyond_a_mebibyte_goes_in_and_comes_back(
    web: WebHub,
) -> None:
    channels = [
        {**CHANNEL, "inbox": str(n), "tenant": f"t{n}", "fallback": n < 300}
        for n in range(1, 12_000)
    ]
    written = await posted(web, {"channels": channels})
    assert (len(written["channels"]), len(written["fallbacks"])) == (11_999, 299)
    assert await posted(web, written) == {**written, "warnings": []}


async def posted(web: WebHub, mapping: dict[str, Any]) -> dict[str, Any]:
    body = io.BytesIO(json.dumps(mapping).encode())
    headers = {"Content-Type": "application/json"}
    answer = await web.ask("POST", "/mapping/", data=body, headers=headers)
    assert answer.status == 200
    read: dict[str, Any] = await answer.json()
    return read


async def test_key_of_one_tenant_sees_its_own_channels_and_writes_none(web: WebHub) -> None:
    await web.send(fixture("mapping_odoo"))
    await web.send(fixture("mapping_seed"))
    bound = web.with_key(await web.new_key(tenant="account_1"))
    mapping = await (await bound.get("/mapping/")).json()
    assert set(mapping["accounts"]) == {"1"}
    assert mapping["inboxes"] == {}
    refused = await bound.post("/mapping/", {"mapping_data": {"accounts": {}}})
    assert refused.status == 403
    assert (await refused.json())["code"] == "tenant_forbidden"


async def test_taking_a_channel_with_a_bound_key_names_both_owners(web: WebHub) -> None:
    await web.send(fixture("mapping_odoo"))
    payload = fixture("mapping_odoo")
    payload["mapping"]["internal_account_id"] = "account_2"
    bound = web.with_key(await web.new_key(tenant="account_2"))
    refused = await bound.send(payload)
    assert refused.status == 409
    problem = await refused.json()
    assert problem["code"] == "channel_owned"
    assert (problem["owner"], problem["claimant"]) == ("account_1", "account_2")
    assert (await web.send(payload)).status == 200


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"chatwoot_inbox_id": None}, (409, "account_shared")),
        ({"chatwoot_inbox_id": 8, "is_fallback": True, "sequence": 0}, (409, "account_shared")),
        ({"chatwoot_account_id": 2, "is_fallback": True}, (403, "fallback_reserved")),
    ],
)
@pytest.mark.parametrize("language", ["pt-BR", "en"])
async def test_bound_key_cannot_touch_what_others_have(
    web: WebHub, change: dict[str, Any], refusal: tuple[int, str], language: str
) -> None:
    taken = fixture("mapping_odoo")
    taken["mapping"]["chatwoot_inbox_id"] = 7
    await web.send(taken)
    payload = fixture("mapping_odoo")
    payload["mapping"] |= {"internal_account_id": "account_2", **change}
    bound = web.with_key(await web.new_key(tenant="account_2"))
    before = await (await web.get("/mapping/")).json()
    refused = await bound.send(payload, Accept_Language=language)
    problem = await refused.json()
    assert (refused.status, problem["code"]) == refusal
    # The answer shows nothing about the others.
    assert "account_1" not in str(problem)
    assert ("operador" in problem["detail"]) is (language == "pt-BR")
    assert await (await web.get("/mapping/")).json() == before
    assert (await web.send(payload)).status == 200


@pytest.mark.parametrize("sequence", [-1, "-999"])
async def test_sequence_is_at_least_zero_on_all_ways_in(web: WebHub, sequence: object) -> None:
    event = fixture("mapping_odoo")
    event["mapping"]["sequence"] = sequence
    fallback = {"account_id": "account_1", "domain": "retail", "sequence": sequence}
    sections = {"mapping_data": {"fallbacks": [fallback]}}
    for refused, field in (
        (await web.send(event), "mapping.sequence"),
        (await web.post("/mapping/", sections), "mapping_data.fallbacks.0.sequence"),
        (await web.ask("PATCH", "/mapping/", json=sections), "mapping_data.fallbacks.0.sequence"),
    ):
        problem = await refused.json()
        assert (refused.status, problem["errors"][0]["field"]) == (422, field)
    assert (await web.get("/mapping/")).status == 404


async def test_reader_may_not_write(web: WebHub) -> None:
    reader = web.with_key(await web.new_key(Scope.CONFIG_READ))
    assert (await reader.post("/mapping/", {"mapping_data": CANONICAL})).status == 403


async def test_inboxes_of_old_belong_to_the_one_account_of_their_area(web: WebHub) -> None:
    accounts = {
        "1": {"account_id": "one", "domain": "retail"},
        "2": {"account_id": "two", "domain": "services"},
        "3": {"account_id": "three", "domain": "services"},
    }
    answer = await web.post("/mapping", {"accounts": accounts, "inboxes": {"7": "retail"}})
    assert (await answer.json())["inboxes"] == {"7": {"account_id": "one", "domain": "retail"}}
    for area in ("services", "nobody's"):
        answer = await web.post("/mapping", {"accounts": accounts, "inboxes": {"8": area}})
        assert answer.status == 422


async def test_so_many_faults_are_told(web: WebHub) -> None:
    entries = [{"account_id": "one", "sequence": "no"}] * 200
    for name, faults in (("fallbacks", 200), ("accounts", 1)):
        answer = await web.post("/mapping", {name: entries if faults > 1 else {"1": 1, "2": []}})
        assert answer.status == 422
        assert len((await answer.json())["errors"]) == faults
    known: list[dict[str, Any]] = [{"mappings": [[]] * 1000}] * 2
    answer = await web.post("/v1/reconcile", {"known": known})
    assert answer.status == 422
    assert len((await answer.json())["errors"]) == 200


async def test_number_that_the_reader_would_not_take_is_written_back_unchanged(
    web: WebHub,
) -> None:
    # Stored by earlier versions: no number can be like the first, and the second lacks a country.
    for inbox, digits in ((1, "12345678"), (2, "11987654321")):
        special = SpecialNumber(PhoneNumber(digits), "boss")
        key = ChannelKey(ChatwootId("1"), ChatwootId(str(inbox)))
        owner = TenantArea(TenantId("shop"), BusinessArea())
        stored = ChannelMapping(key, owner, numbers=(special,))
        await web.hub.sync_mapping(stored, caller=ANYBODY)
    shown = await (await web.get("/mapping")).json()
    for ask in (web.post, web.patch):
        answer = await ask("/mapping", {"mapping_data": shown})
        assert (answer.status, without(await answer.json(), "warnings")) == (200, shown)
    channels = await (await web.get("/v1/tenants/shop/channels")).json()
    assert {channel["version"] for channel in channels["channels"]} == {1}


async def test_numbers_are_read_by_the_customs_of_the_country(web: WebHub) -> None:
    owner = {"account_id": "shop", "domain": "retail"}
    special = [{**owner, "number": "(11) 98765-4321", "crew": "boss"}]
    answer = await web.patch("/mapping", {"special_numbers": special})
    [shown] = (await answer.json())["special_numbers"]
    assert shown["number"] == "5511987654321"
    odd = [*special, {**owner, "number": "98765-4321", "crew": "boss"}]
    answer = await web.patch("/mapping", {"special_numbers": odd})
    assert answer.status == 422
    [error] = (await answer.json())["errors"]
    assert error["field"] == "special_numbers.1.number"
    assert (await (await web.get("/mapping")).json())["special_numbers"] == [shown]
