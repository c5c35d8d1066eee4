"""
Everything that can be read from stores, as one value to compare two moments.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from attrs import frozen

from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.addresses import Address
from odoo_ai_config.domain.changes import AuditEntry, Changeset, IdempotencyRecord
from odoo_ai_config.domain.channels.history import MappingChange
from odoo_ai_config.domain.channels.mapping import MappingRevision
from odoo_ai_config.domain.collections import CollectionPage, Position
from odoo_ai_config.domain.conversations.state import Conversation
from odoo_ai_config.domain.credentials.secrets import SealedSecret, TenantKey
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import InboxMessage, Stage
from odoo_ai_config.domain.tenants import Standing, TenantState
from tests.contract.stores import Stores
from tests.trail import trail

T = TypeVar("T")


@frozen
class Snapshot:
    tenants: list[TenantId]
    documents: list[Revision]
    history: list[Revision]
    mappings: list[MappingRevision]
    mapping_history: list[MappingChange]
    idempotency_records: list[IdempotencyRecord]
    active_keys: list[TenantKey]
    keys: list[TenantKey]
    masters: dict[str, int]
    secrets: list[SealedSecret]
    messages: list[InboxMessage]
    conversations: list[Conversation]
    collections: list[CollectionPage]
    audit: list[AuditEntry]
    api_keys: list[ApiKey]
    addresses: list[Address]
    tenant_states: list[TenantState]


async def snapshot_of(stores: Stores, *changesets: Changeset) -> Snapshot:
    """
    The content of *stores* for everything in *changesets*, and everything that can be listed.
    """
    revisions = [new for changes in changesets for new in changes.revisions]
    secrets = [new for changes in changesets for new in changes.secrets]
    named_keys = [
        key
        for changes in changesets
        for key in (changes.new_tenant_key, changes.sealed_under)
        if key is not None
    ]
    tenants = sorted(
        {new.key.tenant for new in revisions}
        | {key.tenant for key in named_keys}
        | {new.context.tenant for new in secrets}
    )
    histories = [
        await stores.config.history(key, limit=1000)
        for key in sorted({new.key for new in revisions})
    ]
    return Snapshot(
        tenants=list(await stores.config.tenants(limit=1000)),
        documents=[new for tenant in tenants for new in await stores.config.documents(tenant)],
        history=[new for history in histories for new in history],
        mappings=list(await stores.channels.mappings()),
        mapping_history=list(await stores.channels.history(limit=10_000)),
        idempotency_records=_present(
            [
                await stores.config.idempotency_record(changes.idempotency_record.claim.id)
                for changes in changesets
                if changes.idempotency_record is not None
            ]
        ),
        active_keys=_present([await stores.secrets.active_key(tenant) for tenant in tenants]),
        keys=_present(
            [await stores.secrets.tenant_key(key.tenant, key.key_id) for key in named_keys]
        ),
        masters=dict(await stores.secrets.master_ids()),
        secrets=_present(
            [await stores.secrets.sealed(new.context, new.fingerprint) for new in secrets]
        ),
        messages=list(await stores.inbox.page(list(Stage), limit=1000)),
        conversations=list(await stores.conversations.page(limit=1000)),
        collections=_present(
            [
                await stores.collections.page(change.head.key, Position(0, 0), limit=1000)
                for changes in changesets
                for change in changes.collections
            ]
        ),
        audit=sorted(await trail(stores.audit), key=repr),
        api_keys=list(await stores.api_keys.api_keys()),
        addresses=list(await stores.addresses.addresses(limit=1000)),
        tenant_states=list(await stores.tenants.states(set(Standing), limit=1000)),
    )


def _present(found: Iterable[T | None]) -> list[T]:
    return [one for one in found if one is not None]
