from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from attrs import evolve
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, IndexModel, monitoring
from pymongo.errors import AutoReconnect

from odoo_ai_config.adapters.mongo import migration
from odoo_ai_config.adapters.mongo.database import SCHEMA, MongoDatabase
from odoo_ai_config.adapters.mongo.lease import LEASES, Lease
from odoo_ai_config.adapters.mongo.migration import (
    Report,
    migrate,
    migrate_at,
    prepare,
    require_current,
)
from odoo_ai_config.adapters.mongo.records import secret_record
from odoo_ai_config.adapters.mongo.schema import COLLECTIONS, STEPS, Progress, Step
from odoo_ai_config.adapters.mongo.store_records import MongoStoreRecords
from odoo_ai_config.application.errors import (
    StoreFailure,
    StoreUnavailableError,
    StoreUnusableError,
)
from odoo_ai_config.domain.changes import Changeset
from tests.contract.mongo_stores import stores_over
from tests.contract.samples import answer_to, fingerprint, mapping, message, owner, text_of
from tests.mongo_server import CLIENTS, open_client


class Commands(monitoring.CommandListener):
    """
    The commands that a client sends.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.sent.append((event.command_name, dict(event.command)))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass

    def named(self, name: str) -> list[dict[str, Any]]:
        return [command for sent, command in self.sent if sent == name]


class Reported:
    """
    What a migration tells.
    """

    def __init__(self) -> None:
        self.told: list[tuple[str, int, int]] = []

    def __call__(self, what: str, done: int, total: int) -> None:
        self.told.append((what, done, total))


@pytest.fixture
def commands() -> Commands:
    return Commands()


@pytest.fixture
async def new(mongo_uri: str, commands: Commands) -> AsyncIterator[MongoDatabase]:
    """
    A database without collections.
    """
    async with open_client(AsyncIOMotorClient, mongo_uri, event_listeners=[commands]) as client:
        database = MongoDatabase(client, f"test_{uuid4().hex}")
        yield database
        await client.drop_database(database.name)


@pytest.fixture
async def prepared(new: MongoDatabase, commands: Commands) -> MongoDatabase:
    await prepare(new)
    commands.sent.clear()
    return new


@pytest.fixture
def every_database_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "SMALL", 0)


def silent(what: str, done: int, total: int) -> None:
    pass


async def index_names(database: MongoDatabase, collection: str) -> set[str]:
    return set(await database[collection].index_information())


async def version_of(database: MongoDatabase) -> int:
    [record] = await database[SCHEMA].find().to_list(None)
    version: int = record["value"]
    return version


async def put_document(database: MongoDatabase) -> None:
    """
    Makes `documents` large, where every database is large.
    """
    await database["documents"].insert_one({"_id": "a/b/c"})


@pytest.mark.parametrize("client_kind", CLIENTS)
async def test_new_database_is_prepared_and_read_without_ceremony(
    mongo_uri: str, client_kind: Callable[..., Any]
) -> None:
    async with open_client(client_kind, mongo_uri) as client:
        database = MongoDatabase(client, f"test_{uuid4().hex}", place="mongodb://here/test")
        for use in (require_current(database), prepare(database, make=False)):
            with pytest.raises(StoreUnusableError) as missing:
                await use
            assert missing.value.failure is StoreFailure.EMPTY
            assert "mongodb://here/test" in missing.value.advice
        assert await database.collection_names() == set()
        await prepare(database)
        assert await database.collection_names() == set(COLLECTIONS)
        assert await database[LEASES].find().to_list(None) == []
        await require_current(database)
        await client.drop_database(database.name)


async def test_unfinished_database_is_opened_by_a_copy_alone(mongo_uri: str) -> None:
    async with open_client(AsyncMongoClient, mongo_uri) as client:
        database = MongoDatabase(client, f"test_{uuid4().hex}")
        for _ in range(2):
            await prepare(database, unfinished=True)
            for use in (prepare(database), require_current(database), migrate(database, silent)):
                with pytest.raises(StoreUnusableError, match="não terminou"):
                    await use
        await MongoStoreRecords(database).finish()
        await prepare(database)
        with pytest.raises(StoreUnusableError, match="Já há dados"):
            await prepare(database, unfinished=True)
        await client.drop_database(database.name)


@pytest.mark.usefixtures("every_database_is_large")
async def test_prepared_database_is_only_looked_at(
    prepared: MongoDatabase, commands: Commands
) -> None:
    await put_document(prepared)
    commands.sent.clear()
    await prepare(prepared)
    looks = {"hello", "find", "listCollections", "listIndexes"}
    assert {name for name, _ in commands.sent} <= looks


async def test_processes_that_start_together_prepare_one_database(new: MongoDatabase) -> None:
    others = [MongoDatabase(new.client, new.name) for _ in range(3)]
    await asyncio.gather(*(prepare(database) for database in (new, *others)))
    await require_current(new)
    assert await new.collection_names() == set(COLLECTIONS)


async def test_start_builds_the_indexes_of_a_small_database(prepared: MongoDatabase) -> None:
    await put_document(prepared)
    await prepared["documents"].drop_index("of_tenant")
    with pytest.raises(StoreUnusableError) as caught:
        await require_current(prepared)
    assert caught.value.failure is StoreFailure.OLDER_SCHEMA
    assert "documents.of_tenant" in caught.value.advice
    await prepare(prepared)
    assert "of_tenant" in await index_names(prepared, "documents")


async def test_start_does_its_work_once_whatever_the_server_makes_of_it(
    prepared: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "_is_among", lambda *_: False)
    await prepare(prepared)
    assert "of_tenant" in await index_names(prepared, "documents")


@pytest.mark.usefixtures("every_database_is_large")
async def test_start_on_a_large_database_names_the_missing_indexes_and_the_command(
    prepared: MongoDatabase,
) -> None:
    await put_document(prepared)
    await prepared["documents"].drop_index("of_tenant")
    for refused in (prepare, require_current):
        with pytest.raises(StoreUnusableError) as caught:
            await refused(prepared)
        assert caught.value.failure is StoreFailure.MIGRATION_NEEDED
        assert "documents.of_tenant" in caught.value.advice
        assert "odoo-ai-config migrate (migration_needed)" in caught.value.advice
    assert "of_tenant" not in await index_names(prepared, "documents")
    told = Reported()
    await migrate(prepared, told)
    assert told.told == [
        ("documents: índices of_tenant", 0, 1),
        ("documents: índices of_tenant", 1, 1),
    ]
    await prepare(prepared)


@pytest.mark.usefixtures("every_database_is_large")
async def test_index_whose_definition_changed_is_named_and_built_anew(
    prepared: MongoDatabase,
) -> None:
    await put_document(prepared)
    await prepared["documents"].drop_index("of_tenant")
    await prepared["documents"].create_indexes([IndexModel(["tenant"], name="of_tenant")])
    with pytest.raises(StoreUnusableError) as caught:
        await prepare(prepared)
    assert "documents.of_tenant (definição diferente)" in caught.value.advice
    await migrate(prepared, silent)
    key = (await prepared["documents"].index_information())["of_tenant"]["key"]
    assert [name for name, _ in key] == ["tenant", "domain", "kind", "deleted"]


@pytest.mark.parametrize(
    "other",
    [
        IndexModel(["document", "version"], name="version"),
        IndexModel(["version", "document"], name="version", unique=True),
        IndexModel(
            ["document", "version"],
            name="version",
            unique=True,
            partialFilterExpression={"version": {"$gt": 1}},
        ),
        IndexModel(
            ["document", "version"], name="version", unique=True, collation={"locale": "en"}
        ),
    ],
    ids=["not-unique", "order", "partial", "collation"],
)
async def test_every_part_of_a_definition_counts(
    prepared: MongoDatabase, other: IndexModel
) -> None:
    await prepared["revisions"].drop_index("version")
    await prepared["revisions"].create_indexes([other])
    with pytest.raises(StoreUnusableError, match=r"revisions\.version \(definição diferente\)"):
        await require_current(prepared)


async def test_index_that_an_operator_made_under_another_name_is_enough(
    prepared: MongoDatabase,
) -> None:
    await prepared["api_keys"].drop_index("oldest")
    await prepared["api_keys"].create_indexes([IndexModel(["created_at", "_id"], name="ours")])
    await require_current(prepared)
    await prepare(prepared)
    assert await index_names(prepared, "api_keys") == {"_id_", "ours"}


async def test_indexes_of_operators_stay(prepared: MongoDatabase) -> None:
    await prepared["audit"].create_indexes([IndexModel(["actor"], name="ours")])
    await migrate(prepared, silent)
    assert "ours" in await index_names(prepared, "audit")


async def test_member_that_is_away_delays_no_index(new: MongoDatabase, commands: Commands) -> None:
    await prepare(new)
    assert commands.named("createIndexes")
    assert {command["commitQuorum"] for command in commands.named("createIndexes")} == {"majority"}


async def test_index_goes_once_nothing_reads_it(
    prepared: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await prepared["audit"].create_indexes([IndexModel(["actor"], name="once")])
    monkeypatch.setattr(migration, "FORMER", {"audit": ("once", "never")})
    await require_current(prepared)
    await prepare(prepared)
    assert await index_names(prepared, "audit") == {"_id_", "by_tenant"}


async def test_records_that_are_not_unique_are_told(prepared: MongoDatabase) -> None:
    await prepared["revisions"].drop_index("version")
    await prepared["revisions"].insert_many([{"document": "a/b/c", "version": 1}] * 1)
    await prepared["revisions"].insert_one({"document": "a/b/c", "version": 1})
    with pytest.raises(StoreUnusableError, match="revisions do MongoDB tem registros repetidos"):
        await migrate(prepared, silent)


class Interruptible:
    """
    A step that changes each record once, and can be interrupted.
    """

    def __init__(self) -> None:
        self.interruption: Exception | None = None
        self.changed: list[str] = []

    async def __call__(self, database: MongoDatabase, progress: Progress) -> None:
        async for record in database["documents"].find({"seen": None}).sort("_id", 1):
            if self.interruption is not None and self.changed:
                raise self.interruption
            await database["documents"].update_one(
                {"_id": record["_id"]}, {"$set": {"seen": True}}
            )
            self.changed.append(record["_id"])
            progress(1)


async def test_interrupted_migration_goes_on_where_it_was(
    prepared: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, told = Interruptible(), Reported()
    monkeypatch.setattr(migration, "STEPS", (*STEPS, Step("ver", "documents", step)))
    await prepared["documents"].insert_many([{"_id": "a"}, {"_id": "b"}])
    step.interruption = AutoReconnect("away")
    with pytest.raises(StoreUnavailableError):
        await migrate(prepared, told)
    assert await version_of(prepared) == len(STEPS)
    step.interruption = None
    await migrate(prepared, told)
    assert step.changed == ["a", "b"]
    assert told.told == [
        ("documents: ver", 0, 2),
        ("documents: ver", 1, 2),
        ("documents: ver", 0, 2),
        ("documents: ver", 1, 2),
    ]
    assert await version_of(prepared) == len(STEPS) + 1
    await migrate(prepared, told)
    assert step.changed == ["a", "b"]


async def test_steps_wait_for_the_indexes_that_an_interrupted_migration_began(
    prepared: MongoDatabase, monkeypatch: pytest.MonkeyPatch, commands: Commands
) -> None:
    monkeypatch.setattr(migration, "STEPS", (*STEPS, Step("ver", "documents", Interruptible())))
    await prepared["documents"].insert_one({"_id": "a"})
    commands.sent.clear()
    await migrate(prepared, silent)
    # The server lists an index from the beginning of its build, and answers this at its end.
    asked = {command["createIndexes"] for command in commands.named("createIndexes")}
    assert asked == {name for name, models in COLLECTIONS.items() if models}
    changes = [
        command["update"] if name == "update" else name
        for name, command in commands.sent
        if name in {"createIndexes", "update"}
    ]
    assert changes.index("documents") > max(
        number for number, change in enumerate(changes) if change == "createIndexes"
    )


async def test_step_on_a_large_database_waits_for_the_command(
    prepared: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Interruptible()
    monkeypatch.setattr(migration, "STEPS", (*STEPS, Step("ver", "documents", step)))
    monkeypatch.setattr(migration, "SMALL", 1)
    await prepared["documents"].insert_many([{"_id": "a"}, {"_id": "b"}])
    with pytest.raises(StoreUnusableError) as caught:
        await prepare(prepared)
    assert caught.value.failure is StoreFailure.MIGRATION_NEEDED
    assert f"versão {len(STEPS)} de {len(STEPS) + 1}" in caught.value.advice
    assert step.changed == []
    await prepared["documents"].delete_one({"_id": "b"})
    await prepare(prepared)
    assert step.changed == ["a"]


async def test_server_of_an_earlier_version_notices_the_migration(
    prepared: MongoDatabase,
) -> None:
    config = stores_over(prepared).config
    await config.check()
    await prepared[SCHEMA].update_one({}, {"$inc": {"value": 1}})
    for refused in (config.check(), prepare(prepared), migrate(prepared, silent)):
        with pytest.raises(StoreUnusableError) as caught:
            await refused
        assert caught.value.failure is StoreFailure.NEWER_SCHEMA


async def test_only_one_process_migrates(prepared: MongoDatabase) -> None:
    await prepared["api_keys"].drop_index("oldest")
    other = Lease(prepared, "migration", holder="hub-1 (pid 7) x")
    assert await other.take()
    with pytest.raises(StoreUnusableError) as caught:
        await migrate(prepared, silent)
    assert caught.value.failure is StoreFailure.BUSY
    assert "hub-1 (pid 7)." in caught.value.advice
    assert "oldest" not in await index_names(prepared, "api_keys")
    await other.give_back()
    await migrate(prepared, silent)
    assert "oldest" in await index_names(prepared, "api_keys")


async def test_start_waits_only_so_long_for_another_process(
    prepared: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "_PATIENCE", 0)
    monkeypatch.setattr(migration, "_PAUSE", 0)
    await prepared["api_keys"].drop_index("oldest")
    assert await Lease(prepared, "migration").take()
    with pytest.raises(StoreUnusableError, match="busy"):
        await prepare(prepared)


@pytest.mark.parametrize("client_kind", CLIENTS)
async def test_lease_ends_if_it_is_not_renewed(
    mongo_uri: str, client_kind: Callable[..., Any]
) -> None:
    async with open_client(client_kind, mongo_uri) as client:
        database = MongoDatabase(client, f"test_{uuid4().hex}")
        first, second = Lease(database, "x", seconds=0), Lease(database, "x")
        assert await first.take()
        assert await second.take()
        assert not await first.take()
        assert await second.take()
        assert await evolve(first, name="y").take()
        await first.give_back()
        assert not await first.take()
        await second.give_back()
        assert await first.take()
        await client.drop_database(database.name)


async def test_who_loses_the_lease_stops(prepared: MongoDatabase) -> None:
    lease = Lease(prepared, "x", seconds=0)
    assert await lease.take()
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        await asyncio.Event().wait()

    assert await Lease(prepared, "x").take()
    with pytest.raises(StoreUnavailableError):
        await lease.while_held(work)
    assert started.is_set()
    assert not await lease.take()


async def test_who_cannot_renew_the_lease_stops(
    prepared: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = Lease(prepared, "x", seconds=0.1)
    assert await lease.take()

    async def unanswered(_lease: Lease) -> bool:
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr(Lease, "take", unanswered)
    with pytest.raises(StoreUnavailableError):
        await lease.while_held(asyncio.Event().wait)


async def test_lease_is_renewed_during_the_work(prepared: MongoDatabase) -> None:
    lease = Lease(prepared, "x", seconds=3)
    assert await lease.take()

    async def until_renewed() -> str:
        first = await prepared[LEASES].find().to_list(None)
        while await prepared[LEASES].find().to_list(None) == first:
            await asyncio.sleep(0.01)
        return "done"

    assert await lease.while_held(until_renewed) == "done"
    assert await prepared[LEASES].find_one({"_id": "x"}) is None


async def test_migration_has_no_timeout(
    mongo_uri: str, prepared: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[float | None] = []

    async def look(database: MongoDatabase, _report: Report) -> None:
        client: Any = database.client
        found.append(client.options.pool_options.socket_timeout)

    monkeypatch.setattr(migration, "migrate", look)
    place = urlsplit(mongo_uri)
    await migrate_at(place._replace(path=f"/{prepared.name}").geturl(), silent)
    assert found == [None]
    with pytest.raises(StoreUnusableError) as missing:
        await migrate_at(place._replace(path="/absent").geturl(), silent)
    assert missing.value.failure is StoreFailure.EMPTY


async def test_mappings_of_an_earlier_version_are_migrated(prepared: MongoDatabase) -> None:
    await stores_over(prepared).config.commit(Changeset(mappings=(mapping("1", "1"),)))
    await prepared[SCHEMA].delete_many({})
    told = Reported()
    await migrate(prepared, told)
    assert told.told[0] == ("mappings: comparar de novo os números especiais", 0, 1)
    assert await version_of(prepared) == len(STEPS)


async def test_messages_of_an_earlier_version_get_their_texts_and_marks_however_often(
    prepared: MongoDatabase,
) -> None:
    stores, one = stores_over(prepared), message()
    texts = text_of(one), answer_to(one)
    await stores.config.commit(Changeset(messages=(one,), secrets=texts))
    for text in texts:
        elsewhere = evolve(text, context=evolve(text.context, owner=owner("other")))
        older = evolve(text, fingerprint=fingerprint(9))
        await prepared["secrets"].insert_many(map(secret_record, (text, older, elsewhere)))
    await prepared["messages"].update_one(
        {}, {"$set": {"sealed": {}, "answer": texts[1].fingerprint.value}}
    )
    await prepared["marks"].delete_one({})

    for _ in range(2):
        await prepared[SCHEMA].delete_many({})
        await migrate(prepared, silent)
        for text in texts:
            assert await stores.secrets.sealed(text.context, text.fingerprint) == text
        assert await prepared["secrets"].count_documents({}) == 0
        found = await stores.inbox.received(one.origin)
        assert found is not None
        assert found.id == one.id
        assert await prepared["marks"].count_documents({}) == len(one.origin.marks)


async def test_collection_that_another_process_made_meanwhile_is_fine(
    prepared: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def seen_before(_database: MongoDatabase) -> set[str]:
        return set()

    with monkeypatch.context() as patch:
        patch.setattr(MongoDatabase, "collection_names", seen_before)
        await migrate(prepared, silent)
    await require_current(prepared)
    assert await prepared.collection_names() == set(COLLECTIONS)
