from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from attrs import evolve
from pymongo import AsyncMongoClient
from pymongo.asynchronous.pool import AsyncConnection
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)
from pymongo.synchronous.pool import Connection
from structlog.testing import capture_logs

from odoo_ai_config.adapters.mongo import commit, transaction
from odoo_ai_config.adapters.mongo.database import MongoDatabase
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.migration import prepare
from odoo_ai_config.application.errors import (
    ContentionError,
    RequestRecordedError,
    StoreFailure,
    StoreUnavailableError,
    StoreUnusableError,
)
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.errors import RevisionConflictError
from tests.contract.mongo_stores import stores_over
from tests.contract.prune_contract import require_others_pruned
from tests.contract.samples import (
    AT,
    DAY,
    address,
    address_use,
    audit_entry,
    everything,
    key,
    message,
    revision,
    sighting,
)
from tests.contract.stores import Stores
from tests.mongo_server import (
    CLIENTS,
    impatient_client,
    open_client,
    reached,
    secantus_server,
    temporary_database,
)
from tests.trail import acts

COMMAND_NOT_FOUND = 59
COMMAND_NOT_SUPPORTED = 115
# The version of the protocol that MongoDB 7.0 speaks.
BEFORE_8 = 21
# Of one collection, and of several from MongoDB 8.0 on.
WRITES = ("insert", "update", "bulkWrite")
Failing: TypeAlias = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture(params=CLIENTS)
async def database(mongo_uri: str, request: pytest.FixtureRequest) -> AsyncIterator[MongoDatabase]:
    async with (
        open_client(request.param, mongo_uri) as client,
        temporary_database(client) as database,
    ):
        yield database


@pytest.fixture
def stores(database: MongoDatabase) -> Stores:
    return stores_over(database)


@pytest.fixture
def failing(database: MongoDatabase) -> Failing:
    """
    Makes the server fail the named commands, as often as *mode* says.
    """

    async def set_up(**point: Any) -> None:
        try:
            await database.client.admin.command("configureFailPoint", "failCommand", **point)
        except OperationFailure as error:
            if error.code == COMMAND_NOT_FOUND:
                pytest.skip("this mongod runs without --setParameter enableTestCommands=1")
            raise

    @asynccontextmanager
    async def fail(*commands: str, mode: Any = "alwaysOn", **how: Any) -> AsyncIterator[None]:
        await set_up(mode=mode, data={"failCommands": commands, **how})
        try:
            yield
        finally:
            await set_up(mode="off")

    return fail


async def test_commit_whose_answer_is_lost_happens_once(stores: Stores, failing: Failing) -> None:
    # The driver itself repeats a commit once; the third attempt is ours.
    async with failing("commitTransaction", mode={"times": 2}, closeConnection=True):
        await stores.config.commit(everything())
    assert len(await stores.config.history(key())) == 1
    with pytest.raises(RequestRecordedError):
        await stores.config.commit(everything())


async def test_commit_that_has_no_majority_is_repeated(stores: Stores, failing: Failing) -> None:
    concern = {"code": 64, "errmsg": "waiting for replication timed out"}
    async with failing("commitTransaction", mode={"times": 2}, writeConcernError=concern):
        await stores.config.commit(everything())
    assert len(await stores.config.history(key())) == 1


async def test_transaction_that_collides_is_repeated(stores: Stores, failing: Failing) -> None:
    async with failing(
        *WRITES,
        mode={"times": 5},
        errorCode=112,
        errorLabels=["TransientTransactionError"],
    ):
        await stores.config.commit(everything())
    assert len(await stores.config.history(key())) == 1


async def test_transaction_that_always_collides_is_contention(
    stores: Stores, failing: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "_PATIENCE_SECONDS", 0.2)
    async with failing(*WRITES, errorCode=112, errorLabels=["TransientTransactionError"]):
        with pytest.raises(ContentionError):
            await stores.config.commit(everything())
    assert await stores.config.tenants() == []
    await stores.config.commit(everything())


@pytest.mark.parametrize("code", [COMMAND_NOT_FOUND, COMMAND_NOT_SUPPORTED])
async def test_server_that_is_new_but_does_not_join_writes_gets_them_apart(
    database: MongoDatabase, stores: Stores, failing: Failing, code: int
) -> None:
    # 8.0 does so while its compatibility version is 7.0, in the middle of an upgrade.
    assert await database.joins_writes()
    async with failing("bulkWrite", errorCode=code):
        await stores.config.commit(everything())
    assert len(await stores.config.history(key())) == 1
    assert not await database.joins_writes()


async def test_writes_go_apart_after_an_older_member_has_become_the_primary(
    database: MongoDatabase, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await database.joins_writes()
    earlier = property(lambda _: BEFORE_8, lambda *_: None)
    for connection in (Connection, AsyncConnection):
        monkeypatch.setattr(connection, "max_wire_version", earlier, raising=False)
    await stores.config.commit(everything())
    assert len(await stores.config.history(key())) == 1


@pytest.mark.parametrize(
    "code", [6, 7, 50, 64, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436]
)
async def test_server_that_cannot_now_is_away(mongo_uri: str, failing: Failing, code: int) -> None:
    async with impatient_client(AsyncMongoClient, mongo_uri) as client:
        config = stores_over(MongoDatabase(client, "unused")).config
        async with failing("find", errorCode=code):
            with pytest.raises(StoreUnavailableError):
                await config.current([key()])
        await reached(client)
        assert await config.current([key()]) == {}


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (OperationFailure("", 10107), StoreFailure.NO_PRIMARY),
        (OperationFailure("", 189), StoreFailure.NO_PRIMARY),
        (NotPrimaryError(""), StoreFailure.NO_PRIMARY),
        (OperationFailure("", 64), StoreFailure.NO_MAJORITY),
        (OperationFailure("", 100), StoreFailure.NO_MAJORITY),
        (WTimeoutError("", 64), StoreFailure.NO_MAJORITY),
        (OperationFailure("", 14031), StoreFailure.DISK_FULL),
        (
            OperationFailure("", 1, {"writeErrors": [{"code": 14031}]}),
            StoreFailure.DISK_FULL,
        ),
        (OperationFailure("", 6), StoreFailure.AWAY),
        (AutoReconnect(""), StoreFailure.AWAY),
        # A connection that breaks at its beginning.
        (AutoReconnect("", {"errorLabels": ["SystemOverloadedError"]}), StoreFailure.AWAY),
        (
            OperationFailure("", 1, {"errorLabels": ["SystemOverloadedError"]}),
            StoreFailure.BUSY,
        ),
        (ServerSelectionTimeoutError(""), StoreFailure.AWAY),
    ],
)
async def test_cause_of_an_outage_is_told(error: PyMongoError, failure: StoreFailure) -> None:
    @translated
    async def failing_call() -> None:
        raise error

    with pytest.raises(StoreUnavailableError) as caught:
        await failing_call()
    assert caught.value.failure is failure


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (OperationFailure("", 18), StoreFailure.LOCKED_OUT),
        (OperationFailure("", 13), StoreFailure.LOCKED_OUT),
        (ConfigurationError(""), StoreFailure.UNSUITABLE),
    ],
)
async def test_cause_for_which_there_is_advice_is_told(
    error: PyMongoError, failure: StoreFailure
) -> None:
    @translated
    async def failing_call() -> None:
        raise error

    with pytest.raises(StoreUnusableError) as caught:
        await failing_call()
    assert caught.value.failure is failure


async def test_mistake_of_ours_is_not_taken_for_an_outage(
    stores: Stores, failing: Failing
) -> None:
    async with failing("find", errorCode=2):
        with pytest.raises(StoreUnusableError) as caught, capture_logs() as logged:
            await stores.config.current([key()])
    assert caught.value.failure is StoreFailure.REFUSED
    assert [(line["event"], line["reason"]) for line in logged] == [("store_refused", "2")]


async def test_text_that_cannot_be_encoded_is_not_taken_for_an_outage(stores: Stores) -> None:
    with pytest.raises(StoreUnusableError) as caught:
        await stores.api_keys.api_key("\ud800")
    assert caught.value.failure is StoreFailure.REFUSED


async def test_cancelled_commit_leaves_no_transaction_behind(
    stores: Stores, failing: Failing
) -> None:
    async with failing(
        "commitTransaction", mode={"times": 1}, blockConnection=True, blockTimeMS=200
    ):
        given_up = asyncio.create_task(stores.config.commit(everything()))
        # One turn of the loop: the transaction has begun.
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        # The transaction that had begun was finished first.
        assert key() in await stores.config.current([key()])
    # No lock holds the documents, and the caller can ask again whether the commit succeeded.
    with pytest.raises(RequestRecordedError):
        await stores.config.commit(everything())
    assert len(await stores.config.history(key())) == 1


@pytest.mark.parametrize("client_kind", CLIENTS)
async def test_hub_works_again_when_the_database_was_restarted(
    tmp_path: Path, client_kind: Callable[..., Any]
) -> None:
    first = secantus_server(storage_path=str(tmp_path))
    first.start()
    second_version = Changeset(revisions=(revision(version=2),))
    async with impatient_client(client_kind, first.uri) as client:
        database = MongoDatabase(client, "hub")
        await prepare(database)
        stores = stores_over(database)
        await stores.config.commit(everything())
        first.stop()
        with pytest.raises(StoreUnavailableError):
            await stores.config.commit(second_version)
        with pytest.raises(StoreUnavailableError):
            await stores.config.check()
        with secantus_server(storage_path=str(tmp_path), port=first.port):
            await reached(client)
            await stores.config.check()
            await stores.config.commit(second_version)
            assert [new.version for new in await stores.config.history(key())] == [2, 1]


async def test_transaction_whose_connection_breaks_is_repeated(
    stores: Stores, failing: Failing
) -> None:
    await stores.config.commit(everything())
    async with failing(*WRITES, mode={"times": 1}, closeConnection=True):
        await stores.config.commit(Changeset(revisions=(revision(version=2),)))
    assert len(await stores.config.history(key())) == 2


@pytest.mark.parametrize("happened", [True, False])
async def test_write_of_one_record_whose_answer_is_lost_happens_once(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, *, happened: bool
) -> None:
    new = message()
    await stores.config.commit(Changeset(messages=(new,)))
    next_step = new.awaiting(until=AT + DAY, at=AT + DAY)
    attempts = 0

    async def lose_the_first_answer(*of: Any) -> None:
        nonlocal attempts
        attempts += 1
        if happened or attempts > 1:
            await transaction.send(*of)
        if attempts == 1:
            raise AutoReconnect("lost", {"errorLabels": ["RetryableWriteError"]})

    changes = [
        Changeset(messages=(next_step,)),
        Changeset(audit=(audit_entry(),)),
        Changeset(sightings=(sighting(),)),
        Changeset(addresses=(address(),)),
        Changeset(address_uses=(address_use(),)),
    ]
    monkeypatch.setattr(commit, "send", lose_the_first_answer)
    for change in changes:
        attempts = 0
        await stores.config.commit(change)
    assert await stores.inbox.find(new.id) == next_step
    assert len(await acts(stores.audit)) == 1
    state = await stores.conversations.find(sighting().key)
    assert state is not None
    assert state.revision == 1
    used = await stores.addresses.address(address().id)
    assert used is not None
    assert used.used_at == address_use().at


async def test_another_write_is_not_taken_for_the_own_one(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = message()
    await stores.config.commit(Changeset(messages=(new,)))
    own = new.awaiting(until=AT + DAY, at=AT + DAY)

    async def overtaken(*of: Any) -> None:
        monkeypatch.setattr(commit, "send", transaction.send)
        await stores.config.commit(Changeset(messages=(evolve(own, attempts=7),)))
        raise AutoReconnect("lost", {"errorLabels": ["RetryableWriteError"]})

    monkeypatch.setattr(commit, "send", overtaken)
    with pytest.raises(RevisionConflictError):
        await stores.config.commit(Changeset(messages=(own,)))


async def test_who_has_no_patience_left_gets_none_for_a_shorter_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transaction, "_PATIENCE_SECONDS", 1.0)
    pauses = iter([2.0, 0.0])
    monkeypatch.setattr(transaction._random, "uniform", lambda *_: next(pauses))
    patience = transaction._Patience(asyncio.Event())
    assert [await patience.lasts(), await patience.lasts()] == [False, False]


@pytest.mark.parametrize("body", ["{", "{]}"])
async def test_values_of_others_go_although_a_document_cannot_be_read(
    database: MongoDatabase, body: str
) -> None:
    async def damage(tenant: str) -> None:
        for collection in ("documents", "revisions"):
            await database[collection].update_many({"tenant": tenant}, {"$set": {"text": body}})

    await require_others_pruned(stores_over(database), damage)
