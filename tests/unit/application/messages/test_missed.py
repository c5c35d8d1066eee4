from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
import structlog
from attrs import evolve

from odoo_ai_config.application.errors import ChatwootUnavailableError, ChatwootUnreadableError
from odoo_ai_config.application.messages import missed as limits
from odoo_ai_config.application.messages.missed import Search
from odoo_ai_config.application.messages.payloads import read_event, read_message
from odoo_ai_config.application.messages.progress import Progress
from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping
from odoo_ai_config.domain.chatwoot import ChatwootChange
from odoo_ai_config.domain.conversations.state import Status
from odoo_ai_config.domain.errors import TenantForbiddenError
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.inbox import Stage
from odoo_ai_config.entrypoints.catching_up import (
    CaughtUp,
    catch_up_at_start,
    receive_missed,
)
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, bound_to
from tests.unit.application.messages.deliveries import (
    ACME,
    delivered,
    has_crews,
    hub_with,
    owns,
    payload,
    received,
)

ACCOUNT = ChatwootId("1")
MINUTE = timedelta(minutes=1)
PERSON: JsonObject = {"id": 3, "name": "Ana", "type": "user"}


async def a_hub() -> MemoryHub:
    hub, _ = hub_with()
    await owns(hub, ACME)
    await has_crews(hub, ACME)
    return hub


def written(
    hub: MemoryHub,
    number: int,
    *,
    conversation: int = 301,
    minutes_ago: float = 0,
    more: JsonObject | None = None,
) -> None:
    """
    Let Chatwoot have a message whose event did not come.
    """
    at = hub.clock.now() - minutes_ago * MINUTE
    event = payload(number, conversation=conversation)
    event |= {"created_at": at.timestamp(), **(more or {})}
    place = ACCOUNT, ChatwootId(str(conversation))
    hub.chatwoot.told.setdefault(place, []).append(event)


async def searched(
    hub: MemoryHub, *, reach: timedelta = timedelta(hours=1), until: datetime | None = None
) -> Search:
    now = hub.clock.now()
    return await hub.find_missed_messages(
        ACCOUNT, since=now - reach, until=until or now, caller=ANYBODY
    )


def numbers(search: Search) -> list[str]:
    return [str(missed.event.origin.message) for missed in search.found]


async def test_message_that_did_not_come_is_found_and_received() -> None:
    hub = await a_hub()
    written(hub, 1, minutes_ago=5)
    search = await searched(hub)
    assert numbers(search) == ["1"]
    assert search.complete
    assert await receive_missed(hub, search, caller=ANYBODY) == CaughtUp(accepted=1)
    (message,) = await hub.ports.inbox.page({Stage.QUEUED}, limit=10)
    assert message.destination is not None
    assert message.destination.owner == ACME


async def test_repetition_finds_and_receives_nothing() -> None:
    hub = await a_hub()
    await received(hub, 1)
    written(hub, 1)
    written(hub, 2)
    search = await searched(hub)
    assert numbers(search) == ["2"]
    await receive_missed(hub, search, caller=ANYBODY)
    assert await receive_missed(hub, search, caller=ANYBODY) == CaughtUp(others=1)
    assert numbers(await searched(hub)) == []


async def test_command_of_a_note_that_did_not_come_is_found_and_comes_first() -> None:
    hub = await a_hub()
    note: JsonObject = {"message_type": "outgoing", "private": True, "sender": PERSON}
    written(hub, 1, minutes_ago=5)
    written(hub, 2, minutes_ago=4, more=note | {"content": "/bot off"})
    written(hub, 3, minutes_ago=3, more=note | {"content": "Que cliente!"})
    search = await searched(hub)
    assert numbers(search) == ["2", "1"]
    await receive_missed(hub, search, caller=ANYBODY)
    step = await delivered(hub)
    assert (step.progress, step.message.reason) == (Progress.IGNORED, "paused")


async def test_what_a_person_has_answered_meanwhile_is_not_for_the_ai() -> None:
    hub = await a_hub()
    written(hub, 1, minutes_ago=5)
    written(hub, 2, minutes_ago=4, more={"message_type": "outgoing", "sender": PERSON})
    written(hub, 3, minutes_ago=3)
    search = await searched(hub)
    # The person's message first.
    assert numbers(search) == ["2", "1", "3"]
    await receive_missed(hub, search, caller=ANYBODY)
    every = await hub.ports.inbox.page(set(Stage), limit=10)
    assert {message.stage for message in every} == {Stage.IGNORED, Stage.QUEUED}
    while await hub.ports.inbox.next_due() is not None:
        assert (await delivered(hub)).progress is Progress.IGNORED
    assert hub.chatwoot.posted == []


@pytest.mark.parametrize(
    "more",
    [
        {"private": True},
        {"deleted": True},
        {"message_type": "activity"},
        {"message_type": "template"},
        {
            "message_type": "outgoing",
            "sender": PERSON,
            "content_attributes": {"odoo_ai_config_answer_to": "msg_12345678"},
        },
    ],
    ids=["note", "deleted", "activity", "template", "ours"],
)
async def test_what_nobody_is_to_know_of_is_not_found(more: JsonObject) -> None:
    hub = await a_hub()
    written(hub, 1, more=more)
    assert numbers(await searched(hub)) == []


async def test_only_the_time_that_is_asked_for_is_searched() -> None:
    hub = await a_hub()
    for number, minutes in enumerate((61, 60, 30, 10), 1):
        written(hub, number, minutes_ago=minutes)
    written(hub, 9, conversation=302, minutes_ago=62)
    found = await searched(hub, until=hub.clock.now() - 30 * MINUTE)
    assert numbers(found) == ["2", "3"]


async def test_conversation_of_people_is_searched_if_its_inbox_is_mapped() -> None:
    hub = await a_hub()
    written(hub, 1)
    await searched(hub)
    hub.chatwoot.talks[ACCOUNT, ChatwootId("301")].status = Status.OPEN
    assert numbers(await searched(hub)) == []
    mapping = ChannelMapping(ChannelKey(ACCOUNT, ChatwootId("7")), ACME)
    await hub.sync_mapping(mapping, caller=ANYBODY)
    assert numbers(await searched(hub)) == ["1"]


async def test_long_conversations_and_many_are_found_page_by_page() -> None:
    hub = await a_hub()
    hub.chatwoot.page = 2
    for number in range(1, 6):
        written(hub, number, minutes_ago=10 - number)
        written(hub, 10 * number, conversation=300 - number, minutes_ago=20 + number)
    found = numbers(await searched(hub))
    assert found == ["1", "2", "3", "4", "5", "10", "20", "30", "40", "50"]


@pytest.mark.parametrize("limit", ["MOST_CONVERSATIONS", "MOST_PAGES", "MOST_FOUND"])
async def test_search_ends_at_its_limits(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = await a_hub()
    hub.chatwoot.page = 1
    for number in range(1, 4):
        written(hub, number, conversation=300 + number, minutes_ago=number)
        written(hub, 10 + number, conversation=300 + number)
    every = await searched(hub)
    assert len(every.found) == 6
    monkeypatch.setattr(limits, limit, 2)
    search = await searched(hub)
    assert not search.complete
    assert 0 < len(search.found) < 6


async def test_search_ends_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = await a_hub()
    written(hub, 1)
    monkeypatch.setattr(limits, "LONGEST_SEARCH", timedelta(0))
    assert await searched(hub) == Search([], complete=False)


async def test_account_needs_a_token_that_may_read() -> None:
    hub = await a_hub()
    written(hub, 1)
    hub.chatwoot.readable = False
    with pytest.raises(ChatwootUnreadableError):
        await searched(hub)
    hub.chatwoot_accounts.fallback = evolve(hub.chatwoot_accounts.fallback, api_token=None)
    hub.chatwoot_accounts.forget()
    with pytest.raises(ChatwootUnreadableError):
        await searched(hub)


async def test_bound_key_finds_nothing() -> None:
    hub = await a_hub()
    now = hub.clock.now()
    with pytest.raises(TenantForbiddenError):
        await hub.find_missed_messages(ACCOUNT, since=now, until=now, caller=bound_to("acme"))


async def test_event_is_told_as_chatwoot_would_have() -> None:
    hub = await a_hub()
    written(hub, 1)
    (missed,) = (await searched(hub)).found
    assert missed.event == read_event(payload(1) | {"created_at": hub.clock.now().timestamp()})
    assert read_message(json.loads(missed.payload.reveal())).text == "Olá 1"


async def test_start_catches_up_with_every_account_that_has_settings() -> None:
    hub = await a_hub()
    token = (hub.chatwoot.token,)
    for account in ("1", "2"):
        change = ChatwootChange(base_url="https://chatwoot.example.com", api_token=token)
        await hub.set_chatwoot_account(ChatwootId(account), change, caller=ANYBODY)
    written(hub, 1, minutes_ago=5)
    written(hub, 2, conversation=302, minutes_ago=90)
    # The first account that is asked fails, the other is caught up with.
    hub.chatwoot.failures.append(ChatwootUnavailableError())
    with structlog.testing.capture_logs() as logged:
        for _ in range(2):
            await catch_up_at_start(hub, reach=timedelta(hours=1), caller=ANYBODY)
    assert [line["event"] for line in logged if line["event"] != "message_received"] == [
        "catching_up_failed",
        "caught_up",
        "caught_up",
        "caught_up",
    ]
    received_now = await hub.ports.inbox.page(set(Stage), limit=10)
    assert [str(message.origin.message) for message in received_now] == ["1"]


async def test_start_goes_on_while_the_store_is_away() -> None:
    hub = await a_hub()
    hub.state.away = True
    with structlog.testing.capture_logs() as logged:
        await catch_up_at_start(hub, reach=timedelta(hours=1), caller=ANYBODY)
    assert [line["event"] for line in logged] == ["catching_up_failed"]
