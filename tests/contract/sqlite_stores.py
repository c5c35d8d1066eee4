"""
Stores in SQLite, for the contracts and for tests of SQLite's own behaviour.
"""

from __future__ import annotations

from odoo_ai_config.adapters.sqlite.address_store import SqliteAddressStore
from odoo_ai_config.adapters.sqlite.api_key_store import SqliteApiKeyStore
from odoo_ai_config.adapters.sqlite.audit_log import SqliteAuditLog
from odoo_ai_config.adapters.sqlite.channel_directory import SqliteChannelDirectory
from odoo_ai_config.adapters.sqlite.collection_store import SqliteCollectionStore
from odoo_ai_config.adapters.sqlite.config_store import SqliteConfigStore
from odoo_ai_config.adapters.sqlite.conversation_store import SqliteConversationStore
from odoo_ai_config.adapters.sqlite.database import SqliteDatabase
from odoo_ai_config.adapters.sqlite.message_inbox import SqliteMessageInbox
from odoo_ai_config.adapters.sqlite.secret_store import SqliteSecretStore
from odoo_ai_config.adapters.sqlite.store_records import SqliteStoreRecords
from odoo_ai_config.adapters.sqlite.tenant_store import SqliteTenantStore
from tests.contract.stores import Stores


def stores_over(database: SqliteDatabase) -> Stores:
    return Stores(
        config=SqliteConfigStore(database),
        channels=SqliteChannelDirectory(database),
        collections=SqliteCollectionStore(database),
        secrets=SqliteSecretStore(database),
        inbox=SqliteMessageInbox(database),
        conversations=SqliteConversationStore(database),
        addresses=SqliteAddressStore(database),
        api_keys=SqliteApiKeyStore(database),
        audit=SqliteAuditLog(database),
        tenants=SqliteTenantStore(database),
        records=SqliteStoreRecords(database),
    )
