"""
The composition root: the adapters of the ports, and their lifetimes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from attrs import evolve, frozen
from dependency_injector import containers, providers

from odoo_ai_config.adapters.chatwoot.chatwoot_client import HttpChatwootClient
from odoo_ai_config.adapters.crews.crew_client import (
    CrewClientByKind,
    EchoCrewClient,
    InProcessCrewClient,
)
from odoo_ai_config.adapters.crews.http_crew_client import HttpCrewClient
from odoo_ai_config.adapters.crypto.backup_file import reading_backup, writing_backup
from odoo_ai_config.adapters.crypto.certificate_signer import Ed25519CertificateSigner
from odoo_ai_config.adapters.crypto.key_ring_file import key_ring_source
from odoo_ai_config.adapters.crypto.old_cipher import FernetOldCipher
from odoo_ai_config.adapters.crypto.secret_vault import AesGcmSecretVault
from odoo_ai_config.adapters.instrumented import Observe, instrumented
from odoo_ai_config.adapters.memory.revoked_keys import MemoryRevokedKeys
from odoo_ai_config.adapters.outbound.sessions import HttpSessions
from odoo_ai_config.adapters.plain_records import decoded, encoded
from odoo_ai_config.adapters.sqlite.address_store import SqliteAddressStore
from odoo_ai_config.adapters.sqlite.api_key_store import SqliteApiKeyStore
from odoo_ai_config.adapters.sqlite.audit_log import SqliteAuditLog
from odoo_ai_config.adapters.sqlite.channel_directory import SqliteChannelDirectory
from odoo_ai_config.adapters.sqlite.collection_store import SqliteCollectionStore
from odoo_ai_config.adapters.sqlite.config_store import SqliteConfigStore
from odoo_ai_config.adapters.sqlite.conversation_store import SqliteConversationStore
from odoo_ai_config.adapters.sqlite.database import open_sqlite
from odoo_ai_config.adapters.sqlite.examining import examine_pages, rehearse_writing
from odoo_ai_config.adapters.sqlite.message_inbox import SqliteMessageInbox
from odoo_ai_config.adapters.sqlite.message_spool import open_spool
from odoo_ai_config.adapters.sqlite.secret_store import SqliteSecretStore
from odoo_ai_config.adapters.sqlite.store_records import SqliteStoreRecords
from odoo_ai_config.adapters.sqlite.tenant_store import SqliteTenantStore
from odoo_ai_config.adapters.subscriptions.http_webhook_client import HttpWebhookClient
from odoo_ai_config.adapters.system.clock import SystemClock
from odoo_ai_config.adapters.system.revoked_keys import RevokedKeysFile
from odoo_ai_config.adapters.system.token_source import SystemTokenSource
from odoo_ai_config.adapters.yaml.yaml_codec import RuamelYamlCodec
from odoo_ai_config.application.messages.pacing import EventShare
from odoo_ai_config.application.ports.address_store import AddressStore
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.collection_store import CollectionStore
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.conversation_store import ConversationStore
from odoo_ai_config.application.ports.crew_client import CrewClient
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.application.ports.message_spool import MessageSpool, SpoolLimits
from odoo_ai_config.application.ports.revoked_keys import RevokedKeys
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.application.ports.store_records import StoreRecords
from odoo_ai_config.application.ports.tenant_store import TenantStore
from odoo_ai_config.domain.access import ALL_SCOPES, ApiKey
from odoo_ai_config.domain.chatwoot import ChatwootAccess
from odoo_ai_config.domain.conversations.answering import AnswerRules
from odoo_ai_config.domain.credentials.secrets import SecretText, digest_of
from odoo_ai_config.domain.crews import CrewKind
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.messages.retrying import RetryPolicy
from odoo_ai_config.domain.retention import Retention
from odoo_ai_config.entrypoints.numbers import NumberReader
from odoo_ai_config.entrypoints.settings import Settings, StoreLocation
from odoo_ai_config.entrypoints.wiring import Policies, Ports, build_services

# Somebody waits for the result, so the search for damage in a large file ends after this.
_EXAMINATION_SECONDS: Final = 20.0


@frozen(eq=False)
class Stores:
    """
    The stores of one technology over one database.

    Args:
        ensure_ready: Creates the tables, unless the database is read only, and refuses a database
            that cannot give the guarantees of the stores.
        rehearse_writing: Writes and rolls back.
        migrate: Brings the database to this version, however long it takes. It tells what it does,
            to how many records so far, and of how many. None if `ensure_ready` does all of it.
        examine: Searches for damage; returns whether there was time to search everything. None if
            the database does that itself.
        close: Closes what only a running event loop can close. None if there is nothing.
    """

    config: ConfigStore
    channels: ChannelDirectory
    secrets: SecretStore
    collections: CollectionStore
    inbox: MessageInbox
    conversations: ConversationStore
    addresses: AddressStore
    api_keys: ApiKeyStore
    audit: AuditLog
    tenants: TenantStore
    records: StoreRecords
    ensure_ready: Callable[[], Awaitable[None]]
    rehearse_writing: Callable[[], Awaitable[None]]
    migrate: Callable[[Callable[[str, int, int], None]], Awaitable[None]] | None = None
    examine: Callable[[], Awaitable[bool]] | None = None
    close: Callable[[], Awaitable[None]] | None = None


@contextmanager
def open_stores(location: StoreLocation, read_only: bool, make: bool) -> Iterator[Stores]:  # noqa: FBT001 - from the container
    """
    Open the database at *location*, and create it only with *make*.

    With *read_only* it is not migrated either.
    """
    if location.technology == "memory":
        yield _memory_stores()
    elif location.url is None:
        with open_sqlite(
            location.path,
            read_only=read_only,
            make=make or location.unfinished,
            unfinished=location.unfinished,
        ) as sqlite:
            documents = SqliteConfigStore(sqlite)
            yield Stores(
                documents,
                SqliteChannelDirectory(sqlite),
                SqliteSecretStore(sqlite),
                SqliteCollectionStore(sqlite),
                SqliteMessageInbox(sqlite),
                SqliteConversationStore(sqlite),
                SqliteAddressStore(sqlite),
                SqliteApiKeyStore(sqlite),
                SqliteAuditLog(sqlite),
                SqliteTenantStore(sqlite),
                SqliteStoreRecords(sqlite),
                documents.check,
                partial(asyncio.to_thread, rehearse_writing, location.path),
                examine=partial(
                    asyncio.to_thread, examine_pages, location.path, seconds=_EXAMINATION_SECONDS
                ),
            )
    else:
        yield _mongo_stores(location.url, location, read_only=read_only, make=make)


def _memory_stores() -> Stores:
    # Only trials need it.
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

    state = MemoryState()
    memory = MemoryConfigStore(state)
    return Stores(
        memory,
        MemoryChannelDirectory(state),
        MemorySecretStore(state),
        MemoryCollectionStore(state),
        MemoryMessageInbox(state),
        MemoryConversationStore(state),
        MemoryAddressStore(state),
        MemoryApiKeyStore(state),
        MemoryAuditLog(state),
        MemoryTenantStore(state),
        MemoryStoreRecords(state),
        memory.check,
        memory.check,
    )


def _mongo_stores(
    url: SecretText, location: StoreLocation, *, read_only: bool, make: bool
) -> Stores:
    # The driver takes a fifth of a second and 20 MB, which a hub on SQLite does not need.
    from odoo_ai_config.adapters.mongo.address_store import MongoAddressStore
    from odoo_ai_config.adapters.mongo.api_key_store import MongoApiKeyStore
    from odoo_ai_config.adapters.mongo.audit_log import MongoAuditLog
    from odoo_ai_config.adapters.mongo.channel_directory import MongoChannelDirectory
    from odoo_ai_config.adapters.mongo.collection_store import MongoCollectionStore
    from odoo_ai_config.adapters.mongo.config_store import MongoConfigStore
    from odoo_ai_config.adapters.mongo.conversation_store import MongoConversationStore
    from odoo_ai_config.adapters.mongo.database import open_database
    from odoo_ai_config.adapters.mongo.message_inbox import MongoMessageInbox
    from odoo_ai_config.adapters.mongo.migration import (
        migrate_at,
        prepare,
        require_current,
    )
    from odoo_ai_config.adapters.mongo.secret_store import MongoSecretStore
    from odoo_ai_config.adapters.mongo.store_records import MongoStoreRecords
    from odoo_ai_config.adapters.mongo.tenant_store import MongoTenantStore
    from odoo_ai_config.adapters.mongo.transaction import rehearse

    mongo = open_database(
        url.reveal(), location.driver, threads=location.threads, patient=location.unfinished
    )
    return Stores(
        MongoConfigStore(mongo),
        MongoChannelDirectory(mongo),
        MongoSecretStore(mongo),
        MongoCollectionStore(mongo),
        MongoMessageInbox(mongo),
        MongoConversationStore(mongo),
        MongoAddressStore(mongo),
        MongoApiKeyStore(mongo),
        MongoAuditLog(mongo),
        MongoTenantStore(mongo),
        MongoStoreRecords(mongo),
        partial(require_current, mongo)
        if read_only
        else partial(prepare, mongo, make=make, unfinished=location.unfinished),
        partial(rehearse, mongo),
        partial(migrate_at, url.reveal()),
        close=mongo.close,
    )


@contextmanager
def _open_spool(settings: Settings, read_only: bool) -> Iterator[MessageSpool | None]:  # noqa: FBT001 - from the container
    """
    The spool, if the store is elsewhere: a disk that fails one file fails the other, too.
    """
    if settings.store.url is None or not settings.spool_bytes or read_only:
        yield None
        return
    with open_spool(settings.spool_file, SpoolLimits(settings.spool_bytes)) as spool:
        yield spool


def _location(settings: Settings, unfinished: bool) -> StoreLocation:  # noqa: FBT001 - from the container
    return evolve(settings.store, unfinished=unfinished)


def _keyring_setting(settings: Settings) -> str | None:
    return None if settings.keyring is None else settings.keyring.reveal()


def _keyring_file(settings: Settings) -> Path | None:
    return None if settings.store.technology == "memory" else settings.keyring_path


def _revoked_keys(settings: Settings) -> RevokedKeys:
    if settings.store.technology == "memory":
        return MemoryRevokedKeys()
    return RevokedKeysFile(settings.revoked_keys_path)


def _policies(settings: Settings, clock: Clock) -> Policies:
    key = settings.api_key
    return Policies(
        configured_key=None if key is None else _configured_key(key, clock),
        chatwoot=ChatwootAccess(
            settings.chatwoot_url,
            settings.chatwoot_api_token,
            settings.chatwoot_secrets,
            settings.chatwoot_tokens,
        ),
        retries=RetryPolicy(attempts=settings.delivery_attempts),
        lease=timedelta(seconds=settings.lease_seconds),
        retention=Retention(
            RetentionPolicy(
                keep=settings.keep_versions or None,
                max_age=_days(settings.keep_days),
                credentials=timedelta(days=settings.keep_deleted_credentials_days),
            ),
            messages=_days(settings.keep_messages_days),
        ),
        answer_rules=AnswerRules(history=settings.history_messages),
        numbers=NumberReader(settings.default_country),
        spool_kept=timedelta(hours=settings.spool_hours),
        event_share=EventShare.of(settings.deliveries, settings.deliveries_per_tenant),
    )


def _days(count: int) -> timedelta | None:
    return timedelta(days=count) if count else None


def _configured_key(key: SecretText, clock: Clock) -> ApiKey:
    digest = digest_of(key.reveal())
    return ApiKey("configured", "configured", digest, ALL_SCOPES, None, created_at=clock.now())


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

    *observe_store*, *observe_vault* and *observe_crews* take the time of each operation. With
    *read_only* nothing is created, migrated or written, and without *make* the store and the key
    ring have to be there. An *unfinished* store is one that a copy or a restore fills.
    """

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    read_only: providers.Object[bool] = providers.Object(False)  # noqa: FBT003
    make: providers.Object[bool] = providers.Object(True)  # noqa: FBT003
    unfinished: providers.Object[bool] = providers.Object(False)  # noqa: FBT003
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
        make=make,
    )
    vault: providers.Singleton[SecretVault] = providers.Singleton(
        instrumented,
        SecretVault,
        providers.Singleton(AesGcmSecretVault, key_ring),
        observe_vault,
        # A fingerprint takes less time than timing it.
        untimed={"adopt_ring", "ensure_ring", "fingerprint"},
    )

    certificates = providers.Singleton(Ed25519CertificateSigner, key_ring)
    encode = providers.Object(encoded)
    decode = providers.Object(decoded)
    writing_backup = providers.Object(writing_backup)
    reading_backup = providers.Object(reading_backup)

    old_cipher = providers.Singleton(FernetOldCipher, settings.provided.legacy_fernet_key)

    location = providers.Callable(_location, settings, unfinished)
    stores = providers.Resource(open_stores, location, read_only, make)
    store: providers.Singleton[ConfigStore] = providers.Singleton(
        instrumented,
        ConfigStore,
        stores.provided.config,
        observe_store,
        # Mostly answered from memory, so timing it would cost more than the call.
        untimed={"current"},
    )
    inbox: providers.Singleton[MessageInbox] = providers.Singleton(
        instrumented,
        MessageInbox,
        stores.provided.inbox,
        observe_store,
        names={"find": "message", "page": "messages", "prune": "prune_messages"},
        # Making what is entered takes no time.
        untimed={"receiving", "delivering"},
    )

    spool = providers.Resource(_open_spool, settings, read_only)
    revoked_keys = providers.Singleton(_revoked_keys, settings)

    http_sessions = providers.Singleton(HttpSessions, settings.provided.private_targets)
    in_process_crews = providers.Singleton(InProcessCrewClient)
    crew_client = providers.Singleton(
        _crew_client,
        providers.Dict(
            {
                CrewKind.HTTP: providers.Singleton(
                    HttpCrewClient, http_sessions, clock, settings.provided.public_url
                ),
                CrewKind.IN_PROCESS: in_process_crews,
                CrewKind.ECHO: providers.Singleton(EchoCrewClient),
            }
        ),
        observe_crews,
    )
    chatwoot = providers.Singleton(HttpChatwootClient, http_sessions, clock)

    webhooks = providers.Singleton(HttpWebhookClient, http_sessions, clock)

    ports = providers.Singleton(
        Ports,
        store=store,
        channels=stores.provided.channels,
        secrets=stores.provided.secrets,
        collections=stores.provided.collections,
        inbox=inbox,
        conversations=stores.provided.conversations,
        addresses=stores.provided.addresses,
        api_keys=stores.provided.api_keys,
        audit=stores.provided.audit,
        tenants=stores.provided.tenants,
        certificates=certificates,
        revoked_keys=revoked_keys,
        vault=vault,
        old_cipher=old_cipher,
        clock=clock,
        tokens=tokens,
        yaml=yaml,
        crews=in_process_crews,
        crew_client=crew_client,
        webhooks=webhooks,
        chatwoot=chatwoot,
        spool=spool,
    )
    policies = providers.Singleton(_policies, settings, clock)
    services = providers.Singleton(build_services, ports, policies)
