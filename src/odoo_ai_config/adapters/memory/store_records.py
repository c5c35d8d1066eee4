"""
Everything that a memory store keeps, record by record.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from itertools import chain, pairwise
from typing import Any, Final

from attrs import evolve, frozen

from odoo_ai_config.adapters.memory.state import KeptCollection, MemoryAdapter, MemoryState
from odoo_ai_config.application.ports.store_records import (
    PAGE_RECORDS,
    Record,
    RecordKind,
    RecordPage,
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
from odoo_ai_config.domain.credentials.secrets import SealedSecret
from odoo_ai_config.domain.messages.inbox import TEXT_PURPOSES


@frozen
class _Kind:
    """
    How the records of one kind are kept.

    Args:
        read: Makes all of them of the state.
        keep: Makes them the only ones.
        place: What names one.
    """

    read: Callable[[MemoryState], Iterable[Any]]
    keep: Callable[[MemoryState, list[Any]], None]
    place: Callable[[Any], Hashable]

    def records(self, state: MemoryState) -> dict[Hashable, Any]:
        return {self.place(record): record for record in self.read(state)}


class MemoryStoreRecords(MemoryAdapter, StoreRecords):
    """
    Makes the records of what is kept, and what is kept of records.
    """

    async def page(self, kind: RecordKind, start: object | None = None) -> RecordPage:
        # What is left goes along, so that removing what was read skips nothing.
        left = list(start) if isinstance(start, list) else list(_KINDS[kind].read(self.state))
        return RecordPage(left[:PAGE_RECORDS], left[PAGE_RECORDS:] or None)

    async def find(self, kind: RecordKind, records: Sequence[Record]) -> Sequence[Record | None]:
        known = _KINDS[kind].records(self.state)
        return [known.get(_KINDS[kind].place(record)) for record in records]

    async def put(self, kind: RecordKind, records: Sequence[Record]) -> None:
        known = _KINDS[kind].records(self.state)
        known |= {_KINDS[kind].place(record): record for record in records}
        _KINDS[kind].keep(self.state, list(known.values()))

    async def remove(self, kind: RecordKind, records: Sequence[Record]) -> None:
        known = {} if kind is RecordKind.PENDING_AUDIT else _KINDS[kind].records(self.state)
        for record in records:
            known.pop(_KINDS[kind].place(record), None)
        _KINDS[kind].keep(self.state, list(known.values()))

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[StoreRecords]:
        yield MemoryStoreRecords(deepcopy(self.state))

    async def finish(self) -> None:
        self._state.require_presence()


def _kept_in(name: str, place: Callable[[Any], Hashable]) -> _Kind:
    """
    Records that a dictionary of the state has by their places.
    """

    def keep(state: MemoryState, records: list[Any]) -> None:
        setattr(state, name, {place(record): record for record in records})

    return _Kind(lambda state: getattr(state, name).values(), keep, place)


def _keep_keys(state: MemoryState, records: list[Any]) -> None:
    state.keys = {one.tenant: list(one.keys) for one in records}


def _keep_secrets(state: MemoryState, records: list[Any], *, texts: bool = False) -> None:
    others = [one for one in state.secrets.values() if _is_text(one) != texts]
    state.secrets = {(one.context, one.fingerprint): one for one in [*others, *records]}


def _is_text(secret: SealedSecret) -> bool:
    return secret.context.purpose in TEXT_PURPOSES


def _keep_revisions(state: MemoryState, records: list[Any]) -> None:
    state.histories = {}
    for revision in sorted(records, key=lambda one: one.version):
        state.histories.setdefault(revision.key, []).append(revision)


def _replaced(state: MemoryState) -> list[ReplacedMapping]:
    return [
        ReplacedMapping(old, lost=old.mapping.owner.tenant != new.mapping.owner.tenant)
        for history in state.mapping_histories.values()
        for old, new in pairwise(history)
    ]


def _keep_mappings(state: MemoryState, records: Sequence[Any]) -> None:
    _keep_channels(state, [*(one.revision for one in _replaced(state)), *records])


def _keep_replaced(state: MemoryState, records: Sequence[Any]) -> None:
    _keep_channels(state, [*(one.revision for one in records), *state.mappings.values()])


def _keep_channels(state: MemoryState, revisions: list[MappingRevision]) -> None:
    state.mapping_histories = {}
    for revision in sorted(revisions, key=lambda one: one.version):
        state.mapping_histories.setdefault(revision.mapping.key, []).append(revision)
    state.routing = RoutingTable.of(state.mappings.values())


def _keep_heads(state: MemoryState, records: list[Any]) -> None:
    before = state.collections
    state.collections = {
        head.key: evolve(before.get(head.key) or KeptCollection(head), head=head)
        for head in records
    }


def _items(state: MemoryState) -> list[StoredItem]:
    return [
        StoredItem(key, one, kept.removed_at.get(one.id))
        for key, kept in state.collections.items()
        for one in kept.states.values()
    ]


def _keep_items(state: MemoryState, records: list[Any]) -> None:
    for kept in state.collections.values():
        kept.states, kept.removed_at = {}, {}
    for item in records:
        kept = state.collections[item.collection]
        kept.states[item.state.id] = item.state
        if item.removed_at is not None:
            kept.removed_at[item.state.id] = item.removed_at


def _messages(state: MemoryState) -> list[StoredMessage]:
    texts = state.secrets
    return [
        StoredMessage(one, tuple(texts[place] for place in places_of_texts(one) if place in texts))
        for one in state.messages.values()
    ]


def _keep_messages(state: MemoryState, records: list[Any]) -> None:
    state.messages = {stored.message.id: stored.message for stored in records}
    _keep_secrets(state, [text for stored in records for text in stored.texts], texts=True)


def _keep_trail(state: MemoryState, records: list[Any]) -> None:
    state.trail = sorted(records, key=lambda linked: linked.number)


def _end(state: MemoryState) -> list[StoredEnd]:
    return [] if state.voucher is None else [StoredEnd(state.trail_end, state.voucher)]


def _keep_end(state: MemoryState, records: list[Any]) -> None:
    state.voucher = records[0].voucher if records else None


def _keep_pending(state: MemoryState, records: list[Any]) -> None:
    state.audit, state.audit_of_revisions = records, []


_KINDS: Final[Mapping[RecordKind, _Kind]] = {
    RecordKind.API_KEYS: _kept_in("api_keys", lambda key: key.id),
    RecordKind.ADDRESSES: _kept_in("addresses", lambda address: address.id),
    RecordKind.TENANT_KEYS: _Kind(
        lambda state: [TenantKeys(tenant, tuple(keys)) for tenant, keys in state.keys.items()],
        _keep_keys,
        lambda keys: keys.tenant,
    ),
    RecordKind.TENANT_STATES: _kept_in("tenant_states", lambda state: state.tenant),
    RecordKind.SECRETS: _Kind(
        lambda state: [one for one in state.secrets.values() if not _is_text(one)],
        _keep_secrets,
        lambda secret: (secret.context, secret.fingerprint),
    ),
    RecordKind.REVISIONS: _Kind(
        lambda state: chain(*state.histories.values()),
        _keep_revisions,
        lambda revision: (revision.key, revision.version),
    ),
    RecordKind.MAPPINGS: _Kind(
        lambda state: state.mappings.values(), _keep_mappings, lambda one: one.mapping.key
    ),
    RecordKind.REPLACED_MAPPINGS: _Kind(
        _replaced,
        _keep_replaced,
        lambda replaced: (replaced.revision.mapping.key, replaced.revision.version),
    ),
    RecordKind.COLLECTIONS: _Kind(
        lambda state: [kept.head for kept in state.collections.values()],
        _keep_heads,
        lambda head: head.key,
    ),
    RecordKind.ITEMS: _Kind(_items, _keep_items, lambda item: (item.collection, item.state.id)),
    RecordKind.CONVERSATIONS: _kept_in("conversations", lambda conversation: conversation.key),
    RecordKind.MESSAGES: _Kind(_messages, _keep_messages, lambda stored: stored.message.id),
    RecordKind.REQUESTS: _kept_in("idempotency_records", lambda record: record.claim.id),
    RecordKind.AUDIT: _Kind(lambda state: state.trail, _keep_trail, lambda linked: linked.number),
    RecordKind.AUDIT_END: _Kind(_end, _keep_end, lambda _: None),
    # Two may be equal.
    RecordKind.PENDING_AUDIT: _Kind(
        lambda state: [*state.audit_of_revisions, *state.audit], _keep_pending, id
    ),
}
