from __future__ import annotations

import json
from typing import Any

import pytest

from odoo_ai_config.domain.access import Scope
from odoo_ai_config.entrypoints.http.odoo_events.company_metadata import (
    Address,
    BusinessHours,
    CompanyMetadata,
)
from odoo_ai_config.entrypoints.http.odoo_events.payloads import Credentials
from odoo_ai_config.entrypoints.http.platform.fields import shape_of
from tests.unit.entrypoints.http.web_hub import WebHub, fixture, having, without

CREDENTIALS = fixture("credentials_flat")
NESTED = fixture("credentials_nested_odoo_button")
MAPPING = fixture("mapping_odoo")
METADATA = fixture("company_metadata")
CANARY = "canario-4711"
CREDENTIALS_FAILED = "Erro ao processar evento de credenciais: "
MAPPING_INCOMPLETE = (
    "Erro ao processar evento de mapeamento: Dados incompletos: "
    "chatwoot_account_id, internal_account_id e domain são obrigatórios"
)

CREDENTIALS_TEXTS = [
    "name",
    "description",
    "domain",
    "odoo_url",
    "odoo_db",
    "odoo_username",
    "odoo_password",
    "qdrant_collection",
    "redis_prefix",
    "yaml_content",
    "facebook_app_id",
    "facebook_app_secret",
    "facebook_access_token",
    "instagram_client_id",
    "instagram_client_secret",
    "instagram_access_token",
    "mercado_livre_app_id",
    "mercado_livre_client_secret",
    "mercado_livre_access_token",
]
METADATA_TEXTS = [
    "name",
    "description",
    "business_area",
    "business_area_other",
    "company_values",
    "website",
    "facebook_url",
    "instagram_url",
    "greeting_message",
    "communication_style",
    "emoji_usage",
    "domain",
]
NO_TEXTS: list[Any] = [5, 1.5, True, [CANARY], {CANARY: CANARY}]
NO_IDS: list[Any] = [True, 1.5, [CANARY], {"$gt": ""}, "..%2f", "../x", "a\nb", "ação", "x" * 129]
NO_BOOLEANS: list[Any] = [0, 1, "true", [True], {"a": 1}]
NO_INTEGERS: list[Any] = [True, 1.5, "1_0", "+5", "dez", "٣", [1], {"a": 1}]
NO_NUMBERS: list[Any] = [True, "9", [9.0], {"h": 9}, -1, 24.5]
NO_LISTS: list[Any] = ["a,b", 5, True, {"0": "a"}]
NO_OBJECTS: list[Any] = ["x", 5, True, [1]]
INTEGRATIONS = ["facebook", "instagram", "mercado_livre", "mcp", "qdrant", "redis"]

REFUSED = [
    *[(CREDENTIALS, (name,), value) for name in CREDENTIALS_TEXTS for value in NO_TEXTS],
    *[(NESTED, ("credentials", name), v) for name in CREDENTIALS_TEXTS for v in NO_TEXTS],
    *[(CREDENTIALS, ("account_id",), value) for value in NO_IDS],
    *[(CREDENTIALS, ("token",), value) for value in (*NO_IDS[:4], "a b", "ç")],
    *[(CREDENTIALS, ("enabled_collections",), value) for value in NO_LISTS],
    *[(CREDENTIALS, ("enabled_collections",), [value]) for value in NO_TEXTS],
    (CREDENTIALS, ("enabled_collections",), ["x"] * 201),
    (CREDENTIALS, ("name",), "x" * (16 * 1024 + 1)),
    (CREDENTIALS, ("odoo_password",), "x" * (16 * 1024 + 1)),
    (CREDENTIALS, ("domain",), "---"),
    (CREDENTIALS, ("domain",), "x" * 129),
    *[(CREDENTIALS, ("integrations",), value) for value in NO_OBJECTS],
    *[(CREDENTIALS, ("integrations", name), v) for name in INTEGRATIONS for v in NO_OBJECTS],
    *[(CREDENTIALS, ("integrations", "facebook", "app_secret"), value) for value in NO_TEXTS],
    *[(CREDENTIALS, ("integrations", "mcp", "config"), value) for value in NO_OBJECTS],
    *[(CREDENTIALS, ("integrations", "mcp", "config", "url"), value) for value in NO_TEXTS],
    *[(CREDENTIALS, ("integrations", "mcp", "config", "password"), v) for v in NO_TEXTS],
    *[(CREDENTIALS, ("integrations", "qdrant", "collection"), value) for value in NO_TEXTS],
    *[(NESTED, ("credentials",), value) for value in NO_OBJECTS],
    *[(MAPPING, ("mapping",), value) for value in NO_OBJECTS],
    *[
        (MAPPING, ("mapping", name), value)
        for name in ("chatwoot_account_id", "chatwoot_inbox_id", "internal_account_id")
        for value in NO_IDS
    ],
    *[(MAPPING, ("mapping", "domain"), value) for value in NO_TEXTS],
    *[(MAPPING, ("mapping", "sequence"), value) for value in (*NO_INTEGERS, 2**31, -(2**31))],
    *[(MAPPING, ("mapping", name), v) for name in ("is_fallback", "active") for v in NO_BOOLEANS],
    *[(MAPPING, ("mapping", "special_whatsapp_numbers"), value) for value in NO_LISTS],
    *[(MAPPING, ("mapping", "special_whatsapp_numbers"), [value]) for value in NO_OBJECTS],
    *[
        (MAPPING, ("mapping", "special_whatsapp_numbers"), [entry])
        for entry in (
            {"number": "5511999999999"},
            {"number": "5511999999999", "crew": 5},
            {"number": "5511999999999", "crew": "a b"},
            {"number": "123", "crew": "admin"},
            {"number": [1], "crew": "admin"},
        )
    ],
    (MAPPING, ("mapping", "special_whatsapp_numbers"), [{"a": 1}] * 201),
    *[(METADATA, (name,), value) for name in METADATA_TEXTS for value in NO_TEXTS],
    *[(METADATA, ("account_id",), value) for value in NO_IDS],
    *[(METADATA, ("mention_website_at_end",), value) for value in NO_BOOLEANS],
    *[(METADATA, (name,), v) for name in ("address", "business_hours") for v in NO_OBJECTS],
    *[(METADATA, ("address", "city"), value) for value in NO_TEXTS],
    *[(METADATA, ("address", "share_address"), value) for value in NO_BOOLEANS],
    *[(METADATA, ("business_hours", "monday"), value) for value in NO_BOOLEANS],
    *[(METADATA, ("business_hours", "lunch_break_start"), value) for value in NO_NUMBERS],
    *[(METADATA, ("enabled_collections",), value) for value in NO_LISTS],
]


@pytest.mark.parametrize("language", ["pt-BR", "en"])
async def test_wrong_type_at_any_field_is_named_and_not_repeated(
    web: WebHub, language: str
) -> None:
    for payload, path, value in REFUSED:
        answer = await web.send(having(payload, value, *path), Accept_Language=language)
        text = await answer.text()
        place = (path, value)
        assert answer.status == 422, place
        problem = json.loads(text)
        assert answer.content_type == "application/problem+json", place
        assert problem["code"] in {"invalid_fields", "invalid_value"}, place
        named = ".".join(path)
        assert problem["errors"], place
        assert all(
            error["field"].startswith(named.removeprefix("mapping.chat"))
            or error["field"].startswith(named)
            for error in problem["errors"]
        ), (place, problem["errors"])
        assert len(problem["errors"]) == len({error["field"] for error in problem["errors"]})
        assert CANARY not in text, place
        assert "$gt" not in text, place
    assert web.hub.state.histories == {}
    assert web.hub.state.mappings == {}


@pytest.mark.parametrize("empty", [False, None, "", "  "], ids=repr)
async def test_empty_values_of_odoo_mean_absent_everywhere(web: WebHub, empty: Any) -> None:
    optional = [*CREDENTIALS_TEXTS, "integrations", "enabled_collections"]
    flat = {
        "event_type": "credentials_sync",
        "account_id": "a1",
        "token": "t1",
        **dict.fromkeys(optional, empty),
    }
    nested = dict.fromkeys([*optional, "account_id", "token"], empty)
    for payload in (flat, {**flat, "credentials": nested}):
        answer = await web.send(payload)
        assert answer.status == 200, await answer.text()
    config = (await (await web.get("/configs/a1/default/config")).json())["json_data"]
    assert config == {
        "account_id": "a1",
        "name": "Cliente a1",
        "description": "Configuração para a1",
        "integrations": {"qdrant": {"collection": "business_rules_a1"}, "redis": {"prefix": "a1"}},
    }


@pytest.mark.parametrize(
    "inbox", [None, 0, "0", False, "", "None", "False", "null", " 0 "], ids=repr
)
async def test_no_inbox_means_any_inbox(web: WebHub, inbox: Any) -> None:
    answer = await web.send(having(MAPPING, inbox, "mapping", "chatwoot_inbox_id"))
    assert answer.status == 200
    mapping = await (await web.get("/mapping/")).json()
    assert mapping["accounts"] == {"1": {"domain": "retail", "account_id": "account_1"}}
    assert mapping["inboxes"] == {}


@pytest.mark.parametrize("value", [10, "10", " 10 ", None, False, ""], ids=repr)
async def test_sequence_may_be_digits_or_absent(web: WebHub, value: Any) -> None:
    payload = having(MAPPING, value, "mapping", "sequence")
    payload["mapping"]["is_fallback"] = True
    assert (await web.send(payload)).status == 200
    mapping = await (await web.get("/mapping/")).json()
    assert mapping["fallbacks"] == [
        {"domain": "retail", "account_id": "account_1", "sequence": 10}
    ]


async def test_integer_ids_are_the_same_as_their_text(web: WebHub) -> None:
    assert (await web.send(having(CREDENTIALS, 123456, "account_id"))).status == 200
    answer = await web.send(CREDENTIALS)
    assert (await answer.json())["changed"] is False


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        (
            without(CREDENTIALS, "account_id"),
            f"{CREDENTIALS_FAILED}Dados incompletos: account_id é obrigatório",
        ),
        (
            without(CREDENTIALS, "token"),
            f"{CREDENTIALS_FAILED}Token de autenticação não fornecido",
        ),
        (
            without(without(CREDENTIALS, "token"), "account_id"),
            f"{CREDENTIALS_FAILED}Dados incompletos: account_id é obrigatório",
        ),
        (
            without(METADATA, "account_id"),
            "Erro ao processar evento de metadados: Dados incompletos: account_id é obrigatório",
        ),
        (
            without(MAPPING, "mapping"),
            "Erro ao processar evento de mapeamento: Dados incompletos: mapping é obrigatório",
        ),
        (
            having(MAPPING, {}, "mapping"),
            "Erro ao processar evento de mapeamento: Dados incompletos: mapping é obrigatório",
        ),
        *[
            (
                having(MAPPING, empty, "mapping", name),
                MAPPING_INCOMPLETE,
            )
            for name in ("chatwoot_account_id", "internal_account_id", "domain")
            for empty in (None, False, "")
        ],
        (
            having(CREDENTIALS, "a: [1\nb: 2", "yaml_content"),
            f"{CREDENTIALS_FAILED}YAML inválido (linha 2, coluna 1)",
        ),
    ],
)
async def test_refusals_are_worded_as_old_users_know_them(
    web: WebHub, payload: dict[str, Any], detail: str
) -> None:
    answer = await web.send(payload)
    assert answer.status == 422
    told = (await answer.json())["detail"]
    assert told.partition(" (linha")[0] == detail.partition(" (linha")[0]
    assert web.hub.state.histories == {}


@pytest.mark.parametrize("value", [0, "0", "None", "False", "null", " 0 "], ids=repr)
async def test_chatwoot_account_that_is_none_is_missing(web: WebHub, value: Any) -> None:
    answer = await web.send(having(MAPPING, value, "mapping", "chatwoot_account_id"))
    assert answer.status == 422
    assert (await answer.json())["code"] == "incomplete_data"


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"event_type": "other", "credentials": {"domain": "retail"}},
        {"event_type": 5},
        {"event": "message_created", "id": 1},
        {"event_type": "document"},
        {"source": "chatwoot"},
        {"source": ["credentials"]},
    ],
)
async def test_unknown_event_is_a_400_without_a_prefix(
    web: WebHub, payload: dict[str, Any]
) -> None:
    answer = await web.send(payload)
    assert answer.status == 400
    problem = await answer.json()
    assert problem["code"] == "unknown_event"
    assert problem["detail"] == "Tipo de evento não suportado ou não identificado"


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ({"event_type": "credentials_sync", "event": "mapping_sync"}, "Credenciais"),
        ({"event_type": False, "event": "mapping_sync"}, "Mapeamento"),
        ({"event": "other", "credentials": {"name": "x"}}, "Credenciais"),
        ({"event": "company_metadata_sync", "credentials": {"name": "x"}}, "Metadados"),
        ({"source": "credentials"}, "Mapeamento"),
        ({"mapping": None, "source": "credentials"}, "Credenciais"),
    ],
)
async def test_event_is_told_by_type_then_event_then_object_then_source(
    web: WebHub, marks: dict[str, Any], message: str
) -> None:
    payload = {**MAPPING, "token": "t", "account_id": "account_1"}
    payload = {**without(without(payload, "event"), "source"), **marks}
    answer = await web.send(payload)
    assert answer.status == 200, await answer.text()
    assert (await answer.json())["message"].startswith(message)


async def test_nested_fields_win_over_flat_ones(web: WebHub) -> None:
    payload = {**NESTED, "domain": "other", "name": "flat", "description": "flat only"}
    answer = await web.send(payload)
    assert (await answer.json())["domain"] == "retail"
    config = (await (await web.get("/configs/account_1/retail/config")).json())["json_data"]
    assert config["name"] == "Loja Exemplo"
    assert config["description"] == "flat only"


async def test_several_errors_are_told_at_once(web: WebHub) -> None:
    payload = having(having(CREDENTIALS, 5, "name"), [1], "odoo_url")
    problem = await (await web.send(payload, Accept_Language="en")).json()
    assert problem["errors"] == [
        {"field": "odoo_url", "message": "must be text"},
        {"field": "name", "message": "must be text"},
    ]
    assert problem["detail"] == (
        "Error while processing the credentials event: Invalid data: odoo_url must be text"
    )


async def test_secrets_within_integrations_are_sealed_and_not_left_in_the_config(
    web: WebHub,
) -> None:
    integrations = {
        "facebook": {"app_id": "1", "app_secret": "s-fb", "access_token": "t-fb", "x": None},
        "instagram": {"client_id": "2", "client_secret": "s-ig"},
        "mercado_livre": {"app_id": "3", "access_token": "t-ml", "site": "MLB"},
        "mcp": {"type": "odoo-mcp", "config": {"url": "http://o", "db": "d", "password": "p"}},
        "redis": {"prefix": "r"},
        "other": {"enabled": False, "note": ""},
    }
    payload = without(without(CREDENTIALS, "odoo_password"), "odoo_url")
    answer = await web.send(having(payload, integrations, "integrations"))
    assert answer.status == 200
    config = (await (await web.get("/configs/123456/default/config")).json())["json_data"]
    stored = config["integrations"]
    assert stored["facebook"] == {
        "app_id": "1",
        "app_secret_ref": "fb_secret_123456",
        "access_token_ref": "fb_token_123456",
    }
    assert stored["mercado_livre"] == {
        "site": "MLB",
        "app_id": "3",
        "access_token_ref": "ml_token_123456",
    }
    assert stored["mcp"]["config"]["credential_ref"] == "token_referencia"
    assert stored["mcp"]["config"]["url"] == "http://o"
    assert stored["redis"] == {"prefix": "r"}
    assert stored["other"] == {"enabled": False}
    text = json.dumps(config)
    assert not any(secret in text for secret in ("s-fb", "t-fb", "s-ig", "t-ml", '"p"'))
    for ref, value in {"fb_secret_123456": "s-fb", "token_referencia": "p"}.items():
        opened = await web.get(f"/v1/tenants/123456/default/credentials/{ref}")
        assert (await opened.json())["value"] == value


async def test_connection_that_names_its_own_credential_keeps_it(web: WebHub) -> None:
    mcp = {"type": "odoo-mcp", "config": {"url": "http://o", "credential_ref": "other"}}
    payload = {"event_type": "credentials_sync", "account_id": "a1", "token": "t1"}
    answer = await web.send({**payload, "integrations": {"mcp": mcp, "social": {}}})
    assert (await answer.json())["warnings"][0]["code"] == "missing_credential"
    config = (await (await web.get("/configs/a1/default/config")).json())["json_data"]
    assert config["integrations"]["mcp"] == mcp


@pytest.mark.parametrize("empty", [False, None, ""], ids=repr)
async def test_empty_section_of_integrations_leaves_the_stored_one_alone(
    web: WebHub, empty: Any
) -> None:
    await web.send(NESTED)
    before = (await (await web.get("/configs/account_1/retail/config")).json())["json_data"]
    sections = dict.fromkeys(INTEGRATIONS, empty)
    for integrations in (
        sections,
        {**sections, "mcp": {"type": empty, "config": empty}, "qdrant": {"collection": empty}},
        {"mcp": {"config": dict.fromkeys(("url", "db", "username", "password"), empty)}},
    ):
        payload = having(NESTED, integrations, "integrations")
        answer = await web.send(payload)
        assert answer.status == 200, await answer.text()
    after = (await (await web.get("/configs/account_1/retail/config")).json())["json_data"]
    assert after == before


@pytest.mark.parametrize("name", ["url", "db", "username", "password", "credential_ref"])
async def test_connection_that_names_its_own_credential_is_checked_too(
    web: WebHub, name: str
) -> None:
    config = {"credential_ref": "other", name: [CANARY]}
    payload = having(CREDENTIALS, {"mcp": {"config": config}}, "integrations")
    answer = await web.send(payload)
    assert answer.status == 422
    assert CANARY not in await answer.text()


async def test_empty_entries_of_lists_fall_out(web: WebHub) -> None:
    entries = [{}, None, False, {"number": "", "crew": "admin"}, {"number": False}]
    payload = having(MAPPING, entries, "mapping", "special_whatsapp_numbers")
    assert (await web.send(payload)).status == 200
    assert (await (await web.get("/mapping/")).json())["special_numbers"] == []


async def test_yaml_settings_come_with_a_credentials_event(web: WebHub) -> None:
    settings = "# loja\nhours:\n  opens: 18:00\n  since: 2024-01-31\n"
    answer = await web.send(having(CREDENTIALS, settings, "yaml_content"))
    assert answer.status == 200
    config = (await (await web.get("/configs/123456/default/config")).json())["json_data"]
    assert config["hours"] == {"opens": "18:00", "since": "2024-01-31"}


async def test_warnings_speak_the_callers_language(web: WebHub) -> None:
    payload = without(CREDENTIALS, "odoo_password")
    portuguese = await (await web.send(payload)).json()
    english = await (await web.send(payload, Accept_Language="en-US,pt;q=0.5")).json()
    assert [w["code"] for w in portuguese["warnings"]] == ["missing_credential"]
    assert portuguese["warnings"][0]["field"] == "integrations.mcp.config.credential_ref"
    assert portuguese["warnings"][0]["message"] != english["warnings"][0]["message"]
    assert english["message"] == "Credentials synchronised"


@pytest.mark.parametrize("change", [{"event_type": "mapping_delete"}, {"active": False}])
async def test_mapping_can_be_deleted_and_deactivated(web: WebHub, change: dict[str, Any]) -> None:
    assert (await web.send(MAPPING)).status == 200
    payload = {**MAPPING, **change}
    if "active" in change:
        payload = having(MAPPING, False, "mapping", "active")
    else:
        payload = without(payload, "mapping", "domain")
    answer = await web.send(payload)
    body = await answer.json()
    assert body["message"] == "Mapeamento removido com sucesso"
    assert (body["changed"], body["mapping_version"]) == (True, 2)
    route = await (await web.get("/v1/route?account_id=1")).json()
    assert route["resolved"] is False
    assert route["tenant_id"] is None
    assert route["matched_by"] == "unresolved"


async def test_nothing_beside_the_channel_keeps_it_from_being_deleted(web: WebHub) -> None:
    await web.send(MAPPING)
    beside = {"special_whatsapp_numbers": [{"number": "12345678", "crew": "a"}], "sequence": "x"}
    payload = {**MAPPING, "event_type": "mapping_delete"}
    payload["mapping"] = {**MAPPING["mapping"], **beside}
    assert (await web.send({**payload, "event_type": "mapping_sync"})).status == 422
    assert (await web.send(payload)).status == 200
    route = await (await web.get("/v1/route?account_id=1")).json()
    assert route["resolved"] is False


@pytest.mark.parametrize(
    "beside",
    [
        {"special_whatsapp_numbers": [{"number": "(11) 1", "crew": "admin"}]},
        {"special_whatsapp_numbers": [{"number": "12345678", "crew": "a"}], "sequence": "x"},
        {"is_fallback": "perhaps", "sequence": -1},
        {"clear": ["sequence"]},
    ],
)
@pytest.mark.parametrize("flat", [False, True])
async def test_nothing_beside_the_channel_keeps_it_from_being_archived(
    web: WebHub, beside: dict[str, Any], flat: bool
) -> None:
    await web.send(MAPPING)
    mapping = {**MAPPING["mapping"], **beside}
    assert (await web.send({**MAPPING, "mapping": {**mapping, "active": True}})).status == 422
    archived = {"active": False} if flat else {}
    nested = mapping if flat else {**mapping, "active": False}
    answer = await web.send({**MAPPING, "mapping": nested, **archived})
    assert answer.status == 200
    assert (await answer.json())["changed"] is True
    route = await (await web.get("/v1/route?account_id=1")).json()
    assert route["resolved"] is False


@pytest.mark.parametrize("active", [None, "no", 0, True])
async def test_only_a_clear_no_archives_a_channel_with_an_invalid_field(
    web: WebHub, active: Any
) -> None:
    await web.send(MAPPING)
    mapping = {**MAPPING["mapping"], "sequence": "x", "active": active}
    assert (await web.send({**MAPPING, "mapping": mapping})).status == 422
    nowhere = {**mapping, "active": False, "domain": None}
    assert (await web.send({**MAPPING, "mapping": nowhere})).status == 422
    route = await (await web.get("/v1/route?account_id=1")).json()
    assert route["resolved"] is True


async def test_archived_channel_keeps_what_is_understood(web: WebHub) -> None:
    numbers = [{"number": "11987654321", "crew": "admin"}]
    mapping = {**MAPPING["mapping"], "special_whatsapp_numbers": numbers, "active": False}
    assert (await web.send({**MAPPING, "mapping": mapping})).status == 200
    shown = await (await web.get("/mapping/")).json()
    (channel,) = shown["channels"]
    assert channel["active"] is False
    assert channel["numbers"]


NEEDED = {"event_type", "account_id", "token", "domain"}
BLANK = [
    *["<p><br></p>", '<p data-oe-version="2.0"><br/></p>', "&nbsp;", "<p>&shy;</p>"],
    *["<h1><br></h1>", "<ul><li><br></li></ul>", "<p><strong><br></strong></p>"],
]


@pytest.mark.parametrize("empty", BLANK)
async def test_html_that_shows_nothing_is_absent(web: WebHub, empty: str) -> None:
    await web.send(METADATA | {"greeting_message": "Olá", "address": {"street": "Rua A"}})
    said = {"greeting_message": empty, "description": empty, "address": {"street": empty}}
    assert (await (await web.send(METADATA | said)).json())["changed"] is False
    flat = CREDENTIALS | {"name": "Loja", "integrations": {"outro": {"texto": "x"}}}
    await web.send(flat)
    blank = flat | {"name": empty, "integrations": {"outro": {"texto": empty}}}
    assert (await (await web.send(blank)).json())["changed"] is False


@pytest.mark.parametrize("empty", BLANK)
@pytest.mark.parametrize(
    ("event", "cls"),
    [
        (CREDENTIALS, Credentials),
        (METADATA, CompanyMetadata),
        (METADATA, BusinessHours),
        (METADATA, Address),
    ],
)
async def test_html_that_shows_nothing_is_absent_in_every_field(
    web: WebHub, empty: str, event: dict[str, Any], cls: type
) -> None:
    blank = dict.fromkeys(shape_of(cls).types, empty)
    within = {BusinessHours: "business_hours", Address: "address"}.get(cls)
    needed = {name: event[name] for name in NEEDED & event.keys()}
    assert (await web.send(event)).status == 200
    answer = await web.send({**(blank if within is None else {within: blank}), **needed})
    assert (answer.status, (await answer.json())["changed"]) == (200, False)


async def test_html_that_shows_nothing_names_no_area(web: WebHub) -> None:
    body = {name: value for name, value in CREDENTIALS.items() if name != "domain"}
    assert (await (await web.send(body | {"domain": "<p><br></p>"})).json())["domain"] == "default"


async def test_html_with_content_is_kept_and_a_password_that_shows_nothing_is_not(
    web: WebHub,
) -> None:
    await web.send(METADATA | {"greeting_message": "<p><img src='x'></p>"})
    stored = await (await web.get(f"/configs/{METADATA['account_id']}/retail/metadata")).json()
    assert stored["json_data"]["communication"]["greeting_message"] == "<p><img src='x'></p>"
    await web.send(CREDENTIALS | {"odoo_password": "<senha>"})
    await web.send(CREDENTIALS | {"odoo_password": "<p></p>"})
    place = f"/v1/tenants/{CREDENTIALS['account_id']}/default/credentials/{CREDENTIALS['token']}"
    assert (await (await web.get(place)).json())["value"] == "<senha>"


NO_ADDRESSES = [
    *["javascript:alert(1)", "odoo.example.com", "ftp://odoo.example.com", "//odoo.example.com"],
    *["https://robo:senha@odoo.example.com", "http://robo@odoo", "http:/x", "https:///x"],
    *["https://.", "https://..", "https://a..b", "https://-h.example", "https://h-.example"],
    *["https://o:0", "https://o:99999", "https://[1.2.3.4]", "https://[::1", "https://1.2.3.999"],
    *["https://müller.example", "https://o/ação"],
    *["https://odoo.example.com/#x", "https://odoo example.com", "https://odoo\\x", "http://a:x"],
]


@pytest.mark.parametrize("address", NO_ADDRESSES)
async def test_odoo_url_is_an_address_without_credentials(web: WebHub, address: str) -> None:
    mcp = {"mcp": {"type": "odoo-mcp", "config": {"url": address}}}
    own = {"mcp": {"config": {"url": address, "credential_ref": "own"}}}
    for said, field in (
        ({"odoo_url": address}, "odoo_url"),
        ({"credentials": {"odoo_url": address}}, "credentials.odoo_url"),
        ({"integrations": mcp}, "integrations.mcp.config.url"),
        ({"integrations": own}, "integrations.mcp.config.url"),
        ({"yaml_content": json.dumps({"integrations": mcp})}, "integrations.mcp.config.url"),
    ):
        answer = await web.send(without(CREDENTIALS, "odoo_url") | said)
        problem = await answer.json()
        assert (answer.status, problem["errors"][0]["field"]) == (422, field)
        assert address not in await answer.text()


@pytest.mark.parametrize(
    "address",
    [
        *["http://localhost:8069", "https://o", "https://[::1]:8069/odoo?db=x", "HTTP://10.0.0.1"],
        *["https://xn--mller-kva.example.", "http://odoo_1.rede-interna:65535", "http://1o"],
    ],
)
async def test_odoo_url_may_be_any_address_of_http(web: WebHub, address: str) -> None:
    assert (await web.send(CREDENTIALS | {"odoo_url": address})).status == 200


NO_ZONES: list[Any] = ["America/manaus", "Manaus", "../etc/passwd", "/etc/passwd", "America"]
NO_ZONES += ["-03:00", 3, "a" * 9999, "posix/America/Manaus", "localtime"]


@pytest.mark.parametrize(
    ("zone", "status"),
    [
        *((zone, 200) for zone in ("America/Manaus", "America/Sao_Paulo", "UTC", "", False)),
        *((zone, 422) for zone in NO_ZONES),
    ],
)
async def test_opening_hours_keep_a_time_zone_of_iana(web: WebHub, zone: Any, status: int) -> None:
    hours = {"monday": True, "business_hours_start": 9.5, "timezone": zone}
    answer = await web.send(METADATA | {"account_id": "tz", "business_hours": hours})
    assert answer.status == status
    if status == 200:
        stored = await (await web.get("/configs/tz/retail/metadata")).json()
        assert stored["json_data"]["business_hours"].get("timezone", "") == (zone or "")
    else:
        named = (await answer.json()).get("errors", [{}])[0].get("field")
        assert named in ("business_hours.timezone", None)


async def test_cleared_password_is_no_longer_served_and_its_history_stays(web: WebHub) -> None:
    whose = {name: CREDENTIALS[name] for name in ("event_type", "account_id", "token")}
    place = f"/v1/tenants/{whose['account_id']}/default/credentials/{whose['token']}"
    await web.send(CREDENTIALS)
    assert (await web.get(place)).status == 200
    told = await (await web.send(whose | {"clear": ["odoo_password", "odoo_db"]})).json()
    assert (told["changed"], told["credentials_version"], told["warnings"]) == (True, 2, [])
    assert (await web.get(place)).status == 404
    documents = f"/configs/{whose['account_id']}/default"
    config = (await (await web.get(f"{documents}/config")).json())["json_data"]
    assert config["integrations"]["mcp"]["config"].keys() == {"url", "username"}
    sealed = (await (await web.get(f"{documents}/credentials")).json())["json_data"]
    assert sealed["credentials"] == {}
    first = await web.get(f"{documents}/credentials/version/1")
    assert (await first.json())["json_data"]["credentials"][whose["token"]].startswith("sealed:")
    again = await (await web.send(whose | {"clear": ["odoo_password", "odoo_db"]})).json()
    assert (again["changed"], again["credentials_version"]) == (False, 2)


async def test_any_part_of_integrations_can_be_cleared_with_its_secret(web: WebHub) -> None:
    shop = {"url": "https://loja.example", "api_key": "sk-4711-canario"}
    await web.send(CREDENTIALS | {"integrations": {"loja": shop, "outra": {"x": 1}}})
    stored = await (await web.get("/configs/123456/default/config")).json()
    ref = stored["json_data"]["integrations"]["loja"]["api_key_ref"]
    answer = await web.send(CREDENTIALS | {"clear": ["integrations.loja.api_key"]})
    assert answer.status == 200
    stored = await (await web.get("/configs/123456/default/config")).json()
    assert stored["json_data"]["integrations"]["loja"] == {"url": "https://loja.example"}
    assert (await web.get(f"/v1/tenants/123456/default/credentials/{ref}")).status == 404
    await web.send(CREDENTIALS | {"clear": ["integrations.loja", "integrations.outra.x"]})
    stored = await (await web.get("/configs/123456/default/config")).json()
    assert not {"loja", "outra"} & stored["json_data"]["integrations"].keys()


@pytest.mark.parametrize(
    ("event", "name"),
    [
        *((CREDENTIALS, name) for name in ("token", "account_id", "domain", "clear", "odoo_x")),
        *((CREDENTIALS, name) for name in ("yaml_content", "integrations.", "integrations.a b")),
        *((METADATA, name) for name in ("account_id", "domain", "address.x", "address.city.x")),
        *((METADATA, name) for name in ("name.x", "clear", "online_presence", "", " ", "a" * 999)),
        *((MAPPING, name) for name in ("chatwoot_inbox_id", "domain", "internal_account_id", "x")),
    ],
)
async def test_unknown_field_to_clear_is_refused_by_its_place(
    web: WebHub, event: Any, name: str
) -> None:
    where = ("mapping", "clear") if "mapping" in event else ("clear",)
    body = having(event, [CANARY if name == "x" else name], *where)
    answer = await web.send(body)
    if name.strip():
        assert answer.status == 422
        assert (await answer.json())["errors"][0]["field"].endswith("clear.0")
        assert CANARY not in await answer.text()
    else:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("event", "given", "name"),
    [
        (CREDENTIALS, {"odoo_url": "https://o"}, "odoo_url"),
        (CREDENTIALS, {"odoo_password": "x"}, "odoo_password"),
        (CREDENTIALS, {"odoo_password": "x"}, "integrations.mcp"),
        (CREDENTIALS, {"facebook_app_secret": "x"}, "facebook_app_secret"),
        (CREDENTIALS, {"facebook_app_id": "x"}, "integrations.facebook"),
        (CREDENTIALS, {"integrations": {"facebook": {"app_id": "1"}}}, "facebook_app_id"),
        (CREDENTIALS, {"integrations": {"loja": {"x": 1}}}, "integrations.loja.x"),
        (CREDENTIALS, {"integrations": {"loja": "x"}}, "integrations.loja.x"),
        (CREDENTIALS, {"enabled_collections": []}, "enabled_collections"),
        (CREDENTIALS, {"yaml_content": "description: x"}, "description"),
        (METADATA, {"website": "x"}, "website"),
        (METADATA, {"mention_website_at_end": False}, "mention_website_at_end"),
        (METADATA, {"address": {"city": "x"}}, "address"),
        (METADATA, {"address": {"city": "x"}}, "address.city"),
        (MAPPING, {"mapping": MAPPING["mapping"] | {"sequence": 10}}, "sequence"),
        (MAPPING, {"mapping": MAPPING["mapping"] | {"is_fallback": False}}, "is_fallback"),
    ],
)
async def test_field_that_is_given_and_cleared_is_refused(
    web: WebHub, event: Any, given: dict[str, Any], name: str
) -> None:
    names = ("event_type", "event", "account_id", "token")
    whose = {key: event[key] for key in names if key in event}
    answer = await web.send(whose | given | {"clear": [name]})
    assert answer.status == 422
    assert (await answer.json())["errors"][0]["field"] == "clear.0"


async def test_empty_field_may_be_cleared_by_name(web: WebHub) -> None:
    await web.send(CREDENTIALS | {"integrations": {"loja": {"x": True}}})
    said = {"odoo_url": False, "integrations": {"loja": {"x": False}}}
    answer = await web.send(CREDENTIALS | said | {"clear": ["odoo_url", "integrations.loja.x"]})
    assert answer.status == 200
    stored = (await (await web.get("/configs/123456/default/config")).json())["json_data"]
    assert "url" not in stored["integrations"]["mcp"]["config"]
    assert "loja" not in stored["integrations"]


async def test_mapping_clears_what_it_leaves_out(web: WebHub) -> None:
    await web.send(MAPPING)
    channel = without(MAPPING, "mapping", "special_whatsapp_numbers")
    channel = without(channel, "mapping", "sequence")
    cleared = having(channel, ["special_whatsapp_numbers", "sequence"], "mapping", "clear")
    assert (await (await web.send(cleared)).json())["changed"] is True
    assert (await (await web.get("/mapping/")).json())["special_numbers"] == []


async def test_empty_list_may_be_cleared_by_name(web: WebHub) -> None:
    await web.send(MAPPING)
    channel = having(MAPPING, [], "mapping", "special_whatsapp_numbers")
    cleared = having(channel, ["special_whatsapp_numbers"], "mapping", "clear")
    assert (await (await web.send(cleared)).json())["changed"] is True


async def test_new_tenant_that_differs_in_case_is_warned_about_once(web: WebHub) -> None:
    await web.send(CREDENTIALS | {"account_id": "Loja1"})

    async def warned(answer: Any) -> list[str]:
        told = (await answer.json()).get("warnings", [])
        return [one["field"] for one in told if one["code"] == "similar_tenant"]

    channel = having(MAPPING, "loja1", "mapping", "internal_account_id")
    assert await warned(await web.send(channel)) == ["Loja1"]
    assert await warned(await web.send(channel)) == []
    items = {"account_id": "loja1", "items": []}
    path = "/api/v1/collections/products"
    assert await warned(await web.ask("PUT", path, json=items)) == ["Loja1"]
    assert await warned(await web.send(METADATA | {"account_id": "lojA1"})) == ["Loja1"]
    new = CREDENTIALS | {"account_id": "loja1"}
    assert await warned(await web.send(new)) == ["Loja1", "lojA1"]
    assert await warned(await web.send(new)) == []
    # It is known by now.
    assert await warned(await web.send(METADATA | {"account_id": "loja1"})) == []
    answer = await web.post("/configs/LOJA1/retail/config", {"yaml_content": "a: 1"})
    assert await warned(answer) == ["Loja1", "lojA1", "loja1"]
    bound = web.with_key(await web.new_key(Scope.WEBHOOK, tenant="LojA1"))
    assert await warned(await bound.send(CREDENTIALS | {"account_id": "LojA1"})) == []


def calling(*numbers: str) -> Any:
    special = [{"number": number, "crew": "admin"} for number in numbers]
    return having(MAPPING, special, "mapping", "special_whatsapp_numbers")


@pytest.mark.parametrize(
    "number",
    ["(11) 98765-4321", "011 98765-4321", "005511987654321", "+55 (0)11 98765-4321"],
)
async def test_number_in_a_form_of_the_country_is_matched(web: WebHub, number: str) -> None:
    answer = await web.send(calling(number))
    assert answer.status == 200
    channel = MAPPING["mapping"]
    for asked in (number, "5511987654321", "whatsapp:+551187654321"):
        route = await web.ask(
            "GET",
            "/v1/route",
            params={"account_id": str(channel["chatwoot_account_id"]), "number": asked},
        )
        assert (await route.json())["crew"] == "admin"


async def test_number_that_nobody_can_have_is_refused_with_its_place(web: WebHub) -> None:
    answer = await web.send(calling("(11) 98765-4321", "98765-4321"))
    assert answer.status == 422
    [error] = (await answer.json())["errors"]
    assert error["field"] == "mapping.special_whatsapp_numbers.1.number"
    assert "98765" not in await answer.text()
    assert (await web.get("/mapping")).status == 404


@pytest.mark.parametrize("hidden", ["BR.13491208655302741918", "176415330668607@lid"])
async def test_sender_who_hides_the_number_can_be_registered(web: WebHub, hidden: str) -> None:
    await web.send(calling(hidden))
    account = str(MAPPING["mapping"]["chatwoot_account_id"])
    for number, crew in ((hidden, "admin"), (hidden.strip("BR.@lid"), None)):
        route = await web.ask("GET", "/v1/route", params={"account_id": account, "number": number})
        assert (await route.json())["crew"] == crew
    told = await web.post(
        "/v1/route/simulate", {**MAPPING, "messages": [{"account_id": account, "number": hidden}]}
    )
    [message] = (await told.json())["messages"]
    assert (message["number"], message["before"]["crew"]) == (hidden, "admin")
