"""
Everything that a memory store keeps, record by record.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from itertools import pairwise
from typing import Any, Final, TypeAlias

from attrs import frozen

from odoo_ai_config.adapters.memory.state import KeptCollection, MemoryAdapter, MemoryState
from odoo_ai_config.application.ports.store_records import (
    PAGE_RECORDS,
    PendingEntry,
    Record,
    RecordKind,
    RecordPage,
    RecordReader,
    ReplacedMapping,
    StoredEnd,
    StoredItem,
    StoredMessage,
    StoreRecords,
    TenantKeys,
    places_of_texts,
)
from odoo_ai_config.domain.channels.mapping import MappingRevision
from odoo_ai_config.domain.channels.routing import RoutingTable
from odoo_ai_config.domain.messages.inbox import TEXT_PURPOSES, InboxMessage

# The place of a record among those of its kind.
_PLACES: Final[Mapping[RecordKind, Callable[[Any], Hashable]]] = {
    RecordKind.API_KEYS: lambda key: key.id,
    RecordKind.ADDRESSES: lambda address: address.id,
    RecordKind.TENANT_KEYS: lambda keys: keys.tenant,
    RecordKind.TENANT_STATES: lambda state: state.tenant,
    RecordKind.SECRETS: lambda secret: (secret.context, secret.fingerprint),
    RecordKind.REVISIONS: lambda revision: (revision.key, revision.version),
    RecordKind.MAPPINGS: lambda revision: revision.mapping.key,
    RecordKind.REPLACED_MAPPINGS: lambda replaced: (
        replaced.revision.mapping.key,
        replaced.revision.version,
    ),
    RecordKind.COLLECTIONS: lambda head: head.key,
    RecordKind.ITEMS: lambda item: (item.collection, item.state.id),
    RecordKind.CONVERSATIONS: lambda conversation: conversation.key,
    RecordKind.MESSAGES: lambda stored: stored.message.id,
    RecordKind.REQUESTS: lambda record: record.claim.id,
    RecordKind.AUDIT: lambda linked: linked.number,
    RecordKind.AUDIT_END: lambda _: None,
    # Equal ones may follow each other.
    RecordKind.PENDING_AUDIT: lambda pending: id(pending.entry),
}
_Records: TypeAlias = dict[Any, Any]


@frozen(eq=False)
class _MemoryRecordReader(RecordReader):
    _state: MemoryState

    async def page(self, kind: RecordKind, start: object | None = None) -> RecordPage:
        # What is left goes along, so that removing what was read skips nothing.
        left = list(start) if isinstance(start, list) else _READS[kind](self._state)
        return RecordPage(left[:PAGE_RECORDS], left[PAGE_RECORDS:] or None)


class MemoryStoreRecords(MemoryAdapter, StoreRecords):
    """
    Makes the records of what is kept, and what is kept of records.
    """

    async def page(self, kind: RecordKind, start: object | None = None) -> RecordPage:
        return await _MemoryRecordReader(self.state).page(kind, start)

    async def find(self, kind: RecordKind, records: Sequence[Record]) -> Sequence[Record | None]:
        known = _records_of(self.state, kind)
        return [known.get(_PLACES[kind](record)) for record in records]

    async def put(self, kind: RecordKind, records: Sequence[Record]) -> None:
        known = _records_of(self.state, kind)
        for record in records:
            known[_PLACES[kind](record)] = record
        _KEEPS[kind](self.state, known)

    async def remove(self, kind: RecordKind, records: Sequence[Record]) -> None:
        known = _records_of(self.state, kind)
        for record in records:
            known.pop(_PLACES[kind](record), None)
        _KEEPS[kind](self.state, known)

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[RecordReader]:
        yield _MemoryRecordReader(deepcopy(self.state))

    async def finish(self) -> None:
        self._state.require_presence()


def _records_of(state: MemoryState, kind: RecordKind) -> _Records:
    return {_PLACES[kind](record): record for record in _READS[kind](state)}


def _replaced(history: Sequence[MappingRevision]) -> list[ReplacedMapping]:
    return [
        ReplacedMapping(old, lost=old.mapping.owner.tenant != new.mapping.owner.tenant)
        for old, new in pairwise(history)
    ]


def _stored(state: MemoryState, message: InboxMessage) -> StoredMessage:
    texts = (state.secrets.get(place) for place in places_of_texts(message))
    return StoredMessage(message, tuple(text for text in texts if text is not None))


_READS: Final[Mapping[RecordKind, Callable[[MemoryState], Sequence[Record]]]] = {
    RecordKind.API_KEYS: lambda state: list(state.api_keys.values()),
    RecordKind.ADDRESSES: lambda state: list(state.addresses.values()),
    RecordKind.TENANT_KEYS: lambda state: [
        TenantKeys(tenant, tuple(keys)) for tenant, keys in state.keys.items()
    ],
    RecordKind.TENANT_STATES: lambda state: list(state.tenant_states.values()),
    RecordKind.SECRETS: lambda state: [
        secret for secret in state.secrets.values() if secret.context.purpose not in TEXT_PURPOSES
    ],
    RecordKind.REVISIONS: lambda state: [
        revision for history in state.histories.values() for revision in history
    ],
    RecordKind.MAPPINGS: lambda state: list(state.mappings.values()),
    RecordKind.REPLACED_MAPPINGS: lambda state: [
        one for history in state.mapping_histories.values() for one in _replaced(history)
    ],
    RecordKind.COLLECTIONS: lambda state: [kept.head for kept in state.collections.values()],
    RecordKind.ITEMS: lambda state: [
        StoredItem(key, one, kept.removed_at.get(one.id))
        for key, kept in state.collections.items()
        for one in kept.states.values()
    ],
    RecordKind.CONVERSATIONS: lambda state: list(state.conversations.values()),
    RecordKind.MESSAGES: lambda state: [
        _stored(state, message) for message in state.messages.values()
    ],
    RecordKind.REQUESTS: lambda state: list(state.idempotency_records.values()),
    RecordKind.AUDIT: lambda state: state.trail,
    RecordKind.AUDIT_END: lambda state: (
        [] if state.voucher is None else [StoredEnd(state.trail_end, state.voucher)]
    ),
    RecordKind.PENDING_AUDIT: lambda state: [
        PendingEntry(entry) for entry in (*state.audit_of_revisions, *state.audit)
    ],
}


def _kept_as(name: str) -> Callable[[MemoryState, _Records], None]:
    return lambda state, known: setattr(state, name, known)


def _keep_keys(state: MemoryState, known: _Records) -> None:
    state.keys = {one.tenant: list(one.keys) for one in known.values()}


def _keep_secrets(state: MemoryState, known: _Records) -> None:
    state.secrets = {
        place: secret
        for place, secret in state.secrets.items()
        if place[0].purpose in TEXT_PURPOSES
    } | known


def _keep_revisions(state: MemoryState, known: _Records) -> None:
    state.histories = {}
    for revision in sorted(known.values(), key=lambda one: one.version):
        state.histories.setdefault(revision.key, []).append(revision)


def _keep_newest_mappings(state: MemoryState, known: _Records) -> None:
    replaced = [one for history in state.mapping_histories.values() for one in history[:-1]]
    _keep_mappings(state, [*replaced, *known.values()])


def _keep_replaced_mappings(state: MemoryState, known: _Records) -> None:
    replaced = [one.revision for one in known.values()]
    _keep_mappings(state, [*replaced, *state.mappings.values()])


def _keep_mappings(state: MemoryState, revisions: Sequence[MappingRevision]) -> None:
    state.mapping_histories = {}
    for revision in sorted(revisions, key=lambda one: one.version):
        state.mapping_histories.setdefault(revision.mapping.key, []).append(revision)
    state.routing = RoutingTable.of(state.mappings.values())


def _keep_heads(state: MemoryState, known: _Records) -> None:
    before = state.collections
    state.collections = {key: KeptCollection(head) for key, head in known.items()}
    for key, kept in state.collections.items():
        if key in before:
            kept.states, kept.removed_at = before[key].states, before[key].removed_at


def _keep_items(state: MemoryState, known: _Records) -> None:
    for kept in state.collections.values():
        kept.states, kept.removed_at = {}, {}
    for item in known.values():
        kept = state.collections[item.collection]
        kept.states[item.state.id] = item.state
        if item.removed_at is not None:
            kept.removed_at[item.state.id] = item.removed_at


def _keep_messages(state: MemoryState, known: _Records) -> None:
    state.messages = {id_: stored.message for id_, stored in known.items()}
    credentials = {
        place: secret
        for place, secret in state.secrets.items()
        if place[0].purpose not in TEXT_PURPOSES
    }
    state.secrets = credentials | {
        (text.context, text.fingerprint): text
        for stored in known.values()
        for text in stored.texts
    }


def _keep_audit(state: MemoryState, known: _Records) -> None:
    state.trail = sorted(known.values(), key=lambda linked: linked.number)


def _keep_audit_end(state: MemoryState, known: _Records) -> None:
    state.voucher = known[None].voucher if known else None


def _keep_pending_audit(state: MemoryState, known: _Records) -> None:
    state.audit = [pending.entry for pending in known.values()]
    state.audit_of_revisions = []


# Makes the given records those of a kind.
_KEEPS: Final[Mapping[RecordKind, Callable[[MemoryState, _Records], None]]] = {
    RecordKind.API_KEYS: _kept_as("api_keys"),
    RecordKind.ADDRESSES: _kept_as("addresses"),
    RecordKind.TENANT_KEYS: _keep_keys,
    RecordKind.TENANT_STATES: _kept_as("tenant_states"),
    RecordKind.SECRETS: _keep_secrets,
    RecordKind.REVISIONS: _keep_revisions,
    RecordKind.MAPPINGS: _keep_newest_mappings,
    RecordKind.REPLACED_MAPPINGS: _keep_replaced_mappings,
    RecordKind.COLLECTIONS: _keep_heads,
    RecordKind.ITEMS: _keep_items,
    RecordKind.CONVERSATIONS: _kept_as("conversations"),
    RecordKind.MESSAGES: _keep_messages,
    RecordKind.REQUESTS: _kept_as("idempotency_records"),
    RecordKind.AUDIT: _keep_audit,
    RecordKind.AUDIT_END: _keep_audit_end,
    RecordKind.PENDING_AUDIT: _keep_pending_audit,
}
