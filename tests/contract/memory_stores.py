"""
Stores in memory, for the contracts and as verified doubles for other tests.
"""

from __future__ import annotations

from odoo_ai_config.adapters.memory.address_store import MemoryAddressStore
from odoo_ai_config.adapters.memory.api_key_store import MemoryApiKeyStore
from odoo_ai_config.adapters.memory.audit_log import MemoryAuditLog
from odoo_ai_config.adapters.memory.channel_directory import MemoryChannelDirectory
from odoo_ai_config.adapters.memory.collection_store import MemoryCollectionStore
from odoo_ai_config.adapters.memory.config_store import MemoryConfigStore
from odoo_ai_config.adapters.memory.conversation_store import MemoryConversationStore
from odoo_ai_config.adapters.memory.message_inbox import MemoryMessageInbox
from odoo_ai_config.adapters.memory.secret_store import MemorySecretStore
from odoo_ai_config.adapters.memory.state import MemoryState
from odoo_ai_config.adapters.memory.store_records import MemoryStoreRecords
from odoo_ai_config.adapters.memory.tenant_store import MemoryTenantStore
from tests.contract.stores import Stores


def stores_over(state: MemoryState) -> Stores:
    return Stores(
        config=MemoryConfigStore(state),
        channels=MemoryChannelDirectory(state),
        collections=MemoryCollectionStore(state),
        secrets=MemorySecretStore(state),
        inbox=MemoryMessageInbox(state),
        conversations=MemoryConversationStore(state),
        addresses=MemoryAddressStore(state),
        api_keys=MemoryApiKeyStore(state),
        audit=MemoryAuditLog(state),
        tenants=MemoryTenantStore(state),
        records=MemoryStoreRecords(state),
    )
