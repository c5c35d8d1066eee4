"""
Known problems of the old unified server, by the numbers of its users' list.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.messages.payloads import customer_message
from odoo_ai_config.application.messages.progress import Progress
from odoo_ai_config.domain.identifiers import BusinessArea, TenantArea, TenantId
from odoo_ai_config.domain.messages.inbox import InboxMessage, Stage, body_context
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from tests.unit.application.messages.deliveries import delivered, has_crews, hub_with
from tests.unit.application.messages.test_payloads import (
    NOTE,
    OF_CONVERSATION,
    OUTGOING,
    WHATSAPP,
)
from tests.unit.entrypoints.http.web_hub import WebHub, having, serving


async def push(web: WebHub, payload: Any) -> Any:
    answer = await web.post("/webhook", payload)
    assert answer.status == 200
    return await answer.json()


async def map_channel(web: WebHub, tenant: str, domain: str = "retail", **channel: Any) -> None:
    mapping = {"internal_account_id": tenant, "domain": domain} | channel
    event = {"event_type": "mapping_sync", "account_id": tenant, "mapping": mapping}
    assert (await web.send(event)).status == 200


def queued(web: WebHub) -> list[InboxMessage]:
    return [m for m in web.hub.state.messages.values() if m.stage is Stage.QUEUED]


async def test_pain_29_what_was_acknowledged_is_in_the_store_and_not_in_a_task(
    web: WebHub,
) -> None:
    await map_channel(web, "acme", chatwoot_account_id=1)
    answer = await push(web, WHATSAPP)
    (message,) = queued(web)
    assert message.id.value == answer["message_id"]


async def test_pain_30_real_payload_has_no_message_object_and_is_read_all_the_same(
    web: WebHub,
) -> None:
    await map_channel(web, "acme", chatwoot_account_id=1)
    assert "message" not in WHATSAPP
    assert "contact" not in WHATSAPP
    last = {"id": 8999, "content": "what was said before", "message_type": 0, "account_id": 1}
    await push(web, having(WHATSAPP, [last], "conversation", "messages"))
    (message,) = queued(web)
    assert message.origin.message is not None
    assert message.origin.message.value == "9001"
    assert message.body is not None
    hub = web.hub
    opened = await Sealer(hub.ports.secrets, hub.vault).opened(body_context(message), message.body)
    read = customer_message(opened)
    assert read.text == "Olá, qual o horário de funcionamento?"
    assert read.contact.id == "42"


async def test_pain_31_private_note_answers_nobody_again(web: WebHub) -> None:
    await map_channel(web, "acme", chatwoot_account_id=1)
    await push(web, WHATSAPP)
    assert (await push(web, NOTE))["reason"] == "private"
    assert (await push(web, OUTGOING))["reason"] == "outgoing"
    assert len(queued(web)) == 1


@pytest.mark.parametrize("changed", [None, [{"status": {"current_value": "resolved"}}]])
async def test_pain_32_change_of_a_conversation_is_no_crash(web: WebHub, changed: Any) -> None:
    answer = await push(web, OF_CONVERSATION | {"changed_attributes": changed})
    assert (answer["status"], answer["reason"]) == ("ignored", "not_a_message")


async def test_pain_33_answer_goes_to_the_account_that_the_question_came_from() -> None:
    hub, _ = hub_with()
    async with serving(hub, HttpOptions(version="1")) as web:
        for tenant, account in (("acme", 1), ("other", 2)):
            await map_channel(web, tenant, chatwoot_account_id=account)
            await has_crews(hub, TenantArea(TenantId(tenant), BusinessArea("retail")))
            await push(web, having(WHATSAPP, account, "account", "id"))
            assert (await delivered(hub)).progress is Progress.POSTED
    assert [posted.account.value for posted in hub.chatwoot.posted] == ["1", "2"]


async def test_pain_34_inbox_gives_a_tenant_and_an_area_and_not_an_object(web: WebHub) -> None:
    await map_channel(web, "acme", "health", chatwoot_account_id=1, chatwoot_inbox_id=7)
    await push(web, WHATSAPP)
    (message,) = queued(web)
    assert str(message.holder) == "acme/health"


async def test_pain_35_area_that_is_called_default_is_an_area_like_any_other(
    web: WebHub,
) -> None:
    await map_channel(web, "acme", "default", chatwoot_account_id=1)
    await map_channel(web, "other", "retail", chatwoot_account_id=9, chatwoot_inbox_id=7)
    await push(web, WHATSAPP)
    (message,) = queued(web)
    assert str(message.holder) == "acme/default"


async def test_message_that_a_storm_of_webhooks_repeats_is_kept_once(web: WebHub) -> None:
    await map_channel(web, "acme", chatwoot_account_id=1)
    answers = await asyncio.gather(*(push(web, WHATSAPP) for _ in range(20)))
    assert sorted(answer["status"] for answer in answers) == ["accepted", *["duplicate"] * 19]
    assert len(queued(web)) == 1
