from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from odoo_ai_config.adapters.memory.chatwoot_client import MemoryChatwootClient
from odoo_ai_config.domain.crews import CrewTask
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.answers import DEFERRED, Answer, Deferred
from odoo_ai_config.domain.messages.inbox import Stage, WrongStageError
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.delivery_worker import Capacity
from odoo_ai_config.entrypoints.library import Hub, open_hub
from odoo_ai_config.entrypoints.settings import read_settings
from odoo_ai_config.entrypoints.startup import opened
from tests.unit.application.messages.deliveries import payload

CREWS = "default_crew: sales\ncrews: {sales: {type: in_process}}"


@pytest.fixture
def chatwoot() -> MemoryChatwootClient:
    return MemoryChatwootClient()


@pytest.fixture
async def hub(chatwoot: MemoryChatwootClient) -> AsyncIterator[Hub]:
    settings = read_settings(
        flags={
            "store_url": "memory://",
            "chatwoot_url": "https://chatwoot.example.com",
            "chatwoot_api_token": "chatwoot-token",
        },
        environment={},
    )
    async with opened(Container(settings=settings, chatwoot=chatwoot)) as services:
        hub = Hub(services)
        await hub.sync_mapping(chatwoot_account_id="1", tenant="acme")
        await hub.publish("acme", "default", "crews", CREWS)
        yield hub


async def until_one_is(hub: Hub, stage: str) -> str:
    async with asyncio.timeout(30):
        while not (found := await hub.messages(stage)):
            await asyncio.sleep(0.001)
    return found[0].id.value


async def test_function_of_the_program_answers_the_customer(
    hub: Hub, chatwoot: MemoryChatwootClient
) -> None:
    @hub.crew("sales")
    async def sales(task: CrewTask) -> str:
        return f"Você disse: {task.message.text}"

    async with hub.deliveries():
        receipt = await hub.receive(payload(), delivery="d-0001")
        assert await until_one_is(hub, "done") == receipt.id.value
        assert (await hub.receive(payload(), delivery="d-0001")).id == receipt.id
    (posted,) = chatwoot.posted
    assert posted.message.text == "Você disse: Olá 1"
    assert callable(sales)


async def test_answer_may_come_later(hub: Hub, chatwoot: MemoryChatwootClient) -> None:
    @hub.crew("sales")
    async def sales(_task: CrewTask) -> Deferred:
        return DEFERRED

    async with hub.deliveries():
        await hub.receive(payload())
        message_id = await until_one_is(hub, "awaiting")
        await hub.answer(message_id, "Às 18h.")
        await until_one_is(hub, "done")
    assert [posted.message.text for posted in chatwoot.posted] == ["Às 18h."]
    with pytest.raises(WrongStageError):
        await hub.answer(message_id, None)


@pytest.mark.parametrize("later", [False, True])
async def test_function_may_leave_a_note(
    hub: Hub, chatwoot: MemoryChatwootClient, *, later: bool
) -> None:
    note = Answer.of_text("Cliente em atraso.", private=True)

    @hub.crew("sales")
    async def sales(_task: CrewTask) -> Answer | Deferred:
        return DEFERRED if later else note

    async with hub.deliveries():
        await hub.receive(payload())
        if later:
            message_id = await until_one_is(hub, "awaiting")
            await hub.answer(message_id, note)
        await until_one_is(hub, "done")
    assert [posted.message for posted in chatwoot.posted] == [note.plain]


async def test_stuck_message_is_sent_on_its_way_again(
    hub: Hub, chatwoot: MemoryChatwootClient
) -> None:
    await hub.receive(payload(account=2))
    message_id = await until_one_is(hub, "unresolved")
    await hub.sync_mapping(chatwoot_account_id="2", tenant="acme")

    @hub.crew("sales")
    async def sales(_task: CrewTask) -> str:
        return "Sim."

    async with hub.deliveries():
        assert (await hub.replay(message_id)).stage is Stage.QUEUED
        await until_one_is(hub, "done")
    assert len(chatwoot.posted) == 1


async def test_messages_are_listed_by_stage_and_tenant_and_page(hub: Hub) -> None:
    ids = [(await hub.receive(payload(number))).id.value for number in (1, 2, 3)]
    await hub.receive(payload(4, account=2))
    newest_first = [message.id.value for message in await hub.messages("queued", tenant="acme")]
    assert newest_first == ids[::-1]
    assert len(await hub.messages()) == 4
    (older,) = await hub.messages("queued", after=ids[1], limit=1)
    assert older.id.value == ids[0]
    for wrong in (hub.messages("lost"), hub.messages(tenant="../"), hub.messages(after="/")):
        with pytest.raises(InvalidValueError):
            await wrong


async def test_capacity_comes_from_the_settings() -> None:
    settings = read_settings(flags={"store_url": "memory://", "deliveries": "3"}, environment={})
    async with open_hub(settings) as hub:
        assert hub.capacity == Capacity(total=3)


async def test_person_is_found_exported_and_erased(hub: Hub) -> None:
    await hub.sync_mapping(chatwoot_account_id="1", tenant="acme")
    sender: JsonObject = {"id": 77, "phone_number": "+5511987654321"}
    await hub.receive(
        {
            "event": "message_created",
            "id": 1,
            "content": "oi",
            "message_type": "incoming",
            "account": {"id": 1},
            "conversation": {"id": 301},
            "sender": sender,
        }
    )
    [found] = await hub.find_person(contact="1/77")
    assert (str(found.tenant), found.messages) == ("acme", 1)
    page = await hub.export_person("acme", number="11 98765-4321")
    assert [one.text and one.text.text for one in page.messages] == ["oi"]
    assert (await hub.erase_person("acme", contact="1/77", dry_run=True)).messages == 1
    assert (await hub.erase_person("acme", contact="1/77")).messages == 1
    assert await hub.find_person(contact="1/77", tenant="acme") == []
