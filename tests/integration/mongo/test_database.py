from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from odoo_ai_config.adapters.mongo.database import SCHEMA, MongoDatabase, open_database
from odoo_ai_config.adapters.mongo.migration import prepare
from odoo_ai_config.adapters.mongo.schema import COLLECTIONS, STEPS
from odoo_ai_config.adapters.mongo.transaction import rehearse
from odoo_ai_config.application.errors import (
    StoreFailure,
    StoreUnavailableError,
    StoreUnusableError,
)
from odoo_ai_config.application.ports.message_inbox import ClaimLimits
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.identifiers import ChatwootId
from tests.contract.mongo_stores import stores_over
from tests.contract.samples import AT, DAY, everything, mapping, message, sighting
from tests.mongo_server import (
    CLIENTS,
    at_url,
    open_client,
    secantus_server,
    temporary_database,
)

SECRET = "s3nha-d0-banco"


@pytest.fixture
async def database(mongo_uri: str) -> AsyncIterator[MongoDatabase]:
    async with (
        open_client(AsyncIOMotorClient, mongo_uri) as client,
        temporary_database(client) as database,
    ):
        yield database


async def stored_records(database: MongoDatabase) -> list[dict[str, Any]]:
    names = await database.client.get_database(database.name).list_collection_names()
    return [record for name in names if name != SCHEMA async for record in database[name].find()]


async def at_version(database: MongoDatabase, version: int) -> None:
    await database[SCHEMA].update_one({"_id": "version"}, {"$set": {"value": version}})


def field_names(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield name
            yield from field_names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from field_names(inner)


async def test_keys_are_read_without_the_documents(database: MongoDatabase) -> None:
    stores = stores_over(database)
    await stores.config.commit(everything())
    keys = await stores.config.keys()
    assert keys
    await database["documents"].update_many({}, {"$unset": {"text": "", "authored": ""}})
    assert await stores.config.keys() == keys


async def test_message_of_an_earlier_version_has_no_claims_yet(database: MongoDatabase) -> None:
    stores = stores_over(database)
    await stores.config.commit(Changeset(messages=(message(),)))
    await database["messages"].update_one({}, {"$unset": {"claims": ""}})
    assert await stores.inbox.find(message().id) == message()
    claimed = await stores.inbox.claim(ClaimLimits(1, 1, {}), now=AT, until=AT + DAY)
    assert claimed == [message().taken(until=AT + DAY)]


@pytest.mark.parametrize("client_kind", CLIENTS)
async def test_reading_creates_nothing(mongo_uri: str, client_kind: Callable[..., Any]) -> None:
    async with open_client(client_kind, mongo_uri) as client:
        database = MongoDatabase(client, f"test_{uuid4().hex}")
        await database.require_transactions()
        await rehearse(database)
        assert await client.get_database(database.name).list_collection_names() == []


async def test_rehearsal_is_taken_back(database: MongoDatabase) -> None:
    await stores_over(database).config.check()
    before = await stored_records(database)
    for _ in range(2):
        await rehearse(database)
    assert await stored_records(database) == before


async def test_every_index_is_there_after_the_start(database: MongoDatabase) -> None:
    found = {
        (collection, name): index.get("unique", False)
        for collection in await database.client.get_database(database.name).list_collection_names()
        for name, index in (await database[collection].index_information()).items()
        if name != "_id_"
    }
    assert found == {
        ("tenant_states", "by_standing"): False,
        ("addresses", "of_tenant"): False,
        ("addresses", "revoked"): False,
        ("documents", "of_tenant"): False,
        ("documents", "spelling"): False,
        ("documents", "retention"): False,
        ("messages", "of_persons"): False,
        ("revisions", "version"): True,
        ("mappings", "of_tenant"): False,
        ("mappings", "presence"): False,
        ("mappings", "by_time"): False,
        ("mappings", "number"): False,
        ("mappings", "fallback"): False,
        ("mapping_revisions", "version"): True,
        ("mapping_revisions", "by_time"): False,
        ("mapping_revisions", "of_tenant"): False,
        ("mapping_revisions", "lost_by_time"): False,
        ("mapping_revisions", "lost_channels"): False,
        ("secrets", "sealed_by"): False,
        ("secrets", "of_area"): False,
        ("tenant_keys", "wrapped_by"): False,
        ("deliveries", "expiry"): False,
        ("collections", "of_tenant"): False,
        ("items", "of_collection"): False,
        ("items", "digests"): False,
        ("items", "traces"): False,
        ("audit", "by_tenant"): False,
        ("pending_audit", "oldest"): False,
        ("revisions", "pending"): False,
        ("mappings", "pending"): False,
        ("mapping_revisions", "pending"): False,
        ("conversations", "at_rest"): False,
        ("messages", "due"): False,
        ("messages", "queue"): False,
        ("messages", "by_conversation"): False,
        ("messages", "message_sealed_by"): False,
        ("messages", "answer_sealed_by"): False,
        ("messages", "at_stage"): False,
        ("messages", "events"): False,
        ("messages", "of_tenant"): False,
        ("messages", "by_stage"): False,
        ("conversation_states", "of_tenant"): False,
        ("conversation_states", "all"): False,
        ("conversation_states", "by_time"): False,
        ("api_keys", "oldest"): False,
    }


async def test_every_collection_is_there_before_the_first_transaction(
    mongo_uri: str,
) -> None:
    async with open_client(AsyncIOMotorClient, mongo_uri) as client:
        database = MongoDatabase(client, f"test_{uuid4().hex}")
        await prepare(database)
        assert await database.collection_names() == set(COLLECTIONS)
        await client.drop_database(database.name)


async def test_new_database_needs_no_step(database: MongoDatabase) -> None:
    assert await database[SCHEMA].find().to_list(None) == [{"_id": "version", "value": len(STEPS)}]


async def test_database_of_a_newer_version_is_refused(database: MongoDatabase) -> None:
    newer = {"$set": {"value": len(STEPS) + 1}}
    await database[SCHEMA].update_one({"_id": "version"}, newer)
    try:
        with pytest.raises(StoreUnusableError) as caught:
            await prepare(database)
    finally:
        await at_version(database, len(STEPS))
    assert caught.value.failure is StoreFailure.NEWER_SCHEMA
    assert "newer_schema" in caught.value.advice


async def test_database_that_was_removed_under_the_hub_is_told(database: MongoDatabase) -> None:
    stores = stores_over(database)
    version = await database[SCHEMA].find_one_and_delete({"_id": "version"})
    unread = Changeset(sightings=(sighting(),))
    try:
        for refused in (stores.config.check(), stores.config.commit(unread)):
            with pytest.raises(StoreUnavailableError) as caught:
                await refused
            assert caught.value.failure is StoreFailure.FILE_REPLACED
    finally:
        await database[SCHEMA].insert_one(version)
    await stores.config.check()


async def test_second_start_finds_the_indexes_there(database: MongoDatabase) -> None:
    await stores_over(database).config.commit(everything())
    await prepare(database)
    assert len(await stores_over(database).config.tenants()) == 1


async def test_names_from_outside_are_never_field_names(database: MongoDatabase) -> None:
    await stores_over(database).config.commit(everything("tenant", "delivery", "77"))
    records = await stored_records(database)
    names = {name for record in records for name in field_names(record)}
    assert len(records) >= 10
    assert all(re.fullmatch(r"_?[a-z_]+", name) for name in names)
    assert not names & {"tenant-key", "config", "credentials", "odoo", "acme", "boss"}


async def test_acknowledged_writes_are_on_a_majority_whatever_the_url_says(
    mongo_uri: str,
) -> None:
    async with open_client(AsyncIOMotorClient, f"{mongo_uri}?w=1&journal=false") as client:
        collection = MongoDatabase(client, "unused")["documents"]
        assert collection.write_concern.document["w"] == "majority"
        assert collection.write_concern.document["j"] is True
        assert collection.read_concern.level == "majority"


async def test_standalone_server_is_refused_with_the_way_to_a_replica_set(
    tmp_path: Path,
) -> None:
    with secantus_server(storage_path=str(tmp_path), replica_set_name=None) as server:
        async with at_url(server.uri) as database:
            await _require_the_way_to_a_replica_set(database)


async def _require_the_way_to_a_replica_set(database: MongoDatabase) -> None:
    with pytest.raises(StoreUnusableError) as caught:
        await prepare(database)
    assert await database.client.list_database_names() == []
    assert "--replSet rs0" in caught.value.advice
    assert "rs.initiate()" in caught.value.advice


async def test_server_that_does_not_let_the_hub_in_is_unusable(tmp_path: Path) -> None:
    with secantus_server(storage_path=str(tmp_path), require_auth=True) as server:
        async with at_url(server.uri.replace("//", f"//hub:{SECRET}@")) as database:
            with pytest.raises(StoreUnusableError) as caught:
                await prepare(database)
    assert "authSource" in caught.value.advice
    assert SECRET not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize(
    "url",
    [
        f"mongodb://hub:{SECRET}/x@localhost:27017/hub",
        f"mongodb://hub:{SECRET}@localhost:port/hub",
        f"mongodb://hub@{SECRET}@localhost/hub",
        f"mongodb://hub:{SECRET}@localhost/a b$",
        f"mongodb://hub:{SECRET}@/hub",
        f"mongodb+srv://hub:{SECRET}@a.b.c:27017/hub",
        f"http://hub:{SECRET}@localhost/",
    ],
)
def test_malformed_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(StoreUnusableError) as caught:
        open_database(url)
    assert SECRET not in f"{caught.value} {caught.value!r}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("path", "name"),
    [("", "odoo_ai_config"), ("/", "odoo_ai_config"), ("/?w=1", "odoo_ai_config"), ("/x", "x")],
)
async def test_database_is_named_by_the_url(path: str, name: str) -> None:
    async with at_url(f"mongodb://hub:{SECRET}@localhost{path}") as database:
        assert database.name == name
        assert SECRET not in repr(database)


async def test_empty_changeset_writes_nothing(database: MongoDatabase) -> None:
    await stores_over(database).config.commit(Changeset())
    assert await stored_records(database) == []


async def test_negative_sequence_of_an_older_version_is_read_as_zero(
    database: MongoDatabase,
) -> None:
    stores = stores_over(database)
    await stores.config.commit(Changeset(mappings=(mapping("1", "1", fallback=True),)))
    await database["mappings"].update_one({}, {"$set": {"sequence": -999}})
    [kept] = await stores.channels.mappings()
    assert kept.mapping.sequence == 0


async def test_numbers_of_an_earlier_version_are_compared_anew(database: MongoDatabase) -> None:
    stores = stores_over(database)
    landline, mobile, other = "551133334444", "5511933334444", "5511987654321"
    abroad = ("5491123456789", "5215512345678")
    numbers = (
        *((landline, "shop"), (mobile, "admin"), (other, "boss")),
        *((abroad[0], "ar"), (abroad[1], "mx")),
    )
    await stores.config.commit(Changeset(mappings=(mapping("1", "1", numbers=numbers),)))
    # As every number of a Brazilian mobile's length was stored: without its fifth digit. Those of
    # other countries were stored as they are.
    [record] = await database["mappings"].find().to_list(None)
    stale = [
        {**one, "comparable": landline if one["digits"] == mobile else one["digits"]}
        if one["digits"] in (mobile, *abroad)
        else one
        for one in record["numbers"]
    ]
    assert stale != record["numbers"]
    await database["mappings"].update_one({}, {"$set": {"numbers": stale}})
    await at_version(database, 0)

    await prepare(database)

    assert await database["mappings"].find().to_list(None) == [record]
    for digits, crew in numbers:
        asked = IncomingMessage(ChatwootId("1"), ChatwootId("9"), digits)
        assert (await stores.channels.table_for(asked)).resolve(asked).crew == crew
