"""
A MongoDB replica set for the tests: a real one, or SecantusDB, which speaks its protocol.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, MongoClient, common
from pymongo.errors import AutoReconnect
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from odoo_ai_config.adapters.mongo.database import (
    CLIENT_OPTIONS,
    SCHEMA,
    THREADS,
    Driver,
    MongoDatabase,
    open_database,
)
from odoo_ai_config.adapters.mongo.deadlines import settled
from odoo_ai_config.adapters.mongo.migration import prepare

# It refuses a field that the first command of a transaction has.
_REFUSED = ("_BULK_WRITE_KNOWN_FIELDS", "readConcern")
# It ends with its parent, even if that is killed.
_SERVER = (
    "import sys; from secantus import SecantusDBServer, commands; "
    f"commands.{_REFUSED[0]} |= {{{_REFUSED[1]!r}}}; "
    "server = SecantusDBServer(storage_path=sys.argv[1]); server.start(); "
    "print(server.uri, flush=True); sys.stdin.read()"
)
URI_VARIABLE = "ODOO_AI_CONFIG_TEST_MONGODB_URI"
# What a test gave up may still reach its database, which therefore rests for some tests.
_RESTING: Final = 3
# Only tests of deadlines need those of the hub; the machine may be busy.
_CALL_SECONDS: Final = 30.0
_UNHURRIED: Final = {"socketTimeoutMS": 30_000}
# The databases of earlier tests, the one that has rested longest first.
_prepared: deque[str] = deque()
# The driver's own, beside the work.
_BESIDE: Final = frozenset({"hello", "ismaster", "isMaster", "ping", "endSessions"})
# The hub takes motor unless it is told to take pymongo's own client.
CLIENTS = [
    pytest.param(AsyncIOMotorClient, id="motor"),
    pytest.param(AsyncMongoClient, id="pymongo", marks=pytest.mark.twin),
]


def secantus_server(**options: Any) -> Any:
    """
    A SecantusDB that is not started; without one, the test is skipped with the reason.
    """
    return _secantus().SecantusDBServer(**options)


def _secantus() -> Any:
    try:
        secantus, commands = map(importlib.import_module, ("secantus", "secantus.commands"))
    except ImportError as error:
        reason = f"no MongoDB: set {URI_VARIABLE} or install SecantusDB ({error})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    vars(commands)[_REFUSED[0]] |= {_REFUSED[1]}
    return secantus


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """
    Address of a replica set's primary, without a database.
    """
    if uri := os.environ.get(URI_VARIABLE):
        yield uri
        with MongoClient[Any](uri) as client:
            for name in _prepared:
                client.drop_database(name)
        return
    _secantus()
    command = [sys.executable, "-c", _SERVER, str(tmp_path_factory.mktemp("mongodb"))]
    # Its own process: some tests limit the files of this one, and its coverage is not needed and
    # would slow it down.
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COVERAGE", "COV_"))
    }
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=variables, stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.kill()


class Gate:
    """
    A proxy to the server that can be closed and opened again, or hold back what passes it.

    Args:
        uri: The server's URL.
        seconds: How long each way takes.
    """

    def __init__(self, uri: str, *, seconds: float = 0.0) -> None:
        self._parts = urlsplit(uri)
        self._seconds = seconds
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._port = 0

    @property
    def uri(self) -> str:
        """
        The server's URL, through the gate.
        """
        user, at, _ = self._parts.netloc.rpartition("@")
        return self._parts._replace(netloc=f"{user}{at}127.0.0.1:{self._port}").geturl()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def freeze(self) -> None:
        """
        Accept connections, and answer nothing.
        """
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection(
            self._parts.hostname, self._parts.port
        )
        self._writers |= {writer, behind_writer}
        try:
            await asyncio.gather(
                self._copy(reader, behind_writer),
                self._copy(behind_reader, writer),
                return_exceptions=True,
            )
        finally:
            self._writers -= {writer, behind_writer}

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65536):
                await self._flowing.wait()
                if self._seconds:
                    await asyncio.sleep(self._seconds)
                writer.write(chunk)
                await writer.drain()
        finally:
            writer.transport.abort()


@asynccontextmanager
async def open_gate(uri: str) -> AsyncIterator[Gate]:
    gate = Gate(uri)
    await gate.open()
    try:
        yield gate
    finally:
        await gate.close()


@asynccontextmanager
async def impatient_client(kind: Callable[..., Any], uri: str) -> AsyncIterator[Any]:
    """
    A client that fails at once, and retries as fast as it can.

    The driver's default waits would make each outage take seconds.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(common, "MIN_HEARTBEAT_INTERVAL", 0.01)
        async with open_client(
            kind,
            uri,
            # Members of a set report their own addresses, which bypass the gate.
            directConnection=True,
            serverMonitoringMode="poll",
            serverSelectionTimeoutMS=100,
        ) as client:
            await reached(client)
            yield client


@asynccontextmanager
async def open_client(kind: Callable[..., Any], uri: str, **options: Any) -> AsyncIterator[Any]:
    client = kind(uri, **{**CLIENT_OPTIONS, **_UNHURRIED, **options})
    try:
        yield client
    finally:
        # motor's close blocks while it talks to the server, even to a server of this loop.
        await settled(await asyncio.to_thread(client.close))


class Commands(CommandListener):
    """
    The names of all commands that are sent, in their order.
    """

    def __init__(self) -> None:
        self.sent: list[str] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name not in _BESIDE:
            self.sent.append(event.command_name)

    def succeeded(self, event: CommandSucceededEvent) -> None: ...

    def failed(self, event: CommandFailedEvent) -> None: ...

    @contextmanager
    def at_most(self, most: int) -> Iterator[None]:
        """
        Require that no more than *most* commands are sent within.
        """
        self.sent.clear()
        yield
        assert len(self.sent) <= most, self.sent


@asynccontextmanager
async def at_url(
    url: str, driver: Driver = "pymongo", *, threads: int = THREADS
) -> AsyncIterator[MongoDatabase]:
    """
    The database as the hub opens it.
    """
    database = open_database(url, driver, threads=threads)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def temporary_database(client: Any) -> AsyncIterator[MongoDatabase]:
    """
    A database that is prepared and empty.

    Later tests get it again, emptied: its indexes take longer than most tests.
    """
    if len(_prepared) > _RESTING:
        database = MongoDatabase(client, _prepared.popleft(), call_seconds=_CALL_SECONDS)
        await _empty(client[database.name])
    else:
        name = f"test_{uuid4().hex}"
        database = MongoDatabase(client, name, call_seconds=_CALL_SECONDS)
        await prepare(database)
    try:
        yield database
    finally:
        _prepared.append(database.name)


async def _empty(database: Any) -> None:
    # One request tells which few collections have records.
    # All but the schema's version: the collections and indexes stay.
    names = [name for name in await database.list_collection_names() if name != SCHEMA]
    pipelines = {
        name: [{"$limit": 1}, {"$project": {"_id": {"$literal": name}}}] for name in names
    }
    first = names.pop()
    others = [{"$unionWith": {"coll": name, "pipeline": pipelines[name]}} for name in names]
    cursor = await settled(database[first].aggregate([*pipelines[first], *others]))
    for found in await cursor.to_list(None):
        await database[found["_id"]].delete_many({})


async def reached(client: Any) -> None:
    """
    Return once the driver has noticed that the server is there.
    """
    while True:
        try:
            await client.admin.command("ping")
        except AutoReconnect:
            continue
        return
