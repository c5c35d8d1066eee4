"""
What tests of the stores over MongoDB share.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from tests.contract.mongo_stores import stores_over
from tests.contract.stores import Stores
from tests.mongo_server import open_client, temporary_database


@pytest.fixture
async def stores(mongo_uri: str) -> AsyncIterator[Stores]:
    async with (
        open_client(AsyncIOMotorClient, mongo_uri) as client,
        temporary_database(client) as database,
    ):
        yield stores_over(database)
