from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from odoo_ai_config.adapters.memory.config_store import MemoryConfigStore
from odoo_ai_config.adapters.memory.message_inbox import MemoryMessageInbox
from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.errors import MessageRecordedError, StoreUnavailableError
from odoo_ai_config.application.messages.payloads import customer_message, read_event
from odoo_ai_config.domain.access import ApiKey, Scope, ScopeMissingError
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping, SpecialNumber
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.channels.routing import Rule
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.documents.syncs import CredentialsSync
from odoo_ai_config.domain.errors import TenantForbiddenError
from odoo_ai_config.domain.identifiers import (
    BusinessArea,
    ChatwootId,
    CredentialRef,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.messages.inbox import (
    NOBODY,
    Destination,
    InboxMessage,
    MessageId,
    Origin,
    Receipt,
    Reception,
    Release,
    Stage,
    body_context,
)
from tests.unit.application.memory_hub import ANYBODY, STRANGER, MemoryHub, bound_to
from tests.unit.entrypoints.http.web_hub import fixture, having, without

WHATSAPP = fixture("chatwoot_message_created_whatsapp")
OUTGOING = fixture("chatwoot_message_created_outgoing")
ACME = TenantArea(TenantId("acme"), BusinessArea("retail"))
ONE, SEVEN = ChatwootId("1"), ChatwootId("7")
BOSS = SpecialNumber(PhoneNumber("5511999990000"), "admin")


async def mapped(hub: MemoryHub, mapping: ChannelMapping) -> None:
    await hub.sync_mapping(mapping, caller=ANYBODY)


async def receive(
    hub: MemoryHub, payload: dict[str, Any], *, caller: ApiKey = ANYBODY, delivery: str = "d-1"
) -> Receipt:
    event = read_event(payload, delivery=delivery, request_id="r-1")
    return await hub.receive_message(event, SecretText(json.dumps(payload)), caller=caller)


async def kept(hub: MemoryHub, receipt: Receipt) -> InboxMessage:
    message = await hub.ports.inbox.find(receipt.id)
    assert message is not None
    return message


async def text_of(hub: MemoryHub, message: InboxMessage) -> str | None:
    assert message.body is not None
    opened = await Sealer(hub.ports.secrets, hub.vault).opened(body_context(message), message.body)
    return customer_message(opened).text


async def test_message_is_kept_for_the_tenant_of_its_channel(hub: MemoryHub) -> None:
    sync = CredentialsSync(ACME, CredentialRef("t"), name="Acme")
    await hub.sync_credentials(sync, caller=ANYBODY)
    await mapped(hub, ChannelMapping(ChannelKey(ONE, SEVEN), ACME))
    await mapped(hub, ChannelMapping(ChannelKey(ONE, SEVEN), ACME, numbers=(BOSS,)))

    receipt = await receive(hub, WHATSAPP)

    destination = Destination(ACME, "admin", Rule.INBOX, Release(1, 2))
    assert (receipt.reception, receipt.reason) == (Reception.ACCEPTED, None)
    assert receipt.destination == destination
    message = await kept(hub, receipt)
    assert message.stage is Stage.QUEUED
    assert message.destination == destination
    assert message.received_at == message.updated_at == message.due_at == hub.clock.now()
    assert message.origin.request_id == "r-1"
    assert message.origin.delivery == "d-1"
    assert message.holder == ACME
    assert await text_of(hub, message) == "Olá, qual o horário de funcionamento?"


async def test_message_of_a_tenant_without_settings_is_routed(
    hub: MemoryHub,
) -> None:
    await mapped(hub, ChannelMapping(ChannelKey(ONE), ACME))
    receipt = await receive(hub, WHATSAPP)
    assert receipt.destination == Destination(ACME, None, Rule.ACCOUNT, Release(0, 1))


async def test_message_without_a_route_is_sealed_under_the_hubs_own_key(hub: MemoryHub) -> None:
    receipt = await receive(hub, WHATSAPP)

    assert (receipt.reception, receipt.reason) == (Reception.UNRESOLVED, "no_route")
    message = await kept(hub, receipt)
    assert message.stage is Stage.UNRESOLVED
    assert message.reason == "no_route"
    assert message.holder == NOBODY
    assert await text_of(hub, message) == "Olá, qual o horário de funcionamento?"


async def test_ignored_event_of_nobody_is_kept_without_its_text(hub: MemoryHub) -> None:
    receipt = await receive(hub, OUTGOING)

    assert (receipt.reception, receipt.reason) == (Reception.IGNORED, "outgoing")
    message = await kept(hub, receipt)
    assert message.stage is Stage.IGNORED
    assert message.body is None
    assert hub.state.secrets == {}


async def test_worker_is_woken_by_what_it_can_work_on_and_by_nothing_else(hub: MemoryHub) -> None:
    waiting = asyncio.create_task(hub.work_signal.wait(60))
    await receive(hub, OUTGOING)
    await receive(hub, WHATSAPP, delivery="d-2")
    await asyncio.sleep(0)
    assert not waiting.done()

    await mapped(hub, ChannelMapping(ChannelKey(ONE), ACME))
    await receive(hub, having(WHATSAPP, 9100, "id"), delivery="d-3")
    await waiting


@pytest.mark.parametrize(
    ("again", "delivery"),
    [(WHATSAPP, "d-1"), (WHATSAPP, "d-2"), (having(WHATSAPP, 9100, "id"), "d-1")],
    ids=["all the same", "another webhook", "another message"],
)
async def test_same_event_again_names_the_first(
    hub: MemoryHub, again: dict[str, Any], delivery: str
) -> None:
    await mapped(hub, ChannelMapping(ChannelKey(ONE), ACME))
    first = await receive(hub, WHATSAPP)

    receipt = await receive(hub, again, delivery=delivery)

    assert receipt == Receipt(first.id, Reception.DUPLICATE)
    assert len(hub.state.messages) == 1


async def test_inbox_that_knows_the_first_at_once_spares_the_decision(hub: MemoryHub) -> None:
    class Prepared(MemoryMessageInbox):
        @asynccontextmanager
        async def receiving(self, *of: Any, **_at: object) -> AsyncIterator[InboxMessage | None]:
            yield await self.received(of[0])

    await mapped(hub, ChannelMapping(ChannelKey(ONE), ACME))
    first = await receive(hub, WHATSAPP)
    use_case = evolve(hub.receive_message, inbox=Prepared(hub.state))
    event, text = read_event(WHATSAPP), SecretText("{}")
    for caller in (ANYBODY, bound_to("acme")):
        again = await use_case(event, text, caller=caller)
        assert again == Receipt(first.id, Reception.DUPLICATE)
    with pytest.raises(TenantForbiddenError):
        await use_case(event, text, caller=bound_to("other"))


async def test_of_many_that_come_at_once_one_is_kept(hub: MemoryHub) -> None:
    await mapped(hub, ChannelMapping(ChannelKey(ONE), ACME))
    receipts = await asyncio.gather(*(receive(hub, WHATSAPP, delivery=f"{n}") for n in range(9)))
    assert len({receipt.id for receipt in receipts}) == 1
    assert [r.reception for r in receipts].count(Reception.ACCEPTED) == 1
    assert len(hub.state.messages) == 1


async def test_duplicate_of_what_is_gone_meanwhile_may_come_again(hub: MemoryHub) -> None:
    class Forgetful(MemoryMessageInbox):
        async def received(self, origin: Origin) -> None:
            return None

    await receive(hub, WHATSAPP)
    use_case = evolve(hub.receive_message, inbox=Forgetful(hub.state))
    with pytest.raises(MessageRecordedError):
        await use_case(read_event(WHATSAPP), SecretText("{}"), caller=ANYBODY)


async def test_ids_are_ordered_by_time_and_differ_within_a_moment(hub: MemoryHub) -> None:
    first = await receive(hub, OUTGOING)
    second = await receive(hub, having(OUTGOING, 9100, "id"), delivery="d-2")
    hub.clock.tick(timedelta(milliseconds=1))
    third = await receive(hub, having(OUTGOING, 9101, "id"), delivery="d-3")
    assert first.id != second.id
    assert MessageId(max(first.id.value, second.id.value)) < third.id
    assert first.id.value[:16] == second.id.value[:16]


async def test_bound_key_vouches_for_its_own_tenant_only(hub: MemoryHub) -> None:
    await mapped(hub, ChannelMapping(ChannelKey(ONE), ACME))

    own = await receive(hub, WHATSAPP, caller=bound_to("acme"))
    ignored = await receive(hub, OUTGOING, caller=bound_to("acme"), delivery="d-2")

    assert own.reception is Reception.ACCEPTED
    assert ignored.reception is Reception.IGNORED
    elsewhere = without(without(WHATSAPP, "account"), "conversation", "messages")
    for payload, tenant in (
        (WHATSAPP, "other"),
        (OUTGOING, "other"),
        (having(WHATSAPP, 2, "account", "id"), "acme"),
        (elsewhere, "acme"),
    ):
        with pytest.raises(TenantForbiddenError):
            await receive(hub, payload, caller=bound_to(tenant), delivery="d-3")
    assert len(hub.state.messages) == 2


async def test_key_without_the_scope_pushes_nothing(hub: MemoryHub) -> None:
    with pytest.raises(ScopeMissingError):
        await receive(hub, WHATSAPP, caller=STRANGER)
    with pytest.raises(ScopeMissingError):
        await receive(hub, WHATSAPP, caller=bound_to("acme", Scope.MESSAGES_WRITE))
    assert hub.state.messages == {}


async def test_store_that_is_away_keeps_nothing(hub: MemoryHub) -> None:
    hub.state.away = True
    with pytest.raises(StoreUnavailableError):
        await receive(hub, WHATSAPP)
    hub.state.away = False
    assert hub.state.messages == {}


async def test_data_key_that_is_rotated_meanwhile_costs_another_round(hub: MemoryHub) -> None:
    await mapped(hub, ChannelMapping(ChannelKey(ONE), ACME))
    await receive(hub, WHATSAPP)
    store = hub.ports.store
    rounds: list[Changeset] = []

    class Rotating(MemoryConfigStore):
        async def commit(self, changeset: Changeset) -> None:
            if not rounds:
                rounds.append(changeset)
                (key,) = hub.state.keys[ACME.tenant]
                at = hub.clock.now()
                hub.state.keys[ACME.tenant] = [
                    hub.vault.new_tenant_key(ACME.tenant, at=at, succeeding=key)
                ]
            await store.commit(changeset)

    use_case = evolve(hub.receive_message, store=Rotating(hub.state))
    payload = having(WHATSAPP, 9100, "id")
    event = read_event(payload, delivery="d-2")
    receipt = await use_case(event, SecretText(json.dumps(payload)), caller=ANYBODY)
    assert await text_of(hub, await kept(hub, receipt)) == WHATSAPP["content"]
