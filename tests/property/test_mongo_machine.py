from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from motor.motor_asyncio import AsyncIOMotorClient

from tests.contract.mongo_stores import stores_over
from tests.contract.stores import Stores
from tests.mongo_server import open_client, temporary_database
from tests.property.config_store_machine import config_store_machine

# Every step asks the server a dozen times; the quicker stores try more histories.
_SHARE = 4


def test_mongo_stores_agree_with_the_model(mongo_uri: str) -> None:
    @asynccontextmanager
    async def open_stores() -> AsyncIterator[Stores]:
        async with (
            open_client(AsyncIOMotorClient, mongo_uri) as client,
            temporary_database(client) as database,
        ):
            yield stores_over(database)

    run_state_machine_as_test(
        config_store_machine(open_stores),
        settings=settings(max_examples=settings().max_examples // _SHARE),
    )
