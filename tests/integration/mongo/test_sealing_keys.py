"""
The cache of data keys for sealing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.monitoring import CommandStartedEvent

from odoo_ai_config.adapters.mongo import uses as uses_of_records
from odoo_ai_config.adapters.mongo.database import MongoDatabase
from odoo_ai_config.adapters.mongo.read_cache import ReadCache
from odoo_ai_config.adapters.mongo.uses import Uses
from odoo_ai_config.application.errors import TenantKeyChangedError
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.credentials.secrets import TenantKey
from odoo_ai_config.domain.identifiers import TenantId
from tests.contract.mongo_stores import stores_over
from tests.contract.samples import message, secret, tenant_key, text_of
from tests.mongo_server import Commands, open_client, temporary_database

OLD, NEW = tenant_key(), tenant_key(key_id="k2")


@pytest.fixture
async def database(mongo_uri: str) -> AsyncIterator[MongoDatabase]:
    async with (
        open_client(AsyncIOMotorClient, mongo_uri) as client,
        temporary_database(client) as database,
    ):
        yield database


async def test_remembered_key_seals_until_a_commit_finds_its_successor(
    database: MongoDatabase,
) -> None:
    stores, others = (
        stores_over(database),
        stores_over(MongoDatabase(database.client, database.name)),
    )
    await stores.config.commit(Changeset(new_tenant_key=OLD))
    assert await stores.secrets.sealing_key(OLD.tenant) == OLD
    assert await others.secrets.add_key(NEW, successor_of=OLD)
    assert await stores.secrets.sealing_key(OLD.tenant) == OLD
    sealing = Changeset(secrets=(secret(),), sealed_under=OLD)
    # The old key still exists, and would be valid for a caller that just read it.
    with pytest.raises(TenantKeyChangedError):
        await stores.config.commit(sealing)
    assert await stores.secrets.sealing_key(OLD.tenant) == NEW
    await stores.config.commit(sealing)


def test_tenant_that_was_first_remembered_makes_room() -> None:
    keys = ReadCache[TenantId, TenantKey](most=2)
    for tenant in ("first", "second", "third"):
        keys.remember(TenantId(tenant), tenant_key(tenant), read_at=keys.now())
    found = [keys.get(TenantId(tenant)) for tenant in ("first", "second", "third")]
    assert found == [None, tenant_key("second"), tenant_key("third")]


def test_every_use_is_known_after_one_turn() -> None:
    uses = Uses()
    assert [uses.one_that("acme", active="k1") for _ in range(3)] == [None] * 3
    for _ in range(64):
        uses.one_of("acme", active="k1")
    assert None not in [uses.one_that("acme", active="k1") for _ in range(128)]
    assert uses.one_that("acme", active="k2") is None
    assert uses.one_that("other", active="k1") is None


def test_use_that_was_first_known_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uses_of_records, "_MOST_KNOWN", 1)
    monkeypatch.setattr(uses_of_records, "_SHARES", 1)
    uses = Uses()
    for tenant in ("first", "second"):
        uses.one_of(tenant, active="k1")
    known = [uses.one_that(tenant, active="k1") is not None for tenant in ("first", "second")]
    assert known == [False, True]


class _Limits(Commands):
    def __init__(self) -> None:
        super().__init__()
        self.limits: list[int] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name == "find":
            self.limits.append(event.command.get("limit", 0))


async def test_search_for_what_another_key_seals_never_reads_more_than_is_asked_for(
    mongo_uri: str,
) -> None:
    listener = _Limits()
    async with (
        open_client(AsyncIOMotorClient, mongo_uri, event_listeners=[listener]) as client,
        temporary_database(client) as database,
    ):
        stores = stores_over(database)
        received = [message(f"message-{number}", str(number)) for number in range(3)]
        for one in received:
            await stores.config.commit(Changeset(messages=(one,), secrets=(text_of(one),)))
        await stores.config.commit(Changeset(secrets=(secret(),)))
        listener.limits.clear()
        counts = [len(await stores.secrets.secrets_not_sealed_by(NEW, limit=n)) for n in (1, 2, 9)]
    assert counts == [1, 2, 4]
    # The server takes 0 for no limit.
    assert all(listener.limits)


def test_tenant_that_is_remembered_again_takes_no_other_ones_room() -> None:
    keys = ReadCache[TenantId, TenantKey](most=2)
    for tenant in ("first", "second", "second"):
        keys.remember(TenantId(tenant), tenant_key(tenant), read_at=keys.now())
    assert keys.get(TenantId("first")) == tenant_key("first")
