"""
The stores over one MongoDB database.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from odoo_ai_config.adapters.mongo.address_store import MongoAddressStore
from odoo_ai_config.adapters.mongo.api_key_store import MongoApiKeyStore
from odoo_ai_config.adapters.mongo.audit_log import MongoAuditLog
from odoo_ai_config.adapters.mongo.channel_directory import MongoChannelDirectory
from odoo_ai_config.adapters.mongo.collection_store import MongoCollectionStore
from odoo_ai_config.adapters.mongo.config_store import MongoConfigStore
from odoo_ai_config.adapters.mongo.conversation_store import MongoConversationStore
from odoo_ai_config.adapters.mongo.database import MongoDatabase
from odoo_ai_config.adapters.mongo.message_inbox import MongoMessageInbox
from odoo_ai_config.adapters.mongo.secret_store import MongoSecretStore
from odoo_ai_config.adapters.mongo.server_clock import ServerClock
from odoo_ai_config.adapters.mongo.store_records import MongoStoreRecords
from odoo_ai_config.adapters.mongo.tenant_store import MongoTenantStore
from tests.contract.stores import Stores


class NoClock(ServerClock):
    """
    For tests whose instants are not of this time.
    """

    def __init__(self) -> None: ...

    async def ahead(self, now: datetime | None = None) -> timedelta:
        return timedelta(0)


def stores_over(database: MongoDatabase) -> Stores:
    database.clock = NoClock()
    return Stores(
        config=MongoConfigStore(database),
        channels=MongoChannelDirectory(database),
        collections=MongoCollectionStore(database),
        secrets=MongoSecretStore(database),
        inbox=MongoMessageInbox(database),
        conversations=MongoConversationStore(database),
        addresses=MongoAddressStore(database),
        api_keys=MongoApiKeyStore(database),
        audit=MongoAuditLog(database),
        tenants=MongoTenantStore(database),
        records=MongoStoreRecords(database),
    )
