from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from motor.motor_asyncio import AsyncIOMotorClient

from odoo_ai_config.adapters.memory.state import MemoryState
from odoo_ai_config.adapters.sqlite.database import open_sqlite
from tests.contract import memory_stores, mongo_stores, sqlite_stores
from tests.contract.stores import Stores
from tests.mongo_server import open_client, temporary_database
from tests.property.lifecycle.lifecycle_machine import lifecycle_machine

# Each step makes dozens of requests to the server; the faster stores try more histories.
_SHARE = 10


def test_nothing_erased_is_served_from_memory() -> None:
    @asynccontextmanager
    async def open_stores() -> AsyncIterator[Stores]:
        yield memory_stores.stores_over(MemoryState())

    run_state_machine_as_test(lifecycle_machine(open_stores))


def test_nothing_erased_is_served_from_sqlite() -> None:
    @asynccontextmanager
    async def open_stores() -> AsyncIterator[Stores]:
        with TemporaryDirectory() as folder, open_sqlite(Path(folder) / "hub.db") as database:
            yield sqlite_stores.stores_over(database)

    run_state_machine_as_test(
        lifecycle_machine(open_stores),
        settings=settings(max_examples=settings().max_examples // 2, stateful_step_count=30),
    )


def test_nothing_erased_is_served_from_mongodb(mongo_uri: str) -> None:
    @asynccontextmanager
    async def open_stores() -> AsyncIterator[Stores]:
        async with (
            open_client(AsyncIOMotorClient, mongo_uri) as client,
            temporary_database(client) as database,
        ):
            yield mongo_stores.stores_over(database)

    run_state_machine_as_test(
        lifecycle_machine(open_stores),
        settings=settings(max_examples=settings().max_examples // _SHARE, stateful_step_count=20),
    )
