"""
What all stores of one process keep, and the one place where a changeset goes into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias

from attrs import define, evolve, field

from odoo_ai_config.application.errors import (
    DeliveryRecordedError,
    MessageRecordedError,
    StoreUnavailableError,
    TenantKeyChangedError,
)
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.changes import AuditEntry, AuditId, Changeset, Delivery, DeliveryId
from odoo_ai_config.domain.channels.mapping import ChannelKey, MappingRevision
from odoo_ai_config.domain.channels.routing import RoutingTable
from odoo_ai_config.domain.collections import (
    CollectionChange,
    CollectionHead,
    CollectionKey,
    ItemState,
)
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    TenantKey,
)
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.identifiers import DocumentKey, TenantId
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId, Origin

_Versioned: TypeAlias = DocumentKey | ChannelKey | CollectionKey | MessageId


@define
class KeptCollection:
    """
    A collection with what is there and with the traces of what was.

    Args:
        removed_at: When each item went that left a trace.
    """

    head: CollectionHead
    states: dict[str, ItemState] = field(factory=dict)
    removed_at: dict[str, datetime] = field(factory=dict)

    def take(self, change: CollectionChange) -> None:
        """
        Become what *change* makes of it.
        """
        version, at = change.head.version, change.head.updated_at
        self.head = evolve(change.head, floor=self.head.floor)
        for item in change.items:
            self.states[item.id] = ItemState(item.id, version, item)
            self.removed_at.pop(item.id, None)
        for id_ in change.removed:
            self.states[id_] = ItemState(id_, version, None)
            self.removed_at[id_] = at


@define
class MemoryState:
    """
    The content of a memory store; every adapter over one state sees the same.

    Nothing here awaits, so that each call is atomic on its event loop.

    Args:
        away: Set it to rehearse an outage.
        histories: Revisions by document, oldest first; never empty.
        keys: Data keys by tenant, the active one last; never empty.
        messages: In the order in which they were received.
    """

    away: bool = False
    histories: dict[DocumentKey, list[Revision]] = field(factory=dict)
    mappings: dict[ChannelKey, MappingRevision] = field(factory=dict)
    routing: RoutingTable = field(factory=RoutingTable)
    keys: dict[TenantId, list[TenantKey]] = field(factory=dict)
    secrets: dict[tuple[SealContext, Fingerprint], SealedSecret] = field(factory=dict)
    collections: dict[CollectionKey, KeptCollection] = field(factory=dict)
    messages: dict[MessageId, InboxMessage] = field(factory=dict)
    deliveries: dict[DeliveryId, Delivery] = field(factory=dict)
    audit: list[AuditEntry] = field(factory=list)
    api_keys: dict[str, ApiKey] = field(factory=dict)

    def require_presence(self) -> None:
        """
        Refuse to answer during a rehearsed outage.

        Raises:
            StoreUnavailableError: There is one.
        """
        if self.away:
            raise StoreUnavailableError

    def holds_key(self, tenant: TenantId, key_id: str) -> bool:
        """
        Whether *tenant* has a data key of this id.
        """
        return any(key.key_id == key_id for key in self.keys.get(tenant, ()))

    def received(self, origin: Origin) -> Iterator[MessageId]:
        """
        The messages that are the same as the one that *origin* is of.
        """
        marks = set(origin.marks)
        return (
            message.id
            for message in self.messages.values()
            if not marks.isdisjoint(message.origin.marks)
        )

    def apply(self, changeset: Changeset) -> None:
        """
        Take in *changeset* as a whole or refuse it as a whole: all checks, then all writes.
        """
        self._check(changeset)
        for revision in changeset.revisions:
            self.histories.setdefault(revision.key, []).append(revision)
        for mapped in changeset.mappings:
            self.mappings[mapped.mapping.key] = mapped
            self.routing.put(mapped.mapping)
        if changeset.new_tenant_key is not None:
            self.keys[changeset.new_tenant_key.tenant] = [changeset.new_tenant_key]
        for secret in changeset.secrets:
            self.secrets.setdefault((secret.context, secret.fingerprint), secret)
        for change in changeset.collections:
            kept = self.collections.setdefault(change.head.key, KeptCollection(change.head))
            kept.take(change)
        self.messages |= {message.id: message for message in changeset.messages}
        if changeset.delivery is not None:
            self.deliveries[changeset.delivery.claim.id] = _unaliased(changeset.delivery)
        for entry in changeset.audit:
            self.audit.append(evolve(entry, id=AuditId(str(len(self.audit)))))
        self.api_keys |= {key.id: key for key in changeset.api_keys}

    def _check(self, changeset: Changeset) -> None:
        delivery = changeset.delivery
        if delivery is not None and delivery.claim.id in self.deliveries:
            raise DeliveryRecordedError
        new, under = changeset.new_tenant_key, changeset.sealed_under
        if new is not None and new.tenant in self.keys:
            raise TenantKeyChangedError
        if under is not None and under != new and not self.holds_key(under.tenant, under.key_id):
            raise TenantKeyChangedError
        marks: set[str] = set()
        for message in changeset.messages:
            if message.revision == 1:
                if any(self.received(message.origin)) or not marks.isdisjoint(
                    message.origin.marks
                ):
                    raise MessageRecordedError
                marks.update(message.origin.marks)
        claim = changeset.claim
        if claim is not None and self.routing.rivals_of(claim).dispute(claim):
            raise RevisionConflictError
        self._check_versions(changeset)

    def _check_versions(self, changeset: Changeset) -> None:
        # A changeset may hold several revisions of one document, each succeeding the last.
        latest: dict[_Versioned, int] = {}
        for revision in changeset.revisions:
            before = (
                self.histories[revision.key][-1].version if revision.key in self.histories else 0
            )
            _advance(latest, revision.key, before, revision.version)
        for mapped in changeset.mappings:
            key = mapped.mapping.key
            before = self.mappings[key].version if key in self.mappings else 0
            _advance(latest, key, before, mapped.version)
        for change in changeset.collections:
            head = change.head
            kept = self.collections.get(head.key)
            _advance(latest, head.key, 0 if kept is None else kept.head.version, head.version)
        for message in changeset.messages:
            before = self.messages[message.id].revision if message.id in self.messages else 0
            _advance(latest, message.id, before, message.revision)

    def _check_receipts(self, received: list[InboxMessage]) -> None:
        marks = [mark for message in received for mark in message.origin.marks]
        twice = len(set(marks)) < len(marks)
        if twice or any(any(self.received(message.origin)) for message in received):
            raise MessageRecordedError


def _advance(latest: dict[_Versioned, int], key: _Versioned, stored: int, version: int) -> None:
    if version != latest.get(key, stored) + 1:
        raise RevisionConflictError
    latest[key] = version


def _unaliased(delivery: Delivery) -> Delivery:
    # The caller may still have the dictionaries in hand that the outcome was made of.
    outcome = delivery.outcome
    copied = evolve(outcome, versions=dict(outcome.versions), digests=dict(outcome.digests))
    return evolve(delivery, outcome=copied)
