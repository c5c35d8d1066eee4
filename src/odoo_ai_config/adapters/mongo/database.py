"""
The MongoDB database behind the stores: its connection, layout and checks.
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
    AsyncIOMotorCursor,
)
from pymongo import DESCENDING, IndexModel, ReadPreference, WriteConcern
from pymongo.collation import Collation
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.read_cache import ReadCache
from odoo_ai_config.adapters.mongo.uses import Uses
from odoo_ai_config.application.errors import StoreUnusableError
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.channels.phone import comparable
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
_MALFORMED_URL: Final = (
    "ODOO_AI_CONFIG_STORE_URL não é um endereço do MongoDB. Escreva "
    "mongodb://usuario:senha@servidor:27017/odoo_ai_config?replicaSet=rs0, com os caracteres "
    "especiais do usuário e da senha codificados (%40 no lugar de @)."
)
_STANDALONE: Final = (
    "Este MongoDB é um servidor avulso e não oferece transações. Transforme-o em um replica set "
    "de um nó: reinicie o mongod com --replSet rs0 e execute uma vez rs.initiate() no mongosh."
)
_ACTIVE: Final[Record] = {"active": True}
# True of every text, and of nothing else.
_IS_TEXT: Final[Record] = {"$gte": ""}
# True of revisions that another tenant's replaced, and of nothing else.
LOST: Final[Record] = {"lost_at": {"$gt": 0}}
# An index serves only those queries that have its collation.
ANY_CASE: Final = Collation(locale="en", strength=2)
# What earlier versions stored as comparable forms, of which some are others now.
_COMPARED_OTHERWISE: Final = "^(55[1-9][0-9][0-5][0-9]{7}|(549|521)[0-9]{10})$"
_INDEXES: Final[Mapping[str, Sequence[IndexModel]]] = {
    "documents": [
        # Covers the listing of tenants: no document is read for it.
        IndexModel(["deleted", "tenant", "domain", "kind"], name="living"),
        IndexModel(["tenant", "deleted"], name="spelling", collation=ANY_CASE),
    ],
    "revisions": [IndexModel(["document", "version"], name="version", unique=True)],
    "mappings": [
        IndexModel(["owner.tenant"], name="owner"),
        IndexModel(["account", "owner.tenant"], name="presence", partialFilterExpression=_ACTIVE),
        IndexModel(["numbers.comparable"], name="number", partialFilterExpression=_ACTIVE),
        IndexModel(
            ["sequence", "owner.tenant", "owner.domain", "_id"],
            name="fallback",
            partialFilterExpression={"active": True, "fallback": True},
        ),
        IndexModel(["updated_at", "_id"], name="by_time"),
    ],
    # Those that a newer one replaced.
    "mapping_revisions": [
        IndexModel(["channel", "version"], name="version", unique=True),
        IndexModel(["updated_at", "channel", "version"], name="by_time"),
        IndexModel(["owner.tenant", "updated_at", "channel", "version"], name="of_tenant"),
        # Those after which the channel went to another tenant: by the time of that, by channel.
        IndexModel(
            ["owner.tenant", "lost_at", "channel", "version"],
            name="lost_by_time",
            partialFilterExpression=LOST,
        ),
        IndexModel(
            ["owner.tenant", "channel"], name="lost_channels", partialFilterExpression=LOST
        ),
    ],
    "secrets": [
        IndexModel(["tenant", "key_id"], name="sealed_by"),
        # Messages have many sealed texts and tenants few credentials: each prunes its own.
        IndexModel(["purpose", "tenant", "domain"], name="purpose"),
    ],
    "tenant_keys": [IndexModel(["keys.master_id"], name="wrapped_by")],
    # Idempotency records, under their first name.
    "deliveries": [IndexModel(["expires_at"], name="expiry")],
    "collections": [IndexModel(["tenant", "name"], name="of_tenant")],
    "items": [
        IndexModel(["collection", "version", "id"], name="of_collection"),
        IndexModel(
            ["collection", "version"],
            name="traces",
            # Only tombstones have a number in this field.
            partialFilterExpression={"removed_at": {"$gt": 0}},
        ),
    ],
    "audit": [
        IndexModel([("at", DESCENDING), ("_id", DESCENDING)], name="newest"),
        IndexModel(["tenant", ("at", DESCENDING), ("_id", DESCENDING)], name="of_tenant"),
    ],
    "messages": [
        IndexModel(
            ["marks"], name="marks", unique=True, partialFilterExpression={"marks": _IS_TEXT}
        ),
        IndexModel(["ready", "due_at"], name="ready", partialFilterExpression={"ready": _IS_TEXT}),
        IndexModel(
            ["conversation", "open", "turn"],
            name="turns",
            partialFilterExpression={"conversation": _IS_TEXT},
        ),
        IndexModel(
            ["origin.account", "origin.conversation", ("arrival", DESCENDING)],
            name="of_conversation",
        ),
        # Covers the counting of messages by stage: no message is read for it.
        IndexModel(["stage", ("arrival", DESCENDING), "received_at"], name="newest"),
        IndexModel(["holder.tenant", "stage", ("arrival", DESCENDING)], name="of_tenant"),
        IndexModel(["stage", "updated_at"], name="finished"),
    ],
    "conversation_states": [
        IndexModel(["owner.tenant", "account", "id"], name="of_tenant"),
        IndexModel(["account", "id"], name="all"),
        IndexModel(["updated_at"], name="by_time"),
    ],
    "addresses": [
        IndexModel(["tenant", "_id"], name="of_tenant"),
        IndexModel(
            ["revoked_at"], name="revoked", partialFilterExpression={"revoked_at": {"$gt": 0}}
        ),
    ],
    "api_keys": [IndexModel(["created_at", "_id"], name="oldest")],
}
_COLLECTIONS: Final = (*_INDEXES, "conversations", "key_uses", "channel_claims", "checks")


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
        database = client.get_database(
            name,
            write_concern=DURABLE,
            # Only what a majority acknowledged is read: it cannot be rolled back.
            read_concern=ReadConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )
        # The driver makes a new object at every access.
        self._collections = {collection: database[collection] for collection in _COLLECTIONS}
        self.api_keys = ReadCache[str, ApiKey](_API_KEY_SECONDS)
        # Some may be out of date: a commit that seals with one checks that it is still active.
        self.sealing_keys = ReadCache[TenantId, TenantKey]()
        # A data key of a tenant is used to seal, and removed; the mapping is changed in a part,
        # and as a whole.
        self.key_uses = Uses()
        self.mapping_uses = Uses()

    def __getitem__(self, collection: str) -> Collection:
        return self._collections[collection]

    @translated
    async def ensure_ready(self) -> None:
        """
        Create the indexes that the stores rely on.
        """
        await self.require_transactions()
        for collection, indexes in _INDEXES.items():
            await self[collection].create_indexes(indexes)
        await self._compare_numbers_anew()

    async def _compare_numbers_anew(self) -> None:
        """
        Correct what earlier versions stored as comparable forms.

        They took Brazil's ninth digit from every number of a mobile's length, so that
        `55 DD 9 3333-4444` was the landline `55 DD 3333-4444`, and left Argentina's 9 and Mexico's
        1 where they were.
        """
        taken: Record = {"active": True, "numbers.comparable": {"$regex": _COMPARED_OTHERWISE}}
        async for record in self["mappings"].find(taken, ["numbers"]):
            before = record["numbers"]
            after = [{**one, "comparable": comparable(one["digits"])} for one in before]
            if after != before:
                await self["mappings"].update_one(
                    {"_id": record["_id"], "numbers": before}, {"$set": {"numbers": after}}
                )

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

    async def aggregated(
        self, collection: str, pipeline: Sequence[Record], session: Session | None = None
    ) -> list[Record]:
        """
        Return all results of *pipeline* over *collection*.
        """
        cursor = await settled(self[collection].aggregate(pipeline, session=session))
        return await cursor.to_list(None)

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
def open_database(url: str) -> Iterator[MongoDatabase]:
    """
    Open the database that *url* names; the connection is made on first use.

    Raises:
        StoreUnusableError: *url* is malformed. The error does not quote it.
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
    Return *value*, awaited if it is awaitable.

    Motor and pymongo's asynchronous client differ here: sessions, transactions and aggregations
    start with an await in one and without in the other.
    """
    if inspect.isawaitable(value):
        result: T = await value
        return result
    return value
