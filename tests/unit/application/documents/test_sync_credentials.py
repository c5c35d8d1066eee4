from __future__ import annotations

import asyncio
import json

import pytest
from attrs import evolve

from odoo_ai_config.application.errors import StoreUnavailableError
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.documents.syncs import CredentialsSync, OdooConnection, SocialAccount
from odoo_ai_config.domain.errors import (
    IdempotencyKeyReusedError,
    InvalidYamlError,
    TenantForbiddenError,
)
from odoo_ai_config.domain.identifiers import CONFIG, CREDENTIALS, CredentialRef
from odoo_ai_config.domain.outcomes import Notice
from tests.contract.samples import owner
from tests.unit.application.memory_hub import ANYBODY, STRANGER, MemoryHub, bound_to, claim, write

OWNER = owner("account_1", "retail")
CONFIG_KEY, CREDENTIALS_KEY = OWNER.document(CONFIG), OWNER.document(CREDENTIALS)
SYNC = CredentialsSync(
    OWNER,
    CredentialRef("account_1-abcd"),
    name="Loja",
    odoo=OdooConnection("https://odoo.example.com", "db", "robot"),
    password=SecretText("canary-password"),
    social=(
        SocialAccount("facebook", {"app_id": "1"}, {"access_token": SecretText("canary-token")}),
    ),
    enabled_collections=("business_rules",),
)


async def test_first_event_makes_config_and_credentials_version_1(hub: MemoryHub) -> None:
    outcome = await hub.sync_credentials(SYNC, caller=ANYBODY)

    assert outcome.versions == {"config": 1, "credentials": 1}
    assert outcome.changed
    assert outcome.notices == ()
    config = await hub.body(CONFIG_KEY)
    assert config["account_id"] == "account_1"
    assert config["enabled_collections"] == ["business_rules"]


async def test_config_refers_to_secrets_and_credentials_show_fingerprints_only(
    hub: MemoryHub,
) -> None:
    await hub.sync_credentials(SYNC, caller=ANYBODY)

    config, credentials = await hub.body(CONFIG_KEY), await hub.body(CREDENTIALS_KEY)
    assert "canary" not in json.dumps([config, credentials])
    sealed = credentials["credentials"]
    assert isinstance(sealed, dict)
    assert set(sealed) == {"account_1-abcd", "fb_token_account_1"}
    assert all(str(value).startswith("sealed:") for value in sealed.values())


async def test_repeated_event_makes_no_version(hub: MemoryHub) -> None:
    await hub.sync_credentials(SYNC, caller=ANYBODY)
    hub.clock.tick()

    again = await hub.sync_credentials(SYNC, caller=ANYBODY)

    assert again.versions == {"config": 1, "credentials": 1}
    assert not again.changed


async def test_changed_password_changes_the_credentials_only(hub: MemoryHub) -> None:
    await hub.sync_credentials(SYNC, caller=ANYBODY)

    outcome = await hub.sync_credentials(
        evolve(SYNC, password=SecretText("other")), caller=ANYBODY
    )

    assert outcome.versions == {"config": 1, "credentials": 2}
    revealed = await hub.reveal_credential(OWNER, SYNC.token, caller=ANYBODY)
    assert revealed.reveal() == "other"


async def test_missing_password_keeps_the_sealed_one(hub: MemoryHub) -> None:
    await hub.sync_credentials(SYNC, caller=ANYBODY)

    outcome = await hub.sync_credentials(
        evolve(SYNC, password=None, name="Loja Nova"), caller=ANYBODY
    )

    assert outcome.versions == {"config": 2, "credentials": 1}
    assert outcome.notices == ()
    assert (
        await hub.reveal_credential(OWNER, SYNC.token, caller=ANYBODY)
    ).reveal() == "canary-password"


async def test_reference_without_a_sealed_value_is_accepted_with_a_notice(hub: MemoryHub) -> None:
    outcome = await hub.sync_credentials(evolve(SYNC, password=None), caller=ANYBODY)

    path = "integrations.mcp.config.credential_ref"
    assert outcome.notices == (Notice("missing_credential", path),)


async def test_settings_text_is_merged_below_what_the_event_says(hub: MemoryHub) -> None:
    text = '{"name": "from yaml", "greeting": "Olá", "integrations": {"crm": {"url": "x"}}}'

    await hub.sync_credentials(evolve(SYNC, settings_text=text), caller=ANYBODY)

    config = await hub.body(CONFIG_KEY)
    assert config["name"] == "Loja"
    assert config["greeting"] == "Olá"
    integrations = config["integrations"]
    assert isinstance(integrations, dict)
    assert integrations["crm"] == {"url": "x"}


async def test_settings_text_that_is_not_yaml_stores_nothing(hub: MemoryHub) -> None:
    with pytest.raises(InvalidYamlError):
        await hub.sync_credentials(evolve(SYNC, settings_text="{"), caller=ANYBODY)

    assert hub.state.histories == {}
    assert hub.state.keys == {}


async def test_sections_of_other_writers_survive_a_sync(hub: MemoryHub) -> None:
    text = '{"company_metadata": {"hours": "9-18"}, "integrations": {"crm": {"url": "x"}}}'
    await hub.publish_document(write(CONFIG_KEY), text=text)

    await hub.sync_credentials(SYNC, caller=ANYBODY)

    config = await hub.body(CONFIG_KEY)
    assert config["company_metadata"] == {"hours": "9-18"}
    integrations = config["integrations"]
    assert isinstance(integrations, dict)
    assert integrations["crm"] == {"url": "x"}


async def test_sync_after_a_deletion_starts_from_nothing_in_a_new_version(hub: MemoryHub) -> None:
    await hub.sync_credentials(SYNC, caller=ANYBODY)
    await hub.delete_document(write(CONFIG_KEY))
    await hub.delete_document(write(CREDENTIALS_KEY))

    outcome = await hub.sync_credentials(evolve(SYNC, password=None), caller=ANYBODY)

    assert outcome.versions == {"config": 3, "credentials": 3}
    assert "account_1-abcd" not in str(await hub.body(CREDENTIALS_KEY))


async def test_same_delivery_is_done_once_and_answered_alike(hub: MemoryHub) -> None:
    first = await hub.sync_credentials(SYNC, caller=ANYBODY, claim=claim())
    await hub.sync_credentials(evolve(SYNC, name="Other"), caller=ANYBODY)

    again = await hub.sync_credentials(SYNC, caller=ANYBODY, claim=claim())

    assert again == first
    assert again.replayed
    assert not first.replayed
    assert (await hub.body(CONFIG_KEY))["name"] == "Other"


async def test_unchanged_event_with_a_delivery_id_is_remembered(hub: MemoryHub) -> None:
    await hub.sync_credentials(SYNC, caller=ANYBODY)
    await hub.sync_credentials(SYNC, caller=ANYBODY, claim=claim())

    again = await hub.sync_credentials(SYNC, caller=ANYBODY, claim=claim())

    assert again.replayed


async def test_delivery_id_with_another_body_is_refused(hub: MemoryHub) -> None:
    await hub.sync_credentials(SYNC, caller=ANYBODY, claim=claim())

    with pytest.raises(IdempotencyKeyReusedError):
        await hub.sync_credentials(SYNC, caller=ANYBODY, claim=claim(digest="other"))


async def test_parallel_deliveries_of_one_id_are_done_once(hub: MemoryHub) -> None:
    outcomes = await asyncio.gather(
        *(hub.sync_credentials(SYNC, caller=ANYBODY, claim=claim()) for _ in range(20))
    )

    assert len(hub.state.histories[CONFIG_KEY]) == 1
    assert {tuple(outcome.versions.values()) for outcome in outcomes} == {(1, 1)}


async def test_fifty_parallel_writers_make_fifty_contiguous_versions(hub: MemoryHub) -> None:
    outcomes = await asyncio.gather(
        *(
            hub.sync_credentials(evolve(SYNC, name=f"Writer {n}"), caller=ANYBODY)
            for n in range(50)
        )
    )

    versions = sorted(outcome.versions["config"] for outcome in outcomes)
    assert versions == list(range(1, 51))
    assert [r.version for r in hub.state.histories[CONFIG_KEY]] == versions


async def test_key_without_the_scope_is_refused(hub: MemoryHub) -> None:
    with pytest.raises(ScopeMissingError):
        await hub.sync_credentials(SYNC, caller=STRANGER)


async def test_key_of_another_tenant_is_refused_and_stores_nothing(hub: MemoryHub) -> None:
    with pytest.raises(TenantForbiddenError):
        await hub.sync_credentials(SYNC, caller=bound_to("account_2", Scope.WEBHOOK))

    assert hub.state.histories == {}


async def test_store_that_is_away_is_said_to_be_so(hub: MemoryHub) -> None:
    hub.state.away = True

    with pytest.raises(StoreUnavailableError):
        await hub.sync_credentials(SYNC, caller=ANYBODY)
