"""
The use cases as one bundle, which every entrypoint drives.
"""

from __future__ import annotations

from attrs import frozen

from odoo_ai_config.application.audit import ReadAuditTrail
from odoo_ai_config.application.channels.mapping import ReadMapping, SyncMapping, WriteMapping
from odoo_ai_config.application.channels.routing import ResolveRoute
from odoo_ai_config.application.channels.simulation import SimulateMapping
from odoo_ai_config.application.chatwoot.accounts import ChatwootAccounts
from odoo_ai_config.application.chatwoot.settings import ReadChatwootAccounts, SetChatwootAccount
from odoo_ai_config.application.collections import ReadCollection, SyncCollection
from odoo_ai_config.application.credentials.reveal import RevealCredential
from odoo_ai_config.application.credentials.rotation import (
    CheckKeyRing,
    RotateMasterKey,
    RotateTenantKey,
)
from odoo_ai_config.application.credentials.stored import SealStoredSecrets
from odoo_ai_config.application.documents.comparing import CompareRevisions
from odoo_ai_config.application.documents.reading import ListDocuments, ReadDocument
from odoo_ai_config.application.documents.sync import SyncCompanyMetadata, SyncCredentials
from odoo_ai_config.application.documents.writing import (
    DeleteDocument,
    PatchDocument,
    PublishDocument,
    RollBackDocument,
)
from odoo_ai_config.application.keys import Authenticate, CreateApiKey, RevokeApiKey
from odoo_ai_config.application.messages.answers import AnswerMessage
from odoo_ai_config.application.messages.delivery import DeliverMessage
from odoo_ai_config.application.messages.intake import ReceiveMessage
from odoo_ai_config.application.messages.reading import ListMessages, ReadMessage
from odoo_ai_config.application.messages.replay import DiscardMessage, HoldMessages, ReplayMessages
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.crew_registry import CrewRegistry
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.application.reconciliation import Reconcile
from odoo_ai_config.application.retention import PruneHistory, PruneMessages
from odoo_ai_config.application.tenants import ListTenants
from odoo_ai_config.application.work_signal import WorkSignal


@frozen
class Services:
    """
    What an entrypoint can ask of the hub.

    Ports stand here too where asking them needs no decision.
    """

    store: ConfigStore
    channels: ChannelDirectory
    secrets: SecretStore
    inbox: MessageInbox
    api_keys: ApiKeyStore
    audit: AuditLog
    vault: SecretVault
    yaml: YamlCodec
    chatwoot_accounts: ChatwootAccounts
    crews: CrewRegistry
    work_signal: WorkSignal
    answer_message: AnswerMessage
    authenticate: Authenticate
    check_key_ring: CheckKeyRing
    compare_revisions: CompareRevisions
    create_api_key: CreateApiKey
    delete_document: DeleteDocument
    deliver_message: DeliverMessage
    discard_message: DiscardMessage
    hold_messages: HoldMessages
    list_documents: ListDocuments
    list_messages: ListMessages
    list_tenants: ListTenants
    patch_document: PatchDocument
    prune_history: PruneHistory
    prune_messages: PruneMessages
    publish_document: PublishDocument
    read_audit_trail: ReadAuditTrail
    read_chatwoot_accounts: ReadChatwootAccounts
    read_collection: ReadCollection
    read_document: ReadDocument
    read_mapping: ReadMapping
    read_message: ReadMessage
    receive_message: ReceiveMessage
    reconcile: Reconcile
    replay_messages: ReplayMessages
    resolve_route: ResolveRoute
    reveal_credential: RevealCredential
    revoke_api_key: RevokeApiKey
    roll_back_document: RollBackDocument
    rotate_master_key: RotateMasterKey
    rotate_tenant_key: RotateTenantKey
    seal_stored_secrets: SealStoredSecrets
    set_chatwoot_account: SetChatwootAccount
    simulate_mapping: SimulateMapping
    sync_collection: SyncCollection
    sync_company_metadata: SyncCompanyMetadata
    sync_credentials: SyncCredentials
    sync_mapping: SyncMapping
    write_mapping: WriteMapping
