"""
The composition root: which adapter stands behind which port, and how long it lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from attrs import frozen
from dependency_injector import containers, providers

from odoo_ai_config.adapters.crews.crew_client import (
    CrewClientByKind,
    EchoCrewClient,
    InProcessCrewClient,
)
from odoo_ai_config.adapters.crypto.key_ring_file import key_ring_source
from odoo_ai_config.adapters.crypto.secret_vault import AesGcmSecretVault
from odoo_ai_config.adapters.instrumented import Observe, instrumented
from odoo_ai_config.adapters.memory.api_key_store import MemoryApiKeyStore
from odoo_ai_config.adapters.memory.audit_log import MemoryAuditLog
from odoo_ai_config.adapters.memory.channel_directory import MemoryChannelDirectory
from odoo_ai_config.adapters.memory.collection_store import MemoryCollectionStore
from odoo_ai_config.adapters.memory.config_store import MemoryConfigStore
from odoo_ai_config.adapters.memory.message_inbox import MemoryMessageInbox
from odoo_ai_config.adapters.memory.revoked_keys import MemoryRevokedKeys
from odoo_ai_config.adapters.memory.secret_store import MemorySecretStore
from odoo_ai_config.adapters.memory.state import MemoryState
from odoo_ai_config.adapters.on_demand import (
    HttpChatwootClientOnDemand,
    HttpCrewClientOnDemand,
    SessionsOnDemand,
)
from odoo_ai_config.adapters.sqlite.api_key_store import SqliteApiKeyStore
from odoo_ai_config.adapters.sqlite.audit_log import SqliteAuditLog
from odoo_ai_config.adapters.sqlite.channel_directory import SqliteChannelDirectory
from odoo_ai_config.adapters.sqlite.collection_store import SqliteCollectionStore
from odoo_ai_config.adapters.sqlite.config_store import SqliteConfigStore
from odoo_ai_config.adapters.sqlite.database import open_sqlite
from odoo_ai_config.adapters.sqlite.examining import examine_pages, rehearse_writing
from odoo_ai_config.adapters.sqlite.message_inbox import SqliteMessageInbox
from odoo_ai_config.adapters.sqlite.secret_store import SqliteSecretStore
from odoo_ai_config.adapters.system.clock import SystemClock
from odoo_ai_config.adapters.system.revoked_keys import RevokedKeysFile
from odoo_ai_config.adapters.system.token_source import SystemTokenSource
from odoo_ai_config.adapters.yaml.yaml_codec import RuamelYamlCodec
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
from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.credentials.stored import SealStoredSecrets
from odoo_ai_config.application.credentials.written import CredentialsWriter
from odoo_ai_config.application.crews import CrewLookup
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
from odoo_ai_config.application.messages.reply_sender import ReplySender
from odoo_ai_config.application.messages.texts import MessageTexts
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.collection_store import CollectionStore
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.crew_client import CrewClient
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.application.ports.revoked_keys import RevokedKeys
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.application.reconciliation import Reconcile
from odoo_ai_config.application.retention import PruneHistory, PruneMessages
from odoo_ai_config.application.tenants import ListTenants
from odoo_ai_config.application.work_signal import WorkSignal
from odoo_ai_config.domain.access import ALL_SCOPES, ApiKey
from odoo_ai_config.domain.chatwoot import ChatwootAccess
from odoo_ai_config.domain.credentials.secrets import SecretText, digest_of
from odoo_ai_config.domain.crews import CrewKind
from odoo_ai_config.entrypoints.services import Services
from odoo_ai_config.entrypoints.settings import Settings, StoreLocation

# A large file is looked at as far as this lasts: whoever asks waits for the answer.
_EXAMINATION_SECONDS: Final = 20.0


@frozen
class Stores:
    """
    The stores of one technology over one database.

    Args:
        ensure_ready: Lays the database out and refuses one that cannot keep the promises. Where
            it is only to be read, it refuses and lays nothing out.
        rehearse_writing: Writes, and takes it back: nothing is changed.
        examine: Whether there was time to look for damage everywhere; None where that is for
            others to do.
    """

    config: ConfigStore
    channels: ChannelDirectory
    secrets: SecretStore
    collections: CollectionStore
    inbox: MessageInbox
    api_keys: ApiKeyStore
    audit: AuditLog
    ensure_ready: Callable[[], Awaitable[None]]
    rehearse_writing: Callable[[], Awaitable[None]]
    examine: Callable[[], Awaitable[bool]] | None = None


@contextmanager
def open_stores(location: StoreLocation, read_only: bool) -> Iterator[Stores]:  # noqa: FBT001 - from the container
    """
    Open the database at *location* with whatever technology it asks for.

    One that is *read_only* is neither made nor migrated.
    """
    if location.technology == "memory":
        state = MemoryState()
        forgetful = MemoryConfigStore(state)
        yield Stores(
            forgetful,
            MemoryChannelDirectory(state),
            MemorySecretStore(state),
            MemoryCollectionStore(state),
            MemoryMessageInbox(state),
            MemoryApiKeyStore(state),
            MemoryAuditLog(state),
            forgetful.check,
            forgetful.check,
        )
    elif location.url is None:
        with open_sqlite(location.path, read_only=read_only) as sqlite:
            documents = SqliteConfigStore(sqlite)
            yield Stores(
                documents,
                SqliteChannelDirectory(sqlite),
                SqliteSecretStore(sqlite),
                SqliteCollectionStore(sqlite),
                SqliteMessageInbox(sqlite),
                SqliteApiKeyStore(sqlite),
                SqliteAuditLog(sqlite),
                sqlite.read_something if read_only else documents.check,
                partial(asyncio.to_thread, rehearse_writing, location.path),
                partial(
                    asyncio.to_thread, examine_pages, location.path, seconds=_EXAMINATION_SECONDS
                ),
            )
    else:
        with _open_mongo(location.url, read_only=read_only) as stores:
            yield stores


@contextmanager
def _open_mongo(url: SecretText, *, read_only: bool) -> Iterator[Stores]:
    # Its driver costs a fifth of a second and 20 MB, which a hub on SQLite need not spend.
    from odoo_ai_config.adapters.mongo.api_key_store import MongoApiKeyStore  # noqa: PLC0415
    from odoo_ai_config.adapters.mongo.audit_log import MongoAuditLog  # noqa: PLC0415
    from odoo_ai_config.adapters.mongo.channel_directory import (  # noqa: PLC0415
        MongoChannelDirectory,
    )
    from odoo_ai_config.adapters.mongo.collection_store import (  # noqa: PLC0415
        MongoCollectionStore,
    )
    from odoo_ai_config.adapters.mongo.config_store import MongoConfigStore  # noqa: PLC0415
    from odoo_ai_config.adapters.mongo.database import open_database  # noqa: PLC0415
    from odoo_ai_config.adapters.mongo.message_inbox import MongoMessageInbox  # noqa: PLC0415
    from odoo_ai_config.adapters.mongo.secret_store import MongoSecretStore  # noqa: PLC0415

    with open_database(url.reveal()) as mongo:
        yield Stores(
            MongoConfigStore(mongo),
            MongoChannelDirectory(mongo),
            MongoSecretStore(mongo),
            MongoCollectionStore(mongo),
            MongoMessageInbox(mongo),
            MongoApiKeyStore(mongo),
            MongoAuditLog(mongo),
            mongo.require_transactions if read_only else mongo.ensure_ready,
            mongo.rehearse_writing,
        )


def _keyring_setting(settings: Settings) -> str | None:
    return None if settings.keyring is None else settings.keyring.reveal()


def _keyring_file(settings: Settings) -> Path | None:
    return None if settings.store.technology == "memory" else settings.keyring_path


def _revoked_keys(settings: Settings) -> RevokedKeys:
    if settings.store.technology == "memory":
        return MemoryRevokedKeys()
    return RevokedKeysFile(settings.revoked_keys_path)


def _configured_key(settings: Settings, clock: Clock) -> ApiKey | None:
    if settings.api_key is None:
        return None
    digest = digest_of(settings.api_key.reveal())
    return ApiKey("configured", "configured", digest, ALL_SCOPES, None, created_at=clock.now())


def _chatwoot_fallback(settings: Settings) -> ChatwootAccess:
    return ChatwootAccess(
        settings.chatwoot_url,
        settings.chatwoot_api_token,
        settings.chatwoot_secrets,
        settings.chatwoot_tokens,
    )


def _crew_client(clients: Mapping[CrewKind, CrewClient], observe: Observe) -> CrewClient:
    return CrewClientByKind(
        {
            kind: instrumented(CrewClient, client, observe, names={"ask": kind.value})
            for kind, client in clients.items()
        }
    )


def _unobserved(_operation: str) -> Callable[[float], None]:
    return lambda _seconds: None


class Container(containers.DeclarativeContainer):
    """
    Constructors and lifetimes, nothing else.

    *observe_store*, *observe_vault* and *observe_crews* are told how long operations take. With
    *read_only* nothing is made, migrated or written, neither by opening nor later.
    """

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    read_only: providers.Object[bool] = providers.Object(False)  # noqa: FBT003
    observe_store: providers.Object[Observe] = providers.Object(_unobserved)
    observe_vault: providers.Object[Observe] = providers.Object(_unobserved)
    observe_crews: providers.Object[Observe] = providers.Object(_unobserved)

    clock = providers.Singleton(SystemClock)
    tokens = providers.Singleton(SystemTokenSource)
    yaml = providers.Singleton(RuamelYamlCodec)
    key_ring = providers.Singleton(
        key_ring_source,
        providers.Callable(_keyring_setting, settings),
        default=providers.Callable(_keyring_file, settings),
        clock=clock,
    )
    vault: providers.Singleton[SecretVault] = providers.Singleton(
        instrumented,
        SecretVault,
        providers.Singleton(AesGcmSecretVault, key_ring),
        observe_vault,
        # Fingerprints take less than timing them.
        untimed={"adopt_ring", "ensure_ring", "fingerprint"},
    )

    stores = providers.Resource(open_stores, settings.provided.store, read_only)
    store: providers.Singleton[ConfigStore] = providers.Singleton(
        instrumented,
        ConfigStore,
        stores.provided.config,
        observe_store,
        # Answered from memory most of the time: timing it would cost more than it does.
        untimed={"current"},
    )
    channels = stores.provided.channels
    secrets = stores.provided.secrets
    collections = stores.provided.collections
    inbox: providers.Singleton[MessageInbox] = providers.Singleton(
        instrumented,
        MessageInbox,
        stores.provided.inbox,
        observe_store,
        names={"find": "message", "page": "messages", "prune": "prune_messages"},
    )
    api_keys = stores.provided.api_keys
    audit = stores.provided.audit

    sealer = providers.Singleton(Sealer, secrets, vault)
    credentials_writer = providers.Singleton(CredentialsWriter, sealer, yaml)

    work_signal = providers.Singleton(WorkSignal)
    chatwoot_accounts = providers.Singleton(
        ChatwootAccounts,
        store,
        secrets,
        vault,
        clock,
        providers.Callable(_chatwoot_fallback, settings),
    )

    http_sessions = providers.Singleton(SessionsOnDemand, settings.provided.private_targets)
    in_process_crews = providers.Singleton(InProcessCrewClient)
    crew_client = providers.Singleton(
        _crew_client,
        providers.Dict(
            {
                CrewKind.HTTP: providers.Singleton(
                    HttpCrewClientOnDemand, http_sessions, clock, settings.provided.public_url
                ),
                CrewKind.IN_PROCESS: in_process_crews,
                CrewKind.ECHO: providers.Singleton(EchoCrewClient),
            }
        ),
        observe_crews,
    )
    chatwoot = providers.Singleton(HttpChatwootClientOnDemand, http_sessions, clock)

    message_texts = providers.Singleton(MessageTexts, sealer)
    crew_lookup = providers.Singleton(CrewLookup, store, secrets, vault)

    services = providers.Singleton(
        Services,
        store=store,
        channels=channels,
        secrets=secrets,
        inbox=inbox,
        api_keys=api_keys,
        audit=audit,
        chatwoot_accounts=chatwoot_accounts,
        vault=vault,
        yaml=yaml,
        crews=in_process_crews,
        work_signal=work_signal,
        answer_message=providers.Singleton(
            AnswerMessage, store, inbox, message_texts, crew_lookup, clock, work_signal
        ),
        authenticate=providers.Singleton(
            Authenticate, api_keys, providers.Callable(_configured_key, settings, clock)
        ),
        check_key_ring=providers.Singleton(CheckKeyRing, secrets, vault),
        compare_revisions=providers.Singleton(CompareRevisions, store, yaml),
        create_api_key=providers.Singleton(CreateApiKey, store, tokens, clock),
        delete_document=providers.Singleton(DeleteDocument, store, clock),
        deliver_message=providers.Singleton(
            DeliverMessage,
            store,
            message_texts,
            crew_lookup,
            crew_client,
            providers.Singleton(ReplySender, chatwoot_accounts, chatwoot),
            clock,
            settings.provided.retries,
            settings.provided.lease,
        ),
        discard_message=providers.Singleton(DiscardMessage, store, inbox, clock),
        hold_messages=providers.Singleton(HoldMessages, store, inbox, clock),
        list_documents=providers.Singleton(ListDocuments, store),
        list_messages=providers.Singleton(ListMessages, inbox),
        list_tenants=providers.Singleton(ListTenants, store),
        patch_document=providers.Singleton(PatchDocument, store, credentials_writer, clock),
        prune_history=providers.Singleton(PruneHistory, store, clock, settings.provided.retention),
        prune_messages=providers.Singleton(
            PruneMessages, inbox, clock, settings.provided.messages_kept
        ),
        publish_document=providers.Singleton(
            PublishDocument, store, credentials_writer, yaml, clock
        ),
        read_audit_trail=providers.Singleton(ReadAuditTrail, audit),
        read_chatwoot_accounts=providers.Singleton(ReadChatwootAccounts, store),
        read_collection=providers.Singleton(ReadCollection, store, collections),
        read_document=providers.Singleton(ReadDocument, store),
        read_mapping=providers.Singleton(ReadMapping, channels),
        read_message=providers.Singleton(ReadMessage, store, inbox, message_texts, clock),
        receive_message=providers.Singleton(
            ReceiveMessage, store, inbox, channels, sealer, tokens, work_signal, clock
        ),
        reconcile=providers.Singleton(Reconcile, store, channels, collections),
        replay_messages=providers.Singleton(
            ReplayMessages, store, inbox, channels, message_texts, clock, work_signal
        ),
        resolve_route=providers.Singleton(ResolveRoute, channels),
        reveal_credential=providers.Singleton(RevealCredential, store, secrets, vault, clock),
        revoke_api_key=providers.Singleton(
            RevokeApiKey, store, api_keys, providers.Singleton(_revoked_keys, settings), clock
        ),
        roll_back_document=providers.Singleton(RollBackDocument, store, credentials_writer, clock),
        rotate_master_key=providers.Singleton(RotateMasterKey, secrets, vault, store, clock),
        rotate_tenant_key=providers.Singleton(RotateTenantKey, secrets, vault, store, clock),
        seal_stored_secrets=providers.Singleton(
            SealStoredSecrets, store, credentials_writer, clock
        ),
        set_chatwoot_account=providers.Singleton(
            SetChatwootAccount, store, sealer, chatwoot_accounts, clock
        ),
        simulate_mapping=providers.Singleton(SimulateMapping, channels, clock),
        sync_collection=providers.Singleton(SyncCollection, store, collections, clock),
        sync_company_metadata=providers.Singleton(
            SyncCompanyMetadata, store, credentials_writer, clock
        ),
        sync_credentials=providers.Singleton(
            SyncCredentials, store, credentials_writer, yaml, clock
        ),
        sync_mapping=providers.Singleton(SyncMapping, store, channels, clock),
        write_mapping=providers.Singleton(WriteMapping, store, channels, clock),
    )
