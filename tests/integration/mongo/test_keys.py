from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from odoo_ai_config.adapters.mongo.api_key_store import MongoApiKeyStore
from odoo_ai_config.adapters.mongo.config_store import MongoConfigStore
from odoo_ai_config.adapters.mongo.database import MongoDatabase
from odoo_ai_config.adapters.mongo.read_cache import ReadCache
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.changes import Changeset
from tests.contract.samples import AT, DAY, api_key
from tests.mongo_server import open_client, temporary_database

REVOKED = api_key().revoked(AT + DAY)


class Stopwatch:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        self.seconds += 1e-6
        return self.seconds


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
async def database(mongo_uri: str, stopwatch: Stopwatch) -> AsyncIterator[MongoDatabase]:
    async with (
        open_client(AsyncIOMotorClient, mongo_uri) as client,
        temporary_database(client) as database,
    ):
        database.api_keys = ReadCache(2, now=stopwatch)
        yield database


@pytest.fixture
def elsewhere(database: MongoDatabase) -> MongoConfigStore:
    """
    The same data in another process.
    """
    return MongoConfigStore(MongoDatabase(database.client, database.name))


async def test_revocation_by_another_process_is_seen_within_two_seconds(
    database: MongoDatabase, elsewhere: MongoConfigStore, stopwatch: Stopwatch
) -> None:
    keys = MongoApiKeyStore(database)
    await elsewhere.commit(Changeset(api_keys=(api_key(),)))
    assert await keys.api_key("a1") == api_key()
    await elsewhere.commit(Changeset(api_keys=(REVOKED,)))
    stopwatch.seconds += 1.9
    # Not asked again: the cache has it.
    assert await keys.api_key("a1") == api_key()
    stopwatch.seconds += 0.1
    assert await keys.api_key("a1") == REVOKED


async def test_own_revocation_is_seen_at_once(database: MongoDatabase) -> None:
    keys, store = MongoApiKeyStore(database), MongoConfigStore(database)
    await store.commit(Changeset(api_keys=(api_key(),)))
    assert await keys.api_key("a1") == api_key()
    await store.commit(Changeset(api_keys=(REVOKED,)))
    assert await keys.api_key("a1") == REVOKED


async def test_new_key_of_another_process_is_good_at_once(
    database: MongoDatabase, elsewhere: MongoConfigStore
) -> None:
    keys = MongoApiKeyStore(database)
    assert await keys.api_key("a1") is None
    await elsewhere.commit(Changeset(api_keys=(api_key(),)))
    assert await keys.api_key("a1") == api_key()


def test_key_that_was_read_while_keys_were_written_is_not_remembered() -> None:
    cache = ReadCache[str, ApiKey](now=Stopwatch())
    read_at = cache.now()
    cache.clear()
    cache.remember("a1", api_key(), read_at=read_at)
    assert cache.get("a1") is None
    cache.remember("a1", api_key(), read_at=cache.now())
    assert cache.get("a1") == api_key()
