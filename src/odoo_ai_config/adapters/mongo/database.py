"""
The MongoDB database behind the stores: its connection, layout and checks.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast
from urllib.parse import urlsplit

from pymongo import AsyncMongoClient, ReadPreference, WriteConcern
from pymongo.collation import Collation
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from odoo_ai_config.adapters.mongo.deadlines import TimedCollection, settled, within
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.read_cache import ReadCache
from odoo_ai_config.adapters.mongo.server_clock import ServerClock
from odoo_ai_config.adapters.mongo.uses import Uses
from odoo_ai_config.application.errors import (
    StoreFailure,
    StoreUnavailableError,
    StoreUnusableError,
)
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.credentials.secrets import TenantKey
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.tenants import Remembered

if TYPE_CHECKING:
    from motor.motor_asyncio import (
        AsyncIOMotorClient,
        AsyncIOMotorClientSession,
        AsyncIOMotorCollection,
        AsyncIOMotorCursor,
    )
    from pymongo.client_options import ClientOptions

Record: TypeAlias = dict[str, Any]
Driver: TypeAlias = Literal["motor", "pymongo"]
# Those of pymongo's own client have the same methods, as far as the hub uses them.
Session: TypeAlias = "AsyncIOMotorClientSession"
Client: TypeAlias = "AsyncIOMotorClient[Record]"
Collection: TypeAlias = "AsyncIOMotorCollection[Record]"
Cursor: TypeAlias = "AsyncIOMotorCursor[Record]"

# The port lets a revocation by another process take this long.
_API_KEY_SECONDS: Final = 2.0
_STATES: Final = 1_000
# Likewise for the standing of a tenant.
_STANDING_SECONDS: Final = 2.0
# Names the pipeline that a record came from.
_RESULT: Final = "_result"
DEFAULT_NAME: Final = "odoo_ai_config"
# A majority that takes longer counts as away; a call that has a deadline has less.
_MAJORITY_MS: Final = 5_000
DURABLE: Final = WriteConcern("majority", wtimeout=_MAJORITY_MS, j=True)
# Of those that the URL does not set. A caller gets an error to retry on rather than wait long.
CLIENT_OPTIONS: Final[Mapping[str, Any]] = {
    "appname": "odoo-ai-config",
    "serverSelectionTimeoutMS": 2_500,
    "connectTimeoutMS": 2_000,
    "socketTimeoutMS": 2_800,
    "waitQueueTimeoutMS": 2_500,
    "retryReads": True,
    "retryWrites": True,
}
# What a call takes at most, with the options above.
CALL_SECONDS: Final = 2.8
# The server needs hours for an index of a large collection, and answers at its end. A
# copy writes and clears more at a time than any request does.
_PATIENT: Final[Mapping[str, Any]] = {"socketTimeoutMS": None}
# As many as the driver has connections.
THREADS: Final = 100
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
# Likewise, in a database that a copy or a restore fills.
UNFINISHED: Final[Record] = {"_id": "unfinished"}
# True of revisions that another tenant's replaced, and of nothing else.
LOST: Final[Record] = {"lost_at": {"$gt": 0}}
# True of every text, and of nothing else.
IS_TEXT: Final[Record] = {"$gte": ""}
# True of revisions that are not in the audit trail yet, and of nothing else.
UNLINKED: Final[Record] = {"unlinked": True}
# An index serves only those queries that have its collation.
ANY_CASE: Final = Collation(locale="en", strength=2)


class MongoDatabase:
    """
    One database, with the durability that the hub promises whatever its URL says.

    Its methods raise `StoreUnusableError` if the server has no transactions or refuses the hub's
    user, and `StoreUnavailableError` if it does not answer.

    Args:
        client: A motor client, or pymongo's own asynchronous one: only what both have is used.
        call_seconds: What a call of the driver takes at most, from the moment of the call; None
            for any time.
        place: Where it is, for people.
    """

    def __init__(
        self,
        client: Client,
        name: str = DEFAULT_NAME,
        *,
        call_seconds: float | None = CALL_SECONDS,
        place: str = "MongoDB",
    ) -> None:
        self.client = client
        self.name = name
        self.place = place
        self.call_seconds = call_seconds
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
        # The tenants that are not active or have moved, by their ids; all of them together.
        self.standings = ReadCache[str, Mapping[TenantId, Remembered]](_STANDING_SECONDS)
        # Some may be out of date: a commit that seals with one checks that it is still active.
        self.sealing_keys = ReadCache[TenantId, TenantKey]()
        # The states of conversations as they were read, at most one each. A commit that follows
        # on one checks that it is still the newest.
        self.states = ReadCache[str, Sequence[Record]](most=_STATES)
        # The active data key of a tenant is used to seal, and replaced; the mapping is changed in
        # a part, and as a whole.
        self.key_uses = Uses()
        self.mapping_uses = Uses()
        # What the last look found beside some tenants, until something is written or claimed.
        self.heads_seen: tuple[list[str], list[Record]] | None = None
        self.clock = ServerClock(self._server_time)

    def __getitem__(self, collection: str) -> Collection:
        # The driver makes a new object at every access.
        known = self._collections.get(collection)
        if known is None:
            timed = TimedCollection(self._database[collection], self.call_seconds)
            known = self._collections[collection] = cast("Collection", timed)
        return known

    @translated
    async def require_transactions(self) -> None:
        """
        Check that the server offers transactions, without a change.
        """
        hello = await self._hello()
        # A router of a sharded cluster offers transactions too, but names no set.
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise StoreUnusableError(_STANDALONE)

    async def close(self) -> None:
        """
        Close the connections.
        """
        # Motor's talks to the server, and blocks.
        await settled(await asyncio.to_thread(self.client.close))

    async def collection_names(self) -> set[str]:
        """
        Return the names of the collections that exist.
        """
        return set(await within(self.call_seconds, self._database.list_collection_names))

    async def create_collection(self, name: str) -> None:
        """
        Create an empty collection.
        """
        # Without a look of the driver's own.
        create = partial(self._database.create_collection, name, check_exists=False)
        await within(self.call_seconds, create)

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
            session: If it has a transaction, they are of one moment. All of them fit into one
                record then.
        """
        if session is None:
            return await self._united(places)
        # From a record that a start leaves there: a transaction does not allow $unionWith.
        joins = [
            {"$lookup": {"from": collection, "pipeline": [*pipeline], "as": name}}
            for name, (collection, pipeline) in places.items()
        ]
        records = await self.aggregated(SCHEMA, [{"$match": VERSION}, *joins], session)
        if not records:
            raise StoreUnavailableError(StoreFailure.FILE_REPLACED)
        return {name: records[0][name] for name in places}

    async def _united(
        self, places: Mapping[str, tuple[str, Sequence[Record]]]
    ) -> dict[str, list[Record]]:
        (first, *others) = [
            (collection, [*pipeline, {"$set": {_RESULT: name}}])
            for name, (collection, pipeline) in places.items()
        ]
        collection, pipeline = first
        unions = [{"$unionWith": {"coll": coll, "pipeline": pipe}} for coll, pipe in others]
        found: dict[str, list[Record]] = {name: [] for name in places}
        for record in await self.aggregated(collection, [*pipeline, *unions]):
            found[record.pop(_RESULT)].append(record)
        return found

    async def _server_time(self) -> datetime:
        told: datetime = (await self._hello())["localTime"]
        return told.replace(tzinfo=UTC)

    async def _hello(self) -> Record:
        return await within(self.call_seconds, lambda: self.client.admin.command("hello"))

    async def joins_writes(self) -> bool:
        """
        Whether the server takes writes to several collections in one command, as from 8.0 on.
        """
        if self._joins_writes is None:
            self._joins_writes = (await self._hello())["maxWireVersion"] >= _JOINING_WIRE_VERSION
        return self._joins_writes

    def write_apart(self) -> None:
        """
        Write to each collection by its own command: the server has refused to join writes.

        Its version alone does not tell. While a replica set is upgraded, the compatibility
        version stays the earlier one, and any member may become the primary.
        """
        self._joins_writes = False

    async def distinct(
        self, collection: str, field: str, wanted: Record, session: Session | None = None
    ) -> list[Any]:
        """
        Return the different values of *field* (``$field``) in the wanted records.

        By an aggregation: the server's command of this name fails beyond the size of one document.
        """
        pipeline: list[Record] = [{"$match": wanted}, {"$group": {"_id": field}}]
        return [group["_id"] for group in await self.aggregated(collection, pipeline, session)]


def open_database(
    url: str, driver: Driver = "motor", *, threads: int = THREADS, patient: bool = False
) -> MongoDatabase:
    """
    The database that *url* names; the connection is made on first use.

    Options in *url* come before those of the hub, except for what makes writes durable.

    Args:
        url: With the name of the database, and options.
        driver: Which client to use.
        threads: How many calls motor makes at the same time.
        patient: Whether to wait for an answer as long as it takes.

    Raises:
        StoreUnusableError: *url* is malformed. The error does not quote it.
    """
    try:
        chosen = _options_of(url)
        options = {
            name: value for name, value in CLIENT_OPTIONS.items() if name.lower() not in chosen
        }
        options |= _PATIENT if patient else {}
        client = _client_class(driver, threads)(url, **options)
        name = client.get_default_database(DEFAULT_NAME).name
    except (PyMongoError, ValueError):
        # The driver's messages may quote the part of the URL that has the password.
        raise StoreUnusableError(_MALFORMED_URL) from None
    parts = urlsplit(url)
    # Without the user and the password.
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{name}"
    return MongoDatabase(client, name, call_seconds=_call_seconds(client), place=place)


def _options_of(url: str) -> list[str]:
    return [part.partition("=")[0].lower() for part in re.split("[&;]", urlsplit(url).query)]


def _client_class(driver: Driver, threads: int) -> Callable[..., Client]:
    if driver == "pymongo":
        return cast("Callable[..., Client]", AsyncMongoClient)
    # Motor reads this once, when it is imported.
    os.environ.setdefault("MOTOR_MAX_WORKERS", str(threads))  # noqa: TID251 - its only way
    from motor.motor_asyncio import AsyncIOMotorClient  # noqa: PLC0415 - only if it is chosen

    return cast("Callable[..., Client]", AsyncIOMotorClient)


def _call_seconds(client: Client) -> float | None:
    """
    What a call may take, from the options of the URL and the hub's own.
    """
    options = cast("ClientOptions", client.options)
    if options.timeout is not None:
        # Zero: as long as it takes.
        return options.timeout or None
    answer = options.pool_options.socket_timeout
    return None if answer is None else max(answer, options.server_selection_timeout)
