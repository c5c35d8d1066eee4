"""
What reading the history of the mapping asks of the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from odoo_ai_config.adapters.mongo.database import CLIENT_OPTIONS, Client
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.identifiers import TenantId
from tests.contract.mongo_stores import stores_over
from tests.contract.samples import AT, mapping
from tests.contract.stores import Stores
from tests.mongo_server import temporary_database

LOSER = TenantId("acme")


class LongestList(CommandListener):
    """
    The length of the longest list that a query sent.
    """

    def __init__(self) -> None:
        self.length = 0

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name in {"find", "aggregate"}:
            self.length = max(self.length, *lengths(event.command), 0)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


def lengths(value: object) -> Iterator[int]:
    inner: Sequence[object] = ()
    if isinstance(value, Mapping):
        inner = [*value.values()]
    elif isinstance(value, list):
        inner = value
        yield len(value)
    for one in inner:
        yield from lengths(one)


@pytest.mark.parametrize("lost", [10, pytest.param(1100, marks=pytest.mark.bulk)])
async def test_no_query_names_all_channels_that_a_tenant_lost(mongo_uri: str, lost: int) -> None:
    longest = LongestList()
    listening = {**CLIENT_OPTIONS, "socketTimeoutMS": 30_000, "event_listeners": [longest]}
    client: Client = AsyncIOMotorClient(mongo_uri, **listening)
    with closing(client):
        async with temporary_database(client) as database:
            await _assert_bounded(stores_over(database), longest, lost)


async def _assert_bounded(stores: Stores, longest: LongestList, lost: int) -> None:
    for version, tenant in enumerate(["acme", "other"], start=1):
        mapped = (mapping(str(n), version=version, tenant=tenant) for n in range(lost))
        await stores.config.commit(Changeset(mappings=tuple(mapped)))
    longest.length = 0
    assert len(await stores.channels.history(tenant=LOSER, limit=5)) == 5
    assert longest.length <= 5
    assert len(await stores.channels.changed_since(AT, tenant=LOSER, limit=5)) == 5
    assert longest.length <= 1000
