"""
The MongoDB database behind the stores: its connection, layout and checks.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, TypeVar

from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorCursor,
)
from pymongo import ReadPreference, WriteConcern
from pymongo.collation import Collation
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.read_cache import ReadCache
from odoo_ai_config.adapters.mongo.server_clock import ServerClock
from odoo_ai_config.adapters.mongo.uses import Uses
from odoo_ai_config.application.errors import StoreUnusableError
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.credentials.secrets import TenantKey
from odoo_ai_config.domain.identifiers import TenantId

T = TypeVar("T")
Record: TypeAlias = dict[str, Any]
Session: TypeAlias = AsyncIOMotorClientSession
Client: TypeAlias = "AsyncIOMotorClient[Record]"
Collection: TypeAlias = "AsyncIOMotorCollection[Record]"
Cursor: TypeAlias = "AsyncIOMotorCursor[Record]"

# The port lets a revocation by another process take this long.
_API_KEY_SECONDS: Final = 2.0
DEFAULT_NAME: Final = "odoo_ai_config"
# A majority that takes longer counts as away.
_MAJORITY_MS: Final = 5_000
DURABLE: Final = WriteConcern("majority", wtimeout=_MAJORITY_MS, j=True)
CLIENT_OPTIONS: Final[Mapping[str, Any]] = {
    "appname": "odoo-ai-config",
    # A caller gets an error to retry on rather than wait long.
    "serverSelectionTimeoutMS": 2_500,
    "connectTimeoutMS": 2_000,
    "socketTimeoutMS": 10_000,
    "waitQueueTimeoutMS": 2_500,
    "retryReads": True,
    "retryWrites": True,
}
# The server needs hours for an index of a large collection, and answers at its end.
_PATIENT: Final[Mapping[str, Any]] = {"socketTimeoutMS": None}
_MALFORMED_URL: Final = (
    "ODOO_AI_CONFIG_STORE_URL não é um endereço do MongoDB. Escreva "
    "mongodb://usuario:senha@servidor:27017/odoo_ai_config?replicaSet=rs0, com os caracteres "
    "especiais do usuário e da senha codificados (%40 no lugar de @)."
)
_STANDALONE: Final = (
    "Este MongoDB é um servidor avulso e não oferece transações. Transforme-o em um replica set "
    "de um nó: reinicie o mongod com --replSet rs0 e execute uma vez rs.initiate() no mongosh."
)
# Of MongoDB 8.0.
_JOINING_WIRE_VERSION: Final = 25
# The record of this collection that has the version of all others.
SCHEMA: Final = "schema"
VERSION: Final[Record] = {"_id": "version"}
# True of revisions that another tenant's replaced, and of nothing else.
LOST: Final[Record] = {"lost_at": {"$gt": 0}}
# An index serves only those queries that have its collation.
ANY_CASE: Final = Collation(locale="en", strength=2)


class MongoDatabase:
    """
    One database, with the durability that the hub promises whatever its URL says.

    Its methods raise `StoreUnusableError` if the server has no transactions or refuses the hub's
    user, and `StoreUnavailableError` if it does not answer.

    Args:
        client: A motor client, or pymongo's own asynchronous one: only what both have is used.
    """

    def __init__(self, client: Client, name: str = DEFAULT_NAME) -> None:
        self.client = client
        self.name = name
        self._database = client.get_database(
            name,
            write_concern=DURABLE,
            # Only what a majority acknowledged is read: it cannot be rolled back.
            read_concern=ReadConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )
        self._collections: dict[str, Collection] = {}
        # Unknown until a server was asked.
        self._joins_writes: bool | None = None
        self.api_keys = ReadCache[str, ApiKey](_API_KEY_SECONDS)
        # Some may be out of date: a commit that seals with one checks that it is still active.
        self.sealing_keys = ReadCache[TenantId, TenantKey]()
        # The active data key of a tenant is used to seal, and replaced; the mapping is changed in
        # a part, and as a whole.
        self.key_uses = Uses()
        self.mapping_uses = Uses()
        self.clock = ServerClock(self._server_time)

    def __getitem__(self, collection: str) -> Collection:
        # The driver makes a new object at every access.
        known = self._collections.get(collection)
        if known is None:
            known = self._collections[collection] = self._database[collection]
        return known

    @translated
    async def require_transactions(self) -> None:
        """
        Check that the server offers transactions, without a change.
        """
        hello = await self.client.admin.command("hello")
        # A router of a sharded cluster offers transactions too, but names no set.
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise StoreUnusableError(_STANDALONE)

    @translated
    async def rehearse_writing(self) -> None:
        """
        Write in a transaction, and roll it back.
        """
        session: Session = await settled(self.client.start_session())
        async with session:
            await settled(session.start_transaction())
            try:
                await self["checks"].insert_one({"_id": "rehearsal"}, session=session)
            finally:
                await session.abort_transaction()

    async def collection_names(self) -> set[str]:
        """
        Return the names of the collections that exist.
        """
        return set(await self._database.list_collection_names())

    async def create_collection(self, name: str) -> None:
        """
        Create an empty collection.
        """
        await self._database.create_collection(name)

    async def aggregated(
        self, collection: str, pipeline: Sequence[Record], session: Session | None = None
    ) -> list[Record]:
        """
        Return all results of *pipeline* over *collection*.
        """
        cursor = await settled(self[collection].aggregate(pipeline, session=session))
        return await cursor.to_list(None)

    async def gathered(
        self, places: Mapping[str, tuple[str, Sequence[Record]]], session: Session | None = None
    ) -> dict[str, list[Record]]:
        """
        Return the results of several pipelines, which one command reads.

        Args:
            places: For each result, the collection and the pipeline over it.
            session: If it has a transaction, they are of one moment.
        """
        # From a record that is always there: a transaction does not allow $unionWith.
        joins = [
            {"$lookup": {"from": collection, "pipeline": [*pipeline], "as": name}}
            for name, (collection, pipeline) in places.items()
        ]
        [found] = await self.aggregated(SCHEMA, [{"$match": VERSION}, *joins], session)
        return {name: found[name] for name in places}

    async def _server_time(self) -> datetime:
        told: datetime = (await self.client.admin.command("hello"))["localTime"]
        return told.replace(tzinfo=UTC)

    async def joins_writes(self) -> bool:
        """
        Whether the server takes writes to several collections in one command, as from 8.0 on.
        """
        if self._joins_writes is None:
            hello = await self.client.admin.command("hello")
            self._joins_writes = hello["maxWireVersion"] >= _JOINING_WIRE_VERSION
        return self._joins_writes

    async def distinct(
        self, collection: str, field: str, wanted: Record, session: Session | None = None
    ) -> list[Any]:
        """
        Return the different values of *field* (``$field``) in the wanted records.

        By an aggregation: the server's command of this name fails beyond the size of one document.
        """
        pipeline: list[Record] = [{"$match": wanted}, {"$group": {"_id": field}}]
        return [group["_id"] for group in await self.aggregated(collection, pipeline, session)]


@contextmanager
def open_database(url: str, *, patient: bool = False) -> Iterator[MongoDatabase]:
    """
    Open the database that *url* names; the connection is made on first use.

    A *patient* one waits for an answer as long as it takes.

    Raises:
        StoreUnusableError: *url* is malformed. The error does not quote it.
    """
    try:
        client: Client = AsyncIOMotorClient(
            url, **{**CLIENT_OPTIONS, **(_PATIENT if patient else {})}
        )
        name = client.get_default_database(DEFAULT_NAME).name
    except (PyMongoError, ValueError):
        # The driver's messages may quote the part of the URL that has the password.
        raise StoreUnusableError(_MALFORMED_URL) from None
    try:
        yield MongoDatabase(client, name)
    finally:
        client.close()


async def settled(value: Awaitable[T] | T) -> T:
    """
    Return *value*, awaited if it is awaitable.

    Motor and pymongo's asynchronous client differ here: sessions, transactions and aggregations
    start with an await in one and without in the other.
    """
    if inspect.isawaitable(value):
        result: T = await value
        return result
    return value
