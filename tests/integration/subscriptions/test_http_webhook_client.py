"""
Events to real receivers, which check their signatures as receivers do.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest
import standardwebhooks

from odoo_ai_config.adapters.outbound.sessions import HttpSessions
from odoo_ai_config.adapters.subscriptions.http_webhook_client import HttpWebhookClient
from odoo_ai_config.adapters.system.clock import SystemClock
from odoo_ai_config.application.errors import (
    SubscriberGoneError,
    SubscriberUnavailableError,
    TargetForbiddenError,
)
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.inbox import MessageId
from tests.stand_ins.crew import CrewStandIn, replies

ID = MessageId("msg_0001")
BODY: JsonObject = {"type": "config.changed", "timestamp": "2026-11-30T12:00:00Z", "data": {}}
NEW, OLD = (
    SecretText("whsec_" + base64.b64encode(bytes([number] * 24)).decode()) for number in (1, 2)
)


@pytest.fixture
async def client() -> AsyncIterator[HttpWebhookClient]:
    sessions = HttpSessions([ip_network("127.0.0.0/8")])
    yield HttpWebhookClient(sessions, SystemClock())
    await sessions.close()


@pytest.fixture
async def server() -> AsyncIterator[CrewStandIn]:
    async with CrewStandIn().open() as server:
        yield server


async def test_receiver_checks_the_signature_by_either_secret(
    client: HttpWebhookClient, server: CrewStandIn
) -> None:
    server.script.append(replies(status=204))
    await client.post(server.url, BODY, id_=ID, secrets=(NEW, OLD))
    (asked,) = server.asked
    assert asked.headers["webhook-id"] == ID.value
    assert asked.headers["Content-Type"] == "application/json"
    for secret in (NEW, OLD):
        webhook = standardwebhooks.Webhook(secret.reveal())
        assert webhook.verify(asked.body, dict(asked.headers)) == BODY
    assert json.loads(asked.body) == BODY


async def test_answer_without_a_success_may_be_sent_again(
    client: HttpWebhookClient, server: CrewStandIn
) -> None:
    wished = replies(status=503, headers={"Retry-After": "7"})
    found = []
    for behaviour in (wished, replies(status=404), replies(status=302)):
        server.script.append(behaviour)
        with pytest.raises(SubscriberUnavailableError) as failed:
            await client.post(server.url, BODY, id_=ID, secrets=(NEW,))
        found.append(failed.value.retry_after)
    assert found == [7.0, None, None]


async def test_address_that_is_gone_says_so(
    client: HttpWebhookClient, server: CrewStandIn
) -> None:
    server.script.append(replies(status=410))
    with pytest.raises(SubscriberGoneError):
        await client.post(server.url, BODY, id_=ID, secrets=(NEW,))


@pytest.mark.parametrize(
    "url", ["https://10.0.0.1/hook", "http://203.0.113.9/hook", "https://a..b/hook"]
)
async def test_address_where_crews_must_not_be_is_not_called(
    client: HttpWebhookClient, url: str
) -> None:
    with pytest.raises(TargetForbiddenError):
        await client.post(url, BODY, id_=ID, secrets=(NEW,))
