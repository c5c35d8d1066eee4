"""
What a program is promised of a hub, in process and over HTTP: the same calls, the same results.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from attrs import frozen

from odoo_ai_config.client.remote_hub import RemoteHub
from odoo_ai_config.domain.channels.routing import Rule, Verdict
from odoo_ai_config.domain.errors import (
    CollectionNotFoundError,
    CredentialNotFoundError,
    CursorExpiredError,
    DocumentDeletedError,
    DocumentNotFoundError,
    DomainError,
    InvalidValueError,
    ItemNotFoundError,
    MessageNotFoundError,
)
from odoo_ai_config.domain.feed import FeedCompactedError, FeedKind
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.json_types import JsonObject, ReadOnlyJsonObject
from odoo_ai_config.domain.messages.inbox import Reception, Stage, WrongStageError
from odoo_ai_config.domain.outcomes import ItemCounts, WriteKind
from odoo_ai_config.domain.tenants import TenantErasedError, TenantSuspendedError
from odoo_ai_config.entrypoints.library import Hub
from tests.unit.application.memory_hub import ANYBODY, write

EVENT: JsonObject = {
    "event": "message_created",
    "message_type": "incoming",
    "id": 9001,
    "content": "Oi",
    "account": {"id": 1},
    "conversation": {"id": 301, "inbox_id": 7},
    "sender": {"id": 5, "phone_number": "+5511988887777"},
}


@frozen(eq=False)
class World:
    """
    A hub, and the same one in process for what others do to it.

    Args:
        hear: Makes sure that the hub knows what others did.
    """

    hub: Hub | RemoteHub
    others: Hub
    hear: Callable[[], Awaitable[None]]


class HubContract:
    """
    A subclass has the fixture `world`.
    """

    async def test_settings_are_read_as_they_are_stored(self, world: World) -> None:
        outcome = await world.hub.sync_credentials(
            account_id="acme",
            token="ref",
            domain="Saúde e Bem-Estar",
            odoo_url="https://odoo.example.com",
            odoo_password="senha",
            enabled_collections=["products"],
        )
        again = await world.hub.sync_credentials(
            account_id="acme", token="ref", domain="Saúde e Bem-Estar", odoo_password="senha"
        )
        assert (outcome.kind, str(outcome.owner)) == (
            WriteKind.CREDENTIALS,
            "acme/saude-e-bem-estar",
        )
        assert (outcome.versions, outcome.changed) == ({"config": 1, "credentials": 1}, True)
        assert (again.versions, again.changed) == (outcome.versions, False)
        assert again.digests == outcome.digests
        config = await world.hub.config("acme", "Saúde e Bem-Estar")
        assert config == await world.others.config("acme", "saude-e-bem-estar")
        config.clear()
        assert (await world.hub.config("acme", "saude-e-bem-estar"))["account_id"] == "acme"

    async def test_what_is_cleared_is_gone(self, world: World) -> None:
        await world.hub.sync_credentials(account_id="acme", token="ref", odoo_db="loja")
        await world.hub.sync_credentials(account_id="acme", token="ref", clear=["odoo_db"])
        assert "loja" not in str(await world.hub.config("acme"))

    async def test_late_event_changes_nothing(self, world: World) -> None:
        late = datetime(2026, 1, 1, tzinfo=UTC)
        await world.hub.sync_credentials(
            account_id="acme", token="ref", name="A", event_at=datetime(2026, 2, 1, tzinfo=UTC)
        )
        outcome = await world.hub.sync_credentials(
            account_id="acme", token="ref", name="B", event_at=late
        )
        assert [notice.code for notice in outcome.notices] == ["stale"]

    async def test_change_of_another_is_read(self, world: World) -> None:
        await world.others.sync_credentials(account_id="acme", token="ref", name="A")
        assert (await world.hub.config("acme"))["name"] == "A"
        await world.others.sync_credentials(account_id="acme", token="ref", name="B")
        await world.hear()
        assert (await world.hub.config("acme"))["name"] == "B"

    async def test_settings_that_are_not_there_are_refused(self, world: World) -> None:
        with pytest.raises(DocumentNotFoundError):
            await world.hub.config("acme")
        with pytest.raises(InvalidValueError) as malformed:
            await world.hub.config("../acme")
        assert (malformed.value.field, malformed.value.rule) == ("account_id", "account_id")
        await world.others.sync_credentials(account_id="acme", token="ref")
        key = (await world.others.document("acme", "default", "config")).key
        assert await world.hub.config("acme")
        await world.others.services.delete_document(write(key))
        await world.hear()
        with pytest.raises(DocumentDeletedError) as deleted:
            await world.hub.config("acme")
        assert deleted.value.version == 2

    async def test_tenant_that_is_suspended_or_erased_is_not_served(self, world: World) -> None:
        await world.others.sync_credentials(account_id="acme", token="ref")
        await world.others.sync_mapping(chatwoot_account_id="1", tenant="acme")
        assert (await world.hub.route("1")).owner is not None
        await world.others.suspend_tenant("acme")
        await world.hear()
        for call in (world.hub.config("acme"), world.hub.route("1")):
            with pytest.raises(TenantSuspendedError) as suspended:
                await call
            assert suspended.value.tenant == TenantId("acme")
        await world.others.end_suspension("acme")
        await world.hear()
        assert await world.hub.config("acme")
        await world.others.erase_tenant("acme", confirm="acme")
        await world.hear()
        with pytest.raises(TenantErasedError):
            await world.hub.config("acme")

    async def test_credential_is_opened(self, world: World) -> None:
        await world.hub.sync_credentials(account_id="acme", token="other")
        await world.hub.sync_credentials(account_id="acme", token="r@f.x", odoo_password="um")
        secret = await world.hub.credential("acme", "default", "r@f.x")
        assert (str(secret), secret.reveal()) == ("***", "um")
        await world.others.sync_credentials(account_id="acme", token="r@f.x", odoo_password="dois")
        await world.hear()
        assert (await world.hub.credential("acme", "default", "r@f.x")).reveal() == "dois"
        await world.others.delete_credential("acme", "default", "r@f.x")
        await world.hear()
        with pytest.raises(CredentialNotFoundError):
            await world.hub.credential("acme", "default", "r@f.x")

    async def test_message_is_routed(self, world: World) -> None:
        outcome = await world.hub.sync_mapping(
            chatwoot_account_id="1",
            chatwoot_inbox_id="7",
            tenant="acme",
            is_fallback=True,
            sequence=3,
            special_whatsapp_numbers={"+55 11 99999-9999": "analytics"},
        )
        assert (outcome.kind, outcome.versions) == (WriteKind.MAPPING, {"mapping": 1})
        for number in ("5511999999999", "551199999999@s.whatsapp.net", "(11) 99999-9999"):
            route = await world.hub.route("1", "7", number)
            assert (str(route.owner), route.crew) == ("acme/default", "analytics")
            assert route.matched_by is Rule.INBOX
        assert (await world.hub.route("1", "8", "BR.123")).matched_by is Rule.ACCOUNT_OWNER
        assert (await world.hub.route("2")).matched_by is Rule.FALLBACK
        explained = await world.hub.route("1", "8", explain=True)
        assert [step.verdict for step in explained.considered] == [
            Verdict.NO_MAPPING,
            Verdict.NO_MAPPING,
            Verdict.WON,
            Verdict.NO_NUMBER,
            Verdict.NOT_NEEDED,
        ]
        assert explained == await world.others.route("1", "8", explain=True)

    async def test_channel_that_moves_or_ends_is_routed_anew(self, world: World) -> None:
        await world.others.sync_mapping(chatwoot_account_id="1", tenant="acme")
        assert str((await world.hub.route("1")).owner) == "acme/default"
        await world.others.sync_mapping(chatwoot_account_id="1", tenant="other")
        await world.hear()
        assert str((await world.hub.route("1")).owner) == "other/default"
        outcome = await world.hub.sync_mapping(
            chatwoot_account_id="1", tenant="other", active=False
        )
        assert outcome.kind is WriteKind.MAPPING_DELETE
        assert (await world.hub.route("1")).matched_by is Rule.UNRESOLVED

    async def test_collection_is_read_by_what_changed(self, world: World) -> None:
        await world.hub.sync_credentials(
            account_id="acme", token="ref", enabled_collections=["products"]
        )
        products = world.hub.collection("acme", "products")
        with pytest.raises(CollectionNotFoundError):
            await products.read()
        items: dict[str, ReadOnlyJsonObject] = {
            str(n): {"id": str(n), "name": f"Item {n}"} for n in range(1, 6)
        }
        outcome = await products.replace(items)
        assert outcome.items == ItemCounts(5, added=5, changed=0, removed=0, unchanged=0)
        assert outcome.versions == {"products_informations": 1}
        first = await products.read(limit=3)
        assert (first.version, first.size, first.complete) == (1, 5, False)
        rest = await products.read(first.cursor, limit=3)
        assert [state.id for state in (*first.states, *rest.states)] == [*items]
        assert rest.complete
        assert (await products.read(rest.cursor)).states == ()
        await products.amend({"1": {"id": "1", "name": "Novo"}}, removed=["5"])
        changed = await products.read(rest.cursor)
        assert [(state.id, state.item is None) for state in changed.states] == [
            ("1", False),
            ("5", True),
        ]
        assert changed.states[0].item is not None
        assert changed.states[0].item.body == {"id": "1", "name": "Novo"}
        item = await products.item("1")
        assert item == await world.others.collection("acme", "products").item("1")
        with pytest.raises(ItemNotFoundError):
            await products.item("5")

    async def test_cursor_that_says_nothing_is_refused(self, world: World) -> None:
        await world.hub.sync_credentials(
            account_id="acme", token="ref", enabled_collections=["products"]
        )
        products = world.hub.collection("acme", "products")
        await products.replace({})
        with pytest.raises(CursorExpiredError):
            await products.read("00000000.9.9")
        with pytest.raises(DomainError) as malformed:
            await products.read("?")
        assert malformed.value.code == "invalid_value"

    async def test_message_is_received_and_replayed(self, world: World) -> None:
        first = await world.hub.receive(EVENT, delivery="delivery-0001")
        again = await world.hub.receive(EVENT, delivery="delivery-0001")
        assert (first.reception, first.reason) == (Reception.UNRESOLVED, "no_route")
        assert (again.reception, again.id) == (Reception.DUPLICATE, first.id)
        await world.hub.sync_mapping(chatwoot_account_id="1", tenant="acme")
        replayed = await world.hub.replay(first.id.value)
        assert (replayed.id, replayed.stage) == (first.id, Stage.QUEUED)
        with pytest.raises(WrongStageError) as wrong:
            await world.hub.replay(first.id.value)
        assert wrong.value.stage is Stage.QUEUED

    async def test_message_is_answered(self, world: World) -> None:
        await world.hub.sync_mapping(chatwoot_account_id="1", tenant="acme")
        receipt = await world.hub.receive(EVENT)
        answered = await world.hub.answer(receipt.id.value, "Olá", private=True)
        assert (answered.id, answered.stage) == (receipt.id, Stage.ANSWERED)
        for nobody in (world.hub.answer("msg_00000000", None), world.hub.replay("msg_00000000")):
            with pytest.raises(MessageNotFoundError):
                await nobody

    async def test_changes_are_told_in_their_order(self, world: World) -> None:
        begin = await world.hub.cursor()
        await world.others.sync_credentials(account_id="acme", token="ref", odoo_password="um")
        await world.others.sync_mapping(chatwoot_account_id="1", tenant="acme")
        await world.others.collection("acme", "products").replace({"1": {}})
        await world.others.sync_credentials(account_id="other", token="ref")
        await world.others.suspend_tenant("acme")
        told = []
        async for change in world.hub.changes(begin):
            told.append(change)
            if change.kind is FeedKind.TENANT:
                break
        assert {change.kind for change in told} == {
            FeedKind.CONFIG,
            FeedKind.CREDENTIALS,
            FeedKind.MAPPING,
            FeedKind.COLLECTION,
            FeedKind.TENANT,
        }
        assert len({change.cursor for change in told}) == len(told)
        some = world.hub.changes(begin, tenant="other", kinds=["config"])
        change = await anext(some)
        assert (change.kind, change.version, str(change.tenants[0])) == (
            FeedKind.CONFIG,
            1,
            "other",
        )
        with pytest.raises(InvalidValueError):
            await anext(world.hub.changes(begin, kinds=["nothing"]))
        with pytest.raises(FeedCompactedError) as compacted:
            await anext(world.hub.changes("of-another-hub"))
        assert compacted.value.cursor == told[-1].cursor

    async def test_reading_is_recorded_as_in_process(self, world: World) -> None:
        await world.hub.sync_credentials(account_id="acme", token="ref", odoo_password="um")
        await world.hub.credential("acme", "default", "ref")
        entries = await world.others.services.read_audit_trail(caller=ANYBODY)
        assert "credential_read" in {one.entry.action.value for one in entries}
