from __future__ import annotations

import json

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.credentials.secrets import Fingerprint, SecretText
from odoo_ai_config.domain.documents.credentials import (
    GivenCredentials,
    fingerprints_in,
    given_credentials,
    references_in,
)
from odoo_ai_config.domain.documents.document import AuthoredYaml, Document
from odoo_ai_config.domain.documents.merging import (
    config_after,
    credentials_after,
    merge_patch,
    metadata_after,
)
from odoo_ai_config.domain.documents.syncs import CompanyMetadataSync, CredentialsSync
from odoo_ai_config.domain.identifiers import BusinessArea, CredentialRef, TenantArea, TenantId
from odoo_ai_config.domain.json_types import Json, JsonObject, ReadOnlyJsonObject
from tests.strategies import (
    company_metadata_syncs,
    credential_refs,
    credentials_syncs,
    documents,
    fingerprints,
    json_objects,
    json_values,
    tenant_ids,
)

CANARY = "c4n4ry-5ecret"
AUTHORED = AuthoredYaml("crews: [] # ours\n", exact=False)
OWNED = {
    "account_id",
    "name",
    "description",
    "domain_label",
    "integrations",
    "enabled_collections",
}
OWNED_INTEGRATIONS = {"mcp", "qdrant", "redis", "facebook", "instagram", "mercado_livre"}


def section(body: JsonObject, *path: str) -> JsonObject:
    for name in path:
        inner = body.get(name)
        body = inner if isinstance(inner, dict) else {}
    return body


@st.composite
def stored_configs(draw: st.DrawFn) -> Document:
    """
    An earlier config, with sections of the event and others.
    """
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    body: JsonObject = {
        "crews": draw(json_values()),
        "name": draw(texts),
        "integrations": {
            "erp": draw(json_values()),
            "redis": {"prefix": draw(texts), "db": 1},
            "mcp": {"type": "odoo-mcp", "config": {"url": draw(texts), "timeout": 5}},
            **draw(json_objects()),
        },
        "enabled_collections": [*draw(st.lists(texts, max_size=3))],
        **draw(json_objects()),
    }
    names = draw(st.permutations(list(body)))
    return Document.of({name: body[name] for name in names}, draw(st.none() | st.just(AUTHORED)))


configs = st.none() | stored_configs()


def by_rfc_7396(target: Json, patch: Json) -> Json:
    # The pseudocode of section 2, word for word.
    if isinstance(patch, dict):
        if not isinstance(target, dict):
            target = {}
        target = dict(target)
        for name, value in patch.items():
            if value is None:
                if name in target:
                    del target[name]
            else:
                target[name] = by_rfc_7396(target.get(name), value)
        return target
    return patch


@given(json_objects(), json_objects())
def test_merge_patch_does_what_rfc_7396_says(target: JsonObject, patch: JsonObject) -> None:
    overlapping = {**patch, **dict.fromkeys(list(target)[:1], patch)}
    for changes in (patch, overlapping):
        assert merge_patch(target, changes) == by_rfc_7396(target, changes)


@given(json_objects(), json_objects())
def test_merging_the_same_patch_again_changes_nothing(
    target: JsonObject, patch: JsonObject
) -> None:
    merged = merge_patch(target, patch)
    assert json.dumps(merge_patch(merged, patch)) == json.dumps(merged)


@given(json_objects(), json_objects())
def test_existing_keys_keep_their_order(target: JsonObject, patch: JsonObject) -> None:
    merged = list(merge_patch(target, patch))
    stayed = [name for name in target if name in merged]
    assert merged[: len(stayed)] == stayed


@given(configs, credentials_syncs())
def test_retried_event_changes_nothing(before: Document | None, sync: CredentialsSync) -> None:
    after = config_after(before, sync).document
    assert config_after(after, sync).document is after


@given(configs, credentials_syncs())
def test_event_changes_only_its_own_sections(
    before: Document | None, sync: CredentialsSync
) -> None:
    old = {} if before is None else before.body
    new = config_after(before, sync).document.body
    assert {key: new[key] for key in old if key not in OWNED} == {
        key: value for key, value in old.items() if key not in OWNED
    }
    assert set(new) <= set(old) | OWNED
    assert list(new)[: len(old)] == list(old)
    old, new = section(old, "integrations"), section(new, "integrations")
    named = OWNED_INTEGRATIONS | set(sync.integrations or {})
    assert {key: new[key] for key in old if key not in named} == {
        key: value for key, value in old.items() if key not in named
    }
    assert list(new)[: len(old)] == list(old)


@given(configs, credentials_syncs())
def test_config_has_the_values_of_the_event_and_defaults_for_the_rest(
    before: Document | None, sync: CredentialsSync
) -> None:
    tenant = str(sync.owner.tenant)
    old = {} if before is None else before.body
    new = config_after(before, sync).document.body

    def text_of(value: Json) -> str | None:
        return value if isinstance(value, str) and value else None

    sync = evolve(sync, integrations=None)
    assert new["account_id"] == tenant
    assert new["name"] == (sync.name or text_of(old.get("name")) or f"Cliente {tenant}")
    plain = config_after(before, sync).document.body
    assert section(plain, "integrations", "qdrant")["collection"] == (
        sync.qdrant_collection
        or text_of(section(old, "integrations", "qdrant").get("collection"))
        or f"business_rules_{tenant}"
    )
    assert section(plain, "integrations", "redis")["prefix"] == (
        sync.redis_prefix or text_of(section(old, "integrations", "redis").get("prefix")) or tenant
    )
    for name in ("url", "db", "username"):
        said = getattr(sync.odoo, name)
        connection = section(plain, "integrations", "mcp", "config")
        kept = section(old, "integrations", "mcp", "config")
        assert connection.get(name) == (said or kept.get(name))
    if sync.enabled_collections is None:
        assert plain.get("enabled_collections") == old.get("enabled_collections")
    else:
        assert plain["enabled_collections"] == list(sync.enabled_collections)


def with_canaries(sync: CredentialsSync) -> CredentialsSync:
    def canary(place: str) -> SecretText:
        return SecretText(f"{CANARY}-{place}")

    return evolve(
        sync,
        password=None if sync.password is None else canary("password"),
        social=tuple(
            evolve(account, secrets={name: canary(name) for name in account.secrets})
            for account in sync.social
        ),
    )


@given(configs, credentials_syncs().map(with_canaries))
def test_config_refers_to_every_secret_and_holds_none(
    before: Document | None, sync: CredentialsSync
) -> None:
    config = config_after(before, sync).document
    assert CANARY not in config.text
    assert CANARY not in repr(config)
    assert {str(ref) for ref in sync.secrets()} <= {
        reference.ref for reference in references_in(config.body)
    }


@given(configs, st.data())
def test_references_have_the_right_places(before: Document | None, data: st.DataObject) -> None:
    config = config_after(before, data.draw(credentials_syncs())).document.body
    for reference in references_in(config):
        # The place, since a path shows unusual names as a star.
        assert reference.place[0] == "integrations"
        assert str(reference.place[-1]).endswith("_ref")
        assert json.dumps(reference.ref) in json.dumps(config)


marks = st.dictionaries(credential_refs(), fingerprints(), max_size=3)


@given(tenant_ids(), marks, marks)
def test_sealed_values_of_other_references_stay(
    tenant: TenantId,
    old: dict[CredentialRef, Fingerprint],
    new: dict[CredentialRef, Fingerprint],
) -> None:
    first = credentials_after(None, tenant, old)
    second = credentials_after(first, tenant, new)
    assert fingerprints_in(second) == {str(ref): mark for ref, mark in {**old, **new}.items()}
    assert credentials_after(second, tenant, new) is second


@given(tenant_ids(), marks)
def test_credentials_document_can_be_written_back_as_it_is_shown(
    tenant: TenantId, sealed: dict[CredentialRef, Fingerprint]
) -> None:
    written = credentials_after(None, tenant, sealed)
    assert given_credentials(written.body) == GivenCredentials({}, sealed)


DEFAULT_SECTIONS = {"online_presence", "communication"}
DEFAULTS: dict[tuple[str, ...], Json] = {
    ("name",): "Empresa acme",
    ("description",): "Metadados para acme",
    ("business_area",): "default",
    ("business_area_other",): "",
    ("company_values",): "",
    **{("online_presence", name): "" for name in ("website", "facebook_url", "instagram_url")},
    **{
        ("online_presence", f"mention_{page}_at_end"): False
        for page in ("website", "facebook", "instagram")
    },
    ("communication", "greeting_message"): "",
    ("communication", "communication_style"): "friendly",
    ("communication", "emoji_usage"): "moderate",
}


def leaves(body: ReadOnlyJsonObject) -> dict[tuple[str, ...], Json]:
    """
    The values of *body* by their places; sections themselves are none.
    """
    found: dict[tuple[str, ...], Json] = {}
    for name, value in body.items():
        if isinstance(value, dict):
            found |= {(name, *place): inner for place, inner in leaves(value).items()}
        else:
            found[(name,)] = value
    return found


@st.composite
def profiles(draw: st.DrawFn) -> Document:
    """
    A part of a company's profile: some of its values, and others beside them.
    """
    values: st.SearchStrategy[Json] = st.sampled_from(["", "x", "friendly", False, True, 5])
    body: JsonObject = {}
    for place in draw(st.sets(st.sampled_from(sorted(DEFAULTS)))):
        *above, name = place
        section = body
        for step in above:
            inner = section.setdefault(step, {"own": draw(values)})
            assert isinstance(inner, dict)
            section = inner
        section[name] = draw(values)
    if draw(st.booleans()):
        body[draw(st.sampled_from(["communication", "address", "name"]))] = draw(values)
    return Document.of(body)


@given(st.none() | documents(), company_metadata_syncs())
def test_metadata_event_is_merged_into_the_document(
    before: Document | None, sync: CompanyMetadataSync
) -> None:
    after = metadata_after(before, sync)
    assert merge_patch(after.body, sync.body) == after.body
    old = {} if before is None else before.body
    for name, value in old.items():
        if name not in {*sync.body, "account_id", "domain_label", *DEFAULT_SECTIONS}:
            assert after.body[name] == value
    assert metadata_after(after, sync) is after


@given(st.none() | profiles(), profiles().map(lambda profile: profile.body))
def test_metadata_have_a_default_only_where_nobody_gave_a_value(
    before: Document | None, body: JsonObject
) -> None:
    sync = CompanyMetadataSync(TenantArea(TenantId("acme"), BusinessArea()), body)
    told = leaves(sync.body)
    given_before = {} if before is None else leaves(before.body)
    after = leaves(metadata_after(before, sync).body)
    given = {
        place: value
        for place, value in given_before.items()
        # An event replaces a text by a section, and a section by a text.
        if not any(place[: len(other)] == other[: len(place)] for other in told)
        and not (len(place) == 1 and isinstance(sync.body.get(place[0]), dict))
    } | told
    assert {place: after[place] for place in given} == given
    added = {place: value for place, value in after.items() if place not in given}
    for place, value in added.items():
        assert place == ("account_id",) or DEFAULTS[place] == value
    for place in DEFAULTS:
        assert place in after or place[:1] in given
