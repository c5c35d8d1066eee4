"""
Builds the use cases from ports and policies.

Only this module names a new use case: its import, its field and its line.
"""

from __future__ import annotations

from datetime import timedelta

from attrs import field, frozen

from odoo_ai_config.application.addresses import (
    CreateAddress,
    ListAddresses,
    OpenAddress,
    RevokeAddress,
)
from odoo_ai_config.application.audit import LinkAuditTrail, ReadAuditTrail, VerifyAuditTrail
from odoo_ai_config.application.channels.history import (
    CompareMapping,
    ReadMappingHistory,
    RollBackMapping,
)
from odoo_ai_config.application.channels.mapping import ReadMapping, SyncMapping, WriteMapping
from odoo_ai_config.application.channels.routing import ReadKnownRoutes, ResolveRoute
from odoo_ai_config.application.channels.simulation import SimulateMapping
from odoo_ai_config.application.chatwoot.accounts import ChatwootAccounts
from odoo_ai_config.application.chatwoot.settings import ReadChatwootAccounts, SetChatwootAccount
from odoo_ai_config.application.collections import ReadCollection, SyncCollection
from odoo_ai_config.application.conversations.pausing import PauseConversation, PauseTenant
from odoo_ai_config.application.conversations.reading import ExplainSilence, ListConversations
from odoo_ai_config.application.conversations.silence import SilenceCheck
from odoo_ai_config.application.credentials.deleting import DeleteCredential
from odoo_ai_config.application.credentials.reveal import RevealCredential
from odoo_ai_config.application.credentials.rotation import (
    CheckKeyRing,
    DropMasterKey,
    RotateMasterKey,
    RotateTenantKey,
)
from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.credentials.stored import SealStoredSecrets
from odoo_ai_config.application.credentials.written import CredentialsWriter
from odoo_ai_config.application.crews import CrewLookup
from odoo_ai_config.application.documents.comparing import CompareRevisions
from odoo_ai_config.application.documents.reading import ListDocuments, ReadDocument
from odoo_ai_config.application.documents.sync import SyncCompanyMetadata, SyncCredentials
from odoo_ai_config.application.documents.writing import (
    DeleteDocument,
    DocumentWriter,
    PatchDocument,
    PublishDocument,
    RollBackDocument,
)
from odoo_ai_config.application.feed import Beginnings, FeedWatch, ReadFeed
from odoo_ai_config.application.keys import (
    Authenticate,
    CreateApiKey,
    ListApiKeys,
    NoteKeyUses,
    RevokeApiKey,
    RotateApiKey,
)
from odoo_ai_config.application.messages.amending import Amendments
from odoo_ai_config.application.messages.answers import AnswerMessage
from odoo_ai_config.application.messages.asking import CrewAsking
from odoo_ai_config.application.messages.delivery import DeliverMessage
from odoo_ai_config.application.messages.events import (
    AnnounceChanges,
    EventSending,
    EventWriter,
    SendTrial,
)
from odoo_ai_config.application.messages.intake import ReceiveMessage
from odoo_ai_config.application.messages.missed import FindMissedMessages
from odoo_ai_config.application.messages.pacing import EventShare, Pacing
from odoo_ai_config.application.messages.people import TellPeople
from odoo_ai_config.application.messages.persons import (
    ErasePerson,
    ExportPerson,
    FindPerson,
    NamePersons,
    PersonSearch,
)
from odoo_ai_config.application.messages.posting import AnswerPosting
from odoo_ai_config.application.messages.progress import StepWriter
from odoo_ai_config.application.messages.reading import ListMessages, ReadMessage
from odoo_ai_config.application.messages.replay import DiscardMessage, HoldMessages, ReplayMessages
from odoo_ai_config.application.messages.reply_sender import ReplySender
from odoo_ai_config.application.messages.spooling import BringInArrivals, SpoolArrival
from odoo_ai_config.application.messages.tasks import CrewTasks
from odoo_ai_config.application.messages.texts import MessageTexts
from odoo_ai_config.application.moving import MoveArea, Relocator
from odoo_ai_config.application.ports.address_store import AddressStore
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.application.ports.certificate_signer import CertificateSigner
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.chatwoot_client import ChatwootClient
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.collection_store import CollectionStore
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.conversation_store import ConversationStore
from odoo_ai_config.application.ports.crew_client import CrewClient
from odoo_ai_config.application.ports.crew_registry import CrewRegistry
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.application.ports.message_spool import MessageSpool
from odoo_ai_config.application.ports.old_cipher import OldCipher
from odoo_ai_config.application.ports.revoked_keys import RevokedKeys
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.application.ports.tenant_store import TenantStore
from odoo_ai_config.application.ports.token_source import TokenSource
from odoo_ai_config.application.ports.webhook_client import WebhookClient
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.application.reconciliation import Reconcile
from odoo_ai_config.application.renaming import RenameTenant
from odoo_ai_config.application.retention import (
    PruneHistory,
    PruneMessages,
    RetentionRules,
    TenantRetention,
)
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.application.subscriptions import (
    ManageSubscriptions,
    Subscriptions,
)
from odoo_ai_config.application.tenants import (
    EraseTenant,
    ListTenants,
    ReadStanding,
    ReopenTenant,
    SuspendTenant,
)
from odoo_ai_config.application.work_signal import WorkSignal
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.chatwoot import ChatwootAccess
from odoo_ai_config.domain.conversations.answering import DEFAULT_RULES, AnswerRules
from odoo_ai_config.domain.messages.retrying import RetryPolicy
from odoo_ai_config.domain.retention import Retention
from odoo_ai_config.entrypoints.numbers import NumberReader


@frozen(eq=False)
class Ports:
    """
    The driven ports: stores, clock, vault and the systems around the hub.

    Args:
        spool: None if the store is as near as a spool would be.
    """

    store: ConfigStore
    channels: ChannelDirectory
    secrets: SecretStore
    collections: CollectionStore
    inbox: MessageInbox
    conversations: ConversationStore
    addresses: AddressStore
    api_keys: ApiKeyStore
    audit: AuditLog
    tenants: TenantStore
    certificates: CertificateSigner
    revoked_keys: RevokedKeys
    vault: SecretVault
    old_cipher: OldCipher
    clock: Clock
    tokens: TokenSource
    yaml: YamlCodec
    crews: CrewRegistry
    crew_client: CrewClient
    webhooks: WebhookClient
    chatwoot: ChatwootClient
    spool: MessageSpool | None = None


@frozen(kw_only=True)
class Policies:
    """
    The operator's decisions about the use cases.

    Args:
        configured_key: An API key that is in the settings and not in the store.
        chatwoot: How to reach Chatwoot for accounts that have no settings of their own.
        retries: When a failed delivery is tried again.
        lease: How long a process may hold a message that it delivers.
        retention: What is kept how long, of tenants that do not want it otherwise.
        spool_kept: How long an arrival stays in the spool.
        numbers: How the numbers that people type are understood.
        answer_rules: When the AI answers where a tenant does not say otherwise.
        event_share: How many events to subscriptions are sent at the same time.
    """

    configured_key: ApiKey | None = None
    chatwoot: ChatwootAccess = field(factory=ChatwootAccess)
    retries: RetryPolicy = field(factory=RetryPolicy)
    lease: timedelta
    retention: Retention
    numbers: NumberReader = field(factory=NumberReader)
    answer_rules: AnswerRules = DEFAULT_RULES
    spool_kept: timedelta = timedelta(hours=24)
    event_share: EventShare = field(factory=EventShare)


@frozen(eq=False)
class Services:
    """
    The use cases, the *ports* for questions that need no decision, and the reader of *numbers*.
    """

    ports: Ports
    numbers: NumberReader
    chatwoot_accounts: ChatwootAccounts
    work_signal: WorkSignal
    announce_changes: AnnounceChanges
    answer_message: AnswerMessage
    authenticate: Authenticate
    bring_in_arrivals: BringInArrivals | None
    check_key_ring: CheckKeyRing
    compare_mapping: CompareMapping
    compare_revisions: CompareRevisions
    create_address: CreateAddress
    create_api_key: CreateApiKey
    delete_credential: DeleteCredential
    delete_document: DeleteDocument
    deliver_message: DeliverMessage
    discard_message: DiscardMessage
    drop_master_key: DropMasterKey
    erase_person: ErasePerson
    erase_tenant: EraseTenant
    explain_silence: ExplainSilence
    export_person: ExportPerson
    find_missed_messages: FindMissedMessages
    find_person: FindPerson
    hold_messages: HoldMessages
    link_audit_trail: LinkAuditTrail
    list_addresses: ListAddresses
    list_api_keys: ListApiKeys
    list_conversations: ListConversations
    list_documents: ListDocuments
    list_messages: ListMessages
    list_tenants: ListTenants
    name_persons: NamePersons
    manage_subscriptions: ManageSubscriptions
    move_area: MoveArea
    note_key_uses: NoteKeyUses
    open_address: OpenAddress
    patch_document: PatchDocument
    pause_conversation: PauseConversation
    pause_tenant: PauseTenant
    prune_history: PruneHistory
    prune_messages: PruneMessages
    publish_document: PublishDocument
    read_audit_trail: ReadAuditTrail
    read_chatwoot_accounts: ReadChatwootAccounts
    read_collection: ReadCollection
    read_document: ReadDocument
    read_known_routes: ReadKnownRoutes
    read_mapping: ReadMapping
    read_mapping_history: ReadMappingHistory
    read_message: ReadMessage
    read_feed: ReadFeed
    read_standing: ReadStanding
    receive_message: ReceiveMessage
    reconcile: Reconcile
    rename_tenant: RenameTenant
    reopen_tenant: ReopenTenant
    replay_messages: ReplayMessages
    resolve_route: ResolveRoute
    reveal_credential: RevealCredential
    revoke_address: RevokeAddress
    revoke_api_key: RevokeApiKey
    roll_back_document: RollBackDocument
    roll_back_mapping: RollBackMapping
    rotate_api_key: RotateApiKey
    rotate_master_key: RotateMasterKey
    rotate_tenant_key: RotateTenantKey
    seal_stored_secrets: SealStoredSecrets
    send_trial: SendTrial
    set_chatwoot_account: SetChatwootAccount
    simulate_mapping: SimulateMapping
    spool_arrival: SpoolArrival | None
    suspend_tenant: SuspendTenant
    sync_collection: SyncCollection
    sync_company_metadata: SyncCompanyMetadata
    sync_credentials: SyncCredentials
    sync_mapping: SyncMapping
    tell_people: TellPeople
    tenant_retention: TenantRetention
    verify_audit_trail: VerifyAuditTrail
    write_mapping: WriteMapping


def build_services(ports: Ports, policies: Policies) -> Services:
    """
    Build the use cases over *ports*.
    """
    store, clock = ports.store, ports.clock
    channels, inbox = ports.channels, ports.inbox
    secrets, vault, spool = ports.secrets, ports.vault, ports.spool
    sealer = Sealer(secrets, vault)
    retention = RetentionRules(store, policies.retention)
    tenants, standings = ports.tenants, Standings(ports.tenants, channels)
    documents = DocumentWriter(store, standings, retention, clock)
    credentials = CredentialsWriter(sealer, ports.yaml, ports.old_cipher)
    texts = MessageTexts(sealer)
    relocator = Relocator(store, ports.tenants, channels, ports.addresses, secrets, sealer)
    persons = PersonSearch(inbox, channels, texts, tenants)
    crews = CrewLookup(store, standings, sealer, policies.answer_rules)
    subscriptions = Subscriptions(store, sealer, clock)
    events = EventWriter(subscriptions, standings, ports.tokens, clock)
    manage_subscriptions = ManageSubscriptions(
        store,
        sealer,
        subscriptions,
        ports.audit,
        vault,
        retention,
        inbox,
        ports.webhooks,
        ports.tokens,
        clock,
    )
    writer = StepWriter(store, events)
    accounts = ChatwootAccounts(store, sealer, clock, policies.chatwoot)
    conversations = ports.conversations
    rename_tenant = RenameTenant(
        store,
        tenants,
        ports.collections,
        ports.api_keys,
        inbox,
        conversations,
        texts,
        relocator,
        clock,
    )
    reply_sender = ReplySender(accounts, ports.chatwoot)
    silence = SilenceCheck(conversations, inbox, crews, accounts, clock)
    work_signal = WorkSignal()
    return Services(
        ports=ports,
        numbers=policies.numbers,
        chatwoot_accounts=accounts,
        work_signal=work_signal,
        announce_changes=AnnounceChanges(store, ports.audit, vault, events, clock, work_signal),
        answer_message=AnswerMessage(store, inbox, texts, crews, clock, work_signal),
        authenticate=Authenticate(ports.api_keys, clock, policies.configured_key),
        bring_in_arrivals=(
            None if spool is None else BringInArrivals(spool, vault, clock, policies.spool_kept)
        ),
        check_key_ring=CheckKeyRing(secrets, vault),
        compare_mapping=CompareMapping(channels),
        compare_revisions=CompareRevisions(store, secrets, standings, ports.yaml),
        create_address=CreateAddress(store, ports.tokens, clock),
        create_api_key=CreateApiKey(store, ports.tokens, clock),
        delete_credential=DeleteCredential(store, retention, clock),
        delete_document=DeleteDocument(documents),
        deliver_message=DeliverMessage(
            writer,
            CrewAsking(
                writer,
                inbox,
                standings,
                texts,
                crews,
                ports.crew_client,
                CrewTasks(inbox, conversations, texts),
                silence,
                reply_sender,
                clock,
                policies.lease,
            ),
            AnswerPosting(writer, texts, reply_sender, silence, clock, policies.lease),
            EventSending(
                writer,
                standings,
                subscriptions,
                ports.webhooks,
                ports.audit,
                vault,
                inbox,
                clock,
                Pacing(clock, policies.event_share),
            ),
            clock,
            policies.retries,
        ),
        discard_message=DiscardMessage(store, inbox, clock),
        drop_master_key=DropMasterKey(secrets, vault, store, ports.audit, spool, clock),
        erase_person=ErasePerson(store, tenants, conversations, persons, crews, clock),
        export_person=ExportPerson(store, conversations, persons, clock),
        find_person=FindPerson(persons),
        name_persons=NamePersons(persons),
        erase_tenant=EraseTenant(
            store,
            tenants,
            channels,
            secrets,
            ports.api_keys,
            ports.addresses,
            ports.revoked_keys,
            ports.certificates,
            rename_tenant.finish,
            clock,
        ),
        explain_silence=ExplainSilence(conversations, inbox, standings, silence, clock),
        find_missed_messages=FindMissedMessages(
            inbox, channels, reply_sender, ports.chatwoot, clock
        ),
        hold_messages=HoldMessages(store, inbox, clock),
        link_audit_trail=LinkAuditTrail(ports.audit, vault),
        list_addresses=ListAddresses(ports.addresses),
        list_api_keys=ListApiKeys(ports.api_keys),
        list_conversations=ListConversations(conversations, standings),
        list_documents=ListDocuments(store, standings),
        list_messages=ListMessages(inbox, standings),
        list_tenants=ListTenants(store, tenants),
        manage_subscriptions=manage_subscriptions,
        move_area=MoveArea(store, tenants, relocator, clock),
        note_key_uses=NoteKeyUses(store, clock),
        open_address=OpenAddress(store, ports.addresses, clock),
        patch_document=PatchDocument(documents, credentials),
        pause_conversation=PauseConversation(store, conversations, inbox, clock),
        pause_tenant=PauseTenant(store, channels, clock),
        prune_history=PruneHistory(store, clock, retention),
        prune_messages=PruneMessages(inbox, conversations, clock, retention),
        publish_document=PublishDocument(documents, credentials, ports.yaml),
        read_audit_trail=ReadAuditTrail(ports.audit, vault),
        read_chatwoot_accounts=ReadChatwootAccounts(store),
        read_document=ReadDocument(store, secrets, standings),
        read_collection=ReadCollection(store, standings, ports.collections),
        read_known_routes=ReadKnownRoutes(channels, standings),
        read_mapping=ReadMapping(channels, standings),
        read_mapping_history=ReadMappingHistory(channels),
        read_message=ReadMessage(store, inbox, standings, texts, clock),
        read_feed=ReadFeed(
            FeedWatch(ports.audit, vault), Beginnings(ports.audit, vault, ports.tenants)
        ),
        read_standing=ReadStanding(tenants, ports.certificates),
        receive_message=ReceiveMessage(
            store,
            inbox,
            standings,
            silence,
            Amendments(inbox, texts, crews, events),
            events,
            channels,
            sealer,
            ports.tokens,
            work_signal,
            clock,
        ),
        reconcile=Reconcile(store, channels, ports.collections),
        rename_tenant=rename_tenant,
        reopen_tenant=ReopenTenant(store, tenants, clock),
        replay_messages=ReplayMessages(store, inbox, channels, texts, clock, work_signal),
        resolve_route=ResolveRoute(channels, standings),
        reveal_credential=RevealCredential(store, standings, sealer, clock),
        revoke_address=RevokeAddress(store, ports.addresses, ports.revoked_keys, clock),
        revoke_api_key=RevokeApiKey(
            store, ports.api_keys, ports.addresses, ports.revoked_keys, clock
        ),
        roll_back_document=RollBackDocument(documents, credentials),
        roll_back_mapping=RollBackMapping(store, channels, standings, clock),
        rotate_api_key=RotateApiKey(store, ports.api_keys, ports.tokens, clock),
        rotate_master_key=RotateMasterKey(secrets, vault, store, clock),
        rotate_tenant_key=RotateTenantKey(secrets, vault, store, clock),
        seal_stored_secrets=SealStoredSecrets(store, credentials, clock),
        send_trial=SendTrial(store, manage_subscriptions, events, work_signal),
        set_chatwoot_account=SetChatwootAccount(store, sealer, accounts, retention, clock),
        simulate_mapping=SimulateMapping(store, channels, clock),
        spool_arrival=None if spool is None else SpoolArrival(spool, vault, ports.tokens),
        suspend_tenant=SuspendTenant(store, tenants, clock),
        sync_collection=SyncCollection(store, ports.collections, clock),
        sync_company_metadata=SyncCompanyMetadata(store, standings, credentials, clock),
        sync_credentials=SyncCredentials(
            store, standings, credentials, retention, ports.yaml, clock
        ),
        sync_mapping=SyncMapping(store, channels, standings, clock),
        tell_people=TellPeople(
            store,
            inbox,
            ports.conversations,
            texts,
            crews,
            reply_sender,
            ports.tokens,
            clock,
            work_signal,
        ),
        tenant_retention=TenantRetention(retention, store, clock),
        verify_audit_trail=VerifyAuditTrail(ports.audit, vault),
        write_mapping=WriteMapping(store, channels, standings, clock),
    )
