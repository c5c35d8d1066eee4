from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from odoo_ai_config.adapters.mongo.database import MongoDatabase
from tests.contract.address_store_contract import AddressStoreContract
from tests.contract.api_key_store_contract import ApiKeyStoreContract
from tests.contract.audit_log_contract import AuditLogContract
from tests.contract.channel_directory_contract import ChannelDirectoryContract
from tests.contract.collection_precondition_contract import CollectionPreconditionContract
from tests.contract.collection_store_contract import (
    CollectionPruneContract,
    CollectionStoreContract,
)
from tests.contract.config_store_contract import ConfigStoreContract
from tests.contract.conversation_store_contract import ConversationStoreContract
from tests.contract.credentials_contract import CredentialsContract
from tests.contract.event_order_contract import EventOrderContract
from tests.contract.failure_contract import FailureContract
from tests.contract.feed_contract import FeedContract
from tests.contract.mapping_form_contract import MappingFormContract
from tests.contract.mapping_history_contract import MappingHistoryContract
from tests.contract.message_inbox_contract import MessageInboxContract
from tests.contract.mongo_stores import stores_over
from tests.contract.moving_contract import MovingContract
from tests.contract.pauses_contract import PausesContract
from tests.contract.prune_contract import PruneContract
from tests.contract.records_contract import RecordsContract
from tests.contract.renaming_contract import RenamingContract
from tests.contract.secret_store_contract import SecretStoreContract
from tests.contract.store_records_contract import StoreRecordsContract
from tests.contract.stores import Outage, StoreContract, Stores
from tests.contract.tenant_store_contract import TenantStoreContract
from tests.mongo_server import (
    CLIENTS,
    Gate,
    impatient_client,
    open_client,
    open_gate,
    reached,
    temporary_database,
)
from tests.shards import routed


def write_as_before_8(database: MongoDatabase) -> None:
    """
    Write with a command for each collection, as earlier servers need it.
    """
    database._joins_writes = False


class InMongo(StoreContract):
    technology = "mongo"
    shared = True

    @pytest.fixture(params=CLIENTS)
    async def database(
        self, mongo_uri: str, request: pytest.FixtureRequest
    ) -> AsyncIterator[MongoDatabase]:
        with routed() as router:
            async with (
                open_client(request.param, mongo_uri, event_listeners=[router]) as client,
                temporary_database(client) as database,
            ):
                if request.param is AsyncMongoClient:
                    write_as_before_8(database)
                yield database

    @pytest.fixture
    def stores(self, database: MongoDatabase) -> Stores:
        return stores_over(database)

    @pytest.fixture
    async def second_stores(
        self, database: MongoDatabase, mongo_uri: str
    ) -> AsyncIterator[Stores]:
        with routed() as router:
            async with open_client(
                AsyncMongoClient, mongo_uri, event_listeners=[router]
            ) as client:
                second = MongoDatabase(client, database.name, call_seconds=30.0)
                write_as_before_8(second)
                yield stores_over(second)


class TestMongoConfigStore(InMongo, ConfigStoreContract): ...


class TestMongoCredentials(InMongo, CredentialsContract): ...


class TestMongoPruning(InMongo, PruneContract): ...


class TestMongoChannelDirectory(InMongo, ChannelDirectoryContract): ...


class TestMongoEventOrder(InMongo, EventOrderContract): ...


class TestMongoMappingHistory(InMongo, MappingHistoryContract): ...


class TestMongoMappingForm(InMongo, MappingFormContract): ...


class TestMongoCollectionStore(InMongo, CollectionStoreContract): ...


class TestMongoCollectionPrecondition(InMongo, CollectionPreconditionContract): ...


class TestMongoCollectionPruning(InMongo, CollectionPruneContract): ...


class TestMongoConversationStore(InMongo, ConversationStoreContract): ...


class TestMongoAddressStore(InMongo, AddressStoreContract): ...


class TestMongoApiKeyStore(InMongo, ApiKeyStoreContract): ...


class TestMongoRecords(InMongo, RecordsContract): ...


class TestMongoPauses(InMongo, PausesContract): ...


class TestMongoAuditLog(InMongo, AuditLogContract): ...


class TestMongoTenantStore(InMongo, TenantStoreContract): ...


class TestMongoMoving(InMongo, MovingContract): ...


class TestMongoRenaming(InMongo, RenamingContract): ...


class TestMongoFeed(InMongo, FeedContract): ...


class TestMongoSecretStore(InMongo, SecretStoreContract): ...


class TestMongoMessageInbox(InMongo, MessageInboxContract): ...


class TestMongoStoreRecords(InMongo, StoreRecordsContract): ...


class TestMongoFailures(InMongo, FailureContract):
    @pytest.fixture
    async def gate(self, mongo_uri: str) -> AsyncIterator[Gate]:
        async with open_gate(mongo_uri) as gate:
            yield gate

    @pytest.fixture(params=CLIENTS)
    async def client(self, gate: Gate, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
        async with impatient_client(request.param, gate.uri) as client:
            yield client

    @pytest.fixture
    async def database(self, client: Any) -> AsyncIterator[MongoDatabase]:
        async with temporary_database(client) as database:
            yield database

    @pytest.fixture
    def outage(self, gate: Gate, client: Any) -> Outage:
        @asynccontextmanager
        async def away() -> AsyncIterator[None]:
            await gate.close()
            try:
                yield
            finally:
                await gate.open()
                await reached(client)

        return away
