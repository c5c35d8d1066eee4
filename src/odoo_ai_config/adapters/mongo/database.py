"""
The MongoDB database behind the stores: how it is reached, laid out and checked.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias, TypeVar

from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
)
from pymongo import ASCENDING, DESCENDING, IndexModel, ReadPreference, WriteConcern
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.key_uses import KeyUses
from odoo_ai_config.adapters.mongo.recent_api_keys import RecentApiKeys
from odoo_ai_config.adapters.mongo.sealing_keys import SealingKeys
from odoo_ai_config.application.errors import StoreUnusableError

T = TypeVar("T")
Record: TypeAlias = dict[str, Any]
Client: TypeAlias = "AsyncIOMotorClient[Record]"
Collection: TypeAlias = "AsyncIOMotorCollection[Record]"

DEFAULT_NAME: Final = "odoo_ai_config"
# A majority that takes longer than this is away.
_MAJORITY_MS: Final = 5_000
DURABLE: Final = WriteConcern("majority", wtimeout=_MAJORITY_MS, j=True)
CLIENT_OPTIONS: Final[Mapping[str, Any]] = {
    "appname": "odoo-ai-config",
    # A caller is told to come back rather than kept waiting.
    "serverSelectionTimeoutMS": 2_500,
    "connectTimeoutMS": 2_000,
    "socketTimeoutMS": 10_000,
    "waitQueueTimeoutMS": 2_500,
    "retryReads": True,
    "retryWrites": True,
}
_MALFORMED_URL: Final = (
    "ODOO_AI_CONFIG_STORE_URL não é um endereço do MongoDB. Escreva "
    "mongodb://usuario:senha@servidor:27017/odoo_ai_config?replicaSet=rs0, com os caracteres "
    "especiais do usuário e da senha codificados (%40 no lugar de @)."
)
_STANDALONE: Final = (
    "Este MongoDB é um servidor avulso e não oferece transações. Transforme-o em um replica set "
    "de um nó: reinicie o mongod com --replSet rs0 e execute uma vez rs.initiate() no mongosh."
)
_INDEXES: Final[Mapping[str, Sequence[IndexModel]]] = {
    "documents": [
        IndexModel(
            # All that listing tenants asks for: no document is read for it.
            [
                ("deleted", ASCENDING),
                ("tenant", ASCENDING),
                ("domain", ASCENDING),
                ("kind", ASCENDING),
            ],
            name="living",
        ),
    ],
    "revisions": [
        IndexModel([("document", ASCENDING), ("version", ASCENDING)], name="version", unique=True),
    ],
    "mappings": [
        IndexModel([("owner.tenant", ASCENDING)], name="owner"),
        IndexModel(
            [("account", ASCENDING), ("owner.tenant", ASCENDING)],
            name="presence",
            partialFilterExpression={"active": True},
        ),
        IndexModel(
            [("numbers.comparable", ASCENDING)],
            name="number",
            partialFilterExpression={"active": True},
        ),
        IndexModel(
            [
                ("sequence", ASCENDING),
                ("owner.tenant", ASCENDING),
                ("owner.domain", ASCENDING),
                ("_id", ASCENDING),
            ],
            name="fallback",
            partialFilterExpression={"active": True, "fallback": True},
        ),
    ],
    "secrets": [
        IndexModel([("tenant", ASCENDING), ("key_id", ASCENDING)], name="sealed_by"),
        # Messages have many sealed texts and tenants few credentials: each prunes its own.
        IndexModel(
            [("purpose", ASCENDING), ("tenant", ASCENDING), ("domain", ASCENDING)], name="purpose"
        ),
    ],
    "tenant_keys": [IndexModel([("keys.master_id", ASCENDING)], name="wrapped_by")],
    "deliveries": [IndexModel([("expires_at", ASCENDING)], name="expiry")],
    "collections": [
        IndexModel([("tenant", ASCENDING), ("name", ASCENDING)], name="of_tenant"),
    ],
    "items": [
        IndexModel(
            [("collection", ASCENDING), ("version", ASCENDING), ("id", ASCENDING)],
            name="of_collection",
        ),
        IndexModel(
            [("collection", ASCENDING), ("version", ASCENDING)],
            name="traces",
            # Only what was removed has this field with a number in it.
            partialFilterExpression={"removed_at": {"$gt": 0}},
        ),
    ],
    "audit": [
        IndexModel([("at", DESCENDING), ("_id", DESCENDING)], name="newest"),
        IndexModel(
            [("tenant", ASCENDING), ("at", DESCENDING), ("_id", DESCENDING)], name="of_tenant"
        ),
    ],
    "messages": [
        IndexModel(
            [("marks", ASCENDING)],
            name="marks",
            unique=True,
            # Whoever has no mark shares it with nobody.
            partialFilterExpression={"marks": {"$gte": ""}},
        ),
        IndexModel(
            [("ready", ASCENDING), ("due_at", ASCENDING)],
            name="ready",
            partialFilterExpression={"ready": {"$gte": ""}},
        ),
        IndexModel(
            [("conversation", ASCENDING), ("open", ASCENDING), ("turn", ASCENDING)],
            name="turns",
            partialFilterExpression={"conversation": {"$gte": ""}},
        ),
        IndexModel(
            # With the time, counting does not read the messages.
            [("stage", ASCENDING), ("arrival", DESCENDING), ("received_at", ASCENDING)],
            name="newest",
        ),
        IndexModel(
            [("holder.tenant", ASCENDING), ("stage", ASCENDING), ("arrival", DESCENDING)],
            name="of_tenant",
        ),
        IndexModel([("stage", ASCENDING), ("updated_at", ASCENDING)], name="finished"),
    ],
    "api_keys": [IndexModel([("created_at", ASCENDING), ("_id", ASCENDING)], name="oldest")],
}
# What has no index of its own is made when it is first written to.
_COLLECTIONS: Final = (*_INDEXES, "conversations", "key_uses", "channel_claims", "checks")


class MongoDatabase:
    """
    One database, with the durability that the hub promises whatever its URL asks for.

    Args:
        client: A motor client. Only what pymongo's own asynchronous client has too is used
            of it, so that either will do.
    """

    def __init__(self, client: Client, name: str = DEFAULT_NAME) -> None:
        self.client = client
        self.name = name
        database = client.get_database(
            name,
            write_concern=DURABLE,
            # What was acknowledged by a majority is seen, and nothing that could roll back.
            read_concern=ReadConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )
        # Made once: the driver makes them anew whenever it is asked.
        self._collections = {collection: database[collection] for collection in _COLLECTIONS}
        self.recent_api_keys = RecentApiKeys()
        self.sealing_keys = SealingKeys()
        self.key_uses = KeyUses()

    def __getitem__(self, collection: str) -> Collection:
        return self._collections[collection]

    @translated
    async def ensure_ready(self) -> None:
        """
        Make the indexes that the stores rely on.

        Raises:
            StoreUnusableError: The server has no transactions, or does not let the hub in.
            StoreUnavailableError: It does not answer.
        """
        await self.require_transactions()
        for collection, indexes in _INDEXES.items():
            await self[collection].create_indexes(indexes)

    @translated
    async def require_transactions(self) -> None:
        """
        Make sure that the server is one that the stores can rely on, and change nothing there.

        Raises:
            StoreUnusableError: It has no transactions, or does not let the hub in.
            StoreUnavailableError: It does not answer.
        """
        hello = await self.client.admin.command("hello")
        # A router of a sharded cluster names no set, and has transactions too.
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise StoreUnusableError(_STANDALONE)

    @translated
    async def rehearse_writing(self) -> None:
        """
        Write in a transaction, and take it back.

        Raises:
            StoreUnusableError: The server does not let the hub write.
            StoreUnavailableError: It does not answer, or takes no writes now.
        """
        session: AsyncIOMotorClientSession = await settled(self.client.start_session())
        async with session:
            await settled(session.start_transaction())
            try:
                await self["checks"].insert_one({"_id": "rehearsal"}, session=session)
            finally:
                await session.abort_transaction()

    async def aggregated(
        self,
        collection: str,
        pipeline: Sequence[Record],
        session: AsyncIOMotorClientSession | None = None,
    ) -> list[Record]:
        """
        Everything that *pipeline* makes of *collection*.
        """
        cursor = await settled(self[collection].aggregate(pipeline, session=session))
        return await cursor.to_list(None)


@contextmanager
def open_database(url: str) -> Iterator[MongoDatabase]:
    """
    Hold a connection to the database that *url* names; it is made when it is first used.

    Raises:
        StoreUnusableError: *url* cannot be read. Nothing of it is repeated.
    """
    try:
        client: Client = AsyncIOMotorClient(url, **CLIENT_OPTIONS)
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
    The value itself, awaited if need be.

    This is where motor and pymongo's asynchronous client differ: sessions, transactions and
    aggregations start with an await in one and without in the other.
    """
    if inspect.isawaitable(value):
        result: T = await value
        return result
    return value
