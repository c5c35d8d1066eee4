"""
How many commands each common piece of work may send: over a network each is a round trip.

The process has done everything once before.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from attrs import frozen

from odoo_ai_config.adapters.mongo import uses
from odoo_ai_config.adapters.mongo.database import MongoDatabase
from odoo_ai_config.adapters.mongo.read_cache import ReadCache
from odoo_ai_config.adapters.mongo.uses import Uses
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.application.messages.progress import GOES_ON, Progress
from odoo_ai_config.domain.chatwoot import ChatwootAccess
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import CONFIG, CREWS
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.inbox import InboxMessage, Receipt, Reception
from odoo_ai_config.domain.outcomes import Outcome
from odoo_ai_config.entrypoints.http.odoo_events.payloads import credentials_sync
from tests.contract.mongo_stores import stores_over
from tests.mongo_server import CLIENTS, Commands, open_client, temporary_database
from tests.source_tree import ROOT
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, write
from tests.unit.application.messages.deliveries import (
    ACME,
    ANSWER,
    CREWS_DOCUMENT,
    PLENTY,
    ScriptedCrew,
    owns,
)

_MESSAGE: JsonObject = json.loads(
    (ROOT / "tests/fixtures/chatwoot_message_created_whatsapp.json").read_text("utf-8")
)


@frozen
class Budgets:
    """
    The most commands for a piece of work, and whether the server joins writes as from 8.0 on.
    """

    joins_writes: bool
    credentials_change: int
    accepted: int
    delivered: int
    unchanged_event: int = 1
    read: int = 1
    duplicate: int = 1
    claimed: int = 2
    look: int = 1


BUDGETS = [
    pytest.param(Budgets(True, credentials_change=3, accepted=3, delivered=5), id="joined"),
    pytest.param(Budgets(False, credentials_change=6, accepted=6, delivered=6), id="apart"),
]


@frozen
class Hub:
    """
    The use cases over MongoDB.
    """

    services: MemoryHub
    commands: Commands
    database: MongoDatabase

    def forget_uses(self) -> None:
        """
        As after a start.
        """
        self.database.key_uses = Uses()

    async def changed(self, password: str) -> Outcome:
        """
        A change of credentials in Odoo.
        """
        body: JsonObject = {
            "source": "credentials",
            "event": "credentials_sync",
            "account_id": "acme",
            "credentials": {
                "domain": "retail",
                "token": "acme-abcd1234",
                "odoo_url": "http://localhost:8069",
                "odoo_password": password,
                "facebook_app_secret": f"facebook {password}",
            },
        }
        return await self.services.sync_credentials(credentials_sync(body), caller=ANYBODY)

    async def received(self, number: int) -> Receipt:
        """
        Message *number* of the only conversation.
        """
        body = {**_MESSAGE, "id": number}
        self.services.clock.tick(timedelta(milliseconds=1))
        event = read_event(body, request_id=f"request-{number}")
        return await self.services.receive_message(
            event, SecretText(json.dumps(body)), caller=ANYBODY
        )

    async def claimed(self) -> InboxMessage:
        """
        The only message that is due, claimed as a delivery worker does.
        """
        inbox, now = self.services.ports.inbox, self.services.clock.now()
        assert await inbox.next_due() == now
        (message,) = await inbox.claim(
            PLENTY, now=now, until=now + self.services.deliver_message.lease
        )
        return message

    async def delivered(self, message: InboxMessage) -> Progress:
        """
        Deliver a claimed message as a delivery worker does.
        """
        step = await self.services.deliver_message(message)
        while step.progress in GOES_ON:
            step = await self.services.deliver_message(
                step.message, unposted=True, answer=step.answer
            )
        return step.progress


@pytest.fixture(params=BUDGETS)
def budgets(request: pytest.FixtureRequest) -> Budgets:
    budgets: Budgets = request.param
    return budgets


@pytest.fixture(params=CLIENTS)
async def hub(
    mongo_uri: str,
    request: pytest.FixtureRequest,
    budgets: Budgets,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Hub]:
    # The first use of each share reads; here one use is the first of all.
    monkeypatch.setattr(uses, "_SHARES", 1)
    commands = Commands()
    kind: Callable[..., Any] = request.param
    async with (
        open_client(kind, mongo_uri, event_listeners=[commands]) as client,
        temporary_database(client) as database,
    ):
        # A server before 8.0 says so.
        database._joins_writes = budgets.joins_writes
        # However slow the machine is: a process asks every two seconds who is suspended.
        database.standings = ReadCache()
        services = MemoryHub(
            stores=stores_over(database),
            crew_client=ScriptedCrew(deque([ANSWER])),
            chatwoot_fallback=ChatwootAccess(
                "https://chatwoot.example.com", SecretText("chatwoot-token")
            ),
        )
        hub = Hub(services, commands, database)
        await owns(services, ACME)
        crews = json.dumps(CREWS_DOCUMENT)
        await services.publish_document(write(ACME.document(CREWS)), text=crews)
        for number in range(2):
            await hub.changed(f"first {number}")
            await hub.received(number)
            assert await hub.delivered(await hub.claimed()) is Progress.POSTED
        yield hub


async def test_change_of_credentials(hub: Hub, budgets: Budgets) -> None:
    with hub.commands.at_most(budgets.credentials_change):
        assert (await hub.changed("second")).changed


async def test_change_of_credentials_by_a_process_that_made_none_before(
    hub: Hub, budgets: Budgets
) -> None:
    hub.forget_uses()
    with hub.commands.at_most(budgets.credentials_change + 1):
        assert (await hub.changed("second")).changed


async def test_unchanged_event(hub: Hub, budgets: Budgets) -> None:
    await hub.changed("second")
    with hub.commands.at_most(budgets.unchanged_event):
        assert not (await hub.changed("second")).changed


async def test_reading_a_document(hub: Hub, budgets: Budgets) -> None:
    with hub.commands.at_most(budgets.read):
        await hub.services.read_document(ACME.document(CONFIG), caller=ANYBODY)


async def test_message_from_its_receipt_to_its_answer(hub: Hub, budgets: Budgets) -> None:
    with hub.commands.at_most(budgets.accepted):
        receipt = await hub.received(100)
    assert receipt.reception is Reception.ACCEPTED
    with hub.commands.at_most(budgets.claimed):
        message = await hub.claimed()
    with hub.commands.at_most(budgets.delivered):
        assert await hub.delivered(message) is Progress.POSTED
    with hub.commands.at_most(budgets.look):
        assert await hub.services.ports.inbox.next_due() is None


async def test_message_that_comes_again(hub: Hub, budgets: Budgets) -> None:
    first = await hub.received(100)
    with hub.commands.at_most(budgets.duplicate):
        again = await hub.received(100)
    assert (again.id, again.reception) == (first.id, Reception.DUPLICATE)
