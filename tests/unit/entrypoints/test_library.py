from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from odoo_ai_config.application.errors import MasterKeyMissingError
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.channels.routing import IncomingMessage, Rule
from odoo_ai_config.domain.errors import (
    AddressNotFoundError,
    CredentialNotFoundError,
    InvalidValueError,
    ItemNotFoundError,
    PreconditionFailedError,
)
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    BusinessArea,
    ChatwootId,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.reconciliation import DriftStatus, ExpectedArea, ExpectedState
from odoo_ai_config.domain.tenants import (
    AreaMovedError,
    TenantErasedError,
    TenantRenamedError,
    TenantSuspendedError,
)
from odoo_ai_config.entrypoints.library import Hub, open_hub
from odoo_ai_config.entrypoints.settings import SettingsError, read_settings


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    async with open_hub("memory://") as hub:
        yield hub


async def test_synced_settings_are_read_back(hub: Hub) -> None:
    outcome = await hub.sync_credentials(
        account_id="123456",
        token="token_referencia",
        domain="Saúde e Bem-Estar",
        odoo_url="https://odoo.example.com",
        odoo_password="senha",
        enabled_collections=["business_rules"],
    )

    config = await hub.config("123456", "Saúde e Bem-Estar")
    secret = await hub.credential("123456", "saude-e-bem-estar", "token_referencia")
    assert outcome.versions == {"config": 1, "credentials": 1}
    assert config["enabled_collections"] == ["business_rules"]
    assert secret.reveal() == "senha"
    await hub.sync_credentials(
        account_id="123456",
        token="token_referencia",
        domain="Saúde e Bem-Estar",
        clear=["odoo_password", "enabled_collections"],
    )
    assert "enabled_collections" not in await hub.config("123456", "Saúde e Bem-Estar")
    with pytest.raises(CredentialNotFoundError):
        await hub.credential("123456", "saude-e-bem-estar", "token_referencia")


async def test_mapped_channel_is_routed_with_an_explanation(hub: Hub) -> None:
    await hub.sync_mapping(
        chatwoot_account_id="1",
        chatwoot_inbox_id="7",
        tenant="123456",
        special_whatsapp_numbers={"+55 11 99999-9999": "analytics"},
    )

    route = await hub.route("1", "7", "5511999999999", explain=True)

    assert (route.crew, route.matched_by) == ("analytics", Rule.INBOX)
    assert len(route.considered) == 5
    assert (await hub.route("1", "8")).matched_by is Rule.ACCOUNT_OWNER
    assert (await hub.route("2")).matched_by is Rule.UNRESOLVED


async def test_published_document_has_versions(hub: Hub) -> None:
    await hub.publish("123456", "default", "crews", "a: 1 # um\n", expected=0)
    await hub.publish("123456", "default", "crews", "a: 2\n", expected=1)
    with pytest.raises(PreconditionFailedError):
        await hub.publish("123456", "default", "crews", "a: 3\n", expected=1)

    outcome = await hub.roll_back("123456", "default", "crews", 1)

    first = await hub.document("123456", "default", "crews", version=1)
    newest = await hub.document("123456", "default", "crews")
    assert outcome.versions == {"crews": 3}
    assert newest.document == first.document


@pytest.mark.parametrize("tenant", ["", "../x", "a b", "$gt"])
async def test_arguments_are_checked_as_requests_are(hub: Hub, tenant: str) -> None:
    with pytest.raises(InvalidValueError):
        await hub.sync_credentials(account_id=tenant, token="t")
    with pytest.raises(InvalidValueError):
        await hub.sync_mapping(chatwoot_account_id="1", tenant=tenant)


async def test_what_was_written_is_there_when_the_hub_is_opened_again(tmp_path: Path) -> None:
    settings = read_settings(environment={"ODOO_AI_CONFIG_DATA_DIR": str(tmp_path)})
    async with open_hub(settings) as hub:
        await hub.sync_credentials(account_id="a", token="t", odoo_password="senha")

    async with open_hub(settings) as hub:
        assert (await hub.credential("a", "default", "t")).reveal() == "senha"


async def test_hub_does_not_open_with_another_key_ring(tmp_path: Path) -> None:
    settings = read_settings(environment={"ODOO_AI_CONFIG_DATA_DIR": str(tmp_path)})
    async with open_hub(settings) as hub:
        await hub.sync_credentials(account_id="a", token="t", odoo_password="senha")
        needed = hub.services.ports.vault.current_master_id
    settings.keyring_path.unlink()

    with pytest.raises(MasterKeyMissingError) as refusal:
        async with open_hub(settings):
            pass

    assert refusal.value.master_ids == (needed,)
    assert needed in str(refusal.value)
    assert not settings.keyring_path.exists()


async def test_unknown_store_is_refused() -> None:
    with pytest.raises(SettingsError):
        async with open_hub("postgres://host/db"):
            pass


async def test_collection_is_pushed_and_read_by_what_changed(hub: Hub) -> None:
    products = hub.collection("123456", "products")
    first = await products.replace({"7": {"name": "Camisa"}, "8": {"name": "Tênis"}})
    assert (first.changed, first.versions) == (True, {"products_informations": 1})
    reading = await products.read()
    assert [state.id for state in reading.states] == ["7", "8"]

    await products.amend({"7": {"name": "Camisa azul"}}, removed=["8"])
    changed = await products.read(reading.cursor)
    assert [(state.id, state.item is None) for state in changed.states] == [
        ("7", False),
        ("8", True),
    ]
    assert await products.item("7") == {"name": "Camisa azul"}
    with pytest.raises(ItemNotFoundError):
        await products.item("8")


async def test_address_is_made_listed_and_revoked(hub: Hub) -> None:
    made, token = await hub.create_address(
        name="Odoo Online",
        tenant="123456",
        domain="Saúde",
        kind="collection",
        collection="products",
        fields={"title": "name"},
    )
    await hub.create_address(name="Outro", tenant="b", kind="mapping")
    assert str(made.feed.owner) == "123456/saude"
    assert (await hub.services.open_address(token.reveal())).id == made.id
    [listed] = await hub.addresses("123456")
    assert (listed.id, listed.feed) == (made.id, made.feed)
    first = (await hub.addresses(limit=1))[0].id
    assert len([*await hub.addresses(), *await hub.addresses(after=first)]) == 3
    assert (await hub.revoke_address(made.id)).revoked_by == "library"
    with pytest.raises(AddressNotFoundError):
        await hub.services.open_address(token.reveal())
    with pytest.raises(AddressNotFoundError):
        await hub.revoke_address("nobody")


async def test_kind_of_an_address_is_checked(hub: Hub) -> None:
    with pytest.raises(InvalidValueError) as caught:
        await hub.create_address(name="a", tenant="b", kind="crew")
    assert (caught.value.field, caught.value.rule) == ("kind", "address_kind")


async def test_name_of_a_collection_is_checked(hub: Hub) -> None:
    with pytest.raises(InvalidValueError):
        hub.collection("123456", "no name")


async def test_simulated_mapping_is_not_written(hub: Hub) -> None:
    acme = TenantArea(TenantId("acme"), BusinessArea())
    mapping = ChannelMapping(ChannelKey(ChatwootId("1")), acme)

    simulation = await hub.simulate_mapping(mapping, messages=[IncomingMessage(ChatwootId("1"))])

    [message] = simulation.messages
    assert (message.differs, simulation.changed) == (True, True)
    assert message.after is not None
    assert message.after.owner == acme
    assert (await hub.route("1")).matched_by is Rule.UNRESOLVED


async def test_what_an_outcome_said_is_found_again(hub: Hub) -> None:
    outcome = await hub.sync_credentials(account_id="acme", token="t")
    acknowledged = ExpectedState(outcome.versions["config"], outcome.digests["config"])
    area = ExpectedArea(TenantArea(TenantId("acme"), BusinessArea()), {CONFIG: acknowledged})

    told = await hub.reconcile(area)

    [finding] = told.areas[0].all
    assert finding.status is DriftStatus.EQUAL
    assert [key.kind for key, _ in told.unknown.documents] == [CREDENTIALS]


async def test_mapping_goes_back_to_what_it_was(hub: Hub) -> None:
    for tenant in ("a", "b"):
        await hub.sync_mapping(chatwoot_account_id="1", chatwoot_inbox_id="7", tenant=tenant)
    second, first = await hub.mapping_history("channel/1/7", tenant="a")
    assert (first.version, second.version) == (1, 2)
    assert await hub.mapping_history(after=str(second.place)) == [first]
    (change,) = (await hub.compare_mapping(first.at, second.at)).channels
    assert change == second.change
    rehearsed = await hub.roll_back_mapping(first.at, dry_run=True)
    done = await hub.roll_back_mapping(1, channel="channel/1/7", expected=2)
    assert done == rehearsed
    assert str((await hub.route("1", "7")).owner) == "a/default"
    with pytest.raises(InvalidValueError):
        await hub.roll_back_mapping(1)


async def test_credential_is_deleted(hub: Hub) -> None:
    await hub.publish("123456", "default", "credentials", "credentials:\n  key: value")
    outcome = await hub.delete_credential("123456", "default", "key")
    assert outcome.versions == {"credentials": 2}
    with pytest.raises(CredentialNotFoundError):
        await hub.delete_credential("123456", "default", "key")


async def test_retention_of_a_tenant(hub: Hub) -> None:
    kept = await hub.set_retention("123456", message_days=7)
    assert kept.body["message_days"] == 7
    assert await hub.retention("123456") == kept
    assert (await hub.set_retention("123456")).body["message_days"] == 30


async def test_tenant_is_suspended_erased_and_reopened(hub: Hub) -> None:
    async def sync() -> None:
        await hub.sync_credentials(account_id="123456", token="t", odoo_password="senha")

    await sync()
    await hub.suspend_tenant("123456", reason="unpaid")
    with pytest.raises(TenantSuspendedError):
        await hub.config("123456")
    await hub.end_suspension("123456")
    assert (await hub.tenant_contents("123456")).documents == 2
    certificate = await hub.erase_tenant("123456", confirm="123456", reason="left", large=True)
    assert certificate.statement["reason"] == "left"
    assert await hub.erasure_certificate("123456") == certificate
    assert hub.services.read_standing.verify(certificate.text) == certificate
    with pytest.raises(TenantErasedError):
        await sync()
    await hub.reopen_tenant("123456")
    await sync()
    assert await hub.config("123456")


async def test_tenant_gets_another_id(hub: Hub) -> None:
    await hub.sync_credentials(account_id="123456", token="t", odoo_password="senha")
    planned = await hub.rename_tenant("123456", to="654321", dry_run=True)
    assert planned.documents == 2
    assert await hub.rename_tenant("123456", to="654321", reason="contract") == planned
    assert (await hub.credential("654321", "default", "t")).reveal() == "senha"
    with pytest.raises(TenantRenamedError):
        await hub.config("123456")


async def test_business_area_moves(hub: Hub) -> None:
    await hub.sync_credentials(account_id="123456", token="t", odoo_password="senha")
    plan = await hub.move_area("123456", "default", "Varejo", dry_run=True)
    assert (plan.revisions, plan.credentials) == (2, 1)
    await hub.move_area("123456", "default", "Varejo", reason="renamed")
    assert (await hub.credential("123456", "varejo", "t")).reveal() == "senha"
    with pytest.raises(AreaMovedError):
        await hub.config("123456")
