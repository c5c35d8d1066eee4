"""
The stores of one technology over the same data, and the base of all contracts.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import ClassVar

import pytest
from attrs import frozen

from odoo_ai_config.application.ports.address_store import AddressStore
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.collection_store import CollectionStore
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.conversation_store import ConversationStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.store_records import StoreRecords
from odoo_ai_config.application.ports.tenant_store import TenantStore
from odoo_ai_config.application.standings import Standings


@frozen
class Stores:
    config: ConfigStore
    channels: ChannelDirectory
    collections: CollectionStore
    secrets: SecretStore
    inbox: MessageInbox
    conversations: ConversationStore
    addresses: AddressStore
    api_keys: ApiKeyStore
    audit: AuditLog
    tenants: TenantStore

    @property
    def standings(self) -> Standings:
        return Standings(self.tenants, self.channels)

    records: StoreRecords


# In this context the driver fails; afterwards it works again.
Outage = Callable[[], AbstractAsyncContextManager[None]]


class StoreContract:
    """
    The base of the contracts. A subclass names its technology and has its fixtures.

    Every test starts with empty stores. *shared* means that other instances or processes can use
    the same data; `second_stores` is such an instance.
    """

    technology: ClassVar[str]
    shared: ClassVar[bool] = False

    @pytest.fixture
    def stores(self) -> Stores:
        raise NotImplementedError("the subclass provides the adapters under test")

    @pytest.fixture
    def second_stores(self, stores: Stores) -> Stores:
        if self.shared:
            raise NotImplementedError("shared data needs a second instance")
        pytest.skip("nobody else can use this data")

    @pytest.fixture
    def outage(self, stores: Stores) -> Outage:
        raise NotImplementedError("the subclass makes its driver fail")
