from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis.stateful import run_state_machine_as_test

from odoo_ai_config.adapters.sqlite.database import open_sqlite
from tests.contract.sqlite_stores import stores_over
from tests.contract.stores import Stores
from tests.property.stores.collection_store_machine import collection_store_machine
from tests.property.stores.config_store_machine import config_store_machine
from tests.property.stores.mapping_history_machine import mapping_history_machine
from tests.property.stores.message_inbox_machine import message_inbox_machine


@asynccontextmanager
async def open_stores() -> AsyncIterator[Stores]:
    with TemporaryDirectory() as folder, open_sqlite(Path(folder) / "hub.db") as database:
        yield stores_over(database)


def test_sqlite_stores_agree_with_the_model() -> None:
    run_state_machine_as_test(config_store_machine(open_stores))


def test_sqlite_inbox_agrees_with_the_model() -> None:
    run_state_machine_as_test(message_inbox_machine(open_stores))


def test_sqlite_collections_agree_with_the_model() -> None:
    run_state_machine_as_test(collection_store_machine(open_stores))


def test_sqlite_history_of_the_mapping_agrees_with_the_model() -> None:
    run_state_machine_as_test(mapping_history_machine(open_stores))
