"""
Claims by processes whose clocks differ, and what a look for due messages costs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import bson
import pytest
from attrs import evolve, frozen
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import AutoReconnect, PyMongoError

from odoo_ai_config.adapters.mongo import transaction
from odoo_ai_config.adapters.mongo.config_store import MongoConfigStore
from odoo_ai_config.adapters.mongo.database import MongoDatabase
from odoo_ai_config.adapters.mongo.driver_errors import is_conflict
from odoo_ai_config.adapters.mongo.message_inbox import MongoMessageInbox
from odoo_ai_config.adapters.mongo.server_clock import ServerClock
from odoo_ai_config.application.errors import StoreUnavailableError
from odoo_ai_config.application.ports.message_inbox import ClaimLimits
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.messages.inbox import InboxMessage
from tests.contract.mongo_stores import stores_over
from tests.contract.samples import AT, DAY, key, message, revision, secret, tenant_key
from tests.mongo_server import open_client, temporary_database

LEASE = timedelta(minutes=2)
PLENTY = ClaimLimits(1000, 1000, {})


@pytest.fixture
async def database(mongo_uri: str) -> AsyncIterator[MongoDatabase]:
    async with (
        open_client(AsyncIOMotorClient, mongo_uri) as client,
        temporary_database(client) as database,
    ):
        yield database


@frozen
class Process:
    """
    A process whose clock is *ahead* of the server's.
    """

    store: MongoConfigStore
    inbox: MongoMessageInbox
    ahead: timedelta

    @classmethod
    def of(cls, database: MongoDatabase, *, ahead: float) -> Process:
        own = MongoDatabase(database.client, database.name)
        return cls(MongoConfigStore(own), MongoMessageInbox(own), timedelta(seconds=ahead))

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def put(self, *messages: InboxMessage) -> None:
        await self.store.commit(Changeset(messages=messages))

    async def claim(self) -> list[InboxMessage]:
        now = self.now
        return [*await self.inbox.claim(PLENTY, now=now, until=now + LEASE)]


def received(name: str, at: datetime) -> InboxMessage:
    return evolve(message(name, name), received_at=at, updated_at=at, due_at=at)


@pytest.mark.parametrize("first", [-120.0, -3.0, 0.0, 3.0, 76.0, 120.0])
@pytest.mark.parametrize("second", [-120.0, 0.0, 76.0, 120.0])
async def test_no_message_is_claimed_twice_whatever_the_clocks_say(
    database: MongoDatabase, first: float, second: float
) -> None:
    one, other = (Process.of(database, ahead=ahead) for ahead in (first, second))
    # The claim tells the process how wrong its clock is, before it writes anything.
    assert await one.claim() == []
    await one.put(received("message-1", one.now))
    [claimed] = await one.claim()
    assert claimed.due_at is not None
    assert claimed.due_at - one.now == pytest.approx(LEASE, abs=timedelta(seconds=10))
    assert await other.claim() == []
    # A step of the worker renews the lease.
    now = one.now
    await one.put(claimed.awaiting(until=now + LEASE, at=now))
    assert await other.claim() == []
    assert await other.inbox.recall(now=other.now) == 0
    assert await other.claim() == []
    kept = await one.inbox.find(claimed.id)
    assert kept is not None
    assert kept.due_at == pytest.approx(now + LEASE, abs=timedelta(seconds=10))


async def test_clock_that_is_set_is_noticed_without_asking_the_server_again() -> None:
    server, monotonic = AT, 100.0
    asked = count()

    async def ask() -> datetime:
        next(asked)
        return server

    clock = ServerClock(ask, monotonic=lambda: monotonic)
    assert await clock.ahead(AT - timedelta(seconds=76)) == timedelta(seconds=76)
    # What was found counts until a time is compared again.
    assert await clock.ahead() == timedelta(seconds=76)
    monotonic += 10
    assert await clock.ahead(AT + timedelta(seconds=10)) == timedelta(0)
    assert next(asked) == 1
    monotonic += 31
    server += DAY
    assert await clock.ahead(AT) == DAY
    assert next(asked) == 3


async def test_small_differences_do_not_count() -> None:
    async def ask() -> datetime:
        return AT

    clock = ServerClock(ask, monotonic=lambda: 0.0)
    assert await clock.ahead(AT + timedelta(seconds=0.9)) == timedelta(0)
    assert await clock.ahead(AT + timedelta(seconds=1.1)) == -timedelta(seconds=1.1)


@pytest.mark.bulk
async def test_look_costs_as_much_as_it_finds_however_many_tenants_wait(
    database: MongoDatabase,
) -> None:
    stores = stores_over(database)
    await stores.config.commit(Changeset(messages=(message(),)))
    [head] = await database["messages"].find().to_list(None)
    waiting = [
        head
        | {"_id": f"message-{number:05}", "conversation": f"1/{number}", "ready": f"t{number:05}"}
        for number in range(10_000)
    ]
    for first in range(0, len(waiting), 1000):
        await database["messages"].insert_many(waiting[first : first + 1000])
    inbox = MongoMessageInbox(database)
    looks = [await inbox._heads(beside=[]), await inbox._heads(beside=["acme"])]
    for look in looks:
        assert len(bson.encode({"cursor": look})) < 10_000
        assert len(look) == 100
    [taken] = await stores.inbox.claim(ClaimLimits(1, 1, {}), now=AT, until=AT + DAY)
    assert taken.due_at == AT + DAY


async def test_tenant_with_ever_more_due_messages_does_not_delay_the_others(
    database: MongoDatabase,
) -> None:
    stores = stores_over(database)
    crowd = [message(f"message-{number}", str(number)) for number in range(300)]
    late = message("message-late", "late", tenant="other", minute=1)
    for one in (*crowd, late):
        await stores.config.commit(Changeset(messages=(one,)))
    claimed = await stores.inbox.claim(ClaimLimits(64, 16, {}), now=AT + DAY, until=AT + 2 * DAY)
    tenants = [str(one.holder.tenant) for one in claimed]
    assert sorted(set(tenants)) == ["acme", "other"]
    assert tenants.count("acme") == 16


async def test_writers_of_one_tenant_do_not_wait_for_one_another(
    database: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    collisions = 0

    def counted(error: PyMongoError) -> bool:
        nonlocal collisions
        collisions += is_conflict(error)
        return is_conflict(error)

    monkeypatch.setattr(f"{transaction.__name__}.is_conflict", counted)
    stores = stores_over(database)
    await stores.config.commit(Changeset(new_tenant_key=tenant_key()))

    async def write(number: int) -> None:
        for version in (1, 2, 3):
            name = f"area-{number}"
            await stores.config.commit(
                Changeset(
                    revisions=(revision(key(domain=name), version),),
                    secrets=(secret(ref=f"{name}-{version}", number=version),),
                    sealed_under=tenant_key(),
                )
            )

    await asyncio.gather(*map(write, range(30)))
    assert collisions <= 2 * 90


async def test_what_is_claimed_is_not_lost_with_what_cannot_be(
    database: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores, inbox = stores_over(database), MongoMessageInbox(database)
    for number in range(3):
        await stores.config.commit(
            Changeset(messages=(message(f"message-{number}", str(number)),))
        )
    take, failing = inbox._take, {"message-1"}

    async def failing_take(head: Any, *of: Any) -> InboxMessage | None:
        if head["_id"] in failing:
            raise AutoReconnect("the answer was lost")
        return await take(head, *of)

    monkeypatch.setattr(inbox, "_take", failing_take)
    claimed = await inbox.claim(PLENTY, now=AT, until=AT + LEASE)
    assert sorted(str(one.id) for one in claimed) == ["message-0", "message-2"]
    # If there is nothing else, the error is told.
    with pytest.raises(StoreUnavailableError):
        await inbox.claim(PLENTY, now=AT, until=AT + LEASE)
    failing.clear()
    assert [str(one.id) for one in await inbox.claim(PLENTY, now=AT, until=AT + LEASE)] == [
        "message-1"
    ]
