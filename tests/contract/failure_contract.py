"""
The behaviour of every store while its driver fails, and afterwards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import ClassVar

import pytest
from attrs import fields

from odoo_ai_config.application.errors import StoreFailure, StoreUnavailableError
from odoo_ai_config.application.ports.address_store import AddressStore
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.collection_store import CollectionStore
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.conversation_store import ConversationStore
from odoo_ai_config.application.ports.message_inbox import ClaimLimits, MessageInbox
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.store_records import RecordKind, StoreRecords
from odoo_ai_config.application.ports.tenant_store import TenantStore
from odoo_ai_config.domain.audit import Voucher
from odoo_ai_config.domain.changes import Changeset, IdempotencyKey
from odoo_ai_config.domain.channels.mapping import ChannelClaim
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.collections import Position
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.identifiers import CONFIG, BusinessArea, ChatwootId, TenantId
from odoo_ai_config.domain.messages.inbox import Stage
from odoo_ai_config.domain.tenants import Standing
from tests.contract.samples import (
    AT,
    DAY,
    address,
    api_key,
    collection_key,
    everything,
    key,
    mapping,
    message,
    owner,
    request_record,
    revision,
    secret,
    sighting,
    tenant_key,
)
from tests.contract.snapshot import snapshot_of
from tests.contract.stores import Outage, StoreContract, Stores

ACME = TenantId("acme")
PORTS: dict[str, type] = {
    "config": ConfigStore,
    "channels": ChannelDirectory,
    "collections": CollectionStore,
    "secrets": SecretStore,
    "inbox": MessageInbox,
    "conversations": ConversationStore,
    "addresses": AddressStore,
    "api_keys": ApiKeyStore,
    "audit": AuditLog,
    "tenants": TenantStore,
    "records": StoreRecords,
}
MESSAGE = IncomingMessage(ChatwootId("1"), ChatwootId("1"), "5511987654321")
OLD, NEW = tenant_key(), tenant_key(key_id="k2")


async def within(stores: Stores, prepared: AbstractAsyncContextManager[object]) -> None:
    async with prepared:
        await stores.config.current([key()])


async def at_a_moment(stores: Stores) -> None:
    async with stores.records.moment() as reader:
        await reader.page(RecordKind.AUDIT)


CALLS: dict[str, Callable[[Stores], Awaitable[object]]] = {
    "config.current": lambda stores: stores.config.current([key()]),
    "config.revision": lambda stores: stores.config.revision(key(), 1),
    "config.history": lambda stores: stores.config.history(key()),
    "config.documents": lambda stores: stores.config.documents(ACME, BusinessArea()),
    "config.documents_of": lambda stores: stores.config.documents_of([ACME], [CONFIG]),
    "config.tenants": lambda stores: stores.config.tenants(),
    "config.spellings": lambda stores: stores.config.spellings(ACME),
    "config.keys": lambda stores: stores.config.keys(),
    "config.retentions": lambda stores: stores.config.retentions(),
    "config.rewrite": lambda stores: stores.config.rewrite(revision(), Document.of({})),
    "config.idempotency_record": lambda stores: stores.config.idempotency_record(
        IdempotencyKey("caller", "d1")
    ),
    "config.prune": lambda stores: stores.config.prune(RetentionPolicy(keep=1), now=AT),
    "config.check": lambda stores: stores.config.check(),
    "channels.current": lambda stores: stores.channels.current([mapping().mapping.key]),
    "channels.mappings": lambda stores: stores.channels.mappings(ACME),
    "channels.mappings_of": lambda stores: stores.channels.mappings_of([ACME]),
    "channels.tenants_in": lambda stores: stores.channels.tenants_in(ChatwootId("1"), limit=5),
    "channels.accounts": lambda stores: stores.channels.accounts(limit=5),
    "channels.rivals_of": lambda stores: stores.channels.rivals_of(
        ChannelClaim(ACME, ChatwootId("1"), numbers=frozenset({"12345678"}))
    ),
    "channels.table_for": lambda stores: stores.channels.table_for(MESSAGE),
    "channels.revision": lambda stores: stores.channels.revision(mapping().mapping.key, 1),
    "channels.history": lambda stores: stores.channels.history(),
    "channels.changed_since": lambda stores: stores.channels.changed_since(AT),
    "channels.at": lambda stores: stores.channels.at(AT, [mapping().mapping.key]),
    "collections.head": lambda stores: stores.collections.head(collection_key()),
    "collections.heads": lambda stores: stores.collections.heads(ACME),
    "collections.digests": lambda stores: stores.collections.digests(collection_key()),
    "collections.items": lambda stores: stores.collections.items(collection_key(), ["1"]),
    "collections.page": lambda stores: stores.collections.page(
        collection_key(), Position(0, 0), limit=5
    ),
    "secrets.active_key": lambda stores: stores.secrets.active_key(ACME),
    "secrets.active_keys": lambda stores: stores.secrets.active_keys(),
    "secrets.sealing_key": lambda stores: stores.secrets.sealing_key(ACME),
    "secrets.tenant_key": lambda stores: stores.secrets.tenant_key(ACME, "k1"),
    "secrets.keys_of": lambda stores: stores.secrets.keys_of(ACME),
    "secrets.sealed": lambda stores: stores.secrets.sealed(secret().context, secret().fingerprint),
    "secrets.stored_in": lambda stores: stores.secrets.stored_in(owner()),
    "secrets.master_ids": lambda stores: stores.secrets.master_ids(),
    "secrets.keys_not_wrapped_by": lambda stores: stores.secrets.keys_not_wrapped_by(
        "m2", limit=5
    ),
    "secrets.rewrap": lambda stores: stores.secrets.rewrap(OLD, tenant_key(master_id="m2")),
    "secrets.add_key": lambda stores: stores.secrets.add_key(NEW, successor_of=OLD),
    "secrets.secrets_not_sealed_by": lambda stores: stores.secrets.secrets_not_sealed_by(
        NEW, limit=5
    ),
    "secrets.reseal": lambda stores: stores.secrets.reseal(secret(), secret(key_id="k2")),
    "secrets.retire_keys": lambda stores: stores.secrets.retire_keys(OLD),
    "inbox.receiving": lambda stores: within(
        stores, stores.inbox.receiving(message().origin, MESSAGE, now=AT)
    ),
    "inbox.delivering": lambda stores: within(stores, stores.inbox.delivering(message(), now=AT)),
    "inbox.claim": lambda stores: stores.inbox.claim(
        ClaimLimits(total=5, per_tenant=5, in_hand={}), now=AT, until=AT + DAY
    ),
    "inbox.recall": lambda stores: stores.inbox.recall(now=AT),
    "inbox.next_due": lambda stores: stores.inbox.next_due(),
    "inbox.find": lambda stores: stores.inbox.find(message().id),
    "inbox.received": lambda stores: stores.inbox.received(message().origin),
    "inbox.page": lambda stores: stores.inbox.page(list(Stage), limit=5),
    "inbox.untold": lambda stores: stores.inbox.untold(AT, limit=5),
    "inbox.of_conversation": lambda stores: stores.inbox.of_conversation(sighting().key, limit=5),
    "inbox.answers_since": lambda stores: stores.inbox.answers_since(sighting().key, AT, limit=5),
    "inbox.of_persons": lambda stores: stores.inbox.of_persons([secret().fingerprint], limit=5),
    "inbox.unnamed": lambda stores: stores.inbox.unnamed(limit=5),
    "inbox.name": lambda stores: stores.inbox.name(message(), []),
    "inbox.census": lambda stores: stores.inbox.census(),
    "inbox.prune": lambda stores: stores.inbox.prune(before=AT),
    "conversations.find": lambda stores: stores.conversations.find(sighting().key),
    "conversations.page": lambda stores: stores.conversations.page(limit=5),
    "conversations.prune": lambda stores: stores.conversations.prune(before=AT),
    "addresses.address": lambda stores: stores.addresses.address("d1"),
    "addresses.addresses": lambda stores: stores.addresses.addresses(),
    "addresses.revoked_ids": lambda stores: stores.addresses.revoked_ids(),
    "api_keys.api_key": lambda stores: stores.api_keys.api_key("a1"),
    "api_keys.api_keys": lambda stores: stores.api_keys.api_keys(),
    "audit.entries": lambda stores: stores.audit.entries(),
    "audit.chain": lambda stores: stores.audit.chain(),
    "audit.end": lambda stores: stores.audit.end(),
    "audit.link": lambda stores: stores.audit.link(lambda end: Voucher("m", str(end))),
    "tenants.current": lambda stores: stores.tenants.current(ACME),
    "tenants.unusual": lambda stores: stores.tenants.unusual(),
    "tenants.remembered": lambda stores: stores.tenants.remembered(ACME),
    "tenants.states": lambda stores: stores.tenants.states(set(Standing)),
    "tenants.contents": lambda stores: stores.tenants.contents(ACME),
    "tenants.version": lambda stores: stores.tenants.version(ACME),
    "tenants.remove_some": lambda stores: stores.tenants.remove_some(ACME),
    "tenants.forget_number": lambda stores: stores.tenants.forget_number(ACME, "551187654321"),
    "tenants.scrub": lambda stores: stores.tenants.scrub(large=False),
    "records.page": lambda stores: stores.records.page(RecordKind.AUDIT),
    "records.find": lambda stores: stores.records.find(RecordKind.API_KEYS, [api_key("nobody")]),
    "records.put": lambda stores: stores.records.put(RecordKind.API_KEYS, [api_key("copied")]),
    "records.remove": lambda stores: stores.records.remove(
        RecordKind.ADDRESSES, [address("nobody")]
    ),
    "records.moment": at_a_moment,
    "records.finish": lambda stores: stores.records.finish(),
    # Last, because the others expect empty stores.
    "config.commit": lambda stores: stores.config.commit(everything()),
}
# Calls that succeed only once, in a form for the second time.
AGAIN: dict[str, Callable[[Stores], Awaitable[object]]] = CALLS | {
    "config.commit": lambda stores: stores.config.commit(
        Changeset(idempotency_record=request_record("d2"))
    ),
}


class FailureContract(StoreContract):
    """
    A subclass names the failure of its outage.
    """

    told_as: ClassVar[StoreFailure] = StoreFailure.AWAY

    def test_every_method_of_every_port_is_called(self) -> None:
        assert {field.name for field in fields(Stores)} == set(PORTS)
        assert set(CALLS) == {
            f"{name}.{method}"
            for name, port in PORTS.items()
            for method in dir(port)
            if getattr(getattr(port, method), "__isabstractmethod__", False)
        }

    async def test_every_method_says_that_the_store_is_away(
        self, stores: Stores, outage: Outage, subtests: pytest.Subtests
    ) -> None:
        for name, call in CALLS.items():
            with subtests.test(name):
                async with outage():
                    with pytest.raises(StoreUnavailableError) as caught:
                        await call(stores)
                assert caught.value.failure is self.told_as

    async def test_every_method_works_again_without_a_restart(
        self, stores: Stores, outage: Outage, subtests: pytest.Subtests
    ) -> None:
        for name, call in CALLS.items():
            with subtests.test(name):
                await call(stores)
                async with outage():
                    with pytest.raises(StoreUnavailableError):
                        await stores.config.check()
                await AGAIN[name](stores)

    async def test_what_was_written_survives_an_outage(
        self, stores: Stores, outage: Outage
    ) -> None:
        await stores.config.commit(everything())
        before = await snapshot_of(stores, everything())
        async with outage():
            with pytest.raises(StoreUnavailableError):
                await stores.config.commit(Changeset(revisions=(revision(version=2),)))
        assert await snapshot_of(stores, everything()) == before
        await stores.config.commit(Changeset(revisions=(revision(version=2),)))
        assert await stores.config.current([key()]) == {key(): revision(version=2)}

    async def test_error_tells_nothing_of_the_driver(self, stores: Stores, outage: Outage) -> None:
        async with outage():
            with pytest.raises(StoreUnavailableError) as caught:
                await stores.config.check()
        assert str(caught.value) == str(StoreUnavailableError())
