from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from odoo_ai_config.adapters.memory.state import MemoryState
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
from tests.contract.memory_stores import stores_over
from tests.contract.message_inbox_contract import MessageInboxContract
from tests.contract.moving_contract import MovingContract
from tests.contract.pauses_contract import PausesContract
from tests.contract.prune_contract import PruneContract
from tests.contract.records_contract import RecordsContract
from tests.contract.renaming_contract import RenamingContract
from tests.contract.secret_store_contract import SecretStoreContract
from tests.contract.store_records_contract import StoreRecordsContract
from tests.contract.stores import Outage, StoreContract, Stores
from tests.contract.tenant_store_contract import TenantStoreContract


class InMemory(StoreContract):
    technology = "memory"
    shared = True

    @pytest.fixture
    def state(self) -> MemoryState:
        return MemoryState()

    @pytest.fixture
    def stores(self, state: MemoryState) -> Stores:
        return stores_over(state)

    @pytest.fixture
    def second_stores(self, state: MemoryState) -> Stores:
        return stores_over(state)

    @pytest.fixture
    def outage(self, state: MemoryState) -> Outage:
        @asynccontextmanager
        async def away() -> AsyncIterator[None]:
            state.away = True
            try:
                yield
            finally:
                state.away = False

        return away


class TestMemoryConfigStore(InMemory, ConfigStoreContract): ...


class TestMemoryCredentials(InMemory, CredentialsContract): ...


class TestMemoryPruning(InMemory, PruneContract): ...


class TestMemoryChannelDirectory(InMemory, ChannelDirectoryContract): ...


class TestMemoryEventOrder(InMemory, EventOrderContract): ...


class TestMemoryMappingHistory(InMemory, MappingHistoryContract): ...


class TestMemoryMappingForm(InMemory, MappingFormContract): ...


class TestMemoryCollectionStore(InMemory, CollectionStoreContract): ...


class TestMemoryCollectionPrecondition(InMemory, CollectionPreconditionContract): ...


class TestMemoryCollectionPruning(InMemory, CollectionPruneContract): ...


class TestMemoryConversationStore(InMemory, ConversationStoreContract): ...


class TestMemoryAddressStore(InMemory, AddressStoreContract): ...


class TestMemoryApiKeyStore(InMemory, ApiKeyStoreContract): ...


class TestMemoryRecords(InMemory, RecordsContract): ...


class TestMemoryPauses(InMemory, PausesContract): ...


class TestMemoryAuditLog(InMemory, AuditLogContract): ...


class TestMemoryTenantStore(InMemory, TenantStoreContract): ...


class TestMemoryMoving(InMemory, MovingContract): ...


class TestMemoryRenaming(InMemory, RenamingContract): ...


class TestMemoryFeed(InMemory, FeedContract): ...


class TestMemorySecretStore(InMemory, SecretStoreContract): ...


class TestMemoryMessageInbox(InMemory, MessageInboxContract): ...


class TestMemoryStoreRecords(InMemory, StoreRecordsContract): ...


class TestMemoryFailures(InMemory, FailureContract): ...
