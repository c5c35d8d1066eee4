from __future__ import annotations

import json

import pytest
from attrs import evolve

from odoo_ai_config.domain.credentials.secrets import Fingerprint, SecretText
from odoo_ai_config.domain.documents.credentials import (
    NamedReference,
    fingerprints_in,
    references_in,
    with_fingerprints,
)
from odoo_ai_config.domain.documents.document import AuthoredYaml, Document
from odoo_ai_config.domain.documents.merging import (
    config_after,
    credentials_after,
    merge_patch,
    metadata_after,
    patched_credentials,
)
from odoo_ai_config.domain.documents.syncs import (
    CompanyMetadataSync,
    CredentialsSync,
    OdooConnection,
    SocialAccount,
)
from odoo_ai_config.domain.identifiers import (
    BusinessArea,
    CredentialRef,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.json_types import Json, JsonObject

TENANT = TenantId("account_1")
OWNER = TenantArea(TENANT, BusinessArea("retail"))
TOKEN = CredentialRef("account_1-abcd1234")
BARE = CredentialsSync(owner=OWNER, token=TOKEN)
ONE, TWO = Fingerprint("1" * 32), Fingerprint("2" * 32)


# RFC 7396, appendix A: the rows in which both sides are objects.
@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": "b"}, {"a": {"b": "c"}}, {"a": {"b": "c"}}),
    ],
)
def test_merge_patch_follows_rfc_7396(
    target: JsonObject, patch: JsonObject, merged: JsonObject
) -> None:
    assert merge_patch(target, patch) == merged


def test_merge_patch_changes_neither_side() -> None:
    target: JsonObject = {"a": {"b": 1}}
    patch: JsonObject = {"a": {"c": {"d": 2}}}
    merge_patch(target, patch)
    assert (target, patch) == ({"a": {"b": 1}}, {"a": {"c": {"d": 2}}})


def test_first_event_makes_a_config_with_its_defaults() -> None:
    assert config_after(None, BARE).document.body == {
        "account_id": "account_1",
        "name": "Cliente account_1",
        "description": "Configuração para account_1",
        "integrations": {
            "qdrant": {"collection": "business_rules_account_1"},
            "redis": {"prefix": "account_1"},
        },
    }


def test_event_fills_the_sections_that_it_owns() -> None:
    sync = CredentialsSync(
        owner=OWNER,
        token=TOKEN,
        name="Loja",
        description="Uma loja",
        domain_label="Varejo",
        odoo=OdooConnection("https://odoo.example.com", "db", "ana"),
        password=SecretText("p"),
        qdrant_collection="rules",
        redis_prefix="loja",
        social=(
            SocialAccount(
                "facebook",
                {"app_id": "7"},
                {"app_secret": SecretText("s"), "access_token": SecretText("t")},
            ),
            SocialAccount("instagram"),
        ),
        enabled_collections=("business_rules",),
    )
    assert config_after(None, sync).document.body == {
        "account_id": "account_1",
        "name": "Loja",
        "description": "Uma loja",
        "domain_label": "Varejo",
        "integrations": {
            "mcp": {
                "type": "odoo-mcp",
                "config": {
                    "url": "https://odoo.example.com",
                    "db": "db",
                    "username": "ana",
                    "credential_ref": "account_1-abcd1234",
                },
            },
            "qdrant": {"collection": "rules"},
            "redis": {"prefix": "loja"},
            "facebook": {
                "app_id": "7",
                "app_secret_ref": "fb_secret_account_1",
                "access_token_ref": "fb_token_account_1",
            },
        },
        "enabled_collections": ["business_rules"],
    }


def test_password_alone_makes_a_reference() -> None:
    sync = CredentialsSync(owner=OWNER, token=TOKEN, password=SecretText("p"))
    (reference,) = references_in(config_after(None, sync).document.body)
    assert reference == NamedReference(
        ("integrations", "mcp", "config", "credential_ref"), str(TOKEN)
    )


STORED: JsonObject = {
    "crews": ["sales"],
    "name": "Loja",
    "integrations": {
        "redis": {"prefix": "loja", "db": 3},
        "erp": {"url": "x"},
        "mcp": {"config": {"url": "https://odoo", "verify_ssl": True}},
        "qdrant": {"collection": "rules"},
    },
    "enabled_collections": ["a", "b"],
    "description": "Uma loja",
}


def test_empty_event_changes_nothing() -> None:
    before = Document.of({"account_id": "account_1", **STORED})
    assert config_after(before, BARE).document is before


def test_event_keeps_foreign_sections_and_key_order() -> None:
    after = config_after(
        Document.of(STORED), CredentialsSync(owner=OWNER, token=TOKEN, redis_prefix="new")
    ).document.body
    assert list(after) == [*STORED, "account_id"]
    integrations = after["integrations"]
    assert isinstance(integrations, dict)
    assert integrations["redis"] == {"prefix": "new", "db": 3}
    assert integrations["erp"] == {"url": "x"}
    assert list(integrations) == ["redis", "erp", "mcp", "qdrant"]


@pytest.mark.parametrize(("said", "stored"), [(None, ["a", "b"]), ((), []), (("c",), ["c"])])
def test_enabled_collections_are_replaced_if_given_and_kept_if_not(
    said: tuple[str, ...] | None, stored: list[str]
) -> None:
    sync = CredentialsSync(owner=OWNER, token=TOKEN, enabled_collections=said)
    assert config_after(Document.of(STORED), sync).document.body["enabled_collections"] == stored


def with_integrations(given: JsonObject) -> JsonObject:
    sync = CredentialsSync(owner=OWNER, token=TOKEN, integrations=given)
    integrations = config_after(Document.of(STORED), sync).document.body["integrations"]
    assert isinstance(integrations, dict)
    return integrations


@pytest.mark.parametrize("empty", [None, False, ""])
def test_empty_field_of_an_event_leaves_the_stored_value(empty: Json) -> None:
    given: JsonObject = {
        "erp": empty,
        "mcp": {"config": {"url": empty}},
        "qdrant": {"collection": empty},
        "redis": empty,
    }
    assert with_integrations(given) == STORED["integrations"]


def test_false_turns_a_switch_off() -> None:
    merged = with_integrations({"mcp": {"config": {"verify_ssl": False}}, "new": {"on": False}})
    assert merged["mcp"] == {"config": {"url": "https://odoo", "verify_ssl": False}}
    assert merged["new"] == {"on": False}


def test_integrations_of_an_event_are_merged_in() -> None:
    merged = with_integrations(
        {"qdrant": {"collection": "given", "size": 0}, "redis": {"prefix": "given"}, "erp": []}
    )
    assert merged["qdrant"] == {"collection": "given", "size": 0}
    assert merged["redis"] == {"prefix": "given", "db": 3}
    assert merged["erp"] == []


@pytest.mark.parametrize("broken", [None, [], "text", {"qdrant": "text", "redis": None}])
def test_event_repairs_a_broken_config(broken: Json) -> None:
    body = config_after(Document.of({"name": 5, "integrations": broken}), BARE).document.body
    assert body["name"] == "Cliente account_1"
    assert body["integrations"] == {
        "qdrant": {"collection": "business_rules_account_1"},
        "redis": {"prefix": "account_1"},
    }


def test_settings_are_merged_before_what_the_event_owns() -> None:
    settings: JsonObject = {"account_id": "other", "tone": "warm", "redis": {"prefix": "x"}}
    sync = CredentialsSync(owner=OWNER, token=TOKEN, settings_text="tone: warm # ok\n")
    config = config_after(None, sync, settings).document
    assert (config.body["account_id"], config.body["tone"]) == ("account_1", "warm")
    assert config.authored == AuthoredYaml("tone: warm # ok\n", exact=False)
    assert config_after(config, sync, settings).document is config


def test_event_keeps_the_text_that_a_person_wrote() -> None:
    authored = Document.of({"a": 1}, AuthoredYaml("a: 1 # one\n"))
    sync = CredentialsSync(owner=OWNER, token=TOKEN, settings_text="b: 2\n")
    assert config_after(authored, sync, {"b": 2}).document.authored == AuthoredYaml(
        "a: 1 # one\n", False
    )
    assert config_after(Document.of({}), BARE, {"b": 2}).document.authored is None


# What readers of the replaced service find in every metadata document.
DEFAULT_METADATA: JsonObject = {
    "name": "Empresa account_1",
    "description": "Metadados para account_1",
    "business_area": "default",
    "business_area_other": "",
    "company_values": "",
    "online_presence": {
        "website": "",
        "facebook_url": "",
        "instagram_url": "",
        "mention_website_at_end": False,
        "mention_facebook_at_end": False,
        "mention_instagram_at_end": False,
    },
    "communication": {
        "greeting_message": "",
        "communication_style": "friendly",
        "emoji_usage": "moderate",
    },
}


def test_connection_that_is_cleared_leaves_no_section() -> None:
    stored = config_after(None, evolve(BARE, odoo=OdooConnection("https://a.example"))).document
    cleared = config_after(stored, evolve(BARE, clear=("odoo_url", "odoo_password"))).document
    assert cleared.body == config_after(None, BARE).document.body


def test_new_address_has_no_reference_to_a_cleared_password() -> None:
    sync = evolve(BARE, odoo=OdooConnection("https://a.example"), clear=("odoo_password",))
    merged = config_after(None, sync)
    assert merged.document.body["integrations"] == {
        "mcp": {"type": "odoo-mcp", "config": {"url": "https://a.example"}},
        "qdrant": {"collection": "business_rules_account_1"},
        "redis": {"prefix": "account_1"},
    }
    assert merged.cleared == {str(TOKEN)}


def test_metadata_event_keeps_other_fields() -> None:
    before = Document.of({"greeting": "Oi", "site": "x", "domain_label": "Loja"})
    body: JsonObject = {"greeting": "Olá", "address": {"city": "Ouro Preto"}}
    after = metadata_after(before, CompanyMetadataSync(OWNER, body))
    assert after.body == DEFAULT_METADATA | {
        "greeting": "Olá",
        "site": "x",
        "domain_label": "Loja",
        "account_id": "account_1",
        "address": {"city": "Ouro Preto"},
    }
    assert metadata_after(after, CompanyMetadataSync(OWNER, body)) is after


def test_first_metadata_begin_with_the_tenant() -> None:
    sync = CompanyMetadataSync(OWNER, {"name": "Loja"}, domain_label="Varejo")
    after = metadata_after(None, sync).body
    assert list(after)[:3] == ["account_id", "domain_label", "name"]
    assert after == DEFAULT_METADATA | {
        "account_id": "account_1",
        "domain_label": "Varejo",
        "name": "Loja",
    }


def test_metadata_keep_what_a_person_wrote_in_place_of_a_section_of_the_replaced_service() -> None:
    text = "online_presence: no site yet # ask Ana\ncommunication: {emoji_usage: ''}\n"
    body: JsonObject = {"online_presence": "no site yet", "communication": {"emoji_usage": ""}}
    before = Document.of(body, AuthoredYaml(text))
    after = metadata_after(before, CompanyMetadataSync(OWNER, {}))
    assert after.body["online_presence"] == "no site yet"
    assert after.body["communication"] == {
        "emoji_usage": "",
        "greeting_message": "",
        "communication_style": "friendly",
    }
    assert after.authored == AuthoredYaml(text, exact=False)


def test_new_fingerprints_are_added_to_the_document() -> None:
    first = credentials_after(None, TENANT, {CredentialRef("a"): ONE})
    both = credentials_after(first, TENANT, {CredentialRef("b"): ONE})
    changed = credentials_after(both, TENANT, {CredentialRef("a"): TWO})
    assert fingerprints_in(changed) == {"a": TWO, "b": ONE}
    assert json.loads(changed.text)["credentials"] == {"a": TWO.mask, "b": ONE.mask}
    assert changed.body["account_id"] == "account_1"


def test_known_fingerprints_change_nothing() -> None:
    document = with_fingerprints(TENANT, {"a": ONE, "b": TWO})
    assert credentials_after(document, TENANT, {CredentialRef("b"): TWO}) is document
    assert credentials_after(document, TENANT, {}) is document


def test_event_without_secrets_makes_a_document_without_fingerprints() -> None:
    assert credentials_after(None, TENANT, {}) == with_fingerprints(TENANT, {})


def test_patch_names_what_it_removes_and_keeps_the_rest() -> None:
    stored = with_fingerprints(TENANT, {"a": ONE, "b": TWO})
    patched = patched_credentials(stored, {"credentials": {"a": None, "c": "new"}})
    assert patched["credentials"] == {"a": None, "b": TWO.mask, "c": "new"}
    assert patched_credentials(stored, {"credentials": None}) == {"account_id": "account_1"}
