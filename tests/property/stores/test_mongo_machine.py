from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from motor.motor_asyncio import AsyncIOMotorClient

from tests.contract.mongo_stores import stores_over
from tests.contract.stores import Stores
from tests.mongo_server import open_client, temporary_database
from tests.property.stores.collection_store_machine import collection_store_machine
from tests.property.stores.config_store_machine import OpenStores, config_store_machine
from tests.property.stores.mapping_history_machine import mapping_history_machine
from tests.property.stores.message_inbox_machine import message_inbox_machine

# Each step makes a dozen requests to the server; the faster stores try more histories.
_SHARE = 4


@pytest.mark.parametrize(
    "machine",
    [
        config_store_machine,
        collection_store_machine,
        message_inbox_machine,
        mapping_history_machine,
    ],
)
def test_mongo_stores_agree_with_the_model(
    mongo_uri: str, machine: Callable[[OpenStores], type[RuleBasedStateMachine]]
) -> None:
    @asynccontextmanager
    async def open_stores() -> AsyncIterator[Stores]:
        async with (
            open_client(AsyncIOMotorClient, mongo_uri) as client,
            temporary_database(client) as database,
        ):
            yield stores_over(database)

    run_state_machine_as_test(
        machine(open_stores),
        settings=settings(max_examples=settings().max_examples // _SHARE),
    )
