"""
Every use case over memory stores, a clock that stands still and a vault that protects nothing.
"""

from __future__ import annotations

from datetime import timedelta

from attrs import define, field

from odoo_ai_config.adapters.crews.crew_client import EchoCrewClient
from odoo_ai_config.adapters.memory.api_key_store import MemoryApiKeyStore
from odoo_ai_config.adapters.memory.audit_log import MemoryAuditLog
from odoo_ai_config.adapters.memory.channel_directory import MemoryChannelDirectory
from odoo_ai_config.adapters.memory.chatwoot_client import MemoryChatwootClient
from odoo_ai_config.adapters.memory.clock import ManualClock
from odoo_ai_config.adapters.memory.collection_store import MemoryCollectionStore
from odoo_ai_config.adapters.memory.config_store import MemoryConfigStore
from odoo_ai_config.adapters.memory.message_inbox import MemoryMessageInbox
from odoo_ai_config.adapters.memory.revoked_keys import MemoryRevokedKeys
from odoo_ai_config.adapters.memory.secret_store import MemorySecretStore
from odoo_ai_config.adapters.memory.secret_vault import MemorySecretVault
from odoo_ai_config.adapters.memory.state import MemoryState
from odoo_ai_config.adapters.memory.token_source import CountingTokenSource
from odoo_ai_config.adapters.memory.yaml_codec import JsonYamlCodec
from odoo_ai_config.application.audit import ReadAuditTrail
from odoo_ai_config.application.channels.mapping import ReadMapping, SyncMapping, WriteMapping
from odoo_ai_config.application.channels.routing import ResolveRoute
from odoo_ai_config.application.channels.simulation import SimulateMapping
from odoo_ai_config.application.chatwoot.accounts import ChatwootAccounts
from odoo_ai_config.application.chatwoot.settings import ReadChatwootAccounts, SetChatwootAccount
from odoo_ai_config.application.collections import ReadCollection, SyncCollection
from odoo_ai_config.application.credentials.reveal import RevealCredential
from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.credentials.stored import SealStoredSecrets
from odoo_ai_config.application.credentials.written import CredentialsWriter
from odoo_ai_config.application.crews import CrewLookup
from odoo_ai_config.application.documents.comparing import CompareRevisions
from odoo_ai_config.application.documents.reading import ListDocuments, ReadDocument
from odoo_ai_config.application.documents.sync import SyncCompanyMetadata, SyncCredentials
from odoo_ai_config.application.documents.writing import (
    DeleteDocument,
    DocumentWrite,
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
from odoo_ai_config.application.messages.reply_sender import ReplySender
from odoo_ai_config.application.messages.texts import MessageTexts
from odoo_ai_config.application.ports.crew_client import CrewClient
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.application.reconciliation import Reconcile
from odoo_ai_config.application.retention import PruneHistory, PruneMessages
from odoo_ai_config.application.tenants import ListTenants
from odoo_ai_config.application.work_signal import WorkSignal
from odoo_ai_config.domain.access import ALL_SCOPES, ApiKey, Scope
from odoo_ai_config.domain.changes import Claim, DeliveryId
from odoo_ai_config.domain.chatwoot import ChatwootAccess
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.identifiers import DocumentKey, TenantId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.retrying import RetryPolicy
from tests.contract.samples import AT

ANYBODY = ApiKey("anybody", "anybody", b"", ALL_SCOPES, None, AT)
STRANGER = ApiKey("stranger", "stranger", b"", frozenset(), None, AT)


def bound_to(tenant: str, *scopes: Scope) -> ApiKey:
    return ApiKey("bound", "bound", b"", frozenset(scopes) or ALL_SCOPES, TenantId(tenant), AT)


def claim(key: str = "delivery-1", digest: str = "digest-1") -> Claim:
    return Claim(DeliveryId("caller", key), digest)


def write(
    key: DocumentKey, *, expected: int | None = None, caller: ApiKey = ANYBODY
) -> DocumentWrite:
    return DocumentWrite(key, caller, expected)


@define
class MemoryHub:
    state: MemoryState = field(factory=MemoryState)
    clock: ManualClock = field(factory=lambda: ManualClock(AT))
    vault: MemorySecretVault = field(factory=MemorySecretVault)
    yaml: YamlCodec = field(factory=JsonYamlCodec)
    tokens: CountingTokenSource = field(factory=CountingTokenSource)
    work_signal: WorkSignal = field(factory=WorkSignal)
    chatwoot: MemoryChatwootClient = field(factory=MemoryChatwootClient)
    revoked_keys: MemoryRevokedKeys = field(factory=MemoryRevokedKeys)
    crew_client: CrewClient = field(factory=EchoCrewClient)
    chatwoot_fallback: ChatwootAccess = field(factory=ChatwootAccess)
    chatwoot_accounts: ChatwootAccounts = field(init=False)

    @chatwoot_accounts.default
    def _chatwoot_accounts(self) -> ChatwootAccounts:
        return ChatwootAccounts(
            self.store, self.secrets, self.vault, self.clock, self.chatwoot_fallback
        )

    @property
    def store(self) -> MemoryConfigStore:
        return MemoryConfigStore(self.state)

    @property
    def channels(self) -> MemoryChannelDirectory:
        return MemoryChannelDirectory(self.state)

    @property
    def secrets(self) -> MemorySecretStore:
        return MemorySecretStore(self.state)

    @property
    def inbox(self) -> MemoryMessageInbox:
        return MemoryMessageInbox(self.state)

    @property
    def api_keys(self) -> MemoryApiKeyStore:
        return MemoryApiKeyStore(self.state)

    @property
    def audit(self) -> MemoryAuditLog:
        return MemoryAuditLog(self.state)

    @property
    def sealer(self) -> Sealer:
        return Sealer(self.secrets, self.vault)

    @property
    def credentials(self) -> CredentialsWriter:
        return CredentialsWriter(self.sealer, self.yaml)

    @property
    def sync_credentials(self) -> SyncCredentials:
        return SyncCredentials(self.store, self.credentials, self.yaml, self.clock)

    @property
    def collections(self) -> MemoryCollectionStore:
        return MemoryCollectionStore(self.state)

    @property
    def sync_collection(self) -> SyncCollection:
        return SyncCollection(self.store, self.collections, self.clock)

    @property
    def read_collection(self) -> ReadCollection:
        return ReadCollection(self.store, self.collections)

    @property
    def sync_company_metadata(self) -> SyncCompanyMetadata:
        return SyncCompanyMetadata(self.store, self.credentials, self.clock)

    @property
    def sync_mapping(self) -> SyncMapping:
        return SyncMapping(self.store, self.channels, self.clock)

    @property
    def write_mapping(self) -> WriteMapping:
        return WriteMapping(self.store, self.channels, self.clock)

    @property
    def read_mapping(self) -> ReadMapping:
        return ReadMapping(self.channels)

    @property
    def resolve_route(self) -> ResolveRoute:
        return ResolveRoute(self.channels)

    @property
    def simulate_mapping(self) -> SimulateMapping:
        return SimulateMapping(self.channels, self.clock)

    @property
    def reconcile(self) -> Reconcile:
        return Reconcile(self.store, self.channels, self.collections)

    @property
    def publish(self) -> PublishDocument:
        return PublishDocument(self.store, self.credentials, self.yaml, self.clock)

    @property
    def patch(self) -> PatchDocument:
        return PatchDocument(self.store, self.credentials, self.clock)

    @property
    def roll_back(self) -> RollBackDocument:
        return RollBackDocument(self.store, self.credentials, self.clock)

    @property
    def delete(self) -> DeleteDocument:
        return DeleteDocument(self.store, self.clock)

    @property
    def read(self) -> ReadDocument:
        return ReadDocument(self.store)

    @property
    def list_documents(self) -> ListDocuments:
        return ListDocuments(self.store)

    @property
    def list_tenants(self) -> ListTenants:
        return ListTenants(self.store)

    @property
    def compare(self) -> CompareRevisions:
        return CompareRevisions(self.store, self.yaml)

    @property
    def reveal(self) -> RevealCredential:
        return RevealCredential(self.store, self.secrets, self.vault, self.clock)

    @property
    def receive_message(self) -> ReceiveMessage:
        return ReceiveMessage(
            self.store,
            self.inbox,
            self.channels,
            self.sealer,
            self.tokens,
            self.work_signal,
            self.clock,
        )

    @property
    def texts(self) -> MessageTexts:
        return MessageTexts(self.sealer)

    @property
    def crews(self) -> CrewLookup:
        return CrewLookup(self.store, self.secrets, self.vault)

    @property
    def deliver_message(self) -> DeliverMessage:
        posting = ReplySender(self.chatwoot_accounts, self.chatwoot)
        return DeliverMessage(
            self.store,
            self.texts,
            self.crews,
            self.crew_client,
            posting,
            self.clock,
            RetryPolicy(),
            timedelta(minutes=2),
        )

    @property
    def answer_message(self) -> AnswerMessage:
        return AnswerMessage(
            self.store, self.inbox, self.texts, self.crews, self.clock, self.work_signal
        )

    @property
    def discard_message(self) -> DiscardMessage:
        return DiscardMessage(self.store, self.inbox, self.clock)

    @property
    def hold_messages(self) -> HoldMessages:
        return HoldMessages(self.store, self.inbox, self.clock)

    @property
    def list_messages(self) -> ListMessages:
        return ListMessages(self.inbox)

    @property
    def read_audit_trail(self) -> ReadAuditTrail:
        return ReadAuditTrail(self.audit)

    @property
    def prune_messages(self) -> PruneMessages:
        return PruneMessages(self.inbox, self.clock, timedelta(days=30))

    @property
    def read_message(self) -> ReadMessage:
        return ReadMessage(self.store, self.inbox, self.texts, self.clock)

    @property
    def replay_messages(self) -> ReplayMessages:
        return ReplayMessages(
            self.store, self.inbox, self.channels, self.texts, self.clock, self.work_signal
        )

    @property
    def seal_stored_secrets(self) -> SealStoredSecrets:
        return SealStoredSecrets(self.store, self.credentials, self.clock)

    @property
    def set_chatwoot_account(self) -> SetChatwootAccount:
        return SetChatwootAccount(self.store, self.sealer, self.chatwoot_accounts, self.clock)

    @property
    def read_chatwoot_accounts(self) -> ReadChatwootAccounts:
        return ReadChatwootAccounts(self.store)

    @property
    def create_api_key(self) -> CreateApiKey:
        return CreateApiKey(self.store, CountingTokenSource(), self.clock)

    @property
    def revoke_api_key(self) -> RevokeApiKey:
        return RevokeApiKey(self.store, self.api_keys, self.revoked_keys, self.clock)

    def authenticate(self, configured: ApiKey | None = None) -> Authenticate:
        return Authenticate(self.api_keys, configured)

    def prune(self, policy: RetentionPolicy) -> PruneHistory:
        return PruneHistory(self.store, self.clock, policy)

    async def body(self, key: DocumentKey) -> JsonObject:
        return (await self.read(key, caller=ANYBODY)).document.body
