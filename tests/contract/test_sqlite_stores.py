from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from odoo_ai_config.adapters.sqlite.database import open_sqlite
from odoo_ai_config.application.errors import StoreFailure
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
from tests.contract.moving_contract import MovingContract
from tests.contract.pauses_contract import PausesContract
from tests.contract.prune_contract import PruneContract
from tests.contract.records_contract import RecordsContract
from tests.contract.renaming_contract import RenamingContract
from tests.contract.secret_store_contract import SecretStoreContract
from tests.contract.sqlite_stores import stores_over
from tests.contract.store_records_contract import StoreRecordsContract
from tests.contract.stores import Outage, StoreContract, Stores
from tests.contract.tenant_store_contract import TenantStoreContract


class InSqlite(StoreContract):
    technology = "sqlite"
    shared = True

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "hub.db"

    # Asynchronous, so that the loop still runs when the last commits are answered.
    @pytest.fixture
    async def stores(self, path: Path) -> AsyncIterator[Stores]:
        with open_sqlite(path) as database:
            yield stores_over(database)

    @pytest.fixture
    def second_stores(self, stores: Stores, path: Path) -> Iterator[Stores]:
        with open_sqlite(path) as database:
            yield stores_over(database)

    @pytest.fixture
    def outage(self, path: Path) -> Outage:
        @asynccontextmanager
        async def away() -> AsyncIterator[None]:
            hidden = path.with_suffix(".hidden")
            path.rename(hidden)
            try:
                yield
            finally:
                hidden.rename(path)

        return away


class TestSqliteConfigStore(InSqlite, ConfigStoreContract): ...


class TestSqliteCredentials(InSqlite, CredentialsContract): ...


class TestSqlitePruning(InSqlite, PruneContract): ...


class TestSqliteChannelDirectory(InSqlite, ChannelDirectoryContract): ...


class TestSqliteEventOrder(InSqlite, EventOrderContract): ...


class TestSqliteMappingHistory(InSqlite, MappingHistoryContract): ...


class TestSqliteMappingForm(InSqlite, MappingFormContract): ...


class TestSqliteCollectionStore(InSqlite, CollectionStoreContract): ...


class TestSqliteCollectionPrecondition(InSqlite, CollectionPreconditionContract): ...


class TestSqliteCollectionPruning(InSqlite, CollectionPruneContract): ...


class TestSqliteConversationStore(InSqlite, ConversationStoreContract): ...


class TestSqliteAddressStore(InSqlite, AddressStoreContract): ...


class TestSqliteApiKeyStore(InSqlite, ApiKeyStoreContract): ...


class TestSqliteRecords(InSqlite, RecordsContract): ...


class TestSqlitePauses(InSqlite, PausesContract): ...


class TestSqliteAuditLog(InSqlite, AuditLogContract): ...


class TestSqliteTenantStore(InSqlite, TenantStoreContract): ...


class TestSqliteMoving(InSqlite, MovingContract): ...


class TestSqliteRenaming(InSqlite, RenamingContract): ...


class TestSqliteFeed(InSqlite, FeedContract): ...


class TestSqliteSecretStore(InSqlite, SecretStoreContract): ...


class TestSqliteMessageInbox(InSqlite, MessageInboxContract): ...


class TestSqliteStoreRecords(InSqlite, StoreRecordsContract): ...


class TestSqliteFailures(InSqlite, FailureContract):
    told_as = StoreFailure.FILE_REPLACED
