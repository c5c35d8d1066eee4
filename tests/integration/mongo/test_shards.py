from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from pymongo import DeleteMany, InsertOne, ReplaceOne, UpdateMany, UpdateOne

from odoo_ai_config.adapters.mongo.database import MongoDatabase, Session
from odoo_ai_config.adapters.mongo.deadlines import settled
from odoo_ai_config.adapters.mongo.schema import COLLECTIONS, SHARD_KEYS
from tests.contract.mongo_stores import stores_over
from tests.contract.samples import everything
from tests.mongo_server import CLIENTS, open_client, temporary_database
from tests.shards import Router


@pytest.fixture
def router() -> Router:
    return Router()


@pytest.fixture(params=CLIENTS)
async def database(
    mongo_uri: str, router: Router, request: pytest.FixtureRequest
) -> AsyncIterator[MongoDatabase]:
    async with (
        open_client(request.param, mongo_uri, event_listeners=[router]) as client,
        temporary_database(client) as database,
    ):
        router.refused.clear()
        router.broadcasts.clear()
        yield database


def is_hashed(key: Mapping[str, int | str]) -> bool:
    return "hashed" in key.values()


@pytest.mark.parametrize("collection", SHARD_KEYS)
def test_unique_index_begins_with_the_shard_key(collection: str) -> None:
    # Otherwise no shard could tell whether a record is unique.
    key = SHARD_KEYS[collection]
    for index in (model.document for model in COLLECTIONS[collection]):
        if index.get("unique"):
            assert not is_hashed(key)
            assert list(index["key"])[: len(key)] == list(key)


@pytest.mark.parametrize("collection", SHARD_KEYS)
def test_expiry_is_no_part_of_a_shard_key(collection: str) -> None:
    times = {"at", "updated_at", "received_at", "expires_at", "arrival", "created_at"}
    assert not SHARD_KEYS[collection].keys() & times


async def test_records_of_one_tenant_are_beside_one_another_and_none_is_placed_by_time(
    database: MongoDatabase,
) -> None:
    await stores_over(database).config.commit(everything("acme"))
    for collection, key in SHARD_KEYS.items():
        if is_hashed(key):
            continue
        first = next(iter(key))
        for record in await database[collection].find().to_list(None):
            assert record[first].split("/")[0] in ("acme", "channel", "holder")


@pytest.mark.parametrize(
    ("collection", "write", "reason"),
    [
        ("revisions", InsertOne({"document": "a"}), "without"),
        ("documents", UpdateOne({"tenant": "a"}, {"$set": {"version": 2}}), "not by _id"),
        ("documents", UpdateOne({"_id": {"$gt": "a"}}, {"$set": {"version": 2}}), "not by _id"),
        ("revisions", UpdateOne({"document": "a"}, {"$set": {"text": "x"}}), "not by version"),
        ("messages", UpdateOne({"_id": "a"}, {"$set": {"stage": "x"}}), "not by conversation"),
        (
            "revisions",
            UpdateOne({"document": "a", "version": 1}, {"$set": {"version": 2}}),
            "changes version",
        ),
        ("revisions", ReplaceOne({"document": "a", "version": 1}, {"version": 2}), "changes"),
    ],
)
async def test_router_refuses_what_is_not_for_one_shard(
    database: MongoDatabase, router: Router, collection: str, write: Any, reason: str
) -> None:
    await database[collection].bulk_write([write])
    assert [one for one in router.refused if reason in one]


@pytest.mark.parametrize(
    ("collection", "write"),
    [
        ("messages", UpdateMany({"_id": {"$in": ["a"]}}, {"$set": {"stage": "x"}})),
        ("items", DeleteMany({"collection": "a"})),
    ],
)
async def test_router_refuses_a_broadcast_in_a_transaction_only(
    database: MongoDatabase, router: Router, collection: str, write: Any
) -> None:
    await database[collection].bulk_write([write])
    assert router.refused == []
    [(_, broadcast, _)] = router.broadcasts
    assert broadcast == collection
    session: Session = await settled(database.client.start_session())
    async with session:
        await settled(session.start_transaction())
        await database[collection].bulk_write([write], session=session)
        await session.abort_transaction()
    assert ["in a transaction" in one for one in router.refused] == [True]


async def test_router_refuses_a_union_in_a_transaction(
    database: MongoDatabase, router: Router
) -> None:
    union: list[dict[str, Any]] = [{"$unionWith": {"coll": "audit", "pipeline": []}}]
    await database.aggregated("documents", union)
    assert router.refused == []
    session: Session = await settled(database.client.start_session())
    async with session:
        await settled(session.start_transaction())
        await database.aggregated("documents", union, session)
        await session.abort_transaction()
    assert router.refused == ["['$unionWith'] in a transaction"]


@pytest.mark.parametrize(
    "write",
    [
        lambda database: database["documents"].find_one_and_update(
            {"tenant": "a"}, {"$set": {"version": 2}}
        ),
        lambda database: database["documents"].delete_one({"tenant": "a"}),
    ],
    ids=["find_one_and_update", "delete_one"],
)
async def test_router_sees_every_kind_of_write(
    database: MongoDatabase, router: Router, write: Callable[[MongoDatabase], Any]
) -> None:
    await write(database)
    assert len(router.refused) == 1


async def test_writes_that_name_the_shard_key_are_fine(
    database: MongoDatabase, router: Router
) -> None:
    await database["documents"].update_one({"_id": "a"}, {"$set": {"version": 2}}, upsert=True)
    await database["revisions"].update_one(
        {"document": "a", "version": 1}, {"$set": {"document": "a", "version": 1}}, upsert=True
    )
    await database["secrets"].delete_many({"_id": {"$in": ["a", "b"]}})
    await database["leases"].delete_one({"holder": "a"})
    assert router.refused == []
    assert router.broadcasts == set()
