from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import monitoring

from odoo_ai_config.adapters.mongo.database import MongoDatabase
from odoo_ai_config.adapters.mongo.schema import COLLECTIONS
from odoo_ai_config.domain.channels.history import HistoryPlace
from odoo_ai_config.domain.channels.mapping import ChannelKey
from odoo_ai_config.domain.collections import Position
from odoo_ai_config.domain.conversations.state import ConversationKey
from odoo_ai_config.domain.identifiers import CONFIG, ChatwootId, TenantId
from tests.contract.mongo_stores import stores_over
from tests.contract.samples import AT, collection_key, everything
from tests.contract.stores import Stores
from tests.mongo_server import URI_VARIABLE, open_client, temporary_database
from tests.trail import trail

Command: TypeAlias = dict[str, Any]
# The server merges so many ranges of an index in the order of a sort.
MERGED: Final = 200
MANY: Final = [TenantId(f"t{number}") for number in range(250)]
KEY: Final = ChannelKey(ChatwootId("1"), ChatwootId("2"))


class Finds(monitoring.CommandListener):
    """
    The queries that a client sends.
    """

    def __init__(self) -> None:
        self.sent: list[Command] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name == "find":
            self.sent.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


@pytest.fixture
def finds() -> Finds:
    return Finds()


@pytest.fixture
async def database(mongo_uri: str, finds: Finds) -> AsyncIterator[MongoDatabase]:
    async with (
        open_client(AsyncIOMotorClient, mongo_uri, event_listeners=[finds]) as client,
        temporary_database(client) as database,
    ):
        await stores_over(database).config.commit(everything())
        yield database


async def newest_entries(stores: Stores) -> object:
    await trail(stores.audit)
    [first, *_] = await stores.audit.entries()
    return await stores.audit.entries(tenant=TenantId("acme"), before=first.number)


READS: Final[Mapping[str, Callable[[Stores], Awaitable[object]]]] = {
    "documents": lambda stores: stores.config.documents(TenantId("acme")),
    "documents_of": lambda stores: stores.config.documents_of(MANY, [CONFIG]),
    "tenants": lambda stores: stores.config.tenants(after=TenantId("a")),
    "keys": lambda stores: stores.config.keys(),
    "mappings": lambda stores: stores.channels.mappings(TenantId("acme")),
    "mappings_of": lambda stores: stores.channels.mappings_of(MANY),
    "mapping_history": lambda stores: stores.channels.history(after=HistoryPlace(AT, KEY, 2)),
    "heads": lambda stores: stores.collections.heads(*MANY),
    "digests": lambda stores: stores.collections.digests(collection_key()),
    "digests_of_some": lambda stores: stores.collections.digests(collection_key(), ["a", "b"]),
    "items": lambda stores: stores.collections.items(collection_key(), ["a", "b"]),
    "page_of_items": lambda stores: stores.collections.page(
        collection_key(), Position(0, 1, "a"), limit=5
    ),
    "entries": newest_entries,
    "conversations": lambda stores: stores.conversations.page(
        after=ConversationKey(ChatwootId("1"), ChatwootId("2")), limit=5
    ),
    "conversations_of_tenant": lambda stores: stores.conversations.page(
        tenant=TenantId("acme"),
        after=ConversationKey(ChatwootId("1"), ChatwootId("2")),
        limit=5,
    ),
    "addresses": lambda stores: stores.addresses.addresses(tenant=TenantId("acme")),
    "api_keys": lambda stores: stores.api_keys.api_keys(),
}
# Of these nothing is read but an index.
COVERED: Final = {"tenants", "digests", "digests_of_some"}


def keys_of(collection: str) -> Iterator[list[str]]:
    yield ["_id"]
    for model in COLLECTIONS[collection]:
        if "collation" not in model.document and "partialFilterExpression" not in model.document:
            yield list(model.document["key"])


def in_order(keys: list[str], query: Command) -> bool:
    """
    Whether an index of *keys* leads to what *query* wants, in its order.
    """
    wanted, order = query.get("filter", {}), list(query.get("sort", {}))
    ranges, bounded = 1, False
    for name in keys:
        if not order and bounded:
            break
        condition = wanted.get(name)
        listed = isinstance(condition, Mapping) and condition.keys() == {"$in"}
        if order and order[0] == name:
            # Read in this order, whatever values of it are wanted.
            order.pop(0)
        elif listed:
            ranges *= len(condition["$in"])
        elif condition is None or isinstance(condition, Mapping):
            break
        bounded = bounded or condition is not None
    # Alternatives do not say where in the order they begin or end.
    begins = "$or" not in wanted or next(iter(query["sort"])) in wanted
    return not order and ranges <= MERGED and (bounded or not wanted) and begins


def is_covered(keys: list[str], query: Command) -> bool:
    projection = query.get("projection", {})
    read = {name for name, shown in projection.items() if shown}
    return bool(read) and (read | query["filter"].keys()) <= {*keys} and not projection["_id"]


def stages_of(plan: Mapping[str, Any]) -> Iterator[str]:
    yield plan["stage"]
    for inner in (plan.get("inputStage"), *plan.get("inputStages", ())):
        if inner is not None:
            yield from stages_of(inner)


@pytest.mark.parametrize("name", READS)
async def test_index_leads_to_what_is_read_in_its_order(
    database: MongoDatabase, finds: Finds, name: str
) -> None:
    finds.sent.clear()
    await READS[name](stores_over(database))
    assert finds.sent
    for query in finds.sent:
        serving = [keys for keys in keys_of(query["find"]) if in_order(keys, query)]
        assert serving, query
        if name in COVERED:
            assert any(is_covered(keys, query) for keys in serving), query
    if os.environ.get(URI_VARIABLE):
        for query in finds.sent:
            await assert_planned(database, query, covered=name in COVERED)


async def assert_planned(database: MongoDatabase, query: Command, *, covered: bool) -> None:
    """
    Ask the server for its plan. Only a real one has plans.
    """
    asked = {
        part: query[part]
        for part in ("find", "filter", "projection", "sort", "limit", "hint")
        if part in query
    }
    told = await database.client.get_database(database.name).command(
        {"explain": asked, "verbosity": "executionStats"}
    )
    stages = set(stages_of(told["queryPlanner"]["winningPlan"]))
    assert not stages & {"SORT", "COLLSCAN"}, told
    if covered:
        assert told["executionStats"]["totalDocsExamined"] == 0, told


@pytest.mark.parametrize(
    ("query", "served"),
    [
        ({"filter": {"a": 1}, "sort": {"b": 1}}, True),
        ({"filter": {"a": 1, "b": {"$gt": 1}}, "sort": {"b": 1}}, True),
        ({"filter": {"a": {"$in": [*range(200)]}}, "sort": {"b": 1}}, True),
        ({"filter": {"a": {"$in": [*range(201)]}}, "sort": {"b": 1}}, False),
        ({"filter": {"a": {"$in": [*range(201)]}}, "sort": {"a": 1, "b": 1}}, True),
        ({"filter": {"b": 1}, "sort": {"c": 1}}, False),
        ({"filter": {"a": 1}, "sort": {"c": 1}}, False),
        ({"filter": {"$or": []}, "sort": {"a": 1}}, False),
        ({"filter": {"a": {"$gte": 1}, "$or": []}, "sort": {"a": 1}}, True),
        ({"filter": {"a": 1, "$or": []}, "sort": {"b": 1}}, False),
        ({"filter": {"a": 1, "b": {"$gte": 1}, "$or": []}, "sort": {"b": 1}}, True),
        ({"sort": {"a": 1, "b": 1}}, True),
        ({"filter": {"c": 1}}, False),
    ],
)
def test_order_of_an_index(query: Command, served: bool) -> None:
    assert in_order(["a", "b"], query) is served
