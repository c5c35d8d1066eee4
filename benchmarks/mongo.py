"""
The hub on MongoDB against a bare motor script that reads what it replaces, and writes the same.

Both run in this process, in turns, each with its own database on one server, and use the same
write concern. The script's writes are copies of the hub's: the same number of documents, of the
same size, in the same collections with the same indexes.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from attrs import frozen
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.read_concern import ReadConcern

from benchmarks.figures import Figure, at_least
from benchmarks.over_http import credentials_event
from benchmarks.processes import mongodb
from odoo_ai_config.adapters.mongo.database import DURABLE, Client, MongoDatabase, Record
from odoo_ai_config.adapters.mongo.migration import prepare
from odoo_ai_config.domain.documents.syncs import CredentialsSync
from odoo_ai_config.entrypoints.http.odoo_events.payloads import credentials_sync
from odoo_ai_config.entrypoints.library import Hub, open_hub
from odoo_ai_config.entrypoints.settings import read_settings

URI_VARIABLE = "ODOO_AI_CONFIG_TEST_MONGODB_URI"
# Many short pairs: other load on the machine then falls on both sides of most pairs.
_ROUNDS = 15
# A multiple of the writers, so that no two of them write one tenant: the comparison is about the
# cost of an event, not of a conflict.
_TENANTS = 40
_WRITERS = (1, 8)
_GOAL = 0.85
_COLLECTIONS = ("tenant_keys", "documents", "revisions", "secrets")

T = TypeVar("T")
Database = AsyncIOMotorDatabase[Record]
Write = Callable[[T], Awaitable[object]]


def writing(events: int = 48) -> Iterator[Figure]:
    """
    Credentials events that change existing tenants, one at a time and eight at a time.

    Each replaces two documents, adds two revisions, seals two values and marks the key in use.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        uri = os.environ.get(URI_VARIABLE) or stack.enter_context(mongodb(folder / "server"))
        yield from asyncio.run(writing_to(uri, folder, events))


async def writing_to(
    uri: str, folder: Path, events: int, *, rounds: int = _ROUNDS, where: str = "MongoDB"
) -> list[Figure]:
    """
    The figures of the server at *uri*, which is *where*.
    """
    async with _two_databases(uri) as (client, ours, floor):
        settings = read_settings(
            environment={
                "ODOO_AI_CONFIG_DATA_DIR": str(folder),
                "ODOO_AI_CONFIG_STORE_URL": address(uri, ours),
            }
        )
        async with open_hub(settings) as hub:
            contest = _Contest(
                hub, client, ours, floor, await _one_event_of_each_tenant(hub, client[ours])
            )
            await contest.lay_out_floor()
            figures = [
                await contest.figure(writers, events, rounds, where) for writers in _WRITERS
            ]
            await contest.require_same_writes()
            return figures


@frozen
class _Event:
    """
    The hub's writes for one event, as they are in the database.
    """

    tenant: str
    documents: Sequence[Record]
    revisions: Sequence[Record]
    secrets: Sequence[Record]

    def again(self, version: int) -> _Event:
        """
        The same writes for a later version, with fresh values of the same length.
        """
        return _Event(
            self.tenant,
            [{**document, "version": version} for document in self.documents],
            [_without_id(revision) | {"version": version} for revision in self.revisions],
            [_fresh(secret) for secret in self.secrets],
        )


def _without_id(record: Record) -> Record:
    return {name: value for name, value in record.items() if name != "_id"}


def _fresh(secret: Record) -> Record:
    fingerprint = uuid4().hex
    return {
        **secret,
        "_id": secret["_id"].removesuffix(secret["fingerprint"]) + fingerprint,
        "fingerprint": fingerprint,
        "envelope": secrets.token_bytes(len(secret["envelope"])),
    }


@frozen
class _Contest:
    """
    The hub and the script, each with its own database. Both start with the same content.
    """

    hub: Hub
    client: Client
    ours: str
    floor: str
    templates: Sequence[_Event]

    async def lay_out_floor(self) -> None:
        """
        Copy the hub's indexes and content to the script's database.
        """
        await prepare(MongoDatabase(self.client, self.floor))
        for name in _COLLECTIONS:
            records = await self.client[self.ours][name].find().to_list(None)
            await self.client[self.floor][name].insert_many(records)

    async def figure(self, writers: int, events: int, rounds: int, where: str) -> Figure:
        """
        Run rounds of the hub and of the script in turns.
        """
        found, floors = [], []
        for round_ in range(rounds):
            first = (writers * rounds + round_) * events
            syncs = [_sync(n % _TENANTS, first + n) for n in range(events)]
            prepared = [
                self.templates[n % _TENANTS].again(first + n + 1_000) for n in range(events)
            ]
            floors.append(await _rate(self.write_barely, prepared, writers))
            found.append(await _rate(self.sync, syncs, writers))
        return at_least(
            f"credentials_sync in process, {where}, {_counted(writers)} / bare motor script",
            _GOAL,
            [our / floor for our, floor in zip(found, floors, strict=True)],
            f"{median(found):.0f}/s; script {median(floors):.0f}/s",
        )

    async def sync(self, sync: CredentialsSync) -> None:
        """
        Write as the hub does: read, check, seal, write.
        """
        outcome = await self.hub.services.sync_credentials(sync, caller=self.hub.caller)
        if not outcome.changed:
            raise RuntimeError("the event changed nothing")

    async def write_barely(self, event: _Event) -> None:
        """
        Read what is replaced, and write as the hub does, in as few calls as motor allows.
        """
        database = self.client[self.floor]
        names = [document["_id"] for document in event.documents]
        await database["documents"].find({"_id": {"$in": names}}).to_list(None)
        use = UpdateOne(
            {"_id": f"{event.tenant}/0"},
            {"$inc": {"uses": 1}},
            upsert=True,
            namespace=f"{self.floor}.key_uses",
        )
        documents, revisions, sealed = (
            f"{self.floor}.{name}" for name in ("documents", "revisions", "secrets")
        )
        writes: list[Any] = [
            use,
            *(
                ReplaceOne({"_id": one["_id"]}, one, namespace=documents)
                for one in event.documents
            ),
            *(InsertOne(one, namespace=revisions) for one in event.revisions),
            *(InsertOne(one, namespace=sealed) for one in event.secrets),
        ]
        async with (
            await self.client.start_session() as session,
            session.start_transaction(read_concern=ReadConcern("snapshot"), write_concern=DURABLE),
        ):
            await self.client.bulk_write(writes, session=session)  # type: ignore[arg-type]

    async def require_same_writes(self) -> None:
        """
        Require that the script wrote as much as the hub.
        """
        for name in _COLLECTIONS:
            ours, floor = [
                await self.client[database][name].count_documents({})
                for database in (self.ours, self.floor)
            ]
            if ours != floor:
                raise RuntimeError(f"{name}: {ours} from the hub, {floor} from the script")


async def _one_event_of_each_tenant(hub: Hub, database: Database) -> list[_Event]:
    for tenant in range(_TENANTS):
        await hub.services.sync_credentials(_sync(tenant, -2), caller=hub.caller)
    before = {record["_id"] async for record in database["secrets"].find()}
    events = []
    for tenant in range(_TENANTS):
        outcome = await hub.services.sync_credentials(_sync(tenant, -1), caller=hub.caller)
        of_tenant = {"tenant": str(outcome.owner.tenant)}
        sealed = await database["secrets"].find(of_tenant).to_list(None)
        events.append(
            _Event(
                str(outcome.owner.tenant),
                await database["documents"].find({**of_tenant, "version": 2}).to_list(None),
                await database["revisions"].find({**of_tenant, "version": 2}).to_list(None),
                [secret for secret in sealed if secret["_id"] not in before],
            )
        )
    return events


async def _rate(write: Write[T], events: Sequence[T], writers: int) -> float:
    async def work(share: Sequence[T]) -> None:
        for event in share:
            await write(event)

    start = perf_counter()
    await asyncio.gather(*(work(events[writer::writers]) for writer in range(writers)))
    return len(events) / (perf_counter() - start)


@asynccontextmanager
async def _two_databases(uri: str) -> AsyncIterator[tuple[Client, str, str]]:
    client: Client = AsyncIOMotorClient(uri)
    names = [f"benchmark_{side}_{uuid4().hex[:8]}" for side in ("hub", "script")]
    try:
        yield client, names[0], names[1]
    finally:
        for name in names:
            await client.drop_database(name)
        client.close()


def address(uri: str, database: str) -> str:
    """
    The address of one database of the server at *uri*.
    """
    # Otherwise a database in the URL would also be the authentication database.
    parts = urlsplit(uri)
    options = parts.query
    if "authsource=" not in options.lower():
        source = f"authSource={parts.path.strip('/') or 'admin'}"
        options = f"{options}&{source}" if options else source
    return parts._replace(path=f"/{database}", query=options).geturl()


def _sync(tenant: int, change: int) -> CredentialsSync:
    return credentials_sync(json.loads(credentials_event(tenant, change)))


def _counted(writers: int) -> str:
    return "1 writer" if writers == 1 else f"{writers} writers"
